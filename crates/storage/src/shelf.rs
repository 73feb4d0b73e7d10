//! The shelf: sealed things beside the log that are neither resources nor derivable from them.
//!
//! Jobs, delivery cursors, files of an export: each has a *kind* (a plain word), and within it a *key* (any text, which is
//! sealed too). A small value is [put](Shelf::put) whole; a long one is [written](Shelf::writer) and [read](Shelf::reader)
//! as a stream. Either way it replaces what stood there, and after a crash the old or the new one is there, whole.
//!
//! Not for: what belongs to the record (the log), what came in (the archive), many values (each is a file), or values that
//! change often (each change is two fsyncs).
//!
//! `docs/internals/shelf.md` has the layout.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ErrorKind;
use crate::disk::{Disk, File, LockGuard, OpenMode};
use crate::keys::{DataKey, KeyError, KeyRing, MacKey, TenantId};
use crate::seal::SealError;
use crate::seal::stream::{SealedReader, SealedWriter};

/// The longest value of [`Shelf::put`] and [`Shelf::get`]: 16 MiB.
pub const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest key.
pub const KEY_BYTES_MAX: usize = 512;
/// The longest name of a kind.
pub const KIND_BYTES_MAX: usize = 32;

/// What a file that is being written ends with; such files are removed at the next start.
const TEMPORARY: &str = ".tmp";
/// Bytes of the hash that a file is named by.
const NAME_BYTES: usize = 16;

/// Why the shelf does not take or give something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShelfError {
    /// A kind is 1 to [`KIND_BYTES_MAX`] lower-case letters, digits and hyphens.
    #[error("this is no name for a kind of things on the shelf")]
    Kind,
    /// A key over [`KEY_BYTES_MAX`], or a value over [`VALUE_BYTES_MAX`].
    #[error("{bytes} bytes are more than the shelf takes at once")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Another process has it open.
    #[error("another process has the shelf open")]
    Locked,
    /// A file does not hold what it should.
    #[error("a file of the shelf is damaged")]
    Damaged,
    /// The disk refused. Of a write: the old value may or may not have been replaced.
    #[error("a file of the shelf could not be read or written")]
    Io(#[source] io::Error),
    /// The keys are not to be had.
    #[error("the keys of the shelf are not to be had")]
    Key(#[from] KeyError),
    /// A value does not open.
    #[error("a value of the shelf does not open")]
    Seal(#[source] SealError),
}

impl ShelfError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Kind => ErrorKind::Internal,
            Self::TooLong { .. } => ErrorKind::Invalid,
            Self::Locked | Self::Io(_) | Self::Key(_) => ErrorKind::Unavailable,
            Self::Damaged | Self::Seal(_) => ErrorKind::Corrupt,
        }
    }
}

impl From<io::Error> for ShelfError {
    fn from(error: io::Error) -> Self {
        // Streams unseal on their way, through calls that only know I/O errors.
        match error.downcast::<SealError>() {
            Ok(seal) => Self::Seal(seal),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Damaged,
            Err(error) => Self::Io(error),
        }
    }
}

/// The shelf of one tenant. Clones share it, between threads too.
#[derive(Clone)]
pub struct Shelf {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<DataKey>,
    names: MacKey,
    /// Numbers the files that are being written, so that two writers of one key do not meet.
    writes: AtomicU64,
    _lock: Box<dyn LockGuard>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf(..)")
    }
}

impl Shelf {
    /// Opens the shelf of a tenant in a folder, which is made if needed. What a crash left half written is removed.
    ///
    /// # Errors
    /// [`ShelfError::Locked`], [`ShelfError::Io`], [`ShelfError::Key`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        ring: &KeyRing,
        tenant: TenantId,
    ) -> Result<Self, ShelfError> {
        disk.create_dir_all(dir)?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => ShelfError::Locked,
            _ => error.into(),
        })?;
        for kind in disk.list(dir)?.iter().filter(|entry| entry.is_dir) {
            let folder = dir.join(&kind.name);
            for left in disk.list(&folder)?.iter().filter(|entry| entry.name.ends_with(TEMPORARY)) {
                disk.remove(&folder.join(&left.name))?;
            }
        }
        let inner = Inner {
            key: ring.general_key(tenant)?,
            names: ring.mac_key(tenant, "shelf names")?,
            writes: AtomicU64::new(0),
            dir: dir.to_owned(),
            disk,
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Puts a value, durable on return; it replaces what stood there.
    ///
    /// # Errors
    /// [`ShelfError::TooLong`], [`ShelfError::Kind`]; [`ShelfError::Io`], after which the old or the new value is there.
    pub fn put(&self, kind: &str, key: &str, value: &[u8]) -> Result<(), ShelfError> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(ShelfError::TooLong { bytes: value.len() });
        }
        let mut writer = self.writer(kind, key)?;
        writer.write_all(value)?;
        writer.finish().map(drop)
    }

    /// A value that was put or written; `None` if there is none.
    ///
    /// # Errors
    /// [`ShelfError::TooLong`] for what was written over [`VALUE_BYTES_MAX`]; [`ShelfError::Damaged`],
    /// [`ShelfError::Seal`], [`ShelfError::Io`].
    pub fn get(&self, kind: &str, key: &str) -> Result<Option<Vec<u8>>, ShelfError> {
        let Some(reader) = self.reader(kind, key)? else { return Ok(None) };
        let mut value = Vec::new();
        reader.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut value)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(ShelfError::TooLong { bytes: value.len() });
        }
        Ok(Some(value))
    }

    /// The keys of a kind, sorted.
    ///
    /// # Errors
    /// [`ShelfError::Kind`], [`ShelfError::Damaged`], [`ShelfError::Seal`], [`ShelfError::Io`].
    pub fn list(&self, kind: &str) -> Result<Vec<String>, ShelfError> {
        let folder = self.folder(kind)?;
        let entries = match self.inner.disk.list(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut keys = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.is_dir && !entry.name.ends_with(TEMPORARY)) {
            let file = match self.inner.disk.open(&folder.join(&entry.name), OpenMode::Read) {
                // Removed since the listing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            let mut reader = SealedReader::new(file, &self.inner.key, &additional(kind, &entry.name))?;
            keys.push(read_key(&mut reader)?);
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// Removes a value; durable on return. Does nothing where there is none.
    ///
    /// # Errors
    /// [`ShelfError::Kind`], [`ShelfError::Io`], after which it may still be there.
    pub fn remove(&self, kind: &str, key: &str) -> Result<(), ShelfError> {
        let folder = self.folder(kind)?;
        match self.inner.disk.remove(&folder.join(self.name(kind, key))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => {
                removed?;
                Ok(self.inner.disk.sync_dir(&folder)?)
            }
        }
    }

    /// Begins to write a value of any length. Nothing is to be seen of it before [`Writer::finish`].
    ///
    /// # Errors
    /// [`ShelfError::TooLong`] for the key, [`ShelfError::Kind`], [`ShelfError::Io`].
    pub fn writer(&self, kind: &str, key: &str) -> Result<Writer, ShelfError> {
        let folder = self.folder(kind)?;
        if key.len() > KEY_BYTES_MAX {
            return Err(ShelfError::TooLong { bytes: key.len() });
        }
        let inner = Arc::clone(&self.inner);
        inner.disk.create_dir_all(&folder)?;
        let name = self.name(kind, key);
        let number = inner.writes.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!("{name}.{number}{TEMPORARY}"));
        let file = inner.disk.open(&temporary, OpenMode::OpenOrCreate)?;
        file.set_len(0)?;
        let mut sealed = SealedWriter::new(file, &inner.key, &additional(kind, &name));
        // The key was bounded above.
        sealed.write_all(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes())?;
        sealed.write_all(key.as_bytes())?;
        Ok(Writer { sealed: Some(sealed), bytes: 0, place: folder.join(name), folder, temporary, inner })
    }

    /// Reads a value from its beginning; `None` if there is none. Altered bytes end the stream with an `InvalidData` error.
    ///
    /// # Errors
    /// [`ShelfError::Kind`], [`ShelfError::Damaged`], [`ShelfError::Seal`], [`ShelfError::Io`].
    pub fn reader(&self, kind: &str, key: &str) -> Result<Option<Reader>, ShelfError> {
        let folder = self.folder(kind)?;
        let name = self.name(kind, key);
        let file = match self.inner.disk.open(&folder.join(&name), OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut sealed = SealedReader::new(file, &self.inner.key, &additional(kind, &name))?;
        if read_key(&mut sealed)? != key {
            return Err(ShelfError::Damaged);
        }
        Ok(Some(Reader { sealed }))
    }

    fn folder(&self, kind: &str) -> Result<PathBuf, ShelfError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.bytes().all(plain) {
            return Ok(self.inner.dir.join(kind));
        }
        Err(ShelfError::Kind)
    }

    /// The file name of a key: a keyed hash, which says nothing to someone without the keys.
    fn name(&self, kind: &str, key: &str) -> String {
        let mut text = kind.as_bytes().to_vec();
        text.push(0);
        text.extend_from_slice(key.as_bytes());
        let hash = self.inner.names.mac(&text);
        hex::encode(hash.get(..NAME_BYTES).unwrap_or(&hash))
    }
}

/// Binds a file to its name: swapped files do not open.
fn additional<'a>(kind: &'a str, name: &'a str) -> [&'a [u8]; 3] {
    [b"shelf", kind.as_bytes(), name.as_bytes()]
}

fn read_key(sealed: &mut impl Read) -> Result<String, ShelfError> {
    let mut len = [0; 2];
    sealed.read_exact(&mut len)?;
    let len = usize::from(u16::from_be_bytes(len));
    if len > KEY_BYTES_MAX {
        return Err(ShelfError::Damaged);
    }
    let mut key = vec![0; len];
    sealed.read_exact(&mut key)?;
    String::from_utf8(key).map_err(|_| ShelfError::Damaged)
}

/// A value that is being written. Dropped without [`Self::finish`] it leaves what stood there before.
pub struct Writer {
    inner: Arc<Inner>,
    sealed: Option<SealedWriter<Box<dyn File>>>,
    bytes: u64,
    temporary: PathBuf,
    place: PathBuf,
    folder: PathBuf,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({} bytes)", self.bytes)
    }
}

impl Writer {
    /// Bytes taken so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the value in its place, durable on return; gives its length in bytes.
    ///
    /// # Errors
    /// [`ShelfError::Io`]: the old or the new value is there.
    pub fn finish(mut self) -> Result<u64, ShelfError> {
        let sealed = self.sealed.take().ok_or_else(closed)?;
        let placed = sealed.finish().and_then(|(_, file)| {
            file.sync()?;
            drop(file);
            self.inner.disk.rename(&self.temporary, &self.place)?;
            self.inner.disk.sync_dir(&self.folder)
        });
        if placed.is_err() {
            self.discard();
        }
        placed?;
        Ok(self.bytes)
    }

    /// Removes the half-written file. Where that fails too, the next start does it.
    fn discard(&self) {
        let _ = self.inner.disk.remove(&self.temporary);
    }
}

fn closed() -> io::Error {
    io::Error::other("the value is finished")
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.sealed.as_mut().ok_or_else(closed)?.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.sealed.take().is_some() {
            self.discard();
        }
    }
}

/// A value that is being read.
pub struct Reader {
    sealed: SealedReader<Box<dyn File>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader(..)")
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.sealed.read(buffer)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;
