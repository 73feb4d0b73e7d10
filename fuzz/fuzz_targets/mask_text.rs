//! Any text.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/mask/tests/it/invariants.rs"]
#[allow(dead_code, reason = "each target uses its own part")]
mod invariants;

fuzz_target!(|input: &[u8]| invariants::check_text(input));
