//! The FHIR RESTful API (R4 3.1.0). One file an interaction or a family of them.

mod binary;
mod bundle;
pub(crate) mod form;
mod history;
mod metadata;
pub(crate) mod negotiate;
pub(crate) mod page;
mod read;
mod search;
mod terminology;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::edge::Edge;
use crate::faults;
use crate::reply::Refusal;

/// The routes under `/fhir`.
pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir", post(bundle::system).get(search::system_by_url))
        .route("/fhir/", post(bundle::system).get(search::system_by_url))
        .route("/fhir/_search", post(search::system_by_form).get(search::system_by_url))
        .route("/fhir/metadata", get(metadata::metadata))
        .route("/fhir/_history", get(history::system))
        .route(
            "/fhir/{type}",
            get(search::by_url)
                .post(write::create)
                .put(write::conditional_update)
                .patch(write::conditional_patch)
                .delete(write::conditional_delete),
        )
        .route("/fhir/{type}/_search", post(search::by_form).get(search::by_url))
        .route("/fhir/{type}/_history", get(history::of_type))
        .route(
            "/fhir/{type}/{id}",
            get(read::read).put(write::update).patch(write::patch).delete(write::delete),
        )
        .route("/fhir/{type}/{id}/{of}", get(search::compartment_by_url))
        .route(
            "/fhir/{type}/{id}/{of}/_search",
            post(search::compartment_by_form).get(search::compartment_by_url),
        )
        .route("/fhir/{type}/{id}/_history", get(history::of_instance))
        .route("/fhir/{type}/{id}/_history/{version}", get(read::vread))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
}

async fn unknown() -> Refusal {
    Refusal::new(faults::UNKNOWN_PATH, "there is nothing at this path; `/fhir/metadata` says what there is")
}

async fn not_allowed() -> Refusal {
    Refusal::new(
        faults::METHOD,
        "this path does not take that method; `/fhir/metadata` says which interactions there are",
    )
}
