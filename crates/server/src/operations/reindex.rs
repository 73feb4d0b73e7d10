//! `$reindex`: how far the search parameters are that SearchParameter resources define. It starts nothing: a parameter is
//! indexed in the background as soon as it is written.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::{Value, object};
use http::{HeaderMap, Method, StatusCode};
use repository::Reindexing;

use super::parameters;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/$reindex", get(of_all).post(of_all))
        .route("/fhir/{type}/$reindex", get(of_type).post(of_type))
        .route("/fhir/{type}/{id}/$reindex", get(of_one).post(of_one))
}

/// What all forms have in common: a query, and with POST a body.
type Rest = (Method, RawQuery, HeaderMap, Body);

async fn of_all(
    State(edge): State<Arc<Edge>>,
    method: Method,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    answer(edge, None, (method, query, headers, body)).await
}

async fn of_type(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    method: Method,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    check_type(&resource_type)?;
    answer(edge, None, (method, query, headers, body)).await
}

async fn of_one(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    method: Method,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    check_type(&resource_type)?;
    answer(edge, Some(id), (method, query, headers, body)).await
}

fn check_type(resource_type: &str) -> Result<(), Refusal> {
    if resource_type == "SearchParameter" {
        return Ok(());
    }
    Err(Refusal::new(faults::UNKNOWN_PATH, "`$reindex` is there for SearchParameter alone"))
}

async fn answer(edge: Arc<Edge>, id: Option<String>, rest: Rest) -> Result<Response, Refusal> {
    let (method, RawQuery(query), headers, body) = rest;
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    let access = edge.access(&headers)?;
    parameters::gathered(&edge, &method, &pairs, &headers, body).await?.finish()?;
    let body = edge
        .work(move || {
            let mut found = access.reindexing()?;
            if let Some(id) = id {
                found.retain(|one| one.id == id);
                if found.is_empty() {
                    let text = "there is no such SearchParameter, or it asks for nothing (it is a draft, or one of the standard)";
                    return Err(Refusal::new(faults::UNKNOWN_PATH, text));
                }
            }
            let told = found.iter().map(told).collect::<Vec<_>>();
            let mut members = vec![("resourceType", Value::from("Parameters"))];
            if !told.is_empty() {
                members.push(("parameter", Value::from(told)));
            }
            Ok(wishes.shape(object(members).to_vec()))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

/// One parameter as parts: what it is, what is done with it, how far that is.
fn told(one: &Reindexing) -> Value {
    let part = |name: &str, kind: &str, value: Value| object([("name", Value::from(name)), (kind, value)]);
    let count = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX).min(i64::from(i32::MAX)));
    let text = |text: &str| Value::from(text);
    let mut parts = vec![part("phase", "valueCode", text(one.phase.word()))];
    if !one.id.is_empty() {
        parts.push(part("id", "valueId", text(&one.id)));
    }
    if !one.url.is_empty() {
        parts.push(part("url", "valueUri", text(&one.url)));
    }
    if !one.code.is_empty() {
        parts.push(part("code", "valueCode", text(&one.code)));
    }
    parts.extend(one.bases.iter().map(|base| part("base", "valueCode", text(base))));
    parts.push(part("resourcesDone", "valueUnsignedInt", count(one.resources_done)));
    parts.push(part("resources", "valueUnsignedInt", count(one.resources)));
    object([("name", Value::from("searchParameter")), ("part", Value::from(parts))])
}

#[cfg(test)]
mod tests {
    use repository::Phase;

    use super::*;

    #[test]
    fn what_is_told_is_a_valid_parameters_resource() {
        let one = Reindexing {
            id: "eye".into(),
            url: "http://example.org/eye".into(),
            code: "eye".into(),
            bases: vec!["Patient", "Person"],
            phase: Phase::Building,
            resources_done: 3,
            resources: u64::MAX,
        };
        let unread =
            Reindexing { id: "".into(), url: "".into(), code: "".into(), bases: Vec::new(), ..one.clone() };
        let told = object([
            ("resourceType", Value::from("Parameters")),
            ("parameter", Value::from(vec![told(&one), told(&unread)])),
        ]);
        assert_eq!(fhir::validate::validate(&told), []);
    }
}
