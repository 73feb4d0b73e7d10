//! Replays the saved inputs of the fuzz targets, so that what fuzzing once found stays fixed.

use std::path::Path;

use crate::invariants::{check_frames, check_message};

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
fn the_saved_inputs_of_hl7v2_hold() {
    replay("hl7v2", check_message);
}

#[test]
fn the_saved_inputs_of_mllp_hold() {
    replay("mllp", |bytes| (1..8).for_each(|size| check_frames(bytes, size)));
}
