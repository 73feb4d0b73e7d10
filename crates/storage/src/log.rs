//! The log: an ordered sequence of sealed records, and the truth.
//!
//! A log is compare-and-append: a writer hands in records and the number that it believes to be next. When the call
//! returns, the records are durable; or the writer lost to another one and must look again. Records are numbered from 1
//! without gaps and are never changed.
//!
//! [`FileLog`] is the embedded home: append-only segment files. [`MemoryLog`] keeps records in memory, for tests. Both pass
//! [`crate::testing::log_suite`].

mod file;
mod memory;
mod segment;

pub use file::{FileLog, FileLogOptions};
pub use memory::MemoryLog;

use std::fmt;

use crate::ErrorKind;
use crate::seal::Sealed;

/// Longest record in bytes, sealed.
pub const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Number of a record. The first record has number 1; 0 stands for "before all".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before all records: the applied position of an empty index.
    pub const ZERO: Self = Self(0);
    /// The first record.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number `count` after this one.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// An ordered, durable sequence of sealed records.
pub trait Log: Send + Sync {
    /// The number that the next record will bear, as far as this node knows.
    fn next(&self) -> Seq;

    /// Appends records if `expected` is the next number, and returns the number of the first, which is `expected`. All are
    /// durable on return. After a crash during the call some of the first records may be there, each one whole.
    ///
    /// No records: nothing happens, but a wrong `expected` is still refused.
    ///
    /// # Errors
    /// After [`LogError::LostRace`], [`LogError::Full`] and [`LogError::TooLarge`] the log is as before, none of the records
    /// is in it or will come back, and a later append may succeed. After [`LogError::Io`] and [`LogError::Poisoned`] it is unknown whether
    /// the records survive: the log refuses all further calls until it is opened anew.
    fn append(&self, expected: Seq, records: &[Sealed]) -> Result<Seq, LogError>;

    /// Reads records from `from` on, in order, until a limit is reached; the first one is given even if it alone is longer
    /// than `limit.bytes_max`. Empty if there is no record at or after `from`. [`Seq::ZERO`] reads as [`Seq::FIRST`].
    ///
    /// # Errors
    /// [`LogError::Corrupt`], [`LogError::Io`], [`LogError::Poisoned`].
    fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<(Seq, Sealed)>, LogError>;
}

/// How much one [`Log::read`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// Most records.
    pub records_max: usize,
    /// Most bytes of records together, but for a longer first one.
    pub bytes_max: usize,
}

impl Default for ReadLimit {
    /// 1,024 records, 8 MiB.
    fn default() -> Self {
        Self { records_max: 1024, bytes_max: 8 * 1024 * 1024 }
    }
}

/// Why a log refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Another writer appended first, or the caller counted wrong: look again from `next`.
    #[error("another writer was faster: the next record of the log is {next}")]
    LostRace {
        /// The number that is really next.
        next: Seq,
    },
    /// The disk is full. Nothing was written.
    #[error("the disk is full; nothing was written")]
    Full(#[source] std::io::Error),
    /// A record over [`RECORD_BYTES_MAX`].
    #[error("a record of {len_bytes} bytes is over the limit of {RECORD_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        len_bytes: usize,
    },
    /// The disk refused. It is unknown what it kept.
    #[error("the log could not be read or written")]
    Io(#[source] std::io::Error),
    /// An earlier write or fsync failed, so that what is on the disk is unknown. Restart to recover.
    #[error("the log refuses service after a failed write; restart to recover it")]
    Poisoned,
    /// A part that was once durable is damaged. Restore it from a backup; nothing was changed.
    #[error("log segment {segment} is damaged at byte {offset_bytes}: {what}")]
    Corrupt {
        /// File name of the segment.
        segment: String,
        /// Where in the file.
        offset_bytes: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The folder holds a log of another tenant or partition, or of a newer version.
    #[error("log segment {segment} does not belong here: {what}")]
    Foreign {
        /// File name of the segment.
        segment: String,
        /// What differs.
        what: &'static str,
    },
    /// Another process, or another log of this one, has the folder open.
    #[error("the log is in use by another process")]
    Locked,
}

impl LogError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::LostRace { .. } => ErrorKind::Conflict,
            Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::Full(_) | Self::Io(_) | Self::Poisoned | Self::Locked => ErrorKind::Unavailable,
            Self::Corrupt { .. } | Self::Foreign { .. } => ErrorKind::Corrupt,
        }
    }
}
