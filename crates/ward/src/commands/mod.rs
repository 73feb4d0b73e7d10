//! The commands, one a file.

pub(crate) mod audit;
pub(crate) mod channel;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod fhirpath;
pub(crate) mod index;
pub(crate) mod ingest;
pub(crate) mod init;
mod input;
pub(crate) mod mask;
pub(crate) mod package;
pub(crate) mod reference;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod show_pdf;
pub(crate) mod token;
pub(crate) mod validate;
