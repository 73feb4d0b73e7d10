//! `/mask/fhir`, `/mask/hl7v2`, `/mask/ccda`, `/mask/csv`, `/mask/dicom`: whole records.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use fhir::json::Value;
use http::{HeaderMap, StatusCode, header};
use mask::records::fhir::{Config, FhirMasker};
use mask::{Desk, Wishes as Asked};
use repository::{Error, ErrorKind};

use super::wishes::{Wanted, is_media};
use super::{MaskSecret, note};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate;

/// Masks a resource or bundle; `{"resource","configuration"}` masks it by rules in the form of the Microsoft anonymiser's.
pub(super) async fn fhir(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wanted = Wanted::of_query(&pairs)?;
    let wishes = negotiate::Wishes::read(&headers, &pairs)?;
    if !is_media(&headers, &["application/fhir+json", "application/json"]) {
        return Err(Refusal::new(faults::MEDIA, "send FHIR as `application/fhir+json`"));
    }
    let body = edge.body(body).await?;
    let value = edge.parse(&body)?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let (resource, rules) = parts(&value)?;
            let known = wanted.known(&access)?;
            let asked = wanted.with(known.as_ref(), shared.now_ms());
            let masked = access.masking("fhir", |key| {
                let secret = MaskSecret::new(Arc::clone(key));
                let masked = match &rules {
                    Some(rules) => shared.desk().fhir_by(rules, resource, &secret, &asked),
                    None => shared.desk().fhir(resource, &secret, &asked),
                };
                let masked = masked.map_err(unprocessable)?;
                let note = note(&masked.tally, &wanted);
                Ok((masked.resource, note))
            })?;
            Ok(masked.to_vec())
        })
        .await?;
    Ok(reply::json(StatusCode::OK, wishes.shape(done)))
}

/// The resource of a body, and rules if it brings some.
fn parts(value: &Value) -> Result<(&Value, Option<FhirMasker>), Refusal> {
    if value.resource_type().is_some() {
        return Ok((value, None));
    }
    let (Some(resource), Some(rules)) = (value.get("resource"), value.get("configuration")) else {
        return Err(Refusal::invalid("send a resource, or an object with `resource` and `configuration`"));
    };
    let config = Config::parse(&rules.to_vec())
        .map_err(|error| Refusal::invalid(format!("the configuration: {error}")))?;
    Ok((resource, Some(FhirMasker::new(config))))
}

/// A masked record, and what the audit event says.
type Masked = Result<(Vec<u8>, String), Error>;

/// A format whose records are bytes in and bytes out.
struct Format {
    /// The word for the audit log.
    name: &'static str,
    /// Media types that are taken; the first is the answer's.
    media: &'static [&'static str],
    /// Masks a record.
    mask: fn(&Desk, &[u8], &MaskSecret, &Asked<'_>, &Wanted) -> Masked,
}

const HL7V2: Format = Format {
    name: "hl7v2",
    media: &["application/hl7-v2", "x-application/hl7-v2+er7", "text/plain", "application/octet-stream"],
    mask: |desk, bytes, secret, asked, wanted| {
        let masked = desk.hl7v2(bytes, secret, asked).map_err(unprocessable)?;
        Ok((masked.bytes, note(&masked.tally, wanted)))
    },
};

const CCDA: Format = Format {
    name: "ccda",
    media: &["application/xml", "text/xml", "application/hl7-cda+xml"],
    mask: |desk, bytes, secret, asked, wanted| {
        let masked = desk.ccda(bytes, secret, asked).map_err(unprocessable)?;
        Ok((masked.bytes, note(&masked.tally, wanted)))
    },
};

const CSV: Format = Format {
    name: "csv",
    media: &["text/csv"],
    mask: |desk, bytes, secret, asked, wanted| {
        let (masked, tally) = desk.csv(bytes, None, secret, asked).map_err(unprocessable)?;
        Ok((masked, note(&tally, wanted)))
    },
};

const DICOM: Format = Format {
    name: "dicom",
    media: &["application/dicom"],
    mask: |desk, bytes, secret, asked, wanted| {
        let masked = desk.dicom(bytes, secret, asked).map_err(unprocessable)?;
        let counts = masked.counts;
        let said = format!(
            "removed={} replaced={} uids={} frames={}; profile={} version={}",
            counts.removed,
            counts.replaced,
            counts.uids,
            masked.frames.len(),
            wanted.profile.as_str(),
            mask::VERSION
        );
        Ok((masked.bytes, said))
    },
};

/// Masks one HL7 v2 message.
pub(super) async fn hl7v2(
    edge: State<Arc<Edge>>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    plain(&HL7V2, edge, query, headers, body).await
}

/// Masks one C-CDA document.
pub(super) async fn ccda(
    edge: State<Arc<Edge>>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    plain(&CCDA, edge, query, headers, body).await
}

/// Masks a CSV table by what its columns look like.
pub(super) async fn csv(
    edge: State<Arc<Edge>>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    plain(&CSV, edge, query, headers, body).await
}

/// Masks a DICOM file.
pub(super) async fn dicom(
    edge: State<Arc<Edge>>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    plain(&DICOM, edge, query, headers, body).await
}

async fn plain(
    format: &'static Format,
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wanted = Wanted::of_query(&pairs)?;
    if !is_media(&headers, format.media) {
        return Err(Refusal::new(faults::MEDIA, format!("send one of {}", format.media.join(", "))));
    }
    let body = edge.body(body).await?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let known = wanted.known(&access)?;
            let asked = wanted.with(known.as_ref(), shared.now_ms());
            Ok(access.masking(format.name, |key| {
                (format.mask)(shared.desk(), &body, &MaskSecret::new(Arc::clone(key)), &asked, &wanted)
            })?)
        })
        .await?;
    let media = format.media.first().copied().unwrap_or("application/octet-stream");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")], done)
        .into_response())
}

/// What cannot be masked is the caller's to mend; the message holds nothing of the record.
pub(crate) fn unprocessable(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unprocessable, error.to_string())
}
