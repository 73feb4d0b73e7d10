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
mod events;
mod facts_events;
mod facts_values;
mod golden;
mod hospital;
mod patient;
mod properties;
mod support;
