//! FHIR R4 as data: JSON, definitions, validation, FHIRPath, search parameters.
#![warn(clippy::indexing_slicing)]
