//! `ward convert FILE`: one HL7 v2 message as a FHIR bundle, without a store.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fhir::json::{Value, array};
use formats::hl7v2::{self, Charset, ParseOptions, batch};
use mapping::hl7v2::{Source, Zone};
use storage::keys::sha256;

use crate::failure::{During, Failure, Result};

/// What `ward convert` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A file with one HL7 v2 message
    file: PathBuf,
    /// Write the loss report here, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The IANA zone of times without an offset, such as Europe/Berlin
    #[arg(long)]
    zone: Option<String>,
    /// The character set where MSH-18 names none, such as 8859/1
    #[arg(long)]
    charset: Option<String>,
}

/// Converts and prints; the same file gives the same bytes, always.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let name = arguments.file.display();
    let bytes =
        std::fs::read(&arguments.file).during(format!("`{name}` could not be read")).map_err(one_message)?;
    let message =
        only_message(&bytes).map_err(|problem| one_message(Failure::new(format!("`{name}`: {problem}"))))?;
    let mut options = ParseOptions::default();
    if let Some(charset) = &arguments.charset {
        options.default_charset = Charset::named(charset).ok_or_else(|| {
            Failure::usage(format!("`{charset}` is no character set of HL7 table 0211"))
                .hint("write it like `8859/1` or `UNICODE UTF-8`")
        })?;
    }
    let parsed = hl7v2::parse(message, &options)
        .during(format!("`{name}` is no HL7 v2 message"))
        .map_err(one_message)?;
    let mut source = Source::new("convert", "tenant/1", Arc::new(sha256));
    if let Some(zone) = &arguments.zone {
        source.zone = Some(Zone::named(zone).map_err(|error| {
            Failure::usage(error.to_string()).hint("zones are named like `Europe/Berlin`")
        })?);
    }
    let mapped =
        mapping::hl7v2::map(&parsed.message, &source).during(format!("`{name}` could not be mapped")).map_err(|failure| failure.hint("a channel keeps such a message in quarantine; `ward channel replay` does it again with a later mapping"))?;
    say!("{}", mapping::bundle(&mapped).to_pretty());
    for problem in &parsed.problems {
        eprintln!("problem: {problem}");
    }
    let report = &mapped.report;
    eprintln!(
        "loss report: {} values: {} mapped, {} unmapped, {} ignored on purpose",
        report.leaves(),
        report.mapped.len(),
        report.unmapped.len(),
        report.ignored.len()
    );
    match &arguments.report {
        Some(path) => {
            let mut json = report.to_json();
            let problems = array(parsed.problems.iter().map(|problem| Value::from(problem.to_string())));
            if let Some(object) = json.as_object_mut() {
                object.insert("problems", problems);
            }
            std::fs::write(path, json.to_pretty())
                .during(format!("`{}` could not be written", path.display()))
        }
        None => {
            report
                .unmapped
                .iter()
                .for_each(|entry| eprintln!("unmapped: {}: {}", entry.location, entry.reason));
            Ok(())
        }
    }
}

fn one_message(failure: Failure) -> Failure {
    failure.hint("name a file with one HL7 v2 message; `ward ingest` takes files with many")
}

/// The file's one message.
fn only_message(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let mut messages = batch::split(bytes).filter_map(|piece| match piece {
        batch::Piece::Message { bytes, .. } => Some(bytes),
        batch::Piece::Problem(_) => None,
    });
    match (messages.next(), messages.next()) {
        (Some(message), None) => Ok(message),
        (Some(_), Some(_)) => Err("the file holds several messages: `ward ingest` takes those"),
        (None, _) => Err("the file holds no HL7 v2 message (other formats are not built yet)"),
    }
}
