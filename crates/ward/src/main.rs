//! The `ward` binary: it reads its arguments, opens the parts and joins them. One file a command.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

/// Prints a line on stdout; a reader that went away (`ward … | head`) ends the command in peace.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}

mod client;
mod commands;
mod config;
mod failure;
mod home;
mod mllp;
mod output;
mod pages;
mod root;
mod served;
mod tls;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    audit, channel, convert, demo, fhirpath, index, ingest, init, mask, package, reference, scan, serve,
    settings, show_pdf, token, validate,
};
use crate::failure::{Failure, Result};

/// Millions of small pieces (terms, keys, JSON values) are taken and given back on different threads: with this allocator
/// an import takes 10 to 20 per cent less processor time than with the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ward keeps a health system's data and lets people use it safely.
#[derive(Debug, Parser)]
#[command(name = "ward", version, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What most commands need.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The data folder.
    #[arg(
        long,
        global = true,
        env = "WARD_DATA",
        hide_env_values = true,
        default_value = "ward-data",
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
    /// The root key's file, outside the data folder. Without it, `WARD_PASSPHRASE` or the terminal gives the passphrase.
    #[arg(long, global = true, env = "WARD_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The configuration; `ward.toml` in the data folder without it.
    #[arg(long, global = true, env = "WARD_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A small synthetic hospital, end to end
    Demo(demo::Arguments),
    /// Make a data folder: keys, certificates, a first configuration
    Init(init::Arguments),
    /// Serve FHIR and listen on the channels
    Serve(serve::Arguments),
    /// Look at the configuration
    #[command(subcommand)]
    Config(settings::Verb),
    /// Take in files and folders: HL7 v2, batch files, FHIR bundles, NDJSON; also gzipped
    Ingest(ingest::Arguments),
    /// Turn one file into a FHIR bundle on stdout, the loss report on stderr
    Convert(convert::Arguments),
    /// Look at channels, their quarantine, and do messages again
    #[command(subcommand)]
    Channel(channel::Verb),
    /// Put FHIR packages (profiles, value sets, code systems) into the store, and list them
    #[command(subcommand)]
    Package(package::Verb),
    /// Check FHIR resources against R4
    Validate(validate::Arguments),
    /// Evaluate a FHIRPath expression on a resource
    Fhirpath(fhirpath::Arguments),
    /// Hide who it is: in texts, records and images
    Mask(mask::Arguments),
    /// Find what tells who somebody is: in files and folders, in the store
    Scan(scan::Arguments),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(token::Verb),
    /// Read and verify the audit log
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Verify the index against the log, or build it anew
    #[command(subcommand)]
    Index(index::Verb),
    /// Print a page of the reference documentation, as Markdown
    #[command(hide = true)]
    Reference(reference::Arguments),
    /// Show a PDF's pages as pixels, for this program's own use
    #[command(name = pages::COMMAND, hide = true)]
    ShowPdf,
    /// Commands of later versions end here.
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Commands that the design names and that are not there yet.
const NOT_BUILT: &[&str] = &[
    "sql", "view", "user", "client", "policy", "key", "backup", "restore", "drill", "workload", "evidence",
    "explain",
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result {
    let common = &cli.common;
    match cli.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Init(arguments) => init::run(common, &arguments),
        Command::Serve(arguments) => serve::run(common, &arguments),
        Command::Config(verb) => settings::run(common, &verb),
        Command::Ingest(arguments) => ingest::run(common, &arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Channel(verb) => channel::run(common, &verb),
        Command::Package(verb) => package::run(common, &verb),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Fhirpath(arguments) => fhirpath::run(&arguments),
        Command::Mask(arguments) => mask::run(common, &arguments),
        Command::Scan(arguments) => scan::run(common, &arguments),
        Command::Token(verb) => token::run(common, &verb),
        Command::Audit(verb) => audit::run(common, &verb),
        Command::Index(verb) => index::run(common, &verb),
        Command::Reference(arguments) => reference::run(&arguments),
        Command::ShowPdf => show_pdf::run(),
        Command::Other(words) => other(&words),
    }
}

fn other(words: &[String]) -> Result {
    let word = words.first().map_or("", String::as_str);
    if NOT_BUILT.contains(&word) {
        return Err(Failure::new(format!("`ward {word}` is not built yet"))
            .hint("docs/roadmap.md says what comes when"));
    }
    Err(Failure::usage(format!("there is no command `{word}`")).hint("`ward help` lists the commands"))
}
