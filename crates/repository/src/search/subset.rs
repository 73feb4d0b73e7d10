//! Parts of resources: `_summary` and `_elements`.
//!
//! The only place where a body that is sent is not the body that was stored. A subset says so with the tag `SUBSETTED`.
//!
//! Source: FHIR R4 3.1.1.5.8 and 3.1.1.5.9.

use compact_str::CompactString;
use fhir::definitions::{self, Type};
use fhir::json::{Object, Value};
use fhir::search::query::{Query, Summary};

/// Nested elements that are followed; deeper ones are sent whole.
const DEPTH_MAX: usize = 32;

/// Which part of a resource to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subset {
    /// The elements that the definitions mark as summary.
    Summary,
    /// `id`, `meta`, `text` and mandatory elements.
    Text,
    /// All but the narrative.
    Data,
    /// These top-level elements, and mandatory ones.
    Elements(Vec<CompactString>),
}

impl Subset {
    /// The part that a query asks for; `None` for the whole.
    pub(crate) fn of(query: &Query) -> Option<Self> {
        match query.summary {
            Some(Summary::True) => Some(Self::Summary),
            Some(Summary::Text) => Some(Self::Text),
            Some(Summary::Data) => Some(Self::Data),
            Some(Summary::Count | Summary::False) | None if query.elements.is_empty() => None,
            _ => Some(Self::Elements(query.elements.clone())),
        }
    }
}

/// Cuts a resource to the part, and tags it `SUBSETTED`.
pub(crate) fn subset(resource: Value, part: &Subset) -> Value {
    let ty = resource.resource_type().and_then(definitions::resource_named);
    let Value::Object(mut object) = resource else { return resource };
    match part {
        Subset::Summary => {
            if let Some(ty) = ty {
                keep_summary(&mut object, ty, 0);
            }
        }
        Subset::Data => {
            object.remove("text");
        }
        Subset::Text => keep(&mut object, ty, &["text".into()]),
        Subset::Elements(elements) => keep(&mut object, ty, elements),
    }
    tag(&mut object);
    Value::Object(object)
}

/// Keeps what every part has, what is asked for, and what the type cannot be without.
fn keep(object: &mut Object, ty: Option<&'static Type>, elements: &[CompactString]) {
    object.retain(|name, _| {
        let name = name.strip_prefix('_').unwrap_or(name);
        let property = ty.and_then(|ty| ty.property(name));
        let asked = |element: &CompactString| {
            element == name
                || property
                    .as_ref()
                    .is_some_and(|property| property.element.name.trim_end_matches("[x]") == element)
        };
        matches!(name, "resourceType" | "id" | "meta")
            || elements.iter().any(asked)
            || property.as_ref().is_some_and(|property| property.element.min > 0)
    });
}

fn keep_summary(object: &mut Object, ty: &'static Type, depth: usize) {
    object.retain(|name, value| {
        if depth == 0 && matches!(name, "resourceType" | "id" | "meta") {
            return true;
        }
        let Some(property) = ty.property(name.strip_prefix('_').unwrap_or(name)) else {
            return !matches!(name, "extension" | "modifierExtension" | "text" | "contained");
        };
        if !property.element.is_summary {
            return false;
        }
        if depth < DEPTH_MAX && is_backbone(property.ty, ty) {
            cut(value, property.ty, depth + 1);
        }
        true
    });
}

/// Elements with a definition of their own inside the resource have marks of their own; data types are sent whole.
fn is_backbone(ty: &'static Type, of: &'static Type) -> bool {
    let root = of.name.split('.').next().unwrap_or(of.name);
    ty.name.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'))
}

fn cut(value: &mut Value, ty: &'static Type, depth: usize) {
    match value {
        Value::Object(object) => keep_summary(object, ty, depth),
        Value::Array(values) => values.iter_mut().for_each(|value| cut(value, ty, depth)),
        _ => {}
    }
}

fn tag(object: &mut Object) {
    let subsetted = fhir::json::object([
        ("system", Value::from("http://terminology.hl7.org/CodeSystem/v3-ObservationValue")),
        ("code", Value::from("SUBSETTED")),
    ]);
    if let Some(Value::Object(meta)) = object.get_mut("meta") {
        match meta.get_mut("tag") {
            Some(Value::Array(tags)) => tags.push(subsetted),
            _ => {
                meta.insert("tag", Value::Array(vec![subsetted]));
            }
        }
        return;
    }
    let meta = fhir::json::object([("tag", Value::Array(vec![subsetted]))]);
    object.insert("meta", meta);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(part: &Subset, expected: &[&str]) {
        let patient = r#"{"resourceType":"Patient","id":"a","text":{"status":"empty","div":"<div/>"},"active":true,
            "name":[{"family":"Sample"}],"contact":[{"name":{"family":"Other"}}],
            "link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]}"#;
        let value = fhir::json::parse(patient.as_bytes(), &fhir::json::Limits::default()).unwrap();
        let cut = subset(value, part);
        let names: Vec<&str> = cut.as_object().unwrap().keys().collect();
        assert_eq!(names, expected, "{part:?}");
        let code =
            cut.get("meta").and_then(|meta| meta.get("tag")).and_then(|tag| tag.at(0)?.get("code")?.as_str());
        assert_eq!(code, Some("SUBSETTED"));
    }

    #[test]
    fn parts_keep_what_they_promise() {
        check(&Subset::Summary, &["resourceType", "id", "active", "name", "link", "meta"]);
        check(&Subset::Text, &["resourceType", "id", "text", "meta"]);
        check(&Subset::Data, &["resourceType", "id", "active", "name", "contact", "link", "meta"]);
        check(&Subset::Elements(vec!["name".into()]), &["resourceType", "id", "name", "meta"]);
    }

    /// Every top-level element of every type, and every name that a choice can have.
    #[test]
    fn parts_of_every_type_follow_the_marks_of_the_definitions() {
        let mut marked = 0;
        for ty in definitions::resource_types() {
            let names: Vec<String> = ty
                .elements()
                .iter()
                .flat_map(|element| {
                    let choices = element.types.iter().filter_map(|choice| choice.ty());
                    choices.map(|choice| match element.is_choice {
                        true => {
                            let (first, rest) = choice.name.split_at(1);
                            format!("{}{}{rest}", element.name, first.to_uppercase())
                        }
                        false => element.name.to_owned(),
                    })
                })
                .collect();
            let whole = || {
                let mut object = Object::new();
                object.insert("resourceType", ty.name);
                for name in &names {
                    object.insert(name.as_str(), Value::from("x"));
                    object.insert(format!("_{name}").as_str(), Value::from("x"));
                }
                Value::Object(object)
            };
            for (part, text_is_kept) in
                [(Subset::Summary, false), (Subset::Text, true), (Subset::Elements(vec![]), false)]
            {
                let cut = subset(whole(), &part);
                for name in &names {
                    let element = ty.property(name).unwrap().element;
                    let always = matches!(name.as_str(), "id" | "meta");
                    let kept = match part {
                        Subset::Summary => element.is_summary,
                        _ => element.min > 0 || (name == "text" && text_is_kept),
                    };
                    marked += usize::from(kept);
                    assert_eq!(cut.get(name).is_some(), kept || always, "{}.{name} {part:?}", ty.name);
                }
            }
        }
        assert!(marked > 1000, "{marked} elements are marked: the tables say nothing");
    }
}
