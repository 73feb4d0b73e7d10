//! What FHIR adds: children, values and extensions, references, types.
//!
//! Source: FHIR R4 2.9.1.3 and FHIRPath N1 5.8, 6.3.

use super::super::collection::Items;
use super::super::evaluate::{Result, evaluation, unsupported};
use super::super::function::Function as F;
use super::super::item::{Item, Node, TypeReference};
use super::super::model;
use super::Call;
use crate::definitions::{self, Kind};
use crate::json::Value;

pub(super) fn call<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    match call.function {
        F::Children => {
            let mut out = Items::Empty;
            for item in call.input.as_slice() {
                children(call, item, &mut out)?;
            }
            Ok(out)
        }
        F::Descendants => {
            let mut out = Items::Empty;
            let mut waiting = call.input.clone();
            while !waiting.is_empty() {
                let mut next = Items::Empty;
                for item in waiting.as_slice() {
                    children(call, item, &mut next)?;
                }
                out.append(next.clone());
                call.evaluator.check_size(&out)?;
                waiting = next;
            }
            Ok(out)
        }
        F::HasValue => Ok(matches!(call.input.as_slice(), [item] if has_value(item)).into()),
        F::GetValue => match call.input.as_slice() {
            [item] if has_value(item) => Ok(super::super::evaluate::system(item).into_owned().into()),
            _ => Ok(Items::Empty),
        },
        F::Extension => extension(call),
        F::Resolve => {
            let mut out = Items::Empty;
            for item in call.input.as_slice() {
                if let Some(found) = resolve(call.evaluator.root, item) {
                    out.push(found);
                }
            }
            Ok(out)
        }
        F::Type => {
            Ok(call.input.as_slice().iter().map(|item| Item::Type(type_of(item))).collect::<Vec<_>>().into())
        }
        F::ConformsTo => conforms(call),
        F::HtmlChecks => Err(unsupported("`htmlChecks` is not offered")),
        _ => Err(evaluation("the function is not offered")),
    }
}

/// Every element directly below an item, in the order of the definitions.
fn children<'a>(call: &Call<'_, '_, 'a, '_>, item: &Item<'a>, out: &mut Items<'a>) -> Result<()> {
    let Item::Node(node) = item else { return Ok(()) };
    for child in node.ty.children() {
        for variant in &child.variants {
            call.evaluator.push_variant(node, variant, out)?;
        }
    }
    call.evaluator.charge(1)
}

fn has_value(item: &Item<'_>) -> bool {
    match item {
        Item::Node(node) => node.ty.primitive.is_some() && !node.value.is_null(),
        Item::Elsewhere(_) | Item::Type(_) => false,
        _ => true,
    }
}

fn extension<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(url) = call.text_argument(0)? else { return Ok(Items::Empty) };
    let mut out = Items::Empty;
    for item in call.input.as_slice() {
        let Item::Node(node) = item else { continue };
        let Some(child) = node.ty.child("extension") else { continue };
        let mut all = Items::Empty;
        for variant in &child.variants {
            call.evaluator.push_variant(node, variant, &mut all)?;
        }
        for extension in all.into_vec() {
            if matches!(&extension, Item::Node(node) if node.value.get("url").and_then(Value::as_str) == Some(&url))
            {
                out.push(extension);
            }
        }
    }
    Ok(out)
}

/// The contained resource that a reference names, or the type of the one elsewhere.
fn resolve<'a>(root: Node<'a>, item: &Item<'a>) -> Option<Item<'a>> {
    let (text, node) = match item {
        Item::Node(node) if node.ty.name == "Reference" => {
            (node.value.get("reference").and_then(Value::as_str), Some(node))
        }
        Item::Node(node) => (node.value.as_str(), None),
        Item::String(text) => (Some(text.as_ref()), None),
        _ => return None,
    };
    if let Some(fragment) = text.and_then(|text| text.strip_prefix('#')) {
        if fragment.is_empty() {
            return Some(Item::Node(root));
        }
        let contained = root.value.get("contained").map_or(&[][..], Value::elements);
        let value =
            contained.iter().find(|value| value.get("id").and_then(Value::as_str) == Some(fragment))?;
        return Some(Item::Node(Node {
            value,
            companion: None,
            ty: model::resource_info(value.resource_type()),
        }));
    }
    let named = text.and_then(crate::search::type_in_url);
    let named = named.or_else(|| node.and_then(|node| node.value.get("type")).and_then(Value::as_str))?;
    definitions::resource_named(named).map(|ty| Item::Elsewhere(ty.name))
}

fn type_of(item: &Item<'_>) -> TypeReference {
    match item {
        // A part has no name of its own in FHIR.
        Item::Node(node) if node.ty.definition.kind == Kind::Part => {
            TypeReference { namespace: "FHIR", name: "BackboneElement" }
        }
        Item::Node(node) => TypeReference { namespace: "FHIR", name: node.ty.name },
        Item::Elsewhere(name) => TypeReference { namespace: "FHIR", name },
        other => TypeReference { namespace: "System", name: other.system_name() },
    }
}

/// Only the base definitions are known here, not profiles.
fn conforms<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let (Some(url), Some(item)) = (call.text_argument(0)?, call.input.as_slice().first()) else {
        return Ok(Items::Empty);
    };
    let name = url.strip_prefix("http://hl7.org/fhir/StructureDefinition/");
    match name.and_then(definitions::type_named) {
        Some(ty) => Ok(matches!(item, Item::Node(node) if node.ty.is_subtype_of(ty.name)).into()),
        None => Err(unsupported("`conformsTo` knows only the types of R4, no profiles")),
    }
}
