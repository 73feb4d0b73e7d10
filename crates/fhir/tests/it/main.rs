#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod corpus;
mod every_type;
mod fhirpath_suite;
mod invariants;
mod replay;
mod validation;
mod xml;
