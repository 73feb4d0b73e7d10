//! The plain answer: looks at every resource's JSON and decides by itself. It shares with the index only the reading of
//! single dates, decimals and the normalising of text, which have their own tests.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use fhir::json::Value;
use fhir::search::{Decimal, date, normalise, number};

use super::generate::Ask;
use super::world::{NOW_MS, Stored, World};

/// One value of a resource, as a parameter of some kind reads it.
enum Val {
    Text(String),
    /// System, code, and the words beside it.
    Token(Option<String>, Option<String>, Vec<String>),
    /// A plain code, with the system that it is known to be of.
    Code(&'static str, String),
    /// An identifier's types (system, code) and value.
    Typed(Vec<(Option<String>, Option<String>)>, String),
    Span(i64, i64),
    Number(Decimal),
    Quantity(Amount, Option<String>, Option<String>, Option<String>),
    /// Words beside a reference.
    Words(String),
    Local(String, String),
    Url(String),
    /// The id of a contained resource.
    Inside(String),
    Logical(Option<String>, String),
}

/// A number that may be a range: its ends (`None` is open), and whether they are left out.
#[derive(Clone, Copy, PartialEq)]
struct Amount {
    low: Option<Decimal>,
    high: Option<Decimal>,
    low_is_open: bool,
    high_is_open: bool,
}

impl Amount {
    fn exactly(value: Decimal) -> Self {
        Self { low: Some(value), high: Some(value), low_is_open: false, high_is_open: false }
    }

    /// Whether some number of it is above `value`, or at it if `at` says so.
    fn reaches_above(self, value: Decimal, at: bool) -> bool {
        self.high.is_none_or(|high| high > value || (high == value && at && !self.high_is_open))
    }

    fn reaches_below(self, value: Decimal, at: bool) -> bool {
        self.low.is_none_or(|low| low < value || (low == value && at && !self.low_is_open))
    }
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
    let words = |coding: &Value| text(coding, "display").into_iter().collect();
    let token = |coding: &Value| Val::Token(text(coding, "system"), text(coding, "code"), words(coding));
    each(value, path).into_iter().map(token).collect()
}

fn concepts(value: &Value, path: &str) -> Vec<Val> {
    let mut found = Vec::new();
    for concept in each(value, path) {
        found.extend(codings(concept, "coding"));
        found.extend(text(concept, "text").map(|words| Val::Token(None, None, vec![words])));
    }
    found
}

fn identifiers(value: &Value) -> Vec<Val> {
    let mut found = Vec::new();
    for id in each(value, "identifier") {
        let words = texts(id, "type.text").into_iter().filter_map(|text| match text {
            Val::Text(text) => Some(text),
            _ => None,
        });
        found.push(Val::Token(text(id, "system"), text(id, "value"), words.collect()));
        let types =
            each(id, "type.coding").into_iter().map(|kind| (text(kind, "system"), text(kind, "code")));
        found.push(Val::Typed(types.collect(), text(id, "value").unwrap()));
    }
    found
}

fn plain_code(value: &Value, path: &str, system: &'static str) -> Vec<Val> {
    let codes = each(value, path).into_iter().filter_map(Value::as_str);
    codes.map(|code| Val::Code(system, code.into())).collect()
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
        found.extend(text(reference, "display").map(Val::Words));
        if let Some(target) = text(reference, "reference") {
            match target.split_once('/') {
                _ if target.starts_with('#') => found.push(Val::Inside(target[1..].to_owned())),
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
        ("Patient", "gender") => plain_code(value, "gender", "http://hl7.org/fhir/administrative-gender"),
        ("Patient", "active") => each(value, "active")
            .into_iter()
            .map(|flag| Val::Token(None, Some(flag.as_bool().unwrap().to_string()), Vec::new()))
            .collect(),
        ("Patient", "general-practitioner") => references(value, "generalPractitioner"),
        ("Patient", "organization") => references(value, "managingOrganization"),
        ("Observation" | "Condition", "code") => concepts(value, "code"),
        ("Observation", "category") => concepts(value, "category"),
        ("Observation", "status") => plain_code(value, "status", "http://hl7.org/fhir/observation-status"),
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
            let mut found = quantities(value, "valueQuantity");
            found.extend(each(value, "valueSampledData").into_iter().filter_map(sampled));
            found
        }
        ("Observation", "value-string") => {
            // R4: `(Observation.value as string) | (Observation.value as CodeableConcept).text`
            let mut found = texts(value, "valueString");
            found.extend(texts(value, "valueCodeableConcept.text"));
            found
        }
        ("Observation", "value-concept") => concepts(value, "valueCodeableConcept"),
        ("Observation", "combo-code") => {
            let mut found = concepts(value, "code");
            found.extend(concepts(value, "component.code"));
            found
        }
        ("Encounter", "class") => codings(value, "class"),
        ("Encounter", "status") => plain_code(value, "status", "http://hl7.org/fhir/encounter-status"),
        ("Encounter", "date") => periods(value, "period"),
        ("Condition", "asserter") => references(value, "asserter"),
        ("Condition", "onset-date") => {
            let mut found = dates(value, "onsetDateTime");
            found.extend(periods(value, "onsetPeriod"));
            found
        }
        ("Condition", "onset-age") => {
            let mut found = quantities(value, "onsetAge");
            found.extend(each(value, "onsetRange").into_iter().filter_map(range));
            found
        }
        ("DocumentReference", "relation") => plain_code(value, "relatesTo.code", RELATION),
        ("MolecularSequence", "variant-start") => {
            each(value, "variant.start").into_iter().map(|found| Val::Number(decimal(found))).collect()
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

const RELATION: &str = "http://hl7.org/fhir/document-relationship-type";

fn quantities(value: &Value, path: &str) -> Vec<Val> {
    each(value, path).into_iter().filter_map(quantity).collect()
}

fn quantity(value: &Value) -> Option<Val> {
    let number = decimal(value.get("value")?);
    let plain = Amount::exactly(number);
    let amount = match text(value, "comparator").as_deref() {
        Some("<") => Amount { low: None, high_is_open: true, ..plain },
        Some("<=") => Amount { low: None, ..plain },
        Some(">=") => Amount { high: None, ..plain },
        Some(">") => Amount { high: None, low_is_open: true, ..plain },
        _ => plain,
    };
    Some(in_unit(amount, value))
}

fn in_unit(amount: Amount, unit: &Value) -> Val {
    Val::Quantity(amount, text(unit, "system"), text(unit, "code"), text(unit, "unit"))
}

fn range(value: &Value) -> Option<Val> {
    let end = |name: &str| value.get(name).map(|end| decimal(end.get("value").unwrap()));
    let (low, high) = (end("low"), end("high"));
    let amount = Amount { low, high, low_is_open: false, high_is_open: false };
    let is_range = !matches!((low, high), (Some(low), Some(high)) if low > high);
    is_range.then(|| in_unit(amount, value.get("low").or(value.get("high")).unwrap()))
}

fn sampled(value: &Value) -> Option<Val> {
    let origin = value.get("origin").unwrap();
    let (zero, factor) = (decimal(origin.get("value").unwrap()), decimal(value.get("factor").unwrap()));
    let points = value.get("data").unwrap().as_str().unwrap().split(' ').filter(|point| *point != "E");
    let numbers: Vec<Decimal> =
        points.map(|point| number::written(point).unwrap().value * factor + zero).collect();
    let (low, high) = (numbers.iter().min().copied(), numbers.iter().max().copied());
    let amount = Amount { low, high, low_is_open: false, high_is_open: false };
    low.map(|_| in_unit(amount, origin))
}

/// What a composite reads together: for each place the values of each part.
fn together(stored: &Stored, parameter: &str) -> Vec<Vec<Vec<Val>>> {
    let value = &stored.resource;
    let components = each(value, "component");
    let observed = |of: &Value, part: &str| match part {
        "quantity" => quantities(of, "valueQuantity"),
        "concept" => concepts(of, "valueCodeableConcept"),
        _ => texts(of, "valueString"),
    };
    let pairs = |foci: Vec<&Value>, part: &str| -> Vec<Vec<Vec<Val>>> {
        foci.into_iter().map(|of| vec![concepts(of, "code"), observed(of, part)]).collect()
    };
    match parameter {
        "code-value-quantity" => pairs(vec![value], "quantity"),
        "code-value-concept" => pairs(vec![value], "concept"),
        "code-value-string" => pairs(vec![value], "string"),
        "component-code-value-quantity" => pairs(components, "quantity"),
        "component-code-value-concept" => pairs(components, "concept"),
        "combo-code-value-quantity" => pairs([value].into_iter().chain(components).collect(), "quantity"),
        "relationship" => each(value, "relatesTo")
            .into_iter()
            .map(|of| vec![plain_code(of, "code", RELATION), targets(of)])
            .collect(),
        "chromosome-variant-coordinate" => {
            let at = |of: &Value, name: &str| -> Vec<Val> {
                each(of, name).into_iter().map(|found| Val::Number(decimal(found))).collect()
            };
            let chromosome = || concepts(value, "referenceSeq.chromosome");
            let variants = each(value, "variant").into_iter();
            variants.map(|of| vec![chromosome(), at(of, "start"), at(of, "end")]).collect()
        }
        other => panic!("the oracle does not know {other}"),
    }
}

/// References without the words beside them.
fn targets(value: &Value) -> Vec<Val> {
    references(value, "target").into_iter().filter(|found| !matches!(found, Val::Words(_))).collect()
}

fn composed(stored: &Stored, parameter: &str, kind: &str, modifier: Option<&str>, asked: &[String]) -> bool {
    let found = together(stored, parameter);
    if modifier == Some("missing") {
        let is_there = found.iter().any(|parts| parts.iter().all(|part| !part.is_empty()));
        return is_there != (asked == ["true"]);
    }
    let kinds: Vec<&str> = kind.split('$').collect();
    asked.iter().any(|asked| {
        let asked: Vec<&str> = asked.split('$').collect();
        found.iter().any(|parts| {
            parts
                .iter()
                .zip(&kinds)
                .zip(&asked)
                .all(|((part, kind), asked)| part.iter().any(|value| matches(value, kind, None, asked)))
        })
    })
}

/// Whether a resource meets a criterion.
pub(super) fn meets(world: &World, stored: &Stored, ask: &Ask) -> bool {
    match ask {
        Ask::Own { parameter, kind, modifier, values: asked } => {
            own(world, stored, (parameter, kind, modifier.as_deref()), asked)
        }
        Ask::Chain { parameter, target, then } => values(stored, parameter).iter().any(|value| match value {
            Val::Local(kind, id) if kind == target => {
                world.stored.get(&(kind.clone(), id.clone())).is_some_and(|found| meets(world, found, then))
            }
            Val::Inside(id) => inside(world, stored, id).is_some_and(|found| {
                found.resource.resource_type() == Some(target) && meets(world, &found, then)
            }),
            _ => false,
        }),
        // Nobody refers to what is contained in another.
        Ask::Has { .. } if stored.within > 0 => false,
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

/// The first resource with an id in the container of `stored`, or in itself.
fn inside(world: &World, stored: &Stored, id: &str) -> Option<Stored> {
    let container = match stored.within {
        0 => stored,
        _ => world.stored.values().find(|one| one.number == stored.number)?,
    };
    container.contained().find(|one| one.resource.get("id").and_then(Value::as_str) == Some(id))
}

fn own(
    world: &World,
    stored: &Stored,
    (parameter, kind, modifier): (&str, &str, Option<&str>),
    asked: &[String],
) -> bool {
    let id = stored.resource.get("id").and_then(Value::as_str);
    if parameter == "_id" {
        return match modifier {
            Some("missing") => id.is_none() == (asked == ["true"]),
            _ => asked.iter().any(|asked| Some(asked.as_str()) == id),
        };
    }
    if kind.contains('$') {
        return composed(stored, parameter, kind, modifier, asked);
    }
    let found = values(stored, parameter);
    if modifier == Some("missing") {
        return found.is_empty() == (asked == ["true"]);
    }
    if let Some(up @ ("above" | "below")) = modifier.filter(|_| kind == "Organization") {
        let wanted: BTreeSet<String> = asked.iter().flat_map(|asked| hierarchy(world, asked, up)).collect();
        return found.iter().any(|value| matches!(value, Val::Local(_, id) if wanted.contains(id)));
    }
    let any = found.iter().any(|value| asked.iter().any(|asked| matches(value, kind, modifier, asked)));
    any != matches!(modifier, Some("not" | "not-in"))
}

/// The ids of an Organization and of all above or below it.
fn hierarchy(world: &World, asked: &str, up: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([asked.trim_start_matches("Organization/").to_owned()]);
    let organizations = || world.stored.iter().filter(|((kind, _), _)| kind == "Organization");
    loop {
        let before = found.len();
        for ((_, id), stored) in organizations() {
            for over in values(stored, "partof") {
                let Val::Local(_, over) = over else { continue };
                if up == "below" && found.contains(&over) {
                    found.insert(id.clone());
                }
                if up == "above"
                    && found.contains(id)
                    && organizations().any(|((_, other), _)| *other == over)
                {
                    found.insert(over);
                }
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Whether some words begin with what is asked for.
fn worded(words: &[String], asked: &str) -> bool {
    let asked = normalise::string(asked);
    words.iter().any(|words| {
        let words = normalise::string(words);
        let begins = |at: usize| at == 0 || !words[..at].chars().next_back().unwrap().is_alphanumeric();
        (0..words.len())
            .filter(|at| words.is_char_boundary(*at))
            .any(|at| begins(at) && words[at..].starts_with(&asked))
    })
}

/// Whether a code belongs to one of the value sets of [`World`]'s library.
fn is_in(value_set: &str, system: Option<&str>, code: &str) -> bool {
    match value_set {
        "http://v.example/small" => system == Some("http://a.example") && ["x1", "z3"].contains(&code),
        "http://v.example/all-b" => system == Some("http://b.example") && ["x1", "y2", "z3"].contains(&code),
        _ => {
            system == Some("http://hl7.org/fhir/administrative-gender")
                && ["male", "female", "other"].contains(&code)
        }
    }
}

/// Of `http://a.example`: from the widest code to the narrowest.
const NARROWER: [&str; 3] = ["x1", "y2", "z3"];

fn subsumed(modifier: &str, system: Option<&str>, code: &str, asked: &str) -> bool {
    let place = |code: &str| NARROWER.iter().position(|known| *known == code.to_lowercase()).unwrap();
    let asked = place(asked.strip_prefix("http://a.example|").unwrap());
    let own = place(code);
    system == Some("http://a.example") && if modifier == "above" { own <= asked } else { own >= asked }
}

fn matches(value: &Val, kind: &str, modifier: Option<&str>, asked: &str) -> bool {
    let starts = |code: &str| normalise::string(code).starts_with(&normalise::string(asked));
    match (value, modifier) {
        (Val::Token(_, _, words), Some("text")) => worded(words, asked),
        (Val::Words(words), Some("text")) => worded(std::slice::from_ref(words), asked),
        (_, Some("text")) | (Val::Words(_), _) => false,
        (Val::Typed(types, value), Some("of-type")) => types.iter().any(|(system, code)| {
            let own = [system.as_deref().unwrap_or(""), code.as_deref().unwrap_or(""), value].join("|");
            own.to_lowercase() == asked.to_lowercase()
        }),
        (Val::Typed(..), _) | (_, Some("of-type")) => false,
        (Val::Token(_, code, _), Some("code-text")) => code.as_deref().is_some_and(starts),
        (Val::Code(_, code), Some("code-text")) => starts(code),
        (Val::Token(system, Some(code), _), Some("in" | "not-in")) => is_in(asked, system.as_deref(), code),
        (Val::Code(system, code), Some("in" | "not-in")) => is_in(asked, Some(system), code),
        (Val::Token(system, Some(code), _), Some(up @ ("above" | "below"))) => {
            subsumed(up, system.as_deref(), code, asked)
        }
        (Val::Token(..), Some("in" | "not-in" | "above" | "below")) => false,
        (Val::Url(url), Some("below")) => {
            url == asked || url.starts_with(&format!("{}/", asked.trim_end_matches('/')))
        }
        (Val::Url(url), Some("above")) => {
            url == asked || asked.starts_with(&format!("{}/", url.trim_end_matches('/')))
        }
        (value, modifier) => plainly(value, kind, modifier, asked),
    }
}

fn plainly(value: &Val, kind: &str, modifier: Option<&str>, asked: &str) -> bool {
    match value {
        Val::Text(text) => match modifier {
            Some("exact") => text == asked,
            Some("contains") => normalise::string(text).contains(&normalise::string(asked)),
            _ => normalise::string(text).starts_with(&normalise::string(asked)),
        },
        Val::Token(system, code, _) => token(system.as_deref(), code.as_deref(), asked),
        Val::Code(system, code) => token(None, Some(code), asked) || token(Some(system), Some(code), asked),
        Val::Words(_) | Val::Typed(..) | Val::Inside(_) => false,
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
            numbered(prefix, Amount::exactly(*number), rest, Decimal::ONE)
        }
        Val::Quantity(amount, system, code, unit) => {
            assert_eq!(kind, "quantity");
            let (prefix, rest) = prefixed(asked);
            let mut parts = rest.split('|');
            let number_asked = parts.next().unwrap();
            let same = Some(Decimal::ONE);
            let times = match (parts.next(), parts.next()) {
                (None, _) => same,
                (Some(""), Some(any)) => {
                    same.filter(|_| code.as_deref() == Some(any) || unit.as_deref() == Some(any))
                }
                (Some(own), Some(of)) if system.as_deref() == Some(own) => {
                    let grams = |unit: &str| match unit {
                        "g" => Decimal::ONE,
                        "mg" => Decimal::new(1, 3),
                        _ => Decimal::from(1_000_000),
                    };
                    code.as_deref().map(|code| grams(of) / grams(code))
                }
                (Some(_), Some(_)) => None,
                (Some(_), None) => panic!("no such question is asked"),
            };
            times.is_some_and(|times| numbered(prefix, *amount, number_asked, times))
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

/// `times` is what the number asked for must be multiplied with, to be of the same unit.
fn numbered(prefix: &str, own: Amount, asked: &str, times: Decimal) -> bool {
    let written = number::written(asked).unwrap();
    let wide = if prefix == "ap" { number::approximate(written) } else { written };
    let (low, high, value) = (wide.low * times, wide.high * times, written.value * times);
    let inside = own.low.is_some_and(|own| low <= own)
        && own.high.is_some_and(|end| end < high || (end == high && own.high_is_open));
    match prefix {
        "eq" => inside,
        "ne" => !inside,
        "gt" => own.reaches_above(value, false),
        "ge" => own.reaches_above(value, true),
        "lt" => own.reaches_below(value, false),
        "le" => own.reaches_below(value, true),
        "sa" => !own.reaches_below(value, true),
        "eb" => !own.reaches_above(value, true),
        "ap" => own.reaches_above(low, true) && own.reaches_below(high, true),
        other => panic!("unknown prefix {other}"),
    }
}

/// What orders a resource under a key.
#[derive(PartialEq, PartialOrd)]
enum Order {
    Moment(i64),
    /// The number, and whether it is left out.
    Number(Decimal, bool),
    Text(String),
}

fn order(stored: &Stored, parameter: &str, descending: bool) -> Option<Order> {
    if parameter == "_id" {
        // As of any token, case does not count.
        return stored.resource.get("id").and_then(Value::as_str).map(|id| Order::Text(id.to_lowercase()));
    }
    let all = values(stored, parameter).into_iter().filter_map(|value| match value {
        Val::Token(_, Some(code), _) | Val::Code(_, code) => Some(Order::Text(code.to_lowercase())),
        Val::Local(kind, id) => Some(Order::Text(format!("{kind}/{id}"))),
        Val::Url(url) => Some(Order::Text(url)),
        Val::Span(low, _) => Some(Order::Moment(low)),
        Val::Number(number) => Some(Order::Number(number, false)),
        Val::Quantity(amount, ..) => {
            Some(Order::Number(amount.low.unwrap_or(Decimal::MIN), amount.low_is_open))
        }
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
    (left.number, left.within).cmp(&(right.number, right.within))
}

/// Local references of a resource: parameter, type, id.
pub(super) fn local_references(stored: &Stored) -> Vec<(String, String, String)> {
    let kind = stored.resource.resource_type().unwrap();
    let mut found = Vec::new();
    for (parameter, of) in super::generate::parameters(kind) {
        if super::generate::TYPES.contains(&of.as_str()) && !of.contains('$') {
            for value in values(stored, &parameter) {
                if let Val::Local(target, id) = value {
                    found.push((parameter.clone(), target, id));
                }
            }
        }
    }
    found
}
