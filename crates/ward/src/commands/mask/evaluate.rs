//! `ward mask evaluate SET…`: strict recall, documents without a miss, what is hidden without need, and speed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use mask::evaluate::{Document, Report, Share, score};
use mask::{Ask, Engine, Known, Profile, Tier};

use super::{profile, tier};
use crate::failure::{During, Failure, Result};
use crate::output::{self, Format};

/// What `ward mask evaluate` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Files with a document a line: `{"text","spans":[{"start","end","label"}],"patient"}`, offsets in Unicode code points
    #[arg(required = true)]
    sets: Vec<PathBuf>,
    /// What counts: safe-harbor, limited-dataset, max-recall or search-safe
    #[arg(long, default_value = "safe-harbor", value_parser = profile)]
    profile: Profile,
    /// How much work: scan, full or record (with the documents' own `patient`)
    #[arg(long, default_value = "full", value_parser = tier)]
    tier: Tier,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const EACH_LINE: &str = "each line is a document: `{\"text\":…,\"spans\":[{\"start\",\"end\",\"label\"}]}`";

/// One set, scored.
struct Scored {
    name: String,
    report: Report,
    megabytes_a_second: f64,
}

/// Scores each set.
pub(super) fn run(arguments: &Arguments) -> Result {
    let engine = Engine::new();
    engine.warm_up();
    let scored: Vec<Scored> =
        arguments.sets.iter().map(|path| one(&engine, path, arguments)).collect::<Result<_>>()?;
    match arguments.format {
        Format::Json => {
            let all: Vec<_> = scored.iter().map(json).collect();
            say!("{}", serde_json::Value::from(all));
        }
        Format::Table => scored.iter().for_each(table),
    }
    Ok(())
}

fn one(engine: &Engine, path: &Path, arguments: &Arguments) -> Result<Scored> {
    let name = path.display();
    let text = std::fs::read_to_string(path).during(format!("`{name}` could not be read"))?;
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let documents: Vec<Document> = filled
        .map(|(index, line)| Document::read(line).during(format!("`{name}`: line {}", index + 1)))
        .collect::<Result<_>>()
        .map_err(|failure: Failure| failure.hint(EACH_LINE))?;
    if documents.is_empty() {
        return Err(Failure::new(format!("`{name}` holds no document")).hint(EACH_LINE));
    }
    let known: Vec<Option<Known>> =
        documents.iter().map(|document| document.patient.as_ref().map(Known::from_patient)).collect();
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let mut place = 0;
    let began = Instant::now();
    let report = score(&documents, |document| {
        let known = known.get(place).and_then(Option::as_ref);
        place += 1;
        engine.find(&document.text, &Ask { tier: arguments.tier, profile: arguments.profile, known })
    });
    let seconds = began.elapsed().as_secs_f64().max(1e-9);
    Ok(Scored { name: name.to_string(), report, megabytes_a_second: bytes as f64 / 1e6 / seconds })
}

fn rows(report: &Report) -> Vec<(String, Share)> {
    let mut rows: Vec<(String, Share)> =
        report.labels.iter().map(|(label, share)| (format!("recall of {label}"), *share)).collect();
    let all = report.labels.values().fold(Share::default(), |sum, share| Share {
        found: sum.found + share.found,
        total: sum.total + share.total,
    });
    rows.push(("recall".to_owned(), all));
    rows.push(("documents clean".to_owned(), report.documents_clean));
    rows.push(("character precision".to_owned(), report.precision));
    rows.push(("documents without identifiers touched".to_owned(), report.negatives_touched));
    rows.push(("their characters hidden".to_owned(), report.negatives_covered));
    rows.retain(|(_, share)| share.total > 0);
    rows
}

fn table(scored: &Scored) {
    say!("{}: {:.2} MB/s on one core", scored.name, scored.megabytes_a_second);
    let rows: Vec<Vec<String>> = rows(&scored.report)
        .into_iter()
        .map(|(name, share)| {
            vec![name, format!("{:.4}", share.ratio()), share.found.to_string(), share.total.to_string()]
        })
        .collect();
    output::table(&["measure", "share", "count", "of"], &rows);
}

fn json(scored: &Scored) -> serde_json::Value {
    let measures: serde_json::Map<String, serde_json::Value> = rows(&scored.report)
        .into_iter()
        .map(|(name, share)| {
            let figures =
                serde_json::json!({ "share": share.ratio(), "count": share.found, "of": share.total });
            (name, figures)
        })
        .collect();
    serde_json::json!({ "set": scored.name, "mb_per_second": scored.megabytes_a_second, "measures": measures })
}
