//! `/mask/text` and `/mask/text/entities`: a text as `{"text","profile","tier","style","patient"}`, or plain with query parameters.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use fhir::json::{Value, array, object};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mask::transform::kind_name;
use mask::{Entity, in_characters};

use super::wishes::{Wanted, is_media};
use super::{MaskSecret, note};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;

/// A text and how it is to be masked.
pub(super) struct Asked {
    pub(super) text: String,
    pub(super) wanted: Wanted,
}

/// The text without what was found in it, and what that was.
pub(super) async fn masked(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    answer(edge, query, headers, body, true).await
}

/// What tells who it is, and where.
pub(super) async fn entities(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    answer(edge, query, headers, body, false).await
}

async fn answer(
    edge: Arc<Edge>,
    query: Option<String>,
    headers: HeaderMap,
    body: Body,
    with_text: bool,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let plain = is_media(&headers, &["text/plain"]);
    let asked = read(&edge, query.as_deref(), &headers, body).await?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let Asked { text, wanted } = asked;
            let known = wanted.known(&access)?;
            let wishes = wanted.with(known.as_ref(), shared.now_ms());
            let what = if with_text { "text" } else { "text entities" };
            let masked = access.masking(what, |key| {
                let masked = shared.desk().text(&text, &MaskSecret::new(Arc::clone(key)), &wishes);
                let note = note(&masked.tally, &wanted);
                Ok((masked, note))
            })?;
            if plain && with_text {
                return Ok(masked.text.into_bytes());
            }
            let mut answer = vec![("entities", listed(&text, &masked.entities))];
            if with_text {
                answer.insert(0, ("text", Value::from(masked.text)));
            }
            Ok(object(answer).to_vec())
        })
        .await?;
    let media = if plain && with_text { "text/plain; charset=utf-8" } else { "application/json" };
    let mut response = reply::json(StatusCode::OK, done);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    Ok(response)
}

/// Reads a request for a text.
pub(super) async fn read(
    edge: &Edge,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Asked, Refusal> {
    let pairs = Pairs::parse(query.unwrap_or_default())?;
    let mut wanted = Wanted::of_query(&pairs)?;
    if is_media(headers, &["text/plain"]) {
        let body = edge.body(body).await?;
        let text = String::from_utf8(body.to_vec()).map_err(|error| {
            Refusal::invalid(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
        })?;
        return Ok(Asked { text, wanted });
    }
    if !is_media(headers, &["application/json"]) {
        return Err(Refusal::new(faults::MEDIA, "send `application/json` or `text/plain`"));
    }
    let body = edge.body(body).await?;
    let value = edge.parse(&body)?;
    let members = value.as_object().ok_or_else(|| Refusal::invalid("a JSON object is expected"))?;
    let mut text = None;
    for (name, value) in members.iter() {
        let value = value.as_str().ok_or_else(|| Refusal::invalid("members of the object are strings"))?;
        match name {
            "text" => text = Some(value.to_owned()),
            _ => wanted.set(name, value)?,
        }
    }
    let text = text.ok_or_else(|| Refusal::new(faults::EMPTY, "the member `text` is missing"))?;
    Ok(Asked { text, wanted })
}

/// Entities as they are told outside: offsets in Unicode code points of the text that was sent.
pub(super) fn listed(text: &str, entities: &[Entity]) -> Value {
    let places = in_characters(text, entities.iter().map(|entity| entity.range.clone()));
    array(entities.iter().zip(places).map(|(entity, place)| {
        let number = |count: usize| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        let (reason, detail) = entity.reason.words();
        let mut members = vec![
            ("start", number(place.start)),
            ("end", number(place.end)),
            ("type", Value::from(kind_name(entity.kind))),
            ("score", score(entity.score)),
            ("reason", Value::from(reason)),
        ];
        members.extend(detail.map(|detail| ("detail", Value::from(detail))));
        object(members)
    }))
}

/// A score with three decimals.
pub(super) fn score(score: f32) -> Value {
    let text = format!("{:.3}", score.clamp(0.0, 1.0));
    fhir::json::parse(text.as_bytes(), &fhir::json::Limits::default()).unwrap_or(Value::Null)
}
