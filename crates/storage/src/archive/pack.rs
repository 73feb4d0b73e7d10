//! Pack files: frames one after the other.
//!
//! ```text
//! pack-N     "WARDPACK" 8 | version 4 | number 4 | frame | frame ...
//! frame      length of the sealed bytes 4 | check 8 | digest 32 | sealed bytes
//! index-N    "WARDPIDX" 8 | version 4 | number 4 | count 4 | (offset 4 | digest 32) ... | check 8
//! check      first 8 bytes of SHA-256 over all else in the frame, or over all before in the index
//! ```
//!
//! An index is written when its pack is full, so that a start reads it and not the whole pack. It may be lost.

use std::io;
use std::path::{Path, PathBuf};

use super::{ArchiveError, Digest, OBJECT_BYTES_MAX, Pack};
use crate::disk::{self, Disk, File, OpenMode};
use crate::keys::sha256_parts;

pub(super) const HEADER_BYTES: u64 = 16;
const FRAME_HEADER_BYTES: usize = 44;
const PACK_MAGIC: &[u8; 8] = b"WARDPACK";
const INDEX_MAGIC: &[u8; 8] = b"WARDPIDX";
const VERSION: u32 = 1;
/// Sealing and notes make an object a little longer than its content.
const SEALED_BYTES_MAX: usize = OBJECT_BYTES_MAX + 128 * 1024;
const INDEX_BYTES_MAX: u64 = 1 << 30;
const READ_BYTES: usize = 1024 * 1024;

/// Where an object's frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pack: u32,
    pub(super) offset: u32,
}

pub(super) struct Frame {
    pub(super) digest: Digest,
    pub(super) sealed: Vec<u8>,
}

/// What was found in the folder, and the pack to go on with.
pub(super) struct Found {
    pub(super) objects: Vec<(Digest, Place)>,
    pub(super) file: Box<dyn File>,
    pub(super) number: u32,
    pub(super) end: u64,
}

fn pack_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("pack-{number:08}"))
}

fn index_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("index-{number:08}"))
}

fn header(magic: &[u8; 8], number: u32) -> [u8; 16] {
    let mut header = [0; 16];
    let fields = magic.iter().copied().chain(VERSION.to_be_bytes()).chain(number.to_be_bytes());
    for (to, from) in header.iter_mut().zip(fields) {
        *to = from;
    }
    header
}

fn check(parts: &[&[u8]]) -> [u8; 8] {
    let (check, _) = sha256_parts(parts).split_first_chunk().map_or(([0; 8], ()), |(check, _)| (*check, ()));
    check
}

pub(super) fn frame(digest: &Digest, sealed: &[u8]) -> Vec<u8> {
    let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + sealed.len());
    frame.extend_from_slice(&length);
    frame.extend_from_slice(&check(&[&length, digest.as_bytes(), sealed]));
    frame.extend_from_slice(digest.as_bytes());
    frame.extend_from_slice(sealed);
    frame
}

struct FrameHeader {
    length: u32,
    check: [u8; 8],
    digest: Digest,
}

fn frame_header(bytes: &[u8]) -> Option<FrameHeader> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<8>()?;
    let digest = Digest(*rest.first_chunk::<32>()?);
    let length = u32::from_be_bytes(*length);
    (length as usize <= SEALED_BYTES_MAX && length > 0).then_some(FrameHeader {
        length,
        check: *check,
        digest,
    })
}

/// Reads one frame and checks it.
pub(super) fn read_frame(disk: &dyn Disk, dir: &Path, place: Place) -> Result<Frame, ArchiveError> {
    let file = disk.open(&pack_path(dir, place.pack), OpenMode::Read)?;
    let offset = u64::from(place.offset);
    let damaged = ArchiveError::Damaged { pack: place.pack, offset };
    let mut head = [0; FRAME_HEADER_BYTES];
    file.read_exact_at(offset, &mut head)?;
    let Some(header) = frame_header(&head) else { return Err(damaged) };
    let mut sealed = vec![0; header.length as usize];
    file.read_exact_at(offset + FRAME_HEADER_BYTES as u64, &mut sealed)?;
    if check(&[&header.length.to_be_bytes(), header.digest.as_bytes(), &sealed]) != header.check {
        return Err(damaged);
    }
    Ok(Frame { digest: header.digest, sealed })
}

/// Reads the name of the object in a frame.
pub(super) fn read_digest(disk: &dyn Disk, dir: &Path, place: Place) -> Result<Digest, ArchiveError> {
    let file = disk.open(&pack_path(dir, place.pack), OpenMode::Read)?;
    let offset = u64::from(place.offset);
    let mut head = [0; FRAME_HEADER_BYTES];
    file.read_exact_at(offset, &mut head)?;
    let header = frame_header(&head).ok_or(ArchiveError::Damaged { pack: place.pack, offset })?;
    Ok(header.digest)
}

/// Looks at all packs, cuts the torn tail of the last, and opens it for writing.
pub(super) fn open_all(disk: &dyn Disk, dir: &Path) -> Result<Found, ArchiveError> {
    let mut numbers: Vec<u32> = disk
        .list(dir)?
        .iter()
        .filter_map(|entry| entry.name.strip_prefix("pack-").and_then(|number| number.parse().ok()))
        .collect();
    numbers.sort_unstable();
    let last = numbers.pop();
    let mut objects = Vec::new();
    for number in numbers {
        match read_index(disk, dir, number)? {
            Some(listed) => objects.extend(listed),
            None => scan_full_pack(disk, dir, number, &mut objects)?,
        }
    }
    let (number, file, end) = match last {
        None => (0, begin(disk, dir, 0)?, HEADER_BYTES),
        Some(number) => {
            let file = disk.open(&pack_path(dir, number), OpenMode::Write)?;
            let end = open_last(file.as_ref(), number, &mut objects)?;
            disk.sync_dir(dir)?;
            (number, file, end)
        }
    };
    Ok(Found { objects, file, number, end })
}

/// A pack without an index that is not the last: its frames were durable before the next pack was begun.
fn scan_full_pack(
    disk: &dyn Disk,
    dir: &Path,
    number: u32,
    objects: &mut Vec<(Digest, Place)>,
) -> Result<(), ArchiveError> {
    let file = disk.open(&pack_path(dir, number), OpenMode::Read)?;
    let before = objects.len();
    let end = scan(file.as_ref(), number, objects)?;
    if end == file.len()? {
        let entries = objects.get(before..).unwrap_or_default();
        write_index(disk, dir, number, entries)?;
    } else {
        tracing::error!(
            pack = number,
            offset = end,
            "a pack of the archive is damaged; objects after it are not found"
        );
    }
    Ok(())
}

fn open_last(file: &dyn File, number: u32, objects: &mut Vec<(Digest, Place)>) -> Result<u64, ArchiveError> {
    let mut found = [0; HEADER_BYTES as usize];
    let read = file.read_exact_at(0, &mut found);
    if read.is_err() || found != header(PACK_MAGIC, number) {
        // A crash while the pack was begun: nothing can be in it.
        if file.len()? > HEADER_BYTES {
            return Err(ArchiveError::Damaged { pack: number, offset: 0 });
        }
        file.set_len(0)?;
        file.write_at(0, &header(PACK_MAGIC, number))?;
        file.sync()?;
        return Ok(HEADER_BYTES);
    }
    let end = scan(file, number, objects)?;
    if end != file.len()? {
        tracing::warn!(pack = number, offset = end, "the torn tail of the archive is cut");
        file.set_len(end)?;
    }
    // What stands here may have been written by a process that was killed before its fsync, or stopped by a failed one; from
    // now on it is listed, and an object that is put again must not be told to be durable before it is.
    file.write_at(0, &header(PACK_MAGIC, number))?;
    file.sync()?;
    Ok(end)
}

/// Adds the frames of a pack up to the first that is not whole; gives the offset after the last whole one.
fn scan(file: &dyn File, number: u32, objects: &mut Vec<(Digest, Place)>) -> Result<u64, ArchiveError> {
    let len = file.len()?;
    let mut at = HEADER_BYTES;
    let mut window: Vec<u8> = Vec::new();
    let mut window_start = at;
    while at < len {
        let inside = (at - window_start) as usize;
        let head = window.get(inside..).unwrap_or_default();
        let wanted = match frame_header(head) {
            Some(header) => FRAME_HEADER_BYTES + header.length as usize,
            None if head.len() >= FRAME_HEADER_BYTES => break,
            None => FRAME_HEADER_BYTES,
        };
        if head.len() < wanted {
            if at + wanted as u64 > len {
                break;
            }
            let length = usize::try_from(len - at).unwrap_or(usize::MAX).min(wanted.max(READ_BYTES));
            window.resize(length, 0);
            file.read_exact_at(at, &mut window)?;
            window_start = at;
            continue;
        }
        let Some((header, sealed)) = frame_header(head).zip(head.get(FRAME_HEADER_BYTES..wanted)) else {
            break;
        };
        if check(&[&header.length.to_be_bytes(), header.digest.as_bytes(), sealed]) != header.check {
            break;
        }
        let Ok(offset) = u32::try_from(at) else { break };
        objects.push((header.digest, Place { pack: number, offset }));
        at += wanted as u64;
    }
    Ok(at)
}

fn begin(disk: &dyn Disk, dir: &Path, number: u32) -> io::Result<Box<dyn File>> {
    let file = disk.open(&pack_path(dir, number), OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    file.write_at(0, &header(PACK_MAGIC, number))?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(file)
}

/// Ends a full pack with its index and begins the next.
pub(super) fn begin_next(disk: &dyn Disk, dir: &Path, full: &Pack) -> io::Result<Pack> {
    // A failed write may have left bytes behind the end: then the pack would not scan to its end later.
    full.file.set_len(full.end)?;
    full.file.sync()?;
    let number = full.number + 1;
    let next = Pack { file: begin(disk, dir, number)?.into(), number, end: HEADER_BYTES };
    // Only now: were the next pack not begun, this one would be written on, and an index would hide what comes.
    let mut objects = Vec::new();
    match scan(full.file.as_ref(), full.number, &mut objects) {
        Ok(end) if end == full.end => {
            if let Err(error) = write_index(disk, dir, full.number, &objects) {
                tracing::warn!(pack = full.number, %error, "the index of a full pack could not be written");
            }
        }
        _ => tracing::error!(pack = full.number, "a full pack of the archive does not read back"),
    }
    Ok(next)
}

fn write_index(disk: &dyn Disk, dir: &Path, number: u32, objects: &[(Digest, Place)]) -> io::Result<()> {
    let mut out = header(INDEX_MAGIC, number).to_vec();
    out.extend_from_slice(&u32::try_from(objects.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (digest, place) in objects {
        out.extend_from_slice(&place.offset.to_be_bytes());
        out.extend_from_slice(digest.as_bytes());
    }
    let check = check(&[&out]);
    out.extend_from_slice(&check);
    disk::write_durably(disk, &index_path(dir, number), &out)
}

/// The objects of a full pack; `None` if there is no good index.
fn read_index(
    disk: &dyn Disk,
    dir: &Path,
    number: u32,
) -> Result<Option<Vec<(Digest, Place)>>, ArchiveError> {
    match disk::read(disk, &index_path(dir, number), INDEX_BYTES_MAX) {
        Ok(bytes) => Ok(parse_index(&bytes, number)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn parse_index(bytes: &[u8], number: u32) -> Option<Vec<(Digest, Place)>> {
    let (content, found) = bytes.split_last_chunk::<8>()?;
    let rest = content.strip_prefix(&header(INDEX_MAGIC, number))?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (entries, tail) = rest.as_chunks::<36>();
    if check(&[content]) != *found || !tail.is_empty() || entries.len() != u32::from_be_bytes(*count) as usize
    {
        return None;
    }
    let entry = |entry: &[u8; 36]| {
        let (offset, digest) = entry.split_first_chunk::<4>()?;
        let place = Place { pack: number, offset: u32::from_be_bytes(*offset) };
        Some((Digest(*digest.first_chunk()?), place))
    };
    entries.iter().map(entry).collect()
}
