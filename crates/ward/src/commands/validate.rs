//! `ward validate FILE…`: resources against R4 and against profiles.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fhir::json::{self, Limits, Value};
use fhir::outcome::{Issue, Outcome, Severity};
use fhir::profile::{self, Validator, World};
use fhir::terminology::{self, CodeSystem, ConceptMap, Library, Terminology, ValueSet};

use super::input;
use super::package::source;
use crate::failure::{Failure, Result};
use crate::output::Format;

/// What `ward validate` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files with one resource or bundle in JSON each, or .ndjson files with one on each line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A FHIR package (.tgz or unpacked folder), or a file, with profiles, extensions, value sets and code systems
    #[arg(long = "package", value_name = "FILE")]
    packages: Vec<PathBuf>,
    /// The canonical address of a profile that every resource must be of; profiles in `meta.profile` are checked anyway
    #[arg(long = "profile", value_name = "URL")]
    profiles: Vec<String>,
    /// How to print: lines with errors and warnings, or one OperationOutcome a resource in a JSON array
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Checks every resource; fails if one is not valid.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let packages = Packages::read(&arguments.packages)?;
    let codes = Terminology::new(&packages);
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let validator = Validator::new(World {
        profiles: &packages.profiles,
        codes: Some(&codes),
        resources: None,
        now: Some((now_ms, 0)),
    });
    let profiles: Vec<&str> = arguments.profiles.iter().map(String::as_str).collect();
    let (mut total, mut wrong) = (0_usize, 0_usize);
    let mut outcomes = Vec::new();
    for path in &arguments.files {
        for item in input::read(path)? {
            let issues = match item.resource {
                Ok(resource) => validator.validate(&resource, &profiles),
                Err(error) => vec![Issue::from(error)],
            };
            total += 1;
            let is_valid = !issues.iter().any(|issue| issue.severity >= Severity::Error);
            wrong += usize::from(!is_valid);
            match arguments.format {
                Format::Json => outcomes.push(Outcome { issues }.to_json()),
                Format::Table => print(&item.label, &issues, is_valid),
            }
        }
    }
    if arguments.format == Format::Json {
        say!("{}", String::from_utf8_lossy(&Value::from(outcomes).to_vec()));
    }
    if wrong > 0 {
        return Err(Failure::new(format!("{wrong} of {total} resources are not valid"))
            .hint("each line above names a place in the resource; `--format json` gives OperationOutcomes"));
    }
    Ok(())
}

fn print(label: &str, issues: &[Issue], is_valid: bool) {
    for issue in issues.iter().filter(|issue| issue.severity >= Severity::Warning) {
        say!("{label}: {}: {}: {}", issue.severity.as_str(), place(issue), issue.details);
    }
    if is_valid {
        say!("{label}: valid");
    }
}

/// Where an issue is: elements of the resource, or line and column of a text that is no JSON.
fn place(issue: &Issue) -> String {
    match issue.expression.as_slice() {
        [] => issue.diagnostics.clone().unwrap_or_default(),
        places => places.join(", "),
    }
}

/// Of files in packages: code systems may be larger than what comes over the network.
fn limits() -> Limits {
    Limits { bytes_max: repository::TERMINOLOGY_BYTES_MAX, nodes_max: 32_000_000, ..Limits::default() }
}

/// What packages bring, and the code sets of R4 beneath.
#[derive(Default)]
struct Packages {
    profiles: profile::Loaded,
    terminology: terminology::Loaded,
}

impl Packages {
    fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut packages = Self::default();
        for path in paths {
            let (source, _, _) = source::open(path, false)?;
            source.each(false, &mut |entry| {
                // What is no JSON is as a definition that is not there.
                if let Ok(value) = json::parse(&entry.bytes, &limits()) {
                    packages.take(&value);
                }
                Ok(())
            })?;
        }
        Ok(packages)
    }

    /// Takes what can be used; a definition that cannot be read is as one that is not there, and is said to be missing where
    /// it is needed.
    fn take(&mut self, value: &Value) {
        match value.resource_type() {
            Some("StructureDefinition") => drop(self.profiles.add(value)),
            Some("CodeSystem" | "ValueSet" | "ConceptMap") => drop(self.terminology.add(value)),
            _ => {}
        }
    }
}

impl Library for Packages {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.terminology.code_system(url, version).or_else(|| terminology::core().code_system(url, version))
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.terminology.value_set(url, version).or_else(|| terminology::core().value_set(url, version))
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.terminology.concept_map(url, version).or_else(|| terminology::core().concept_map(url, version))
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        self.terminology.concept_maps()
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        self.terminology.supplements(url)
    }
}
