//! The plain answer: looks at every resource's JSON and decides by itself. It shares with the index only the reading of
//! single dates, decimals and the normalising of text, which have their own tests.

use std::cmp::Ordering;

use fhir::json::Value;
use fhir::search::{Decimal, date, normalise, number};

use super::generate::Ask;
use super::world::{NOW_MS, Stored, World};

/// One value of a resource, as a parameter of some kind reads it.
enum Val {
    Text(String),
    Token(Option<String>, Option<String>),
    Span(i64, i64),
    Number(Decimal),
    Quantity(Decimal, Option<String>, Option<String>, Option<String>),
    Local(String, String),
    Url(String),
    Logical(Option<String>, String),
}

fn each<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for member in path.split('.') {
        found = found
            .into_iter()
            .filter_map(|value| value.get(member))
            .flat_map(|value| match value {
                Value::Array(values) => values.iter().collect(),
                other => vec![other],
            })
            .collect();
    }
    found
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member).and_then(Value::as_str).map(str::to_owned)
}

fn texts(value: &Value, path: &str) -> Vec<Val> {
    each(value, path).into_iter().filter_map(Value::as_str).map(|text| Val::Text(text.to_owned())).collect()
}

fn names(value: &Value) -> Vec<Val> {
    ["family", "given", "text"].iter().flat_map(|part| texts(value, &format!("name.{part}"))).collect()
}

fn codings(value: &Value, path: &str) -> Vec<Val> {
    each(value, path)
        .into_iter()
        .map(|coding| Val::Token(text(coding, "system"), text(coding, "code")))
        .collect()
}

fn concepts(value: &Value, path: &str) -> Vec<Val> {
    let mut found = Vec::new();
    for concept in each(value, path) {
        match concept.get("coding") {
            Some(_) => found.extend(codings(concept, "coding")),
            None => found.push(Val::Token(None, None)),
        }
    }
    found
}

fn identifiers(value: &Value) -> Vec<Val> {
    each(value, "identifier")
        .into_iter()
        .map(|id| Val::Token(text(id, "system"), text(id, "value")))
        .collect()
}

fn plain_code(value: &Value, path: &str) -> Vec<Val> {
    each(value, path)
        .into_iter()
        .filter_map(Value::as_str)
        .map(|code| Val::Token(None, Some(code.into())))
        .collect()
}

fn span(text: &str) -> Option<Val> {
    date::range(text).map(|(low, high)| Val::Span(low, high))
}

fn dates(value: &Value, path: &str) -> Vec<Val> {
    each(value, path).into_iter().filter_map(Value::as_str).filter_map(span).collect()
}

fn periods(value: &Value, path: &str) -> Vec<Val> {
    let mut found = Vec::new();
    for period in each(value, path) {
        let low = text(period, "start").map_or(i64::MIN, |start| date::range(&start).unwrap().0);
        let high = text(period, "end").map_or(i64::MAX, |end| date::range(&end).unwrap().1);
        if low < high {
            found.push(Val::Span(low, high));
        }
    }
    found
}

fn references(value: &Value, path: &str) -> Vec<Val> {
    let mut found = Vec::new();
    for reference in each(value, path) {
        if let Some(target) = text(reference, "reference") {
            match target.split_once('/') {
                Some((kind, id)) if !kind.contains(':') => found.push(Val::Local(kind.into(), id.into())),
                _ => found.push(Val::Url(target)),
            }
        }
        if let Some(identifier) = reference.get("identifier") {
            found.push(Val::Logical(text(identifier, "system"), text(identifier, "value").unwrap()));
        }
    }
    found
}

/// The values of a resource under a parameter.
fn values(stored: &Stored, parameter: &str) -> Vec<Val> {
    let value = &stored.resource;
    let kind = value.resource_type().unwrap();
    match (kind, parameter) {
        (_, "_lastUpdated") => vec![Val::Span(stored.updated_ms, stored.updated_ms + 1)],
        (_, "_tag") => codings(value, "meta.tag"),
        (_, "_security") => codings(value, "meta.security"),
        (_, "_profile") => each(value, "meta.profile")
            .into_iter()
            .map(|profile| Val::Url(profile.as_str().unwrap().to_owned()))
            .collect(),
        ("Patient" | "Practitioner", "name") => names(value),
        ("Patient", "family") => texts(value, "name.family"),
        ("Patient", "given") => texts(value, "name.given"),
        ("Patient", "birthdate") => dates(value, "birthDate"),
        ("Patient" | "Practitioner", "identifier") => identifiers(value),
        ("Patient", "gender") => plain_code(value, "gender"),
        ("Patient", "active") => each(value, "active")
            .into_iter()
            .map(|flag| Val::Token(None, Some(flag.as_bool().unwrap().to_string())))
            .collect(),
        ("Patient", "general-practitioner") => references(value, "generalPractitioner"),
        ("Patient", "organization") => references(value, "managingOrganization"),
        ("Observation" | "Condition", "code") => concepts(value, "code"),
        ("Observation", "category") => concepts(value, "category"),
        ("Observation", "status") => plain_code(value, "status"),
        ("Observation", "date") => {
            let mut found = dates(value, "effectiveDateTime");
            found.extend(periods(value, "effectivePeriod"));
            found
        }
        ("Observation" | "Encounter" | "RiskAssessment" | "Condition", "subject") => {
            references(value, "subject")
        }
        ("Observation", "patient") => patients_only(value),
        ("Observation", "encounter") => references(value, "encounter"),
        ("Observation", "value-quantity") => {
            each(value, "valueQuantity").into_iter().filter_map(quantity).collect()
        }
        ("Observation", "value-string") => {
            // R4: `(Observation.value as string) | (Observation.value as CodeableConcept).text`
            let mut found = texts(value, "valueString");
            found.extend(texts(value, "valueCodeableConcept.text"));
            found
        }
        ("Observation", "value-concept") => concepts(value, "valueCodeableConcept"),
        ("Encounter", "class") => codings(value, "class"),
        ("Encounter", "date") => periods(value, "period"),
        ("Condition", "asserter") => references(value, "asserter"),
        ("Condition", "onset-date") => {
            let mut found = dates(value, "onsetDateTime");
            found.extend(periods(value, "onsetPeriod"));
            found
        }
        ("RiskAssessment", "probability") => each(value, "prediction.probabilityDecimal")
            .into_iter()
            .map(|found| Val::Number(decimal(found)))
            .collect(),
        ("Questionnaire", "url") => {
            each(value, "url").into_iter().map(|url| Val::Url(url.as_str().unwrap().to_owned())).collect()
        }
        ("Questionnaire", "title") => texts(value, "title"),
        ("Questionnaire", "date") => dates(value, "date"),
        ("Organization", "name") => texts(value, "name"),
        ("Organization", "partof") => references(value, "partOf"),
        other => panic!("the oracle does not know {other:?}"),
    }
}

/// `subject.where(resolve() is Patient)`: all that says it is a patient.
fn patients_only(value: &Value) -> Vec<Val> {
    let Some(subject) = value.get("subject") else { return Vec::new() };
    let is_patient = text(subject, "reference").is_some_and(|reference| reference.contains("Patient/"));
    if is_patient { references(value, "subject") } else { Vec::new() }
}

fn decimal(value: &Value) -> Decimal {
    number::written(value.as_number().unwrap().as_str()).unwrap().value
}

fn quantity(value: &Value) -> Option<Val> {
    let number = decimal(value.get("value")?);
    Some(Val::Quantity(number, text(value, "system"), text(value, "code"), text(value, "unit")))
}

/// Whether a resource meets a criterion.
pub(super) fn meets(world: &World, stored: &Stored, ask: &Ask) -> bool {
    match ask {
        Ask::Own { parameter, kind, modifier, values: asked } => {
            own(stored, parameter, kind, modifier.as_deref(), asked)
        }
        Ask::Chain { parameter, target, then } => values(stored, parameter).iter().any(|value| match value {
            Val::Local(kind, id) if kind == target => {
                world.stored.get(&(kind.clone(), id.clone())).is_some_and(|found| meets(world, found, then))
            }
            _ => false,
        }),
        Ask::Has { source, parameter, then } => {
            let kind = stored.resource.resource_type().unwrap();
            let id = stored.resource.get("id").unwrap().as_str().unwrap();
            world.stored.values().filter(|other| other.resource.resource_type() == Some(source)).any(
                |other| {
                    let refers = values(other, parameter)
                        .iter()
                        .any(|value| matches!(value, Val::Local(to, at) if to == kind && at == id));
                    refers && meets(world, other, then)
                },
            )
        }
    }
}

fn own(stored: &Stored, parameter: &str, kind: &str, modifier: Option<&str>, asked: &[String]) -> bool {
    let id = stored.resource.get("id").unwrap().as_str().unwrap();
    if parameter == "_id" {
        return match modifier {
            Some("missing") => asked == ["false"],
            _ => asked.iter().any(|asked| asked == id),
        };
    }
    let found = values(stored, parameter);
    if modifier == Some("missing") {
        return found.is_empty() == (asked == ["true"]);
    }
    let any = found.iter().any(|value| asked.iter().any(|asked| matches(value, kind, modifier, asked)));
    any != (modifier == Some("not"))
}

fn matches(value: &Val, kind: &str, modifier: Option<&str>, asked: &str) -> bool {
    match value {
        Val::Text(text) => match modifier {
            Some("exact") => text == asked,
            Some("contains") => normalise::string(text).contains(&normalise::string(asked)),
            _ => normalise::string(text).starts_with(&normalise::string(asked)),
        },
        Val::Token(system, code) => token(system.as_deref(), code.as_deref(), asked),
        Val::Logical(system, code) => {
            modifier == Some("identifier") && token(system.as_deref(), Some(code), asked)
        }
        Val::Local(..) | Val::Url(_) if modifier == Some("identifier") => false,
        Val::Local(target, id) => {
            let asked = asked.strip_prefix("https://ward.example/fhir/").unwrap_or(asked);
            asked == id || asked == format!("{target}/{id}")
        }
        Val::Url(url) => url == asked,
        Val::Span(low, high) => {
            let (prefix, rest) = prefixed(asked);
            let (from, to) = date::range(rest).unwrap();
            dated(prefix, (*low, *high), (from, to))
        }
        Val::Number(number) => {
            let (prefix, rest) = prefixed(asked);
            numbered(prefix, *number, rest)
        }
        Val::Quantity(number, system, code, unit) => {
            assert_eq!(kind, "quantity");
            let (prefix, rest) = prefixed(asked);
            let mut parts = rest.split('|');
            let number_asked = parts.next().unwrap();
            let fits = match (parts.next(), parts.next()) {
                (None, _) => true,
                (Some(""), Some(any)) => code.as_deref() == Some(any) || unit.as_deref() == Some(any),
                (Some(own), Some(of)) => system.as_deref() == Some(own) && code.as_deref() == Some(of),
                (Some(_), None) => panic!("no such question is asked"),
            };
            fits && numbered(prefix, *number, number_asked)
        }
    }
}

fn token(system: Option<&str>, code: Option<&str>, asked: &str) -> bool {
    let same = |asked: &str| code.is_some_and(|code| code.to_lowercase() == asked.to_lowercase());
    match asked.split_once('|') {
        None => same(asked),
        Some(("", asked)) => system.is_none() && same(asked),
        Some((of, "")) => system == Some(of),
        Some((of, asked)) => system == Some(of) && same(asked),
    }
}

pub(super) fn prefixed(asked: &str) -> (&str, &str) {
    let (prefix, rest) = asked.split_at(asked.len().min(2));
    if prefix.len() == 2 && prefix.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        (prefix, rest)
    } else {
        ("eq", asked)
    }
}

fn dated(prefix: &str, (low, high): (i64, i64), (from, to): (i64, i64)) -> bool {
    let equal = from <= low && high <= to;
    match prefix {
        "eq" => equal,
        "ne" => !equal,
        "gt" => high > to,
        "lt" => low < from,
        "ge" => equal || high > to,
        "le" => equal || low < from,
        "sa" => low >= to,
        "eb" => high <= from,
        "ap" => {
            let slack = (NOW_MS - (from / 2 + to / 2)).abs() / 10;
            low < to + slack && high > from - slack
        }
        other => panic!("unknown prefix {other}"),
    }
}

fn numbered(prefix: &str, number: Decimal, asked: &str) -> bool {
    let written = number::written(asked).unwrap();
    match prefix {
        "eq" => written.low <= number && number < written.high,
        "ne" => !(written.low <= number && number < written.high),
        "gt" | "sa" => number > written.value,
        "lt" | "eb" => number < written.value,
        "ge" => number >= written.value,
        "le" => number <= written.value,
        "ap" => {
            let near = number::approximate(written);
            near.low <= number && number <= near.high
        }
        other => panic!("unknown prefix {other}"),
    }
}

/// What orders a resource under a key.
#[derive(PartialEq, PartialOrd)]
enum Order {
    Moment(i64),
    Number(Decimal),
    Text(String),
}

fn order(stored: &Stored, parameter: &str, descending: bool) -> Option<Order> {
    let all = values(stored, parameter).into_iter().filter_map(|value| match value {
        Val::Span(low, _) => Some(Order::Moment(low)),
        Val::Number(number) | Val::Quantity(number, ..) => Some(Order::Number(number)),
        Val::Text(text) => Some(Order::Text(normalise::string(&text))),
        _ => None,
    });
    all.reduce(|best, next| if (next > best) == descending { next } else { best })
}

/// Compares two resources under `-key,key` and then by number; those without a value come last.
pub(super) fn compare(keys: &[&str], left: &Stored, right: &Stored) -> Ordering {
    for key in keys {
        let (parameter, descending) = key.strip_prefix('-').map_or((*key, false), |key| (key, true));
        let found = match (order(left, parameter, descending), order(right, parameter, descending)) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => {
                let found = left.partial_cmp(&right).unwrap();
                if descending { found.reverse() } else { found }
            }
        };
        if found.is_ne() {
            return found;
        }
    }
    left.number.cmp(&right.number)
}

/// Local references of a resource: parameter, type, id.
pub(super) fn local_references(stored: &Stored) -> Vec<(String, String, String)> {
    let kind = stored.resource.resource_type().unwrap();
    let mut found = Vec::new();
    for (parameter, of) in super::generate::parameters(kind) {
        if super::generate::TYPES.contains(&of.as_str()) {
            for value in values(stored, &parameter) {
                if let Val::Local(target, id) = value {
                    found.push((parameter.clone(), target, id));
                }
            }
        }
    }
    found
}
