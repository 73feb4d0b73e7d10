//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::edge::Edge;
use crate::faults;
use crate::reply::Refusal;

/// 200 while the process runs.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 once the server takes requests, 503 before and while it stops.
pub(crate) async fn readyz(State(edge): State<Arc<Edge>>) -> (StatusCode, &'static str) {
    if edge.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// The metrics in Prometheus' text format, for callers with a token: counts tell about a hospital too.
pub(crate) async fn metrics(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Result<Response, Refusal> {
    edge.caller(&headers)?;
    let text = edge.metrics().ok_or_else(|| Refusal::new(faults::UNKNOWN_PATH, "no metrics are kept"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
