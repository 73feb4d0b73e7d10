//! Search: what each parameter reads from a resource, and what a search request asks for.
//!
//! Three parts, all pure. [`parameter`] and [`parameters`] are the registry of every R4 search parameter;
//! [`extract`] reads the searchable values ([`Term`]) out of one resource; [`query`] reads a request into typed
//! criteria. Finding resources, order, pages and rights belong to the store: nothing here knows an index.
//!
//! Source: FHIR R4 3.1.1 (Search), and the expressions of the R4 search parameters.

pub mod date;
pub mod normalise;
pub mod number;
pub mod query;

mod extract;
mod parameter;
mod registry;
mod term;

pub(crate) use extract::type_in_url;
pub use extract::{extract, patient_compartment};
pub use parameter::{Component, Kind, Parameter};
pub use registry::{parameter, parameters};
pub use rust_decimal::Decimal;
pub use term::{ReferenceTerm, Term};
