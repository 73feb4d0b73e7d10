//! `ward fhirpath EXPR FILE`.

use std::path::PathBuf;

use clap::Args;
use fhir::json::{self, Number, Value, object};
use fhir::path::{Context, Expression, Item};

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
    let expression = Expression::parse(&arguments.expression).map_err(|error| {
        Failure::usage(format!("the expression is not FHIRPath: {error}")).hint(
            "an expression looks like `Patient.name.where(use = 'official').given`; quote it for the shell",
        )
    })?;
    let bytes = std::fs::read(&arguments.file)
        .during(format!("`{}` could not be read", arguments.file.display()))
        .map_err(one_resource)?;
    let resource = json::parse(&bytes, &json::Limits::default())
        .during(format!("`{}` is not JSON", arguments.file.display()))
        .map_err(one_resource)?;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let items = expression
        .evaluate(&resource, &Context { now: Some((now_ms, 0)), ..Context::default() })
        .map_err(|error| {
            Failure::new(format!("the expression could not be evaluated: {error}"))
                .hint("look at the parts one by one; `ward fhirpath 'name' FILE` shows what an element holds")
        })?;
    let values: Vec<Value> = items.iter().map(shown).collect();
    match arguments.format {
        Format::Json => say!("{}", String::from_utf8_lossy(&Value::from(values).to_vec())),
        Format::Table => {
            for value in &values {
                match value.as_str() {
                    Some(text) => say!("{text}"),
                    None => say!("{}", String::from_utf8_lossy(&value.to_vec())),
                }
            }
        }
    }
    Ok(())
}

fn one_resource(failure: Failure) -> Failure {
    failure.hint("name a file with one FHIR resource in JSON")
}

/// An item as JSON: elements as they stand, computed values in the JSON type that fits.
fn shown(item: &Item<'_>) -> Value {
    let number = |text: String| Number::from_literal(&text).map_or(Value::Null, Value::Number);
    match item {
        Item::Node(node) => node.value().clone(),
        Item::Boolean(value) => Value::from(*value),
        Item::Integer(value) => Value::from(*value),
        Item::Decimal(value) => number(value.to_string()),
        Item::String(text) => Value::from(text.as_ref()),
        Item::Date(date) => Value::from(date.to_string()),
        Item::DateTime(time) => Value::from(time.to_string()),
        Item::Time(time) => Value::from(time.to_string()),
        Item::Quantity(quantity) => object([
            ("value", number(quantity.value.to_string())),
            ("unit", Value::from(quantity.unit.as_ref())),
        ]),
        Item::Type(name) => {
            object([("namespace", Value::from(name.namespace)), ("name", Value::from(name.name))])
        }
        Item::Elsewhere(name) => object([("resourceType", Value::from(*name))]),
    }
}
