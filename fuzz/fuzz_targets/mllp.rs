//! Any bytes as an MLLP stream, cut into pieces of any one size.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/formats/tests/it/invariants.rs"]
#[allow(dead_code, reason = "each target uses its own part")]
mod invariants;

fuzz_target!(|input: (u8, &[u8])| invariants::check_frames(input.1, usize::from(input.0)));
