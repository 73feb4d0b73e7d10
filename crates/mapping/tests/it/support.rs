//! Messages of ours in, resources out. All people here are invented.

use std::sync::Arc;

use fhir::json::Value;
use formats::hl7v2::{Message, ParseOptions, parse};
use mapping::hl7v2::{MapError, Source, Zone, map};
use mapping::{Intent, Mapped};

/// A digest good enough to tell test data apart: four FNV-1a sums with different starts.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut all = [0; 32];
    for (lane, chunk) in all.chunks_mut(8).enumerate() {
        let mut sum: u64 = 0xcbf2_9ce4_8422_2325 ^ (lane as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in bytes {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        sum ^= sum >> 29;
        chunk.copy_from_slice(&sum.to_be_bytes());
    }
    all
}

pub fn source() -> Source {
    let mut source = Source::new("test", "tenant", Arc::new(digest));
    source.zone = Some(Zone::named("Europe/Berlin").unwrap());
    source.assigning_authorities.insert("HOSP".to_owned(), "urn:oid:2.999.1".to_owned());
    source
}

/// Reads a message written with one segment a line.
pub fn message(text: &str) -> Message {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    parse(lines.join("\r").as_bytes(), &ParseOptions::default()).unwrap().message
}

pub fn mapped_with(text: &str, source: &Source) -> Mapped {
    let mapped = map(&message(text), source).unwrap();
    check(&mapped);
    mapped
}

pub fn mapped(text: &str) -> Mapped {
    mapped_with(text, &source())
}

pub fn refusal(text: &str) -> MapError {
    map(&message(text), &source()).unwrap_err()
}

/// What must hold for every mapped message: valid, no dangling reference, no id twice.
pub fn check(mapped: &Mapped) {
    let problems = problems(mapped);
    assert!(problems.is_empty(), "{problems:#?}");
}

pub fn problems(mapped: &Mapped) -> Vec<String> {
    let mut problems = Vec::new();
    let mut keys = std::collections::HashSet::new();
    for intent in &mapped.intents {
        let (resource_type, id) = intent.key();
        if !keys.insert(format!("{resource_type}/{id}")) {
            problems.push(format!("{resource_type} wanted twice"));
        }
        if id.is_empty() || id.len() > 64 {
            problems.push(format!("{resource_type} without a good id"));
        }
        for issue in fhir::validate::validate(&intent.resource) {
            problems.push(format!("{:?}: {}", issue.expression, issue.details));
        }
    }
    for intent in &mapped.intents {
        let mut references = Vec::new();
        collect_references(&intent.resource, &mut references);
        for reference in references {
            if !keys.contains(&reference) {
                problems.push(format!("{} refers to nothing: {reference}", intent.key().0));
            }
        }
    }
    problems
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| collect_references(entry, into)),
        Value::Object(object) => {
            for (name, value) in object {
                match value.as_str() {
                    Some(text) if name == "reference" => into.push(text.to_owned()),
                    _ => collect_references(value, into),
                }
            }
        }
        _ => {}
    }
}

/// The intents of one resource type.
pub fn intents<'a>(mapped: &'a Mapped, resource_type: &str) -> Vec<&'a Intent> {
    mapped.intents.iter().filter(|intent| intent.key().0 == resource_type).collect()
}

/// The only resource of a type.
pub fn only<'a>(mapped: &'a Mapped, resource_type: &str) -> &'a Value {
    let found = intents(mapped, resource_type);
    assert_eq!(
        found.len(),
        1,
        "{resource_type} in {:?}",
        mapped.intents.iter().map(|i| i.key().0).collect::<Vec<_>>()
    );
    &found[0].resource
}

/// What stands at a path such as `name.0.family`, as compact JSON; empty if nothing does.
pub fn at(value: &Value, path: &str) -> String {
    let mut here = value;
    for step in path.split('.') {
        let next = match step.parse::<usize>() {
            Ok(index) => here.at(index),
            Err(_) => here.get(step),
        };
        match next {
            Some(next) => here = next,
            None => return String::new(),
        }
    }
    match here.as_str() {
        Some(text) => text.to_owned(),
        None => here.to_string(),
    }
}

pub const ADMIT: &str = r"
    MSH|^~\&|ADT|HOSP|WARD|HOSP|20240301083000+0100||ADT^A01^ADT_A01|M1|P|2.5
    EVN|A01|20240301082900+0100
    PID|1||P100^^^HOSP^MR||Muster^Anna^Berta^^Dr^^L||19700512|F|||Gasse 1^^Graz^^8010^AT^H||+43 316 1||de|M
    PV1|1|I|W1^R2^B3^HOSP|E|||D1^Arzt^Otto^^^Dr^^^HOSP|||MED|||||||||V200^^^HOSP^VN|||||||||||||||||||||||||20240301080000+0100
";
