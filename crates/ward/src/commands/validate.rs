//! `ward validate FILE…`: resources against the structure of R4.

use std::path::PathBuf;

use clap::Args;
use fhir::json::{self, Value};
use fhir::outcome::{Issue, Outcome};
use fhir::validate::validate;

use crate::failure::{Failure, Result};
use crate::output::Format;

/// What `ward validate` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with one resource or bundle in JSON each
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How to print: lines, or one OperationOutcome a file in a JSON array
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Checks every file; fails if one is not valid.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let mut wrong = 0_usize;
    let mut outcomes = Vec::new();
    for path in &arguments.files {
        let issues = check(path)?;
        wrong += usize::from(!issues.is_empty());
        match arguments.format {
            Format::Json => outcomes.push(Outcome { issues }.to_json()),
            Format::Table if issues.is_empty() => say!("{}: valid", path.display()),
            Format::Table => {
                for issue in &issues {
                    say!("{}: {}: {}", path.display(), place(issue), issue.details);
                }
            }
        }
    }
    if arguments.format == Format::Json {
        say!("{}", String::from_utf8_lossy(&Value::from(outcomes).to_vec()));
    }
    if wrong > 0 {
        return Err(Failure::new(format!("{wrong} of {} files are not valid R4", arguments.files.len()))
            .hint("each line above names a place in the resource; `--format json` gives OperationOutcomes"));
    }
    Ok(())
}

/// Where an issue is: elements of the resource, or line and column of a text that is no JSON.
fn place(issue: &Issue) -> String {
    match issue.expression.as_slice() {
        [] => issue.diagnostics.clone().unwrap_or_default(),
        places => places.join(", "),
    }
}

fn check(path: &PathBuf) -> Result<Vec<Issue>> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(format!("`{}` could not be read: {error}", path.display()))
            .hint("name files with FHIR in JSON")
    })?;
    Ok(match json::parse(&bytes, &json::Limits::default()) {
        Ok(value) => validate(&value),
        Err(error) => vec![Issue::from(error)],
    })
}
