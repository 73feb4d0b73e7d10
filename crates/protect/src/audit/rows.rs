//! Row files: sealed rows one after the other, in segments.
//!
//! ```text
//! rows/FIRST   "WARDROWS" 8 | version 4 | zeros 4 | index of the first row 8 | frame | frame ...
//! frame        length of the sealed row 4 | first 8 bytes of its leaf hash | sealed row
//! ```
//!
//! FIRST has 20 digits. The eight bytes of the leaf hash tell a torn row from a whole one without any key; they prove
//! nothing to an auditor, the tree does.

use std::io;
use std::path::{Path, PathBuf};

use storage::disk::{self, Disk, File, OpenMode};

use super::AuditError;
use super::merkle::{Hash, leaf_hash};

pub(super) const HEADER_BYTES: u64 = 24;
const FRAME_HEADER_BYTES: usize = 12;
const MAGIC: &[u8; 8] = b"WARDROWS";
const VERSION: u32 = 1;
/// The longest sealed row: room for about 40,000 resources shown at once.
pub(super) const ROW_BYTES_MAX: usize = 4 * 1024 * 1024;
const READ_BYTES: usize = 1024 * 1024;

pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("rows")
}

pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    folder(dir).join(format!("{first:020}"))
}

fn header(first: u64) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    let fields = MAGIC.iter().copied().chain(VERSION.to_be_bytes()).chain([0; 4]).chain(first.to_be_bytes());
    for (to, from) in header.iter_mut().zip(fields) {
        *to = from;
    }
    header
}

/// First indexes of the segments there are, in order.
pub(super) fn segments(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match disk.list(&folder(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut firsts: Vec<u64> = entries.iter().filter_map(|entry| entry.name.parse().ok()).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Makes an empty segment; its name is durable on return.
pub(super) fn begin(disk: &dyn Disk, dir: &Path, first: u64) -> io::Result<Box<dyn File>> {
    let file = disk.open(&path(dir, first), OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    file.write_at(0, &header(first))?;
    file.sync()?;
    disk.sync_dir(&folder(dir))?;
    Ok(file)
}

/// Puts the header before a sealed row that stands in `frame` after [`reserve`]; gives the leaf hash.
pub(super) fn finish_frame(frame: &mut [u8]) -> Hash {
    let Some((head, row)) = frame.split_at_mut_checked(FRAME_HEADER_BYTES) else { return [0; 32] };
    let leaf = leaf_hash(row);
    let length = u32::try_from(row.len()).unwrap_or(u32::MAX).to_be_bytes();
    for (to, from) in head.iter_mut().zip(length.iter().chain(&leaf)) {
        *to = *from;
    }
    leaf
}

/// An empty frame with room for its header.
pub(super) fn reserve(row_bytes: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + row_bytes);
    frame.resize(FRAME_HEADER_BYTES, 0);
    frame
}

/// One row as it stands in a segment.
pub(super) struct Row<'a> {
    pub(super) index: u64,
    pub(super) sealed: &'a [u8],
    pub(super) leaf: Hash,
    /// Whether the frame's eight bytes fit the row.
    pub(super) whole: bool,
}

/// Where a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The index after the last row visited.
    pub(super) index: u64,
    /// The offset after it.
    pub(super) offset: u64,
    /// Whether that is the end of the file.
    pub(super) clean: bool,
}

/// Visits the rows of a segment in order, until `visit` says `false`, the file ends, or what stands there is no frame. A
/// row whose check does not fit is visited too: the visitor decides.
pub(super) fn scan(
    disk: &dyn Disk,
    dir: &Path,
    first: u64,
    mut visit: impl FnMut(Row<'_>) -> Result<bool, AuditError>,
) -> Result<End, AuditError> {
    let file = disk.open(&path(dir, first), OpenMode::Read)?;
    let len = file.len()?;
    let mut found = [0; HEADER_BYTES as usize];
    if len < HEADER_BYTES || file.read_exact_at(0, &mut found).is_err() || found != header(first) {
        return Ok(End { index: first, offset: 0, clean: false });
    }
    let mut end = End { index: first, offset: HEADER_BYTES, clean: false };
    let (mut window, mut window_start) = (Vec::new(), end.offset);
    while end.offset < len {
        let head: &[u8] = window.get((end.offset - window_start) as usize..).unwrap_or_default();
        let wanted = match head.split_first_chunk::<4>() {
            None => FRAME_HEADER_BYTES,
            Some((length, _)) => FRAME_HEADER_BYTES + u32::from_be_bytes(*length) as usize,
        };
        if wanted > FRAME_HEADER_BYTES + ROW_BYTES_MAX || end.offset + wanted as u64 > len {
            return Ok(end);
        }
        if head.len() < wanted || head.len() < FRAME_HEADER_BYTES {
            let length = usize::try_from(len - end.offset).unwrap_or(usize::MAX).min(wanted.max(READ_BYTES));
            window.resize(length, 0);
            file.read_exact_at(end.offset, &mut window)?;
            window_start = end.offset;
            if length < FRAME_HEADER_BYTES {
                return Ok(end);
            }
            continue;
        }
        let (check, sealed) = (head.get(4..FRAME_HEADER_BYTES), head.get(FRAME_HEADER_BYTES..wanted));
        let sealed = sealed.unwrap_or_default();
        let leaf = leaf_hash(sealed);
        let whole = check == leaf.get(..8) && !sealed.is_empty();
        if !visit(Row { index: end.index, sealed, leaf, whole })? {
            return Ok(end);
        }
        end.index += 1;
        end.offset += wanted as u64;
    }
    end.clean = true;
    Ok(end)
}

/// Cuts a segment after its last good row. One without a good header is emptied and begun anew.
pub(super) fn cut(disk: &dyn Disk, dir: &Path, first: u64, offset: u64) -> io::Result<Box<dyn File>> {
    if offset < HEADER_BYTES {
        return begin(disk, dir, first);
    }
    let file = disk.open(&path(dir, first), OpenMode::Write)?;
    if file.len()? != offset {
        file.set_len(offset)?;
    }
    // The process before may have been stopped by a failed fsync: then header and name are seen, and yet not durable.
    file.write_at(0, &header(first))?;
    file.sync()?;
    disk.sync_dir(&folder(dir))?;
    Ok(file)
}

/// Removes a segment whose rows were never synced.
pub(super) fn remove(disk: &dyn Disk, dir: &Path, first: u64) -> io::Result<()> {
    disk.remove(&path(dir, first))?;
    disk.sync_dir(&folder(dir))
}

/// Reads a small text file; `None` if it is not there.
pub(super) fn read_text(disk: &dyn Disk, path: &Path, limit_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    match disk::read(disk, path, limit_bytes as u64) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
