//! Formats to FHIR: a parsed HL7 v2 message becomes FHIR R4 resources, one Provenance and a loss report.
//!
//! The life of a message here: [`hl7v2::map`] reads a message field by field and gives [`Mapped`]: a list of [`Intent`]s
//! ("this resource should look like this") and a [`LossReport`] (what of the message reached no FHIR element).
//! [`resolve`] joins one intent with what the store already holds, and says what to write. [`bundle`] shows all intents
//! as one transaction bundle, for people and tests.
//!
//! Everything here is a pure function of its arguments: no clock, no randomness, no disk, no logging. The same message
//! gives the same bytes, always. Not for reading bytes (that is `formats`) and not for storing (that is `repository`).

#![warn(clippy::indexing_slicing)]

mod bundle;
mod concepts;
pub mod hl7v2;
mod intent;
mod json;
mod loss;
mod resolve;

pub use bundle::bundle;
pub use intent::{Intent, Mode, Retain, SourceTime};
pub use loss::{Entry, LossReport};
pub use resolve::{Resolution, SkipReason, resolve};

/// What became of one message: the wanted resources, the loss report, and which message it was.
#[derive(Debug)]
pub struct Mapped {
    /// The wanted resources, each once, in an order in which a referenced resource comes before or with its referrer's
    /// transaction. The message's Provenance is last.
    pub intents: Vec<Intent>,
    /// What of the message reached a FHIR element, and what did not.
    pub report: LossReport,
    /// Which message this was.
    pub identity: hl7v2::MessageIdentity,
}
