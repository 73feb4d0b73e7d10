//! `/mask/comprehend`: what is found in a text in the shape of Comprehend Medical's DetectPHI, so that a client of it can be
//! pointed here.
//!
//! Request: `{"Text": "…"}`. Answer: `{"Entities":[…],"ModelVersion":"…"}`; offsets are in Unicode code points.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fhir::json::{Value, array, object};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mask::{Entity, Kind, in_characters};

use super::text::score;
use super::wishes::{Wanted, is_media};
use super::{MaskSecret, note};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};

/// The media type that clients of the AWS JSON protocol send.
const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// Answers a DetectPHI request.
pub(super) async fn detect_phi(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    if !is_media(&headers, &[AMZ_JSON, "application/json"]) {
        return Err(Refusal::new(faults::MEDIA, "send `application/json` or `application/x-amz-json-1.1`"));
    }
    let body = edge.body(body).await?;
    let value = edge.parse(&body)?;
    let text = value.get("Text").and_then(Value::as_str).map(str::to_owned);
    let text = text.ok_or_else(|| Refusal::new(faults::EMPTY, "the member `Text` is missing"))?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let wanted = Wanted::default();
            let masked = access.masking("text entities", |key| {
                let wishes = wanted.with(None, shared.now_ms());
                let masked = shared.desk().text(&text, &MaskSecret::new(Arc::clone(key)), &wishes);
                let note = note(&masked.tally, &wanted);
                Ok((masked, note))
            })?;
            let entities = detected(&text, &masked.entities);
            Ok(object([("Entities", array(entities)), ("ModelVersion", Value::from(mask::VERSION))]).to_vec())
        })
        .await?;
    let mut response = reply::json(StatusCode::OK, done);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(AMZ_JSON));
    Ok(response)
}

/// Entities of a text, as DetectPHI tells them.
pub(crate) fn detected(text: &str, entities: &[Entity]) -> Vec<Value> {
    let places = in_characters(text, entities.iter().map(|entity| entity.range.clone()));
    let number = |count: usize| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
    let one = |(id, (entity, place)): (usize, (&Entity, std::ops::Range<usize>))| {
        object([
            ("Id", number(id)),
            ("BeginOffset", number(place.start)),
            ("EndOffset", number(place.end)),
            ("Score", score(entity.score)),
            ("Text", Value::from(text.get(entity.range.clone()).unwrap_or_default())),
            ("Category", Value::from("PROTECTED_HEALTH_INFORMATION")),
            ("Type", Value::from(type_of(entity.kind))),
            ("Traits", array(Vec::<Value>::new())),
        ])
    };
    entities.iter().zip(places).enumerate().map(one).collect()
}

/// The type of DetectPHI that a kind falls under.
fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => "NAME",
        Kind::Date => "DATE",
        Kind::Age => "AGE",
        Kind::Location | Kind::Zip | Kind::Organization => "ADDRESS",
        Kind::Phone | Kind::Fax => "PHONE_OR_FAX",
        Kind::Email => "EMAIL",
        Kind::Url | Kind::Ip => "URL",
        _ => "ID",
    }
}
