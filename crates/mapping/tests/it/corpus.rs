//! Every HL7 v2 message of the shared corpus: no panic, a clear refusal or a sound result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use formats::hl7v2::batch::{Piece, split};
use formats::hl7v2::{ParseOptions, parse};
use mapping::hl7v2::map;

use crate::support::*;

fn shared() -> PathBuf {
    match std::env::var_os("WARD_SHARED") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if !matches!(path.extension().and_then(|end| end.to_str()), Some("json" | "xml" | "md")) {
            into.push(path);
        }
    }
}

#[test]
fn every_message_of_the_corpus_is_mapped_soundly_or_refused_clearly() {
    let folder = shared().join("corpus/hl7v2");
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    if paths.is_empty() {
        eprintln!("skipped: 1 corpus check, shared folder absent");
        return;
    }
    let source = source();
    let (mut messages, mut mapped_count, mut resources, mut leaves) = (0, 0, 0, [0_usize; 3]);
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    let mut unmapped: BTreeMap<String, u32> = BTreeMap::new();
    let mut broken = Vec::new();
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        for piece in split(&bytes) {
            let Piece::Message { bytes, .. } = piece else { continue };
            let Ok(parsed) = parse(bytes, &ParseOptions::default()) else { continue };
            messages += 1;
            let mapped = match map(&parsed.message, &source) {
                Ok(mapped) => mapped,
                Err(error) => {
                    *refused.entry(error.to_string()).or_default() += 1;
                    continue;
                }
            };
            mapped_count += 1;
            resources += mapped.intents.len();
            let name = path.file_name().unwrap().to_string_lossy();
            broken.extend(problems(&mapped).into_iter().map(|problem| format!("{name}: {problem}")));
            let report = &mapped.report;
            if report.leaves() != parsed.message.leaves().count() {
                broken.push(format!("{name}: a leaf is not accounted for"));
            }
            leaves = [
                leaves[0] + report.mapped.len(),
                leaves[1] + report.unmapped.len(),
                leaves[2] + report.ignored.len(),
            ];
            for entry in &report.unmapped {
                let place = format!(
                    "{}-{}.{}.{} {}",
                    entry.location.segment,
                    entry.location.field,
                    entry.location.component,
                    entry.location.subcomponent,
                    entry.reason
                );
                *unmapped.entry(place).or_default() += 1;
            }
            let again = map(&parsed.message, &source).unwrap();
            if mapping::bundle(&mapped).to_vec() != mapping::bundle(&again).to_vec() {
                broken.push(format!("{name}: two conversions differ"));
            }
            for intent in &mapped.intents {
                let mapping::Resolution::Put(first) = mapping::resolve(None, intent) else {
                    panic!("nothing put")
                };
                if mapping::resolve(Some(&first), intent) != mapping::Resolution::Unchanged {
                    broken.push(format!("{name}: {} changes when sent twice", intent.key().0));
                }
            }
        }
    }
    eprintln!("{messages} messages, {mapped_count} mapped to {resources} resources");
    eprintln!("leaves: {} mapped, {} unmapped, {} ignored", leaves[0], leaves[1], leaves[2]);
    for (reason, count) in &refused {
        eprintln!("{count:>5} refused: {reason}");
    }
    if std::env::var_os("WARD_VERBOSE").is_some() {
        let mut unmapped: Vec<_> = unmapped.into_iter().collect();
        unmapped.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (place, count) in unmapped.iter().take(150) {
            eprintln!("{count:>5} unmapped: {place}");
        }
    }
    broken.dedup();
    assert!(
        broken.is_empty(),
        "{} problems: {:#?}",
        broken.len(),
        broken.iter().take(60).collect::<Vec<_>>()
    );
}
