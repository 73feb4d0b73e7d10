//! `ward package add|list`: FHIR packages, as guides publish them, into the store.
//!
//! A package's conformance resources (profiles, value sets, code systems, search parameters) become resources of the store
//! under their own ids. What is stored already and the same makes no new version; another version of it is told and left
//! alone unless it is to be replaced.

mod add;
mod door;
mod list;
mod report;
pub(super) mod source;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::Common;
use crate::config::Config;
use crate::failure::Result;
use crate::home::Base;
use crate::output::Format;
use crate::root;

/// What can be done with packages.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Put the conformance resources of packages into the store
    Add(Add),
    /// List the packages in the store
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// What `ward package add` takes.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// FHIR packages (`.tgz` or unpacked folders), or single conformance resources (`.json`)
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Also put in the package's examples, of whatever type
    #[arg(long)]
    examples: bool,
    /// Replace what is stored under the same id in another version, or for another address
    #[arg(long)]
    replace: bool,
    /// How to print the summary
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs it, with or without a running server.
pub(crate) fn run(common: &Common, verb: &Verb) -> Result {
    super::serve::start_logs("error");
    let config = Config::of(common)?;
    let base = Base::open(&common.data, &root::source(common)?)?;
    let mut door = door::Door::open(base, &config)?;
    let done = match verb {
        Verb::Add(arguments) => add::run(&mut door, arguments),
        Verb::List { format } => list::run(&mut door, *format),
    };
    door.close();
    done
}
