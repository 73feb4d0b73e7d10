//! Synthetic bundles: nothing that tells a person is left, the structure is sound, dates keep their distances.

use std::collections::BTreeSet;

use fhir::json::{self, Limits, Value};
use mask::records::fhir::{Config, FhirMasker};
use mask::transform::{Day, Plan};

use crate::support::{DATES, TestKeys, corpus, lines, scope, tools};

fn parsed(text: &str) -> Value {
    let limits = Limits { nodes_max: 8_000_000, bytes_max: 64 << 20, ..Limits::default() };
    json::parse(text.as_bytes(), &limits).unwrap()
}

/// The bundles of both folders; the large files by one in so many lines.
fn bundles(step: usize) -> Vec<Value> {
    let mut bundles = Vec::new();
    for folder in ["phi/fhir", "fhir/plain"] {
        let Some(folder) = corpus(folder, 5) else { continue };
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let value = parsed(&std::fs::read_to_string(file).unwrap());
            if value.resource_type().is_some() {
                bundles.push(value);
            }
        }
    }
    for file in ["fhir/smart-r4.bundles.ndjson.gz", "fhir/synthea-2024-r4.bundles.ndjson.gz"] {
        let Some(file) = corpus(file, 100) else { continue };
        bundles.extend(lines(file).iter().step_by(step).map(|line| parsed(line)));
    }
    bundles
}

/// What tells who the people of a bundle are.
#[derive(Default)]
struct Identities {
    texts: BTreeSet<String>,
}

impl Identities {
    fn of(bundle: &Value) -> Self {
        let mut identities = Self::default();
        identities.visit(bundle);
        identities
    }

    fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|value| self.visit(value)),
            Value::Object(object) => {
                let ty = value.resource_type();
                if matches!(ty, Some("Patient" | "Practitioner" | "RelatedPerson")) {
                    self.person(value);
                }
                object.iter().for_each(|(_, value)| self.visit(value));
            }
            _ => {}
        }
    }

    fn person(&mut self, person: &Value) {
        let texts = |value: &Value, path: &[&str]| -> Vec<String> {
            let mut values = vec![value.clone()];
            for name in path {
                values = values
                    .iter()
                    .flat_map(|value| {
                        value.get(name).map(|value| value.elements().to_vec()).unwrap_or_default()
                    })
                    .collect();
            }
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        for path in [
            &["name", "family"][..],
            &["name", "given"],
            &["identifier", "value"],
            &["telecom", "value"],
            &["address", "line"],
            &["birthDate"],
            &["id"],
        ] {
            // A number of one or two digits, as old samples have for ids, says nothing.
            self.texts.extend(texts(person, path).into_iter().filter(|text| text.chars().count() >= 4));
        }
    }

    /// The identities that stand in a text as words of their own.
    fn left_in(&self, text: &str) -> Vec<&str> {
        let is_apart = |at: usize, length: usize| {
            let side = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
            side(text[..at].chars().next_back()) && side(text[at + length..].chars().next())
        };
        let stands = |one: &str| text.match_indices(one).any(|(at, found)| is_apart(at, found.len()));
        self.texts.iter().map(String::as_str).filter(|one| stands(one)).collect()
    }
}

/// Texts of attachments and narratives as well.
fn everything(value: &Value) -> String {
    use base64::Engine as _;
    let mut out = value.to_string();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(elements) => waiting.extend(elements),
            Value::Object(object) => {
                if let Some(data) = object.get("data").and_then(Value::as_str) {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default();
                    out.push_str(&String::from_utf8_lossy(&bytes));
                }
                waiting.extend(object.iter().map(|(_, value)| value));
            }
            _ => {}
        }
    }
    out
}

#[test]
fn no_identity_of_a_person_is_left_in_a_bundle() {
    let (keys, plan) = (TestKeys(9), Plan::labels());
    let masker = FhirMasker::safe_harbor().unwrap();
    let (mut checked, mut left, mut resources) = (0, 0, 0);
    for bundle in bundles(12) {
        let identities = Identities::of(&bundle);
        let masked = masker.mask(&bundle, tools(&keys, &DATES, &plan), &scope()).unwrap();
        let text = everything(&masked.resource);
        checked += identities.texts.len();
        resources += masked.resource.get("entry").map_or(1, |entry| entry.elements().len());
        let found = identities.left_in(&text);
        left += found.len();
        let kinds: Vec<usize> = found.iter().map(|one| one.len()).collect();
        assert!(found.is_empty(), "{} identities are left (lengths {kinds:?})", found.len());
    }
    eprintln!("masked {resources} resources; {checked} identities looked for, {left} left");
}

#[test]
fn what_was_valid_is_valid_masked_by_every_built_in_configuration() {
    let (keys, plan) = (TestKeys(9), Plan::labels());
    let mut maskers = vec![FhirMasker::safe_harbor().unwrap(), FhirMasker::limited_dataset().unwrap()];
    if let Some(sample) = corpus("phi/fhir/ms-anonymizer-r4-configuration-sample.json", 1) {
        let config = Config::parse(&std::fs::read(sample).unwrap()).unwrap();
        maskers.push(FhirMasker::new(config));
    }
    for bundle in bundles(40) {
        let before = fhir::validate::validate(&bundle);
        for masker in &maskers {
            let masked = masker.mask(&bundle, tools(&keys, &DATES, &plan), &scope()).unwrap();
            let after = fhir::validate::validate(&masked.resource);
            if before.is_empty() {
                assert!(after.is_empty(), "{:?}", &after[..after.len().min(5)]);
            }
        }
    }
}

#[test]
fn masking_a_bundle_twice_is_masking_it_once() {
    let (keys, plan) = (TestKeys(9), Plan::labels());
    let masker = FhirMasker::safe_harbor().unwrap();
    for bundle in bundles(60) {
        let once = masker.mask(&bundle, tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
        // Through text, as it travels.
        let back = parsed(&once.to_string());
        let twice = masker.mask(&back, tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
        assert!(twice == once);
        // A single resource out of it as well.
        if let Some(entry) = once.get("entry").and_then(|entries| entries.at(0)) {
            let resource = entry.get("resource").unwrap();
            let again = masker.mask(resource, tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
            assert!(again == *resource);
        }
    }
}

/// The dates of a resource's own elements, by path, as days and the rest of the text.
fn dates(value: &Value, path: &str, found: &mut Vec<(String, Day, String)>) {
    match value {
        Value::Array(elements) => {
            for (at, value) in elements.iter().enumerate() {
                dates(value, &format!("{path}[{at}]"), found);
            }
        }
        Value::Object(object) => {
            for (name, value) in
                object.iter().filter(|(name, _)| !matches!(*name, "extension" | "tag" | "text"))
            {
                dates(value, &format!("{path}.{name}"), found);
            }
        }
        Value::String(text) if text.len() >= 10 && text.is_ascii() => {
            let number = |from: usize, to: usize| text[from..to].parse::<i32>().ok();
            let is_date = text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
            let day = is_date
                .then(|| Day::from_ymd(number(0, 4)?, number(5, 7)? as u8, number(8, 10)? as u8))
                .flatten();
            if let Some(day) = day {
                found.push((path.to_owned(), day, text[10..].to_owned()));
            }
        }
        _ => {}
    }
}

#[test]
fn the_dates_of_one_patient_keep_their_distances_and_times() {
    let (keys, plan) = (TestKeys(9), Plan::labels());
    let masker = FhirMasker::safe_harbor().unwrap();
    let mut compared = 0;
    for bundle in bundles(60) {
        let masked = masker.mask(&bundle, tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (resource, found) in [(&bundle, &mut before), (&masked, &mut after)] {
            for (at, entry) in resource.get("entry").map(Value::elements).unwrap_or(&[]).iter().enumerate() {
                if let Some(resource) = entry.get("resource") {
                    dates(resource, &at.to_string(), found);
                }
            }
        }
        let oldest = Day::from_ymd(1936, 11, 30).unwrap();
        let shifts: BTreeSet<i32> = before
            .iter()
            .filter(|(_, day, _)| *day > oldest)
            .filter_map(|(path, day, rest)| {
                let (_, new, new_rest) = after.iter().find(|(other, ..)| other == path)?;
                assert_eq!(rest, new_rest);
                compared += 1;
                Some(new.since(*day))
            })
            .collect();
        assert!(shifts.len() <= 1, "{} different shifts", shifts.len());
        assert!(!shifts.contains(&0));
    }
    eprintln!("compared {compared} dates");
}
