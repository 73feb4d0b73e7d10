//! `$meta`, `$meta-add`, `$meta-delete`: profiles, tags and security labels of one resource (R4 resource-operations.html).
//!
//! Adding and deleting make a new version: a stored version is never edited. Asking a type or the whole system is not
//! offered: which labels are in use anywhere cannot be read from the index, whose terms are hashes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use fhir::json::{Value, array, object};
use http::{HeaderMap, Method, StatusCode};
use repository::{Access, Written};

use super::parameters::{self, Parameters};
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::{self, RESOURCE, Wishes};

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/{type}/{id}/$meta", get(of_current).post(of_current))
        .route("/fhir/{type}/{id}/_history/{version}/$meta", get(of_version).post(of_version))
        .route("/fhir/{type}/{id}/$meta-add", post(add))
        .route("/fhir/{type}/{id}/$meta-delete", post(remove))
}

/// `GET Type/id/$meta`.
async fn of_current(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    shown(edge, (method, query, headers, body), move |access| access.read(&resource_type, &id)).await
}

/// `GET Type/id/_history/version/$meta`.
async fn of_version(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id, version)): Path<(String, String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let version = version.parse::<u64>().map_err(|_| Refusal::invalid("a version is a whole number"))?;
    shown(edge, (method, query, headers, body), move |access| access.vread(&resource_type, &id, version))
        .await
}

async fn shown(
    edge: Arc<Edge>,
    (method, query, headers, body): (Method, Option<String>, HeaderMap, Body),
    read: impl FnOnce(&Access) -> repository::Result<repository::Versioned> + Send + 'static,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    parameters::gathered(&edge, &method, &pairs, &headers, body).await?.finish()?;
    let wishes = Wishes::read(&headers, &pairs)?;
    let access = edge.access(&headers)?;
    let shared = Arc::clone(&edge);
    let meta = edge
        .work(move || {
            let body = shared.parse(&read(&access)?.body)?;
            Ok(body.get("meta").cloned().unwrap_or(Value::Null))
        })
        .await?;
    let body = answer(meta);
    Ok(reply::json(StatusCode::OK, wishes.shape(body.to_vec())))
}

/// `POST Type/id/$meta-add`.
async fn add(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    changed(edge, headers, body, move |access, meta| access.meta_add(&resource_type, &id, meta)).await
}

/// `POST Type/id/$meta-delete`.
async fn remove(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    changed(edge, headers, body, move |access, meta| access.meta_delete(&resource_type, &id, meta)).await
}

async fn changed(
    edge: Arc<Edge>,
    headers: HeaderMap,
    body: Body,
    write: impl FnOnce(&Access, &Value) -> repository::Result<Written> + Send + 'static,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, &Pairs::default())?;
    negotiate::takes(&headers, RESOURCE)?;
    let access = edge.access(&headers)?;
    let (bytes, shared) = (edge.body(body).await?, Arc::clone(&edge));
    let meta = edge
        .work(move || {
            let mut given = Parameters::from_body(shared.parse(&bytes)?)?;
            let meta = match given.values("meta")?.as_slice() {
                [(kind, meta)] if kind == "Meta" => meta.clone(),
                _ => return Err(Refusal::invalid("the parameter `meta` is needed once, as `valueMeta`")),
            };
            given.finish()?;
            let body = shared.parse(&write(&access, &meta)?.versioned.body)?;
            Ok(body.get("meta").cloned().unwrap_or(Value::Null))
        })
        .await?;
    let body = answer(meta);
    Ok(reply::json(StatusCode::OK, wishes.shape(body.to_vec())))
}

fn answer(meta: Value) -> Value {
    let parameter = object([("name", Value::from("return")), ("valueMeta", meta)]);
    object([("resourceType", Value::from("Parameters")), ("parameter", array([parameter]))])
}
