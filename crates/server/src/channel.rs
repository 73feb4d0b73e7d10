//! Messages by HTTPS POST: `/channels/{name}`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::edge::Edge;
use crate::faults;
use crate::reply::Refusal;

/// Takes one message for a channel and answers with its acknowledgements, or, for `Accept:
/// application/json`, with what became of it.
///
/// 200 says that the message was dealt with, whatever became of it; other statuses mean that it was not looked at.
pub(crate) async fn receive(
    State(edge): State<Arc<Edge>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = edge.caller(&headers)?;
    let ingest = edge.ingest().ok_or_else(missing)?;
    let bytes = edge.body(body).await?;
    let received =
        edge.work(move || Ok(ingest.receive_for(&caller, &name, &bytes)?)).await?.ok_or_else(missing)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if received.answers.is_empty() || accept.contains("application/json") {
        let body = serde_json::to_vec(&received.outcome).unwrap_or_default();
        return Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let body = received.answers.concat();
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/hl7-v2")], body).into_response())
}

fn missing() -> Refusal {
    Refusal::new(faults::UNKNOWN_PATH, "there is no channel of this name")
}
