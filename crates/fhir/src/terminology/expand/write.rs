//! Expansions as FHIR writes them.

use super::{Expansion, ExpansionOptions, Member};
use crate::json::{Object, Value};
use crate::json_object;
use crate::terminology::{Designation, ValueSet};

impl Designation<'_> {
    /// The designation as FHIR writes it in value sets and answers: `language`, `use`, `value`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut object = Object::new();
        if let Some(language) = self.language {
            object.insert("language", language);
        }
        if let Some((system, code)) = self.r#use {
            let mut purpose = Object::new();
            if !system.is_empty() {
                purpose.insert("system", system);
            }
            purpose.insert("code", code);
            if let Some(display) = self.use_display {
                purpose.insert("display", display);
            }
            object.insert("use", purpose);
        }
        object.insert("value", self.value);
        Value::Object(object)
    }
}

impl Member {
    /// The code as an element of `ValueSet.expansion.contains`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut object = Object::new();
        object.insert("system", self.system.as_str());
        if self.is_abstract {
            object.insert("abstract", true);
        }
        if self.is_inactive {
            object.insert("inactive", true);
        }
        if let Some(version) = &self.version {
            object.insert("version", version.as_str());
        }
        object.insert("code", self.code.as_str());
        if let Some(display) = &self.display {
            object.insert("display", display.as_str());
        }
        if !self.designations.is_empty() {
            object.insert("designation", self.designations.clone());
        }
        Value::Object(object)
    }
}

impl Expansion {
    /// The `ValueSet` resource of an answer: `value_set`'s header with this expansion. `timestamp` (an
    /// instant) comes from the caller.
    #[must_use]
    pub fn to_value(&self, value_set: &ValueSet, options: &ExpansionOptions, timestamp: &str) -> Value {
        let mut parameters = Vec::new();
        let mut parameter = |name: &str, key: &'static str, value: Value| {
            let mut object = Object::new();
            object.insert("name", name);
            object.insert(key, value);
            parameters.push(Value::Object(object));
        };
        if let Some(filter) = &options.filter {
            parameter("filter", "valueString", filter.as_str().into());
        }
        if let Some(language) = &options.display_language {
            parameter("displayLanguage", "valueCode", language.as_str().into());
        }
        if options.active_only {
            parameter("activeOnly", "valueBoolean", true.into());
        }
        if options.with_designations {
            parameter("includeDesignations", "valueBoolean", true.into());
        }
        if let Some(count) = options.count {
            parameter("count", "valueInteger", count.into());
        }
        for (system, version) in &self.systems {
            let canonical =
                version.as_ref().map_or_else(|| system.clone(), |version| format!("{system}|{version}"));
            parameter("version", "valueUri", canonical.into());
        }
        for system in &self.incomplete {
            parameter("fragment", "valueUri", system.as_str().into());
        }
        let mut expansion = json_object! {
            "timestamp": timestamp, "total": self.total, "offset": self.offset,
        };
        let contains: Vec<Value> = self.members.iter().map(Member::to_value).collect();
        if let Some(expansion) = expansion.as_object_mut() {
            if !parameters.is_empty() {
                expansion.insert("parameter", parameters);
            }
            if !contains.is_empty() {
                expansion.insert("contains", contains);
            }
        }
        let mut resource = value_set.header().clone();
        if !resource.contains_key("status") {
            resource.insert("status", "active");
        }
        resource.insert("expansion", expansion);
        Value::Object(resource)
    }
}
