//! The archive: what came in, byte for byte, each content once, sealed.
//!
//! A message is put here before anything else is done with it, and [`Archive::put`] returns only when it is durable. Objects
//! are named by a keyed hash of their content, so that a name says nothing to someone without the key, and the same
//! content is not kept twice. They stand in pack files in the order in which they came; many threads that put at once
//! share one write and one fsync.
//!
//! It is *not* for values that change, nor for searching: a caller keeps the digest or the sequence number.
//! `docs/internals/archive.md` has the layout.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::disk::{Disk, File, LockGuard};
use crate::keys::{DataKey, KeyError, KeyRing, MacKey, TenantId};
use crate::seal::SealError;

mod object;
mod pack;

use pack::Place;

/// The largest object: 64 MiB.
pub const OBJECT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest note beside an object.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Objects in one archive.
const OBJECTS_MAX: usize = u32::MAX as usize;
/// Bytes that may wait for the next write; who comes when there are more waits before it joins them.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The name of an object: HMAC-SHA-256 of its content under a key of the tenant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Half of it is enough to tell objects apart, and takes half the memory.
    fn short(&self) -> Short {
        let (short, _) = self.0.split_first_chunk().unwrap_or((&[0; 16], &[]));
        *short
    }
}

type Short = [u8; 16];

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// What stands in the archive under a digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Its place in the order of arrival, from 0.
    pub sequence: u64,
    /// Its name.
    pub digest: Digest,
    /// What was put beside it when it first came: where from, when. Empty if nothing was.
    pub note: Vec<u8>,
    /// The content.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({}, {} bytes)", self.sequence, self.bytes.len())
    }
}

/// Why the archive does not take or give something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// An object over [`OBJECT_BYTES_MAX`], or a note over [`NOTE_BYTES_MAX`].
    #[error("{bytes} bytes are more than the archive takes at once")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// There are as many objects as an archive can hold.
    #[error("the archive is full")]
    Full,
    /// The write that carried this object failed: it is not archived. Trying again may help (a full disk, say).
    #[error("writing to the archive failed: {kind}")]
    Write {
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// An fsync failed before; nothing more is taken until a restart.
    #[error("an earlier fsync of the archive failed: restart to go on")]
    Poisoned,
    /// Another process has it open.
    #[error("another process has the archive open")]
    Locked,
    /// A pack does not hold what it should.
    #[error("pack {pack} of the archive is damaged at byte {offset}")]
    Damaged {
        /// Which pack file.
        pack: u32,
        /// Where in it.
        offset: u64,
    },
    /// Reading, or opening, a file failed.
    #[error("a file of the archive could not be read")]
    Io(#[from] io::Error),
    /// The keys are not to be had.
    #[error("the keys of the archive are not to be had")]
    Key(#[from] KeyError),
    /// An object does not open.
    #[error("an object of the archive does not open")]
    Seal(#[from] SealError),
}

/// How an archive is kept.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveOptions {
    /// Bytes after which a new pack file is begun.
    pub pack_bytes_max: u64,
    /// zstd's level, 1 to 19.
    pub compression_level: i32,
    /// What the key of names is for: archives of different uses call the same content differently.
    pub names: &'static str,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { pack_bytes_max: 64 * 1024 * 1024, compression_level: 3, names: "archive names" }
    }
}

/// The archive of one tenant. Shared between threads.
///
/// It keeps about 45 bytes in memory for each object.
pub struct Archive {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<DataKey>,
    names: MacKey,
    options: ArchiveOptions,
    state: Mutex<State>,
    /// A batch was written, or failed.
    turned: Condvar,
    _lock: Box<dyn LockGuard>,
}

struct State {
    known: HashMap<Short, u32>,
    /// Where each object is, by sequence number.
    places: Vec<Place>,
    queue: Vec<Waiting>,
    queue_bytes: usize,
    /// Objects in the queue or being written, and the batch that carries them.
    queued: HashMap<Short, u64>,
    /// The batch that is being filled.
    filling: u64,
    /// The newest batch that was written or failed.
    finished: u64,
    /// Whether some thread is writing a batch.
    writing: bool,
    failure: io::ErrorKind,
    poisoned: bool,
    pack: Pack,
}

struct Waiting {
    digest: Digest,
    frame: Vec<u8>,
}

/// The pack that is written to.
#[derive(Clone)]
struct Pack {
    file: Arc<dyn File>,
    number: u32,
    end: u64,
}

impl Archive {
    /// Opens the archive of a tenant in a folder, which is made if needed. A torn tail, which nobody was told is durable,
    /// is cut.
    ///
    /// # Errors
    /// [`ArchiveError::Locked`], [`ArchiveError::Io`], [`ArchiveError::Key`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        ring: &KeyRing,
        tenant: TenantId,
        options: ArchiveOptions,
    ) -> Result<Self, ArchiveError> {
        disk.create_dir_all(dir)?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => ArchiveError::Locked,
            _ => error.into(),
        })?;
        let found = pack::open_all(disk.as_ref(), dir)?;
        let mut known = HashMap::with_capacity(found.objects.len());
        let mut places = Vec::with_capacity(found.objects.len());
        for (digest, place) in found.objects {
            let sequence = u32::try_from(places.len()).map_err(|_| ArchiveError::Full)?;
            known.entry(digest.short()).or_insert(sequence);
            places.push(place);
        }
        let state = State {
            known,
            places,
            queue: Vec::new(),
            queue_bytes: 0,
            queued: HashMap::new(),
            filling: 1,
            finished: 0,
            writing: false,
            failure: io::ErrorKind::Other,
            poisoned: false,
            pack: Pack { file: Arc::from(found.file), number: found.number, end: found.end },
        };
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            key: ring.general_key(tenant)?,
            names: ring.mac_key(tenant, options.names)?,
            options,
            state: Mutex::new(state),
            turned: Condvar::new(),
            _lock: lock,
        })
    }

    /// Puts an object in, durable on return; does nothing where the content is there already.
    ///
    /// # Errors
    /// [`ArchiveError::TooLong`], [`ArchiveError::Full`], [`ArchiveError::Write`], [`ArchiveError::Poisoned`]. The object
    /// must then be taken as not archived.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, ArchiveError> {
        self.put_noted(bytes, &[])
    }

    /// Like [`Self::put`], with a sealed note beside it. Of content that comes twice the first note stays.
    ///
    /// # Errors
    /// Those of [`Self::put`].
    pub fn put_noted(&self, bytes: &[u8], note: &[u8]) -> Result<Digest, ArchiveError> {
        let digest = self.digest(bytes);
        let batch = self.submit(digest, bytes, note)?;
        self.wait(digest, batch)?;
        Ok(digest)
    }

    /// Puts many objects in with as few writes as possible; durable on return, in this order.
    ///
    /// # Errors
    /// Those of [`Self::put`]; any of the objects may be archived then.
    pub fn put_all<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Digest>, ArchiveError> {
        let mut batches = Vec::new();
        for bytes in objects {
            let digest = self.digest(bytes);
            batches.push((digest, self.submit(digest, bytes, &[])?));
        }
        for (digest, batch) in &batches {
            self.wait(*digest, *batch)?;
        }
        Ok(batches.into_iter().map(|(digest, _)| digest).collect())
    }

    /// Puts several objects in, all with the same note, with as few writes as possible; each that succeeds is durable on
    /// return.
    ///
    /// # Errors
    /// Those of [`Self::put`], for each object its own.
    pub fn put_each_noted(&self, objects: &[&[u8]], note: &[u8]) -> Vec<Result<Digest, ArchiveError>> {
        let submit = |bytes: &&[u8]| {
            let digest = self.digest(bytes);
            self.submit(digest, bytes, note).map(|batch| (digest, batch))
        };
        // All of them are in the queue before the first is waited for.
        let submitted: Vec<_> = objects.iter().map(submit).collect();
        let wait = |submitted: Result<(Digest, Option<u64>), ArchiveError>| {
            let (digest, batch) = submitted?;
            self.wait(digest, batch)?;
            Ok(digest)
        };
        submitted.into_iter().map(wait).collect()
    }

    /// The name that this content has here, whether it is here or not.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        Digest(self.names.mac(bytes))
    }

    /// Whether an object is here.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.state.lock().known.contains_key(&digest.short())
    }

    /// How many objects are here.
    pub fn len(&self) -> u64 {
        self.state.lock().places.len() as u64
    }

    /// Whether nothing is here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An object by its name; `None` if it is not here.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`], [`ArchiveError::Seal`], [`ArchiveError::Io`].
    pub fn get(&self, digest: &Digest) -> Result<Option<Object>, ArchiveError> {
        let sequence = self.state.lock().known.get(&digest.short()).copied();
        let object = sequence.map_or(Ok(None), |sequence| self.at(u64::from(sequence)))?;
        Ok(object.filter(|object| object.digest == *digest))
    }

    /// The object that came at this place of the order; `None` after the last.
    ///
    /// # Errors
    /// Those of [`Self::get`].
    pub fn at(&self, sequence: u64) -> Result<Option<Object>, ArchiveError> {
        let Some(place) = self.place(sequence) else { return Ok(None) };
        let frame = pack::read_frame(self.disk.as_ref(), &self.dir, place)?;
        let (note, bytes) = object::open(&self.key, &frame.digest, &frame.sealed)?
            .ok_or(ArchiveError::Damaged { pack: place.pack, offset: u64::from(place.offset) })?;
        Ok(Some(Object { sequence, digest: frame.digest, note, bytes }))
    }

    /// Names in the order of arrival, from this place on, at most `objects_max`.
    ///
    /// # Errors
    /// Those of [`Self::get`].
    pub fn list(&self, from: u64, objects_max: usize) -> Result<Vec<(u64, Digest)>, ArchiveError> {
        let mut listed = Vec::new();
        for sequence in (from..).take(objects_max) {
            let Some(place) = self.place(sequence) else { break };
            listed.push((sequence, pack::read_digest(self.disk.as_ref(), &self.dir, place)?));
        }
        Ok(listed)
    }

    /// The objects in the order of arrival, from this place on; also those that come while it runs.
    pub fn replay(&self, from: u64) -> impl Iterator<Item = Result<Object, ArchiveError>> {
        (from..).map_while(|sequence| self.at(sequence).transpose())
    }

    fn place(&self, sequence: u64) -> Option<Place> {
        let sequence = usize::try_from(sequence).ok()?;
        self.state.lock().places.get(sequence).copied()
    }

    /// Joins the batch that is being filled; `None` if the object is there already.
    fn submit(&self, digest: Digest, bytes: &[u8], note: &[u8]) -> Result<Option<u64>, ArchiveError> {
        let longest = bytes.len().max(note.len() * (OBJECT_BYTES_MAX / NOTE_BYTES_MAX));
        if longest > OBJECT_BYTES_MAX {
            return Err(ArchiveError::TooLong { bytes: bytes.len().max(note.len()) });
        }
        if self.contains(&digest) {
            return Ok(None);
        }
        let sealed = object::seal(&self.key, &digest, note, bytes, self.options.compression_level)?;
        let frame = pack::frame(&digest, &sealed);
        let mut state = self.state.lock();
        while state.queue_bytes > QUEUE_BYTES_MAX && !state.poisoned {
            if state.writing {
                self.turned.wait(&mut state);
            } else {
                self.write_batch(&mut state);
            }
        }
        if state.poisoned {
            return Err(ArchiveError::Poisoned);
        }
        if state.known.contains_key(&digest.short()) {
            return Ok(None);
        }
        if let Some(batch) = state.queued.get(&digest.short()) {
            return Ok(Some(*batch));
        }
        if state.places.len() + state.queue.len() >= OBJECTS_MAX {
            return Err(ArchiveError::Full);
        }
        let batch = state.filling;
        state.queued.insert(digest.short(), batch);
        state.queue_bytes += frame.len();
        state.queue.push(Waiting { digest, frame });
        Ok(Some(batch))
    }

    /// Waits until a batch is written; the first who waits while nobody writes does the writing.
    fn wait(&self, digest: Digest, batch: Option<u64>) -> Result<(), ArchiveError> {
        let Some(batch) = batch else { return Ok(()) };
        let mut state = self.state.lock();
        loop {
            if state.known.contains_key(&digest.short()) {
                return Ok(());
            }
            if state.poisoned {
                return Err(ArchiveError::Poisoned);
            }
            if state.finished >= batch {
                return Err(ArchiveError::Write { kind: state.failure });
            }
            if state.writing {
                self.turned.wait(&mut state);
            } else {
                self.write_batch(&mut state);
            }
        }
    }

    /// Writes what is queued. The lock is open while the disk works, so the next batch fills meanwhile.
    fn write_batch(&self, state: &mut parking_lot::MutexGuard<'_, State>) {
        let batch = state.filling;
        state.filling += 1;
        state.writing = true;
        let waiting = std::mem::take(&mut state.queue);
        state.queue_bytes = 0;
        let mut pack = state.pack.clone();
        let written = parking_lot::MutexGuard::unlocked(state, || self.write_frames(&waiting, &mut pack));
        state.pack = pack;
        state.writing = false;
        state.finished = batch;
        for object in &waiting {
            state.queued.remove(&object.digest.short());
        }
        match written {
            Ok(places) => {
                for (object, place) in waiting.iter().zip(places) {
                    let sequence = state.places.len() as u32; // bounded by OBJECTS_MAX
                    state.known.insert(object.digest.short(), sequence);
                    state.places.push(place);
                }
            }
            Err(failure) => {
                state.failure = failure.error.kind();
                state.poisoned |= failure.poisons;
                tracing::error!(error = %failure.error, objects = waiting.len(), "a write to the archive failed");
            }
        }
        self.turned.notify_all();
    }

    fn write_frames(&self, waiting: &[Waiting], pack: &mut Pack) -> Result<Vec<Place>, Failure> {
        let total: usize = waiting.iter().map(|object| object.frame.len()).sum();
        if pack.end > pack::HEADER_BYTES && pack.end + total as u64 > self.options.pack_bytes_max {
            *pack = pack::begin_next(self.disk.as_ref(), &self.dir, pack).map_err(Failure::passing)?;
        }
        let mut bytes = Vec::with_capacity(total);
        let mut places = Vec::with_capacity(waiting.len());
        for object in waiting {
            let offset = u32::try_from(pack.end + bytes.len() as u64)
                .map_err(|_| Failure::passing(io::ErrorKind::FileTooLarge.into()))?;
            places.push(Place { pack: pack.number, offset });
            bytes.extend_from_slice(&object.frame);
        }
        // What a failed write leaves behind the end is overwritten by the next, or cut at the next start.
        pack.file.write_at(pack.end, &bytes).map_err(Failure::passing)?;
        if let Err(error) = pack.file.sync() {
            // The kernel may show these bytes to the next process although they will never reach the disk, and that
            // process would build on them.
            let _ = pack.file.set_len(pack.end);
            return Err(Failure { error, poisons: true });
        }
        pack.end += bytes.len() as u64;
        Ok(places)
    }
}

struct Failure {
    error: io::Error,
    /// After a failed fsync nobody knows what the disk holds.
    poisons: bool,
}

impl Failure {
    fn passing(error: io::Error) -> Self {
        Self { error, poisons: false }
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("objects", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod walk;
