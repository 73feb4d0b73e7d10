//! Foreign samples that lie outside the repository, in the folder `shared` beside it.

use std::io::Read;
use std::path::PathBuf;

/// The folder with the samples: `WARD_SHARED`, or `shared` beside the workspace. `None`, with a line that says so, if it is
/// absent; `checks` is how many checks are skipped then.
pub(crate) fn folder(checks: usize) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let folder = std::env::var_os("WARD_SHARED").map_or_else(beside, PathBuf::from).join("corpus/fhir");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {checks} corpus checks, shared folder absent");
    None
}

/// The lines of a gzipped NDJSON file of the folder.
pub(crate) fn lines(path: PathBuf) -> Vec<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// How many resources go through XML.
const THROUGH_XML: usize = 20_000;

/// Members in the order of their names, since XML has an order of its own.
fn sorted(value: fhir::json::Value) -> fhir::json::Value {
    use fhir::json::Value;
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[test]
fn real_bundles_come_back_from_xml_as_they_were() {
    use fhir::xml::{self, Layout};
    let Some(folder) = folder(THROUGH_XML) else { return };
    let limits = fhir::json::Limits { nodes_max: 8_000_000, bytes_max: 64 << 20, ..Default::default() };
    for line in lines(folder.join("smart-r4.bundles.ndjson.gz")).iter().step_by(8) {
        let value = fhir::json::parse(line.as_bytes(), &limits).unwrap();
        let written = xml::write(&value, Layout::Compact).unwrap();
        let back = xml::parse(&written, &limits).unwrap();
        assert_eq!(sorted(back), sorted(value));
    }
}
