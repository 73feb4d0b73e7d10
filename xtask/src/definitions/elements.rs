//! `elements.tsv`: every type, and under it the elements that it adds to its base type.
//!
//! ```text
//! TYPE    BASE or -    primitive|complex|resource|part    abstract or -
//! <tab>NAME    MIN..MAX    TYPE|TYPE(TARGET,TARGET)    VALUE SET or -    FLAGS or -
//! ```
//! A name that ends in `[x]` is a choice. A part (backbone element) is a type named by its path; a content reference
//! names the part that it repeats. The value set is that of a required binding. Flags: `S` in the summary, `M` modifier.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::{Source, list, tail, text, texts};

/// The table, and the value sets of its required bindings.
pub(super) fn table(source: &Source) -> Result<(String, BTreeSet<String>), String> {
    let mut out = String::new();
    let mut bindings = BTreeSet::new();
    for structure in &source.structures {
        let kind = match text(structure, "kind") {
            "primitive-type" => "primitive",
            "complex-type" => "complex",
            "resource" => "resource",
            _ => continue,
        };
        if text(structure, "derivation") == "constraint" {
            continue;
        }
        write_type(structure, kind, &mut out, &mut bindings)?;
    }
    Ok((out, bindings))
}

fn write_type(
    structure: &Value,
    kind: &str,
    out: &mut String,
    bindings: &mut BTreeSet<String>,
) -> Result<(), String> {
    let name = text(structure, "type");
    let elements = list(&structure["snapshot"], "element");
    // Parts in the order of their first element, each with its lines.
    let mut parts: Vec<(String, String)> = Vec::new();
    let base = if text(structure, "baseDefinition").is_empty() {
        "-"
    } else {
        tail(text(structure, "baseDefinition"))
    };
    let abstract_ = if structure["abstract"] == true { "abstract" } else { "-" };
    parts.push((name.to_owned(), format!("{name}\t{base}\t{kind}\t{abstract_}\n")));
    let parents: BTreeSet<&str> =
        elements.iter().filter_map(|e| text(e, "path").rsplit_once('.')).map(|(parent, _)| parent).collect();
    let mut index: BTreeMap<String, usize> = BTreeMap::from([(name.to_owned(), 0)]);
    for element in elements {
        let path = text(element, "path");
        let Some((parent, own)) = path.rsplit_once('.') else { continue };
        let is_primitive_value = kind == "primitive" && own == "value";
        if text(&element["base"], "path") != path || is_primitive_value {
            continue; // inherited, or the literal itself
        }
        let types = if parents.contains(path) {
            let [only] = list(element, "type") else {
                return Err(format!("`{path}` has parts but not one type"));
            };
            index.insert(path.to_owned(), parts.len());
            parts.push((path.to_owned(), format!("{path}\t{}\tpart\t-\n", text(only, "code"))));
            path.to_owned()
        } else {
            type_list(element, path)?
        };
        let &part = index.get(parent).ok_or_else(|| format!("`{path}` stands before its parent"))?;
        let binding = required_binding(element);
        bindings.extend(binding.clone());
        let binding = binding.as_deref().map_or("-", short_value_set);
        let flags: String = [("S", "isSummary"), ("M", "isModifier")]
            .into_iter()
            .filter(|(_, key)| element[*key] == true)
            .map(|(flag, _)| flag)
            .collect();
        let flags = if flags.is_empty() { "-" } else { &flags };
        let (min, max) = (&element["min"], text(element, "max"));
        let lines = &mut parts.get_mut(part).ok_or("no such part")?.1;
        writeln!(lines, "\t{own}\t{min}..{max}\t{types}\t{binding}\t{flags}")
            .map_err(|error| error.to_string())?;
    }
    out.extend(parts.into_iter().map(|(_, lines)| lines));
    Ok(())
}

fn type_list(element: &Value, path: &str) -> Result<String, String> {
    if let Some(repeated) = text(element, "contentReference").strip_prefix('#') {
        return Ok(repeated.to_owned());
    }
    let mut types: Vec<String> = Vec::new();
    for choice in list(element, "type") {
        let code = match text(choice, "code").strip_prefix("http://hl7.org/fhirpath/System.") {
            // The standard names the literal here; the FHIR types are those that its text and its schema give.
            Some("String") => match path {
                "Resource.id" => "id",
                "Extension.url" => "uri",
                _ => "string",
            },
            Some(other) => return Err(format!("`{path}` is a System.{other}")),
            None => text(choice, "code"),
        };
        let targets: Vec<&str> = texts(choice, "targetProfile").into_iter().map(tail).collect();
        types.push(if targets.is_empty() {
            code.to_owned()
        } else {
            format!("{code}({})", targets.join(","))
        });
    }
    if types.is_empty() { Err(format!("`{path}` has no type")) } else { Ok(types.join("|")) }
}

fn required_binding(element: &Value) -> Option<String> {
    let binding = &element["binding"];
    let url = text(binding, "valueSet").split('|').next().filter(|url| !url.is_empty())?;
    (text(binding, "strength") == "required").then(|| url.to_owned())
}

/// The address without the standard's own prefix.
pub(super) fn short_value_set(url: &str) -> &str {
    url.strip_prefix("http://hl7.org/fhir/ValueSet/").unwrap_or(url)
}
