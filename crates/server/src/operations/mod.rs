//! Operations (R4 operations.html): `$name` after the base, a type or a resource. One file an operation.
//!
//! [`OPERATIONS`] lists them all; the capability statement is told from it. Parameters come as a query or as a
//! `Parameters` resource and are read by [`parameters`].

mod diff;
mod document;
mod events;
mod everything;
mod expand;
mod export;
mod get_ws_binding_token;
mod graphql;
pub(crate) mod import;
mod lastn;
mod lookup;
mod meta;
pub(crate) mod parameters;
mod purge;
mod reindex;
mod status;
mod subsumes;
mod table;
mod terminology;
mod translate;
mod validate;
mod validate_code;

pub(crate) use get_ws_binding_token::socket_url;

use std::sync::Arc;

use axum::Router;

use crate::edge::Edge;

pub(crate) use table::{OPERATIONS, Operation};

/// The routes of all operations.
pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .merge(terminology::routes::<expand::Expand>())
        .merge(terminology::routes::<validate_code::ValidateCode>())
        .merge(terminology::routes::<lookup::Lookup>())
        .merge(terminology::routes::<subsumes::Subsumes>())
        .merge(terminology::routes::<translate::Translate>())
        .merge(purge::routes())
        .merge(diff::routes())
        .merge(document::routes())
        .merge(lastn::routes())
        .merge(status::routes())
        .merge(events::routes())
        .merge(get_ws_binding_token::routes())
        .merge(everything::routes())
        .merge(export::routes())
        .merge(import::routes())
        .merge(graphql::routes())
        .merge(meta::routes())
        .merge(validate::routes())
        .merge(reindex::routes())
}
