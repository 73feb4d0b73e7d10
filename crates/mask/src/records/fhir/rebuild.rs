//! The walk: a masked copy of a resource is built from the original, element by element.

use fhir::definitions::{Kind as TypeKind, Property, Type, resource_named, type_named};
use fhir::json::{Object, Value};

use super::config::{Config, Matches, ShiftScope};
use super::mark::{self, Done};
use super::method::Method;
use super::people::People;
use super::{FhirMaskError, MaskedResource, absent};
use crate::records::attachment::Document;
use crate::records::inspect::{Inspector, Scope};
use crate::transform::Tally;

/// What stands as the title of an attachment that could not be read.
const REMOVED: &str = "[attachment removed]";

pub(super) struct Rebuild<'a> {
    pub(super) config: &'a Config,
    matches: &'a Matches,
    people: &'a People,
    scope: &'a Scope<'a>,
    pub(super) inspector: Inspector<'a>,
    /// What was done in the resource at hand.
    pub(super) done: Done,
    /// The id of the resource at hand, as it was.
    pub(super) resource_id: String,
    /// What its dates shift by.
    shift_key: String,
    /// The attachment at hand, once its data has been masked.
    pub(super) document: Option<Document>,
    /// The first failure of a rule.
    pub(super) failure: Option<FhirMaskError>,
}

/// A primitive's value and what stands beside it.
type Pair = (Option<Value>, Option<Value>);

impl<'a> Rebuild<'a> {
    pub(super) fn new(
        config: &'a Config,
        matches: &'a Matches,
        people: &'a People,
        scope: &'a Scope<'a>,
        inspector: Inspector<'a>,
    ) -> Self {
        Self {
            config,
            matches,
            people,
            scope,
            inspector,
            done: Done::default(),
            resource_id: String::new(),
            shift_key: String::new(),
            document: None,
            failure: None,
        }
    }

    pub(super) fn run(
        mut self,
        resource: &Value,
        ty: &'static Type,
    ) -> Result<MaskedResource, FhirMaskError> {
        let is_by_patient = self.config.parameters.shift_scope == ShiftScope::Patient;
        self.shift_key = match (is_by_patient, self.people.only_patient()) {
            (true, Some(patient)) => patient.to_owned(),
            _ => format!("file|{}", self.scope.file),
        };
        let masked = self.resource(resource, ty, false);
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(MaskedResource { resource: masked, tally: self.inspector.tally }),
        }
    }

    pub(super) fn method(&self, rule: Option<usize>) -> Option<&'a Method> {
        self.config.rules.get(rule?).map(|rule| &rule.method)
    }

    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.inspector.tally
    }

    fn resource(&mut self, value: &Value, ty: &'static Type, is_contained: bool) -> Value {
        let Value::Object(old) = value else { return Value::Null };
        let id = old.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
        let key = self.key_of(value, &id, is_contained);
        let outer_shift =
            std::mem::replace(&mut self.inspector.shift, self.scope.shift(self.inspector.tools.keys, &key));
        let outer_key = std::mem::replace(&mut self.shift_key, key);
        let outer_id = std::mem::replace(&mut self.resource_id, id);
        let outer_done = std::mem::take(&mut self.done);

        // Rules of the resource around this one do not reach into it.
        let rule = self.matches.first(Some(value), None);
        let mut new = self.object(old, ty, rule);
        self.finish(old, &mut new, ty);
        if !is_contained {
            self.show_id(&mut new, ty);
            mark::add_labels(&mut new, self.done);
            mark::add_seal(&mut new, self.inspector.tools.keys, &self.config.fingerprint);
        }

        self.inspector.shift = outer_shift;
        self.shift_key = outer_key;
        self.resource_id = outer_id;
        let inner = std::mem::replace(&mut self.done, outer_done);
        self.done.join(inner);
        Value::Object(new)
    }

    /// The id that the keys give a resource, in place of its pseudonym.
    fn show_id(&self, new: &mut Object, ty: &'static Type) {
        if new.contains_key("id")
            && let Some(shown) = self.inspector.tools.keys.shown_id(ty.name, &self.resource_id)
        {
            new.insert("id", shown);
        }
    }

    fn key_of(&self, resource: &Value, id: &str, is_contained: bool) -> String {
        match self.config.parameters.shift_scope {
            ShiftScope::Resource if is_contained => self.shift_key.clone(),
            ShiftScope::Resource => format!("resource|{id}"),
            ShiftScope::File => format!("file|{}", self.scope.file),
            ShiftScope::Folder => format!("folder|{}", self.scope.folder),
            ShiftScope::Patient => match self.scope.patient {
                Some(patient) => patient.to_owned(),
                None => self.people.patient_of(resource).unwrap_or_else(|| self.shift_key.clone()),
            },
        }
    }

    /// The members of an object of that type, each masked by its rule.
    fn object(&mut self, old: &Object, ty: &'static Type, rule: Option<usize>) -> Object {
        let mut new = Object::new();
        for (member, value) in old {
            if member == "resourceType" && ty.kind == TypeKind::Resource {
                new.insert(member, ty.name);
                continue;
            }
            let (own, is_companion) = match member.strip_prefix('_') {
                Some(own) => (own, true),
                None => (member, false),
            };
            if is_companion && old.contains_key(own) {
                // It goes with its value.
                continue;
            }
            let Some(property) = ty.property(own) else {
                self.tally().removed_unread += 1;
                continue;
            };
            match property.ty.kind {
                TypeKind::Primitive => self.primitives(old, &mut new, own, property, ty, rule),
                _ if is_companion => self.tally().removed_unread += 1,
                _ => {
                    if let Some(value) = self.complexes(value, property, rule) {
                        new.insert(own, value);
                    }
                }
            }
        }
        new
    }

    /// A member that is an object or a list of them.
    fn complexes(&mut self, value: &Value, property: Property, rule: Option<usize>) -> Option<Value> {
        let Value::Array(elements) = value else { return self.complex(value, property, rule) };
        let elements: Vec<Value> =
            elements.iter().filter_map(|value| self.complex(value, property, rule)).collect();
        (!elements.is_empty()).then_some(Value::Array(elements))
    }

    fn complex(&mut self, value: &Value, property: Property, rule: Option<usize>) -> Option<Value> {
        let Value::Object(old) = value else {
            self.tally().removed_unread += 1;
            return None;
        };
        if property.ty.kind == TypeKind::Resource {
            let Some(ty) = value.resource_type().and_then(resource_named) else {
                self.tally().removed_unread += 1;
                return None;
            };
            return Some(self.resource(value, ty, property.element.name == "contained"));
        }
        let ty = property.ty;
        let rule = self.matches.first(Some(value), rule);
        match self.method(rule) {
            Some(Method::Substitute(with)) => return self.substitute_object(with),
            Some(Method::Perturb(noise)) if ty.is_subtype_of("Quantity") || ty.name == "Money" => {
                return Some(self.perturb_quantity(old, *noise));
            }
            _ => {}
        }
        let mut new = self.object(old, ty, rule);
        self.finish(old, &mut new, ty);
        if let Some(codes) = property.element.binding().filter(|_| ty.name == "CodeableConcept") {
            absent::replace_concept(old, &mut new, codes);
        }
        let has_content = new.keys().any(|name| name != "id");
        has_content.then_some(Value::Object(new))
    }

    fn substitute_object(&mut self, with: &Value) -> Option<Value> {
        self.done.substituted = true;
        matches!(with, Value::Object(_)).then(|| with.clone())
    }

    /// What must be right about an object once its members are.
    fn finish(&mut self, old: &Object, new: &mut Object, ty: &'static Type) {
        if matches!(ty.name, "Attachment" | "Binary") {
            self.finish_attachment(old, new, ty);
        }
        let is_hollow = match ty.name {
            // An extension without its address or its value says nothing.
            "Extension" => {
                !new.contains_key("url")
                    || !new
                        .keys()
                        .any(|name| name.trim_start_matches('_').starts_with("value") || name == "extension")
            }
            "Narrative" => !new.contains_key("div"),
            _ => false,
        };
        if is_hollow {
            *new = Object::new();
        } else if new.keys().any(|name| name != "id") {
            absent::fill(old, new, ty);
        }
    }

    fn finish_attachment(&mut self, old: &Object, new: &mut Object, ty: &'static Type) {
        let document = self.document.take();
        let Some(document) = document else {
            if old.contains_key("data") && !new.contains_key("data") && ty.name == "Attachment" {
                new.remove("size");
                new.remove("hash");
                new.insert("title", REMOVED);
            }
            return;
        };
        new.insert("contentType", document.content_type.as_str());
        if new.contains_key("size") {
            new.insert("size", document.bytes.len());
        }
    }

    /// A member that is a primitive or a list of them, with its companion.
    fn primitives(
        &mut self,
        old: &Object,
        new: &mut Object,
        name: &str,
        property: Property,
        ty: &'static Type,
        rule: Option<usize>,
    ) {
        let companion_name = format!("_{name}");
        let (value, companion) = (old.get(name), old.get(&companion_name));
        let is_list = matches!(value, Some(Value::Array(_))) || matches!(companion, Some(Value::Array(_)));
        let place = super::primitive::Place { property, parent: old, parent_ty: ty };
        if !is_list {
            let (value, companion) = self.pair(value, companion, &place, rule);
            value.into_iter().for_each(|value| drop(new.insert(name, value)));
            companion.into_iter().for_each(|value| drop(new.insert(companion_name.as_str(), value)));
            return;
        }
        let list = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, <[Value]>::len);
        let count = list(value).max(list(companion));
        let pairs: Vec<Pair> = (0..count)
            .map(|at| {
                self.pair(
                    value.and_then(|value| value.at(at)),
                    companion.and_then(|value| value.at(at)),
                    &place,
                    rule,
                )
            })
            .filter(|(value, companion)| value.is_some() || companion.is_some())
            .collect();
        let (values, companions): (Vec<Option<Value>>, Vec<Option<Value>>) = pairs.into_iter().unzip();
        for (name, list) in [(name, values), (companion_name.as_str(), companions)] {
            if list.iter().any(Option::is_some) {
                let list = list.into_iter().map(|value| value.unwrap_or(Value::Null)).collect();
                new.insert(name, Value::Array(list));
            }
        }
    }

    fn pair(
        &mut self,
        value: Option<&Value>,
        companion: Option<&Value>,
        place: &super::primitive::Place<'_>,
        rule: Option<usize>,
    ) -> Pair {
        let value = value.filter(|value| !value.is_null());
        let companion = companion.filter(|value| !value.is_null());
        let rule = self.matches.first(companion, self.matches.first(value, rule));
        let new = value.and_then(|value| self.primitive(value, place, rule));
        let companion = companion.and_then(|companion| {
            let (Value::Object(old), Some(ty)) = (companion, type_named("Element")) else { return None };
            let object = self.object(old, ty, rule);
            let has_content = object.keys().any(|name| name != "id") || new.is_some() && !object.is_empty();
            has_content.then_some(Value::Object(object))
        });
        (new, companion)
    }
}
