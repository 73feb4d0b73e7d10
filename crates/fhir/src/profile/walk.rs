//! One element against one rule, and down.

use super::definition::{Constraint, TypeRule};
use super::rules::Rule;
use super::{At, Run, matching};
use crate::definitions::Kind;
use crate::json::Value;
use crate::outcome::{IssueType, Severity};
use crate::path::{Child, Item, Node, type_info};
use crate::validate::place::Place;
use std::cmp::Ordering;

/// The values of one element on a node, each with its index if the element is a list.
pub(super) fn values<'a>(node: &Node<'a>, child: &'static Child) -> Vec<(Option<usize>, Node<'a>)> {
    let mut found = Vec::new();
    for variant in &child.variants {
        let ty = variant.ty();
        let is_primitive = ty.primitive.is_some();
        // The id and extensions of a primitive stand beside it.
        let holder = if node.type_info().primitive.is_some() { node.companion() } else { Some(node.value()) };
        let Some(object) = holder.and_then(Value::as_object) else { continue };
        let value = object.get(variant.json);
        let companion = if is_primitive { object.get(variant.companion) } else { None };
        let mut push = |index, value: &'a Value, companion: Option<&'a Value>| {
            let companion = companion.filter(|companion| !companion.is_null());
            if value.is_null() && companion.is_none() {
                return;
            }
            let ty =
                if ty.is_any_resource() { crate::path::resource_info(value.resource_type()) } else { ty };
            found.push((index, Node::new(value, companion, ty)));
        };
        match (value, companion) {
            (None, None) => {}
            (Some(Value::Array(values)), companion) => {
                for (index, value) in values.iter().enumerate() {
                    push(Some(index), value, companion.and_then(|companion| companion.at(index)));
                }
            }
            (None, Some(Value::Array(companions))) => {
                for (index, companion) in companions.iter().enumerate() {
                    push(Some(index), &Value::Null, Some(companion));
                }
            }
            (value, companion) => push(None, value.unwrap_or(&Value::Null), companion),
        }
    }
    found
}

/// The path of a child in the definitions.
pub(super) fn element_path(node: &Node<'_>, child: &Child) -> &'static str {
    node.type_info().definition.element(child.name).map_or("", |element| element.path)
}

impl<'a> At<'_, 'a> {
    /// The same for an element below. A resource within is one of its own, contained or an entry of a bundle.
    pub(super) fn below<'q>(
        &self,
        node: Node<'a>,
        place: &'q Place<'q>,
        element: &'static str,
    ) -> At<'q, 'a> {
        let is_resource = node.value().resource_type().is_some() && !element.is_empty();
        let is_contained = element == "DomainResource.contained";
        At {
            node,
            place,
            resource: if is_resource { node.value() } else { self.resource },
            root: if is_resource && !is_contained { node.value() } else { self.root },
            bundle: self.bundle,
            element,
        }
    }
}

impl Run<'_, '_> {
    /// Checks one occurrence of an element (or the resource itself) against a rule.
    pub(super) fn element(&self, at: &At<'_, '_>, rule: &Rule) {
        if !self.visit(at.place) {
            return;
        }
        self.value(at, rule);
        if let Some(binding) = &rule.says.binding {
            self.binding(at, binding);
        }
        if let Some(types) = &rule.says.types {
            self.types(at, types);
        }
        for constraint in &rule.says.constraints {
            self.constraint(at, constraint);
        }
        for child in &rule.children {
            self.child(at, child);
        }
    }

    fn value(&self, at: &At<'_, '_>, rule: &Rule) {
        let (says, value) = (&rule.says, at.node.value());
        let error = |code, details: String| self.report(Severity::Error, code, at.place, details);
        if says.fixed.as_ref().is_some_and(|fixed| !matching::is_fixed(value, fixed)) {
            error(IssueType::Value, "is not the value that the profile fixes".to_owned());
        }
        if says.pattern.as_ref().is_some_and(|pattern| !matching::fits_pattern(value, pattern)) {
            error(IssueType::Value, "does not have what the profile's pattern asks for".to_owned());
        }
        let beyond = |limit: &Option<Value>, wrong: Ordering| {
            limit.as_ref().is_some_and(|limit| matching::compare(value, limit) == Some(wrong))
        };
        if beyond(&says.min_value, Ordering::Less) {
            error(IssueType::Value, "is less than the profile allows".to_owned());
        }
        if beyond(&says.max_value, Ordering::Greater) {
            error(IssueType::Value, "is more than the profile allows".to_owned());
        }
        let length = value.as_str().map_or(0, |text| text.chars().count());
        if let Some(max) = says.max_length.filter(|max| length > *max) {
            error(IssueType::TooLong, format!("is longer than the {max} characters that the profile allows"));
        }
    }

    /// The types that a profile leaves, and the profiles that it asks of the value or of what it refers to.
    fn types(&self, at: &At<'_, '_>, types: &[TypeRule]) {
        let ty = at.node.type_info();
        // A `code` is a string, but not where a choice is narrowed to `string`.
        let is_open = matches!(ty.definition.kind, Kind::Part | Kind::Resource);
        let fits = |rule: &&TypeRule| {
            let wanted = type_info(&rule.code);
            wanted.is_some_and(|wanted| ty.name == wanted.name || is_open && ty.is_subtype_of(wanted.name))
        };
        // The literal of a primitive goes by another name in the definitions.
        let has_names = types.iter().all(|rule| type_info(&rule.code).is_some());
        let fitting: Vec<&TypeRule> = types.iter().filter(fits).collect();
        if fitting.is_empty() {
            if has_names && !types.is_empty() && !at.element.is_empty() {
                let names: Vec<&str> = types.iter().map(|rule| rule.code.as_str()).collect();
                let details = format!("is a {}; the profile allows {}", ty.name, names.join(", "));
                self.report(Severity::Error, IssueType::Structure, at.place, details);
            }
            return;
        }
        let profiles: Vec<&str> =
            fitting.iter().flat_map(|rule| &rule.profiles).map(String::as_str).collect();
        // A type without a profile among those that fit leaves the value free.
        if fitting.iter().all(|rule| !rule.profiles.is_empty()) {
            self.one_of(at, &profiles);
        }
        if ty.name == "Reference" {
            let targets: Vec<&str> =
                fitting.iter().flat_map(|rule| &rule.targets).map(String::as_str).collect();
            self.target_profiles(at, &targets);
        }
    }

    /// A value must be as one of the profiles asks. Against a single one everything that is wrong is said.
    fn one_of(&self, at: &At<'_, '_>, profiles: &[&str]) {
        if let [only] = profiles {
            return self.claimed(at, only, Severity::Warning);
        }
        let found: Vec<Option<bool>> = profiles.iter().map(|profile| self.conforms_to(at, profile)).collect();
        if found.contains(&Some(true)) || found.contains(&None) {
            return;
        }
        let details = format!("conforms to none of {}", profiles.join(", "));
        self.report(Severity::Error, IssueType::Invalid, at.place, details);
    }

    fn constraint(&self, at: &At<'_, '_>, constraint: &Constraint) {
        let Constraint { key, is_error, expression, rule } = constraint;
        let Some(expression) = expression else {
            let details = format!("{key}: the invariant is not FHIRPath, so it was not checked");
            return self.report_once(Severity::Warning, IssueType::NotSupported, at.place, details);
        };
        let severity = if *is_error { Severity::Error } else { Severity::Warning };
        self.invariant(at, key, severity, expression, rule);
    }

    /// Checks an invariant. One that gives nothing (a comparison that precision leaves open, a test of what is not there) is
    /// not broken.
    pub(super) fn invariant(
        &self,
        at: &At<'_, '_>,
        key: &str,
        severity: Severity,
        expression: &crate::path::Expression,
        rule: &str,
    ) {
        let holds = self.evaluate(at, expression, |items| match items {
            [] => true,
            [Item::Boolean(holds)] => *holds,
            [Item::Node(node)] => node.value().as_bool() != Some(false),
            _ => true,
        });
        match holds {
            Ok(true) => {}
            Ok(false) => self.report(severity, IssueType::Invariant, at.place, format!("{key}: {rule}")),
            Err(error) => {
                let details = format!("{key}: the invariant could not be evaluated: {error}");
                self.report(Severity::Warning, IssueType::Processing, at.place, details);
            }
        }
    }

    /// Checks all occurrences of a child: how many, each by the rule, and the slices.
    fn child(&self, at: &At<'_, '_>, rule: &Rule) {
        let Some(child) = at.node.type_info().child(&rule.name) else { return };
        let found = values(&at.node, child);
        let whole = at.place.member(child.name, None);
        self.count(found.len(), rule, &whole);
        let element = element_path(&at.node, child);
        let places: Vec<Place<'_>> =
            found.iter().map(|(index, _)| at.place.member(child.name, *index)).collect();
        let items: Vec<At<'_, '_>> =
            found.iter().zip(&places).map(|((_, node), place)| at.below(*node, place, element)).collect();
        for item in &items {
            self.element(item, rule);
        }
        if !rule.slices.is_empty() {
            self.slices(&items, rule, &whole);
        }
    }

    /// Whether as many are there as a rule asks for.
    pub(super) fn count(&self, count: usize, rule: &Rule, place: &Place<'_>) {
        let slice = rule.slice.as_deref().map(|slice| format!(" in the slice `{slice}`")).unwrap_or_default();
        if let Some(min) = rule.says.min.filter(|min| count < *min) {
            let details = format!("the profile asks for at least {min}{slice}, there are {count}");
            let code = if slice.is_empty() { IssueType::Required } else { IssueType::Invalid };
            self.report(Severity::Error, code, place, details);
        }
        if let Some(max) = rule.says.max.flatten().filter(|max| count > *max) {
            let details = format!("the profile allows at most {max}{slice}, there are {count}");
            self.report(Severity::Error, IssueType::Structure, place, details);
        }
    }
}
