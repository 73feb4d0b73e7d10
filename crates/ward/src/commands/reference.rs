//! `ward reference PAGE`: the reference pages, told from the code that they describe.
//!
//! `cargo xtask docs` writes them into `docs/reference/`; a test compares. A page is Markdown.

mod cli;
mod configuration;
mod errors;
mod metrics;
mod search;

use clap::{Args, ValueEnum};

use crate::failure::Result;

/// What `ward reference` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which page
    #[arg(value_enum)]
    page: Page,
}

/// The pages, one a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Page {
    /// Commands and their options, exit codes
    Cli,
    /// Keys of ward.toml
    Configuration,
    /// Search parameters by type
    SearchParameters,
    /// What /metrics shows
    Metrics,
    /// Kinds of refusals, with HTTP status and issue code
    Errors,
}

/// Prints it.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let text = match arguments.page {
        Page::Cli => cli::page(),
        Page::Configuration => configuration::page(),
        Page::SearchParameters => search::page(),
        Page::Metrics => metrics::page(),
        Page::Errors => errors::page(),
    };
    print!("{text}");
    Ok(())
}

/// The beginning of a page.
fn title(title: &str, about: &str) -> String {
    format!("# {title}\n\nWritten by `cargo xtask docs` from the code; do not edit.\n\n{about}\n")
}

/// A table in Markdown. A `|` in a cell is escaped, so that it stays one cell.
fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(&mut headings.iter().map(|text| (*text).to_owned()));
    out.push_str(&format!("|{}\n", "---|".repeat(headings.len())));
    rows.iter().for_each(|row| out.push_str(&line(&mut row.iter().cloned())));
    out
}
