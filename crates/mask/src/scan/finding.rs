//! A finding: kinds, counts, places, severity. Its JSON has the shape of Macie's sensitive data findings.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::transform::{kind_name, kind_named};
use crate::{Entity, Kind};

/// Places that are told of one kind in one file or object.
pub const PLACES_MAX: usize = 15;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Dates, places and the like alone.
    Low,
    /// Something that names or reaches a person.
    Medium,
    /// Numbers that open accounts or records, or very much of anything.
    High,
}

impl Severity {
    /// All of them, ascending.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Its word, such as `high`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The severity of a word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// As Macie scores them.
    const fn score(self) -> u8 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
        }
    }

    fn of(kind: Kind, count: usize) -> Self {
        /// So many of anything are a list of people.
        const MANY: usize = 100;
        match kind {
            Kind::Ssn | Kind::Mrn | Kind::HealthPlan | Kind::Account => Self::High,
            _ if count >= MANY => Self::High,
            Kind::Date | Kind::Age | Kind::Location | Kind::Zip | Kind::Organization => Self::Low,
            _ => Self::Medium,
        }
    }
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a text: line and characters, from 1, the last one included.
    Line {
        /// The line.
        line: usize,
        /// The first character.
        start: usize,
        /// The last one.
        end: usize,
    },
    /// In a record: a path of element names and places in lists, which says nothing of a value.
    Record {
        /// The record's place in its file, from 0; 0 for what is one record.
        index: usize,
        /// Such as `$.note[0].text`, or `OBX[2]-5`.
        path: String,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line { line, start, .. } => write!(f, "{line}:{start}"),
            Self::Record { index: 0, path } => f.write_str(path),
            Self::Record { index, path } => write!(f, "record {index}, {path}"),
        }
    }
}

/// What was found of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfKind {
    /// How many.
    pub count: usize,
    /// The first [`PLACES_MAX`] ones.
    pub places: Vec<Place>,
}

/// What was found in one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By kind.
    pub kinds: BTreeMap<Kind, OfKind>,
}

impl Found {
    fn add(&mut self, kind: Kind, place: impl FnOnce() -> Place) {
        let of_kind = self.kinds.entry(kind).or_default();
        of_kind.count += 1;
        if of_kind.places.len() < PLACES_MAX {
            of_kind.places.push(place());
        }
    }

    /// Adds entities of a text, which are ascending, with their lines; so many lines stand before it.
    pub(super) fn add_text(&mut self, text: &str, lines_before: usize, entities: &[Entity]) {
        let (mut line, mut line_start) = (lines_before + 1, 0);
        for entity in entities {
            let before = text.get(line_start..entity.range.start).unwrap_or_default();
            line += before.matches('\n').count();
            line_start += before.rfind('\n').map_or(0, |end| end + 1);
            self.add(entity.kind, || {
                let count = |range| text.get(range).map_or(0, |part: &str| part.chars().count());
                let start = count(line_start..entity.range.start) + 1;
                let end = start + count(entity.range.clone()).saturating_sub(1);
                Place::Line { line, start, end }
            });
        }
    }

    /// Adds entities that stand at one place of a record.
    pub(super) fn add_record(&mut self, index: usize, path: &str, entities: &[Entity]) {
        for entity in entities {
            self.add(entity.kind, || Place::Record { index, path: path.to_owned() });
        }
    }

    /// Adds boxes of an image that tell; they have no place that says anything.
    pub(super) fn add_boxes(&mut self, kinds: impl Iterator<Item = Kind>) {
        kinds.for_each(|kind| self.kinds.entry(kind).or_default().count += 1);
    }
}

/// What one file, object or resource tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is called: a path, or the id of a resource or object.
    pub key: String,
    /// How long it is.
    pub bytes: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, by kind.
    pub kinds: BTreeMap<Kind, OfKind>,
}

impl Finding {
    /// The finding of something, if there is one.
    #[must_use]
    pub fn of(key: &str, bytes: u64, found: Found) -> Option<Self> {
        let severity = found.kinds.iter().map(|(kind, of_kind)| Severity::of(*kind, of_kind.count)).max()?;
        Some(Self { key: key.to_owned(), bytes, severity, kinds: found.kinds })
    }

    /// In the shape of Macie's findings; `job` is the scan that found it, if it has a name.
    #[must_use]
    pub fn to_json(&self, job: Option<&str>) -> Value {
        let mut categories: BTreeMap<&str, (usize, Vec<Value>)> = BTreeMap::new();
        for (kind, found) in &self.kinds {
            let (total, detections) = categories.entry(category(*kind)).or_default();
            *total += found.count;
            detections.push(json!({
                "type": kind_name(*kind),
                "count": found.count,
                "occurrences": occurrences(&found.places),
            }));
        }
        let data: Vec<Value> = categories
            .into_iter()
            .map(|(category, (total, detections))| json!({ "category": category, "detections": detections, "totalCount": total }))
            .collect();
        let mut details = Map::new();
        details.extend(job.map(|job| ("jobId".to_owned(), job.into())));
        details
            .insert("result".to_owned(), json!({ "sensitiveData": data, "status": { "code": "COMPLETE" } }));
        json!({
            "category": "CLASSIFICATION",
            "severity": { "description": self.severity.as_str(), "score": self.severity.score() },
            "resourcesAffected": { "s3Object": { "key": self.key, "size": self.bytes } },
            "classificationDetails": details,
        })
    }

    /// Reads what [`Self::to_json`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let object = value.pointer("/resourcesAffected/s3Object")?;
        let data = value.pointer("/classificationDetails/result/sensitiveData")?.as_array()?;
        let mut kinds = BTreeMap::new();
        for detection in data.iter().filter_map(|one| one.get("detections")?.as_array()).flatten() {
            let count = usize::try_from(detection.get("count")?.as_u64()?).ok()?;
            let places = places(detection.get("occurrences")?)?;
            kinds.insert(kind_named(detection.get("type")?.as_str()?)?, OfKind { count, places });
        }
        Some(Self {
            key: object.get("key")?.as_str()?.to_owned(),
            bytes: object.get("size")?.as_u64()?,
            severity: Severity::named(value.pointer("/severity/description")?.as_str()?)?,
            kinds,
        })
    }
}

/// Macie's category of a kind.
const fn category(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "FINANCIAL_INFORMATION",
        _ => "PERSONAL_INFORMATION",
    }
}

fn occurrences(places: &[Place]) -> Value {
    let (mut lines, mut records) = (Vec::new(), Vec::new());
    for place in places {
        match place {
            Place::Line { line, start, end } => {
                lines.push(json!({ "start": line, "end": line, "startColumn": start, "endColumn": end }));
            }
            Place::Record { index, path } => records.push(json!({ "recordIndex": index, "jsonPath": path })),
        }
    }
    let mut members = Map::new();
    if !lines.is_empty() {
        members.insert("lineRanges".to_owned(), lines.into());
    }
    if !records.is_empty() {
        members.insert("records".to_owned(), records.into());
    }
    members.into()
}

fn places(occurrences: &Value) -> Option<Vec<Place>> {
    let list = |name: &str| occurrences.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let number = |value: &Value, name: &str| usize::try_from(value.get(name)?.as_u64()?).ok();
    let lines = list("lineRanges").into_iter().map(|one| {
        let (start, end) = (number(&one, "startColumn")?, number(&one, "endColumn")?);
        Some(Place::Line { line: number(&one, "start")?, start, end })
    });
    let records = list("records").into_iter().map(|one| {
        let path = one.get("jsonPath")?.as_str()?.to_owned();
        Some(Place::Record { index: number(&one, "recordIndex")?, path })
    });
    lines.chain(records).collect()
}

/// Something that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What it is called.
    pub key: String,
    /// Why; nothing of its content.
    pub reason: String,
}

impl Skipped {
    /// `{"key","reason"}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "key": self.key, "reason": self.reason })
    }
}

/// All of a scan: `{"findings","filesScanned","skipped"}`; `looked` counts what was looked at.
#[must_use]
pub fn report(findings: &[Finding], looked: u64, skipped: &[Skipped]) -> Value {
    let findings: Vec<Value> = findings.iter().map(|finding| finding.to_json(None)).collect();
    let skipped: Vec<Value> = skipped.iter().map(Skipped::to_json).collect();
    json!({ "findings": findings, "filesScanned": looked, "skipped": skipped })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "née Zoë\n\nSeen: Ünal, Zoë";
        let entity = |part: &str, nth: usize| {
            let start = text.match_indices(part).nth(nth).unwrap().0;
            Entity { range: start..start + part.len(), kind: Kind::Name, score: 1.0, reason: Reason::Tagger }
        };
        let mut found = Found::default();
        found.add_text(text, 0, &[entity("Zoë", 0), entity("Ünal", 0), entity("Zoë", 1)]);
        let line = |line, start, end| Place::Line { line, start, end };
        assert_eq!(found.kinds[&Kind::Name].places, [line(1, 5, 7), line(3, 7, 10), line(3, 13, 15)]);
    }

    #[test]
    fn a_finding_reads_as_it_was_written() {
        let line = Place::Line { line: 3, start: 1, end: 9 };
        let record = Place::Record { index: 2, path: "$.note[0].text".to_owned() };
        let kinds = BTreeMap::from([
            (Kind::Name, OfKind { count: 40, places: vec![line, record] }),
            (Kind::Account, OfKind { count: 1, places: Vec::new() }),
        ]);
        let finding = Finding::of("fhir/Observation/1", 7, Found { kinds }).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(Finding::from_json(&finding.to_json(Some("nightly"))), Some(finding));
        assert_eq!(Finding::from_json(&json!({ "severity": 1 })), None);
        assert_eq!(Finding::of("a", 0, Found::default()), None);
    }
}
