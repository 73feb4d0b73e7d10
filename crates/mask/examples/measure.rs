//! Scores the engine on sets of marked documents: `cargo run --release -p mask --example measure -- SET.jsonl… [--misses] [--extra]
//! [--tier scan|full|record] [--profile NAME]`. `--misses` prints what was not found, `--extra` what was found and not marked; use
//! them on synthetic sets only.

#![allow(clippy::print_stdout, reason = "an example speaks on its terminal")]

use std::error::Error;

use mask::evaluate::{Document, score};
use mask::{Ask, Engine, Known, Profile, Tier};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let value = |flag: &str| {
        arguments
            .windows(2)
            .find(|pair| pair.first().is_some_and(|name| name == flag))
            .and_then(|pair| pair.get(1))
    };
    let tier = match value("--tier").map(String::as_str) {
        Some("scan") => Tier::Scan,
        Some("record") => Tier::Record,
        _ => Tier::Full,
    };
    let profile = match value("--profile").map(String::as_str) {
        Some("max-recall") => Profile::MaxRecall,
        Some("search-safe") => Profile::SearchSafe,
        Some("limited-dataset") => Profile::LimitedDataset,
        _ => Profile::SafeHarbor,
    };
    let engine = Engine::new();
    for path in arguments.iter().filter(|argument| argument.ends_with("jsonl")) {
        let documents =
            std::fs::read_to_string(path)?.lines().map(Document::read).collect::<Result<Vec<_>, _>>()?;
        let find = |document: &Document| {
            let known = document.patient.as_ref().map(Known::from_patient);
            engine.find(&document.text, &Ask { tier, profile, known: known.as_ref() })
        };
        let report = score(&documents, find);
        println!("{path} ({tier:?})\n{report}");
        if has("--misses") {
            for miss in &report.misses {
                let Some(document) = documents.get(miss.document) else { continue };
                println!("MISS {} {}", miss.span.label, around(&document.text, &miss.span.range));
            }
        }
        if has("--extra") {
            for document in &documents {
                for entity in find(document) {
                    if !document.spans.iter().any(|span| {
                        span.range.start < entity.range.end && entity.range.start < span.range.end
                    }) {
                        println!(
                            "EXTRA {:?} {:?} {:.2} {}",
                            entity.kind,
                            entity.reason,
                            entity.score,
                            around(&document.text, &entity.range)
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

fn around(text: &str, range: &std::ops::Range<usize>) -> String {
    let from = text.floor_char_boundary(range.start.saturating_sub(50));
    let to = text.ceil_char_boundary((range.end + 40).min(text.len()));
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().replace('\n', "⏎");
    format!("{}<<{}>>{}", part(from..range.start), part(range.clone()), part(range.end..to))
}
