//! The store as its callers see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod apply;
mod audit;
mod binary;
mod bundles;
mod conditional;
mod corpus;
mod crash;
mod erase;
mod everything;
mod export;
mod fixture;
mod history;
mod import;
mod interactions;
mod parameters;
mod races;
mod reach;
mod rebuild;
mod subscriptions;
mod terminology;
mod veil;
