//! Where an element found by FHIRPath stands in its document, so that it can be changed there.

use compact_str::CompactString;

use crate::definitions::{Kind, Type, resource_named};
use crate::json::{Object, Value};
use crate::path::Node;

/// One step down a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Key(CompactString),
    Index(usize),
}

/// An element below the root: the object that has it, its member (without the underscore of a primitive's other half), and
/// its place in the list if it is in one.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) parent: Vec<Step>,
    pub(super) key: CompactString,
    pub(super) index: Option<usize>,
}

/// Where `node` stands in `doc`; `None` for the root and for what is not in it.
pub(super) fn place(doc: &Value, node: &Node<'_>) -> Option<Place> {
    let mut steps = Vec::new();
    let found = locate(doc, node.value(), &mut steps)
        || node.companion().is_some_and(|companion| locate(doc, companion, &mut steps));
    if !found {
        return None;
    }
    let index = match steps.last()? {
        Step::Index(index) => Some(*index),
        Step::Key(_) => None,
    };
    if index.is_some() {
        steps.pop();
    }
    let Some(Step::Key(key)) = steps.pop() else { return None };
    let key = key.strip_prefix('_').map(CompactString::from).unwrap_or(key);
    Some(Place { parent: steps, key, index })
}

/// The steps to a value, found by its address: the node borrows from this very document. As deep as the document, which its
/// reader bounds.
fn locate(from: &Value, wanted: &Value, steps: &mut Vec<Step>) -> bool {
    if std::ptr::eq(from, wanted) {
        return true;
    }
    let mut enter = |step: Step, value: &Value| {
        steps.push(step);
        let found = locate(value, wanted, steps);
        if !found {
            steps.pop();
        }
        found
    };
    match from {
        Value::Object(object) => object.iter().any(|(key, value)| enter(Step::Key(key.into()), value)),
        Value::Array(items) => {
            items.iter().enumerate().any(|(index, value)| enter(Step::Index(index), value))
        }
        _ => false,
    }
}

impl Place {
    /// The steps to the element's own object; of a primitive that is the one with its id and extensions.
    pub(super) fn inside(&self, is_primitive: bool) -> Vec<Step> {
        let mut steps = self.parent.clone();
        let key = if is_primitive { compact_str::format_compact!("_{}", self.key) } else { self.key.clone() };
        steps.push(Step::Key(key));
        steps.extend(self.index.map(Step::Index));
        steps
    }
}

/// The object at the end of the steps. The last steps are made if they are missing: a primitive has its id and extensions
/// in an object that need not be there.
pub(super) fn object_at<'d>(doc: &'d mut Value, steps: &[Step]) -> Option<&'d mut Object> {
    let mut at = doc;
    for step in steps {
        at = match step {
            Step::Key(key) => {
                let object = at.as_object_mut()?;
                if !object.contains_key(key) {
                    object.insert(key.clone(), Value::Null);
                }
                object.get_mut(key)?
            }
            Step::Index(index) => {
                if at.is_null() {
                    *at = Value::Array(Vec::new());
                }
                let items = at.as_array_mut()?;
                if items.len() <= *index {
                    items.resize(index.checked_add(1)?, Value::Null);
                }
                items.get_mut(*index)?
            }
        };
    }
    if at.is_null() {
        *at = Value::Object(Object::new());
    }
    at.as_object_mut()
}

/// The type of the object at the end of the steps, by the definitions.
pub(super) fn type_at(doc: &Value, steps: &[Step]) -> Option<&'static Type> {
    let mut ty = resource_named(doc.resource_type()?)?;
    let mut at = Some(doc);
    for step in steps {
        match step {
            Step::Key(key) => {
                ty = ty.property(key.strip_prefix('_').unwrap_or(key))?.ty;
                at = at.and_then(|value| value.get(key));
            }
            Step::Index(index) => at = at.and_then(|value| value.at(*index)),
        }
        // A contained resource, an entry's resource: it says itself what it is.
        if ty.kind == Kind::Resource
            && ty.is_abstract
            && let Some(name) = at.and_then(Value::resource_type)
        {
            ty = resource_named(name)?;
        }
    }
    Some(ty)
}
