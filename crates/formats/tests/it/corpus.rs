//! Public sample messages, where the shared folder is present.

use std::path::{Path, PathBuf};

use formats::hl7v2::batch::{Piece, split};
use formats::hl7v2::{ParseOptions, parse};

use crate::invariants::check_message;

fn shared() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("WARD_SHARED").map_or(beside, PathBuf::from)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let is_message = path.extension().is_some_and(|extension| extension == "hl7" || extension == "txt");
        if path.is_dir() {
            files(&path, found);
        } else if is_message {
            found.push(path);
        }
    }
}

#[test]
fn every_sample_message_is_read() {
    let mut paths = Vec::new();
    files(&shared().join("corpus/hl7v2"), &mut paths);
    paths.sort();
    if paths.is_empty() {
        eprintln!("skipped: 1 corpus check, shared folder absent");
        return;
    }
    let (mut messages, mut segments, mut leaves, mut problems) = (0, 0, 0, std::collections::BTreeMap::new());
    let mut refused = Vec::new();
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        for piece in split(&bytes) {
            let Piece::Message { bytes, offset } = piece else {
                *problems
                    .entry(format!("{piece:?}").chars().take_while(|c| c.is_alphabetic()).collect())
                    .or_insert(0) += 1;
                continue;
            };
            check_message(bytes);
            let parsed = match parse(bytes, &ParseOptions::default()) {
                Ok(parsed) => parsed,
                Err(error) => {
                    refused.push(format!("{}@{offset}: {error}", path.display()));
                    continue;
                }
            };
            messages += 1;
            segments += parsed.message.segments().count();
            leaves += parsed.message.leaves().count();
            for problem in &parsed.problems {
                *problems.entry(problem.kind.code().to_owned()).or_insert(0) += 1;
            }
        }
    }
    eprintln!(
        "{} files, {messages} messages, {segments} segments, {leaves} leaves, problems {problems:?}",
        paths.len()
    );
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(messages >= 400);
}
