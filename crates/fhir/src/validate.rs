//! Structural validation: is this JSON a resource as R4 defines it?
//!
//! Checked: known resource types and elements, JSON types, cardinality, choice types, the form of every primitive, codes of
//! required bindings, empty values, siblings with `_`, and the invariants ele-1, ext-1, dom-2, dom-4 and dom-5; in contained
//! resources, bundles and parameters too. Not checked: profiles, extensible bindings, reference targets, narrative content
//! and the invariants that need FHIRPath.
//!
//! Source: FHIR R4 sections 2.6.2 (JSON), 2.24.0 (data types), 2.4.0 (extensibility), and each type's definition.

pub(crate) mod place;
mod primitive;

use crate::definitions::{CodeSet, Element, Kind, Primitive, Property, Type, resource_named, type_named};
use crate::json::{Object, Value};
use crate::outcome::{Issue, IssueType, Severity};

use place::Place;

#[cfg(test)]
mod tests;

/// After so many issues the rest is not looked for.
pub const ISSUES_MAX: usize = 100;

/// Deeper levels are refused; JSON that was read with the default limits is never deeper.
const DEPTH_MAX: usize = 64;

/// Checks a resource. Returns what is wrong with it, empty if nothing; at most [`ISSUES_MAX`] issues, each with its place as
/// FHIRPath (`Patient.name[0].given[1]`) and without any value.
#[must_use]
pub fn validate(resource: &Value) -> Vec<Issue> {
    let mut validator = Validator { issues: Vec::new() };
    let root = match resource.resource_type() {
        Some(name) if resource_named(name).is_some() => name,
        _ => "Resource",
    };
    validator.resource(resource, &Place::root(root), false);
    validator.issues
}

struct Validator {
    issues: Vec<Issue>,
}

impl Validator {
    #[cold]
    fn report(&mut self, code: IssueType, place: &Place<'_>, details: impl Into<String>) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(Issue::new(Severity::Error, code, details).at(place.to_string()));
        }
    }

    fn is_full(&self) -> bool {
        self.issues.len() >= ISSUES_MAX
    }

    fn resource(&mut self, value: &Value, place: &Place<'_>, is_contained: bool) {
        let Value::Object(object) = value else {
            return self.report(IssueType::Structure, place, "must be a resource, which is a JSON object");
        };
        let Some(name) = object.get("resourceType").and_then(Value::as_str) else {
            return self.report(IssueType::Structure, place, "has no `resourceType`");
        };
        let Some(ty) = resource_named(name) else {
            return self.report(IssueType::Structure, place, "has a `resourceType` that R4 does not know");
        };
        if is_contained {
            self.contained_rules(object, place);
        }
        self.object(object, ty, place);
    }

    fn contained_rules(&mut self, object: &Object, place: &Place<'_>) {
        if object.contains_key("contained") {
            self.report(IssueType::Invariant, place, "dom-2: a contained resource cannot contain resources");
        }
        let Some(meta) = object.get("meta") else { return };
        if meta.get("versionId").is_some() || meta.get("lastUpdated").is_some() {
            self.report(
                IssueType::Invariant,
                place,
                "dom-4: a contained resource has no version and update time",
            );
        }
        if meta.get("security").is_some() {
            self.report(IssueType::Invariant, place, "dom-5: a contained resource has no security label");
        }
    }

    /// Checks the members of an object of type `ty`.
    fn object(&mut self, object: &Object, ty: &'static Type, place: &Place<'_>) {
        let is_resource = ty.kind == Kind::Resource;
        if place.depth() > DEPTH_MAX {
            return self.report(IssueType::Structure, place, "is nested too deep");
        }
        let mut present = 0_u128;
        for (name, value) in object {
            if self.is_full() {
                return;
            }
            let (own, is_sibling) = name.strip_prefix('_').map_or((name, false), |own| (own, true));
            let Some(property) = ty.property(own).filter(|p| !is_sibling || p.ty.kind == Kind::Primitive)
            else {
                if !(is_resource && name == "resourceType") {
                    self.unknown_member(name, ty, place);
                }
                continue;
            };
            let bit = 1 << property.index;
            if present & bit != 0 && property.element.is_choice {
                self.one_choice(object, own, ty, property, place);
            }
            present |= bit;
            self.member(object, name, value, property, is_sibling, place);
        }
        self.required_elements(ty, present, place);
        if ty.name == "Extension" {
            self.extension(object, ty, present, place);
        }
    }

    /// A member that the type does not have. Its name is shown only where it looks like one, since it could be anything.
    #[cold]
    fn unknown_member(&mut self, name: &str, ty: &Type, place: &Place<'_>) {
        let is_name =
            name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let own = name.trim_start_matches('_');
        if is_name && own.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            let details = format!("is not an element of {}", ty.name);
            self.report(IssueType::Structure, &place.member(own, None), details);
        } else {
            self.report(
                IssueType::Structure,
                place,
                format!("has a member that is no element of {}", ty.name),
            );
        }
    }

    /// The same choice came before: that must have been the same type with or without the underscore.
    #[cold]
    fn one_choice(
        &mut self,
        object: &Object,
        own: &str,
        ty: &'static Type,
        property: Property,
        place: &Place<'_>,
    ) {
        let is_other = |name: &str| {
            let name = name.strip_prefix('_').unwrap_or(name);
            name != own && ty.property(name).is_some_and(|other| other.index == property.index)
        };
        if object.keys().any(is_other) {
            let place = place.member(property.element.name, None);
            self.report(IssueType::Structure, &place, "may have only one of its types");
        }
    }

    fn required_elements(&mut self, ty: &'static Type, present: u128, place: &Place<'_>) {
        let missing = ty.required_mask() & !present;
        if missing == 0 {
            return;
        }
        for (index, element) in ty.elements().iter().enumerate() {
            if missing & (1 << index) != 0 {
                self.report(
                    IssueType::Required,
                    &place.member(element.name, None),
                    "is required but missing",
                );
            }
        }
    }

    /// ext-1: an extension has either a value or extensions, and one of them.
    fn extension(&mut self, object: &Object, ty: &'static Type, present: u128, place: &Place<'_>) {
        let value = ty.elements().iter().position(|element| element.name == "value");
        let has_value = value.is_some_and(|index| present & (1 << index) != 0);
        if has_value == object.contains_key("extension") {
            self.report(
                IssueType::Invariant,
                place,
                "ext-1: must have either a value or extensions, not both",
            );
        }
    }

    fn member(
        &mut self,
        object: &Object,
        name: &str,
        value: &Value,
        property: Property,
        is_sibling: bool,
        parent: &Place<'_>,
    ) {
        let element = property.element;
        if !element.is_list() {
            let place = parent.member(element.name, None);
            return match value {
                Value::Array(_) => {
                    self.report(IssueType::Structure, &place, "may stand only once, not as an array")
                }
                _ if is_sibling => self.sibling(value, has_partner(object, name, None), &place),
                _ => self.item(value, property, &place),
            };
        }
        let place = parent.member(element.name, None);
        let Value::Array(items) = value else {
            return self.report(IssueType::Structure, &place, "may repeat and must therefore be an array");
        };
        if items.is_empty() {
            return self.report(IssueType::Structure, &place, "must not be an empty array");
        }
        let is_primitive = property.ty.kind == Kind::Primitive;
        for (index, item) in items.iter().enumerate() {
            let place = parent.member(element.name, Some(index));
            match item {
                // A null stands for "nothing here": the other array then has something at this place.
                Value::Null if is_primitive => {
                    if !is_sibling && !has_partner(object, name, Some(index)) {
                        self.report(
                            IssueType::Structure,
                            &place,
                            "is null without an extension at its place",
                        );
                    }
                }
                _ if is_sibling => self.sibling(item, has_partner(object, name, Some(index)), &place),
                _ => self.item(item, property, &place),
            }
        }
    }

    /// The part of a primitive that stands under its name with an underscore. Beside a value it may be an `id` alone.
    fn sibling(&mut self, value: &Value, has_value: bool, place: &Place<'_>) {
        match (value, type_named("Element")) {
            (Value::Object(object), Some(ty)) => {
                self.object(object, ty, place);
                self.has_content(object, has_value, place);
            }
            _ => {
                self.report(IssueType::Structure, place, "has an underscore member that is not a JSON object")
            }
        }
    }

    /// ele-1: an element has a value or children, and `id` does not count.
    fn has_content(&mut self, object: &Object, has_value: bool, place: &Place<'_>) {
        if object.is_empty() || !has_value && object.keys().all(|name| name == "id") {
            self.report(IssueType::Invariant, place, "ele-1: must have a value or children");
        }
    }

    fn item(&mut self, value: &Value, property: Property, place: &Place<'_>) {
        let Property { element, ty, .. } = property;
        if let Some(primitive) = ty.primitive {
            return self.primitive(value, primitive, element, ty, place);
        }
        if ty.kind == Kind::Resource {
            return self.resource(value, place, element.name == "contained");
        }
        let Value::Object(object) = value else {
            return self.report(IssueType::Structure, place, format!("must be a JSON object, a {}", ty.name));
        };
        self.object(object, ty, place);
        self.has_content(object, false, place);
        if let Some(codes) = element.binding() {
            self.concept(object, ty, codes, place);
        }
    }

    fn primitive(
        &mut self,
        value: &Value,
        primitive: Primitive,
        element: &'static Element,
        ty: &'static Type,
        place: &Place<'_>,
    ) {
        if let Err(problem) = primitive::check(value, primitive) {
            let details = match problem {
                primitive::Problem::JsonType(needed) => format!("must be a JSON {needed}"),
                primitive::Problem::Form => format!("is not a valid {}", ty.name),
                primitive::Problem::Empty => "must not be empty".to_owned(),
                primitive::Problem::TooLong => "is longer than 1 MiB".to_owned(),
            };
            return self.report(problem.code(), place, details);
        }
        let (Some(codes), Value::String(code)) = (element.binding(), value) else { return };
        if primitive == Primitive::Code && !codes.contains_code(code) {
            self.report(IssueType::CodeInvalid, place, format!("is not a code of {}", codes.url));
        }
    }

    /// A required binding of a `CodeableConcept` or `Coding`: one coding must be from the value set. Something that says
    /// only by an extension why there is none is left alone.
    fn concept(&mut self, object: &Object, ty: &'static Type, codes: &'static CodeSet, place: &Place<'_>) {
        let coding_fits = |coding: &Object| {
            let code = coding.get("code").and_then(Value::as_str);
            let system = coding.get("system").and_then(Value::as_str);
            code.zip(system).is_some_and(|(code, system)| codes.contains(system, code))
        };
        let fits = match ty.name {
            "Coding" => coding_fits(object),
            "CodeableConcept" => match object.get("coding") {
                Some(codings) => codings.elements().iter().filter_map(Value::as_object).any(coding_fits),
                None => object.contains_key("extension"),
            },
            _ => true,
        };
        if !fits {
            self.report(IssueType::CodeInvalid, place, format!("has no coding of {}", codes.url));
        }
    }
}

/// Whether the other half of a primitive (`given` for `_given`, and the other way round) has something, at `index` if it is
/// an array.
fn has_partner(object: &Object, name: &str, index: Option<usize>) -> bool {
    let is_partner =
        |other: &str| other.strip_prefix('_') == Some(name) || name.strip_prefix('_') == Some(other);
    let partner = object.iter().find(|(other, _)| is_partner(other)).map(|(_, value)| value);
    let partner = if let Some(index) = index { partner.and_then(|value| value.at(index)) } else { partner };
    partner.is_some_and(|value| !value.is_null())
}
