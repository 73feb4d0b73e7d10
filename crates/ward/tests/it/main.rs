//! The `ward` binary from outside: its command line, its sockets, its files, and what a `kill -9` leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod support;

mod binary;
mod bulk;
mod canary;
mod capability;
mod channels;
mod command_line;
mod configuration;
mod contained;
mod contexts;
mod corpus;
mod crash;
mod ingest;
mod mask;
mod masked_view;
mod operations;
mod packages;
mod pages;
mod reference;
mod refusals;
mod reindex;
mod rest;
mod scans;
mod stop;
mod subscriptions;
mod terminology;
mod tokens;
mod walk;
mod xml;
