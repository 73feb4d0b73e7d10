//! Tests of the storage crate from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod engines;
mod logs;
mod snapshots;
