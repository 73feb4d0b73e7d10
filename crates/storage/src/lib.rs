//! Sealed bytes on disk: keys, log, index engine, object archive, snapshots.
//!
//! This crate knows bytes, keys and names. It has never heard of FHIR, of HTTP or of patients, and nothing leaves it
//! unsealed to a disk.
//!
//! - [`disk`]: the only way to files; [`fault`] is the same door over a disk that fails on command.
//! - [`log`]: the ordered, durable sequence of sealed records: the truth.
//! - [`engine`]: the ordered key-value index that is derived from the log and may be lost at any time.
//! - [`testing`]: behaviour suites which every log and every engine must pass.

pub mod disk;
pub mod seal;
