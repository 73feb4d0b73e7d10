//! Messages by HTTPS POST: `/channels/{name}`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::edge::Edge;
use crate::reply::Refusal;

/// Takes one message for a channel of kind `https` and answers with its acknowledgement.
///
/// 200 carries the acknowledgement whatever its code: the message was received and is kept. Other statuses mean that it
/// was not.
pub(crate) async fn receive(
    State(edge): State<Arc<Edge>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = edge.caller(&headers)?;
    let ingest = edge.ingest().ok_or_else(missing)?;
    let bytes = edge.body(body).await?;
    let reply = edge
        .work(move || match ingest.receive_for(&caller, &name, &bytes) {
            Ok(reply) => Ok(reply),
            Err(error) => Err(Refusal::from(error)),
        })
        .await?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/hl7-v2")], reply).into_response())
}

fn missing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not-found", "no channel takes messages by HTTPS here")
}
