//! Tests of the formats' public face. All messages are invented here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

mod acknowledgements;
mod batches;
mod charsets;
mod corpus;
mod facts;
mod frames;
mod invariants;
mod limits;
mod properties;
mod replay;

use formats::hl7v2::{Message, ParseOptions, Parsed, parse};

/// Parses with default options.
fn read(bytes: &[u8]) -> Parsed {
    parse(bytes, &ParseOptions::default()).unwrap()
}

/// Parses a message that must have no problems.
fn message(text: &str) -> Message {
    let parsed = read(text.as_bytes());
    assert_eq!(parsed.problems, [], "{text:?}");
    parsed.message
}

fn codes(parsed: &Parsed) -> Vec<&'static str> {
    parsed.problems.iter().map(|problem| problem.kind.code()).collect()
}
