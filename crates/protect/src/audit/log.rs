//! The audit log, open for recording.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use storage::clock::Clock;
use storage::disk::{Disk, File, LockGuard};
use storage::keys::{DataKey, KeyRing, Signer, TenantId};
use storage::seal;

use super::list::{self, Filter};
use super::merkle::{FullTile, Hash, Tree};
use super::note::{Checkpoint, NoteKey};
use super::rows;
use super::spool;
use super::{AuditError, Event};

pub(super) mod recover;
mod sync;

/// Bytes after which a new segment of rows is begun.
const SEGMENT_BYTES: u64 = 32 * 1024 * 1024;
/// How often, while nothing is recorded, a look is taken at what else there is to do.
const TICK: Duration = Duration::from_secs(1);
pub(super) const AAD: &[&[u8]] = &[b"audit row"];

/// How an audit log is kept.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// Whether [`AuditLog::record`] waits until the row is on the disk.
    pub strict: bool,
    /// The longest time between the writing of a row and its fsync.
    pub sync_interval_ms: u64,
    /// How often, while there is work, the checkpoint is added to the history of checkpoints.
    pub history_interval_ms: u64,
    /// Whether a thread of the log does the syncing. Without it, in tests of single steps, [`AuditLog::sync`] does.
    pub background: bool,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { strict: false, sync_interval_ms: 100, history_interval_ms: 30_000, background: true }
    }
}

/// What a recorded event became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The row, counted from 0.
    pub index: u64,
    /// Its RFC 6962 leaf hash.
    pub leaf: [u8; 32],
}

/// Records events. Shared between threads; one process at a time.
///
/// Dropping it syncs what is left.
pub struct AuditLog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    _lock: Box<dyn LockGuard>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<DataKey>,
    signer: Signer,
    note_key: NoteKey,
    clock: Arc<dyn Clock>,
    options: AuditOptions,
    state: Mutex<State>,
    /// There is something to sync, or the log is closed.
    woken: Condvar,
    /// A sync ended.
    synced: Condvar,
    /// Taken by whoever syncs; never while `state` is held.
    syncer: Mutex<sync::Syncer>,
    /// Files of the spool whose events are in the log and which could not be removed.
    spooled: Mutex<HashSet<PathBuf>>,
}

struct State {
    tree: Tree,
    segment: Segment,
    /// Segments that ended since the last sync.
    ended: Vec<Segment>,
    /// Tiles that became full since the last sync.
    tiles: Vec<FullTile>,
    /// Rows that are on the disk, and how the last of them ends.
    durable: u64,
    poisoned: bool,
    closing: bool,
    /// Whether the thread waits for the first row.
    idle: bool,
}

#[derive(Clone)]
struct Segment {
    file: Arc<dyn File>,
    end: u64,
    /// Bytes of it that are durable.
    durable_end: u64,
}

impl AuditLog {
    /// Opens the log in a folder, which is made if needed. Rows that were written and not synced before a crash are taken
    /// in as far as they are whole; the torn rest is cut; tiles and checkpoint are brought up to the rows.
    ///
    /// # Errors
    /// [`AuditError::OtherKey`], [`AuditError::Cut`], [`AuditError::Altered`] or [`AuditError::Damaged`] if the rows are not those that were signed
    /// for: nothing is changed then. [`AuditError::Locked`], [`AuditError::Io`], [`AuditError::Key`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        ring: &KeyRing,
        clock: Arc<dyn Clock>,
        options: AuditOptions,
    ) -> Result<Self, AuditError> {
        disk.create_dir_all(&rows::folder(dir))?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => AuditError::Locked,
            _ => error.into(),
        })?;
        let signer = ring.signer(TenantId::SYSTEM, "audit checkpoints")?;
        let note_key = note_key(ring)?;
        let recovered = recover::recover(disk.as_ref(), dir, &note_key)?;
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_owned(),
            key: ring.general_key(TenantId::SYSTEM)?,
            signer,
            note_key,
            clock,
            options,
            syncer: Mutex::new(sync::Syncer::default()),
            spooled: Mutex::default(),
            state: Mutex::new(State {
                durable: recovered.tree.size(),
                tree: recovered.tree,
                segment: recovered.segment,
                ended: Vec::new(),
                tiles: recovered.tiles,
                poisoned: false,
                closing: false,
                idle: false,
            }),
            woken: Condvar::new(),
            synced: Condvar::new(),
        });
        shared.settle_now()?;
        shared.take_spool()?;
        let thread = match shared.options.background {
            false => None,
            true => {
                let shared = Arc::clone(&shared);
                let name = String::from("audit-sync");
                Some(std::thread::Builder::new().name(name).spawn(move || shared.run())?)
            }
        };
        Ok(Self { shared, thread, _lock: lock })
    }

    /// Records an event: it is in the file when this returns, and on the disk within the interval (in strict mode: when
    /// this returns).
    ///
    /// # Errors
    /// [`AuditError::Io`], [`AuditError::Poisoned`], [`AuditError::TooLong`]. What was to be shown must then not be shown.
    pub fn record(&self, event: &Event) -> Result<Receipt, AuditError> {
        let shared = &self.shared;
        let (frame, leaf) = shared.frame(event)?;
        let index = shared.write(&frame, leaf)?;
        if shared.options.strict {
            shared.wait_durable(index)?;
        }
        Ok(Receipt { index, leaf })
    }

    /// Makes all rows durable and signs a checkpoint over them, now.
    ///
    /// # Errors
    /// [`AuditError::Io`], [`AuditError::Poisoned`].
    pub fn sync(&self) -> Result<(), AuditError> {
        self.shared.sync_now()
    }

    /// As [`Self::sync`]; and tiles and the history of checkpoints too.
    ///
    /// # Errors
    /// [`AuditError::Io`], [`AuditError::Poisoned`].
    pub fn settle(&self) -> Result<(), AuditError> {
        self.shared.settle_now()
    }

    /// Size and root of the tree as it is now, rows included that are not durable yet.
    pub fn head(&self) -> Checkpoint {
        let state = self.shared.state.lock();
        let (size, root) = (state.tree.size(), state.tree.root());
        let origin = self.shared.note_key.name().to_owned();
        Checkpoint { origin, size, root, time_ms: self.shared.clock.now_ms() }
    }

    /// Whether rows can still be recorded.
    pub fn is_healthy(&self) -> bool {
        !self.shared.state.lock().poisoned
    }

    /// The public key: hand it to the auditor.
    pub fn key(&self) -> &NoteKey {
        &self.shared.note_key
    }

    /// Events that a filter wants, opened. Rows that are written while it runs may be missing.
    ///
    /// # Errors
    /// Those of [`list`](super::list()).
    pub fn list(&self, filter: &Filter) -> Result<Vec<(u64, Event)>, AuditError> {
        list::list_with(self.shared.disk.as_ref(), &self.shared.dir, &self.shared.key, filter)
    }
}

/// The public key of a data folder's audit log, from the folder's keys.
fn note_key(ring: &KeyRing) -> Result<NoteKey, AuditError> {
    let [a, b, c, d, ..] = ring.mac_key(TenantId::SYSTEM, "audit name")?.mac(b"");
    let name = format!("ward/{}", hex::encode([a, b, c, d]));
    Ok(NoteKey::new(name, ring.signer(TenantId::SYSTEM, "audit checkpoints")?.verifying_key()))
}

impl NoteKey {
    /// The public key that belongs to a key ring.
    ///
    /// # Errors
    /// [`AuditError::Key`].
    pub fn of_ring(ring: &KeyRing) -> Result<Self, AuditError> {
        note_key(ring)
    }
}

impl Shared {
    /// Writes one frame; gives its index.
    fn write(&self, frame: &[u8], leaf: Hash) -> Result<u64, AuditError> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.poisoned {
            return Err(AuditError::Poisoned);
        }
        if state.segment.end >= SEGMENT_BYTES {
            let file = rows::begin(self.disk.as_ref(), &self.dir, state.tree.size())?;
            let segment =
                Segment { file: file.into(), end: rows::HEADER_BYTES, durable_end: rows::HEADER_BYTES };
            state.ended.push(std::mem::replace(&mut state.segment, segment));
        }
        // What a failed write leaves behind the end is overwritten by the next row, or cut at the next start.
        state.segment.file.write_at(state.segment.end, frame)?;
        state.segment.end += frame.len() as u64;
        let index = state.tree.size();
        state.tree.append(leaf, &mut state.tiles);
        if state.idle {
            state.idle = false;
            self.woken.notify_one();
        }
        Ok(index)
    }

    fn wait_durable(&self, index: u64) -> Result<(), AuditError> {
        if !self.options.background {
            return self.sync_now();
        }
        let mut state = self.state.lock();
        while state.durable <= index {
            if state.poisoned {
                return Err(AuditError::Poisoned);
            }
            self.synced.wait(&mut state);
        }
        Ok(())
    }

    /// The thread: waits for the first row, lets more join it, syncs.
    fn run(&self) {
        let gather = if self.options.strict { 0 } else { self.options.sync_interval_ms / 2 };
        loop {
            let mut state = self.state.lock();
            let mut quiet = false;
            while state.tree.size() == state.durable && !state.closing && !quiet {
                state.idle = true;
                quiet = self.woken.wait_for(&mut state, TICK).timed_out();
            }
            state.idle = false;
            if !state.closing && !quiet && gather > 0 {
                self.woken.wait_for(&mut state, Duration::from_millis(gather));
            }
            let (closing, poisoned) = (state.closing, state.poisoned);
            drop(state);
            if poisoned {
                return; // it was logged when it happened
            }
            let result = if closing {
                self.settle_now()
            } else if quiet {
                self.take_spool().and_then(|()| self.settle_if_due())
            } else {
                self.sync_or_settle()
            };
            if let Err(error) = result {
                tracing::error!(error = %Chain(&error), "the audit log could not be synced");
            }
            if closing {
                return;
            }
        }
    }

    /// Records what commands left beside the log while it was open here.
    fn take_spool(&self) -> Result<(), AuditError> {
        let mut known = self.spooled.lock();
        let mut taken = spool::waiting(self.disk.as_ref(), &self.dir, &self.key)?;
        taken.retain(|(path, _)| !known.contains(path));
        if taken.is_empty() {
            return Ok(());
        }
        for (_, event) in &taken {
            let (frame, leaf) = self.frame(event)?;
            self.write(&frame, leaf)?;
        }
        self.sync_now()?;
        // Should removing fail, they are not to be taken in again each second.
        known.extend(taken.iter().map(|(path, _)| path.clone()));
        spool::remove(self.disk.as_ref(), &self.dir, &taken)?;
        known.clear();
        Ok(())
    }

    fn frame(&self, event: &Event) -> Result<(Vec<u8>, Hash), AuditError> {
        let mut plain = Vec::with_capacity(256);
        event.write(&mut plain);
        if plain.len() + seal::OVERHEAD_BYTES > rows::ROW_BYTES_MAX {
            return Err(AuditError::TooLong { bytes: plain.len() });
        }
        let mut frame = rows::reserve(plain.len() + seal::OVERHEAD_BYTES);
        seal::seal_into(&self.key, AAD, &plain, &mut frame);
        let leaf = rows::finish_frame(&mut frame);
        Ok((frame, leaf))
    }
}

/// An error with its causes.
struct Chain<'a>(&'a AuditError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.woken.notify_one();
        match self.thread.take() {
            Some(thread) => drop(thread.join()),
            None => {
                if let Err(error) = self.shared.settle_now() {
                    tracing::error!(error = %Chain(&error), "the audit log could not be synced");
                }
            }
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.shared.state.lock().tree.size();
        f.debug_struct("AuditLog").field("rows", &size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod walk;
