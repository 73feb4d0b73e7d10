//! `ward fhirpath EXPR FILE`.

use std::path::PathBuf;

use clap::Args;
use fhir::json::{Number, Value, object};
use fhir::path::{Context, Expression, Focus, Item};

use super::input;
use crate::failure::{Failure, Result};
use crate::output::Format;

/// What `ward fhirpath` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The expression, such as "Patient.name.given"
    expression: String,
    /// A file with one FHIR resource in JSON, or an .ndjson file with one on each line
    file: PathBuf,
    /// Evaluate on each item that this expression gives, such as "Patient.contact"
    #[arg(long, value_name = "EXPRESSION")]
    context: Option<String>,
    /// Evaluate on the resource of each entry of a Bundle instead of on the Bundle
    #[arg(long)]
    entries: bool,
    /// Refuse names that the resource's type does not have
    #[arg(long)]
    strict: bool,
    /// How to print: one item a line, or a JSON array
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Evaluates and prints.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let expression = parse(&arguments.expression)?;
    let context = arguments.context.as_deref().map(parse).transpose()?;
    let work = Work { arguments, expression: &expression, context: context.as_ref() };
    let mut values: Vec<Value> = Vec::new();
    for item in input::read(&arguments.file)? {
        let resource = item.resource.map_err(|error| {
            Failure::new(format!("`{}` is not JSON: {error}", item.label))
                .hint("name a file with one FHIR resource in JSON; .ndjson files have one on each line")
        })?;
        if arguments.entries {
            let entries = resource.get("entry").map_or(&[][..], Value::elements);
            for resource in entries.iter().filter_map(|entry| entry.get("resource")) {
                work.evaluate(resource, &item.label, &mut values)?;
            }
        } else {
            work.evaluate(&resource, &item.label, &mut values)?;
        }
    }
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

/// Parses an expression; a wrong one is shown with a mark under the place.
fn parse(text: &str) -> Result<Expression> {
    Expression::parse(text).map_err(|error| {
        let before = error.offset().and_then(|offset| text.get(..offset)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let number = before.matches('\n').count() + 1;
        Failure::usage(format!(
            "the expression is not FHIRPath: {error}\n  line {number}: {line}\n{:>1$}",
            '^',
            column + format!("  line {number}: ").len() + 1
        ))
        .hint("an expression looks like `Patient.name.where(use = 'official').given`; quote it for the shell")
    })
}

struct Work<'w> {
    arguments: &'w Arguments,
    expression: &'w Expression,
    context: Option<&'w Expression>,
}

impl Work<'_> {
    fn evaluate(&self, resource: &Value, label: &str, values: &mut Vec<Value>) -> Result {
        let refuse = |error: fhir::path::PathError| {
            Failure::new(format!("the expression could not be evaluated on `{label}`: {error}"))
                .hint("look at the parts one by one; `ward fhirpath 'name' FILE` shows what an element holds")
        };
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let strict = self.arguments.strict;
        let context = Context { now: Some((now_ms, 0)), strict, ..Context::default() };
        let Some(start) = self.context else {
            if strict {
                self.expression.check(resource.resource_type().unwrap_or_default()).map_err(refuse)?;
            }
            values.extend(self.expression.evaluate(resource, &context).map_err(refuse)?.iter().map(shown));
            return Ok(());
        };
        for item in start.evaluate(resource, &context).map_err(refuse)? {
            let Item::Node(node) = item else {
                return Err(Failure::usage("`--context` must give elements of the resource")
                    .hint("name a path such as `Patient.contact`"));
            };
            if strict {
                self.expression.check(node.type_name()).map_err(refuse)?;
            }
            let focus = Focus { node, resource, root: resource };
            values.extend(self.expression.evaluate_at(&focus, &context).map_err(refuse)?.iter().map(shown));
        }
        Ok(())
    }
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
