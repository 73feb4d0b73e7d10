//! What references lead to: types that the standard names, profiles that a profile names.
//!
//! Source: FHIR R4 2.3 (references), ElementDefinition.type.targetProfile.

use std::sync::Arc;

use super::{At, Run, standard};
use crate::definitions::Element;
use crate::json::Value;
use crate::outcome::{IssueType, Severity};
use crate::path::{Node, Resolve};
use crate::validate::place::Place;

/// The other end of a reference.
enum Target<'a> {
    /// In the same resource, or in the bundle around it.
    Here(&'a Value),
    Fetched(Arc<Value>),
    /// Only its type is known.
    Type(&'a str),
}

impl Target<'_> {
    fn type_name(&self) -> Option<&str> {
        match self {
            Self::Here(value) => value.resource_type(),
            Self::Fetched(value) => value.resource_type(),
            Self::Type(name) => Some(name),
        }
    }
}

impl Run<'_, '_> {
    /// A reference must be to one of the types that the standard names for the element.
    pub(super) fn target_types(&self, at: &At<'_, '_>, element: &'static Element) {
        let targets: Vec<&str> = element.types.iter().flat_map(|choice| &choice.targets).copied().collect();
        if targets.is_empty() || targets.contains(&"Resource") {
            return;
        }
        let target = self.target(at, false);
        let Some(name) = target.as_ref().and_then(Target::type_name) else { return };
        if !targets.iter().any(|wanted| crate::definitions::is_subtype(name, wanted)) {
            let details = format!("refers to a {name}; it may refer to {}", targets.join(", "));
            self.report(Severity::Error, IssueType::Invalid, at.place, details);
        }
    }

    /// What a reference leads to must be as one of the profiles asks, as far as it can be seen.
    pub(super) fn target_profiles(&self, at: &At<'_, '_>, profiles: &[&str]) {
        if profiles.is_empty() {
            return;
        }
        let needs_content = profiles.iter().any(|profile| standard::core_type(profile).is_none());
        let Some(target) = self.target(at, needs_content) else { return };
        let Some(name) = target.type_name() else { return };
        let of_type: Vec<&&str> = profiles
            .iter()
            .filter(|profile| {
                self.profile_type(profile).is_none_or(|wanted| crate::definitions::is_subtype(name, &wanted))
            })
            .collect();
        if of_type.is_empty() {
            let details = format!("refers to a {name}; the profile allows {}", profiles.join(", "));
            return self.report(Severity::Error, IssueType::Invalid, at.place, details);
        }
        let value = match &target {
            Target::Here(value) => *value,
            Target::Fetched(value) => value.as_ref(),
            Target::Type(_) => return,
        };
        let place = Place::root(name);
        let is_contained = at.root.get("contained").is_some_and(|contained| {
            contained.elements().iter().any(|contained| std::ptr::eq(contained, value))
        });
        let root = if is_contained { at.root } else { value };
        let below = At {
            node: Node::of_resource(value),
            place: &place,
            resource: value,
            root,
            bundle: at.bundle,
            element: "",
        };
        let found: Vec<Option<bool>> =
            of_type.iter().map(|profile| self.conforms_to(&below, profile)).collect();
        if found.iter().all(|conforms| *conforms == Some(false)) {
            let details = format!("what it refers to conforms to none of {}", profiles.join(", "));
            self.report(Severity::Error, IssueType::Invalid, at.place, details);
        }
    }

    /// The type that a profile constrains; `None` if it is not loaded.
    pub(super) fn profile_type(&self, canonical: &str) -> Option<String> {
        match standard::core_type(canonical) {
            Some(ty) => Some(ty.name.to_owned()),
            None => self.world().profiles.structure(canonical).map(|found| found.type_name.clone()),
        }
    }

    fn target<'a>(&self, at: &At<'_, 'a>, with_content: bool) -> Option<Target<'a>> {
        let text = |key: &str| at.node.value().get(key).and_then(Value::as_str);
        let Some(reference) = text("reference") else { return text("type").map(Target::Type) };
        if let Some(id) = reference.strip_prefix('#') {
            let contained = at.root.get("contained").map_or(&[][..], Value::elements);
            let is_it = |value: &&Value| value.get("id").and_then(Value::as_str) == Some(id);
            let found = if id.is_empty() { Some(at.root) } else { contained.iter().find(is_it) };
            return found.map(Target::Here);
        }
        if let Some(found) = at.bundle.and_then(|bundle| crate::path::in_bundle(bundle, reference)) {
            return Some(Target::Here(found));
        }
        let outside = if with_content { self.world().resources } else { None };
        let fetched = outside.and_then(|resources: &dyn Resolve| resources.resolve(reference));
        match fetched {
            Some(value) => Some(Target::Fetched(value)),
            None => crate::search::type_in_url(reference).or_else(|| text("type")).map(Target::Type),
        }
    }
}
