//! `$lastn` of Observations (R4 observation-operation-lastn.html).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::search::query;
use http::{HeaderMap, Method, StatusCode};

use super::parameters;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::{self, Pairs};
use crate::rest::negotiate::Wishes;
use crate::rest::page;

/// Observations read at a time.
const PAGE: &str = "1000";
/// The most observations of one kind.
const EACH_MAX: usize = 1000;
/// Parameters that would change which observations are looked at, or in which order.
const RESERVED: &[&str] =
    &["_sort", "_count", "_page", "_summary", "_elements", "_include", "_revinclude", "_total"];

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/fhir/{type}/$lastn", get(lastn).post(lastn))
}

async fn lastn(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let shape = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let given = parameters::gathered(&edge, &method, &shape, &headers, body).await?;
    answer(edge, &resource_type, given.into_pairs()?, shape, headers).await
}

async fn answer(
    edge: Arc<Edge>,
    resource_type: &str,
    pairs: Pairs,
    shape: Pairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, &shape)?;
    let access = edge.access(&headers)?;
    if resource_type != "Observation" {
        return Err(Refusal::new(faults::UNKNOWN_PATH, "`$lastn` is there for Observation alone"));
    }
    let max =
        pairs.last("max").map_or(Ok(1), str::parse::<usize>).ok().filter(|max| (1..=EACH_MAX).contains(max));
    let max = max.ok_or_else(|| Refusal::invalid(format!("`max` is a whole number from 1 to {EACH_MAX}")))?;
    let mut own = pairs.0;
    own.retain(|(name, _)| !matches!(name.as_str(), "max" | "_format" | "_pretty"));
    if own.iter().any(|(name, _)| RESERVED.contains(&name.split(':').next().unwrap_or_default())) {
        return Err(Refusal::invalid("`$lastn` takes criteria and `max`; order and pages are its own"));
    }
    if own.is_empty() {
        return Err(Refusal::invalid(
            "`$lastn` needs a criterion, such as `subject=Patient/1&category=laboratory`",
        ));
    }
    let shown = form::encode(
        own.iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("max", max.to_string().as_str())]),
    );
    own.extend(
        [("_sort", "-date"), ("_count", PAGE)].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let base = edge.base(&headers);
    let body = edge
        .work(move || {
            let query = query::parse(
                access.registry()?.as_ref(),
                "Observation",
                &own,
                false,
                &query::Limits::default(),
            )
            .map_err(|issues| Refusal::with_issues(StatusCode::BAD_REQUEST, issues))?;
            let found = access.lastn(&query, max)?;
            Ok(wishes.shape(page::searchset(&base, "Observation/$lastn", &shown, found)))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}
