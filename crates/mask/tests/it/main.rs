#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod ccda;
mod csv;
mod dicoms;
mod drawn;
mod evaluate;
mod fhir_corpus;
mod fhir_rules;
mod guide;
mod hl7v2;
mod images;
mod invariants;
mod pdfs;
mod properties;
mod replay;
mod risk;
mod support;
mod text;
