//! Replays the saved inputs of the fuzz targets, so that what fuzzing once found stays fixed.

use std::path::Path;

use crate::invariants::{check_fhir_json, check_fhirpath, check_search_query};

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 5, "the saved inputs of {target} are missing");
}

#[test]
fn the_saved_inputs_of_fhirpath_hold() {
    replay("fhirpath", check_fhirpath);
}

#[test]
fn the_saved_inputs_of_search_query_hold() {
    replay("search_query", check_search_query);
}

#[test]
fn the_saved_inputs_of_fhir_json_hold() {
    replay("fhir_json", check_fhir_json);
}
