//! One element to the search values of a kind.
//!
//! Source: FHIR R4 3.1.1.4.6-3.1.1.4.12, the tables of data types for each kind.

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::super::near::Position;
use super::super::{Kind, ReferenceTerm, Term, date, number};
use crate::json::Value;
use crate::path::TypeInfo;

/// Money's codes are ISO 4217.
const CURRENCY_SYSTEM: &str = "urn:iso:std:iso:4217";

/// Gives the terms of `value`, an element of type `ty`, for a parameter of `kind`. What does not fit gives nothing.
pub(super) fn convert(kind: Kind, value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    match kind {
        Kind::Token => token(value, ty, emit),
        Kind::String => string(value, ty, emit),
        Kind::Reference => reference(value, ty, emit),
        Kind::Date => {
            if let Some((low_ms, high_ms)) = span(value, ty) {
                emit(Term::Date { low_ms, high_ms });
            }
        }
        Kind::Quantity => quantity(value, ty, emit),
        Kind::Number => plain_number(value, ty, emit),
        Kind::Uri => {
            if let Some(uri) = value.as_str().filter(|uri| !uri.is_empty()) {
                emit(Term::Uri(uri.into()));
            }
        }
        Kind::Special if ty.name == "Location.position" => {
            if let Some(position) = Position::of(value) {
                emit(Term::Position(position));
            }
        }
        Kind::Composite | Kind::Special => {}
    }
}

fn text(value: &Value, member: &str) -> Option<CompactString> {
    value.get(member).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Into::into)
}

fn token(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    let mut give = |system, code, text| {
        if let (None, None, None) = (&system, &code, &text) {
            return;
        }
        emit(Term::Token { system, code, text });
    };
    match ty.name {
        "CodeableConcept" => {
            let concept = text(value, "text");
            let codings = value.get("coding").map_or(&[][..], Value::elements);
            for coding in codings {
                let display = text(coding, "display").or_else(|| concept.clone());
                give(text(coding, "system"), text(coding, "code"), display);
            }
            if codings.is_empty() {
                give(None, None, concept);
            }
        }
        "Coding" => give(text(value, "system"), text(value, "code"), text(value, "display")),
        "Identifier" => {
            let kind = value.get("type").and_then(|kind| text(kind, "text"));
            if let Some(code) = text(value, "value") {
                give(text(value, "system"), Some(code), kind);
            }
        }
        // The system of a ContactPoint (phone, email) is no code system.
        "ContactPoint" => give(None, text(value, "value"), None),
        _ => match value {
            Value::Bool(flag) => give(None, Some(if *flag { "true" } else { "false" }.into()), None),
            Value::String(code) if !code.is_empty() => give(None, Some(code.clone()), None),
            Value::Number(number) => give(None, Some(number.as_str().into()), None),
            _ => {}
        },
    }
}

fn string(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    let members: &[&str] = match ty.name {
        "HumanName" => &["family", "given", "text", "prefix", "suffix"],
        "Address" => &["line", "city", "district", "state", "postalCode", "country", "text"],
        "Annotation" | "CodeableConcept" => &["text"],
        _ => {
            if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
                emit(Term::String(text.into()));
            }
            return;
        }
    };
    for part in members.iter().filter_map(|member| value.get(member)).flat_map(Value::elements) {
        if let Some(text) = part.as_str().filter(|text| !text.is_empty()) {
            emit(Term::String(text.into()));
        }
    }
}

/// The span of a date-like element; open ends reach to the ends of `i64`.
fn span(value: &Value, ty: &'static TypeInfo) -> Option<(i64, i64)> {
    match ty.name {
        "Period" => {
            let end_of = |member| value.get(member).and_then(Value::as_str).and_then(date::range);
            let (start, end) = (end_of("start"), end_of("end"));
            let (low_ms, high_ms) =
                (start.map_or(i64::MIN, |start| start.0), end.map_or(i64::MAX, |end| end.1));
            ((start.is_some() || end.is_some()) && low_ms < high_ms).then_some((low_ms, high_ms))
        }
        // "Only the outer limits matter".
        "Timing" => {
            let events = value.get("event").map_or(&[][..], Value::elements);
            let bounds = value.get("repeat").and_then(|repeat| repeat.get("boundsPeriod"));
            let period = crate::path::type_info("Period");
            let spans = events
                .iter()
                .filter_map(|event| date::range(event.as_str()?))
                .chain(bounds.and_then(|bounds| span(bounds, period?)));
            spans.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1)))
        }
        _ => date::range(value.as_str()?),
    }
}

/// The literal of a JSON number with its precision.
fn written(value: &Value) -> Option<number::Written> {
    number::written(value.as_number()?.as_str())
}

fn plain_number(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    let found = match ty.name {
        "Range" => range(value).map(|(found, _)| found),
        _ => written(value),
    };
    if let Some(number::Written { value, low, high }) = found {
        emit(Term::Number { low, high, value });
    }
}

/// A Range from the low end's low to the high end's high, and the end that tells the unit.
fn range(value: &Value) -> Option<(number::Written, &Value)> {
    let (low_end, high_end) = (value.get("low"), value.get("high"));
    let number_of = |end: Option<&Value>| end.and_then(|end| written(end.get("value")?));
    let (low, high) = (number_of(low_end), number_of(high_end));
    let found = number::Written {
        value: low.or(high)?.value,
        low: low.map_or(Decimal::MIN, |low| low.low),
        high: high.map_or(Decimal::MAX, |high| high.high),
    };
    Some((found, low_end.filter(|_| low.is_some()).or(high_end)?))
}

fn quantity(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    let found = match ty.name {
        "Range" => range(value),
        // The origin of sampled data is its zero, not a value.
        "SampledData" => None,
        _ => value.get("value").and_then(written).map(|number| (compared(value, number), value)),
    };
    let Some((number::Written { value: number, low, high }, unit)) = found else { return };
    let (system, code, name) = match text(unit, "currency") {
        Some(currency) if ty.name == "Money" => {
            (Some(CURRENCY_SYSTEM.into()), Some(currency.clone()), Some(currency))
        }
        _ => (text(unit, "system"), text(unit, "code"), text(unit, "unit")),
    };
    emit(Term::Quantity { low, high, value: number, system, code, unit: name });
}

/// "Less than 5" may be anything below 5.
fn compared(value: &Value, number: number::Written) -> number::Written {
    let number::Written { value: plain, low, high } = number;
    match value.get("comparator").and_then(Value::as_str) {
        Some("<") => number::Written { value: plain, low: Decimal::MIN, high: plain },
        Some("<=") => number::Written { value: plain, low: Decimal::MIN, high },
        Some(">=") => number::Written { value: plain, low, high: Decimal::MAX },
        Some(">") => number::Written { value: plain, low: plain, high: Decimal::MAX },
        _ => number,
    }
}

fn reference(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    if ty.name != "Reference" {
        // A canonical, or a uri that stands for one.
        if let Some(url) = value.as_str().filter(|url| !url.is_empty() && !url.starts_with('#')) {
            emit(Term::Reference(canonical(url)));
        }
        return;
    }
    if let Some(found) = value.get("reference").and_then(Value::as_str).and_then(reference_term) {
        emit(Term::Reference(found));
    }
    if let Some(identifier) = value.get("identifier") {
        let (system, code) = (text(identifier, "system"), text(identifier, "value"));
        if code.is_some() {
            let resource_type = text(value, "type");
            emit(Term::Reference(ReferenceTerm::Logical { resource_type, system, value: code }));
        }
    }
}

/// Splits a canonical into URL and version; a fragment is dropped.
fn canonical(text: &str) -> ReferenceTerm {
    let text = text.split('#').next().unwrap_or(text);
    match text.split_once('|') {
        Some((url, version)) => ReferenceTerm::Canonical { url: url.into(), version: Some(version.into()) },
        None => ReferenceTerm::Canonical { url: text.into(), version: None },
    }
}

/// Reads `Reference.reference`; `None` for a fragment and for what has no known shape.
pub(crate) fn reference_term(text: &str) -> Option<ReferenceTerm> {
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    if text.contains(':') {
        return Some(ReferenceTerm::Absolute(text.into()));
    }
    let mut parts = text.split('/');
    let (resource_type, id) = (parts.next()?, parts.next().filter(|id| !id.is_empty())?);
    if !crate::definitions::is_resource(resource_type) {
        return None;
    }
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => None,
        (Some("_history"), Some(version), None) if !version.is_empty() => Some(version.into()),
        _ => return None,
    };
    Some(ReferenceTerm::Local { resource_type: resource_type.into(), id: id.into(), version })
}

/// The type of the resource that a Reference points to, as far as the reference itself tells.
pub(crate) fn reference_type(value: &Value) -> Option<&str> {
    if let Some(text) = value.get("reference").and_then(Value::as_str)
        && let Some(found) = type_in_url(text)
    {
        return Some(found);
    }
    value.get("type").and_then(Value::as_str)
}

/// `Patient` in `Patient/1`, `http://host/fhir/Patient/1` and `Patient/1/_history/2`.
pub(crate) fn type_in_url(text: &str) -> Option<&str> {
    let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
    let (before, _id) = text.rsplit_once('/')?;
    let name = before.rsplit_once('/').map_or(before, |(_, name)| name);
    crate::definitions::is_resource(name).then_some(name)
}
