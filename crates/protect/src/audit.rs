//! The audit log: one event a request, with what was shown.
//!
//! - [`Event`]: who did what to which resources, why, from where, with which outcome.
//! - [`AuditLog`]: records events: sealed rows, a Merkle tree over them, signed checkpoints.
//! - [`verify`]: finds altered, removed, swapped and cut rows; needs the public key only.
//!
//! Source: 45 CFR 164.312(b), (c)(1); RFC 6962, section 2.1; C2SP tlog-tiles, tlog-checkpoint, signed-note.
//! `docs/internals/audit.md` has the layout of the files and what they prove.

use std::io;

use storage::keys::KeyError;
use storage::seal::SealError;

mod event;
mod list;
mod log;
mod merkle;
mod note;
mod rows;
mod spool;
mod tiles;
mod verify;

pub use event::{Action, Entity, Event, Outcome};
pub use list::{Filter, list};
pub use log::{AuditLog, AuditOptions, Receipt};
pub use note::{Checkpoint, NoteError, NoteKey};
pub use spool::record_once;
pub use verify::{Problem, Report, verify};

/// Why the audit log cannot go on. A caller that cannot record must not show anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Reading or writing a file failed.
    #[error("a file of the audit log could not be read or written")]
    Io(#[from] io::Error),
    /// An earlier write or sync failed; nothing more is recorded until a restart.
    #[error("an earlier write of the audit log failed: restart to go on")]
    Poisoned,
    /// The log holds fewer rows than its last checkpoint signed for.
    #[error("the audit log was cut: its checkpoint names {signed} rows, {found} are there")]
    Cut {
        /// Rows in the newest signed checkpoint.
        signed: u64,
        /// Rows found.
        found: u64,
    },
    /// The rows are not those that the checkpoint was signed for.
    #[error("the audit log was altered: its rows do not lead to the root that was signed for {size} rows")]
    Altered {
        /// Rows in the checkpoint.
        size: u64,
    },
    /// Another process writes this audit log.
    #[error("another process has the audit log open")]
    Locked,
    /// The checkpoints that stand there were not signed with the keys of this data folder.
    #[error("the checkpoints of the audit log were not signed with these keys")]
    OtherKey,
    /// A row that was signed for does not read.
    #[error("row {index} of the audit log is damaged")]
    Damaged {
        /// The row.
        index: u64,
    },
    /// The keys are not to be had.
    #[error("the keys of the audit log are not to be had")]
    Key(#[from] KeyError),
    /// A row does not open.
    #[error("a row of the audit log does not open")]
    Seal(#[from] SealError),
    /// A row opened, but is of no shape that this version knows.
    #[error("row {index} is of no known shape")]
    Row {
        /// The row.
        index: u64,
    },
    /// An event with more in it than a row may hold.
    #[error("an event of {bytes} bytes is longer than a row may be")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}
