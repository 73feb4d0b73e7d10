//! The engine on disk: fjall behind our traits. The only module that names it, but for [`super::Bytes`].
//!
//! How it is tuned, and why:
//! - A batch is handed to the operating system at once, so that `kill -9` loses none, and is not fsynced, so that a power
//!   loss may lose the newest ones. fjall syncs its journal before it writes any table, so what is left is a prefix.
//! - Never `clear()` and never key-value separation: both lost data in 2026. An engine is emptied by [`FjallEngine::destroy`].
//! - Memory is bounded by the memtables of all spaces, the block cache, and our own brake on the write buffer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fjall::config::{
    BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry,
};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

use super::{
    Batch, Bytes, Direction, Engine, EngineError, Footprint, KeyRange, Operation, Reader, Scan, Space,
    SpaceSpec, SpaceUse, check_spaces,
};
use crate::disk::{Disk, LockGuard, RealDisk};

const MIB: u64 = 1024 * 1024;

/// How often a writer that must wait looks again.
const BRAKE_STEP: Duration = Duration::from_millis(2);

/// Longest wait of one write for the write buffer to shrink. Then it goes on: fjall's own limits still hold.
const BRAKE_MAX: Duration = Duration::from_secs(10);

/// Where a new index is made, beside the one in use.
const FILLING: &str = "filling";
/// Where the old one goes when the new one takes its place.
const REPLACED: &str = "replaced";

/// Longest wait of a close for the memtables to be written out; what is not stays in the journal.
const CLOSE_MAX: Duration = Duration::from_secs(20);

/// How much memory and disk a [`FjallEngine`] may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FjallOptions {
    /// Blocks kept in memory.
    pub cache_bytes: u64,
    /// Unwritten data in memory over all spaces; writers wait above it. The share of each space is fixed when it is made.
    pub write_buffer_bytes_max: u64,
    /// Journals on disk; also bounds the time that opening after a crash takes. At least 64 MiB.
    pub journal_bytes_max: u64,
    /// Threads that write and merge tables; at least 1.
    pub worker_threads: usize,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 96 * MIB,
            write_buffer_bytes_max: 256 * MIB,
            journal_bytes_max: 64 * MIB,
            worker_threads: 2,
        }
    }
}

/// The index engine on disk.
pub struct FjallEngine {
    // Fields are dropped in this order: the lock goes last.
    keyspaces: Vec<Keyspace>,
    database: Database,
    spaces: Vec<SpaceSpec>,
    write_buffer_bytes_max: u64,
    _lock: Box<dyn LockGuard>,
}

impl FjallEngine {
    /// Opens the engine in this folder, and makes both if they are not there. Spaces that are new are made; ones that are not
    /// listed any more stay on disk, unseen.
    ///
    /// # Errors
    /// [`EngineError::Locked`], [`EngineError::Corrupt`] (destroy and rebuild), [`EngineError::Io`], [`EngineError::Spaces`].
    pub fn open(path: &Path, spaces: &[SpaceSpec], options: FjallOptions) -> Result<Self, EngineError> {
        Self::open_locked(path, spaces, options, lock(path)?)
    }

    fn open_locked(
        path: &Path,
        spaces: &[SpaceSpec],
        options: FjallOptions,
        lock: Box<dyn LockGuard>,
    ) -> Result<Self, EngineError> {
        check_spaces(spaces)?;
        for left_over in [FILLING, REPLACED] {
            RealDisk.remove_dir_all(&path.join(left_over)).map_err(EngineError::Io)?;
        }
        let home = home(path);
        // The files are derived and may be damaged in any way; a library that panics over them must not end the process.
        let opened = catch_unwind(AssertUnwindSafe(|| open_database(&home, spaces, options)));
        let opened = opened.unwrap_or_else(|_| {
            Err(EngineError::Corrupt { what: "the files made the engine panic".to_owned() })
        });
        let (database, keyspaces) = opened.map_err(in_disorder)?;
        Ok(Self {
            keyspaces,
            database,
            spaces: spaces.to_vec(),
            write_buffer_bytes_max: options.write_buffer_bytes_max,
            _lock: lock,
        })
    }

    /// Removes the engine of this folder with all it holds. The next [`FjallEngine::open`] begins with an empty one.
    ///
    /// # Errors
    /// [`EngineError::Locked`] while it is open; [`EngineError::Io`].
    pub fn destroy(path: &Path) -> Result<(), EngineError> {
        let _lock = lock(path)?;
        // Moved aside first: a crash leaves the whole index or none.
        let empty = || {
            RealDisk.remove_dir_all(&path.join(REPLACED))?;
            if RealDisk.exists(&home(path))? {
                RealDisk.rename(&home(path), &path.join(REPLACED))?;
                RealDisk.sync_dir(path)?;
            }
            RealDisk.remove_dir_all(&path.join(REPLACED))
        };
        empty().map_err(EngineError::Io)
    }

    /// Makes the index of this folder anew: `fill` writes a fresh engine, which takes the place of the old index only once it
    /// is whole and durable. A failure, or a crash at any moment, leaves the old index as it was, or (in the moment of the
    /// exchange) an empty one; never a part.
    ///
    /// # Errors
    /// What `fill` says, and those of [`FjallEngine::open`].
    pub fn fill<T, E: From<EngineError>>(
        path: &Path,
        spaces: &[SpaceSpec],
        options: FjallOptions,
        fill: impl FnOnce(&dyn Engine) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let lock = lock(path)?;
        let (aside, old) = (path.join(FILLING), path.join(REPLACED));
        RealDisk.remove_dir_all(&aside).map_err(EngineError::Io)?;
        let engine = Self::open(&aside, spaces, options)?;
        let filled = fill(&engine)?;
        engine.sync()?;
        drop(engine);
        let exchange = || {
            RealDisk.remove_dir_all(&old)?;
            if RealDisk.exists(&home(path))? {
                RealDisk.rename(&home(path), &old)?;
            }
            RealDisk.rename(&home(&aside), &home(path))?;
            RealDisk.sync_dir(path)
        };
        exchange().map_err(EngineError::Io)?;
        Ok((Self::open_locked(path, spaces, options, lock)?, filled))
    }

    fn keyspace(&self, space: Space) -> Result<&Keyspace, EngineError> {
        self.keyspaces.get(usize::from(space.0)).ok_or(EngineError::UnknownSpace(space.0))
    }

    /// Waits while too much is unwritten, so that an import without end keeps a flat footprint.
    fn brake(&self) {
        let mut waited = Duration::ZERO;
        while self.database.write_buffer_size() > self.write_buffer_bytes_max
            && self.database.outstanding_flushes() > 0
            && waited < BRAKE_MAX
        {
            std::thread::sleep(BRAKE_STEP);
            waited += BRAKE_STEP;
        }
    }
}

impl FjallEngine {
    /// Waits until what was in memory is in tables.
    fn wait_for_tables(&self) {
        let mut waited = Duration::ZERO;
        while self.database.outstanding_flushes() > 0 && waited < CLOSE_MAX {
            std::thread::sleep(BRAKE_STEP);
            waited += BRAKE_STEP;
        }
    }
}

impl Drop for FjallEngine {
    fn drop(&mut self) {
        // A clean stop loses nothing, and leaves no journal for the next start to read. If this fails, the next start
        // replays from the journal, or from the log.
        let synced = self.database.persist(PersistMode::SyncAll);
        let rotated = synced.and_then(|()| {
            self.keyspaces.iter().try_for_each(|keyspace| keyspace.rotate_memtable().map(|_| ()))
        });
        match rotated {
            Ok(()) => self.wait_for_tables(),
            Err(error) => tracing::warn!(%error, "the index could not be synced at its close"),
        }
    }
}

fn home(path: &Path) -> PathBuf {
    path.join("fjall")
}

fn lock(path: &Path) -> Result<Box<dyn LockGuard>, EngineError> {
    RealDisk.create_dir_all(path).map_err(EngineError::Io)?;
    RealDisk.lock(&path.join("lock")).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => EngineError::Locked,
        _ => EngineError::Io(error),
    })
}

/// A process that is killed while it makes or opens an engine leaves some of its files: what is then missing, there too
/// early or too short is damage of the files, and no trouble of the disk that could pass.
fn in_disorder(error: EngineError) -> EngineError {
    use std::io::ErrorKind::{AlreadyExists, InvalidData, NotFound, UnexpectedEof};
    match error {
        EngineError::Io(error)
            if matches!(error.kind(), AlreadyExists | InvalidData | NotFound | UnexpectedEof) =>
        {
            EngineError::Corrupt { what: format!("the engine's files are not whole: {error}") }
        }
        other => other,
    }
}

fn open_database(
    home: &Path,
    spaces: &[SpaceSpec],
    options: FjallOptions,
) -> Result<(Database, Vec<Keyspace>), EngineError> {
    let database = Database::builder(home)
        .cache_size(options.cache_bytes)
        // Large values are compressed and sealed before they come here.
        .journal_compression(CompressionType::None)
        .max_journaling_size(options.journal_bytes_max.max(64 * MIB))
        .worker_threads(options.worker_threads.max(1))
        .open()?;
    let keyspaces = spaces
        .iter()
        .map(|space| {
            database.keyspace(space.name, || create_options(space.used_for, options.write_buffer_bytes_max))
        })
        .collect::<Result<_, _>>()?;
    Ok((database, keyspaces))
}

fn create_options(used_for: SpaceUse, write_buffer_bytes: u64) -> KeyspaceCreateOptions {
    // A memtable is written out while the next one fills, so the shares stay well below the whole.
    let share = |of_64: u64| (write_buffer_bytes / 64 * of_64).max(MIB / 4);
    let bits = |bits| FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(bits));
    let plain = CompressionPolicy::all(CompressionType::None);
    let packed = CompressionPolicy::new([CompressionType::None, CompressionType::Lz4]);
    let options = KeyspaceCreateOptions::default();
    match used_for {
        SpaceUse::Lookup => options
            .max_memtable_size(share(4))
            .data_block_size_policy(BlockSizePolicy::all(4 * 1024))
            .filter_policy(FilterPolicy::all(bits(10.0)))
            .data_block_compression_policy(packed),
        SpaceUse::Bodies => options
            .max_memtable_size(share(6))
            .data_block_size_policy(BlockSizePolicy::all(4 * 1024))
            .filter_policy(FilterPolicy::all(bits(10.0)))
            .expect_point_read_hits(true)
            .data_block_compression_policy(plain),
        SpaceUse::Postings => options
            .max_memtable_size(share(12))
            .data_block_size_policy(BlockSizePolicy::all(16 * 1024))
            .filter_policy(FilterPolicy::disabled())
            .data_block_compression_policy(packed),
        SpaceUse::Counters => options
            .max_memtable_size(share(1))
            .data_block_size_policy(BlockSizePolicy::all(4 * 1024))
            .filter_policy(FilterPolicy::all(bits(10.0)))
            .data_block_compression_policy(plain),
    }
}

impl Reader for FjallEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.keyspace(space)?.get(key)?.map(Bytes::from_inner))
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.keyspace(space)?.contains_key(key)?)
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Scan {
        scan(&self.database.snapshot(), self.keyspace(space), range, direction)
    }
}

impl Engine for FjallEngine {
    fn write(&self, batch: Batch) -> Result<(), EngineError> {
        batch.check(self.keyspaces.len())?;
        if batch.is_empty() {
            return Ok(());
        }
        self.brake();
        let mut inner = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), batch.len())
            .durability(Some(PersistMode::Buffer));
        let mut operations = batch.into_operations();
        // In the order of keys each row finds its place near the last one's, with the way there still in the processor's
        // cache. The sort is stable: of operations on one key the last still wins.
        operations.sort_by(|(space, one), (other_space, other)| {
            space.0.cmp(&other_space.0).then_with(|| one.key().cmp(other.key()))
        });
        for (space, operation) in operations {
            let keyspace = self.keyspace(space)?;
            match operation {
                Operation::Put(key, value) => inner.insert(keyspace, key.into_inner(), value.into_inner()),
                Operation::Delete(key) => inner.remove(keyspace, key.into_inner()),
            }
        }
        Ok(inner.commit()?)
    }

    fn snapshot(&self) -> Box<dyn Reader> {
        Box::new(FjallSnapshot { snapshot: self.database.snapshot(), keyspaces: self.keyspaces.clone() })
    }

    fn sync(&self) -> Result<(), EngineError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn spaces(&self) -> &[SpaceSpec] {
        &self.spaces
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            disk_bytes: self.database.disk_space().unwrap_or_default(),
            write_buffer_bytes: self.database.write_buffer_size(),
            cache_bytes: self.database.cache_size(),
        }
    }
}

impl std::fmt::Debug for FjallEngine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FjallEngine").field("spaces", &self.spaces.len()).finish_non_exhaustive()
    }
}

struct FjallSnapshot {
    snapshot: Snapshot,
    keyspaces: Vec<Keyspace>,
}

impl FjallSnapshot {
    fn keyspace(&self, space: Space) -> Result<&Keyspace, EngineError> {
        self.keyspaces.get(usize::from(space.0)).ok_or(EngineError::UnknownSpace(space.0))
    }
}

impl Reader for FjallSnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.snapshot.get(self.keyspace(space)?, key)?.map(Bytes::from_inner))
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.snapshot.contains_key(self.keyspace(space)?, key)?)
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Scan {
        scan(&self.snapshot, self.keyspace(space), range, direction)
    }
}

fn scan(
    snapshot: &Snapshot,
    keyspace: Result<&Keyspace, EngineError>,
    range: KeyRange,
    direction: Direction,
) -> Scan {
    let keyspace = match keyspace {
        Ok(keyspace) => keyspace,
        Err(error) => return Box::new(std::iter::once(Err(error))),
    };
    // fjall's own ranges must not be turned round.
    if range.is_empty() {
        return Box::new(std::iter::empty());
    }
    let pairs = match range.end {
        Some(end) => snapshot.range(keyspace, range.start..end),
        None => snapshot.range(keyspace, range.start..),
    };
    Box::new(FjallScan { pairs: Some(pairs), direction })
}

struct FjallScan {
    /// None after the end or an error.
    pairs: Option<fjall::Iter>,
    direction: Direction,
}

impl Iterator for FjallScan {
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pairs = self.pairs.as_mut()?;
        let guard = match self.direction {
            Direction::Forward => pairs.next(),
            Direction::Reverse => pairs.next_back(),
        };
        let pair = guard.map(fjall::Guard::into_inner);
        if !matches!(pair, Some(Ok(_))) {
            self.pairs = None;
        }
        pair.map(|pair| match pair {
            Ok((key, value)) => Ok((Bytes::from_inner(key), Bytes::from_inner(value))),
            Err(error) => Err(error.into()),
        })
    }
}

impl From<fjall::Error> for EngineError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => Self::Io(error),
            fjall::Error::Locked => Self::Locked,
            fjall::Error::Poisoned => Self::Poisoned,
            // These name versions, tags and checksums, never keys or values.
            other => Self::Corrupt { what: other.to_string() },
        }
    }
}
