//! FHIRPath Patch: changes to a resource as a `Parameters` resource.
//!
//! Source: FHIR R4 fhirpatch.html.

use std::fmt::Display;

use compact_str::CompactString;

use super::OPERATIONS_MAX;
use super::content::{Content, content};
use super::place::{Place, Step, object_at, place, type_at};
use crate::definitions::Type;
use crate::json::{Object, Value};
use crate::outcome::{Issue, IssueType};
use crate::path::{Context, Expression, Item, Node};

/// Applies all operations of `patch`, a `Parameters` resource, in order; the result is the changed document. Nothing is
/// changed if one fails, since the document is only handed back when all went well.
///
/// A path may lead into contained resources, never into others.
///
/// # Errors
/// An issue that names the operation by its place from 0: `invalid` if the patch itself is malformed, `value` if a path
/// leads nowhere or to several elements, or a value does not fit, `too-costly` beyond [`OPERATIONS_MAX`].
pub fn apply_fhirpath_patch(mut doc: Value, patch: &Value) -> Result<Value, Issue> {
    if patch.resource_type() != Some("Parameters") {
        return Err(Issue::error(IssueType::Invalid, "a FHIRPath Patch is a Parameters resource"));
    }
    let operations = patch.get("parameter").map_or(&[][..], Value::elements);
    if operations.is_empty() {
        return Err(Issue::error(IssueType::Invalid, "the FHIRPath Patch has no parameter `operation`")
            .at("Parameters.parameter"));
    }
    if operations.len() > OPERATIONS_MAX {
        let details = format!("more than {OPERATIONS_MAX} patch operations");
        return Err(Issue::error(IssueType::TooCostly, details));
    }
    for (index, operation) in operations.iter().enumerate() {
        let place = format!("Parameters.parameter[{index}]");
        Operation::read(operation).and_then(|operation| operation.apply(&mut doc)).map_err(|failure| {
            Issue::error(failure.0, format!("operation {index}: {}", failure.1)).at(place)
        })?;
    }
    Ok(doc)
}

/// Why an operation cannot be applied.
pub(super) struct Failure(pub(super) IssueType, pub(super) String);

pub(super) fn malformed(details: impl Display) -> Failure {
    Failure(IssueType::Invalid, details.to_string())
}

pub(super) fn unfit(details: impl Display) -> Failure {
    Failure(IssueType::Value, details.to_string())
}

type Result_<T = ()> = std::result::Result<T, Failure>;

#[derive(Default)]
struct Operation<'p> {
    kind: &'p str,
    path: &'p str,
    name: Option<&'p str>,
    value: Option<&'p Object>,
    index: Option<usize>,
    source: Option<usize>,
    destination: Option<usize>,
}

impl<'p> Operation<'p> {
    fn read(parameter: &'p Value) -> Result_<Self> {
        if parameter.get("name").and_then(Value::as_str) != Some("operation") {
            return Err(malformed("every parameter of a FHIRPath Patch is named `operation`"));
        }
        let mut operation = Self::default();
        for part in parameter.get("part").map_or(&[][..], Value::elements) {
            let text = |keys: [&str; 2]| keys.iter().find_map(|key| part.get(key)?.as_str());
            let number = || {
                let value =
                    ["valueInteger", "valueUnsignedInt", "valuePositiveInt"].iter().find_map(|k| part.get(k));
                let number = value.and_then(Value::as_i64).and_then(|number| usize::try_from(number).ok());
                number.map(Some).ok_or_else(|| malformed("an index is a `valueInteger` from 0"))
            };
            match part.get("name").and_then(Value::as_str) {
                Some("type") => operation.kind = text(["valueCode", "valueString"]).unwrap_or_default(),
                Some("path") => operation.path = text(["valueString", "valueCode"]).unwrap_or_default(),
                Some("name") => operation.name = text(["valueString", "valueCode"]),
                Some("value") => operation.value = part.as_object(),
                Some("index") => operation.index = number()?,
                Some("source") => operation.source = number()?,
                Some("destination") => operation.destination = number()?,
                _ => return Err(malformed("has a part that R4 does not know")),
            }
        }
        if operation.path.is_empty() {
            return Err(malformed("has no part `path` with a `valueString`"));
        }
        Ok(operation)
    }

    fn apply(&self, doc: &mut Value) -> Result_ {
        match self.kind {
            "add" => self.add(doc),
            "insert" => self.insert(doc),
            "delete" => self.delete(doc),
            "replace" => self.replace(doc),
            "move" => self.shift(doc),
            _ => Err(malformed("its `type` must be add, insert, delete, replace or move, as `valueCode`")),
        }
    }

    fn value(&self) -> Result_<&'p Object> {
        self.value.ok_or_else(|| malformed("has no part `value`"))
    }

    fn add(&self, doc: &mut Value) -> Result_ {
        let name = self.name.ok_or_else(|| malformed("has no part `name`"))?;
        let steps =
            one(doc, &parse(self.path)?)?.ok_or_else(|| unfit("its path leads to no element"))?.inside();
        let (json, is_list, content) = content(self.value()?, owner(doc, &steps)?, name)?;
        let object = object(doc, &steps)?;
        if is_list {
            let count = list_len(object, &json);
            return change_list(object, &json, |list| list.insert(count, content.pair()));
        }
        let companion = companion(&json);
        if object.contains_key(&json) || object.contains_key(&companion) {
            return Err(unfit("the element is there already: use `replace`"));
        }
        content.write(object, &json);
        Ok(())
    }

    fn insert(&self, doc: &mut Value) -> Result_ {
        let index = self.index.ok_or_else(|| malformed("has no part `index`"))?;
        let (steps, name) = self.list(doc)?;
        let (json, is_list, content) = content(self.value()?, owner(doc, &steps)?, &name)?;
        let object = object(doc, &steps)?;
        if !is_list {
            return Err(unfit("only a list can be inserted into: use `add` or `replace`"));
        }
        if index > list_len(object, &json) {
            return Err(unfit("its `index` lies beyond the list's end"));
        }
        change_list(object, &json, |list| list.insert(index, content.pair()))
    }

    fn shift(&self, doc: &mut Value) -> Result_ {
        let (Some(source), Some(destination)) = (self.source, self.destination) else {
            return Err(malformed("needs the parts `source` and `destination`"));
        };
        let (steps, name) = self.list(doc)?;
        let object = object(doc, &steps)?;
        let count = list_len(object, &name);
        if source >= count || destination >= count {
            return Err(unfit("its `source` or `destination` lies beyond the list's end"));
        }
        change_list(object, &name, |list| {
            let moved = list.remove(source);
            list.insert(destination, moved);
        })
    }

    fn delete(&self, doc: &mut Value) -> Result_ {
        let Some(target) = one(doc, &parse(self.path)?)? else { return Ok(()) };
        let place =
            target.place.ok_or_else(|| unfit("the whole resource cannot be deleted so: use DELETE"))?;
        let object = object(doc, &place.parent)?;
        match place.index {
            Some(index) => change_list(object, &place.key, |list| drop(list.remove(index))),
            None => {
                object.remove(&place.key);
                object.remove(&companion(&place.key));
                Ok(())
            }
        }
    }

    fn replace(&self, doc: &mut Value) -> Result_ {
        let target = one(doc, &parse(self.path)?)?.ok_or_else(|| unfit("its path leads to no element"))?;
        let place = target.place.ok_or_else(|| unfit("the whole resource cannot be replaced so: use PUT"))?;
        let owner = owner(doc, &place.parent)?;
        let element =
            owner.property(&place.key).ok_or_else(|| unfit("its path leads to no element"))?.element;
        let (json, _, content) = content(self.value()?, owner, element.name)?;
        let object = object(doc, &place.parent)?;
        if let Some(index) = place.index {
            return change_list(object, &json, |list| {
                if let Some(pair) = list.get_mut(index) {
                    *pair = content.pair();
                }
            });
        }
        // A choice may be replaced by another of its types, which stands under another name.
        object.remove(&companion(&place.key));
        if json != place.key {
            object.remove(&place.key);
        }
        content.write(object, &json);
        Ok(())
    }

    /// The object that has the list which the path names, and the list's name. The list itself need not be there.
    fn list(&self, doc: &Value) -> Result_<(Vec<Step>, CompactString)> {
        let (base, name) = parse(self.path)?
            .split_member()
            .ok_or_else(|| unfit("its path must end in an element's name"))?;
        let steps = match base {
            Some(base) => one(doc, &base)?.ok_or_else(|| unfit("its path leads to no element"))?.inside(),
            None => Vec::new(),
        };
        Ok((steps, name))
    }
}

fn parse(path: &str) -> Result_<Expression> {
    Expression::parse(path).map_err(|error| malformed(format!("its path is not FHIRPath: {error}")))
}

/// What a path leads to; no place is the resource itself.
struct Target {
    place: Option<Place>,
    is_primitive: bool,
}

impl Target {
    fn inside(&self) -> Vec<Step> {
        self.place.as_ref().map(|place| place.inside(self.is_primitive)).unwrap_or_default()
    }
}

/// The one element that the path leads to, if there is one.
fn one(doc: &Value, path: &Expression) -> Result_<Option<Target>> {
    let items = path
        .evaluate(doc, &Context { strict: true, ..Context::default() })
        .map_err(|error| unfit(format!("its path cannot be evaluated: {error}")))?;
    let node: Node<'_> = match items.as_slice() {
        [] => return Ok(None),
        [Item::Node(node)] => *node,
        [_] => return Err(unfit("its path leads to no element of the resource")),
        _ => return Err(unfit("its path leads to several elements: narrow it to one")),
    };
    if std::ptr::eq(node.value(), doc) {
        return Ok(Some(Target { place: None, is_primitive: false }));
    }
    let place = place(doc, &node).ok_or_else(|| unfit("its path leads out of the resource"))?;
    Ok(Some(Target { place: Some(place), is_primitive: node.type_info().primitive.is_some() }))
}

fn owner(doc: &Value, steps: &[Step]) -> Result_<&'static Type> {
    type_at(doc, steps).ok_or_else(|| unfit("its path leads to no element that R4 knows"))
}

fn object<'d>(doc: &'d mut Value, steps: &[Step]) -> Result_<&'d mut Object> {
    object_at(doc, steps).ok_or_else(|| unfit("its path leads to no element that can hold others"))
}

fn companion(json: &str) -> CompactString {
    compact_str::format_compact!("_{json}")
}

fn list_len(object: &Object, json: &str) -> usize {
    let len = |key: &str| object.get(key).and_then(Value::as_array).map_or(0, <[Value]>::len);
    len(json).max(len(&companion(json)))
}

/// Changes a list together with the ids and extensions that stand beside it, so that both stay in step.
fn change_list(object: &mut Object, json: &str, change: impl FnOnce(&mut Vec<(Value, Value)>)) -> Result_ {
    let companion = companion(json);
    let count = list_len(object, json);
    let mut take = |key: &str| -> Result_<Vec<Value>> {
        let mut items = match object.get_mut(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => std::mem::take(items),
            Some(_) => return Err(unfit("its path leads to no list")),
        };
        items.resize(count, Value::Null);
        Ok(items)
    };
    let mut pairs: Vec<(Value, Value)> = take(json)?.into_iter().zip(take(&companion)?).collect();
    change(&mut pairs);
    let (values, companions): (Vec<Value>, Vec<Value>) = pairs.into_iter().unzip();
    for (key, items) in [(json, values), (companion.as_str(), companions)] {
        if items.iter().all(Value::is_null) {
            object.remove(key);
        } else {
            object.insert(key, Value::Array(items));
        }
    }
    Ok(())
}

impl Content {
    fn pair(self) -> (Value, Value) {
        (self.value.unwrap_or(Value::Null), self.companion.unwrap_or(Value::Null))
    }

    fn write(self, object: &mut Object, json: &str) {
        match self.value {
            Some(value) => drop(object.insert(json, value)),
            None => drop(object.remove(json)),
        }
        if let Some(value) = self.companion {
            object.insert(companion(json), value);
        }
    }
}
