//! The ordered key-value index that is derived from the log.
//!
//! An engine holds up to [`SPACES_MAX`] numbered [`Space`]s, each an ordered map from keys to values. It answers point
//! reads and range scans in both directions, takes atomic batches over all its spaces, and gives snapshots.
//!
//! It is *not* the truth and is written without fsync. What it promises after a crash is weaker and enough: its content is
//! that after some prefix of the batches written, never half of one. A caller who stores the log position in each batch
//! therefore knows from where to replay.
//!
//! Two implementations: [`FjallEngine`] on disk and [`MemoryEngine`]; both pass [`crate::testing::engine_suite`].

mod batch;
mod bytes;
mod fjall_engine;
mod memory;
mod range;

pub use batch::{Batch, Operation};
pub use bytes::Bytes;
pub use fjall_engine::{FjallEngine, FjallOptions};
pub use memory::MemoryEngine;
pub use range::{Direction, KeyRange};

use crate::ErrorKind;

/// Most spaces an engine can have.
pub const SPACES_MAX: usize = 16;

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Longest value in bytes.
pub const VALUE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A space by its place in the list handed to `open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub u8);

/// What a space is used for; engines tune themselves by it. It never changes what a call answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceUse {
    /// Read by whole key, often for keys that are not there: every level has a filter, so that a miss costs no disk read.
    Lookup,
    /// Read by whole key, nearly always for keys that are there, with values that are compressed and sealed already (so
    /// compressing them again only costs time).
    Bodies,
    /// Many small keys, mostly without values, read by range.
    Postings,
    /// A few keys that are read and written again and again.
    Counters,
}

/// One space: its lasting name, and what it is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceSpec {
    /// Name on disk: 1 to 64 of `a-z`, `0-9`, `_`. The order of the list may change between starts, the name may not.
    pub name: &'static str,
    /// What it is used for.
    pub used_for: SpaceUse,
}

/// Iterator over the pairs of a range. It sees the state at the moment of the call that made it. After an error it ends.
pub type Scan = Box<dyn Iterator<Item = Result<(Bytes, Bytes), EngineError>> + Send>;

/// Reads of one state: of a snapshot, or of the newest state at each call.
pub trait Reader: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// [`EngineError::Io`] or [`EngineError::Corrupt`] from the disk, [`EngineError::UnknownSpace`].
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Whether a key is there; cheaper than [`Reader::get`] where the value is large.
    ///
    /// # Errors
    /// As [`Reader::get`].
    fn contains(&self, space: Space, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.get(space, key)?.is_some())
    }

    /// The pairs of a range in the order of their keys' bytes, or in the reverse order. Nothing is read before the first
    /// `next`, and no more than a block ahead, so a caller that stops early pays little.
    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Scan;
}

/// An index engine. As a [`Reader`] it answers from the newest state; two calls may see different states: take a
/// [`Engine::snapshot`] where that matters.
pub trait Engine: Reader {
    /// Applies a batch to all its spaces at once: no snapshot and no restart ever shows a part of it. The last operation on a
    /// key wins. Not durable on return; a crash loses some of the newest batches, whole.
    ///
    /// Blocks while the engine has more unwritten data than its bounds allow.
    ///
    /// # Errors
    /// [`EngineError::TooLarge`] and [`EngineError::UnknownSpace`] before anything is applied; [`EngineError::Io`] and
    /// [`EngineError::Poisoned`] when the engine cannot go on: reopen it.
    fn write(&self, batch: Batch) -> Result<(), EngineError>;

    /// The state as it is now, unchanged by later writes for as long as the snapshot lives. Cheap to make; a snapshot held
    /// for long keeps old values on disk.
    fn snapshot(&self) -> Box<dyn Reader>;

    /// Makes all batches written so far durable.
    ///
    /// # Errors
    /// [`EngineError::Io`]; the engine refuses further writes after it.
    fn sync(&self) -> Result<(), EngineError>;

    /// The spaces, in the order of their numbers.
    fn spaces(&self) -> &[SpaceSpec];

    /// What the engine takes up now.
    fn footprint(&self) -> Footprint;
}

/// What an engine takes up, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes on disk, journals included; 0 for an engine in memory.
    pub disk_bytes: u64,
    /// Bytes written but not yet in their final files.
    pub write_buffer_bytes: u64,
    /// Bytes of cached blocks.
    pub cache_bytes: u64,
}

/// Why an engine refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The operating system refused a read or a write.
    #[error("the index could not be read or written")]
    Io(#[source] std::io::Error),
    /// The files are damaged, or not of this engine's version. The index is derived: destroy it and rebuild it.
    #[error("the index is damaged ({what}); rebuild it from the log")]
    Corrupt {
        /// What was found, in the engine's words; never a key or a value.
        what: String,
    },
    /// Another process, or another engine of this one, has the folder open.
    #[error("the index folder is in use by another process")]
    Locked,
    /// An earlier write failed. Reopen the engine; it comes back as of some earlier batch.
    #[error("the index refuses writes after an earlier failure; restart to recover it")]
    Poisoned,
    /// A key or value over its bound.
    #[error("a {what} of {len_bytes} bytes is over the limit of {limit_bytes}")]
    TooLarge {
        /// `key` or `value`.
        what: &'static str,
        /// Its length.
        len_bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// A space that was not in the list at open.
    #[error("the index has no space number {0}")]
    UnknownSpace(u8),
    /// The list of spaces at open is no good.
    #[error("the list of index spaces is wrong: {0}")]
    Spaces(&'static str),
}

impl EngineError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(_) | Self::Locked | Self::Poisoned => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::UnknownSpace(_) | Self::Spaces(_) => ErrorKind::Internal,
        }
    }
}

/// Refuses lists that no engine could open again.
fn check_spaces(spaces: &[SpaceSpec]) -> Result<(), EngineError> {
    let good = |name: &str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if spaces.len() > SPACES_MAX {
        return Err(EngineError::Spaces("there are more than 16"));
    }
    if !spaces.iter().all(|space| good(space.name)) {
        return Err(EngineError::Spaces(
            "a name is empty, too long or has other characters than a-z, 0-9, _",
        ));
    }
    let mut names: Vec<_> = spaces.iter().map(|space| space.name).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() != spaces.len() {
        return Err(EngineError::Spaces("a name stands twice"));
    }
    Ok(())
}
