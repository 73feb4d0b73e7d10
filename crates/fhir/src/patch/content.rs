//! The value of a FHIRPath Patch operation as JSON.

use compact_str::CompactString;

use super::fhirpath::{Failure, malformed, unfit};
use crate::definitions::Type;
use crate::json::{Object, Value};

/// An element to be written: a value, and the id and extensions of a primitive.
pub(super) struct Content {
    pub(super) value: Option<Value>,
    pub(super) companion: Option<Value>,
}

/// Reads the part `value` for the element `name` of `owner`: the JSON member it belongs under, whether that is a list, and
/// what to write.
///
/// A data type comes as `value[x]`, a resource as `resource`, and a backbone element, which `value[x]` cannot say, as parts
/// named like its elements.
pub(super) fn content(
    part: &Object,
    owner: &'static Type,
    name: &str,
) -> Result<(CompactString, bool, Content), Failure> {
    let mut found = Content { value: None, companion: None };
    let mut type_suffix: Option<&str> = None;
    for (key, value) in part {
        let (own, is_companion) = key.strip_prefix('_').map_or((key, false), |own| (own, true));
        match (own, own.strip_prefix("value")) {
            ("name" | "id" | "extension", _) => {}
            ("resource", _) => found.value = Some(value.clone()),
            ("part", _) => {
                let property = owner.property(name).ok_or_else(|| unknown(owner))?;
                found.value = Some(Value::Object(object_of(value, property.ty)?));
            }
            (_, Some(suffix)) if !suffix.is_empty() => {
                type_suffix = Some(suffix);
                if is_companion {
                    found.companion = Some(value.clone());
                } else {
                    found.value = Some(value.clone());
                }
            }
            _ => return Err(malformed("its `value` has a member that R4 does not know")),
        }
    }
    if found.value.is_none() && found.companion.is_none() {
        return Err(malformed("its part `value` holds no value"));
    }
    let is_choice = owner.element(name).is_some_and(|element| element.is_choice);
    let json = match type_suffix {
        Some(suffix) if is_choice => compact_str::format_compact!("{name}{suffix}"),
        _ => name.into(),
    };
    let property = owner.property(&json).ok_or_else(|| {
        if is_choice {
            unfit("its value is of a type that the element does not take")
        } else {
            unknown(owner)
        }
    })?;
    Ok((json, property.element.is_list(), found))
}

fn unknown(owner: &Type) -> Failure {
    unfit(format!("`name` is no element of {}", owner.name))
}

/// A backbone element from parts.
fn object_of(parts: &Value, ty: &'static Type) -> Result<Object, Failure> {
    let mut object = Object::new();
    for part in parts.elements() {
        let Some(part) = part.as_object() else { return Err(malformed("a part must be an object")) };
        let name = part.get("name").and_then(Value::as_str).ok_or_else(|| malformed("a part has no name"))?;
        let (json, is_list, found) = content(part, ty, name)?;
        let companion = compact_str::format_compact!("_{json}");
        for (key, value) in [(json, found.value), (companion, found.companion)] {
            let Some(value) = value else { continue };
            match object.get_mut(&key) {
                Some(Value::Array(items)) => items.push(value),
                _ if is_list => drop(object.insert(key, Value::Array(vec![value]))),
                _ => drop(object.insert(key, value)),
            }
        }
    }
    Ok(object)
}
