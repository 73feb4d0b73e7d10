//! The load client of `cargo xtask bench`: sends traffic to a Ward on loopback, checks the answers, measures both sides.
//!
//! For: figures of a whole server, over TLS as its clients see it. It prints one JSON object on stdout. Not for: judging
//! figures or starting servers; `cargo xtask bench` does both. Every loop in it ends, by time and by count.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod arguments;
mod check;
mod drive;
mod floor;
mod http;
mod import;
mod input;
mod machine;
mod messages;
mod mllp;
mod operations;
mod queries;
mod rows;
mod truth;

use std::process::ExitCode;

/// Why a run ended early.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let run = || -> Result<(), Failure> {
        let arguments = arguments::Arguments::read(std::env::args().skip(1))?;
        // One thread: the client shares the machine with the server and should take as little of it as it can.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let report = tokio::task::LocalSet::new().block_on(&runtime, rows::run(&arguments))?;
        println!("{report}");
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
