//! Joins an intent with what the store holds: the one place that says what a message may change.
//!
//! Rules, in short:
//! - what the intent lacks stays; what it holds replaces; what it clears goes (HL7 v2: empty, valued, `""`);
//! - a state older than the stored one changes nothing, whatever the order of arrival; the time of a state is kept in
//!   `meta.extension` (`lastSourceSync`);
//! - identifiers and links are joined, never dropped: a merged patient must stay findable by every number;
//! - the same intent twice changes nothing the second time.
//!
//! Source: HL7 v2.8 chapter 2, 2.5.3 (delimiters and null) and 2.10 (update modes).

use compact_str::CompactString;
use fhir::json::{Object, Value};

use crate::hl7v2::fhir_range;
use crate::intent::{Intent, Mode, Retain, SourceTime};
use crate::json::{Build, extension};

const SYNC: &str = "http://hl7.org/fhir/StructureDefinition/lastSourceSync";

/// What to do about one intent.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The store already holds this.
    Unchanged,
    /// Store this as the next version (or the first).
    Put(Value),
    /// The intent must not change what is stored.
    Skip {
        /// Why.
        reason: SkipReason,
    },
}

/// Why an intent changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The stored state was recorded later.
    Older,
}

/// Joins an intent with the existing version of its resource, if there is one. `existing` may carry server elements
/// (`meta.versionId`, `meta.lastUpdated`): they are kept and compared as they are.
#[must_use]
pub fn resolve(existing: Option<&Value>, intent: &Intent) -> Resolution {
    let Some(Value::Object(existing)) = existing else {
        let mut first = intent.resource.clone();
        if let Value::Object(object) = &mut first {
            synchronise(object, intent.source_time.as_ref(), None);
        }
        return Resolution::Put(first);
    };
    let Value::Object(wanted) = &intent.resource else { return Resolution::Unchanged };
    let stored_time = stored_sync(existing);
    let is_older = match (&intent.source_time, &stored_time) {
        // Only a state that ended before the stored one began is certainly older.
        (Some(new), Some((low, _))) => new.high_ms <= *low,
        _ => false,
    };
    let joins_patients = wanted.contains_key("link") || !intent.unlinks.is_empty();
    if is_older && !joins_patients {
        return Resolution::Skip { reason: SkipReason::Older };
    }
    // Most mentions say nothing new; they need no copy to compare with.
    if intent.mode == Mode::Mention && adds_nothing(existing, wanted) {
        return Resolution::Unchanged;
    }
    let mut joined = existing.clone();
    match intent.mode {
        Mode::Mention => mention(&mut joined, wanted),
        // What a late merge says of the people is old; that they are one is still true.
        _ if is_older => link(&mut joined, wanted, intent, true),
        Mode::Link => {
            link(&mut joined, wanted, intent, false);
            mention(&mut joined, wanted);
        }
        Mode::Snapshot | Mode::Undo => update(&mut joined, wanted, intent),
        Mode::Replace => replace(&mut joined, wanted, intent),
    }
    if intent.mode != Mode::Mention && !is_older {
        synchronise(&mut joined, intent.source_time.as_ref(), stored_time);
    }
    if joined == *existing { Resolution::Unchanged } else { Resolution::Put(Value::Object(joined)) }
}

/// Lists whose entries are joined: a new entry replaces the one of the same key, the others stay.
fn entry_key(element: &str, entry: &Value) -> Option<CompactString> {
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
fn is_joined(resource_type: &str, element: &str) -> bool {
    matches!(
        (resource_type, element),
        (_, "identifier" | "extension" | "hasMember" | "result")
            | ("DiagnosticReport", "specimen" | "basedOn")
            | ("Encounter", "diagnosis")
            | ("Observation", "derivedFrom")
    )
}

fn join_list(existing: &Value, wanted: &Value, element: &str) -> Value {
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
fn identifier(known: &Value, new: &Value) -> Value {
    let mut joined = deep(known, new);
    if let (Value::Object(joined), None) = (&mut joined, new.get("use")) {
        joined.remove("use");
    }
    joined
}

/// Whether all that is mentioned is known already.
fn adds_nothing(existing: &Object, wanted: &Object) -> bool {
    wanted.iter().all(|(name, value)| match existing.get(name) {
        None => has_choice(existing, name),
        Some(present) if name == "identifier" => {
            value.elements().iter().all(|entry| is_known(present, entry))
        }
        Some(_) => true,
    })
}

/// Whether a list of identifiers holds this one.
fn is_known(present: &Value, entry: &Value) -> bool {
    let key = entry_key("identifier", entry);
    present.elements().iter().any(|old| entry_key("identifier", old) == key)
}

/// Fills what is missing; joins identifiers.
fn mention(joined: &mut Object, wanted: &Object) {
    for (name, value) in wanted {
        match joined.get(name) {
            None if !has_choice(joined, name) => drop(joined.insert(name, value.clone())),
            Some(present) if name == "identifier" => {
                let known = |entry: &Value| {
                    let key = entry_key(name, entry);
                    present.elements().iter().any(|old| entry_key(name, old) == key)
                };
                let new: Vec<Value> =
                    value.elements().iter().filter(|entry| !known(entry)).cloned().collect();
                if !new.is_empty() {
                    let all = join_list(present, &Value::Array(new), name);
                    joined.insert(name, all);
                }
            }
            _ => {}
        }
    }
}

/// One side of a merge. Reversing an earlier merge of the same two removes its link.
fn link(joined: &mut Object, wanted: &Object, intent: &Intent, is_older: bool) {
    let target = |entry: &Value| entry.get("other").and_then(|other| other.get("reference")).cloned();
    let new: Vec<Value> = wanted.get("link").map(|link| link.elements().to_vec()).unwrap_or_default();
    let mut targets: Vec<Value> = new.iter().filter_map(target).collect();
    targets.extend(intent.unlinks.iter().map(|key| Value::from(key.clone())));
    let present = joined.get("link").map(|link| link.elements().to_vec()).unwrap_or_default();
    // A later message has already said how these two stand.
    if is_older && present.iter().filter_map(target).any(|other| targets.contains(&other)) {
        return;
    }
    // Links that stay keep their place, so that saying the same again changes nothing.
    let goes =
        |entry: &Value| target(entry).is_some_and(|other| targets.contains(&other)) && !new.contains(entry);
    let mut links: Vec<Value> = present.into_iter().filter(|entry| !goes(entry)).collect();
    let missing: Vec<Value> = new.iter().filter(|entry| !links.contains(entry)).cloned().collect();
    links.extend(missing);
    if links.is_empty() {
        joined.remove("link");
    } else {
        joined.insert("link", links);
    }
    if let Some(new) = wanted.get("identifier") {
        let all =
            joined.get("identifier").map_or_else(|| new.clone(), |old| join_list(old, new, "identifier"));
        joined.insert("identifier", all);
    }
    if let Some(active) = wanted.get("active").filter(|_| !intent.defaults.contains(&"active")) {
        joined.insert("active", active.clone());
    }
}

/// A result is told whole: what a correction leaves out no longer holds. A deletion carries no content, and keeps it.
fn replace(joined: &mut Object, wanted: &Object, intent: &Intent) {
    let status = wanted.get("status").and_then(Value::as_str);
    if status == Some("entered-in-error") {
        update(joined, wanted, intent);
        return;
    }
    let resource_type = wanted.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    let keeps = |name: &str| {
        matches!(name, "id" | "meta" | "text" | "resourceType")
            || wanted.contains_key(name)
            || is_joined(resource_type, name)
    };
    joined.retain(|name, _| keeps(name));
    update(joined, wanted, intent);
}

fn update(joined: &mut Object, wanted: &Object, intent: &Intent) {
    let resource_type = wanted.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    // What one field deletes and another brings (PID-30 and PID-29) is there.
    let is_told = |path: &str| {
        let inner = path.split_once('.').and_then(|(outer, inner)| wanted.get(outer)?.get(inner));
        wanted.contains_key(path)
            || inner.is_some()
            || path.strip_suffix("[x]").is_some_and(|stem| has_stem(wanted, stem))
    };
    for path in intent.clears.iter().filter(|path| !is_told(path)) {
        clear(joined, path);
    }
    if wanted.contains_key("link") || !intent.unlinks.is_empty() {
        link(joined, wanted, intent, false);
    }
    let is_replaced = joined.get("link").is_some_and(|links| {
        links.elements().iter().any(|link| link.get("type").and_then(Value::as_str) == Some("replaced-by"))
    });
    for (name, value) in wanted {
        // A patient merged into another stays inactive, whatever still arrives for it.
        if name == "link" || (is_replaced && name == "active" && resource_type == "Patient") {
            continue;
        }
        if intent.defaults.contains(&name) && joined.contains_key(name) {
            continue;
        }
        remove_choice(joined, name);
        let value = match joined.get(name) {
            Some(present) if is_joined(resource_type, name) => join_list(present, value, name),
            Some(present) if resource_type == "Encounter" && name == "location" => {
                locations(present, value, intent)
            }
            Some(present) if resource_type == "Encounter" && name == "participant" => {
                participants(present, value)
            }
            Some(present) if is_deep(name) => deep(present, value),
            Some(present) => retained(present, value, name, &intent.retains),
            None => value.clone(),
        };
        if !name.starts_with('_') && !wanted.contains_key(&format!("_{name}")) {
            joined.remove(&format!("_{name}"));
        }
        joined.insert(name, value);
    }
    for retain in &intent.retains {
        if !wanted.contains_key(retain.element)
            && let Some(present) = joined.get(retain.element)
        {
            let left = retained(present, &Value::Array(Vec::new()), retain.element, &intent.retains);
            if left.elements().is_empty() {
                joined.remove(retain.element);
            } else {
                joined.insert(retain.element, left);
            }
        }
    }
}

/// Structures whose members come from different fields, so that one field must not wipe another's.
fn is_deep(name: &str) -> bool {
    matches!(name, "period" | "hospitalization" | "collection")
}

fn deep(present: &Value, wanted: &Value) -> Value {
    let (Value::Object(present), Value::Object(wanted)) = (present, wanted) else { return wanted.clone() };
    let mut joined = present.clone();
    for (name, value) in wanted {
        remove_choice(&mut joined, name);
        joined.insert(name, value.clone());
    }
    Value::Object(joined)
}

fn retained(present: &Value, wanted: &Value, element: &str, retains: &[Retain]) -> Value {
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
fn role(participant: &Value) -> Option<&str> {
    participant.get("type")?.at(0)?.get("coding")?.at(0)?.get("code")?.as_str()
}

/// The people of a role that the message tells replace those of that role; the others stay.
fn participants(present: &Value, wanted: &Value) -> Value {
    let told = |entry: &&Value| wanted.elements().iter().any(|new| role(new) == role(entry));
    let mut all: Vec<Value> = present.elements().iter().filter(|entry| !told(entry)).cloned().collect();
    all.extend(wanted.elements().iter().cloned());
    Value::Array(all)
}

/// Where the patient was stays in the list as completed; a place that an undone event brought goes.
fn locations(present: &Value, wanted: &Value, intent: &Intent) -> Value {
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

fn clear(joined: &mut Object, path: &str) {
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
fn remove_choice(joined: &mut Object, name: &str) {
    if let Some(stem) = choice_stem(name) {
        joined.retain(|other, _| other == name || choice_stem(other) != Some(stem));
    }
}

fn has_choice(object: &Object, name: &str) -> bool {
    choice_stem(name).is_some_and(|stem| has_stem(object, stem))
}

fn has_stem(object: &Object, stem: &str) -> bool {
    object.keys().any(|other| choice_stem(other) == Some(stem))
}

/// The stored time of the sender's state.
fn stored_sync(existing: &Object) -> Option<(i64, i64)> {
    let extensions = existing.get("meta")?.get("extension")?.elements();
    let sync = extensions.iter().find(|entry| entry.get("url").and_then(Value::as_str) == Some(SYNC))?;
    fhir_range(sync.get("valueDateTime")?.as_str()?)
}

/// Writes the time of the sender's state, unless a later one stands there.
fn synchronise(object: &mut Object, time: Option<&SourceTime>, stored: Option<(i64, i64)>) {
    let Some(time) = time.filter(|time| stored.is_none_or(|(low, _)| time.low_ms >= low)) else { return };
    let sync = extension(SYNC, "valueDateTime", time.text.clone());
    if object.get("meta").is_none() {
        let meta = Build::new().with("extension", vec![sync]).done();
        // After the id, where a reader looks for it.
        let rest: Vec<(CompactString, Value)> = std::mem::take(object).into_iter().collect();
        let mut meta = Some(meta);
        for (name, value) in rest {
            let is_id = name == "id";
            object.insert(name, value);
            if is_id && let Some(meta) = meta.take() {
                object.insert("meta", meta);
            }
        }
        return;
    }
    let Some(Value::Object(meta)) = object.get_mut("meta") else { return };
    match meta.get("extension").cloned() {
        Some(present) => {
            drop(meta.insert("extension", join_list(&present, &Value::Array(vec![sync]), "extension")))
        }
        None => drop(meta.insert("extension", vec![sync])),
    }
}
