//! Any request with `Prefer: respond-async`: it is written down as a job and done later, with the rights of then.
//!
//! What it was answered becomes a Bundle of type `batch-response` with one entry. A request that changes something is never
//! done twice: if the server stops while it is at work, the job says that nobody knows whether it was carried out.

use std::sync::{Arc, Weak};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{self, Value};
use fhir::json_object;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use repository::{Error, ErrorKind, FileRole, Runner, Stop, Ticket};
use tokio::runtime::Handle;
use tower::ServiceExt as _;

use crate::edge::Edge;
use crate::faults;
use crate::reply::Refusal;

/// Bytes of the body of a request that is done later.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of what such a request is answered.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Headers that a request keeps.
const KEPT: [&str; 6] =
    ["content-type", "host", "if-match", "if-none-match", "if-modified-since", "if-none-exist"];

/// Takes a request with `Prefer: respond-async` as a job; lets all others pass, and those that are jobs by themselves.
pub(crate) async fn defer(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let own = |name: &str| path.ends_with(name);
    let is_job = own("/$export") || own("/$import") || path.starts_with("/fhir/$job-status");
    let is_fhir = path == "/fhir" || path.starts_with("/fhir/");
    if !is_fhir || is_job || edge.jobs().is_none() || !wishes_async(request.headers()) {
        return next.run(request).await;
    }
    kick_off(edge, request).await.unwrap_or_else(IntoResponse::into_response)
}

fn preferences(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).map(str::trim)
}

fn wishes_async(headers: &HeaderMap) -> bool {
    preferences(headers).any(|preference| preference == "respond-async")
}

async fn kick_off(edge: Arc<Edge>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = edge.caller(&parts.headers)?;
    let base = edge.base(&parts.headers);
    let body = edge.body(body).await?;
    if body.len() > BODY_BYTES_MAX {
        let text = format!("a request that is answered later may have {BODY_BYTES_MAX} bytes");
        return Err(Refusal::new(faults::BODY_LONG, text));
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let kept = KEPT.iter().filter_map(|name| Some((*name, parts.headers.get(*name)?.to_str().ok()?)));
    let prefer: Vec<&str> = preferences(&parts.headers).filter(|wish| *wish != "respond-async").collect();
    let prefer = prefer.join(", ");
    let headers =
        kept.chain([("prefer", prefer.as_str())].into_iter().filter(|(_, value)| !value.is_empty()));
    let spec = json_object! {
        "method": parts.method.as_str(), "path": path.as_str(),
        "headers": json::object(headers.map(|(name, value)| (name, Value::from(value)))),
        "body": STANDARD.encode(&*body),
    };
    // The URL of the request may hold values that say who a patient is; the status shows it to its owner alone.
    let url = format!("{}{path}", base.strip_suffix("/fhir").unwrap_or(&base));
    drop(body);
    let shared = Arc::clone(&edge);
    let id = edge
        .work(move || Ok(super::room(&shared, &caller)?.begin(&caller, Deferred::KIND, &url, || Ok(spec))?))
        .await?;
    Ok(super::accepted(&base, &id))
}

/// Does such requests, through the routes that everybody uses.
pub(crate) struct Deferred {
    edge: Weak<Edge>,
    routes: Router,
    runtime: Handle,
}

impl Deferred {
    /// The kind of these jobs.
    pub(crate) const KIND: &str = "request";

    pub(crate) fn new(edge: &Arc<Edge>, routes: Router, runtime: Handle) -> Self {
        Self { edge: Arc::downgrade(edge), routes, runtime }
    }
}

impl Runner for Deferred {
    fn run(&self, ticket: &Ticket<'_>) -> Result<(), Stop> {
        let Some(edge) = self.edge.upgrade() else { return Err(Stop::Interrupted) };
        let spec = ticket.spec();
        let method = text(&spec, "method").parse::<Method>().map_err(|_| unread())?;
        if !ticket.files().is_empty() {
            return Ok(()); // It was answered; only that was not written down.
        }
        if !ticket.checkpoint().is_null() {
            return Err(Stop::Failed(Error::new(
                ErrorKind::Unavailable,
                "the server was stopped while the request was at work: look whether it was carried out, then send it again",
            )));
        }
        if method != Method::GET {
            ticket.save(Value::from(true), &[], "at work")?;
        }
        let stand_in = edge.stand_in(ticket.caller().clone());
        let request = request(&spec, method, stand_in.secret())?;
        let answer = self.runtime.block_on(async {
            let response = self.routes.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            body.map(|body| (parts, body.to_bytes()))
        });
        let (parts, body) = answer.map_err(|_| {
            let text = format!("the answer is over {ANSWER_BYTES_MAX} bytes; ask for less at a time");
            Stop::Failed(Error::new(ErrorKind::TooCostly, text))
        })?;
        // Told to come again: the job itself may as well.
        if parts.status == StatusCode::SERVICE_UNAVAILABLE {
            ticket.check()?;
        }
        let mut file = ticket.writer(0, FileRole::Output, "Bundle")?;
        file.line(&bundle(parts.status, &parts.headers, &body))?;
        ticket.save(Value::from(true), &[file.finish()?], "done")
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn unread() -> Stop {
    Stop::Failed(Error::internal(ErrorKind::Corrupt, "a request's job does not read"))
}

fn request(spec: &Value, method: Method, secret: &str) -> Result<Request, Stop> {
    let body = STANDARD.decode(text(spec, "body")).map_err(|_| unread())?;
    let mut request = Request::builder().method(method).uri(text(spec, "path"));
    for (name, value) in
        spec.get("headers").and_then(Value::as_object).into_iter().flat_map(json::Object::iter)
    {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    request
        .header(header::AUTHORIZATION, format!("Bearer {secret}"))
        .body(Body::from(body))
        .map_err(|_| unread())
}

/// The answer as the only entry of a Bundle; finished JSON is copied in.
fn bundle(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut response = json::Object::new();
    let reason = status.canonical_reason().unwrap_or_default();
    response.insert("status", format!("{} {reason}", status.as_u16()).trim_end());
    for (name, member) in [(header::LOCATION, "location"), (header::ETAG, "etag")] {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            response.insert(member, value);
        }
    }
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/fhir+json"));
    let mut out = br#"{"resourceType":"Bundle","type":"batch-response","entry":[{"#.to_vec();
    let failed = status.is_client_error() || status.is_server_error();
    if is_json && failed {
        // Before the brace that ends the response.
        let mut written = Value::Object(response).to_vec();
        written.pop();
        out.extend_from_slice(br#""response":"#);
        out.extend_from_slice(&written);
        out.extend_from_slice(br#","outcome":"#);
        out.extend_from_slice(body);
        out.extend_from_slice(b"}}]}");
        return out;
    }
    if is_json && !body.is_empty() {
        out.extend_from_slice(br#""resource":"#);
        out.extend_from_slice(body);
        out.push(b',');
    }
    out.extend_from_slice(br#""response":"#);
    Value::Object(response).write_to(&mut out);
    out.extend_from_slice(b"}]}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_a_valid_bundle() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, crate::reply::FHIR_JSON.parse().unwrap());
        headers.insert(header::ETAG, "W/\"1\"".parse().unwrap());
        let patient = br#"{"resourceType":"Patient","id":"a"}"#;
        let outcome =
            fhir::outcome::Outcome::error(fhir::outcome::IssueType::NotFound, "none").to_json().to_vec();
        for (status, body) in [(200, patient.to_vec()), (201, Vec::new()), (404, outcome)] {
            let bytes = bundle(StatusCode::from_u16(status).unwrap(), &headers, &body);
            let bundle = json::parse(&bytes, &json::Limits::default()).unwrap();
            assert_eq!(fhir::validate::validate(&bundle), [], "{status}");
            let entry = bundle.get("entry").unwrap().at(0).unwrap();
            assert_eq!(entry.get("resource").is_some(), status == 200);
            assert_eq!(entry.get("response").unwrap().get("outcome").is_some(), status == 404);
        }
    }

    #[test]
    fn the_wish_for_a_later_answer_is_read_among_others() {
        let mut headers = HeaderMap::new();
        headers.append("prefer", "return=minimal".parse().unwrap());
        assert!(!wishes_async(&headers));
        headers.append("prefer", "handling=lenient; respond-async".parse().unwrap());
        assert!(wishes_async(&headers));
    }
}
