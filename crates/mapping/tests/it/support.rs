//! Messages of ours in, resources out. All people here are invented.

use std::sync::Arc;

use fhir::json::Value;
use formats::hl7v2::{Message, ParseOptions, parse};
use mapping::hl7v2::{MapError, Source, Zone, map};
use mapping::{Intent, Mapped};

/// A digest good enough to tell test data apart: four FNV-1a sums with different starts.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
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

pub(crate) fn source() -> Source {
    let mut source = Source::new("test", "tenant", Arc::new(digest));
    source.zone = Some(Zone::named("Europe/Berlin").unwrap());
    source.assigning_authorities.insert("HOSP".to_owned(), "urn:oid:2.999.1".to_owned());
    source
}

/// Reads a message written with one segment a line.
pub(crate) fn message(text: &str) -> Message {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    parse(lines.join("\r").as_bytes(), &ParseOptions::default()).unwrap().message
}

pub(crate) fn mapped_with(text: &str, source: &Source) -> Mapped {
    let mapped = map(&message(text), source).unwrap();
    check(&mapped);
    mapped
}

pub(crate) fn mapped(text: &str) -> Mapped {
    mapped_with(text, &source())
}

pub(crate) fn refusal(text: &str) -> MapError {
    map(&message(text), &source()).unwrap_err()
}

/// What must hold for every mapped message: valid, no dangling reference, no id twice.
pub(crate) fn check(mapped: &Mapped) {
    let problems = problems(mapped);
    assert!(problems.is_empty(), "{problems:#?}");
}

pub(crate) fn problems(mapped: &Mapped) -> Vec<String> {
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
pub(crate) fn intents<'a>(mapped: &'a Mapped, resource_type: &str) -> Vec<&'a Intent> {
    mapped.intents.iter().filter(|intent| intent.key().0 == resource_type).collect()
}

/// The only resource of a type.
pub(crate) fn only<'a>(mapped: &'a Mapped, resource_type: &str) -> &'a Value {
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
pub(crate) fn at(value: &Value, path: &str) -> String {
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

pub(crate) const ADMIT: &str = r"
    MSH|^~\&|ADT|HOSP|WARD|HOSP|20240301083000+0100||ADT^A01^ADT_A01|M1|P|2.5
    EVN|A01|20240301082900+0100
    PID|1||P100^^^HOSP^MR||Muster^Anna^Berta^^Dr^^L||19700512|F|||Gasse 1^^Graz^^8010^AT^H||+43 316 1||de|M
    PV1|1|I|W1^R2^B3^HOSP|E|||D1^Arzt^Otto^^^Dr^^^HOSP|||MED|||||||||V200^^^HOSP^VN|||||||||||||||||||||||||20240301080000+0100
";

/// Writes a segment from field numbers and values: `segment("PV1", &[(2, "I")])` is `PV1||I`.
pub(crate) fn segment(name: &str, fields: &[(usize, &str)]) -> String {
    let last = fields.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let mut all = vec![""; last];
    for (number, value) in fields {
        all[number - 1] = value;
    }
    format!("{name}|{}\n", all.join("|"))
}

/// A header of one event at one time.
pub(crate) fn header(message: &str, time: &str) -> String {
    let event = message.split('^').nth(1).unwrap_or("");
    let mut text = format!("MSH|^~\\&|APP|HOSP|WARD|HOSP|{time}||{message}|C{time}{event}|P|2.5\n");
    if message.starts_with("ADT") {
        text.push_str(&format!("EVN|{event}|{time}\n"));
    }
    text
}

/// One ADT message: event, time, and the segments behind EVN.
pub(crate) fn adt(event: &str, time: &str, segments: &[String]) -> String {
    format!("{}{}", header(&format!("ADT^{event}"), time), segments.concat())
}

/// A PID with an identifier and more fields.
pub(crate) fn pid(number: &str, fields: &[(usize, &str)]) -> String {
    let mut all = vec![(3, number), (5, "Muster^Anna")];
    all.retain(|(number, _)| fields.iter().all(|(own, _)| own != number));
    all.extend_from_slice(fields);
    segment("PID", &all)
}

/// One ORU with a patient, an order and the segments behind it.
pub(crate) fn oru(time: &str, obr: &[(usize, &str)], segments: &[String]) -> String {
    let mut all = vec![(3, "F1^LAB"), (4, "CBC^Blood count^L"), (7, "20240301070000"), (25, "F")];
    all.retain(|(number, _)| obr.iter().all(|(own, _)| own != number));
    all.extend_from_slice(obr);
    let head = header("ORU^R01", time);
    format!("{head}{}{}{}", pid("P1^^^HOSP^MR", &[]), segment("OBR", &all), segments.concat())
}

/// An OBX: type, code, value and more fields.
pub(crate) fn obx(kind: &str, code: &str, value: &str, fields: &[(usize, &str)]) -> String {
    let mut all = vec![(2, kind), (3, code), (5, value), (11, "F")];
    all.retain(|(number, _)| fields.iter().all(|(own, _)| own != number));
    all.extend_from_slice(fields);
    segment("OBX", &all)
}

/// The only Observation of a result message with one OBX.
pub(crate) fn observed(kind: &str, value: &str, fields: &[(usize, &str)]) -> Value {
    let mapped = mapped(&oru("20240301080000+0100", &[], &[obx(kind, "X1^Test^L", value, fields)]));
    only(&mapped, "Observation").clone()
}

/// A store as the ingest keeps one: applies intents and counts what was written.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) resources: std::collections::BTreeMap<String, Value>,
    pub(crate) writes: usize,
}

impl Store {
    /// Applies a message; gives how many resources it wrote.
    pub(crate) fn receive(&mut self, text: &str) -> usize {
        self.apply(&mapped(text))
    }

    /// Applies a mapped message; gives how many resources it wrote.
    pub(crate) fn apply(&mut self, mapped: &Mapped) -> usize {
        let before = self.writes;
        for intent in &mapped.intents {
            let (resource_type, id) = intent.key();
            let key = format!("{resource_type}/{id}");
            if let mapping::Resolution::Put(value) = mapping::resolve(self.resources.get(&key), intent) {
                let issues = fhir::validate::validate(&value);
                assert!(issues.is_empty(), "{key}: {issues:?}");
                self.resources.insert(key, value);
                self.writes += 1;
            }
        }
        self.writes - before
    }

    /// The resources of a type.
    pub(crate) fn all(&self, resource_type: &str) -> Vec<&Value> {
        let prefix = format!("{resource_type}/");
        self.resources.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, value)| value).collect()
    }

    /// The only resource of a type.
    pub(crate) fn only(&self, resource_type: &str) -> &Value {
        let all = self.all(resource_type);
        assert_eq!(all.len(), 1, "{resource_type}");
        all[0]
    }

    /// The resource of a type that has an identifier value.
    pub(crate) fn with_identifier(&self, resource_type: &str, value: &str) -> Vec<&Value> {
        let has = |resource: &&Value| {
            let identifiers = resource.get("identifier").map(Value::elements).unwrap_or_default();
            identifiers.iter().any(|identifier| at(identifier, "value") == value)
        };
        self.all(resource_type).into_iter().filter(has).collect()
    }
}
