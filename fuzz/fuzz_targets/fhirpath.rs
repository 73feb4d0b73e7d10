//! Any text as a FHIRPath expression, evaluated on one patient.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/fhir/tests/it/invariants.rs"]
#[allow(dead_code, reason = "each target uses its own part")]
mod invariants;

fuzz_target!(|input: &[u8]| invariants::check_fhirpath(input));
