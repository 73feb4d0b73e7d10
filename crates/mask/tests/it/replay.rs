//! Replays the saved inputs of the fuzz targets, so that what fuzzing once found stays fixed.

use std::path::Path;

use proptest::prelude::*;

use crate::invariants::{check_record, check_text};
use crate::support::cases;

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
fn the_saved_inputs_of_mask_text_hold() {
    replay("mask_text", check_text);
}

#[test]
fn the_saved_inputs_of_mask_record_hold() {
    replay("mask_record", check_record);
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_text_can_be_searched(text in "(?:[A-Z][a-z]{1,8}|[0-9]{1,6}|[ .,:;/()\\[\\]'\"@#-]|Dr|MRN|St|box|apt|\\PC){0,40}") {
        check_text(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_a_record_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_record(&bytes);
    }
}
