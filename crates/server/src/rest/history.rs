//! `history` of an instance, a type and the whole store (R4 3.1.0.12).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use fhir::search::date;
use http::{HeaderMap, StatusCode};
use repository::{HistoryOptions, HistoryTarget};

use super::form::Pairs;
use super::negotiate::Wishes;
use super::page;
use crate::edge::Edge;
use crate::reply::{self, Refusal};

/// `GET Type/id/_history`.
pub(crate) async fn of_instance(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let path = format!("{resource_type}/{id}/_history");
    history(edge, HistoryTarget::Instance(resource_type.into(), id.into()), path, query, headers).await
}

/// `GET Type/_history`.
pub(crate) async fn of_type(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let path = format!("{resource_type}/_history");
    history(edge, HistoryTarget::Type(resource_type.into()), path, query, headers).await
}

/// `GET _history`.
pub(crate) async fn system(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    history(edge, HistoryTarget::System, "_history".to_owned(), query, headers).await
}

async fn history(
    edge: Arc<Edge>,
    target: HistoryTarget,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    let access = edge.access(&headers)?;
    let options = options(&pairs)?;
    let base = edge.base(&headers);
    let page = edge.work(move || Ok(access.history(&target, &options)?)).await?;
    Ok(reply::json(StatusCode::OK, wishes.shape(page::history(&base, &path, &pairs, page))))
}

fn options(pairs: &Pairs) -> Result<HistoryOptions, Refusal> {
    let count = pairs.last("_count").map(str::parse::<usize>).transpose();
    let count = count.map_err(|_| Refusal::invalid("`_count` is not a whole number"))?;
    let since_ms = pairs.last("_since").map(|text| date::range(text).map(|(low, _)| low).ok_or(()));
    let since_ms = since_ms
        .transpose()
        .map_err(|()| Refusal::invalid("`_since` is not an instant, such as 2026-01-31T12:00:00Z"))?;
    for (name, _) in &pairs.0 {
        if !matches!(name.as_str(), "_count" | "_since" | "_page" | "_format" | "_pretty") {
            return Err(Refusal::invalid(
                "a history takes `_count`, `_since`, `_format` and `_pretty` alone",
            ));
        }
    }
    Ok(HistoryOptions { count, since_ms, cursor: pairs.last("_page").map(str::to_owned) })
}
