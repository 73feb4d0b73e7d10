//! Codes against the value sets that elements are bound to.
//!
//! Source: FHIR R4 4.1.5 (binding strengths).

use super::definition::{Binding, Strength};
use super::{At, Run};
use crate::json::Value;
use crate::outcome::{IssueType, Severity};
use crate::path::Node;

impl Run<'_, '_> {
    /// Checks a coded element against a binding of a profile.
    pub(super) fn binding(&self, at: &At<'_, '_>, binding: &Binding) {
        let url = binding.value_set.as_str();
        let severity = match binding.strength {
            Strength::Required => Severity::Error,
            Strength::Extensible => Severity::Warning,
            Strength::Preferred => Severity::Information,
        };
        match self.is_member(&at.node, url) {
            Some(true) => {}
            Some(false) => {
                // Text alone is enough where a binding may be extended.
                if binding.strength != Strength::Required && codings(&at.node).is_empty() {
                    return;
                }
                let details = match binding.strength {
                    Strength::Required => format!("has no code of {url}, which the profile requires"),
                    Strength::Extensible => {
                        format!("has no code of {url}, which it should have if one of them fits")
                    }
                    Strength::Preferred => format!("has no code of {url}, which the profile prefers"),
                };
                self.report(severity, IssueType::CodeInvalid, at.place, details);
            }
            None => {
                let details =
                    format!("the value set {url} is not loaded as a whole, so codes were not checked");
                let severity = severity.min(Severity::Warning);
                self.report_once(severity, IssueType::NotFound, at.place, details);
            }
        }
    }

    /// Whether a code, Coding, CodeableConcept or Quantity has a code of the value set; `None` if that cannot be said here.
    pub(super) fn is_member(&self, node: &Node<'_>, value_set: &str) -> Option<bool> {
        let codes = self.world().codes?;
        // Something that says only by an extension why there is no code is left alone.
        if node.value().is_null() || has_only_extensions(node.value()) {
            return Some(true);
        }
        let is_plain = node.type_info().primitive.is_some();
        let mut open = false;
        for (system, code) in codings(node) {
            if system.is_none() && !is_plain {
                continue; // a coding without a system is of no value set
            }
            match codes.member_of(value_set, system, code) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => open = true,
            }
        }
        if open { None } else { Some(false) }
    }
}

fn has_only_extensions(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.contains_key("extension") && object.keys().all(|key| key == "extension" || key == "id")
    })
}

/// The codes of an element with their systems.
fn codings<'a>(node: &Node<'a>) -> Vec<(Option<&'a str>, &'a str)> {
    let coding = |value: &'a Value| {
        let text = |key| value.get(key).and_then(Value::as_str);
        Some((text("system"), text("code")?))
    };
    match node.value() {
        Value::String(code) => vec![(None, code.as_str())],
        value if node.type_info().is_subtype_of("CodeableConcept") => {
            value.get("coding").map_or(&[][..], Value::elements).iter().filter_map(coding).collect()
        }
        value => coding(value).into_iter().collect(),
    }
}
