//! What changed between two states of a resource, as a FHIRPath Patch that makes the one into the other.
//!
//! Lists are compared from both ends; what lies between is changed in place, then the rest is inserted or deleted. It is
//! a short account of a change, not the shortest there is.
//!
//! Source: FHIR R4 fhirpatch.html.

use crate::definitions::{self, Element, Kind, Primitive, Type};
use crate::json::{Object, Value, array, object};

/// A `Parameters` resource that, applied to `from`, gives `to`; `None` if nothing differs or the two are not of one type.
///
/// Members that the definitions do not know are passed over.
#[must_use]
pub fn diff(from: &Value, to: &Value) -> Option<Value> {
    let name = from.resource_type()?;
    let ty = definitions::resource_named(name)?;
    if to.resource_type() != Some(name) {
        return None;
    }
    let mut patch = Patch::default();
    patch.objects(from.as_object()?, to.as_object()?, ty, name);
    if patch.operations.is_empty() {
        return None;
    }
    Some(object([("resourceType", Value::from("Parameters")), ("parameter", array(patch.operations))]))
}

#[derive(Default)]
struct Patch {
    operations: Vec<Value>,
}

/// One state of one element: its JSON, and what stands beside a primitive.
#[derive(Clone, Copy, PartialEq)]
struct State<'v> {
    value: Option<&'v Value>,
    beside: Option<&'v Value>,
    ty: &'static Type,
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Patch {
    fn objects(&mut self, from: &Object, to: &Object, ty: &'static Type, path: &str) {
        for element in ty.elements() {
            let (old, new) = (states(from, ty, element), states(to, ty, element));
            if old == new {
                continue;
            }
            let inner = format!("{path}.{}", element.name);
            if element.is_list() {
                self.lists(&old, &new, element, &inner, path);
            } else {
                match (old.first(), new.first()) {
                    (Some(old), Some(new)) => self.change(old, new, &inner),
                    (None, Some(new)) => self.add(path, element.name, new),
                    (Some(_), None) => self.operation("delete", &inner, []),
                    (None, None) => {}
                }
            }
        }
    }

    fn lists(&mut self, old: &[State<'_>], new: &[State<'_>], element: &Element, path: &str, parent: &str) {
        let same = |pair: &(&State<'_>, &State<'_>)| pair.0 == pair.1;
        let head = old.iter().zip(new).take_while(same).count();
        let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
        let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
        let old_mid = old_rest.get(..old_rest.len() - tail).unwrap_or_default();
        let new_mid = new_rest.get(..new_rest.len() - tail).unwrap_or_default();
        let paired = old_mid.len().min(new_mid.len());
        for (at, (old, new)) in old_mid.iter().zip(new_mid).enumerate() {
            self.change(old, new, &format!("{path}[{}]", head + at));
        }
        for (at, new) in new_mid.iter().enumerate().skip(paired) {
            if old.is_empty() {
                self.add(parent, element.name, new);
            } else {
                let index = object([
                    ("name", Value::from("index")),
                    ("valueInteger", Value::from(i64::try_from(head + at).unwrap_or(i64::MAX))),
                ]);
                self.operation("insert", path, [value_part("value", new), index]);
            }
        }
        for at in (paired..old_mid.len()).rev() {
            self.operation("delete", &format!("{path}[{}]", head + at), []);
        }
    }

    /// A change of what is there: within it where that can be said, as a whole otherwise.
    fn change(&mut self, old: &State<'_>, new: &State<'_>, path: &str) {
        if old == new {
            return;
        }
        let inner = match (old.value, new.value) {
            (Some(Value::Object(old_object)), Some(Value::Object(new_object))) if old.ty == new.ty => {
                let ty = match old.ty.kind {
                    Kind::Resource => same_resource(old.value, new.value),
                    _ => Some(old.ty),
                };
                ty.map(|ty| (old_object, new_object, ty))
            }
            _ => None,
        };
        match inner {
            Some((old, new, ty)) => self.objects(old, new, ty, path),
            None => self.operation("replace", path, [value_part("value", new)]),
        }
    }

    fn add(&mut self, parent: &str, name: &str, new: &State<'_>) {
        let name = object([("name", Value::from("name")), ("valueString", Value::from(name))]);
        self.operation("add", parent, [name, value_part("value", new)]);
    }

    fn operation(&mut self, kind: &str, path: &str, more: impl IntoIterator<Item = Value>) {
        let mut parts = vec![
            object([("name", Value::from("type")), ("valueCode", Value::from(kind))]),
            object([("name", Value::from("path")), ("valueString", Value::from(path))]),
        ];
        parts.extend(more);
        self.operations.push(object([("name", Value::from("operation")), ("part", Value::from(parts))]));
    }
}

/// The type of two resources, if it is one.
fn same_resource(old: Option<&Value>, new: Option<&Value>) -> Option<&'static Type> {
    let name = old?.resource_type()?;
    definitions::resource_named(name).filter(|_| new.and_then(Value::resource_type) == Some(name))
}

/// The states of an element in an object: one for each repetition, in order.
fn states<'v>(of: &'v Object, ty: &'static Type, element: &'static Element) -> Vec<State<'v>> {
    let mut found = Vec::new();
    for choice in element.types {
        let Some(inner) = choice.ty() else { continue };
        let name = element.json_name(inner.name);
        if ty.property(&name).is_none_or(|property| property.ty.name != inner.name) {
            continue;
        }
        let (values, beside) = (list(of.get(&name)), list(of.get(&format!("_{name}"))));
        for at in 0..values.len().max(beside.len()) {
            let plain = |list: &'v [Value]| list.get(at).filter(|value| !value.is_null());
            found.push(State { value: plain(values), beside: plain(beside), ty: inner });
        }
    }
    found
}

fn list(value: Option<&Value>) -> &[Value] {
    value.map(Value::elements).unwrap_or_default()
}

/// A part that holds an element: as `value[x]`, as `resource`, or as parts where R4 has no `value[x]` for its type.
fn value_part(name: &str, state: &State<'_>) -> Value {
    let mut part = Object::new();
    part.insert("name", name);
    if state.ty.kind == Kind::Resource {
        part.insert("resource", state.value.cloned().unwrap_or(Value::Null));
    } else if let Some(suffix) = suffix(state.ty) {
        if let Some(value) = state.value {
            part.insert(format!("value{suffix}"), value.clone());
        }
        if let Some(beside) = state.beside {
            part.insert(format!("_value{suffix}"), beside.clone());
        }
    } else if let Some(inner) = state.value.and_then(Value::as_object) {
        let parts = state.ty.elements().iter().flat_map(|element| {
            states(inner, state.ty, element).into_iter().map(|state| value_part(element.name, &state))
        });
        part.insert("part", parts.collect::<Vec<_>>());
    }
    Value::Object(part)
}

/// What follows `value` in `Parameters.parameter.value[x]` for a type; `None` if it cannot stand there.
fn suffix(ty: &'static Type) -> Option<String> {
    if ty.primitive == Some(Primitive::Xhtml) {
        return Some("String".to_owned());
    }
    let value = definitions::type_named("Parameters.parameter")?.element("value")?;
    let is_open = value.types.iter().filter_map(definitions::TypeChoice::ty).any(|open| open.name == ty.name);
    let name = value.json_name(ty.name);
    is_open.then(|| name.strip_prefix("value").unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests;
