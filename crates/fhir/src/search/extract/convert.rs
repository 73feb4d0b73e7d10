//! One element to the search values of a kind.
//!
//! Source: FHIR R4 3.1.1.4.6-3.1.1.4.12, the tables of data types for each kind.

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::super::near::Position;
use super::super::{Kind, LabelOf, NumberRange, ReferenceTerm, Term, TokenSource, date, number};
use crate::definitions::Primitive;
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
    let plain =
        |code: CompactString, source| Term::Token { system: None, code: Some(code), text: None, source };
    match ty.name {
        "CodeableConcept" => concept(value, emit),
        "Coding" => {
            coding(value, emit);
        }
        "Identifier" => identifier(value, emit),
        // The system of a ContactPoint (phone, email) is no code system.
        "ContactPoint" => {
            if let Some(contact) = text(value, "value") {
                emit(plain(contact, TokenSource::Other));
            }
        }
        _ => match value {
            Value::Bool(flag) => emit(plain(if *flag { "true" } else { "false" }.into(), TokenSource::Coded)),
            Value::String(code) if !code.is_empty() => {
                let source = match ty.primitive {
                    Some(Primitive::Code) => TokenSource::Coded,
                    _ => TokenSource::Other,
                };
                emit(plain(code.clone(), source));
            }
            Value::Number(number) => emit(plain(number.as_str().into(), TokenSource::Other)),
            _ => {}
        },
    }
}

/// Gives the token of a Coding; whether there was one.
fn coding(value: &Value, emit: &mut dyn FnMut(Term)) -> bool {
    let (system, code, display) = (text(value, "system"), text(value, "code"), text(value, "display"));
    let is_token = system.is_some() || code.is_some() || display.is_some();
    if is_token {
        emit(Term::Token { system, code, text: display, source: TokenSource::Coded });
    }
    is_token
}

fn concept(value: &Value, emit: &mut dyn FnMut(Term)) {
    let codings = value.get("coding").map_or(&[][..], Value::elements);
    let mut any = false;
    for own in codings {
        any |= coding(own, emit);
    }
    let Some(words) = text(value, "text") else { return };
    if !any {
        return emit(Term::Token { system: None, code: None, text: Some(words), source: TokenSource::Coded });
    }
    // Most often the text says what a display has said already.
    if codings.iter().any(|coding| coding.get("display").and_then(Value::as_str) == Some(words.as_str())) {
        return;
    }
    let coded = codings.iter().find_map(|coding| Some((text(coding, "system"), text(coding, "code")?)));
    let of = coded.map_or(LabelOf::Nothing, |(system, code)| LabelOf::Concept { system, code });
    emit(Term::Label { text: words, of });
}

fn identifier(value: &Value, emit: &mut dyn FnMut(Term)) {
    let Some(code) = text(value, "value") else { return };
    let kind = value.get("type");
    let types = kind.and_then(|kind| kind.get("coding")).map_or(&[][..], Value::elements);
    for coding in types {
        if let Some(type_code) = text(coding, "code") {
            let type_system = text(coding, "system");
            emit(Term::TypedIdentifier { type_system, type_code, value: code.clone() });
        }
    }
    let words = kind.and_then(|kind| text(kind, "text"));
    let system = text(value, "system");
    emit(Term::Token { system, code: Some(code), text: words, source: TokenSource::Identifier });
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

/// A JSON number, exactly; `None` if it has more digits than a decimal can hold.
fn decimal(value: &Value) -> Option<Decimal> {
    number::written(value.as_number()?.as_str()).map(|written| written.value)
}

fn plain_number(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    let found = match ty.name {
        "Range" => range(value).map(|(found, _)| found),
        _ => decimal(value).map(NumberRange::exactly),
    };
    if let Some(found) = found {
        emit(Term::Number(found));
    }
}

/// A Range, and the end that tells the unit.
fn range(value: &Value) -> Option<(NumberRange, &Value)> {
    let (low_end, high_end) = (value.get("low"), value.get("high"));
    let number_of = |end: Option<&Value>| end.and_then(|end| decimal(end.get("value")?));
    let (low, high) = (number_of(low_end), number_of(high_end));
    let found = NumberRange::between(low.unwrap_or(Decimal::MIN), high.unwrap_or(Decimal::MAX));
    let unit = low_end.filter(|_| low.is_some()).or(high_end.filter(|_| high.is_some()))?;
    (found.low <= found.high).then_some((found, unit))
}

/// The bounds of the values of sampled data, and its origin, which tells the unit.
///
/// Source: R4 Observation, search parameter `value-quantity` ("just search on the bounds of the values in sampled data").
fn sampled(value: &Value) -> Option<(NumberRange, &Value)> {
    let origin = value.get("origin")?;
    let zero = origin.get("value").and_then(decimal).unwrap_or_default();
    let factor = value.get("factor").map_or(Some(Decimal::ONE), decimal)?;
    let limit = |name: &str| value.get(name).and_then(decimal);
    let mut bounds: Option<(Decimal, Decimal)> = None;
    for point in value.get("data")?.as_str()?.split_ascii_whitespace() {
        // `E` is an error, `L` and `U` are below and above what can be measured.
        let (low, high) = match point {
            "E" => continue,
            "L" => (Decimal::MIN, limit("lowerLimit").unwrap_or(zero)),
            "U" => (limit("upperLimit").unwrap_or(zero), Decimal::MAX),
            _ => {
                let plain = number::written(point)?.value.checked_mul(factor)?.checked_add(zero)?;
                (plain, plain)
            }
        };
        bounds = Some(bounds.map_or((low, high), |all| (all.0.min(low), all.1.max(high))));
    }
    bounds.map(|(low, high)| (NumberRange::between(low, high), origin))
}

fn quantity(value: &Value, ty: &'static TypeInfo, emit: &mut dyn FnMut(Term)) {
    let found = match ty.name {
        "Range" => range(value),
        "SampledData" => sampled(value),
        _ => value.get("value").and_then(decimal).map(|number| (compared(value, number), value)),
    };
    let Some((range, unit)) = found else { return };
    let (system, code, name) = match text(unit, "currency") {
        Some(currency) if ty.name == "Money" => {
            (Some(CURRENCY_SYSTEM.into()), Some(currency.clone()), Some(currency))
        }
        _ => (text(unit, "system"), text(unit, "code"), text(unit, "unit")),
    };
    emit(Term::Quantity { range, system, code, unit: name });
}

/// "Less than 5" may be anything below 5.
fn compared(value: &Value, number: Decimal) -> NumberRange {
    let below = NumberRange::between(Decimal::MIN, number);
    let above = NumberRange::between(number, Decimal::MAX);
    match value.get("comparator").and_then(Value::as_str) {
        Some("<") => NumberRange { high_is_open: true, ..below },
        Some("<=") => below,
        Some(">=") => above,
        Some(">") => NumberRange { low_is_open: true, ..above },
        _ => NumberRange::exactly(number),
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
    let found = value.get("reference").and_then(Value::as_str).and_then(reference_term);
    if let Some(display) = text(value, "display") {
        let of = match &found {
            Some(ReferenceTerm::Local { resource_type, id, .. }) => {
                LabelOf::Target { resource_type: resource_type.clone(), id: id.clone() }
            }
            _ => LabelOf::Nothing,
        };
        emit(Term::Label { text: display, of });
    }
    if let Some(found) = found {
        emit(Term::Reference(found));
    }
    let inside = value.get("reference").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    if let Some(id) = inside.filter(|id| !id.is_empty()) {
        emit(Term::Reference(ReferenceTerm::Contained(id.into())));
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
