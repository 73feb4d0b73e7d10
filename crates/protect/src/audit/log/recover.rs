//! Opening: from the newest checkpoint of the history, whose tiles are durable, forward through the rows.

use std::io;
use std::path::Path;

use storage::disk::{Disk, OpenMode};

use super::sync::{CHECKPOINT, HISTORY, recovered_segment};
use super::{AuditError, Segment};
use crate::audit::merkle::{FullTile, Hash, Tree};
use crate::audit::note::{Checkpoint, NOTE_BYTES_MAX, NoteKey};
use crate::audit::{rows, tiles};

/// A checkpoint takes about 300 bytes; one each half minute makes 300 MB in a year of work without pause.
const HISTORY_BYTES_MAX: u64 = 1 << 32;
/// What is read of the history at a start: some hundred checkpoints.
const HISTORY_TAIL_BYTES: u64 = 64 * 1024;

pub(super) struct Recovered {
    pub(super) tree: Tree,
    pub(super) segment: Segment,
    /// Tiles to write again.
    pub(super) tiles: Vec<FullTile>,
}

/// The checkpoints that stand in a folder.
pub(in crate::audit) struct Signed {
    /// Those of the history, oldest first.
    pub(in crate::audit) history: Vec<Checkpoint>,
    /// The newest: `None` if there is no file of it, or no whole one.
    pub(in crate::audit) newest: Option<Checkpoint>,
    /// Entries of the history that do not read, but for those at its end, which are torn.
    pub(in crate::audit) unreadable: usize,
    /// Whether the file of the newest is there and does not read.
    pub(in crate::audit) newest_unreadable: bool,
    /// Where the last good entry of the history ends, and where the file does.
    history_end: u64,
    history_len: u64,
    /// Entries behind that end which are whole and do not read. A crash leaves one at most.
    history_bad: usize,
}

/// Reads the checkpoints: all of them, or those at the end of the history.
pub(in crate::audit) fn read_signed(
    disk: &dyn Disk,
    dir: &Path,
    key: &NoteKey,
    whole: bool,
) -> Result<Signed, AuditError> {
    let newest = rows::read_text(disk, &dir.join(CHECKPOINT), NOTE_BYTES_MAX)?;
    let opened = newest.map(|note| std::str::from_utf8(&note).ok().and_then(|note| key.open(note).ok()));
    let (start, bytes) = read_history(disk, dir, whole)?;
    let mut signed = Signed {
        history: Vec::new(),
        newest_unreadable: opened == Some(None),
        newest: opened.flatten(),
        unreadable: 0,
        history_end: start,
        history_len: start + bytes.len() as u64,
        history_bad: 0,
    };
    let (mut at, mut bad) = (0, 0);
    while let Some(length) = entry_length(bytes.get(at..).unwrap_or_default()) {
        let entry = bytes.get(at..at + length).unwrap_or_default();
        at += length;
        let note = entry.strip_suffix(b"\n").and_then(|note| std::str::from_utf8(note).ok());
        match note.and_then(|note| key.open(note).ok()) {
            None => bad += 1,
            Some(checkpoint) => {
                signed.history.push(checkpoint);
                signed.unreadable += std::mem::take(&mut bad);
                signed.history_end = start + at as u64;
            }
        }
    }
    signed.history_bad = bad;
    Ok(signed)
}

/// The history, or its end from the beginning of an entry on; and where that begins.
fn read_history(disk: &dyn Disk, dir: &Path, whole: bool) -> Result<(u64, Vec<u8>), AuditError> {
    let file = match disk.open(&dir.join(HISTORY), OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, Vec::new())),
        other => other?,
    };
    let len = file.len()?;
    let mut start = if whole { 0 } else { len.saturating_sub(HISTORY_TAIL_BYTES) };
    if len - start > HISTORY_BYTES_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
    }
    let mut bytes = vec![0; usize::try_from(len - start).unwrap_or(0)];
    file.read_exact_at(start, &mut bytes)?;
    if start > 0 {
        // An empty line that no signature follows stands between two entries.
        let signature = "— ".as_bytes();
        let between = |at: &usize| {
            bytes.get(*at..).is_some_and(|rest| {
                rest.strip_prefix(b"\n\n").is_some_and(|rest| !rest.starts_with(signature))
            })
        };
        let skip = (0..bytes.len()).find(between).map_or(bytes.len(), |at| at + 2);
        bytes.drain(..skip);
        start += skip as u64;
    }
    Ok((start, bytes))
}

/// Length of the first entry, the empty line after it included: text, empty line, signatures, empty line.
fn entry_length(bytes: &[u8]) -> Option<usize> {
    let blank = |from: usize| {
        let rest = bytes.get(from..)?;
        rest.windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2)
    };
    blank(blank(0)?)
}

impl Signed {
    /// The most rows that were ever signed for.
    pub(in crate::audit) fn largest(&self) -> Option<&Checkpoint> {
        self.history.iter().chain(&self.newest).max_by_key(|checkpoint| checkpoint.size)
    }
}

pub(super) fn recover(disk: &dyn Disk, dir: &Path, key: &NoteKey) -> Result<Recovered, AuditError> {
    let signed = read_signed(disk, dir, key, false)?;
    let segments = rows::segments(disk, dir)?;
    let mut tiles = Vec::new();
    let mut walk = Walk::begin(disk, dir, signed.history.last())?;
    let from = walk.from;
    let mut ended = walk.through(disk, dir, &segments, &signed, &mut |tile| {
        tiles.push(tile);
        Ok(())
    });
    if from > 0 && ended.is_err() {
        // A tile may be lost or damaged: the rows alone decide. Only when they agree are all tiles made again.
        tiles.clear();
        Walk::default().through(disk, dir, &segments, &signed, &mut |_| Ok(()))?;
        walk = Walk::default();
        ended = walk.through(disk, dir, &segments, &signed, &mut |tile| {
            tiles::write(disk, dir, &tile)?;
            Ok(tiles::sync(disk, dir, tile.level, tile.index)?)
        });
    }
    let last = ended?;
    let none_reads = signed.history.is_empty() && (signed.history_bad > 0 || signed.newest_unreadable);
    if signed.history_bad > 1 || (none_reads && walk.tree.size() > 0) {
        return Err(AuditError::OtherKey);
    }
    // From here on rows are changed: those that nobody signed for and that are not whole go.
    for first in segments.iter().rev().take_while(|first| last.is_none_or(|(last, _)| **first > last)) {
        rows::remove(disk, dir, *first)?;
    }
    // Rows of earlier segments may have been written by a process that was killed before its fsync.
    let kept = last.map_or(0, |(last, _)| last);
    let start = segments.partition_point(|first| *first <= from).saturating_sub(1);
    for first in segments.iter().skip(start).filter(|first| **first < kept) {
        disk.open(&rows::path(dir, *first), OpenMode::Write)?.sync()?;
    }
    let segment = match last {
        None => recovered_segment(rows::begin(disk, dir, 0)?, rows::HEADER_BYTES),
        Some((first, offset)) => recovered_segment(rows::cut(disk, dir, first, offset)?, offset),
    };
    if signed.history_end < signed.history_len {
        let history = disk.open(&dir.join(HISTORY), OpenMode::Write)?;
        history.set_len(signed.history_end)?;
        history.sync()?;
    }
    Ok(Recovered { tree: walk.tree, segment, tiles })
}

/// A walk through the rows that grows the tree.
#[derive(Default)]
struct Walk {
    tree: Tree,
    full: Vec<FullTile>,
    /// The first row whose leaf is not in the tree.
    from: u64,
}

impl Walk {
    /// Starts at the last full tile of leaves before a checkpoint, or at nothing if tiles are missing.
    fn begin(disk: &dyn Disk, dir: &Path, base: Option<&Checkpoint>) -> Result<Self, AuditError> {
        let Some(base) = base else { return Ok(Self::default()) };
        let Some(upper) = tiles::upper_levels(disk, dir, base.size)? else { return Ok(Self::default()) };
        let mut levels: Vec<Vec<Hash>> = vec![Vec::new()];
        levels.extend(upper);
        let tree = Tree::from_levels(levels);
        Ok(Self { from: tree.size(), tree, full: Vec::new() })
    }

    /// Goes through all rows from `self.from` on up to the first that is not whole. Gives the segment in which that was,
    /// and the offset after its last good row; `None` if there is no segment.
    fn through(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        segments: &[u64],
        signed: &Signed,
        on_tile: &mut dyn FnMut(FullTile) -> Result<(), AuditError>,
    ) -> Result<Option<(u64, u64)>, AuditError> {
        let mut checks: Vec<&Checkpoint> = signed.history.iter().chain(&signed.newest).collect();
        checks.retain(|checkpoint| checkpoint.size >= self.from);
        checks.sort_by_key(|checkpoint| checkpoint.size);
        let mut checks = checks.into_iter().peekable();
        let signed_rows = signed.largest().map_or(0, |largest| largest.size);
        let start = segments.partition_point(|first| *first <= self.from).saturating_sub(1);
        let mut last = None;
        for first in segments.iter().skip(start) {
            if last.is_some() && *first != self.tree.size() {
                break; // begun and never written to, or rows are missing: they are counted below
            }
            let end = rows::scan(disk, dir, *first, |row| {
                if !row.whole {
                    let torn = row.index >= signed_rows;
                    return if torn { Ok(false) } else { Err(AuditError::Damaged { index: row.index }) };
                }
                if row.index < self.from {
                    return Ok(true);
                }
                while let Some(check) = checks.next_if(|check| check.size <= row.index) {
                    self.agree(check)?;
                }
                self.tree.append(row.leaf, &mut self.full);
                std::mem::take(&mut self.full).into_iter().try_for_each(&mut *on_tile)?;
                Ok(true)
            })?;
            if end.offset < rows::HEADER_BYTES && last.is_some() {
                break;
            }
            last = Some((*first, end.offset));
            if !end.clean {
                break;
            }
        }
        let found = self.tree.size();
        if found < signed_rows {
            return Err(AuditError::Cut { signed: signed_rows, found });
        }
        checks.try_for_each(|check| self.agree(check))?;
        Ok(last)
    }

    fn agree(&self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        if checkpoint.size == self.tree.size() && checkpoint.root != self.tree.root() {
            return Err(AuditError::Altered { size: checkpoint.size });
        }
        Ok(())
    }
}
