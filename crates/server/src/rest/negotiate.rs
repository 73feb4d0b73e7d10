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
        match pairs.last("_format") {
            Some(format) if !is_json(format) => return Err(unacceptable()),
            Some(_) => {}
            None => accepts_json(headers)?,
        }
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

fn accepts_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let fits = values.flat_map(|value| value.split(',')).any(|range| {
        let media = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(media.as_str(), "*/*" | "application/*") || is_json(&media)
    });
    if fits { Ok(()) } else { Err(unacceptable()) }
}

fn is_json(format: &str) -> bool {
    let media = format.split(';').next().unwrap_or_default().trim();
    matches!(
        media,
        "json" | "application/json" | "application/fhir+json" | "application/fhir json" | "text/json"
    )
}

fn unacceptable() -> Refusal {
    Refusal::new(faults::FORMAT, "only JSON is offered: `application/fhir+json`")
}

/// Refuses a body that says it is not JSON. A missing `Content-Type` is taken as JSON.
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

    fn check(accept: &str, format: Option<&str>, fits: bool) {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        let query = format.map(|format| format!("_format={format}")).unwrap_or_default();
        let pairs = Pairs::parse(&query).unwrap();
        assert_eq!(Wishes::read(&headers, &pairs).is_ok(), fits, "{accept:?} {format:?}");
    }

    #[test]
    fn json_is_offered_and_xml_is_not() {
        check("", None, true);
        check("*/*", None, true);
        check("application/fhir+json;fhirVersion=4.0", None, true);
        check("text/html, application/json;q=0.5", None, true);
        check("application/fhir+xml", None, false);
        check("application/fhir+xml", Some("json"), true);
        check("application/json", Some("xml"), false);
        check("", Some("application/fhir%2Bjson"), true);
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
