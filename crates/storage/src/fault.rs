//! A disk that fails on command: a model in memory of what an operating system keeps, loses, tears and reorders.
//!
//! [`FaultDisk`] is a [`Disk`] with two states: what programs see now, and what would be left after the power went. They
//! differ by what was not synced. [`FaultDisk::crash`] cuts the power and gives the disk as it is found afterwards: of the
//! bytes that were not synced, any may be missing, in any order, torn at any byte; of the names that were not synced too,
//! apart from the bytes. [`FaultDisk::kill`] ends the process alone: what it wrote stays.
//!
//! A test takes a load through each of its steps with [`walk`]:
//!
//! ```
//! use std::path::Path;
//! use storage::disk::{self, Disk};
//! use storage::fault::{self, FaultDisk};
//!
//! let cases = fault::walk(
//!     7,
//!     |disk: &FaultDisk| {
//!         // The load. It returns what was acknowledged; after a fault it will get errors.
//!         let dir = Path::new("/data");
//!         disk.create_dir_all(dir).ok()?;
//!         disk::write_durably(disk, &dir.join("a"), b"old").ok()?;
//!         let new = disk::write_durably(disk, &dir.join("a"), b"new").is_ok();
//!         Some(new)
//!     },
//!     |disk: FaultDisk, acknowledged: Option<bool>, _case| {
//!         // The check, on the disk as it is after the restart.
//!         let found = disk::read(&disk, Path::new("/data/a"), 100).ok();
//!         match acknowledged {
//!             Some(true) => assert_eq!(found.as_deref(), Some(b"new".as_slice())),
//!             Some(false) => assert!(matches!(found.as_deref(), Some(b"old" | b"new"))),
//!             None => {}
//!         }
//!     },
//! );
//! assert!(cases > 20);
//! ```
//!
//! This is for tests, ours and those of crates above; nothing of it belongs in a running server.

mod model;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, Entry, File, LockGuard, OpenMode};
pub(crate) use model::Chance;
use model::{InodeId, Model};

pub use walk::{Case, Restart, walk};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes at the step: it may or may not be begun, and all later calls fail.
    PowerLoss,
    /// The step, or the first after it that needs room, fails with `StorageFull`; a write may be done in part. Later steps
    /// succeed.
    Full,
    /// As [`Fault::Full`], and the disk stays full until [`FaultDisk::repair`].
    StaysFull,
    /// The first sync of a file or folder at or after the step fails. Of the file's bytes that waited for it any part may
    /// have reached the disk; the rest is lost although programs still see it, and a later sync succeeds without it.
    FailedSync,
    /// The step fails with an I/O error; a write may be done in part, a sync fails as under [`Fault::FailedSync`].
    Error,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::PowerLoss, Self::Full, Self::StaysFull, Self::FailedSync, Self::Error];
}

/// A disk in memory that fails on command. Clones share one disk.
///
/// Steps are counted from 1: each call that changes something (makes, writes, cuts, renames, removes, syncs) is one. Reads,
/// listings and locks are none. The same seed and the same calls give the same disk.
#[derive(Clone, Debug)]
pub struct FaultDisk {
    model: Arc<Mutex<Model>>,
}

impl FaultDisk {
    /// An empty disk. The root folder `/` and the current folder `.` exist.
    pub fn new(seed: u64) -> Self {
        Self::of(Model::new(seed))
    }

    fn of(model: Model) -> Self {
        Self { model: Arc::new(Mutex::new(model)) }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.model.lock().steps
    }

    /// Plans a fault for a step (counted as in [`FaultDisk::steps`]); it takes the place of one planned before.
    pub fn plan(&self, step: u64, fault: Fault) {
        self.model.lock().plan = Some((step, fault));
    }

    /// Whether the planned fault has happened.
    pub fn has_failed(&self) -> bool {
        self.model.lock().has_failed
    }

    /// Forgets a planned fault and gives a full disk room again.
    pub fn repair(&self) {
        let mut model = self.model.lock();
        model.plan = None;
        model.is_full = false;
    }

    /// Cuts the power. This disk and all its files fail from now on; the one returned is what is found after the restart.
    #[must_use]
    pub fn crash(&self) -> Self {
        Self::of(self.model.lock().crash())
    }

    /// Ends the process, as `kill -9` does: locks are gone, what was written is there, what was not synced is still not safe.
    /// This disk and all its files fail from now on.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self::of(self.model.lock().kill())
    }

    /// Paths of all files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        self.model.lock().files()
    }

    /// Damages a file behind the back of the program, on the disk and in what is seen.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn damage(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) -> io::Result<()> {
        self.model.lock().damage(path, &change)
    }
}

impl Disk for FaultDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.model.lock().create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.model.lock().list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let inode = self.model.lock().open(path, mode)?;
        Ok(Box::new(FaultFile { model: Arc::clone(&self.model), inode, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.model.lock().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.model.lock().remove(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.model.lock().remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.model.lock().sync_dir(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.model.lock().exists(path)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.model.lock().len_of(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        let path = self.model.lock().lock(path)?;
        Ok(Box::new(FaultLock { model: Arc::clone(&self.model), path }))
    }
}

#[derive(Debug)]
struct FaultLock {
    model: Arc<Mutex<Model>>,
    path: PathBuf,
}

impl LockGuard for FaultLock {}

impl Drop for FaultLock {
    fn drop(&mut self) {
        self.model.lock().unlock(&self.path);
    }
}

#[derive(Debug)]
struct FaultFile {
    model: Arc<Mutex<Model>>,
    inode: InodeId,
    writable: bool,
}

impl FaultFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl File for FaultFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.model.lock().read_at(self.inode, offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_writable()?;
        self.model.lock().write_at(self.inode, offset, bytes)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        self.check_writable()?;
        let mut model = self.model.lock();
        let offset = model.len(self.inode)?;
        model.write_at(self.inode, offset, bytes)?;
        Ok(offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.model.lock().sync(self.inode)
    }

    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        self.check_writable()?;
        self.model.lock().set_len(self.inode, len_bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.model.lock().len(self.inode)
    }
}

#[cfg(test)]
mod tests;
