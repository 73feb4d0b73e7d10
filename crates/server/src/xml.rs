//! FHIR in XML at the edge: handlers speak JSON alone, and these two layers translate around them.
//!
//! [`read`] turns a request's body into JSON before a handler sees it; [`answer`] turns a finished JSON answer, refusals
//! included, into XML for a client that prefers it. Only under `/fhir`: channels take other documents that are XML too.
//! Bulk files are NDJSON and pass.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fhir::json;
use fhir::xml::{self, Layout};
use http::{HeaderValue, header};

use crate::edge::Edge;
use crate::faults;
use crate::reply::{FHIR_JSON, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::{self, Format};

/// The media type of FHIR in XML (R4 3.1.0.1.11).
const FHIR_XML: &str = "application/fhir+xml; charset=utf-8";

/// Turns a body in XML into one in JSON.
pub(crate) async fn read(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    // A document in plain XML is what a Binary is for.
    let is_document =
        request.uri().path().starts_with("/fhir/Binary") && !negotiate::is_fhir_body(request.headers());
    if !is_fhir(&request) || is_document || !negotiate::is_xml_body(request.headers()) {
        return next.run(request).await;
    }
    match translated(&edge, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn translated(edge: &Arc<Edge>, request: Request) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    // Whoever may not write is told so before a body is read for him.
    edge.caller(&parts.headers)?;
    let bytes = edge.body(body).await?;
    let limits = edge.json_limits();
    let body = edge
        .work(move || {
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Err(Refusal::new(faults::EMPTY, "the body is empty; send a resource as XML"));
            }
            let value = xml::parse(&bytes, &limits).map_err(|error| {
                Refusal::new(faults::NOT_JSON, format!("the body is not FHIR in XML: {error}"))
            })?;
            Ok(value.to_vec())
        })
        .await?;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Turns an answer in JSON into XML, if the request prefers that.
pub(crate) async fn answer(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    if !is_fhir(&request) {
        return next.run(request).await;
    }
    let pairs = Pairs::parse(request.uri().query().unwrap_or_default()).unwrap_or_default();
    let prefers_xml = matches!(negotiate::format(request.headers(), &pairs), Ok(Format::Xml));
    let layout = if pairs.last("_pretty") == Some("true") { Layout::Indented } else { Layout::Compact };
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == FHIR_JSON);
    if !prefers_xml || !is_json {
        return response;
    }
    spoken(&edge, response, layout).await.unwrap_or_else(IntoResponse::into_response)
}

async fn spoken(edge: &Arc<Edge>, response: Response, layout: Layout) -> Result<Response, Refusal> {
    let (mut parts, body) = response.into_parts();
    let broken = |_| Refusal::new(faults::BROKEN, "an internal error; it has been logged");
    let bytes = to_bytes(body, usize::MAX).await.map_err(broken)?;
    if bytes.is_empty() {
        // An answer to HEAD, or one without a body.
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_XML));
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    let body = edge
        .work(move || {
            let limits = json::Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, depth_max: 256 };
            let value = json::parse(&bytes, &limits)
                .map_err(|_| Refusal::new(faults::BROKEN, "an internal error; it has been logged"))?;
            xml::write(&value, layout).map_err(|error| {
                Refusal::new(
                    faults::FORMAT,
                    format!("this answer cannot be written as XML: {error}; ask for JSON"),
                )
            })
        })
        .await?;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_XML));
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn is_fhir(request: &Request) -> bool {
    let path = request.uri().path();
    path == "/fhir" || path.starts_with("/fhir/")
}
