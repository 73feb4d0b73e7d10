//! The door to files. Everything durable of Ward except the index engine goes through [`Disk`].
//!
//! Two implementations: [`RealDisk`] (the operating system's files) and [`crate::fault::FaultDisk`] (a model in memory that
//! loses, tears and reorders what was not synced). Code that takes a `&dyn Disk` can therefore be walked through a crash
//! at each of its steps.
//!
//! What is durable, and when:
//! - bytes and length of a file: when [`File::sync`] returned;
//! - a created, renamed or removed *name*: when [`Disk::sync_dir`] of its folder returned;
//! - folders made by [`Disk::create_dir_all`]: when it returned.
//!
//! A failed `sync` says nothing about which bytes are durable, and a second `sync` that succeeds does not prove that they
//! are (the kernel may have dropped them). Stop using what you wrote, and read it back after a restart.

use std::fmt::Debug;
use std::io;
use std::path::Path;

mod real;

pub use real::RealDisk;

/// How [`Disk::open`] treats a file that exists, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Read only; the file must exist.
    Read,
    /// Read and write; the file must exist.
    Write,
    /// Read and write; the file must not exist and is made empty.
    CreateNew,
    /// Read and write; the file is made empty if it does not exist and is left as it is if it does.
    OpenOrCreate,
}

/// One name in a folder, as [`Disk::list`] gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name alone, without its folder. Names that are not UTF-8 are not listed: Ward makes none.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Length of a file in bytes; 0 for a folder.
    pub len_bytes: u64,
}

/// Files and folders. Object safe, and shared between threads.
///
/// Errors are the operating system's, as [`io::Error`]: look at [`io::Error::kind`] (`NotFound`, `AlreadyExists`,
/// `StorageFull`).
pub trait Disk: Send + Sync + Debug {
    /// Makes the folder and those above it; durable on return. Does nothing where it exists.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// The names in a folder, sorted; `NotFound` if there is no such folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Opens a file. A file made here is durable as a name only after [`Disk::sync_dir`].
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>>;

    /// Gives a file another name and replaces what bore it: readers see the old or the new file, never neither. Durable
    /// after [`Disk::sync_dir`] of the folder (of both, where they differ).
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with everything in it; succeeds where there is none.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in this folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Length of a file in bytes.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Takes the exclusive lock of a file (made if needed), for as long as the guard lives. The lock dies with its
    /// process, so a crash leaves none behind.
    ///
    /// # Errors
    /// `WouldBlock` if someone else, in this process or another, holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>>;
}

/// An open file. All calls name their offset, so one handle may be shared between threads.
pub trait File: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at or after the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all the bytes at `offset`; a gap before them reads as zeros. On an error any part of them may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Writes all the bytes at the end and returns the offset at which they begin. One handle's appends do not mix.
    fn append(&self, bytes: &[u8]) -> io::Result<u64>;

    /// Makes bytes and length durable. See the module's words on a failed sync.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len_bytes: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is not one byte in the file.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills the buffer from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut done = 0usize;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(offset.saturating_add(done as u64), rest) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Holds a lock taken by [`Disk::lock`] until it is dropped.
pub trait LockGuard: Send + Sync + Debug {}

/// Reads a whole file of at most `limit_bytes`.
///
/// # Errors
/// `InvalidData` if it is longer, else those of [`Disk::open`] and [`File::read_at`].
pub fn read(disk: &dyn Disk, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let len = file.len()?;
    if len > limit_bytes {
        let words = format!("the file has {len} bytes, more than the {limit_bytes} expected at most");
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut bytes = vec![0; len];
    file.read_exact_at(0, &mut bytes)?;
    Ok(bytes)
}

/// Writes a small file so that after a crash it has either its old or its new bytes: temporary file, sync, rename, sync of
/// the folder. Durable on return. The temporary name is the path with `.tmp` added; one left by a crash is overwritten.
///
/// Two writers of one path must take turns.
pub fn write_durably(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let file = disk.open(temporary, OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    drop(file);
    disk.rename(temporary, path)?;
    disk.sync_dir(parent(path))
}

/// The folder of a path; `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
