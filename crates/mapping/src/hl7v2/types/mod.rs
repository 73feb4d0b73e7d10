//! HL7 v2 data types to FHIR data types: one file a family. Each reads a [`crate::hl7v2::reader::Node`] and takes what it
//! could place.

pub(crate) mod coded;
pub(crate) mod contact;
pub(crate) mod identifier;
pub(crate) mod name;
pub(crate) mod people;
pub(crate) mod places;
pub(crate) mod quantity;
pub(crate) mod time;
pub(crate) mod value;
