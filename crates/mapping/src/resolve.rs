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

mod elements;
mod lists;

use compact_str::CompactString;
use fhir::json::{Object, Value};

use crate::hl7v2::fhir_range;
use crate::intent::{Intent, Mode, SourceTime};
use crate::json::{Build, extension};
pub(crate) use elements::has_choice;
use elements::{clear, has_stem, remove_choice};
use lists::{deep, is_deep, is_joined, is_known, join_list, locations, participants, retained};

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
            // A mention is no state of its own: the first real one, however old, is newer.
            if intent.mode != Mode::Mention {
                synchronise(object, intent.source_time.as_ref(), None);
            }
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
    if is_older && !joins_patients && intent.mode != Mode::Mention {
        return Resolution::Skip { reason: SkipReason::Older };
    }
    // Most mentions say nothing new; they need no copy to compare with.
    if intent.mode == Mode::Mention && adds_nothing(existing, wanted) {
        return Resolution::Unchanged;
    }
    let mut joined = existing.clone();
    match intent.mode {
        // What is missing may be missing because a later message cleared it.
        Mode::Mention => mention(&mut joined, wanted, is_older),
        // What a late merge says of the people is old; that they are one is still true.
        _ if is_older => link(&mut joined, wanted, intent, true),
        Mode::Link => {
            link(&mut joined, wanted, intent, false);
            mention(&mut joined, wanted, false);
        }
        Mode::Snapshot | Mode::Undo => update(&mut joined, wanted, intent),
        Mode::Replace => replace(&mut joined, wanted, intent),
    }
    if intent.mode != Mode::Mention && !is_older {
        synchronise(&mut joined, intent.source_time.as_ref(), stored_time);
    }
    if joined == *existing { Resolution::Unchanged } else { Resolution::Put(Value::Object(joined)) }
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

/// Fills what is missing, unless `identifiers_only`; joins identifiers.
fn mention(joined: &mut Object, wanted: &Object, identifiers_only: bool) {
    for (name, value) in wanted {
        match joined.get(name) {
            None if !identifiers_only && !has_choice(joined, name) => {
                drop(joined.insert(name, value.clone()))
            }
            Some(present) if name == "identifier" => {
                let is_new = |entry: &&Value| !is_known(present, entry);
                let new: Vec<Value> = value.elements().iter().filter(is_new).cloned().collect();
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
