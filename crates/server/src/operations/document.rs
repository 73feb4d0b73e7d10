//! `$document` of a Composition (R4 composition-operation-document.html): a Bundle of type `document`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::{Value, array, object};
use http::{HeaderMap, Method, StatusCode, header};
use repository::Document;

use super::parameters;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/fhir/{type}/{id}/$document", get(document).post(document))
}

async fn document(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    if resource_type != "Composition" {
        return Err(Refusal::new(faults::UNKNOWN_PATH, "`$document` is there for a Composition alone"));
    }
    let mut given = parameters::gathered(&edge, &method, &pairs, &headers, body).await?;
    let persist = given.boolean("persist")?.unwrap_or(false);
    given.finish()?;
    let access = edge.access(&headers)?;
    let base = edge.base(&headers);
    let shared = Arc::clone(&edge);
    let own = base.clone();
    let (body, location) = edge
        .work(move || {
            let bundle = bundle(&shared, &own, access.document(&id)?)?;
            if !persist {
                return Ok((bundle.to_vec(), None));
            }
            let stored = access.create("Bundle", bundle, None)?.versioned;
            Ok((stored.body.clone(), Some(stored.location())))
        })
        .await?;
    let status = if location.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = reply::json(status, wishes.shape(body));
    if let Some(location) = location {
        reply::set(&mut response, header::LOCATION, &format!("{base}/{location}"));
    }
    Ok(response)
}

fn bundle(edge: &Edge, base: &str, document: Document) -> Result<Value, Refusal> {
    let mut entries = Vec::with_capacity(document.parts.len());
    for part in &document.parts {
        let url = format!("{base}/{}", part.path());
        entries.push(object([("fullUrl", Value::from(url.as_str())), ("resource", edge.parse(&part.body)?)]));
    }
    let identifier = object([
        ("system", Value::from("urn:ietf:rfc:3986")),
        ("value", Value::from(format!("urn:uuid:{}", document.identifier).as_str())),
    ]);
    Ok(object([
        ("resourceType", Value::from("Bundle")),
        ("identifier", identifier),
        ("type", Value::from("document")),
        ("timestamp", Value::from(document.timestamp.as_str())),
        ("entry", array(entries)),
    ]))
}
