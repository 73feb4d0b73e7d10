//! `batch` and `transaction` (R4 3.1.0.11).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::form::Pairs;
use super::negotiate::{self, RESOURCE, Wishes};
use crate::edge::Edge;
use crate::reply::{self, Refusal};

/// `POST` of a Bundle to the base.
pub(crate) async fn system(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, &Pairs::parse(query.as_deref().unwrap_or_default())?)?;
    negotiate::takes(&headers, RESOURCE)?;
    let access = edge.access(&headers)?;
    let bytes = edge.body(body).await?;
    let shared = Arc::clone(&edge);
    let answer = edge
        .work(move || {
            let bundle = shared.parse(&bytes)?;
            drop(bytes);
            let kind = bundle.get("type").and_then(fhir::json::Value::as_str).unwrap_or_default();
            match (bundle.resource_type(), kind) {
                (Some("Bundle"), "transaction") => Ok(access.transaction(bundle)?),
                (Some("Bundle"), "batch") => Ok(access.batch(bundle)?),
                (Some("Bundle"), _) => {
                    Err(Refusal::invalid("`Bundle.type` must be `transaction` or `batch` here"))
                }
                _ => Err(Refusal::invalid(
                    "a Bundle is posted here; a single resource goes to its type, as `POST /fhir/Patient`",
                )),
            }
        })
        .await?;
    Ok(reply::json(StatusCode::OK, wishes.shape(answer.to_vec())))
}
