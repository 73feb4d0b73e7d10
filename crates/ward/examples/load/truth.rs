//! What the store must hold, told from the input alone: bundles as they were sent, and the ids their answers gave.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

/// A patient, as far as searches ask.
#[derive(Debug, Default, Clone)]
pub(crate) struct Patient {
    /// Every part of every name, in lower case.
    pub(crate) names: Vec<String>,
    /// Family names as written.
    pub(crate) families: Vec<String>,
    /// `birthDate`.
    pub(crate) birth: String,
    /// Conditions whose subject this is.
    pub(crate) conditions: usize,
    /// Codes of the observations whose subject this is, with their time.
    pub(crate) observations: Vec<Option<i64>>,
}

/// Everything that was imported.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Ids by type, in order of import.
    pub(crate) ids: BTreeMap<String, Vec<String>>,
    /// Observations by `system|code`.
    pub(crate) codes: HashMap<String, usize>,
    /// Patients by id.
    pub(crate) patients: BTreeMap<String, Patient>,
    /// Numbers of observations, by `system|code` of what was observed and the code of the unit.
    pub(crate) quantities: BTreeMap<(String, String), Vec<f64>>,
    /// The same by the unit alone.
    pub(crate) units: BTreeMap<String, Vec<f64>>,
    /// Resources by type and profile.
    pub(crate) profiles: BTreeMap<(String, String), usize>,
    /// Patients with a condition of each code.
    pub(crate) conditions: BTreeMap<String, HashSet<String>>,
    known: HashSet<String>,
}

/// What one bundle's answer told.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Told {
    /// Entries that made a resource.
    pub(crate) created: u64,
    /// Entries that found theirs already there.
    pub(crate) existing: u64,
}

impl Truth {
    /// Learns from a bundle and the answer to it.
    pub(crate) fn learn(&mut self, bundle: &Value, answer: &Value) -> Told {
        let empty = Vec::new();
        let entries = bundle["entry"].as_array().unwrap_or(&empty);
        let answers = answer["entry"].as_array().unwrap_or(&empty);
        let (mut told, mut places, mut new) = (Told::default(), HashMap::new(), Vec::new());
        for (entry, answer) in entries.iter().zip(answers) {
            let status = answer["response"]["status"].as_str().unwrap_or_default();
            let kind = entry["resource"]["resourceType"].as_str().unwrap_or_default();
            let location = answer["response"]["location"].as_str().unwrap_or_default();
            let Some(id) = id_in(location, kind) else { continue };
            match status.get(..3) {
                Some("201") => told.created += 1,
                Some("200") => told.existing += 1,
                _ => continue,
            }
            let place = format!("{kind}/{id}");
            if let Some(url) = entry["fullUrl"].as_str() {
                places.insert(url.to_owned(), place.clone());
            }
            if self.known.insert(place) {
                self.ids.entry(kind.to_owned()).or_default().push(id.to_owned());
                new.push((kind, id.to_owned(), &entry["resource"]));
            }
        }
        // Patients first, so that what points at them finds them.
        for (_, id, resource) in new.iter().filter(|(kind, ..)| *kind == "Patient") {
            self.patients.insert(id.clone(), patient(resource));
        }
        for (kind, _, resource) in &new {
            for profile in resource["meta"]["profile"].as_array().unwrap_or(&empty) {
                let profile = profile.as_str().unwrap_or_default().to_owned();
                *self.profiles.entry(((*kind).to_owned(), profile)).or_default() += 1;
            }
            let subject = resource["subject"]["reference"].as_str().unwrap_or_default();
            let subject = places.get(subject).map_or(subject, String::as_str);
            let id = subject.strip_prefix("Patient/").unwrap_or_default().to_owned();
            if *kind == "Condition" && !id.is_empty() {
                for coding in resource["code"]["coding"].as_array().unwrap_or(&empty) {
                    self.conditions.entry(token(coding)).or_default().insert(id.clone());
                }
            }
            let subject = self.patients.get_mut(&id);
            match (*kind, subject) {
                ("Condition", Some(patient)) => patient.conditions += 1,
                ("Observation", subject) => {
                    if let Some(patient) = subject {
                        patient
                            .observations
                            .push(resource["effectiveDateTime"].as_str().and_then(instant_ms));
                    }
                    let quantity = &resource["valueQuantity"];
                    if let (Some(value), Some(unit)) = (quantity["value"].as_f64(), quantity["code"].as_str())
                    {
                        self.units.entry(unit.to_owned()).or_default().push(value);
                    }
                    for coding in resource["code"]["coding"].as_array().unwrap_or(&empty) {
                        let token = token(coding);
                        if let (Some(value), Some(unit)) =
                            (quantity["value"].as_f64(), quantity["code"].as_str())
                        {
                            let place = (token.clone(), unit.to_owned());
                            self.quantities.entry(place).or_default().push(value);
                        }
                        *self.codes.entry(token).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
        told
    }

    /// The most frequent observation codes.
    pub(crate) fn frequent_codes(&self, count: usize) -> Vec<(String, usize)> {
        let mut codes: Vec<_> = self.codes.iter().map(|(code, count)| (code.clone(), *count)).collect();
        codes.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        codes.truncate(count);
        codes
    }

    /// Patients of whom one name or a part of one begins with `word` (in lower case).
    pub(crate) fn named<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a Patient> {
        self.patients.values().filter(move |patient| patient.names.iter().any(|name| name.starts_with(word)))
    }

    /// A moment with about half of all observations after it.
    pub(crate) fn middle_day(&self) -> String {
        let mut times: Vec<i64> = self
            .patients
            .values()
            .flat_map(|patient| patient.observations.iter().flatten())
            .copied()
            .collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or(0);
        let middle = jiff::Timestamp::from_millisecond(middle).unwrap_or_default();
        middle.strftime("%Y-%m-%d").to_string()
    }
}

/// `system|code` of a coding.
fn token(coding: &Value) -> String {
    let (system, code) = (coding["system"].as_str(), coding["code"].as_str());
    format!("{}|{}", system.unwrap_or_default(), code.unwrap_or_default())
}

fn patient(resource: &Value) -> Patient {
    let mut read = Patient {
        birth: resource["birthDate"].as_str().unwrap_or_default().to_owned(),
        ..Patient::default()
    };
    let empty = Vec::new();
    for name in resource["name"].as_array().unwrap_or(&empty) {
        if let Some(family) = name["family"].as_str() {
            read.families.push(family.to_owned());
            read.names.push(family.to_lowercase());
        }
        for part in ["given", "prefix", "suffix"] {
            let parts = name[part].as_array().unwrap_or(&empty).iter().filter_map(Value::as_str);
            read.names.extend(parts.map(str::to_lowercase));
        }
        read.names.extend(name["text"].as_str().map(str::to_lowercase));
    }
    read
}

fn id_in<'a>(location: &'a str, kind: &str) -> Option<&'a str> {
    let mut parts = location.split('/').skip_while(|part| *part != kind);
    parts.next()?;
    parts.next().filter(|id| !id.is_empty())
}

/// The moment a FHIR dateTime with an offset names, in milliseconds; `None` for anything less exact.
pub(crate) fn instant_ms(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_millisecond())
}
