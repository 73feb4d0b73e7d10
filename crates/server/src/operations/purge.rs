//! `$purge` of a Patient, also as `$erase`: the record is deleted and its key destroyed, with a proof as the answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use fhir::json::{Value, array, object};
use http::{HeaderMap, StatusCode};
use repository::Erased;

use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;
use crate::time;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/{type}/{id}/$purge", post(purge))
        .route("/fhir/{type}/{id}/$erase", post(purge))
}

async fn purge(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(&headers, &Pairs::default())?;
    let access = edge.access(&headers)?;
    if resource_type != "Patient" {
        return Err(Refusal::new(faults::UNKNOWN_PATH, "`$purge` is there for a Patient alone"));
    }
    let erased = edge.work(move || Ok(access.erase(&id)?)).await?;
    Ok(reply::json(StatusCode::OK, wishes.shape(proof(&erased).to_vec())))
}

/// What was done, so that it can be compared with the key folder, the log and the audit log.
fn proof(erased: &Erased) -> Value {
    let parameter =
        |name: &str, member: &str, value: Value| object([("name", Value::from(name)), (member, value)]);
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let mut list = vec![
        parameter("verified", "valueBoolean", Value::from(erased.verified)),
        parameter("time", "valueInstant", Value::from(time::instant(erased.time_ms).as_str())),
        parameter("logPosition", "valueString", Value::from(erased.position.to_string().as_str())),
    ];
    if let Some(key) = erased.key {
        list.push(parameter("destroyedKey", "valueString", Value::from(format!("{key:016x}").as_str())));
    }
    for (name, counts) in [("deleted", &erased.deleted), ("kept", &erased.kept)] {
        for (resource_type, count) in counts {
            let parts = array([
                parameter("type", "valueCode", Value::from(*resource_type)),
                parameter("count", "valueInteger", number(*count)),
            ]);
            list.push(parameter(name, "part", parts));
        }
    }
    object([("resourceType", Value::from("Parameters")), ("parameter", Value::from(list))])
}
