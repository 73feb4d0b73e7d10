//! `search` by GET and by POST (R4 3.1.1), and the further pages of a search.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use fhir::definitions;
use fhir::search::Registry;
use fhir::search::query::{self, PAGE_PARAMETER};
use http::{HeaderMap, StatusCode};

use super::form::{self, Pairs};
use super::negotiate::{self, Wishes};
use super::page;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};

/// Bytes of a query with a page token, which holds a whole search and places in its order.
const PAGE_QUERY_BYTES_MAX: usize = 48 * 1024;

/// `GET Type?…`.
pub(crate) async fn by_url(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let is_page = query.starts_with(PAGE_PARAMETER);
    bounded(query.len(), if is_page { PAGE_QUERY_BYTES_MAX } else { edge.limits().query_bytes_max })?;
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
    bounded(form.len(), edge.limits().query_bytes_max)?;
    let form = std::str::from_utf8(&form).map_err(|_| Refusal::invalid("the form is not UTF-8"))?;
    let mut pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    pairs.0.extend(Pairs::parse(form)?.0);
    search(edge, resource_type, pairs, headers).await
}

fn bounded(length: usize, limit: usize) -> Result<(), Refusal> {
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
    let base = edge.base(&headers);
    let body = edge
        .work(move || {
            let asked = asked(access.registry()?.as_ref(), &resource_type, &pairs, wishes.lenient)?;
            let (own, found) = match &asked {
                Asked::First(query) => {
                    let used = query.used.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    (form::encode(used), access.search(query)?)
                }
                Asked::Page(token) => (page::page_query(token), access.search_page(&resource_type, token)?),
            };
            Ok(wishes.shape(page::searchset(&base, &resource_type, &own, found)))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

/// What a search request asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    /// A search, from its first page.
    First(Box<query::Query>),
    /// The page of a token.
    Page(String),
}

/// Reads a search request.
///
/// # Errors
/// 404 for an unknown type, 400 with an issue for each pair that cannot be used.
fn asked(registry: &Registry, resource_type: &str, pairs: &Pairs, lenient: bool) -> Result<Asked, Refusal> {
    if !definitions::is_resource(resource_type) {
        return Err(Refusal::new(faults::UNKNOWN_PATH, "this is no resource type of FHIR R4"));
    }
    let shape = |name: &str| matches!(name, "_format" | "_pretty");
    let mut others = pairs.0.iter().filter(|(name, _)| !shape(name));
    if let (Some((name, token)), None) = (others.next(), others.next())
        && name == PAGE_PARAMETER
    {
        return Ok(Asked::Page(token.clone()));
    }
    query::parse(registry, resource_type, &pairs.0, lenient, &query::Limits::default())
        .map(|query| Asked::First(Box::new(query)))
        .map_err(|issues| Refusal::with_issues(StatusCode::BAD_REQUEST, issues))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Asked, Refusal> {
        asked(Registry::base(), "Patient", &Pairs::parse(query).unwrap(), true)
    }

    #[test]
    fn a_page_token_stands_alone_but_for_the_shape_of_the_answer() {
        assert_eq!(read("_page=abc").unwrap(), Asked::Page("abc".to_owned()));
        assert_eq!(read("_pretty=true&_page=abc&_format=json").unwrap(), Asked::Page("abc".to_owned()));
        assert!(matches!(read("name=a").unwrap(), Asked::First(_)));
        // Lenient handling does not help: without its token the search would begin anew.
        for query in ["_page=abc&name=a", "_page=abc&_page=def", "_count=2&_page=abc"] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
