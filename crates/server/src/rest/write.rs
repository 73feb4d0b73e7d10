//! `create`, `update`, `patch`, `delete` and their conditional forms (R4 3.1.0.4 to 3.1.0.8).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use fhir::json::Value;
use fhir::outcome::Outcome;
use http::{HeaderMap, StatusCode, header};
use repository::{Access, Effect, Written};

use super::binary::Native;
use super::form::Pairs;
use super::negotiate::{self, Answer, RESOURCE, Wishes};
use super::read::etag_version;
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::time;

/// The media types of a patch: JSON Patch (RFC 6902), and FHIRPath Patch, which is a resource.
pub(super) const PATCH: &[&str] = &["application/json-patch+json", "application/fhir+json"];

/// A write with a body whose caller is known, before the body is read.
struct Opened {
    edge: Arc<Edge>,
    access: Access,
    wishes: Wishes,
    base: String,
}

impl Opened {
    /// Looks at what the headers say of answer, body and caller, in this order.
    fn new(
        edge: Arc<Edge>,
        query: Option<&str>,
        headers: &HeaderMap,
        media: &[&str],
    ) -> Result<Self, Refusal> {
        let wishes = Wishes::read(headers, &Pairs::parse(query.unwrap_or_default())?)?;
        negotiate::takes(headers, media)?;
        Ok(Self { access: edge.access(headers)?, base: edge.base(headers), wishes, edge })
    }

    /// For a Binary whose content comes as it is.
    fn document(
        edge: Arc<Edge>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Self, Native), Refusal> {
        let wishes = Wishes::read(headers, &Pairs::parse(query.unwrap_or_default())?).unwrap_or_default();
        let native = Native::read(headers)?;
        Ok((Self { access: edge.access(headers)?, base: edge.base(headers), wishes, edge }, native))
    }

    /// Reads the content, makes a Binary of it, writes, and answers.
    async fn write_document(
        self,
        native: Native,
        body: Body,
        write: impl FnOnce(&Access, Value) -> repository::Result<Written> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let Self { edge, access, wishes, base } = self;
        let bytes = edge.body(body).await?;
        let written = edge.work(move || Ok(write(&access, native.resource(&bytes))?)).await?;
        answer(written, wishes, &base)
    }

    /// Reads and parses the body, writes, and answers.
    async fn write(
        self,
        body: Body,
        write: impl FnOnce(&Access, Value) -> repository::Result<Written> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let Self { edge, access, wishes, base } = self;
        let (bytes, shared) = (edge.body(body).await?, Arc::clone(&edge));
        let written = edge.work(move || Ok(write(&access, shared.parse(&bytes)?)?)).await?;
        answer(written, wishes, &base)
    }
}

/// `POST Type`, with `If-None-Exist` the conditional create.
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    if resource_type == "Binary" && !negotiate::is_fhir_body(&headers) {
        let (opened, meta) = Opened::document(edge, query.as_deref(), &headers)?;
        return opened.write_document(meta, body, |access, value| access.create("Binary", value, None)).await;
    }
    let opened = Opened::new(edge, query.as_deref(), &headers, RESOURCE)?;
    let none_exist = if_none_exist(&headers)?;
    opened.write(body, move |access, value| access.create(&resource_type, value, none_exist.as_deref())).await
}

/// `PUT Type/id`: update, or create by update.
pub(crate) async fn update(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let if_match = if_match(&headers)?;
    if resource_type == "Binary" && !negotiate::is_fhir_body(&headers) {
        let (opened, meta) = Opened::document(edge, query.as_deref(), &headers)?;
        let meta = meta.with_id(&id);
        return opened
            .write_document(meta, body, move |access, value| access.update("Binary", &id, value, if_match))
            .await;
    }
    let opened = Opened::new(edge, query.as_deref(), &headers, RESOURCE)?;
    opened.write(body, move |access, value| access.update(&resource_type, &id, value, if_match)).await
}

/// `PUT Type?criteria`.
pub(crate) async fn conditional_update(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let opened = Opened::new(edge, query.as_deref(), &headers, RESOURCE)?;
    let if_match = if_match(&headers)?;
    let criteria = query.unwrap_or_default();
    opened
        .write(body, move |access, value| {
            access.conditional_update(&resource_type, &criteria, value, if_match)
        })
        .await
}

/// `PATCH Type/id` with a JSON Patch or a FHIRPath Patch.
pub(crate) async fn patch(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let opened = Opened::new(edge, query.as_deref(), &headers, PATCH)?;
    let if_match = if_match(&headers)?;
    opened.write(body, move |access, value| access.patch(&resource_type, &id, &value, if_match)).await
}

/// `PATCH Type?criteria` with a JSON Patch or a FHIRPath Patch.
pub(crate) async fn conditional_patch(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let opened = Opened::new(edge, query.as_deref(), &headers, PATCH)?;
    let if_match = if_match(&headers)?;
    let criteria = query.unwrap_or_default();
    opened
        .write(body, move |access, value| {
            access.conditional_patch(&resource_type, &criteria, &value, if_match)
        })
        .await
}

/// `DELETE Type/id`; deleting what is not there succeeds too.
pub(crate) async fn delete(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let if_match = if_match(&headers)?;
    let written = edge.work(move || Ok(access.delete(&resource_type, &id, if_match)?)).await?;
    Ok(deleted(&written))
}

/// `DELETE Type?criteria`: one match is deleted, several are refused.
pub(crate) async fn conditional_delete(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let criteria = query.unwrap_or_default();
    let written = edge.work(move || Ok(access.conditional_delete(&resource_type, &criteria)?)).await?;
    Ok(deleted(&written))
}

/// The criteria of a conditional create. A header that is no text is refused: without it the create would be a plain one.
fn if_none_exist(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let text = headers.get("if-none-exist").map(|value| value.to_str().map(str::to_owned));
    text.transpose()
        .map_err(|_| Refusal::invalid("`If-None-Exist` holds characters beyond ASCII: write them as %XX"))
}

/// The version that must stand. `If-None-Match` on a write is refused: passing over a condition could overwrite what the
/// client meant to keep.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    if headers.contains_key(header::IF_NONE_MATCH) {
        return Err(Refusal::invalid(
            "`If-None-Match` is not taken on writes; `POST` with `If-None-Exist` creates only what is not there",
        ));
    }
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().unwrap_or_default();
    etag_version(tag)
        .map(Some)
        .ok_or_else(|| Refusal::invalid("`If-Match` is not the entity tag of a version, such as `W/\"3\"`"))
}

fn deleted(written: &Written) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if written.versioned.version > 0 {
        reply::set(&mut response, header::ETAG, &written.versioned.etag());
    }
    response
}

fn answer(written: Written, wishes: Wishes, base: &str) -> Result<Response, Refusal> {
    let status = if written.created() { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("{base}/{}", written.versioned.location());
    let (etag, modified) = (written.versioned.etag(), time::http_date(written.versioned.last_updated_ms));
    let mut response = match wishes.answer {
        Answer::Representation => reply::json(status, wishes.shape(written.versioned.body)),
        Answer::Minimal => {
            let mut response = Response::default();
            *response.status_mut() = status;
            response
        }
        Answer::Outcome => reply::json(status, wishes.shape(outcome(written.effect).to_json().to_vec())),
    };
    reply::set(&mut response, header::ETAG, &etag);
    reply::set(&mut response, header::LAST_MODIFIED, &modified);
    reply::set(&mut response, header::LOCATION, &location);
    Ok(response)
}

fn outcome(effect: Effect) -> Outcome {
    let text = match effect {
        Effect::Created => "created",
        Effect::Updated => "updated",
        Effect::Unchanged => "the content is what was stored already; no new version was made",
        Effect::Existing => "a resource that meets the condition existed already; nothing was made",
        Effect::Deleted => "deleted",
        Effect::AlreadyDeleted => "there was nothing to delete",
    };
    Outcome::success(text)
}
