//! Formats to FHIR: HL7 v2 messages become FHIR resources, Provenance and a loss report.
#![warn(clippy::indexing_slicing)]
