//! Operations (R4 operations.html): `$name` after the base, a type or a resource. One file an operation.
//!
//! [`OPERATIONS`] lists them all; the capability statement is told from it. Parameters come as a query or as a
//! `Parameters` resource and are read by [`parameters`].

mod diff;
mod document;
mod everything;
mod expand;
mod graphql;
mod lastn;
mod lookup;
mod meta;
pub(crate) mod parameters;
mod subsumes;
mod terminology;
mod translate;
mod validate_code;

use std::sync::Arc;

use axum::Router;

use crate::edge::Edge;

/// One operation, for the capability statement.
#[derive(Debug)]
#[allow(dead_code, reason = "what the statement does not say is for the tests that try every operation")]
pub(crate) struct Operation {
    /// Its name without the `$`.
    pub(crate) name: &'static str,
    /// The canonical URL of its definition.
    pub(crate) definition: &'static str,
    /// Whether it is there at the base.
    pub(crate) system: bool,
    /// The types that it is there for: none, these, or (`Resource`) all.
    pub(crate) types: &'static [&'static str],
    /// Whether it is there after `Type/id`.
    pub(crate) instance: bool,
    /// Whether it is there after `Type`.
    pub(crate) type_level: bool,
    /// Whether it changes anything; such an operation takes POST alone.
    pub(crate) affects_state: bool,
}

/// All operations.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "everything",
        definition: "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        system: false,
        types: &["Patient"],
        instance: true,
        type_level: false,
        affects_state: false,
    },
    Operation {
        name: "everything",
        definition: "http://hl7.org/fhir/OperationDefinition/Encounter-everything",
        system: false,
        types: &["Encounter"],
        instance: true,
        type_level: false,
        affects_state: false,
    },
    Operation {
        name: "graphql",
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-graphql",
        system: true,
        types: &["Resource"],
        instance: true,
        type_level: false,
        affects_state: false,
    },
    Operation {
        name: "meta",
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta",
        system: false,
        types: &["Resource"],
        instance: true,
        type_level: false,
        affects_state: false,
    },
    Operation {
        name: "meta-add",
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
        system: false,
        types: &["Resource"],
        instance: true,
        type_level: false,
        affects_state: true,
    },
    Operation {
        name: "meta-delete",
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
        system: false,
        types: &["Resource"],
        instance: true,
        type_level: false,
        affects_state: true,
    },
    Operation {
        name: "diff",
        definition: "urn:ward:operation:diff",
        system: true,
        types: &["Resource"],
        instance: true,
        type_level: false,
        affects_state: false,
    },
    Operation {
        name: "document",
        definition: "http://hl7.org/fhir/OperationDefinition/Composition-document",
        system: false,
        types: &["Composition"],
        instance: true,
        type_level: false,
        affects_state: false,
    },
    Operation {
        name: "lastn",
        definition: "http://hl7.org/fhir/OperationDefinition/Observation-lastn",
        system: false,
        types: &["Observation"],
        instance: false,
        type_level: true,
        affects_state: false,
    },
    Operation {
        name: "expand",
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
        system: false,
        types: &["ValueSet"],
        instance: true,
        type_level: true,
        affects_state: false,
    },
    Operation {
        name: "validate-code",
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
        system: false,
        types: &["ValueSet"],
        instance: true,
        type_level: true,
        affects_state: false,
    },
    Operation {
        name: "validate-code",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
        system: false,
        types: &["CodeSystem"],
        instance: true,
        type_level: true,
        affects_state: false,
    },
    Operation {
        name: "lookup",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
        system: false,
        types: &["CodeSystem"],
        instance: false,
        type_level: true,
        affects_state: false,
    },
    Operation {
        name: "subsumes",
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
        system: false,
        types: &["CodeSystem"],
        instance: true,
        type_level: true,
        affects_state: false,
    },
    Operation {
        name: "translate",
        definition: "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
        system: false,
        types: &["ConceptMap"],
        instance: true,
        type_level: true,
        affects_state: false,
    },
];

/// The routes of all operations.
pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .merge(terminology::routes::<expand::Expand>())
        .merge(terminology::routes::<validate_code::ValidateCode>())
        .merge(terminology::routes::<lookup::Lookup>())
        .merge(terminology::routes::<subsumes::Subsumes>())
        .merge(terminology::routes::<translate::Translate>())
        .merge(diff::routes())
        .merge(document::routes())
        .merge(lastn::routes())
        .merge(everything::routes())
        .merge(graphql::routes())
        .merge(meta::routes())
}
