//! Extensions: whether they are known, may stand where they stand, and hold what their definition says.
//!
//! Source: FHIR R4 2.4 (extensibility), StructureDefinition.context.

use super::{At, Run, standard};
use crate::json::Value;
use crate::outcome::{IssueType, Severity};
use crate::path::Item;

impl Run<'_, '_> {
    /// Checks an extension on `host`; `is_modifier` says under which name it stands.
    pub(super) fn extension(&self, at: &At<'_, '_>, host: &At<'_, '_>, is_modifier: bool) {
        let Some(url) = at.node.value().get("url").and_then(Value::as_str) else { return };
        // The parts of an extension have names, which its definition knows.
        if host.node.type_name() == "Extension" && !url.contains(':') {
            return;
        }
        let structure = self.world().profiles.structure(url).filter(|found| found.type_name == "Extension");
        if let Some(structure) = structure {
            let contexts: Vec<(&str, &str)> = structure
                .contexts
                .iter()
                .map(|context| (context.kind.as_str(), context.expression.as_str()))
                .collect();
            self.standing(at, host, &contexts, structure.is_modifier, is_modifier);
            if let Some(rules) = self.validator.rules(url, 0) {
                self.against(at, &rules);
            }
            return;
        }
        if let Some(known) = standard::extension(url) {
            let contexts: Vec<(&str, &str)> = known.contexts.iter().map(|path| ("element", *path)).collect();
            self.standing(at, host, &contexts, known.is_modifier, is_modifier);
            return self.value_type(at, &known.types);
        }
        let severity = if is_modifier { Severity::Warning } else { Severity::Information };
        let details = "is an extension that is not known here, so it was not checked";
        self.report(severity, IssueType::Extension, at.place, details);
    }

    /// Whether the extension may stand there, under that name.
    fn standing(
        &self,
        at: &At<'_, '_>,
        host: &At<'_, '_>,
        contexts: &[(&str, &str)],
        should_modify: bool,
        is_modifier: bool,
    ) {
        let error = |details: &str| self.report(Severity::Error, IssueType::Extension, at.place, details);
        match (should_modify, is_modifier) {
            (true, false) => error("is a modifier extension and must stand in `modifierExtension`"),
            (false, true) => error("is no modifier extension and must stand in `extension`"),
            _ => {}
        }
        if !contexts.is_empty() && !contexts.iter().any(|(kind, path)| self.may_stand(host, kind, path)) {
            let places: Vec<&str> = contexts.iter().map(|(_, path)| *path).collect();
            error(&format!("is not meant for this element; it may stand on {}", places.join(", ")));
        }
    }

    fn may_stand(&self, host: &At<'_, '_>, kind: &str, path: &str) -> bool {
        match kind {
            "extension" => host.node.value().get("url").and_then(Value::as_str) == Some(path),
            "fhirpath" => self.selects(host, path),
            _ => {
                let path = path.replace("[x]", "");
                let ty = host.node.type_info();
                path == "Element" && !host.element.is_empty()
                    || ty.is_subtype_of(&path)
                    || host.element.replace("[x]", "") == path
                    || host.place.path().ends_with(&format!(".{path}"))
                    || host.place.path() == path
                    // What `MetadataResource` and its kin mean is not in the definitions.
                    || matches!(path.as_str(), "MetadataResource" | "CanonicalResource")
            }
        }
    }

    /// Whether an expression on the resource selects the element, or says yes of it.
    fn selects(&self, host: &At<'_, '_>, path: &str) -> bool {
        let Ok(expression) = crate::path::Expression::parse(path) else { return true };
        let whole = At { node: crate::path::Node::of_resource(host.resource), ..*host };
        let selected = self.evaluate(&whole, &expression, |items| {
            items.iter().any(|item| match item {
                Item::Node(node) => std::ptr::eq(node.value(), host.node.value()),
                Item::Boolean(value) => *value,
                _ => false,
            })
        });
        selected.unwrap_or(true)
    }

    /// Whether the value is of a type that the standard gives the extension.
    fn value_type(&self, at: &At<'_, '_>, types: &[&str]) {
        let value = at.node.type_info().child("value").map(|child| super::walk::values(&at.node, child));
        let found = value.as_ref().and_then(|values| values.first());
        match found {
            Some((_, node)) if !types.iter().any(|ty| node.type_info().is_subtype_of(ty) || *ty == "*") => {
                let details = if types.is_empty() {
                    "has a value where the standard wants extensions".to_owned()
                } else {
                    format!("has a value of the wrong type; the standard wants {}", types.join(", "))
                };
                self.report(Severity::Error, IssueType::Extension, at.place, details);
            }
            _ => {}
        }
    }
}
