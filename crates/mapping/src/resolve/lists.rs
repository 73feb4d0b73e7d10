//! Lists and structures: which entries of the stored ones stay when a message brings others.

use compact_str::CompactString;
use fhir::json::Value;

use super::elements::remove_choice;
use crate::intent::{Intent, Mode, Retain};
use crate::json::Build;

/// Lists whose entries are joined: a new entry replaces the one of the same key, the others stay.
pub(super) fn entry_key(element: &str, entry: &Value) -> Option<CompactString> {
    let text = |path: &[&str]| {
        let found = path.iter().try_fold(entry, |value, name| value.get(name)).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let parts = match element {
        // Without a system the assigner's name stands for it.
        "identifier" if entry.get("system").is_some() => [text(&["system"]), String::new(), text(&["value"])],
        "identifier" => [String::new(), text(&["assigner", "display"]), text(&["value"])],
        "extension" => [text(&["url"]), String::new(), String::new()],
        "hasMember" | "result" | "specimen" | "derivedFrom" | "basedOn" => {
            [text(&["reference"]), text(&["display"]), String::new()]
        }
        "diagnosis" => [text(&["condition", "reference"]), String::new(), String::new()],
        _ => return None,
    };
    Some(CompactString::from(parts.join("\u{1f}")))
}

/// Whether a list's entries are joined rather than replaced in a resource of this type.
pub(super) fn is_joined(resource_type: &str, element: &str) -> bool {
    matches!(
        (resource_type, element),
        (_, "identifier" | "extension" | "hasMember" | "result")
            | ("DiagnosticReport", "specimen" | "basedOn")
            | ("Encounter", "diagnosis")
            | ("Observation", "derivedFrom")
    )
}

pub(super) fn join_list(existing: &Value, wanted: &Value, element: &str) -> Value {
    let new: Vec<(Option<CompactString>, &Value)> =
        wanted.elements().iter().map(|entry| (entry_key(element, entry), entry)).collect();
    let mut used = vec![false; new.len()];
    let mut all: Vec<Value> = Vec::with_capacity(existing.elements().len() + new.len());
    for entry in existing.elements() {
        let key = entry_key(element, entry);
        let matching = new.iter().zip(&used).position(|((new_key, _), used)| !used && *new_key == key);
        match matching {
            Some(at) => {
                if let (Some(used), Some((_, new_entry))) = (used.get_mut(at), new.get(at)) {
                    *used = true;
                    all.push(if element == "identifier" {
                        identifier(entry, new_entry)
                    } else {
                        (*new_entry).clone()
                    });
                }
            }
            // A second entry of the same extension gives way to the first new one.
            None if element == "extension" && new.iter().any(|(new_key, _)| *new_key == key) => {}
            None => all.push(entry.clone()),
        }
    }
    all.extend(new.iter().zip(&used).filter(|(_, used)| !**used).map(|((_, entry), _)| (*entry).clone()));
    Value::Array(all)
}

/// The same number told again: what is new of it counts, its type stays known; `use` is what the new telling says.
pub(super) fn identifier(known: &Value, new: &Value) -> Value {
    let mut joined = deep(known, new);
    if let (Value::Object(joined), None) = (&mut joined, new.get("use")) {
        joined.remove("use");
    }
    joined
}

/// Whether a list of identifiers holds this one.
pub(super) fn is_known(present: &Value, entry: &Value) -> bool {
    let key = entry_key("identifier", entry);
    present.elements().iter().any(|old| entry_key("identifier", old) == key)
}

/// Structures whose members come from different fields, so that one field must not wipe another's.
pub(super) fn is_deep(name: &str) -> bool {
    matches!(name, "period" | "hospitalization" | "collection")
}

pub(super) fn deep(present: &Value, wanted: &Value) -> Value {
    let (Value::Object(present), Value::Object(wanted)) = (present, wanted) else { return wanted.clone() };
    let mut joined = present.clone();
    for (name, value) in wanted {
        remove_choice(&mut joined, name);
        joined.insert(name, value.clone());
    }
    Value::Object(joined)
}

pub(super) fn retained(present: &Value, wanted: &Value, element: &str, retains: &[Retain]) -> Value {
    let Some(retain) = retains.iter().find(|retain| retain.element == element) else { return wanted.clone() };
    let stays = |entry: &&Value| {
        let is_value = entry.get(retain.member).and_then(Value::as_str) == Some(retain.value);
        is_value != retain.except && !wanted.elements().contains(entry)
    };
    let mut all: Vec<Value> = present.elements().iter().filter(stays).cloned().collect();
    all.extend(wanted.elements().iter().cloned());
    Value::Array(all)
}

/// The role of an entry of Encounter.participant, by which PV1's fields differ.
pub(super) fn role(participant: &Value) -> Option<&str> {
    participant.get("type")?.at(0)?.get("coding")?.at(0)?.get("code")?.as_str()
}

/// The people of a role that the message tells replace those of that role; the others stay.
pub(super) fn participants(present: &Value, wanted: &Value) -> Value {
    let told = |entry: &&Value| wanted.elements().iter().any(|new| role(new) == role(entry));
    let mut all: Vec<Value> = present.elements().iter().filter(|entry| !told(entry)).cloned().collect();
    all.extend(wanted.elements().iter().cloned());
    Value::Array(all)
}

/// Where the patient was stays in the list as completed; a place that an undone event brought goes.
pub(super) fn locations(present: &Value, wanted: &Value, intent: &Intent) -> Value {
    let place = |entry: &Value| entry.get("location").and_then(|place| place.get("reference")).cloned();
    let status = |entry: &Value| entry.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
    let new = wanted.elements();
    // A message that does not say where the patient is does not say that the patient has left.
    let tells_present = new.iter().any(|entry| matches!(status(entry).as_str(), "active" | "planned"));
    let mut all: Vec<Value> = Vec::new();
    let mut used = vec![false; new.len()];
    for old in present.elements() {
        let found = new.iter().zip(&used).position(|(entry, used)| !used && place(entry) == place(old));
        match found {
            Some(at) => {
                if let (Some(used), Some(entry)) = (used.get_mut(at), new.get(at)) {
                    *used = true;
                    all.push(deep(old, entry));
                }
            }
            None if status(old) == "completed" || !tells_present => all.push(old.clone()),
            None if status(old) == "active" && intent.mode != Mode::Undo => {
                if let Value::Object(mut left) = old.clone() {
                    left.insert("status", "completed");
                    if let Some(time) = intent.source_time.as_ref() {
                        let period = Build::new().with("end", time.text.clone()).done();
                        let period = left.get("period").map_or(period.clone(), |known| deep(known, &period));
                        left.insert("period", period);
                    }
                    all.push(Value::Object(left));
                }
            }
            None => {}
        }
    }
    all.extend(new.iter().zip(&used).filter(|(_, used)| !**used).map(|(entry, _)| entry.clone()));
    Value::Array(all)
}
