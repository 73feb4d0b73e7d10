//! Sealed bytes on disk: keys, log, index engine, object archive, snapshots.
//!
//! This crate knows bytes, keys and names. It has never heard of FHIR, of HTTP or of patients, and nothing leaves it
//! unsealed to a disk.
//!
//! - [`disk`]: the only way to files; [`fault`] is the same door over a disk that fails on command.
//! - [`log`]: the ordered, durable sequence of sealed records: the truth.
//! - [`engine`]: the ordered key-value index that is derived from the log and may be lost at any time.
//! - [`clock`]: time and randomness as handles.
//! - [`keys`]: root key, tenant keys, data keys, index keys; the only module that names a cryptography crate.
//! - [`seal`]: the envelope of everything that is written.
//! - [`archive`]: raw messages, each once, under names that say nothing.
//! - [`shelf`]: small sealed values that change, and sealed files, beside the log: jobs, cursors, exports.
//! - [`snapshot`]: a copy of the index as of one log position, in one sealed file.
//! - [`testing`]: behaviour suites which every log and every engine must pass.

pub mod archive;
pub mod clock;
pub mod disk;
pub mod engine;
pub mod fault;
pub mod keys;
pub mod log;
pub mod seal;
pub mod shelf;
pub mod snapshot;
pub mod testing;

/// What a caller should do about an error of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Fix the request.
    Invalid,
    /// Look again and retry.
    Conflict,
    /// Retry later, or after a restart.
    Unavailable,
    /// Restore or rebuild.
    Corrupt,
    /// Report it: it is our mistake.
    Internal,
}
