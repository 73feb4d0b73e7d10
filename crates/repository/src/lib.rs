//! The FHIR store: versions, transactions, search, history; `Access` is the only door.
//!
//! # The way of a write
//!
//! 1. `access` decides, checks the resource and prepares it in the caller's thread (`prepare`): stored form (`body`), terms
//!    (`search`), compression, and what stands in the store now.
//! 2. `queue` orders transactions; the `committer` takes a run of them, sees whether what they rely on is still so, numbers
//!    (`numbers`) and seals them, appends one `record` each to the log, and writes one batch to the index (`applier`).
//! 3. `access` answers, and leaves one audit event (`gate`).
//!
//! The log is the truth. `replay` makes the same index from it with the same `applier`, after a crash or from nothing
//! ([`rebuild`]); [`verify`](fn@verify) compares.
//!
//! # The way of a notification
//!
//! `feed` gives what was committed, in order; `subscriptions` says who is to be told of it, asking the queries of searches.
//!
//! # The way of a read
//!
//! `view` finds a resource's number and row, opens the sealed body and copies version and time into it; `finding` does so
//! for what `search` found. No public function reads or writes a resource but those of [`Access`], and of [`Jobs`] for
//! what takes longer than a request: each knows its caller.
//!
//! Not for: HTTP, formats other than FHIR JSON, policy (`protect` decides), keys and files (`storage`).

mod access;
mod applier;
mod body;
mod codec;
mod committer;
mod core;
mod dangling;
mod error;
mod events;
mod export;
mod feed;
mod finding;
mod gate;
mod import;
mod jobs;
pub mod layout;
mod numbers;
mod parameters;
mod prepare;
mod queue;
mod record;
mod reindex;
mod replay;
mod row;
#[allow(unreachable_pub, reason = "search is written as a part with an edge of its own")]
mod search;
mod store;
mod subscriptions;
mod terminology;
mod types;
mod veil;
mod verify;
mod view;

pub use access::{
    Access, BUNDLE_ENTRIES_MAX, CHANGES_MAX, Document, EVERYTHING_COUNT_DEFAULT, EVERYTHING_COUNT_MAX,
    Erased, EverythingOptions, Found as SubscriptionEvents, Standing, Told, Validation, ValidationMode,
    WorkOut,
};
pub use access::{Job, apply_together};
pub use dangling::{Dangling, dangling};
pub use error::{Error, ErrorKind, Result};
pub use events::METRICS;
pub use export::{EXPORT_PATIENTS_MAX, ExportLevel, ExportOptions};
pub use feed::{Changes, Committed, FEED_CHANGES_MAX, Place};
pub use gate::Caller;
pub use import::{ImportInput, Importer, Inputs};
pub use jobs::{FileRole, FileWriter, JobFile, JobOptions, JobState, JobStatus, Jobs, Runner, Stop, Ticket};
pub use prepare::{RESOURCE_BYTES_MAX, TERMINOLOGY_BYTES_MAX};
pub use reindex::{Phase, Reindexing};
pub use storage::keys::{MaskKey, TenantId};
pub use store::{
    IndexStatus, Options, Parts, Progress, SpaceReport, Store, index_fits, index_status, rebuild, verify,
};
pub use subscriptions::{
    CHANGE_TOPICS, Channel, Criteria, Definition, EVENTS_KEPT_MAX, PayloadContent, Plan, SUBSCRIPTIONS_MAX,
    Subscribed, SubscriptionEvent, SubscriptionState, SubscriptionStatus, change_topic,
};
pub use terminology::LOADED_BYTES_MAX;
pub use types::{
    Applied, Change, Conditions, Effect, Expected, HISTORY_COUNT_DEFAULT, HISTORY_COUNT_MAX, Held,
    HistoryOptions, HistoryPage, HistoryTarget, Read, SearchEntry, SearchMode, SearchPage, Seen, Source,
    Versioned, Written,
};
pub use veil::{Veil, VeilSubject, Veiled, Veiling};
