//! `$everything` of a Patient or an Encounter (R4 patient-operation-everything.html, encounter-operation-everything.html).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::definitions;
use fhir::search::query::PAGE_PARAMETER;
use http::{HeaderMap, Method, StatusCode};
use repository::EverythingOptions;

use super::parameters::{self, Parameters};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::{self, Pairs};
use crate::rest::negotiate::Wishes;
use crate::rest::page;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/{type}/{id}/$everything", get(of_one).post(of_one))
        .route("/fhir/{type}/$everything", get(of_type).post(of_type))
}

async fn of_one(
    State(edge): State<Arc<Edge>>,
    Path(focus): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let parameters = parameters::gathered(&edge, &method, &pairs, &headers, body).await?;
    answer(edge, focus, &pairs, parameters, headers).await
}

/// Every patient's everything is what an export is for: one answer could not hold it.
async fn of_type() -> Refusal {
    Refusal::new(
        faults::UNKNOWN_PATH,
        "`$everything` is there for one Patient or Encounter, as `Patient/1/$everything`; for all, see `Patient/$export`",
    )
}

async fn answer(
    edge: Arc<Edge>,
    (resource_type, id): (String, String),
    pairs: &Pairs,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, pairs)?;
    let access = edge.access(&headers)?;
    if !matches!(resource_type.as_str(), "Patient" | "Encounter") {
        return Err(Refusal::new(
            faults::UNKNOWN_PATH,
            "`$everything` is there for Patient and Encounter alone",
        ));
    }
    let token = parameters.text(PAGE_PARAMETER)?;
    let options = if token.is_some() { EverythingOptions::default() } else { options(&mut parameters)? };
    parameters.finish()?;
    let base = edge.base(&headers);
    let own = own(pairs);
    let body = edge
        .work(move || {
            let found = match &token {
                Some(token) => access.everything_page(&resource_type, &id, token)?,
                None => access.everything(&resource_type, &id, &options)?,
            };
            Ok(wishes.shape(page::searchset(
                &base,
                &format!("{resource_type}/{id}/$everything"),
                &own,
                found,
            )))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

fn options(parameters: &mut Parameters) -> Result<EverythingOptions, Refusal> {
    let types = parameters.listed("_type")?;
    if let Some(unknown) = types.iter().find(|name| !definitions::is_resource(name)) {
        let shown: String = unknown.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        return Err(Refusal::invalid(format!("`_type`: `{shown}` is no resource type of FHIR R4")));
    }
    Ok(EverythingOptions {
        since_ms: parameters.span("_since")?.map(|(low, _)| low),
        types: types.into_iter().map(Into::into).collect(),
        start_ms: parameters.span("start")?.map(|(low, _)| low),
        end_ms: parameters.span("end")?.map(|(_, high)| high),
        count: parameters.count("_count")?,
    })
}

/// The query of the page's own link, as it was given.
fn own(pairs: &Pairs) -> String {
    let given = pairs.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    form::encode(given.filter(|(name, _)| !matches!(*name, "_format" | "_pretty")))
}
