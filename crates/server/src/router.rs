//! All routes of the server, with what lies around every request: its measurement and content codings.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HOST};
use http::{HeaderValue, StatusCode};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::decompression::RequestDecompressionLayer;

use crate::edge::Edge;
use crate::reply::{FHIR_JSON, Refusal};
use crate::{
    channel, drain, events, faults, health, jobs, mask, objects, openapi, operations, rest, scan, xml,
};

/// Answers smaller than this are sent as they are: compressing them costs more than it saves.
const COMPRESS_ABOVE_BYTES: u64 = 1024;

/// The router of a server.
pub fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/channels/{name}", post(channel::receive))
        .merge(rest::routes())
        .merge(operations::routes())
        .merge(jobs::routes())
        .merge(mask::routes())
        .merge(objects::routes())
        .merge(scan::routes())
        .with_state(Arc::clone(&edge))
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), jobs::defer))
        .layer(middleware::from_fn(measure))
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), xml::read))
        .layer(RequestDecompressionLayer::new())
        .layer(middleware::map_response(spoken))
        .layer(middleware::from_fn_with_state(edge, xml::answer))
        .layer(middleware::from_fn(drain::drain))
        .layer(
            CompressionLayer::new().gzip(true).compress_when(
                SizeAbove::new(COMPRESS_ABOVE_BYTES).and(NotForContentType::const_new("image/")),
            ),
        )
}

/// What a layer or an extractor refused in its own words, or in none, is said anew: every error is an `OperationOutcome`.
async fn spoken(response: Response) -> Response {
    let said = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == FHIR_JSON);
    let (fault, details) = match response.status() {
        _ if said => return response,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (faults::MEDIA, "this `Content-Encoding` is not taken; send `gzip` or none")
        }
        StatusCode::METHOD_NOT_ALLOWED => (faults::METHOD, "this path does not take that method"),
        StatusCode::BAD_REQUEST => (faults::MALFORMED, "the path or the query is not UTF-8"),
        _ => return response,
    };
    let mut spoken = Refusal::new(fault, details).into_response();
    for name in [ACCEPT_ENCODING, ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            spoken.headers_mut().insert(name, value.clone());
        }
    }
    spoken
}

/// HTTP/2 names the host in `:authority`, not in `Host` (RFC 9113, 8.3.1); links in answers need it either way.
fn name_host(request: &mut Request) {
    let authority = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority {
        request.headers_mut().insert(HOST, host);
    }
}

/// Counts and times a request under its route, never its path: paths hold ids of patients.
async fn measure(mut request: Request, next: Next) -> Response {
    name_host(&mut request);
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    events::request(&method, route.as_deref().unwrap_or("unknown"), response.status(), started.elapsed());
    response
}
