//! `terminology.tsv`: the code systems, value sets and concept maps of R4, one resource a line.
//!
//! ```text
//! KIND    URL    VERSION or -    RESOURCE
//! ```
//! A resource keeps what evaluation and look-up need: addresses, names, codes, displays, designations, properties, hierarchy.
//! Prose (definitions, descriptions, narrative) is left out. So are displays of codes of other publishers, whose licences
//! are not FHIR's, and displays of a value set that repeat the code system's.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Source, list, text};

pub(super) fn table(source: &Source) -> Result<String, String> {
    let mut displays: HashMap<&str, HashMap<&str, &str>> = HashMap::new();
    for (url, system) in &source.code_systems {
        gather_displays(list(system, "concept"), displays.entry(url).or_default());
    }
    let mut out = String::new();
    for (url, system) in &source.code_systems {
        if text(system, "content") != "supplement" {
            line(&mut out, "CodeSystem", url, &code_system(system))?;
        }
        let all = text(system, "valueSet");
        if !all.is_empty() && !source.value_sets.contains_key(all) {
            let implied = json!({
                "resourceType": "ValueSet", "url": all, "status": "active",
                "compose": { "include": [{ "system": url }] },
            });
            line(&mut out, "ValueSet", all, &implied)?;
        }
    }
    for (url, value_set) in &source.value_sets {
        line(&mut out, "ValueSet", url, &value_set_of(value_set, &displays))?;
    }
    for (url, map) in &source.concept_maps {
        line(&mut out, "ConceptMap", url, &concept_map(map))?;
    }
    Ok(out)
}

fn line(out: &mut String, kind: &str, url: &str, resource: &Value) -> Result<(), String> {
    let version = match text(resource, "version") {
        "" => "-",
        version => version,
    };
    writeln!(out, "{kind}\t{url}\t{version}\t{resource}").map_err(|error| error.to_string())
}

fn gather_displays<'s>(concepts: &'s [Value], displays: &mut HashMap<&'s str, &'s str>) {
    for concept in concepts {
        displays.insert(text(concept, "code"), text(concept, "display"));
        gather_displays(list(concept, "concept"), displays);
    }
}

/// The members of `value` that are named, in that order.
fn only(value: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), value.get(*key)?.clone()))).collect()
}

const HEAD: [&str; 6] = ["resourceType", "url", "version", "name", "title", "status"];

fn code_system(system: &Value) -> Value {
    let mut made = only(system, &HEAD);
    made.extend(only(system, &["content", "caseSensitive", "valueSet", "hierarchyMeaning"]));
    let properties: Vec<Value> = list(system, "property")
        .iter()
        .map(|property| Value::Object(only(property, &["code", "uri", "type"])))
        .collect();
    if !properties.is_empty() {
        made.insert("property".to_owned(), properties.into());
    }
    made.insert("concept".to_owned(), concepts(list(system, "concept")));
    Value::Object(made)
}

fn concepts(concepts_: &[Value]) -> Value {
    let one = |concept: &Value| {
        let mut made = only(concept, &["code", "display"]);
        let designations: Vec<Value> = list(concept, "designation").iter().map(designation).collect();
        if !designations.is_empty() {
            made.insert("designation".to_owned(), designations.into());
        }
        let properties = list(concept, "property");
        if !properties.is_empty() {
            made.insert("property".to_owned(), properties.into());
        }
        let inner = list(concept, "concept");
        if !inner.is_empty() {
            made.insert("concept".to_owned(), concepts(inner));
        }
        Value::Object(made)
    };
    concepts_.iter().map(one).collect()
}

/// A designation; that it is for display goes without saying.
fn designation(designation: &Value) -> Value {
    let mut made = only(designation, &["language", "use", "value"]);
    if designation["use"]["code"] == "display" {
        made.remove("use");
    }
    Value::Object(made)
}

fn value_set_of(value_set: &Value, displays: &HashMap<&str, HashMap<&str, &str>>) -> Value {
    let mut made = only(value_set, &HEAD);
    made.extend(only(value_set, &["immutable"]));
    let mut compose = only(&value_set["compose"], &["inactive", "lockedDate"]);
    for key in ["include", "exclude"] {
        let parts: Vec<Value> =
            list(&value_set["compose"], key).iter().map(|part| part_of(part, displays)).collect();
        if !parts.is_empty() {
            compose.insert(key.to_owned(), parts.into());
        }
    }
    made.insert("compose".to_owned(), Value::Object(compose));
    Value::Object(made)
}

fn part_of(part: &Value, displays: &HashMap<&str, HashMap<&str, &str>>) -> Value {
    let mut made = only(part, &["system", "version", "filter", "valueSet"]);
    let known = displays.get(text(part, "system"));
    let codes = list(part, "concept").iter().map(|concept| {
        let mut code = only(concept, &["code"]);
        let (display, own) =
            (text(concept, "display"), known.and_then(|known| known.get(text(concept, "code"))));
        if own.is_some_and(|own| *own != display) && !display.is_empty() {
            code.insert("display".to_owned(), display.into());
        }
        Value::Object(code)
    });
    let codes: Vec<Value> = codes.collect();
    if !codes.is_empty() {
        made.insert("concept".to_owned(), codes.into());
    }
    Value::Object(made)
}

fn concept_map(map: &Value) -> Value {
    let mut made = only(map, &HEAD);
    made.extend(only(map, &["sourceUri", "sourceCanonical", "targetUri", "targetCanonical", "group"]));
    Value::Object(made)
}

/// The maps by address, but those that serve as examples or lead to codes of other publishers.
pub(super) fn kept_maps(maps: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let is_own = |system: &str| {
        system.starts_with("http://hl7.org/fhir/") && !system.starts_with("http://hl7.org/fhir/sid/")
            || system.starts_with("http://terminology.hl7.org/")
    };
    let keeps = |map: &Value| {
        list(map, "group").iter().all(|group| is_own(text(group, "source")) && is_own(text(group, "target")))
    };
    maps.into_iter().filter(|(_, map)| keeps(map)).collect()
}
