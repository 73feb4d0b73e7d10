//! `$events` of a Subscription: what was told, again (Backport guide 1.1, backport-subscription-events).
//!
//! It is shown to the caller with the caller's own rights, whoever wrote the Subscription.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, Method, StatusCode};
use repository::PayloadContent;

use super::status::{Asked, Known};
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::subscriptions::{Kind, uuid};

/// Bytes of resources in one answer; who wants more asks from the number behind the last one on.
const BYTES_MAX: usize = 16 << 20;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/fhir/Subscription/{id}/$events", get(events).post(events))
}

async fn events(
    State(edge): State<Arc<Edge>>,
    Path(id): Path<String>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Asked::read(&edge, &method, query, headers, body).await?;
    answer(edge, id, asked).await
}

async fn answer(edge: Arc<Edge>, id: String, asked: Asked) -> Result<Response, Refusal> {
    let Asked { mut parameters, wishes, headers } = asked;
    let access = edge.access(&headers)?;
    let first = parameters.count("eventsSinceNumber")?.unwrap_or(0) as u64;
    let last = parameters.count("eventsUntilNumber")?.map_or(u64::MAX, |number| number as u64);
    let content = match parameters.text("content")? {
        None => None,
        Some(code) => Some(
            PayloadContent::from_code(&code)
                .ok_or_else(|| Refusal::invalid("`content` is one of `empty`, `id-only`, `full-resource`"))?,
        ),
    };
    parameters.finish()?;
    let base = edge.base(&headers);
    let shared = Arc::clone(&edge);
    let body = edge
        .work(move || {
            let known = Known::read(&shared, &access, &id)?;
            let content = content.or(known.definition.content).unwrap_or(PayloadContent::Empty);
            let events = known.state.as_ref().map(|state| state.between(first, last)).unwrap_or_default();
            let told = access.notification(&events, content, BYTES_MAX)?;
            let store = shared.subscriptions().store();
            let uuid = uuid(store);
            let notice = known.notice(&base, Kind::QueryEvent, content, &uuid);
            Ok(wishes.shape(notice.bundle(&told, store.now_ms())))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}
