//! Trains the tagger of crate `mask` and writes `crates/mask/data/tagger.bin`.
//!
//! Texts are drawn from `crates/mask/data/training/templates.txt` with names and places of the lists there; half of the MTS-Dialog
//! note sections of `../shared` (those on even lines; CC BY 4.0) serve as paragraphs without identifiers where present. Sets of
//! marked documents are never read. The same seed and inputs give the same bytes.

mod draw;
mod learn;
mod pools;
mod texts;

use std::path::{Path, PathBuf};
use std::time::Instant;

use draw::Draw;
use learn::Learner;
use pools::Pools;
use texts::Templates;

const HELP: &str = "usage: cargo run --release -p xtask -- train-tagger [--seed N] [--texts N] [--epochs N]

  --seed N     of all that is drawn (default 20261130)
  --texts N    how many texts to make (default 120000)
  --epochs N   how often each is gone through (default 6)
";

struct Options {
    seed: u64,
    texts: usize,
    epochs: usize,
}

/// Runs the task.
///
/// # Errors
/// A message if an option is unknown or a file cannot be read or written.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut options = Options { seed: 20_261_130, texts: 120_000, epochs: 6 };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let number = |value: Option<&String>| value.and_then(|value| value.parse::<u64>().ok()).ok_or(HELP);
        match name.as_str() {
            "--seed" => options.seed = number(rest.next())?,
            "--texts" => options.texts = number(rest.next())? as usize,
            "--epochs" => options.epochs = number(rest.next())? as usize,
            _ => return Err(HELP.to_owned()),
        }
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mask/data");
    train(&data, &options)
}

fn train(data: &Path, options: &Options) -> Result<(), String> {
    let started = Instant::now();
    let read =
        |name: &str| std::fs::read_to_string(data.join(name)).map_err(|error| format!("{name}: {error}"));
    let carriers = carriers();
    let pools = Pools::read(
        &read("lexicon.txt")?,
        &read("training/people.txt")?,
        &read("training/streets.txt")?,
        carriers,
    );
    let templates = Templates::read(&read("training/templates.txt")?)?;
    println!("{} templates, {} paragraphs without identifiers", templates.count(), pools.carriers.len());
    let mut draw = Draw::new(options.seed);
    let mut learner = Learner::default();
    let mut tokens = 0;
    for _ in 0..options.texts {
        let text = templates.text(&pools, &mut draw);
        tokens += learner.take(&text, &mut draw);
    }
    println!("{} texts of {tokens} tokens in {:.0} s", options.texts, started.elapsed().as_secs_f64());
    for epoch in 1..=options.epochs {
        let wrong = learner.epoch(&mut draw);
        println!(
            "epoch {epoch}: {:.3} % of tokens wrong, {:.0} s",
            100.0 * wrong,
            started.elapsed().as_secs_f64()
        );
    }
    let bytes = learner.model().write();
    let path = data.join("tagger.bin");
    std::fs::write(&path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}

/// Note sections without names of persons, on even lines of the MTS-Dialog set: the others are kept for measuring.
fn carriers() -> Vec<String> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("WARD_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("corpus/phi/text/mts_dialog_sections.dev.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!(
            "no MTS-Dialog sections: training goes without them, and the weights will differ from those committed"
        );
        return Vec::new();
    };
    let text = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(value.get("text")?.as_str()?.trim().to_owned())
    };
    let named = |text: &str| {
        [
            "Dr.",
            "Mr.",
            "Ms.",
            "Mrs.",
            "Miss ",
            "Dr ",
            "Hospital",
            "Clinic",
            "Medical Center",
            " from ",
            " lives in ",
            "university",
            "University",
        ]
        .iter()
        .any(|title| text.contains(title))
    };
    lines.lines().step_by(2).filter_map(text).filter(|text| !named(text)).collect()
}
