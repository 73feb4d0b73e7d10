//! Masking of whole records: FHIR, HL7 v2, C-CDA, CSV.
//!
//! Each walks the structure of its format, knows what is an identity by its place, and hands free text to a [`Finder`]. Each
//! gives the masked record and a [`Tally`](crate::transform::Tally). What cannot be read is an error or is taken out, never passed on. A record
//! that carries our seal (see `docs/internals/masking.md`) comes back as it is, so masking twice is masking once.

pub(crate) mod attachment;
pub mod ccda;
pub mod csv;
pub mod dicom;
pub mod fhir;
mod finder;
pub mod hl7v2;
mod inspect;
mod markup;
mod near;
mod rtf;
mod seal;

pub use finder::{Asked, Finder};
pub use inspect::{Scope, Tools};
