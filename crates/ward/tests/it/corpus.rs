//! `ward ingest` over samples that others made: everything is dealt with, nothing twice, no reference leads nowhere.

use std::path::{Path, PathBuf};

use crate::support::{Folder, json, number};

/// A part of the samples that a debug build takes in well under a minute.
const SAMPLES: [&str; 7] = [
    "hl7v2/hapi-hl7v2",
    "hl7v2/hl7-v2-to-fhir",
    "hl7v2/linuxforhealth",
    "hl7v2/google-whistle",
    "fhir/plain",
    "fhir/stu3-to-r4-their-output",
    "fhir/smart-stu3.bundles.ndjson.gz",
];

/// The samples that are here; says how many are not.
fn samples() -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("WARD_SHARED").map_or_else(beside, PathBuf::from).join("corpus");
    let here: Vec<PathBuf> =
        SAMPLES.iter().map(|name| shared.join(name)).filter(|path| path.exists()).collect();
    if here.len() < SAMPLES.len() {
        eprintln!("skipped: {} corpus checks, shared folder absent", SAMPLES.len() - here.len());
    }
    here
}

/// Messages, committed, unchanged, quarantined.
fn ingest(folder: &Folder, samples: &[PathBuf]) -> [i64; 4] {
    let paths = samples.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["ingest", "--format", "json"].into_iter().chain(paths).collect();
    let said = folder.ward(&arguments).good();
    let last = json(said.lines().last().unwrap().as_bytes());
    let counts =
        ["messages", "committed", "unchanged", "quarantined"].map(|name| number(&last, name).unwrap());
    assert_eq!(number(&last, "failed"), Some(0), "{said}");
    assert_eq!(counts[0], counts[1] + counts[2] + counts[3], "{said}");
    counts
}

#[test]
fn samples_of_others_are_dealt_with_once_and_leave_no_reference_that_leads_nowhere() {
    let samples = samples();
    if samples.is_empty() {
        return;
    }
    let folder = Folder::new();
    let first = ingest(&folder, &samples);
    assert!(first[1] > 0 && first[3] > 0, "{first:?}");
    let second = ingest(&folder, &samples);
    assert_eq!(second, [first[0], 0, first[1] + first[2], first[3]], "a second run changes nothing");
    let verified = folder.ward(&["index", "verify"]);
    assert!(format!("{verified:?}").contains("0 references to resources that are not there"), "{verified:?}");
    verified.good();
}
