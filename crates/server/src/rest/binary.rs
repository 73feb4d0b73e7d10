//! Binary in its own format: the content as it is, without a resource around it (R4 binary.html#rest).

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{Object, Value, object};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use repository::Versioned;

use super::form::Pairs;
use super::negotiate;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::time;

/// The reference whose access rules hold for the content.
const SECURITY_CONTEXT: HeaderName = HeaderName::from_static("x-security-context");

/// Whether a read is to give the content instead of the resource: for Binary, unless a format of FHIR is asked for.
pub(super) fn is_native(resource_type: &str, headers: &HeaderMap, pairs: &Pairs) -> bool {
    resource_type == "Binary" && !negotiate::wants_fhir(headers, pairs)
}

/// The content of a Binary.
///
/// What a browser would run (a page, a drawing with scripts) must not run as if it were ours: it is told to keep it in a
/// sandbox and not to guess another type.
pub(super) fn answer(edge: &Edge, versioned: Versioned) -> Result<Response, Refusal> {
    let binary = edge.parse(&versioned.body)?;
    let text = |name: &str| binary.get(name).and_then(Value::as_str).unwrap_or_default();
    let content: String = text("data").chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let content = STANDARD.decode(content).map_err(|_| {
        Refusal::new(faults::FORMAT, "the content is no base64; ask for `application/fhir+json`")
    })?;
    let mut response = Response::new(Body::from(content));
    let kind = HeaderValue::from_str(text("contentType"));
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    reply::set(&mut response, header::ETAG, &versioned.etag());
    reply::set(&mut response, header::LAST_MODIFIED, &time::http_date(versioned.last_updated_ms));
    let context = binary.get("securityContext").and_then(|context| context.get("reference"));
    if let Some(context) = context.and_then(Value::as_str) {
        reply::set(&mut response, SECURITY_CONTEXT, context);
    }
    Ok(response)
}

/// What the headers of a written Binary say.
pub(super) struct Native {
    id: Option<String>,
    kind: String,
    context: Option<String>,
}

impl Native {
    /// Reads `Content-Type` and `X-Security-Context`.
    ///
    /// # Errors
    /// 400 for a security context that is no reference of the form `Type/id`.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let text =
            |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let context = text(SECURITY_CONTEXT);
        let is_local = |text: &str| {
            text.split_once('/').is_some_and(|(name, id)| {
                fhir::definitions::is_resource(name) && !id.is_empty() && !id.contains('/')
            })
        };
        if context.as_deref().is_some_and(|text| !is_local(text)) {
            return Err(Refusal::invalid(
                "`X-Security-Context` is a reference, such as `DocumentReference/1`",
            ));
        }
        let kind = text(header::CONTENT_TYPE).unwrap_or_else(|| "application/octet-stream".to_owned());
        Ok(Self { id: None, kind, context })
    }

    /// For an update: the id in the URL.
    pub(super) fn with_id(self, id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..self }
    }

    /// The resource.
    pub(super) fn resource(&self, content: &[u8]) -> Value {
        let mut binary = Object::new();
        binary.insert("resourceType", "Binary");
        if let Some(id) = &self.id {
            binary.insert("id", id.as_str());
        }
        binary.insert("contentType", self.kind.as_str());
        if let Some(context) = &self.context {
            binary.insert("securityContext", object([("reference", Value::from(context.as_str()))]));
        }
        if !content.is_empty() {
            binary.insert("data", STANDARD.encode(content));
        }
        Value::Object(binary)
    }
}
