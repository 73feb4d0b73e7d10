//! Answers that take longer than a request: `Prefer: respond-async`, the status of jobs, their files (R4 async.html, Bulk
//! Data Access 2.0).
//!
//! A kick-off answers 202 and a `Content-Location`. That URL answers 202 while the job is at work, then 200: a manifest of
//! files for an export or import, a `batch-response` Bundle for any other request. `DELETE` ends and removes it. Nobody but
//! the actor who began a job sees it.

mod deferred;
mod download;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::{self, Value};
use fhir::json_object;
use fhir::outcome::{Issue, IssueType, Outcome, Severity};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use repository::{Caller, FileRole, JobFile, JobState, JobStatus, Jobs};

pub(crate) use deferred::{Deferred, defer};

use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::time;

/// The media type of resources in lines.
const NDJSON: &str = "application/fhir+ndjson";
/// The longest time between two looks at a job that a client is asked for, in seconds.
const RETRY_SECONDS_MAX: i64 = 30;

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/$job-status/{id}", get(status).delete(cancel))
        .route("/fhir/$job-status/{id}/{file}", get(file))
}

/// The jobs of this server.
///
/// # Errors
/// 503 on a server without.
pub(crate) fn of(edge: &Edge) -> Result<&Jobs, Refusal> {
    edge.jobs().ok_or_else(|| Refusal::new(faults::BUSY, "this server takes no jobs"))
}

/// The same for a new job of this caller's.
///
/// # Errors
/// 429 while too many wait, or he has too many.
pub(crate) fn room<'e>(edge: &'e Edge, caller: &Caller) -> Result<&'e Jobs, Refusal> {
    let jobs = of(edge)?;
    if jobs.has_room(caller) {
        return Ok(jobs);
    }
    let text = "too many jobs wait, or too many of yours are kept: end finished ones with DELETE, or come again later";
    Err(Refusal::new(faults::JOBS, text))
}

/// 202 with the place to look at.
pub(crate) fn accepted(base: &str, id: &str) -> Response {
    let text = "taken; look at the URL in Content-Location for how it stands";
    let outcome = Outcome::from(Issue::new(Severity::Information, IssueType::Informational, text));
    let mut response = reply::json(StatusCode::ACCEPTED, outcome.to_json().to_vec());
    reply::set(&mut response, header::CONTENT_LOCATION, &format!("{base}/$job-status/{id}"));
    response
}

async fn status(
    State(edge): State<Arc<Edge>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = edge.caller(&headers)?;
    let status = of(&edge)?.status(&caller, &id)?;
    let mut response = match (status.state, status.kind.as_str()) {
        (JobState::Waiting | JobState::Running, _) => return Ok(pending(&status, edge.now_ms())),
        (JobState::Failed, _) => {
            let failure = status.failure.clone().unwrap_or(Value::Null);
            reply::json(StatusCode::INTERNAL_SERVER_ERROR, failure.to_vec())
        }
        (JobState::Done, Deferred::KIND) => {
            let shared = Arc::clone(&edge);
            let (_, reader) = edge.work(move || Ok(of(&shared)?.file(&caller, &id, 0)?)).await?;
            let mut response = Response::new(Body::new(download::Download::new(reader)));
            let kind = HeaderValue::from_static(reply::FHIR_JSON);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        (JobState::Done, _) => {
            let place = format!("{}/$job-status/{id}", edge.base(&headers));
            let mut response = Response::new(Body::from(manifest(&status, &place).to_vec()));
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(expires_ms) = status.expires_ms {
        reply::set(&mut response, header::EXPIRES, &time::http_date(expires_ms));
    }
    Ok(response)
}

/// Young jobs are looked at often, old ones now and then.
fn pending(status: &JobStatus, now_ms: i64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    let age_seconds = now_ms.saturating_sub(status.created_ms) / 1000;
    let wait = (age_seconds / 10).clamp(1, RETRY_SECONDS_MAX);
    reply::set(&mut response, header::RETRY_AFTER, &wait.to_string());
    let told: String = status.told.chars().filter(char::is_ascii).take(100).collect();
    reply::set(&mut response, header::HeaderName::from_static("x-progress"), &told);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The manifest of a finished job (Bulk Data Access 2.0, "Response - Output Manifest").
fn manifest(status: &JobStatus, place: &str) -> Value {
    let files = |role: FileRole| {
        let one = |file: &JobFile| {
            json_object! {
                "type": file.resource_type.as_str(), "url": format!("{place}/{}", file.number), "count": file.count,
            }
        };
        json::array(status.files.iter().filter(|file| file.role == role).map(one))
    };
    let mut manifest = json_object! {
        "request": status.request.as_str(), "requiresAccessToken": true, "output": files(FileRole::Output),
        "deleted": files(FileRole::Deleted), "error": files(FileRole::Error),
    };
    if let (Some(manifest), Some(result)) = (manifest.as_object_mut(), status.result.as_object()) {
        result.iter().for_each(|(name, value)| drop(manifest.insert(name, value.clone())));
    }
    manifest
}

async fn cancel(
    State(edge): State<Arc<Edge>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = edge.caller(&headers)?;
    let shared = Arc::clone(&edge);
    edge.work(move || Ok(of(&shared)?.cancel(&caller, &id)?)).await?;
    let outcome = Outcome::success("the job is ended and removed");
    Ok(reply::json(StatusCode::ACCEPTED, outcome.to_json().to_vec()))
}

async fn file(
    State(edge): State<Arc<Edge>>,
    Path((id, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = edge.caller(&headers)?;
    let number: u32 = number
        .parse()
        .map_err(|_| Refusal::new(faults::UNKNOWN_PATH, "there is no such file of this job"))?;
    let shared = Arc::clone(&edge);
    let (_, reader) = edge.work(move || Ok(of(&shared)?.file(&caller, &id, number)?)).await?;
    let mut response = Response::new(Body::new(download::Download::new(reader)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
