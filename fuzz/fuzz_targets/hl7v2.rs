//! Any bytes as an HL7 v2 message and as a file of messages.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/formats/tests/it/invariants.rs"]
#[allow(dead_code, reason = "each target uses its own part")]
mod invariants;

fuzz_target!(|input: &[u8]| invariants::check_message(input));
