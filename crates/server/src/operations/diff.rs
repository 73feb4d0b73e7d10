//! `$diff`: what changed between two versions, as a FHIRPath Patch (R4 fhirpatch.html).
//!
//! Not an operation of R4 itself, but one that others have under this name: at a resource with `fromVersion` (the version
//! before the current one if not given) and `toVersion` (the current one); at the base with `from` and `to`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::{Value, object};
use http::{HeaderMap, Method, StatusCode};
use repository::Access;

use super::parameters;
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/$diff", get(of_two).post(of_two))
        .route("/fhir/{type}/{id}/$diff", get(of_versions).post(of_versions))
}

async fn of_versions(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let mut given = parameters::gathered(&edge, &method, &pairs, &headers, body).await?;
    let (from, to) = (given.count("fromVersion")?, given.count("toVersion")?);
    let include_meta = given.boolean("includeMeta")?.unwrap_or(false);
    given.finish()?;
    let version = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    differ(edge, &headers, &pairs, include_meta, move |edge, access| {
        let to = match to {
            Some(number) => access.vread(&resource_type, &id, version(number))?,
            None => access.read(&resource_type, &id)?,
        };
        let from = from.map_or(to.version.saturating_sub(1), version);
        if from == 0 {
            return Err(Refusal::invalid(
                "this is the first version: there is none before to compare it with",
            ));
        }
        let from = access.vread(&resource_type, &id, from)?;
        Ok((edge.parse(&from.body)?, edge.parse(&to.body)?))
    })
    .await
}

async fn of_two(
    State(edge): State<Arc<Edge>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let mut given = parameters::gathered(&edge, &method, &pairs, &headers, body).await?;
    let (from, to) = (given.text("from")?, given.text("to")?);
    let include_meta = given.boolean("includeMeta")?.unwrap_or(false);
    given.finish()?;
    let needed = || Refusal::invalid("`from` and `to` are needed, such as `Patient/1/_history/2`");
    let (from, to) = (from.ok_or_else(needed)?, to.ok_or_else(needed)?);
    differ(edge, &headers, &pairs, include_meta, move |edge, access| {
        Ok((named(edge, access, &from)?, named(edge, access, &to)?))
    })
    .await
}

/// The resource of `Type/id` or `Type/id/_history/version`.
fn named(edge: &Edge, access: &Access, reference: &str) -> Result<Value, Refusal> {
    let parts: Vec<&str> = reference.split('/').collect();
    let found = match parts.as_slice() {
        [resource_type, id] => access.read(resource_type, id)?,
        [resource_type, id, "_history", version] => {
            let version = version.parse().map_err(|_| Refusal::invalid("a version is a whole number"))?;
            access.vread(resource_type, id, version)?
        }
        _ => return Err(Refusal::invalid("a reference here is `Type/id` or `Type/id/_history/version`")),
    };
    edge.parse(&found.body)
}

async fn differ(
    edge: Arc<Edge>,
    headers: &HeaderMap,
    pairs: &Pairs,
    include_meta: bool,
    read: impl FnOnce(&Edge, &Access) -> Result<(Value, Value), Refusal> + Send + 'static,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(headers, pairs)?;
    let access = edge.access(headers)?;
    let shared = Arc::clone(&edge);
    let body = edge
        .work(move || {
            let (mut from, mut to) = read(&shared, &access)?;
            if from.resource_type() != to.resource_type() {
                return Err(Refusal::invalid("resources of different types cannot be compared"));
            }
            if !include_meta {
                without_version(&mut from);
                without_version(&mut to);
            }
            let nothing = || object([("resourceType", Value::from("Parameters"))]);
            Ok(fhir::diff::diff(&from, &to).unwrap_or_else(nothing).to_vec())
        })
        .await?;
    Ok(reply::json(StatusCode::OK, wishes.shape(body)))
}

/// Leaves out what differs between any two versions.
fn without_version(resource: &mut Value) {
    let Some(object) = resource.as_object_mut() else { return };
    if let Some(meta) = object.get_mut("meta").and_then(Value::as_object_mut) {
        meta.remove("versionId");
        meta.remove("lastUpdated");
        if meta.is_empty() {
            object.remove("meta");
        }
    }
}
