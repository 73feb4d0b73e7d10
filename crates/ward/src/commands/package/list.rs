//! `ward package list`: the packages in the store, by their ImplementationGuide resources.

use fhir::json::Value;

use super::door::Door;
use crate::failure::Result;
use crate::output::{self, Format};

/// Guides that are listed.
pub(super) const GUIDES_MAX: usize = 1000;

/// Prints a row for each guide that belongs to a package.
pub(super) fn run(door: &mut Door, format: Format) -> Result {
    let guides = door.search(&format!("ImplementationGuide?_count={GUIDES_MAX}"))?;
    let mut rows: Vec<[String; 4]> = guides.iter().filter_map(row).collect();
    rows.sort();
    if format == Format::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|[package, version, title, url]| {
                serde_json::json!({ "package": package, "version": version, "title": title, "url": url })
            })
            .collect();
        say!("{}", serde_json::Value::from(rows));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    output::table(&["package", "version", "title", "url"], &rows);
    Ok(())
}

fn row(guide: &Value) -> Option<[String; 4]> {
    let text = |key| guide.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let package = guide.get("packageId").and_then(Value::as_str)?.to_owned();
    let title = if text("title").is_empty() { text("name") } else { text("title") };
    Some([package, text("version"), title, text("url")])
}
