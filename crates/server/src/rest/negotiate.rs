//! What the client can read and how it likes its answers: `Accept`, `_format`, `_pretty`, `Prefer`.

use fhir::json::{self, Value};
use http::{HeaderMap, header};

use super::form::Pairs;
use crate::faults;
use crate::reply::Refusal;

/// How a client likes its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Indented JSON (`_pretty=true`).
    pub(crate) pretty: bool,
    /// What a write answers with.
    pub(crate) answer: Answer,
    /// Unknown search parameters are left out instead of refused (`Prefer: handling=lenient`).
    pub(crate) lenient: bool,
}

/// `Prefer: return=…` (R4 3.1.0.1.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The resource as stored.
    #[default]
    Representation,
    /// Headers alone.
    Minimal,
    /// An `OperationOutcome`.
    Outcome,
}

impl Wishes {
    /// Reads headers and general parameters.
    ///
    /// # Errors
    /// 406 if only formats are accepted that are not offered.
    pub(crate) fn read(headers: &HeaderMap, pairs: &Pairs) -> Result<Self, Refusal> {
        format(headers, pairs)?;
        let mut wishes = Self { pretty: pairs.last("_pretty") == Some("true"), ..Self::default() };
        for value in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
            for preference in value.split([',', ';']).map(str::trim) {
                match preference {
                    "return=minimal" => wishes.answer = Answer::Minimal,
                    "return=representation" => wishes.answer = Answer::Representation,
                    "return=OperationOutcome" => wishes.answer = Answer::Outcome,
                    "handling=lenient" => wishes.lenient = true,
                    "handling=strict" => wishes.lenient = false,
                    _ => {}
                }
            }
        }
        Ok(wishes)
    }

    /// Indents finished JSON where that is wished.
    pub(crate) fn shape(self, body: Vec<u8>) -> Vec<u8> {
        if !self.pretty {
            return body;
        }
        let limits = json::Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, ..json::Limits::default() };
        json::parse(&body, &limits).map_or(body, |value: Value| value.to_pretty().into_bytes())
    }
}

/// The formats of FHIR that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/fhir+json`.
    Json,
    /// `application/fhir+xml`.
    Xml,
}

/// The format that a request asks for: `_format` before `Accept`, and JSON where both are as welcome (R4 3.1.0.1.11).
///
/// # Errors
/// 406 if none is accepted that is offered.
pub(crate) fn format(headers: &HeaderMap, pairs: &Pairs) -> Result<Format, Refusal> {
    if let Some(given) = pairs.last("_format") {
        return named(given).ok_or_else(unacceptable);
    }
    let mut ranges =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return Ok(Format::Json);
    }
    let (mut json, mut xml) = (0, 0);
    for range in ranges.flat_map(|value| value.split(',')) {
        let weight = weight(range);
        let media = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match (media.as_str(), named(&media)) {
            ("*/*" | "application/*", _) => json = json.max(weight.min(1)),
            ("application/fhir+ndjson" | "application/ndjson", _) | (_, Some(Format::Json)) => {
                json = json.max(weight);
            }
            (_, Some(Format::Xml)) => xml = xml.max(weight),
            (_, None) => {}
        }
    }
    match (json, xml) {
        (0, 0) => Err(unacceptable()),
        (json, xml) if xml > json => Ok(Format::Xml),
        _ => Ok(Format::Json),
    }
}

/// The `q` of a media range in thousandths (RFC 9110, 12.4.2); a malformed one counts as 1.
fn weight(range: &str) -> u32 {
    let quality = range.split(';').skip(1).find_map(|part| part.trim().strip_prefix("q="));
    let quality = quality.and_then(|text| text.trim().parse::<f64>().ok()).unwrap_or(1.0);
    // Between 0 and 1000 by the clamp.
    (quality.clamp(0.0, 1.0) * 1000.0) as u32
}

fn named(format: &str) -> Option<Format> {
    // A `+` in a query is a space by the rules of forms; many clients do not escape it.
    match format.split(';').next().unwrap_or_default().trim().replace(' ', "+").as_str() {
        "json" | "application/json" | "application/fhir+json" | "text/json" => Some(Format::Json),
        "xml" | "application/xml" | "application/fhir+xml" | "text/xml" => Some(Format::Xml),
        _ => None,
    }
}

/// Whether a body says that it is FHIR, in whichever format; one that says nothing is taken as such.
pub(crate) fn is_fhir_body(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    matches!(kind, "application/fhir+json" | "application/fhir+xml" | "application/json" | "text/json")
}

/// Whether an answer in a format of FHIR is asked for by name; `*/*` names none.
pub(crate) fn wants_fhir(headers: &HeaderMap, pairs: &Pairs) -> bool {
    if pairs.last("_format").is_some() {
        return true;
    }
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut medias = ranges
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    medias.any(|media| {
        matches!(
            media.as_str(),
            "application/fhir+json" | "application/fhir+xml" | "application/json" | "text/json"
        )
    })
}

/// Whether a body says that it is XML.
pub(crate) fn is_xml_body(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| named(&kind.to_ascii_lowercase()) == Some(Format::Xml))
}

fn unacceptable() -> Refusal {
    Refusal::new(faults::FORMAT, "the formats offered are `application/fhir+json` and `application/fhir+xml`")
}

/// Refuses a body that says it is not JSON (XML has become JSON before). A missing `Content-Type` is taken as JSON.
///
/// # Errors
/// 415 for other media types than `media`.
pub(crate) fn takes(headers: &HeaderMap, media: &[&str]) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let given = text.split(';').next().unwrap_or_default().trim();
    if media.contains(&given) {
        return Ok(());
    }
    Err(Refusal::new(
        faults::MEDIA,
        format!("this body's `Content-Type` is not taken here; send {}", media.join(" or ")),
    ))
}

/// The media types of a resource in a body.
pub(crate) const RESOURCE: &[&str] = &["application/fhir+json", "application/json", "text/json"];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, query: &str, wanted: Option<Format>) {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        let pairs = Pairs::parse(query).unwrap();
        assert_eq!(format(&headers, &pairs).ok(), wanted, "{accept:?} {query:?}");
    }

    #[test]
    fn the_format_is_the_one_that_is_most_welcome() {
        const JSON: Option<Format> = Some(Format::Json);
        const XML: Option<Format> = Some(Format::Xml);
        check("", "", JSON);
        check("*/*", "", JSON);
        check("application/fhir+json;fhirVersion=4.0", "", JSON);
        check("text/html, application/json;q=0.5", "", JSON);
        check("application/fhir+xml", "", XML);
        check("application/fhir+xml;q=0.9, application/fhir+json;q=0.8", "", XML);
        check("application/fhir+json, application/fhir+xml", "", JSON);
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", XML);
        check("application/fhir+xml", "_format=json", JSON);
        check("application/json", "_format=xml", XML);
        check("", "_format=application/fhir+xml", XML);
        check("", "_format=application/fhir%2Bjson", JSON);
        check("text/csv", "", None);
        check("application/fhir+json;q=0", "", None);
        check("", "_format=ttl", None);
    }

    #[test]
    fn preferences_are_read_in_any_order() {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", "handling=lenient; return=minimal".parse().unwrap());
        let wishes = Wishes::read(&headers, &Pairs::default()).unwrap();
        assert!(wishes.lenient);
        assert_eq!(wishes.answer, Answer::Minimal);
    }
}
