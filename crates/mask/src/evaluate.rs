//! Scoring against documents whose identifiers were marked by hand.
//!
//! Strict: a marked span counts as found only if every letter and digit of it is covered by findings, whatever their kind.
//! Not counted as misses are what Safe Harbor lets stay: ages under 90, names of states alone, years alone; and the labels `ORG`,
//! `NRP` (nationality, religion, politics), `TITLE` and `AGE`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use fhir::json::{JsonError, Limits, Value, parse};

use crate::Entity;

mod table;

/// A marked span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Bytes of the document's text.
    pub range: Range<usize>,
    /// Such as `NAME`, `DATE`, `LOCATION`, `ID`, `CONTACT`.
    pub label: String,
}

/// A document with its marked spans.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its name in the set.
    pub id: String,
    /// The text.
    pub text: String,
    /// What is marked in it.
    pub spans: Vec<Span>,
    /// The FHIR Patient that it is about, if the set has one.
    pub patient: Option<Value>,
}

/// Why a line of a set is no document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The line is not JSON.
    #[error("the line is not JSON")]
    Json(#[source] JsonError),
    /// The line lacks a text.
    #[error("the document has no member `text`")]
    NoText,
    /// A span lies outside of the text or ends before it begins.
    #[error("span {index} is not within the text")]
    Span {
        /// Its place in `spans`.
        index: usize,
    },
}

impl Document {
    /// Reads one line of a set: `{"id","text","spans":[{"start","end","label"}],"patient"}`, offsets in Unicode code points, the end
    /// exclusive. `id`, `spans` and `patient` may be absent.
    ///
    /// # Errors
    /// [`DocumentError`], by what is wrong.
    pub fn read(line: &str) -> Result<Self, DocumentError> {
        let value = parse(line.as_bytes(), &Limits::default()).map_err(DocumentError::Json)?;
        let member = |name: &str| value.get(name).and_then(Value::as_str);
        let text = member("text").ok_or(DocumentError::NoText)?.to_owned();
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        let mut spans = Vec::new();
        for (index, span) in
            value.get("spans").and_then(Value::as_array).unwrap_or_default().iter().enumerate()
        {
            let place = |name: &str| {
                let offset =
                    span.get(name).and_then(Value::as_i64).and_then(|offset| usize::try_from(offset).ok())?;
                places.get(offset).copied()
            };
            let range = place("start").zip(place("end")).filter(|(start, end)| start < end);
            let (start, end) = range.ok_or(DocumentError::Span { index })?;
            let label = span.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
            spans.push(Span { range: start..end, label });
        }
        Ok(Self {
            id: member("id").unwrap_or_default().to_owned(),
            text,
            spans,
            patient: value.get("patient").cloned(),
        })
    }

    /// Whether a span has to be found.
    fn counts(&self, span: &Span) -> bool {
        let text = self.text.get(span.range.clone()).unwrap_or_default();
        let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
        match span.label.as_str() {
            "ORG" | "NRP" | "TITLE" | "AGE" => false,
            "DATE" => {
                !(bare.trim_end_matches('s').len() == 4
                    && bare.trim_end_matches('s').bytes().all(|byte| byte.is_ascii_digit()))
            }
            "LOCATION" => !is_state(bare),
            "AGE90" => bare.parse::<u32>().map_or(true, |age| age >= 90),
            _ => true,
        }
    }
}

fn is_state(text: &str) -> bool {
    const STATES: [&str; 50] = [
        "alabama",
        "alaska",
        "arizona",
        "arkansas",
        "california",
        "colorado",
        "connecticut",
        "delaware",
        "florida",
        "georgia",
        "hawaii",
        "idaho",
        "illinois",
        "indiana",
        "iowa",
        "kansas",
        "kentucky",
        "louisiana",
        "maine",
        "maryland",
        "massachusetts",
        "michigan",
        "minnesota",
        "mississippi",
        "missouri",
        "montana",
        "nebraska",
        "nevada",
        "new hampshire",
        "new jersey",
        "new mexico",
        "new york",
        "north carolina",
        "north dakota",
        "ohio",
        "oklahoma",
        "oregon",
        "pennsylvania",
        "rhode island",
        "south carolina",
        "south dakota",
        "tennessee",
        "texas",
        "utah",
        "vermont",
        "virginia",
        "washington",
        "west virginia",
        "wisconsin",
        "wyoming",
    ];
    STATES.contains(&text.to_lowercase().as_str())
}

/// Found and all, of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub found: usize,
    /// Of how many.
    pub total: usize,
}

impl Share {
    /// Found by all; 1 of nothing.
    pub fn ratio(self) -> f64 {
        if self.total == 0 { 1.0 } else { self.found as f64 / self.total as f64 }
    }

    fn count(&mut self, found: bool) {
        self.found += usize::from(found);
        self.total += 1;
    }
}

/// A marked span that was not wholly covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// Which document of those scored, from 0.
    pub document: usize,
    /// The span.
    pub span: Span,
}

/// What a set shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Spans that count, by label.
    pub labels: BTreeMap<String, Share>,
    /// Documents with spans that count; found: those without a miss.
    pub documents_clean: Share,
    /// Letters and digits covered by findings in documents with spans; found: those in a marked span.
    pub precision: Share,
    /// Documents without any span; found: those where something was taken for an identifier.
    pub negatives_touched: Share,
    /// Characters of documents without any span; found: those covered.
    pub negatives_covered: Share,
    /// What was missed.
    pub misses: Vec<Miss>,
}

impl Report {
    /// The share of all spans that were found.
    pub fn recall(&self) -> f64 {
        let all = self.labels.values().fold(Share::default(), |sum, share| Share {
            found: sum.found + share.found,
            total: sum.total + share.total,
        });
        all.ratio()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table::write(self, f)
    }
}

/// Scores a finder over documents.
pub fn score(documents: &[Document], mut find: impl FnMut(&Document) -> Vec<Entity>) -> Report {
    let mut report = Report::default();
    for (index, document) in documents.iter().enumerate() {
        let covered: Vec<Range<usize>> = find(document).into_iter().map(|entity| entity.range).collect();
        if document.spans.is_empty() {
            let characters: usize = covered.iter().map(|range| characters(&document.text, range)).sum();
            report.negatives_touched.count(!covered.is_empty());
            report.negatives_covered.found += characters;
            report.negatives_covered.total += document.text.chars().count();
        } else {
            one(index, document, &covered, &mut report);
        }
    }
    report
}

fn one(index: usize, document: &Document, covered: &[Range<usize>], report: &mut Report) {
    let mut misses = 0;
    let mut counted = 0;
    for span in document.spans.iter().filter(|span| document.counts(span)) {
        let found = letters(&document.text, &span.range)
            .all(|place| covered.iter().any(|range| range.contains(&place)));
        report.labels.entry(span.label.clone()).or_default().count(found);
        counted += 1;
        if !found {
            misses += 1;
            report.misses.push(Miss { document: index, span: span.clone() });
        }
    }
    if counted > 0 {
        report.documents_clean.count(misses == 0);
    }
    for place in covered.iter().flat_map(|range| letters(&document.text, range)) {
        report.precision.count(document.spans.iter().any(|span| span.range.contains(&place)));
    }
}

/// The places of the letters and digits in a range.
fn letters<'t>(text: &'t str, range: &Range<usize>) -> impl Iterator<Item = usize> + 't {
    let start = range.start;
    let slice = text.get(range.clone()).unwrap_or_default();
    slice.char_indices().filter(|(_, c)| c.is_alphanumeric()).map(move |(place, _)| start + place)
}

fn characters(text: &str, range: &Range<usize>) -> usize {
    text.get(range.clone()).unwrap_or_default().chars().count()
}
