//! FHIR R4 as data.
//!
//! What is here: JSON that keeps every literal as written ([`json`]), the facts of the R4 definitions as tables
//! ([`definitions`]), structural validation ([`validate`]), `OperationOutcome` ([`outcome`]), JSON Patch ([`patch`]), FHIRPath
//! ([`path`]), search ([`search`]) and terminology ([`terminology`]).
//!
//! What is not: no I/O, no clock, no randomness, no logging, and no generated struct per resource type. A resource is a
//! [`json::Value`]; what it may hold is looked up in the tables.
#![warn(clippy::indexing_slicing)]

pub mod definitions;
pub mod diff;
pub mod json;
pub mod outcome;
pub mod patch;
pub mod path;
pub mod profile;
pub mod search;
pub mod terminology;
pub mod validate;
pub mod xml;
