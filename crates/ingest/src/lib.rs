//! Channels: listen, archive, decode, map, commit, acknowledge; quarantine and replay.
//!
//! Every message goes the same way, whatever brings it: [`Ingest::receive`]. What reaches it is kept: committed, or in
//! quarantine with its reason; a sender is told "accepted" only after its message is durable and searchable. This crate
//! knows connections and folders; it knows no HTTP (that is `server`) and no rules of mapping (that is `mapping`).

#![warn(clippy::indexing_slicing)]

mod answer;
mod commit;
pub mod config;
mod events;
pub mod files;
pub mod folder;
pub mod mllp;
pub mod objects;
mod outcome;
mod pipeline;
mod quarantine;
mod run;
mod together;

pub use events::METRICS;
pub use outcome::Outcome;
pub use pipeline::{Channel, Ingest, IngestParts, Received, ReplayError};
pub use quarantine::{Cause, Quarantine, QuarantineError, Quarantined, Reason};
pub use run::Run;
