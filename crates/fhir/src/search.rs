//! Search: what each parameter reads from a resource, and what a search request asks for.
//!
//! Three parts, all pure. A [`Registry`] holds the search parameters, those of R4 and a tenant's own;
//! [`Registry::extract`] reads the searchable values ([`Term`]) out of one resource; [`query`] reads a request into typed
//! criteria. Finding resources, order, pages and rights belong to the store: nothing here knows an index.
//!
//! Source: FHIR R4 3.1.1 (Search), and the expressions of the R4 search parameters.

pub mod custom;
pub mod date;
pub mod near;
pub mod normalise;
pub mod number;
pub mod query;
pub mod words;

mod extract;
mod parameter;
mod registry;
mod term;

pub use extract::patient_compartment;
pub(crate) use extract::type_in_url;
pub use parameter::{CUSTOM_FIRST, Component, Kind, Parameter};
pub use registry::Registry;
pub use rust_decimal::Decimal;
pub use term::{LabelOf, NumberRange, ReferenceTerm, Term, TokenSource};
