//! `ward fhirpath EXPR FILE`.

use std::path::PathBuf;

use clap::Args;
use fhir::json::{self, Value};
use fhir::path::{Context, Expression};

use crate::failure::{During, Failure, Result};
use crate::output::Format;

/// What `ward fhirpath` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The expression, such as "Patient.name.given"
    expression: String,
    /// A file with one FHIR resource in JSON
    file: PathBuf,
    /// How to print: one item a line, or a JSON array
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Evaluates and prints.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let expression = Expression::parse(&arguments.expression)
        .map_err(|error| Failure::usage(format!("the expression is not FHIRPath: {error}")))?;
    let bytes = std::fs::read(&arguments.file).during(format!("`{}` could not be read", arguments.file.display()))?;
    let resource = json::parse(&bytes, &json::Limits::default())
        .during(format!("`{}` is not JSON", arguments.file.display()))?;
    let now_ms = jiff::Timestamp::now();
    let items = expression
        .evaluate(&resource, &Context::at(now_ms))
        .map_err(|error| Failure::new(format!("the expression could not be evaluated: {error}")))?;
    let values: Vec<Value> = items.iter().map(fhir::path::Item::to_json).collect();
    match arguments.format {
        Format::Json => println!("{}", String::from_utf8_lossy(&Value::from(values).to_vec())),
        Format::Table => {
            for value in &values {
                match value.as_str() {
                    Some(text) => println!("{text}"),
                    None => println!("{}", String::from_utf8_lossy(&value.to_vec())),
                }
            }
        }
    }
    Ok(())
}
