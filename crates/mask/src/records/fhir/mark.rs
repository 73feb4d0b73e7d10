//! What a masked resource says about itself: security labels for what was done, and a seal.

use fhir::json::{Object, Value, object};
use fhir::json_object;

use super::MaskedResource;
use crate::Keys;
use crate::records::seal;
use crate::transform::Tally;

/// The system of the seal among `meta.tag`.
const SEAL: &str = "urn:ward:mask-seal";

const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// What was done with the elements of a resource; the labels of the Microsoft tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) redacted: bool,
    pub(super) abstracted: bool,
    pub(super) hashed: bool,
    pub(super) encrypted: bool,
    pub(super) perturbed: bool,
    pub(super) substituted: bool,
    pub(super) generalized: bool,
}

impl Done {
    pub(super) fn join(&mut self, other: Self) {
        self.redacted |= other.redacted;
        self.abstracted |= other.abstracted;
        self.hashed |= other.hashed;
        self.encrypted |= other.encrypted;
        self.perturbed |= other.perturbed;
        self.substituted |= other.substituted;
        self.generalized |= other.generalized;
    }

    /// System (where there is one), code and display of each label. `CRYTOHASH` is spelt as in the code system.
    fn labels(self) -> impl Iterator<Item = (Option<&'static str>, &'static str, &'static str)> {
        let known = Some(OBSERVATION_VALUE);
        [
            (self.redacted, known, "REDACTED", "redacted"),
            (self.abstracted, known, "ABSTRED", "abstracted"),
            (self.hashed, known, "CRYTOHASH", "cryptographic hash function"),
            (self.encrypted, None, "ENCRYPT", "exact value is transformed into ciphertext"),
            (self.perturbed, None, "PERTURBED", "exact value is replaced with another exact value"),
            (self.substituted, None, "SUBSTITUTED", "exact value is replaced with a predefined value"),
            (self.generalized, None, "GENERALIZED", "exact value is replaced with a general value"),
        ]
        .into_iter()
        .filter_map(|(is_done, system, code, display)| is_done.then_some((system, code, display)))
    }
}

/// Adds the labels to `meta.security`, each once.
pub(super) fn add_labels(resource: &mut Object, done: Done) {
    let labels: Vec<_> = done.labels().collect();
    if labels.is_empty() {
        return;
    }
    let security = list_in_meta(resource, "security");
    for (system, code, display) in labels {
        let is_there = security.iter().any(|coding| coding.get("code").and_then(Value::as_str) == Some(code));
        if is_there {
            continue;
        }
        let system = system.map(|system| ("system", Value::from(system)));
        security.push(object(system.into_iter().chain([("code", code.into()), ("display", display.into())])));
    }
}

/// Seals a masked resource: the seal is the last of `meta.tag`.
pub(super) fn add_seal(resource: &mut Object, keys: &dyn Keys, fingerprint: &str) {
    let bytes = unsealed(resource).to_vec();
    let code = seal::seal(keys, fingerprint, &bytes);
    let tag = list_in_meta(resource, "tag");
    tag.retain(|coding| !is_seal(coding));
    tag.push(json_object! { "system": SEAL, "code": code });
}

/// Whether these keys and rules masked the resource, and nothing in it changed since.
pub(super) fn is_sealed(resource: &Value, keys: &dyn Keys, fingerprint: &str) -> bool {
    let tags = resource.get("meta").and_then(|meta| meta.get("tag")).and_then(Value::as_array);
    let found = tags.and_then(|tags| tags.iter().find(|tag| is_seal(tag))?.get("code")?.as_str());
    let (Some(found), Some(object)) = (found, resource.as_object()) else { return false };
    seal::verifies(keys, fingerprint, &unsealed(object).to_vec(), found)
}

/// What is left of a resource on which a rule failed.
pub(super) fn empty(type_name: &str) -> MaskedResource {
    let mut resource = Object::new();
    resource.insert("resourceType", type_name);
    add_labels(&mut resource, Done { redacted: true, ..Done::default() });
    let mut tally = Tally::default();
    tally.removed_unread = 1;
    MaskedResource { resource: Value::Object(resource), tally }
}

/// The resource without its seal, and without what only held it.
fn unsealed(resource: &Object) -> Value {
    let mut resource = resource.clone();
    let mut meta_is_empty = false;
    if let Some(Value::Object(meta)) = resource.get_mut("meta") {
        if let Some(Value::Array(tags)) = meta.get_mut("tag") {
            tags.retain(|tag| !is_seal(tag));
            if tags.is_empty() {
                meta.remove("tag");
            }
        }
        meta_is_empty = meta.is_empty();
    }
    if meta_is_empty {
        resource.remove("meta");
    }
    Value::Object(resource)
}

fn is_seal(coding: &Value) -> bool {
    coding.get("system").and_then(Value::as_str) == Some(SEAL)
}

/// A list of `meta`, made if it is not there.
fn list_in_meta<'a>(resource: &'a mut Object, name: &'static str) -> &'a mut Vec<Value> {
    if !matches!(resource.get("meta"), Some(Value::Object(_))) {
        resource.insert("meta", Value::Object(Object::new()));
    }
    list_in(resource.get_mut("meta"), name)
}

fn list_in<'a>(meta: Option<&'a mut Value>, name: &'static str) -> &'a mut Vec<Value> {
    #[expect(clippy::expect_used, reason = "the caller has just put an object there")]
    let meta = meta.and_then(Value::as_object_mut).expect("meta is an object");
    if !matches!(meta.get(name), Some(Value::Array(_))) {
        meta.insert(name, Value::Array(Vec::new()));
    }
    #[expect(clippy::expect_used, reason = "it was put there a line above")]
    meta.get_mut(name).and_then(Value::as_array_mut).expect("the member is an array")
}
