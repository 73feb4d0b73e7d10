//! `rules.tsv`: what the validator of resources checks beyond structure.
//!
//! ```text
//! invariant    PATH    KEY    error|warning    EXPRESSION    RULE
//! binding      PATH    VALUE SET of an extensible binding
//! extension    SHORT URL    modifier or -    TYPE|TYPE of its value or -    CONTEXT|CONTEXT
//! ```
//! The rules are the standard's own one-line texts. `as()` on several items is what R4's invariants mean by `ofType()`;
//! FHIRPath has since forbidden the former, so it is written as the latter.

use std::fmt::Write as _;

use serde_json::Value;

use super::elements::short_value_set;
use super::{Source, list, text};

pub(super) fn table(source: &Source) -> Result<String, String> {
    let mut out = String::new();
    for structure in &source.structures {
        if text(structure, "type") == "Extension" && text(structure, "derivation") == "constraint" {
            extension(structure, &mut out).map_err(|error| error.to_string())?;
        } else if text(structure, "derivation") != "constraint" {
            invariants(structure, &mut out).map_err(|error| error.to_string())?;
        }
    }
    Ok(out)
}

fn invariants(structure: &Value, out: &mut String) -> std::fmt::Result {
    for element in list(&structure["differential"], "element") {
        let path = text(element, "path");
        for constraint in list(element, "constraint") {
            let expression = one_line(text(constraint, "expression")).replace(".as(", ".ofType(");
            let (key, severity) = (text(constraint, "key"), text(constraint, "severity"));
            let rule = one_line(text(constraint, "human"));
            writeln!(out, "invariant\t{path}\t{key}\t{severity}\t{expression}\t{rule}")?;
        }
    }
    for element in list(&structure["snapshot"], "element") {
        let (path, binding) = (text(element, "path"), &element["binding"]);
        let url = text(binding, "valueSet").split('|').next().unwrap_or_default();
        if text(&element["base"], "path") == path
            && text(binding, "strength") == "extensible"
            && !url.is_empty()
        {
            writeln!(out, "binding\t{path}\t{}", short_value_set(url))?;
        }
    }
    Ok(())
}

fn extension(structure: &Value, out: &mut String) -> std::fmt::Result {
    let elements = list(&structure["snapshot"], "element");
    let at = |path: &str| elements.iter().find(|element| text(element, "path") == path);
    let is_modifier = at("Extension").is_some_and(|root| root["isModifier"] == true);
    let value = at("Extension.value[x]").filter(|value| text(value, "max") != "0");
    let types: Vec<&str> = value
        .map(|value| list(value, "type"))
        .unwrap_or_default()
        .iter()
        .map(|ty| text(ty, "code"))
        .collect();
    let contexts: Vec<&str> =
        list(structure, "context").iter().map(|context| text(context, "expression")).collect();
    let url = text(structure, "url").trim_start_matches("http://hl7.org/fhir/StructureDefinition/");
    let modifier = if is_modifier { "modifier" } else { "-" };
    let types = if types.is_empty() { "-".to_owned() } else { types.join("|") };
    writeln!(out, "extension\t{url}\t{modifier}\t{types}\t{}", contexts.join("|"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
