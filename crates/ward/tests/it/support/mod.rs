//! A data folder of the test's own, a server on free ports, and clients for both of its languages.

pub(crate) mod endpoint;
pub(crate) mod folder;
pub(crate) mod https;
pub(crate) mod line;
pub(crate) mod scan;

pub(crate) use endpoint::{Endpoint, Received};
pub(crate) use folder::{Folder, Server};
pub(crate) use https::{Answer, Client};
pub(crate) use line::Line;

use fhir::json::{Limits, Value, parse};

/// JSON that must parse. A command may print more than a message may hold: the longer a machine has written, the longer
/// its audit log.
pub(crate) fn json(bytes: &[u8]) -> Value {
    let limits = Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, ..Limits::default() };
    parse(bytes, &limits).unwrap_or_else(|error| {
        let start = bytes.get(..bytes.len().min(2000)).unwrap_or_default();
        panic!("{error} in {} bytes that begin {}", bytes.len(), String::from_utf8_lossy(start))
    })
}

/// The text at a path of member names and array places: `entry.0.resource.id`.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// What stands at a path of member names and array places.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match step.parse::<usize>() {
        Ok(place) => value.as_array().and_then(|array| array.get(place)),
        Err(_) => value.get(step),
    })
}

/// A whole number at a path.
pub(crate) fn number(value: &Value, path: &str) -> Option<i64> {
    match at(value, path) {
        Some(Value::Number(number)) => number.to_i64(),
        _ => None,
    }
}

/// The resources of a Bundle's entries.
pub(crate) fn resources(bundle: &Value) -> Vec<&Value> {
    let entries = bundle.get("entry").and_then(Value::as_array).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.get("resource")).collect()
}

/// The resources of a Bundle that matched, by `Type/id`.
pub(crate) fn names(bundle: &Value) -> Vec<String> {
    resources(bundle)
        .iter()
        .filter(|one| text(one, "resourceType") != "OperationOutcome")
        .map(|one| format!("{}/{}", text(one, "resourceType"), text(one, "id")))
        .collect()
}
