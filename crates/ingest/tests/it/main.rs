//! Ingest as senders see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod answers;
mod crash;
mod files;
mod fixture;
mod folder;
mod hospital;
mod listener;
mod privacy;
mod quarantine;
mod repeats;
mod together;
mod unresolved;
