//! `$validate` (R4 resource-operation-validate.html): a resource against R4 and profiles, by type and by instance.
//!
//! What is wrong with the resource stands in the `OperationOutcome` of a 200: the operation itself went well.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::post;
use fhir::json::Value;
use fhir::outcome::Outcome;
use http::{HeaderMap, StatusCode};
use repository::{Validation, ValidationMode};

use super::parameters::Parameters;
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::{self, RESOURCE, Wishes};

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/{type}/$validate", post(of_type))
        .route("/fhir/{type}/{id}/$validate", post(of_instance).get(of_instance))
}

/// `POST Type/$validate`.
async fn of_type(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    validated(edge, resource_type, None, query, headers, body).await
}

/// `GET` and `POST Type/id/$validate`.
async fn of_instance(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    validated(edge, resource_type, Some(id), query, headers, body).await
}

async fn validated(
    edge: Arc<Edge>,
    resource_type: String,
    id: Option<String>,
    query: Option<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    negotiate::takes(&headers, RESOURCE)?;
    let access = edge.access(&headers)?;
    let bytes = edge.body(body).await?;
    let shared = Arc::clone(&edge);
    let issues = edge
        .work(move || {
            let sent = if bytes.is_empty() { None } else { Some(shared.parse(&bytes)?) };
            let (mut parameters, bare) = read(sent, &pairs)?;
            let mode = mode(parameters.text("mode")?.as_deref())?;
            let profiles = parameters.texts("profile")?;
            let mut resources = parameters.resources("resource")?;
            parameters.finish()?;
            if resources.len() > 1 {
                return Err(Refusal::invalid("`resource` is given more than once"));
            }
            let asked = Validation {
                resource_type: &resource_type,
                id: id.as_deref(),
                resource: bare.or_else(|| resources.pop()),
                mode,
                profiles: &profiles,
            };
            Ok(access.validate(asked)?)
        })
        .await?;
    let body = Outcome::from(issues).to_json().to_vec();
    Ok(reply::json(StatusCode::OK, wishes.shape(body)))
}

/// The parameters, and the resource where it is the body itself. A `Parameters` body holds the operation's own.
fn read(sent: Option<Value>, pairs: &Pairs) -> Result<(Parameters, Option<Value>), Refusal> {
    match sent {
        Some(value) if value.resource_type() == Some("Parameters") => {
            Ok((Parameters::from_body(value)?.and_query(pairs), None))
        }
        bare => Ok((Parameters::from_query(pairs), bare)),
    }
}

fn mode(text: Option<&str>) -> Result<ValidationMode, Refusal> {
    Ok(match text {
        None => ValidationMode::General,
        Some("create") => ValidationMode::Create,
        Some("update") => ValidationMode::Update,
        Some("delete") => ValidationMode::Delete,
        Some("profile") => ValidationMode::Profile,
        Some(_) => return Err(Refusal::invalid("`mode` is create, update, delete or profile")),
    })
}
