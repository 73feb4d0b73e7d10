//! Codes: value sets and hierarchies, by the terminology at hand.
//!
//! Source: FHIR R4 2.9.1.3 (`memberOf`, `subsumes`, `subsumedBy`).

use std::borrow::Cow;

use super::super::collection::Items;
use super::super::evaluate::{Result, unsupported};
use super::super::function::Function as F;
use super::super::item::Item;
use super::super::ports::Codes;
use super::Call;
use crate::json::Value;

/// A code with the system it was given with.
type Coding<'a> = (Option<Cow<'a, str>>, Cow<'a, str>);

pub(super) fn call<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(codes) = call.evaluator.context.codes else {
        return Err(unsupported(format!("`{}` needs a terminology", call.function.name())));
    };
    let Some(item) = call.evaluator.single(&call.input, call.function.name())? else {
        return Ok(Items::Empty);
    };
    let codings = codings(item);
    if call.function == F::MemberOf {
        let Some(value_set) = call.text_argument(0)? else { return Ok(Items::Empty) };
        return Ok(
            any(&codings, |(system, code)| codes.member_of(&value_set, system.as_deref(), code)).into()
        );
    }
    let other = call.argument(0)?;
    let Some(other) = call.evaluator.single(&other, call.function.name())? else { return Ok(Items::Empty) };
    let others = self::codings(other);
    let (general, special) =
        if call.function == F::Subsumes { (&codings, &others) } else { (&others, &codings) };
    Ok(any(general, |general| any(special, |special| subsumes(codes, general, special))).into())
}

/// Whether it is true of any; not known where it is known of none and of some not at all.
fn any<T>(all: &[T], mut test: impl FnMut(&T) -> Option<bool>) -> Option<bool> {
    let mut open = false;
    for one in all {
        match test(one) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => open = true,
        }
    }
    if open { None } else { Some(false) }
}

/// Codes of different systems have no common ancestors. A bare code stands in the system of the other.
fn subsumes(codes: &dyn Codes, general: &Coding<'_>, special: &Coding<'_>) -> Option<bool> {
    let system = general.0.as_deref().or(special.0.as_deref())?;
    if special.0.as_deref().is_some_and(|other| other != system) {
        return Some(false);
    }
    codes.subsumes(system, &general.1, &special.1)
}

/// The codes of a code, `Coding`, `CodeableConcept` or `Quantity`.
fn codings<'a>(item: &Item<'a>) -> Vec<Coding<'a>> {
    let coding = |value: &'a Value| {
        let code = value.get("code").and_then(Value::as_str)?;
        Some((value.get("system").and_then(Value::as_str).map(Cow::Borrowed), Cow::Borrowed(code)))
    };
    match item {
        Item::String(code) => vec![(None, code.clone())],
        Item::Node(node) => match node.value {
            Value::String(code) => vec![(None, Cow::Borrowed(code.as_str()))],
            value => match value.get("coding") {
                Some(all) => all.elements().iter().filter_map(coding).collect(),
                None => coding(value).into_iter().collect(),
            },
        },
        _ => Vec::new(),
    }
}
