//! What became of a package.

use fhir::json::Value;

use super::source::Manifest;
use crate::output::{self, Format};

/// Problems that are printed one by one; the rest is counted (`--format json` has all).
const LINES_MAX: usize = 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) skipped: u64,
    pub(super) conflicts: Vec<Problem>,
    pub(super) failed: Vec<Problem>,
    pub(super) missing: Vec<String>,
    pub(super) seconds: f64,
}

/// One resource that was not stored, and why.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) resource: String,
    pub(super) text: String,
}

impl Report {
    pub(super) fn of(manifest: Option<&Manifest>, path: &std::path::Path) -> Self {
        let (package, version) = match manifest {
            Some(manifest) => (manifest.name.clone(), manifest.version.clone()),
            None => (path.display().to_string(), String::new()),
        };
        Self { package, version, ..Self::default() }
    }

    /// Whether everything that was meant to be stored is.
    pub(super) fn is_whole(&self) -> bool {
        self.conflicts.is_empty() && self.failed.is_empty()
    }

    fn json(&self) -> serde_json::Value {
        let problems = |list: &[Problem]| -> Vec<serde_json::Value> {
            list.iter().map(|one| serde_json::json!({ "resource": one.resource, "text": one.text })).collect()
        };
        serde_json::json!({
            "package": self.package,
            "version": self.version,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "conflicts": problems(&self.conflicts),
            "failed": problems(&self.failed),
            "missing": self.missing,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        })
    }

    fn tell(&self) {
        for (what, problems) in [("not replaced", &self.conflicts), ("not stored", &self.failed)] {
            for problem in problems.iter().take(LINES_MAX) {
                eprintln!("{}: {what}: {}: {}", self.package, problem.resource, problem.text);
            }
            if problems.len() > LINES_MAX {
                eprintln!("{}: {what}: {} more", self.package, problems.len() - LINES_MAX);
            }
        }
        for missing in &self.missing {
            eprintln!("{}: it builds on {missing}, which is not in the store; add that too", self.package);
        }
    }
}

/// Prints the summary of all packages.
pub(super) fn print(reports: &[Report], format: Format) {
    if format == Format::Json {
        say!("{}", serde_json::Value::from(reports.iter().map(Report::json).collect::<Vec<_>>()));
        return;
    }
    reports.iter().for_each(Report::tell);
    let rows: Vec<Vec<String>> = reports
        .iter()
        .map(|one| {
            let counts = [
                one.created,
                one.updated,
                one.unchanged,
                one.conflicts.len() as u64,
                one.failed.len() as u64,
                one.skipped,
            ];
            let mut row = vec![one.package.clone(), one.version.clone()];
            row.extend(counts.iter().map(u64::to_string));
            row.push(format!("{:.1}", one.seconds));
            row
        })
        .collect();
    let heads = [
        "package",
        "version",
        "created",
        "updated",
        "unchanged",
        "conflicts",
        "failed",
        "skipped",
        "seconds",
    ];
    output::table(&heads, &rows);
}

/// `Type/id`, as far as the resource tells.
pub(super) fn label(resource: &Value) -> String {
    let text = |key| resource.get(key).and_then(Value::as_str).unwrap_or("?");
    format!("{}/{}", text("resourceType"), text("id"))
}
