//! A seeded synthetic hospital: HL7 v2 messages and FHIR bundles of people who do not exist.
//!
//! For: tests, benches and `ward demo`. Everything is composed from lists of our own: invented syllables, plain words,
//! telephone numbers from the range kept for fiction, object identifiers from the example arc `2.999`. The same seed gives
//! the same bytes on every machine. Not for: statistics; the people are varied, not representative.

mod adt;
mod broken;
pub mod canary;
mod clinic;
mod hospital;
mod json;
mod lab;
mod moment;
mod names;
mod panels;
mod person;
mod random;
mod segments;

pub use broken::Broken;
pub use hospital::{Counts, Delivery, Expected, Feed, Hospital, Payload, Showcase};
pub use moment::Moment;
pub use random::Random;

/// Identifier systems of the synthetic organisations, as FHIR writes them.
pub mod systems {
    /// The hospital's medical record numbers (`NORTH&2.999.10.1&ISO` in v2).
    pub const HOSPITAL: &str = "urn:oid:2.999.10.1";
    /// The laboratory's patient numbers (`LAB&2.999.10.2&ISO` in v2).
    pub const LABORATORY: &str = "urn:oid:2.999.10.2";
    /// The clinic's identifiers, of patients and of everything else.
    pub const CLINIC: &str = "urn:oid:2.999.10.3";
}
