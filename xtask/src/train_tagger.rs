//! Trains the tagger of crate `mask` and writes `crates/mask/data/tagger.bin`.
//!
//! Texts are drawn from `crates/mask/data/training/templates.txt` with names and places of the lists there, and from the notes of
//! `training/notes` with others in place of theirs; half of the MTS-Dialog
//! note sections of `../shared` (those on even lines; CC BY 4.0) serve as paragraphs without identifiers where present. Sets of
//! marked documents are never read. The same seed and inputs give the same bytes.

mod draw;
mod learn;
mod notes;
mod pools;
mod texts;

use std::path::{Path, PathBuf};
use std::time::Instant;

use draw::Draw;
use learn::Learner;
use notes::Notes;
use pools::Pools;
use texts::Templates;

/// Texts that are notes, of a hundred.
const NOTES_PERCENT: usize = 40;

const HELP: &str = "usage: cargo run --release -p xtask -- train-tagger [--seed N] [--texts N] [--epochs N]

  --seed N     of all that is drawn (default 20261130)
  --texts N    how many texts to make (default 240000)
  --epochs N   how often each is gone through (default 4)
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
    let mut options = Options { seed: 20_261_130, texts: 240_000, epochs: 4 };
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
    let notes = notes(&data.join("training/notes"))?;
    let (templates_count, notes_count, carriers_count) =
        (templates.count(), notes.count(), pools.carriers.len());
    println!(
        "{templates_count} templates, {notes_count} notes, {carriers_count} paragraphs without identifiers"
    );
    let mut draw = Draw::new(options.seed);
    let mut learner = Learner::default();
    let mut tokens = 0;
    for _ in 0..options.texts {
        let is_note = draw.percent(NOTES_PERCENT);
        let text = if is_note { notes.text(&pools, &mut draw) } else { templates.text(&pools, &mut draw) };
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

/// The marked notes of a folder, by the names of its files.
fn notes(folder: &Path) -> Result<Notes, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths =
        entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>, String>>()?;
    paths.sort();
    let mut notes = Notes::default();
    for path in paths {
        let source =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        notes.read(&source).map_err(|reason| format!("{}: {reason}", path.display()))?;
    }
    Ok(notes)
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
