//! Answers: bodies, headers, and the one table from kinds of error to HTTP status.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use fhir::outcome::{Issue, Outcome};
use http::{HeaderValue, StatusCode, header};
use repository::{Error, ErrorKind, Versioned};

use crate::faults::{self, Fault};
use crate::time;

/// The media type of FHIR in JSON (R4 3.1.0.1.11).
pub(crate) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// The HTTP status of a kind of error.
#[must_use]
pub fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Denied => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::PreconditionFailed | ErrorKind::MultipleMatches => StatusCode::PRECONDITION_FAILED,
        ErrorKind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::TooCostly => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A refusal on its way out: a status and an `OperationOutcome`.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    outcome: Outcome,
    challenge: bool,
}

impl Refusal {
    /// A refusal with one issue: `details` are for a person.
    pub(crate) fn new(fault: &Fault, details: impl Into<String>) -> Self {
        Self { status: fault.status, outcome: Outcome::error(fault.code, details), challenge: false }
    }

    /// The request is malformed.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        Self::new(faults::MALFORMED, details)
    }

    /// A refusal with the issues that a check found.
    pub(crate) fn with_issues(status: StatusCode, issues: Vec<Issue>) -> Self {
        Self { status, outcome: Outcome { issues }, challenge: false }
    }

    /// Nobody has shown who asks (401 with a challenge, RFC 6750).
    pub(crate) fn login(details: &'static str) -> Self {
        Self { challenge: true, ..Self::new(faults::LOGIN, details) }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Some(internal) = error.internal_text() {
            tracing::error!(kind = ?error.kind(), internal, "a request failed inside");
        }
        Self { status: status(error.kind()), outcome: error.outcome(), challenge: false }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json(self.status, self.outcome.to_json().to_vec());
        if self.challenge {
            let challenge = HeaderValue::from_static("Bearer realm=\"ward\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// A FHIR JSON answer of finished bytes.
#[must_use]
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    // Answers are about patients: nothing between here and the client may keep a copy.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer that shows one version of a resource, with `ETag` and `Last-Modified`.
#[must_use]
pub(crate) fn version(status: StatusCode, versioned: Versioned) -> Response {
    let (etag, modified) = (versioned.etag(), time::http_date(versioned.last_updated_ms));
    let mut response = json(status, versioned.body);
    set(&mut response, header::ETAG, &etag);
    set(&mut response, header::LAST_MODIFIED, &modified);
    response
}

/// Sets a header whose value we made; one that HTTP cannot carry is left out.
pub(crate) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
