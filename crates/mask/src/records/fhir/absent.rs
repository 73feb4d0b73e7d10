//! What must be there by the definitions but was taken out: an extension says that it is masked.
//!
//! Source: FHIR R4, extension data-absent-reason, code `masked`.

use fhir::definitions::{CodeSet, Element, Kind, Type};
use fhir::json::{Object, Value, array};
use fhir::json_object;

/// Parts within parts that are all required; none of R4 goes deeper.
const DEPTH_MAX: usize = 6;

/// Puts a reason in place of each required element that `old` had and `new` has not.
pub(super) fn fill(old: &Object, new: &mut Object, ty: &'static Type) {
    for element in ty.elements().iter().filter(|element| element.min > 0) {
        let is_it = |name: &str| {
            ty.property(name.strip_prefix('_').unwrap_or(name))
                .is_some_and(|property| property.element.name == element.name)
        };
        if new.keys().any(is_it) {
            continue;
        }
        let Some(name) = old.keys().find(|name| is_it(name)) else { continue };
        let name = name.strip_prefix('_').unwrap_or(name).to_owned();
        put(new, &name, element, ty, 0);
    }
}

/// A concept that lost the code which its binding requires says that it is masked, and nothing else.
pub(super) fn replace_concept(old: &Object, new: &mut Object, codes: &CodeSet) {
    let fits = |concept: &Object| {
        concept.get("coding").into_iter().flat_map(Value::elements).any(|coding| {
            let text = |name: &str| coding.get(name).and_then(Value::as_str);
            text("system").zip(text("code")).is_some_and(|(system, code)| codes.contains(system, code))
        })
    };
    if fits(old) && !fits(new) && !new.is_empty() {
        new.remove("coding");
        new.insert("extension", array([reason()]));
    }
}

fn put(object: &mut Object, name: &str, element: &Element, ty: &'static Type, depth: usize) {
    let Some(property) = ty.property(name) else { return };
    let masked = element_of(property.ty, depth);
    let value = if element.is_list() { array([masked]) } else { masked };
    if property.ty.kind == Kind::Primitive {
        object.insert(format!("_{name}"), value);
    } else {
        object.insert(name, value);
    }
}

fn element_of(ty: &'static Type, depth: usize) -> Value {
    let mut object = Object::new();
    object.insert("extension", array([reason()]));
    if ty.kind == Kind::Part && depth < DEPTH_MAX {
        for element in ty.elements().iter().filter(|element| element.min > 0) {
            let Some(choice) = element.types.first().and_then(|choice| choice.ty()) else { continue };
            put(&mut object, &element.json_name(choice.name), element, ty, depth + 1);
        }
    }
    Value::Object(object)
}

fn reason() -> Value {
    json_object! {
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "masked",
    }
}
