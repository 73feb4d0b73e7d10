//! Wire formats, pure: HL7 v2 messages, MLLP frames, acknowledgements and batch files.
//!
//! For: turning foreign bytes into a model that says what was understood and what was wrong, and back. Not for: meaning.
//! What a `PID` is to FHIR stands in the crate `mapping`; where bytes come from and go to stands in `ingest`. Nothing here
//! does I/O, reads a clock, draws randomness or logs.
#![warn(clippy::indexing_slicing)]

pub mod dicom;
pub mod hl7v2;
