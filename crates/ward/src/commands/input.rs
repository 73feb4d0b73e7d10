//! Files with resources, as commands take them: one resource, or one a line.

use std::path::Path;

use fhir::json::{self, JsonError, Value};

use crate::failure::{Failure, Result};

/// What a file holds at one place.
pub(crate) struct Item {
    /// The file, and the line where there is a resource on each.
    pub(crate) label: String,
    /// The resource, or why it is none.
    pub(crate) resource: Result<Value, JsonError>,
}

/// Reads a file. Its name tells what is in it: `.ndjson` and `.jsonl` have a resource on each line, everything else is one.
pub(crate) fn read(path: &Path) -> Result<Vec<Item>> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(format!("`{}` could not be read: {error}", path.display()))
            .hint("name a file with a FHIR resource in JSON, or an .ndjson file with one on each line")
    })?;
    let parse = |bytes: &[u8]| json::parse(bytes, &json::Limits::default());
    if !has_lines(path) {
        return Ok(vec![Item { label: path.display().to_string(), resource: parse(&bytes) }]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let filled = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    Ok(filled
        .map(|(index, line)| Item {
            label: format!("{}: line {}", path.display(), index + 1),
            resource: parse(line),
        })
        .collect())
}

fn has_lines(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    extension.eq_ignore_ascii_case("ndjson") || extension.eq_ignore_ascii_case("jsonl")
}
