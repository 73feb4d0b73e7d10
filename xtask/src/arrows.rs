//! Checks that crates depend on each other only along the arrows of the design.
//!
//! The table below is the one in ARCHITECTURE.md. Development dependencies are held to it too, with one exception:
//! tests may use `testkit` and, through it, whatever makes a test readable.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Who may use whom, of our own crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("fhir", &[]),
    ("formats", &[]),
    ("storage", &[]),
    ("mapping", &["formats", "fhir"]),
    ("mask", &["formats", "fhir"]),
    ("protect", &["fhir", "storage"]),
    ("repository", &["fhir", "storage", "protect"]),
    ("ingest", &["formats", "mapping", "fhir", "protect", "repository", "storage"]),
    ("analytics", &["fhir", "protect", "repository", "storage"]),
    ("workloads", &["fhir", "protect", "repository", "storage"]),
    ("server", &["fhir", "protect", "repository", "ingest", "mask"]),
    ("console", &["server", "fhir", "protect", "repository", "ingest", "mask"]),
    ("testkit", &["*"]),
    ("ward", &["*"]),
    ("xtask", &["*"]),
];

/// Heavy parts that only the named crates may name, tests aside (invariant 6 of the design).
const FENCES: &[(&str, &[&str])] = &[
    ("aws-lc-rs", &["storage"]),
    ("age", &["storage"]),
    ("fjall", &["storage"]),
    ("axum", &["server", "console"]),
    ("tower-http", &["server", "console"]),
    ("rcgen", &["server"]),
    ("clap", &["ward"]),
];

/// Reads `cargo metadata` and reports every dependency that the two tables do not allow.
///
/// # Errors
/// A message that lists the forbidden arrows, or says why the metadata could not be read.
pub(crate) fn run() -> Result<(), String> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .output()
        .map_err(|error| format!("`cargo metadata` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("metadata is not JSON: {error}"))?;
    let graph = graph(&metadata);
    let problems = problems(&graph);
    if problems.is_empty() {
        println!("arrows: {} crates, all dependencies allowed", graph.len());
        Ok(())
    } else {
        Err(format!("forbidden arrows:\n  {}", problems.join("\n  ")))
    }
}

/// A crate's name, and its dependencies with whether each is for tests only.
type Graph = BTreeMap<String, BTreeSet<(String, bool)>>;

fn graph(metadata: &Value) -> Graph {
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    list(metadata, "packages")
        .iter()
        .map(|package| {
            let dependencies = list(package, "dependencies");
            let names = dependencies.iter().map(|one| (text(one, "name"), text(one, "kind") == "dev"));
            (text(package, "name"), names.collect())
        })
        .collect()
}

fn problems(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, dependencies) in graph {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| from == name) else {
            problems.push(format!("crate `{name}` stands in no row of the arrow table"));
            continue;
        };
        for (dependency, for_tests) in dependencies {
            let ours = graph.contains_key(dependency);
            let free = allowed.contains(&"*") || allowed.contains(&dependency.as_str());
            let test_tool = *for_tests && dependency == "testkit";
            if ours && !free && !test_tool {
                problems.push(format!("`{name}` may not use `{dependency}`"));
            }
            // A fence keeps a heavy part out of what ships; a test may need one, such as a certificate.
            let fence = FENCES.iter().find(|(heavy, _)| heavy == dependency && !for_tests);
            if let Some((_, keepers)) = fence.filter(|(_, keepers)| !keepers.contains(&name.as_str())) {
                problems.push(format!("`{name}` names `{dependency}`, which only {keepers:?} may"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, dependency: &str, for_tests: bool) -> usize {
        let mut graph = Graph::new();
        graph.insert(dependency.into(), BTreeSet::new());
        graph.insert(name.into(), BTreeSet::from([(dependency.into(), for_tests)]));
        problems(&graph).len()
    }

    #[test]
    fn an_arrow_against_the_table_is_reported() {
        assert_eq!(check("fhir", "storage", false), 1);
        assert_eq!(check("storage", "fhir", true), 1);
        assert_eq!(check("repository", "formats", false), 1);
    }

    #[test]
    fn an_arrow_of_the_table_passes() {
        assert_eq!(check("repository", "storage", false), 0);
        assert_eq!(check("storage", "testkit", true), 0);
    }

    #[test]
    fn heavy_parts_stay_behind_their_fence() {
        let graph = Graph::from([("fhir".into(), BTreeSet::from([("fjall".into(), false)]))]);
        assert_eq!(problems(&graph).len(), 1);
    }
}
