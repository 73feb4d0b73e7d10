//! Single elements: deleting them, and those that exist in one of several types.

use fhir::json::{Object, Value};

use super::lists::role;

pub(super) fn clear(joined: &mut Object, path: &str) {
    if path.starts_with("http") {
        if let Some(Value::Array(entries)) = joined.get_mut("extension") {
            entries.retain(|entry| entry.get("url").and_then(Value::as_str) != Some(path));
            if entries.is_empty() {
                joined.remove("extension");
            }
        }
    } else if let Some(stem) = path.strip_suffix("[x]") {
        joined.retain(|name, _| choice_stem(name) != Some(stem));
    } else if let Some((element, code)) = path.split_once('=') {
        if let Some(Value::Array(entries)) = joined.get_mut(element) {
            entries.retain(|entry| role(entry) != Some(code));
            if entries.is_empty() {
                joined.remove(element);
            }
        }
    } else if let Some((outer, inner)) = path.split_once('.') {
        if let Some(Value::Object(object)) = joined.get_mut(outer) {
            object.remove(inner);
            if object.is_empty() {
                joined.remove(outer);
            }
        }
    } else {
        joined.remove(path);
        joined.remove(&format!("_{path}"));
    }
}

/// The elements that exist once in several types, by the stem of their name.
const CHOICES: &[&str] = &[
    "value",
    "effective",
    "onset",
    "abatement",
    "deceased",
    "multipleBirth",
    "occurrence",
    "collected",
    "quantity",
];

fn choice_stem(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix('_').unwrap_or(name);
    CHOICES
        .iter()
        .find(|stem| {
            name.strip_prefix(**stem)
                .is_some_and(|kind| kind.starts_with(|first: char| first.is_ascii_uppercase()))
        })
        .copied()
}

/// Removes an element's other types: a patient is not dead as a date and alive as a boolean.
pub(super) fn remove_choice(joined: &mut Object, name: &str) {
    if let Some(stem) = choice_stem(name) {
        joined.retain(|other, _| other == name || choice_stem(other) != Some(stem));
    }
}

/// Whether the element is there in another of its types.
pub(crate) fn has_choice(object: &Object, name: &str) -> bool {
    choice_stem(name).is_some_and(|stem| has_stem(object, stem))
}

pub(super) fn has_stem(object: &Object, stem: &str) -> bool {
    object.keys().any(|other| choice_stem(other) == Some(stem))
}
