//! Small helpers to build FHIR JSON.

use compact_str::CompactString;
use fhir::json::{Object, Value};

/// Builds one object, leaving out what is not there.
#[derive(Default)]
pub(crate) struct Build(Object);

impl Build {
    /// An empty object.
    pub(crate) fn new() -> Self {
        Self(Object::new())
    }

    /// A resource of a type with an id.
    pub(crate) fn resource(resource_type: &'static str, id: &CompactString) -> Self {
        Self::new().with("resourceType", resource_type).with("id", id.clone())
    }

    /// Adds or replaces a member.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// Adds a member if there is a value.
    pub(crate) fn maybe<V: Into<Value>>(self, name: &'static str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a list if it has entries.
    pub(crate) fn list(self, name: &'static str, entries: Vec<Value>) -> Self {
        if entries.is_empty() { self } else { self.with(name, entries) }
    }

    /// Adds one entry to a list, making the list if needed.
    pub(crate) fn push(mut self, name: &'static str, entry: Value) -> Self {
        push(&mut self.0, name, entry);
        self
    }

    /// The finished object.
    pub(crate) fn done(self) -> Value {
        Value::Object(self.0)
    }

    /// The finished object, or nothing if it has no members.
    pub(crate) fn some(self) -> Option<Value> {
        if self.0.is_empty() { None } else { Some(Value::Object(self.0)) }
    }

    /// Whether a member is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of the members.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys()
    }
}

/// Adds one entry to the list `name` of an object, making the list if needed.
pub(crate) fn push(object: &mut Object, name: &'static str, entry: Value) {
    if let Some(Value::Array(entries)) = object.get_mut(name) {
        entries.push(entry);
    } else {
        object.insert(name, vec![entry]);
    }
}

/// `{"reference": "Type/id"}`.
pub(crate) fn reference(target: &CompactString) -> Value {
    Build::new().with("reference", target.clone()).done()
}

/// A Coding.
pub(crate) fn coding(system: &str, code: &str, display: Option<&str>) -> Value {
    Build::new().with("system", system).with("code", code).maybe("display", display).done()
}

/// A CodeableConcept with one coding.
pub(crate) fn concept(system: &str, code: &str, display: Option<&str>) -> Value {
    Build::new().with("coding", vec![coding(system, code, display)]).done()
}

/// An extension with one value; `value_name` is e.g. `valueString`.
pub(crate) fn extension(url: &str, value_name: &'static str, value: impl Into<Value>) -> Value {
    Build::new().with("url", url).with(value_name, value).done()
}
