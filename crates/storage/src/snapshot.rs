//! Snapshots: a copy of a whole index, as of one log position, in one sealed file.
//!
//! "Newest snapshot, then the log's tail" is how a node starts in a new place, how an index comes back after a loss, and how
//! a new layout is brought in. The copy is taken from a [`Reader`] that does not change (an engine's snapshot), so writes go
//! on meanwhile.
//!
//! The file is sealed in chunks ([`crate::seal::chunked`]); what is inside is a zstd stream of pairs. Layout:
//! `docs/internals/engine.md`.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::ErrorKind;
use crate::disk::{Disk, OpenMode, parent};
use crate::engine::{
    Batch, Direction, Engine, EngineError, KEY_BYTES_MAX, KeyRange, Reader, Space, SpaceSpec, VALUE_BYTES_MAX,
};
use crate::keys::DataKey;
use crate::log::Seq;
use crate::seal::SealError;
use crate::seal::stream::{SealedReader, SealedWriter};

const MAGIC: [u8; 6] = *b"WSNAP\0";
const VERSION: u16 = 1;
const TAG_SPACE: u8 = 1;
const TAG_PAIR: u8 = 2;
const TAG_END: u8 = 3;

/// Pairs cost little to compress and bodies are sealed already, so a fast level is enough.
const ZSTD_LEVEL: i32 = 3;

/// Bytes of pairs that are put into an engine at a time.
const RESTORE_BATCH_BYTES: usize = 1024 * 1024;

/// Pairs between two calls of a progress callback.
const PROGRESS_PAIRS: u64 = 10_000;

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Pairs done.
    pub pairs: u64,
    /// Bytes of the file written or read.
    pub bytes: u64,
    /// Bytes of the file, where known: not while it is being made.
    pub bytes_total: Option<u64>,
}

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Log position of the copy: replay begins behind it.
    pub applied: Seq,
    /// Names of its spaces with the count of pairs in each.
    pub spaces: Vec<(String, u64)>,
    /// Length of the file.
    pub file_bytes: u64,
}

impl Report {
    /// Count of all pairs.
    pub fn pairs(&self) -> u64 {
        self.spaces.iter().map(|(_, pairs)| pairs).sum()
    }
}

/// Where a snapshot is and how it is sealed. The same `additional` parts (tenant and partition, say) must be named to open it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The disk it is on.
    pub disk: &'a dyn Disk,
    /// Its file.
    pub path: &'a Path,
    /// The key it is sealed with.
    pub key: &'a DataKey,
    /// Additional data of the sealing.
    pub additional: &'a [&'a [u8]],
}

/// Why a snapshot could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The disk refused.
    #[error("the snapshot could not be read or written")]
    Io(#[source] io::Error),
    /// It was altered, cut off, or sealed with another key or for another place.
    #[error("the snapshot does not open")]
    Seal(#[source] SealError),
    /// It opens, but is not laid out as this version of Ward expects.
    #[error("the snapshot cannot be understood: {0}")]
    Format(&'static str),
    /// It has a space that the engine lacks.
    #[error("the snapshot has a space `{0}` that the index lacks")]
    Space(String),
    /// The engine to restore into holds something.
    #[error("the index to restore into is not empty")]
    NotEmpty,
    /// The engine refused.
    #[error("the index refused")]
    Engine(#[from] EngineError),
}

impl SnapshotError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(_) => ErrorKind::Unavailable,
            Self::Seal(_) | Self::Format(_) => ErrorKind::Corrupt,
            Self::Space(_) | Self::NotEmpty => ErrorKind::Invalid,
            Self::Engine(error) => error.kind(),
        }
    }
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        // Reading unseals on its way, through calls that only know I/O errors.
        match error.downcast::<SealError>() {
            Ok(seal) => Self::Seal(seal),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Format("it ends too early"),
            Err(error) => Self::Io(error),
        }
    }
}

/// Copies all pairs of `spaces` out of a reader that does not change into a new file, durable on return. A file of that name
/// is replaced only at the end, so a failure leaves it as it was.
///
/// `applied` is the log position that this state of the index stands for; the caller reads it out of the same reader.
///
/// # Errors
/// [`SnapshotError::Io`], [`SnapshotError::Engine`].
pub fn create(
    place: Place<'_>,
    reader: &dyn Reader,
    spaces: &[SpaceSpec],
    applied: Seq,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SnapshotError> {
    let mut temporary = place.path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = place.disk.open(temporary, OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    let sealed = SealedWriter::new(file.as_ref(), place.key, place.additional);
    let mut out = zstd::stream::write::Encoder::new(sealed, ZSTD_LEVEL)?;
    write_head(&mut out, spaces, applied)?;
    let mut report = Report { applied, ..Report::default() };
    let mut done = Progress::default();
    for (index, space) in (0u8..).zip(spaces) {
        out.write_all(&[TAG_SPACE, index])?;
        let mut pairs = 0;
        for pair in reader.scan(Space(index), KeyRange::all(), Direction::Forward) {
            let (key, value) = pair?;
            write_pair(&mut out, &key, &value)?;
            pairs += 1;
            done.pairs += 1;
            if done.pairs.is_multiple_of(PROGRESS_PAIRS) {
                progress(Progress { bytes: out.get_ref().written(), ..done });
            }
        }
        report.spaces.push((space.name.to_owned(), pairs));
    }
    out.write_all(&[TAG_END])?;
    out.write_all(&done.pairs.to_be_bytes())?;
    (report.file_bytes, _) = out.finish()?.finish()?;
    file.sync()?;
    drop(file);
    place.disk.rename(temporary, place.path)?;
    place.disk.sync_dir(parent(place.path))?;
    progress(Progress { bytes: report.file_bytes, bytes_total: Some(report.file_bytes), ..done });
    Ok(report)
}

/// Reads a snapshot from its first byte to its last and checks all of it.
///
/// # Errors
/// [`SnapshotError::Io`], [`SnapshotError::Seal`], [`SnapshotError::Format`].
pub fn verify(place: Place<'_>, progress: &mut dyn FnMut(Progress)) -> Result<Report, SnapshotError> {
    read(place, &mut JustLook, progress)
}

/// Puts all pairs of a snapshot into an empty engine. Spaces are matched by their names.
///
/// A restore that fails or is interrupted leaves a part behind: destroy the engine then, or restore within
/// [`crate::engine::FjallEngine::fill`], which keeps the new index aside until it is whole.
///
/// # Errors
/// [`SnapshotError::NotEmpty`] and [`SnapshotError::Space`] before anything is written; else those of [`verify`] and of the engine.
pub fn restore(
    place: Place<'_>,
    engine: &dyn Engine,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SnapshotError> {
    for (index, _) in (0u8..).zip(engine.spaces()) {
        if let Some(pair) = engine.scan(Space(index), KeyRange::all(), Direction::Forward).next() {
            pair?;
            return Err(SnapshotError::NotEmpty);
        }
    }
    let mut filler = Filler { engine, targets: Vec::new(), current: None, batch: Batch::new() };
    let report = read(place, &mut filler, progress)?;
    engine.write(filler.batch)?;
    engine.sync()?;
    Ok(report)
}

/// What is done with the content of a snapshot as it is read.
trait Visitor {
    fn names(&mut self, names: &[String]) -> Result<(), SnapshotError>;
    /// The pairs that follow are of the space with this place in the list of names.
    fn space(&mut self, index: usize);
    fn pair(&mut self, key: &[u8], value: &[u8]) -> Result<(), SnapshotError>;
}

struct JustLook;

impl Visitor for JustLook {
    fn names(&mut self, _: &[String]) -> Result<(), SnapshotError> {
        Ok(())
    }
    fn space(&mut self, _: usize) {}
    fn pair(&mut self, _: &[u8], _: &[u8]) -> Result<(), SnapshotError> {
        Ok(())
    }
}

struct Filler<'a> {
    engine: &'a dyn Engine,
    targets: Vec<Space>,
    current: Option<Space>,
    batch: Batch,
}

impl Visitor for Filler<'_> {
    fn names(&mut self, names: &[String]) -> Result<(), SnapshotError> {
        for name in names {
            let mut spaces = (0u8..).zip(self.engine.spaces());
            let found = spaces.find(|(_, space)| space.name == name);
            let (index, _) = found.ok_or_else(|| SnapshotError::Space(name.clone()))?;
            self.targets.push(Space(index));
        }
        Ok(())
    }

    fn space(&mut self, index: usize) {
        self.current = self.targets.get(index).copied();
    }

    fn pair(&mut self, key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
        let space = self.current.ok_or(SnapshotError::Format("a pair stands before any space"))?;
        self.batch.put(space, key, value);
        if self.batch.bytes() >= RESTORE_BATCH_BYTES {
            self.engine.write(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }
}

fn read(
    place: Place<'_>,
    visitor: &mut dyn Visitor,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, SnapshotError> {
    let file = place.disk.open(place.path, OpenMode::Read)?;
    let sealed = SealedReader::new(file.as_ref(), place.key, place.additional)?;
    let file_bytes = sealed.file_bytes();
    let bytes_done = sealed.position();
    let mut input = BufReader::new(zstd::stream::read::Decoder::new(sealed)?);
    let (applied, names) = read_head(&mut input)?;
    visitor.names(&names)?;
    let mut report =
        Report { applied, spaces: names.into_iter().map(|name| (name, 0)).collect(), file_bytes };
    let mut done = Progress { bytes_total: Some(file_bytes), ..Progress::default() };
    let mut current = None;
    let (mut key, mut value) = (Vec::new(), Vec::new());
    loop {
        match array::<1>(&mut input)? {
            [TAG_SPACE] => {
                let [index] = array::<1>(&mut input)?;
                current = Some(usize::from(index));
                visitor.space(usize::from(index));
            }
            [TAG_PAIR] => {
                let key_bytes = length(&mut input, KEY_BYTES_MAX)?;
                let value_bytes = length(&mut input, VALUE_BYTES_MAX)?;
                fill(&mut input, &mut key, key_bytes)?;
                fill(&mut input, &mut value, value_bytes)?;
                let space = current.and_then(|index| report.spaces.get_mut(index));
                space.ok_or(SnapshotError::Format("a pair is of no space"))?.1 += 1;
                visitor.pair(&key, &value)?;
                done.pairs += 1;
                if done.pairs.is_multiple_of(PROGRESS_PAIRS) {
                    progress(Progress { bytes: bytes_done.load(Ordering::Relaxed), ..done });
                }
            }
            [TAG_END] => break,
            _ => return Err(SnapshotError::Format("it has an unknown entry")),
        }
    }
    if u64::from_be_bytes(array(&mut input)?) != done.pairs {
        return Err(SnapshotError::Format("it has not as many pairs as it says"));
    }
    // Reads on to the end of the file, so that the last chunk is checked.
    if input.read(&mut [0])? != 0 {
        return Err(SnapshotError::Format("something follows its end"));
    }
    progress(Progress { bytes: file_bytes, ..done });
    Ok(report)
}

fn read_head(input: &mut impl Read) -> Result<(Seq, Vec<String>), SnapshotError> {
    if array(input)? != MAGIC {
        return Err(SnapshotError::Format("it is not a snapshot"));
    }
    if u16::from_be_bytes(array(input)?) != VERSION {
        return Err(SnapshotError::Format("it is of another version"));
    }
    let applied = Seq(u64::from_be_bytes(array(input)?));
    let [count] = array::<1>(input)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let [len] = array::<1>(input)?;
        let mut name = Vec::new();
        fill(input, &mut name, usize::from(len))?;
        names.push(String::from_utf8(name).map_err(|_| SnapshotError::Format("a space has no good name"))?);
    }
    Ok((applied, names))
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], SnapshotError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn length(input: &mut impl Read, limit: usize) -> Result<usize, SnapshotError> {
    let len = u32::from_be_bytes(array(input)?) as usize;
    if len > limit { Err(SnapshotError::Format("a key or value is too long")) } else { Ok(len) }
}

fn fill(input: &mut impl Read, buffer: &mut Vec<u8>, len: usize) -> Result<(), SnapshotError> {
    buffer.clear();
    buffer.resize(len, 0);
    Ok(input.read_exact(buffer)?)
}

fn write_head(out: &mut impl Write, spaces: &[SpaceSpec], applied: Seq) -> io::Result<()> {
    out.write_all(&MAGIC)?;
    out.write_all(&VERSION.to_be_bytes())?;
    out.write_all(&applied.0.to_be_bytes())?;
    // At most 16 spaces with names of at most 64 bytes: the engine saw to that.
    out.write_all(&[spaces.len() as u8])?;
    for space in spaces {
        out.write_all(&[space.name.len() as u8])?;
        out.write_all(space.name.as_bytes())?;
    }
    Ok(())
}

fn write_pair(out: &mut impl Write, key: &[u8], value: &[u8]) -> io::Result<()> {
    let mut head = [TAG_PAIR, 0, 0, 0, 0, 0, 0, 0, 0];
    head[1..5].copy_from_slice(&(key.len() as u32).to_be_bytes());
    head[5..9].copy_from_slice(&(value.len() as u32).to_be_bytes());
    out.write_all(&head)?;
    out.write_all(key)?;
    out.write_all(value)
}

#[cfg(test)]
mod tests;
