//! Verifying: are the rows those that were signed for? Needs the public key and no other.

use std::fmt;
use std::path::Path;

use storage::disk::Disk;

use super::AuditError;
use super::log::recover::read_signed;
use super::merkle::{FullTile, Tree};
use super::note::{Checkpoint, NoteKey};
use super::{rows, tiles};

/// Problems listed at most; there may be more.
const PROBLEMS_MAX: usize = 100;

/// What is wrong with an audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// No checkpoint signed by this key is there, although there are rows.
    NoCheckpoint,
    /// The newest checkpoint does not read, or another key signed it. A start of Ward after a loss of power repairs that.
    NewestCheckpoint,
    /// Checkpoints of the history do not read, or another key signed them.
    History {
        /// How many.
        checkpoints: usize,
    },
    /// Fewer rows than were signed for.
    Cut {
        /// Rows signed for.
        signed: u64,
        /// Rows found.
        found: u64,
    },
    /// This row was altered, or another stands in its place.
    Row {
        /// The row.
        index: u64,
    },
    /// The rows do not lead to the root that was signed.
    Root {
        /// Rows in the checkpoint.
        size: u64,
    },
    /// A tile is missing or has other hashes than the rows.
    Tile {
        /// Its level.
        level: u8,
        /// Its index.
        index: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCheckpoint => f.write_str("there is no checkpoint signed by this key"),
            Self::NewestCheckpoint => {
                f.write_str("the newest checkpoint does not read or is not signed by this key")
            }
            Self::History { checkpoints } => {
                write!(f, "{checkpoints} earlier checkpoints do not read or are not signed by this key")
            }
            Self::Cut { signed, found } => write!(f, "{signed} rows were signed for, {found} are there"),
            Self::Row { index } => write!(f, "row {index} was altered, moved or replaced"),
            Self::Root { size } => {
                write!(f, "the first {size} rows do not lead to the root that was signed for them")
            }
            Self::Tile { level, index } => {
                write!(f, "tile {index} of level {level} is missing or differs from the rows")
            }
        }
    }
}

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Rows that the newest checkpoint signs for.
    pub tree_size: u64,
    /// The root that it signs.
    pub root: [u8; 32],
    /// When it was signed, in milliseconds since 1970.
    pub time_ms: i64,
    /// Checkpoints whose roots the rows lead to: each is consistent with the next.
    pub checkpoints: u64,
    /// Rows after the newest checkpoint; those of the last tenth of a second, or written before a crash.
    pub unsigned_rows: u64,
    /// What is wrong; nothing, if all is well.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether everything checks.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Verifies the audit log in a folder with its public key; also while a server writes it.
///
/// The caller should have `key` from elsewhere than the folder, and compare size and root with a checkpoint kept elsewhere:
/// who can write the whole folder can put an older state of it back.
///
/// # Errors
/// [`AuditError::Io`] if a file cannot be read. What is wrong with the log stands in the report.
pub fn verify(disk: &dyn Disk, dir: &Path, key: &NoteKey) -> Result<Report, AuditError> {
    let signed = read_signed(disk, dir, key, true)?;
    let newest = signed.largest().cloned();
    let mut check = Check::new(newest.as_ref());
    if signed.newest_unreadable {
        check.report.add(Problem::NewestCheckpoint);
    }
    if signed.unreadable > 0 {
        check.report.add(Problem::History { checkpoints: signed.unreadable });
    }
    let mut checkpoints: Vec<Checkpoint> = signed.history.iter().chain(&signed.newest).cloned().collect();
    checkpoints.sort_by_key(|checkpoint| checkpoint.size);
    let settled = signed.history.last().map_or(0, |checkpoint| checkpoint.size);
    check.through(disk, dir, &checkpoints, settled)?;
    let Check { mut report, tree, .. } = check;
    if tree.size() < report.tree_size {
        report.add(Problem::Cut { signed: report.tree_size, found: tree.size() });
    }
    report.unsigned_rows = tree.size().saturating_sub(report.tree_size);
    if newest.is_none() && tree.size() > 0 {
        report.add(Problem::NoCheckpoint);
    }
    Ok(report)
}

struct Check {
    report: Report,
    tree: Tree,
    full: Vec<FullTile>,
}

impl Check {
    fn new(newest: Option<&Checkpoint>) -> Self {
        let tree = Tree::default();
        let report = Report {
            tree_size: newest.map_or(0, |newest| newest.size),
            root: newest.map_or_else(|| tree.root(), |newest| newest.root),
            time_ms: newest.map_or(0, |newest| newest.time_ms),
            checkpoints: 0,
            unsigned_rows: 0,
            problems: Vec::new(),
        };
        Self { report, tree, full: Vec::new() }
    }

    fn through(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        checkpoints: &[Checkpoint],
        settled: u64,
    ) -> Result<(), AuditError> {
        let mut checkpoints = checkpoints.iter().peekable();
        for first in rows::segments(disk, dir)? {
            if first != self.tree.size() {
                if self.tree.size() < self.report.tree_size {
                    self.report.add(Problem::Row { index: self.tree.size() });
                }
                break;
            }
            let end = rows::scan(disk, dir, first, |row| {
                while let Some(checkpoint) = checkpoints.next_if(|checkpoint| checkpoint.size <= row.index) {
                    self.agree(checkpoint);
                }
                if !row.whole {
                    if row.index >= self.report.tree_size {
                        return Ok(false); // being written, or torn by a crash: never signed for
                    }
                    self.report.add(Problem::Row { index: row.index });
                }
                self.tree.append(row.leaf, &mut self.full);
                for tile in std::mem::take(&mut self.full) {
                    self.compare(disk, dir, &tile, settled)?;
                }
                Ok(true)
            })?;
            if !end.clean {
                if end.index < self.report.tree_size {
                    self.report.add(Problem::Row { index: end.index });
                }
                break;
            }
        }
        let size = self.tree.size();
        for checkpoint in checkpoints.take_while(|checkpoint| checkpoint.size <= size) {
            self.agree(checkpoint);
        }
        Ok(())
    }

    fn agree(&mut self, checkpoint: &Checkpoint) {
        if checkpoint.size == self.tree.size() && checkpoint.root == self.tree.root() {
            self.report.checkpoints += 1;
        } else {
            self.report.add(Problem::Root { size: checkpoint.size });
        }
    }

    /// Compares a tile with that on the disk, which tells *which* row differs.
    fn compare(
        &mut self,
        disk: &dyn Disk,
        dir: &Path,
        tile: &FullTile,
        settled: u64,
    ) -> Result<(), AuditError> {
        let height = 8 * (u32::from(tile.level) + 1);
        let found = tiles::read(disk, dir, tile.level, tile.index)?;
        let after = (tile.index + 1).checked_shl(height).unwrap_or(u64::MAX);
        match found {
            None if after > settled => {} // not written yet
            None => self.report.add(Problem::Tile { level: tile.level, index: tile.index }),
            Some(found) if found == tile.hashes => {}
            Some(found) => {
                self.report.add(Problem::Tile { level: tile.level, index: tile.index });
                let differs = found.iter().zip(&tile.hashes).position(|(found, made)| found != made);
                if let Some(at) = differs.filter(|_| tile.level == 0) {
                    self.report.add(Problem::Row { index: tile.index * 256 + at as u64 });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
