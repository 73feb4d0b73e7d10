//! A finding: kinds, counts, places, severity. Its JSON has the shape of Macie's sensitive data findings.

use std::collections::BTreeMap;

use mask::Kind;
use mask::transform::kind_name;
use serde_json::{Value, json};

use super::walk::{File, Found};

/// Places that are told of one kind in one file.
pub(super) const PLACES_MAX: usize = 15;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Dates, places and the like alone.
    Low,
    /// Something that names or reaches a person.
    Medium,
    /// Numbers that open accounts or records, or very much of anything.
    High,
}

impl Severity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    pub(super) fn named(name: &str) -> Result<Self, String> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|severity| severity.as_str() == name)
            .ok_or_else(|| "it is one of low, medium, high".to_owned())
    }

    /// As Macie scores them.
    const fn score(self) -> u8 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
        }
    }
}

/// A place in a text: line from 1, characters of it from 1, the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What was found of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct OfKind {
    pub(super) count: usize,
    /// The first ones.
    pub(super) places: Vec<Place>,
}

/// What one file tells.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) severity: Severity,
    pub(super) kinds: BTreeMap<Kind, OfKind>,
}

impl Finding {
    /// The finding of a file, if there is one.
    pub(super) fn of(file: &File, found: Found) -> Option<Self> {
        let severity = found.kinds.iter().map(|(kind, of_kind)| severity(*kind, of_kind.count)).max()?;
        Some(Self { file: file.shown.clone(), bytes: file.bytes, severity, kinds: found.kinds })
    }
}

fn severity(kind: Kind, count: usize) -> Severity {
    /// So many of anything are a list of people.
    const MANY: usize = 100;
    match kind {
        Kind::Ssn | Kind::Mrn | Kind::HealthPlan | Kind::Account => Severity::High,
        _ if count >= MANY => Severity::High,
        Kind::Date | Kind::Age | Kind::Location | Kind::Zip | Kind::Organization => Severity::Low,
        _ => Severity::Medium,
    }
}

/// Macie's category of a kind.
const fn category(kind: Kind) -> &'static str {
    match kind {
        Kind::Account => "FINANCIAL_INFORMATION",
        _ => "PERSONAL_INFORMATION",
    }
}

/// All findings.
pub(super) fn json(findings: &[Finding], files: usize, skipped: &[(File, String)]) -> Value {
    let listed: Vec<Value> = findings.iter().map(one).collect();
    let skipped: Vec<Value> =
        skipped.iter().map(|(file, why)| json!({ "key": file.shown, "reason": why })).collect();
    json!({ "findings": listed, "filesScanned": files - skipped.len(), "skipped": skipped })
}

fn one(finding: &Finding) -> Value {
    let mut categories: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (kind, found) in &finding.kinds {
        let ranges: Vec<Value> = found
            .places
            .iter()
            .map(|place| json!({ "start": place.line, "end": place.line, "startColumn": place.start, "endColumn": place.end }))
            .collect();
        categories.entry(category(*kind)).or_default().push(json!({
            "type": kind_name(*kind),
            "count": found.count,
            "occurrences": { "lineRanges": ranges },
        }));
    }
    let data: Vec<Value> = categories
        .into_iter()
        .map(|(category, detections)| {
            let total: u64 = detections.iter().filter_map(|one| one.get("count")?.as_u64()).sum();
            json!({ "category": category, "detections": detections, "totalCount": total })
        })
        .collect();
    json!({
        "category": "CLASSIFICATION",
        "severity": { "description": finding.severity.as_str(), "score": finding.severity.score() },
        "resourcesAffected": { "s3Object": { "key": finding.file, "size": finding.bytes } },
        "classificationDetails": { "result": { "sensitiveData": data, "status": { "code": "COMPLETE" } } },
    })
}
