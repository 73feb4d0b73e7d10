//! `search` by GET and by POST (R4 3.1.1).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use fhir::search::query::{self, Query};
use http::{HeaderMap, StatusCode};

use super::form::Pairs;
use super::negotiate::{self, Wishes};
use super::page;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};

/// `GET Type?…`.
pub(crate) async fn by_url(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    bounded(&edge, query.len())?;
    search(edge, resource_type, Pairs::parse(&query)?, headers).await
}

/// `POST Type/_search`: the form's pairs, after those of the URL.
pub(crate) async fn by_form(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    negotiate::takes(&headers, &["application/x-www-form-urlencoded"])?;
    // Before the body is read: a stranger should not make us hold one.
    edge.caller(&headers)?;
    let form = edge.body(body).await?;
    bounded(&edge, form.len())?;
    let form = std::str::from_utf8(&form).map_err(|_| Refusal::invalid("the form is not UTF-8"))?;
    let mut pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    pairs.0.extend(Pairs::parse(form)?.0);
    search(edge, resource_type, pairs, headers).await
}

fn bounded(edge: &Edge, length: usize) -> Result<(), Refusal> {
    let limit = edge.limits().query_bytes_max;
    if length <= limit {
        return Ok(());
    }
    Err(Refusal::new(faults::QUERY_LONG, format!("the query is over {limit} bytes")))
}

async fn search(
    edge: Arc<Edge>,
    resource_type: String,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, &pairs)?;
    let access = edge.access(&headers)?;
    let query = parse_query(&resource_type, &pairs, wishes.lenient)?;
    let base = edge.base(&headers);
    let body = edge
        .work(move || {
            let found = access.search(&query)?;
            Ok(wishes.shape(page::searchset(&base, &resource_type, &query, found)))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

/// Reads the criteria of a search.
///
/// # Errors
/// 400 with an issue for each pair that cannot be used.
fn parse_query(resource_type: &str, pairs: &Pairs, lenient: bool) -> Result<Query, Refusal> {
    query::parse(resource_type, &pairs.0, lenient, &query::Limits::default())
        .map_err(|issues| Refusal::with_issues(StatusCode::BAD_REQUEST, issues))
}
