//! Syncing: rows to the disk, then the checkpoint; from time to time tiles and history too.
//!
//! Order matters. A checkpoint is written only after the fsync of the rows that it signs for; so a checkpoint that names
//! more rows than there are cannot come from a crash. It is itself written without fsync (a rename): after a loss of power an
//! older one may stand there, or a broken one, and then the history, which is synced, has the newest that counts.
//!
//! A failed fsync poisons the log. Another error (a full disk) does not: what could not be written is written later.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use storage::disk::{self, File, OpenMode};

use super::{AuditError, Segment, Shared, State};
use crate::audit::merkle::{FullTile, Tree};
use crate::audit::{rows, tiles};
use crate::events;

/// The newest checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Checkpoints of earlier times, each followed by an empty line.
pub(super) const HISTORY: &str = "checkpoints";
/// The public key in the form of a signed note's verifier key, for convenience: an auditor keeps a copy elsewhere.
pub(super) const VERIFIER: &str = "verifier";

/// What the one who syncs remembers.
#[derive(Default)]
pub(super) struct Syncer {
    /// Tiles to write.
    waiting: Vec<FullTile>,
    /// Tiles written and not synced.
    written: Vec<(u8, u64)>,
    /// Rows that the newest entry of the history names; `None` if that is not known.
    settled: Option<u64>,
    settled_at: Option<Instant>,
}

/// The state at one moment, to be made durable.
struct Taken {
    tree: Tree,
    ended: Vec<Segment>,
    segment: Segment,
    tiles: Vec<FullTile>,
}

impl Shared {
    pub(super) fn sync_now(&self) -> Result<(), AuditError> {
        self.sync_rows(&mut self.syncer.lock()).map(drop)
    }

    pub(super) fn settle_now(&self) -> Result<(), AuditError> {
        let mut syncer = self.syncer.lock();
        let tree = self.sync_rows(&mut syncer)?;
        self.settle(&mut syncer, &tree)
    }

    pub(super) fn sync_or_settle(&self) -> Result<(), AuditError> {
        let mut syncer = self.syncer.lock();
        let tree = self.sync_rows(&mut syncer)?;
        let interval = Duration::from_millis(self.options.history_interval_ms);
        let due = syncer.settled_at.is_none_or(|at| at.elapsed() >= interval);
        if due { self.settle(&mut syncer, &tree) } else { Ok(()) }
    }

    /// For quiet times: settles once the interval is over, if there is anything to settle.
    pub(super) fn settle_if_due(&self) -> Result<(), AuditError> {
        let interval = Duration::from_millis(self.options.history_interval_ms);
        let durable = self.state.lock().durable;
        let syncer = self.syncer.lock();
        let due = syncer.settled_at.is_none_or(|at| at.elapsed() >= interval);
        let needed = syncer.settled != Some(durable);
        drop(syncer);
        if due && needed { self.settle_now() } else { Ok(()) }
    }

    fn take(&self) -> Result<Taken, AuditError> {
        let mut state = self.state.lock();
        if state.poisoned {
            return Err(AuditError::Poisoned);
        }
        Ok(Taken {
            tree: state.tree.clone(),
            ended: std::mem::take(&mut state.ended),
            segment: state.segment.clone(),
            tiles: std::mem::take(&mut state.tiles),
        })
    }

    fn sync_rows(&self, syncer: &mut Syncer) -> Result<Tree, AuditError> {
        let taken = self.take()?;
        let begun = Instant::now();
        let segments = || taken.ended.iter().chain([&taken.segment]);
        if let Err(error) = segments().try_for_each(|segment| segment.file.sync()) {
            self.poison();
            events::audit_sync_failed();
            // The kernel may show these rows to the next process although they will never reach the disk, and that process
            // would sign for them.
            for segment in segments() {
                let _ = segment.file.set_len(segment.durable_end);
            }
            return Err(error.into());
        }
        events::audit_synced(begun.elapsed());
        self.mark_durable(&taken);
        syncer.waiting.extend(taken.tiles);
        self.write_checkpoint(&taken.tree)?;
        while let Some(tile) = syncer.waiting.first() {
            tiles::write(self.disk.as_ref(), &self.dir, tile)?;
            syncer.written.push((tile.level, tile.index));
            syncer.waiting.remove(0);
        }
        Ok(taken.tree)
    }

    fn mark_durable(&self, taken: &Taken) {
        let mut state = self.state.lock();
        events::audit_rows_synced(taken.tree.size() - state.durable);
        state.durable = taken.tree.size();
        // The segment may have ended meanwhile; it is the same file still.
        let State { segment, ended, .. } = &mut *state;
        for other in ended.iter_mut().chain([segment]) {
            if Arc::ptr_eq(&other.file, &taken.segment.file) {
                other.durable_end = taken.segment.end;
            }
        }
        drop(state);
        self.synced.notify_all();
    }

    fn poison(&self) {
        self.state.lock().poisoned = true;
        self.synced.notify_all();
    }

    fn or_poison<T>(&self, synced: io::Result<T>) -> io::Result<T> {
        if synced.is_err() {
            self.poison();
        }
        synced
    }

    fn note(&self, tree: &Tree) -> String {
        self.note_key.sign(&self.signer, tree.size(), &tree.root(), self.clock.now_ms())
    }

    fn write_checkpoint(&self, tree: &Tree) -> io::Result<()> {
        let temporary = self.dir.join("checkpoint.new");
        let file = self.disk.open(&temporary, OpenMode::OpenOrCreate)?;
        file.set_len(0)?;
        file.write_at(0, self.note(tree).as_bytes())?;
        drop(file);
        self.disk.rename(&temporary, &self.dir.join(CHECKPOINT))
    }

    /// Makes durable all that follows from the rows, and adds the checkpoint to the history.
    fn settle(&self, syncer: &mut Syncer, tree: &Tree) -> Result<(), AuditError> {
        syncer.settled_at = Some(Instant::now());
        if syncer.settled == Some(tree.size()) {
            return Ok(());
        }
        let disk = self.disk.as_ref();
        for (level, index) in &syncer.written {
            self.or_poison(tiles::sync(disk, &self.dir, *level, *index))?;
        }
        syncer.written.clear();
        tiles::write_partial(disk, &self.dir, tree)?;
        let note = self.note(tree);
        disk::write_durably(disk, &self.dir.join(CHECKPOINT), note.as_bytes())?;
        if syncer.settled.is_none() {
            disk::write_durably(disk, &self.dir.join(VERIFIER), format!("{}\n", self.note_key).as_bytes())?;
        }
        let history = disk.open(&self.dir.join(HISTORY), OpenMode::OpenOrCreate)?;
        let end = history.len()?;
        if let Err(error) = history.write_at(end, format!("{note}\n").as_bytes()) {
            history.set_len(end)?;
            return Err(error.into());
        }
        let synced = history.sync().and_then(|()| disk.sync_dir(&self.dir));
        if synced.is_err() {
            let _ = history.set_len(end);
        }
        self.or_poison(synced)?;
        syncer.settled = Some(tree.size());
        Ok(())
    }
}

/// The segment to go on with after a start.
pub(super) fn recovered_segment(file: Box<dyn File>, end: u64) -> Segment {
    let end = end.max(rows::HEADER_BYTES);
    Segment { file: file.into(), end, durable_end: end }
}
