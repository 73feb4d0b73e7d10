//! `search` by GET and by POST (R4 3.1.1), and the further pages of a search.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use fhir::definitions;
use fhir::search::Registry;
use fhir::search::query::{self, PAGE_PARAMETER, SearchContext};
use http::{HeaderMap, StatusCode};

use super::form::{self, Pairs};
use super::negotiate::{self, Wishes};
use super::page;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};

/// Length of a form: what is too long for a URL is asked so, such as ten thousand values.
const FORM_BYTES_MAX: usize = 512 * 1024;

/// Bytes of a query with a page token, which holds a whole search and places in its order.
const PAGE_QUERY_BYTES_MAX: usize = 48 * 1024;

/// `GET Type?…`.
pub(crate) async fn by_url(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = url_pairs(&edge, query)?;
    search(edge, Ground::Type(resource_type), pairs, headers).await
}

/// `POST Type/_search`: the form's pairs, after those of the URL.
pub(crate) async fn by_form(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = form_pairs(&edge, query.as_deref(), &headers, body).await?;
    search(edge, Ground::Type(resource_type), pairs, headers).await
}

/// `GET ?…`: of the whole system.
pub(crate) async fn system_by_url(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = url_pairs(&edge, query)?;
    search(edge, Ground::Context(SearchContext::default()), pairs, headers).await
}

/// `POST _search`.
pub(crate) async fn system_by_form(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = form_pairs(&edge, query.as_deref(), &headers, body).await?;
    search(edge, Ground::Context(SearchContext::default()), pairs, headers).await
}

/// `GET Compartment/id/Type?…`, with `*` for all types.
pub(crate) async fn compartment_by_url(
    State(edge): State<Arc<Edge>>,
    Path(path): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (ground, pairs) = (compartment(&path)?, url_pairs(&edge, query)?);
    search(edge, ground, pairs, headers).await
}

/// `POST Compartment/id/Type/_search`.
pub(crate) async fn compartment_by_form(
    State(edge): State<Arc<Edge>>,
    Path(path): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let ground = compartment(&path)?;
    let pairs = form_pairs(&edge, query.as_deref(), &headers, body).await?;
    search(edge, ground, pairs, headers).await
}

fn compartment((owner, id, of): &(String, String, String)) -> Result<Ground, Refusal> {
    SearchContext::compartment(owner, id, of).map(Ground::Context).ok_or_else(|| {
        let text = format!(
            "there is nothing at this path; compartments are searched as `Patient/id/Observation` or `Patient/id/*`, of {}",
            query::COMPARTMENTS.join(", ")
        );
        Refusal::new(faults::UNKNOWN_PATH, text)
    })
}

fn url_pairs(edge: &Edge, query: Option<String>) -> Result<Pairs, Refusal> {
    let query = query.unwrap_or_default();
    let is_page = query.starts_with(PAGE_PARAMETER);
    bounded(query.len(), if is_page { PAGE_QUERY_BYTES_MAX } else { edge.limits().query_bytes_max })?;
    Pairs::parse(&query)
}

async fn form_pairs(
    edge: &Edge,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Pairs, Refusal> {
    negotiate::takes(headers, &["application/x-www-form-urlencoded"])?;
    // Before the body is read: a stranger should not make us hold one.
    edge.caller(headers)?;
    let form = edge.body(body).await?;
    bounded(form.len(), FORM_BYTES_MAX)?;
    let form = std::str::from_utf8(&form).map_err(|_| Refusal::invalid("the form is not UTF-8"))?;
    let mut pairs = Pairs::parse(query.unwrap_or_default())?;
    pairs.0.extend(Pairs::parse(form)?.0);
    Ok(pairs)
}

fn bounded(length: usize, limit: usize) -> Result<(), Refusal> {
    if length <= limit {
        return Ok(());
    }
    Err(Refusal::new(faults::QUERY_LONG, format!("the query is over {limit} bytes")))
}

async fn search(
    edge: Arc<Edge>,
    ground: Ground,
    pairs: Pairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, &pairs)?;
    let access = edge.access(&headers)?;
    let base = edge.base(&headers);
    let body = edge
        .work(move || {
            let asked = asked(access.registry()?.as_ref(), &ground, &pairs, wishes.lenient)?;
            let encoded = |used: &[(String, String)]| {
                form::encode(used.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            };
            let (own, found) = match (&asked, &ground) {
                (Asked::First(query), _) => (encoded(&query.used), access.search(query)?),
                (Asked::Across(across), _) => (encoded(&across.used), access.search_across(across)?),
                (Asked::Page(token), Ground::Type(resource_type)) => {
                    (page::page_query(token), access.search_page(resource_type, token)?)
                }
                (Asked::Page(token), Ground::Context(context)) => {
                    (page::page_query(token), access.search_across_page(context, token)?)
                }
            };
            Ok(wishes.shape(page::searchset(&base, &ground.path(), &own, found)))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

/// Where a search looks.
enum Ground {
    /// At the resources of one type.
    Type(String),
    /// At the whole system or a compartment.
    Context(SearchContext),
}

impl Ground {
    fn path(&self) -> String {
        match self {
            Self::Type(name) => name.clone(),
            Self::Context(context) => context.path(),
        }
    }
}

/// What a search request asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    /// A search, from its first page.
    First(Box<query::Query>),
    /// A search over several types or of a compartment, from its first page.
    Across(Box<query::Across>),
    /// The page of a token.
    Page(String),
}

/// Reads a search request.
///
/// # Errors
/// 404 for an unknown type, 400 with an issue for each pair that cannot be used.
fn asked(registry: &Registry, ground: &Ground, pairs: &Pairs, lenient: bool) -> Result<Asked, Refusal> {
    if let Ground::Type(name) = ground
        && !definitions::is_resource(name)
    {
        return Err(Refusal::new(faults::UNKNOWN_PATH, "this is no resource type of FHIR R4"));
    }
    let shape = |name: &str| matches!(name, "_format" | "_pretty");
    let mut others = pairs.0.iter().filter(|(name, _)| !shape(name));
    if let (Some((name, token)), None) = (others.next(), others.next())
        && name == PAGE_PARAMETER
    {
        return Ok(Asked::Page(token.clone()));
    }
    let limits = query::Limits::default();
    let read = match ground {
        Ground::Type(name) => query::parse(registry, name, &pairs.0, lenient, &limits)
            .map(|query| Asked::First(Box::new(query))),
        Ground::Context(context) => {
            query::parse_across(registry, context.clone(), &pairs.0, lenient, &limits)
                .map(|across| Asked::Across(Box::new(across)))
        }
    };
    read.map_err(|issues| Refusal::with_issues(StatusCode::BAD_REQUEST, issues))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Asked, Refusal> {
        asked(Registry::base(), &Ground::Type("Patient".to_owned()), &Pairs::parse(query).unwrap(), true)
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
