//! What FHIR adds: children, values and extensions, references, types.
//!
//! Source: FHIR R4 2.9.1.3 and FHIRPath N1 5.8, 6.3.

use super::super::collection::Items;
use super::super::evaluate::{Result, evaluation, unsupported};
use super::super::function::Function as F;
use super::super::item::{Item, Node, TypeReference};
use super::super::xhtml;
use super::Call;
use crate::definitions::{self, Kind};
use crate::json::Value;

pub(super) fn call<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let input = call;
    let call = &input;
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
                if let Some(found) = resolve(call, item) {
                    out.push(found);
                }
            }
            Ok(out)
        }
        F::Type => {
            Ok(call.input.as_slice().iter().map(|item| Item::Type(type_of(item))).collect::<Vec<_>>().into())
        }
        F::ConformsTo => conforms(call),
        F::HtmlChecks => match call.evaluator.single(&call.input, "`htmlChecks`")? {
            Some(Item::Node(Node { value: Value::String(text), .. })) => Ok(xhtml::is_narrative(text).into()),
            _ => Ok(Items::Empty),
        },
        F::CheckModifiers => {
            check_modifiers(call)?;
            Ok(input.input)
        }
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

/// The resource that a reference names: contained, in the bundle, or elsewhere; of the last perhaps only the type.
fn resolve<'a>(call: &Call<'_, '_, 'a, '_>, item: &Item<'a>) -> Option<Item<'a>> {
    let evaluator = call.evaluator;
    let (text, node) = match item {
        Item::Node(node) if node.ty.name == "Reference" => {
            (node.value.get("reference").and_then(Value::as_str), Some(node))
        }
        Item::Node(node) => (node.value.as_str(), None),
        Item::String(text) => (Some(text.as_ref()), None),
        _ => return None,
    };
    if let Some(fragment) = text.and_then(|text| text.strip_prefix('#')) {
        let found =
            if fragment.is_empty() { Some(evaluator.root) } else { contained(evaluator.root, fragment) };
        return found.map(|found| Item::Node(Node::of_resource(found)));
    }
    if let Some(text) = text {
        let at_hand = in_bundle(evaluator.root, text)
            .or_else(|| evaluator.context.resolver.and_then(|resolver| resolver.resolve(text)));
        if let Some(found) = at_hand {
            return Some(Item::Node(Node::of_resource(found)));
        }
    }
    let named = text.and_then(crate::search::type_in_url);
    let named = named.or_else(|| node.and_then(|node| node.value.get("type")).and_then(Value::as_str))?;
    definitions::resource_named(named).map(|ty| Item::Elsewhere(ty.name))
}

fn contained<'a>(resource: &'a Value, id: &str) -> Option<&'a Value> {
    let contained = resource.get("contained").map_or(&[][..], Value::elements);
    contained.iter().find(|value| value.get("id").and_then(Value::as_str) == Some(id))
}

/// The entry of a bundle that a reference names by its `fullUrl`, whole or (`Patient/1`) by its end.
pub(crate) fn in_bundle<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let entries = root.resource_type().filter(|name| *name == "Bundle").and_then(|_| root.get("entry"))?;
    let is_named = |full_url: &str| {
        let before = full_url.strip_suffix(reference);
        full_url == reference
            || !reference.contains(':') && before.is_some_and(|before| before.ends_with('/'))
    };
    let entry = entries
        .elements()
        .iter()
        .find(|entry| entry.get("fullUrl").and_then(Value::as_str).is_some_and(is_named));
    entry?.get("resource")
}

/// Refuses items with a modifier extension that is not among those named.
fn check_modifiers(call: &Call<'_, '_, '_, '_>) -> Result<()> {
    let mut known = Vec::new();
    for index in 0..call.arguments.len() {
        known.extend(call.text_argument(index)?);
    }
    for item in call.input.as_slice() {
        let Item::Node(node) = item else { continue };
        let modifiers = node.value.get("modifierExtension").map_or(&[][..], Value::elements);
        let is_known = |url: &str| known.iter().any(|known| known.as_ref() == url);
        if !modifiers.iter().all(|one| one.get("url").and_then(Value::as_str).is_some_and(is_known)) {
            return Err(evaluation("`checkModifiers` found a modifier extension that it was not told of"));
        }
    }
    Ok(())
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

/// The types of R4 are always known, profiles where the context has them.
fn conforms<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(item) = call.evaluator.single(&call.input, "`conformsTo`")? else { return Ok(Items::Empty) };
    let Some(url) = call.text_argument(0)? else { return Ok(Items::Empty) };
    let name = url.strip_prefix("http://hl7.org/fhir/StructureDefinition/");
    if let Some(ty) = name.and_then(definitions::type_named) {
        return Ok(matches!(item, Item::Node(node) if node.ty.is_subtype_of(ty.name)).into());
    }
    let (Item::Node(node), Some(profiles)) = (item, call.evaluator.context.profiles) else {
        return Err(unsupported("`conformsTo` knows only the types of R4 here, no profiles"));
    };
    match profiles.conforms(*node, &url) {
        Some(conforms) => Ok(conforms.into()),
        None => Err(unsupported("`conformsTo` names a profile that is not loaded")),
    }
}
