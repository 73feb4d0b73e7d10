//! A job in the hands of its runner: what is asked, where to go on, checkpoints, files.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fhir::json::Value;
use parking_lot::Mutex;
use storage::shelf::{Shelf, Writer};

use super::{FILES, FileRole, Job, JobFile, Shared, file_key};
use crate::error::{Error, ErrorKind};
use crate::gate::Caller;
use crate::store::Inner;

/// Lines of JSON compress well even so, and a fast level keeps up with the store.
const ZSTD_LEVEL: i32 = 1;

/// Why a runner does not go on.
#[derive(Debug)]
pub enum Stop {
    /// It cannot be done.
    Failed(Error),
    /// It was cancelled, or the store stops: the job is left at its last checkpoint.
    Interrupted,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A job at work.
pub struct Ticket<'s> {
    shared: &'s Shared,
    job: Mutex<Job>,
    caller: Caller,
    cancelled: Arc<AtomicBool>,
}

impl std::fmt::Debug for Ticket<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(..)")
    }
}

impl<'s> Ticket<'s> {
    pub(super) fn new(shared: &'s Shared, job: Job, cancelled: Arc<AtomicBool>) -> Self {
        let caller = job.caller.0.clone();
        Self { shared, job: Mutex::new(job), caller, cancelled }
    }

    pub(crate) fn inner(&self) -> &'s Arc<Inner> {
        &self.shared.inner
    }

    pub(crate) fn shelf(&self) -> &'s Shelf {
        &self.shared.shelf
    }

    /// Who asked, with the rights of then.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What was asked.
    pub fn spec(&self) -> Value {
        self.job.lock().spec.clone()
    }

    /// What was handed to [`Self::save`] last; `null` at the beginning.
    pub fn checkpoint(&self) -> Value {
        self.job.lock().checkpoint.clone()
    }

    /// The files that were finished up to the checkpoint.
    pub fn files(&self) -> Vec<JobFile> {
        self.job.lock().files.clone()
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Stop::Interrupted`].
    pub fn check(&self) -> Result<(), Stop> {
        if self.cancelled.load(Ordering::Acquire) || self.shared.stopping.load(Ordering::Acquire) {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// Writes a checkpoint, durable on return: after a crash the job goes on from here, with these files.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] if it is time to stop, after the checkpoint; [`Stop::Failed`] if it could not be written.
    pub fn save(&self, checkpoint: Value, files: &[JobFile], told: &str) -> Result<(), Stop> {
        let job = {
            let mut job = self.job.lock();
            job.checkpoint = checkpoint;
            job.files = files.to_vec();
            told.clone_into(&mut job.told);
            job.clone()
        };
        self.shared.keep(&job, &self.cancelled)?;
        self.check()
    }

    /// Says how far it is, for whoever asks now; it is not written down.
    pub fn tell(&self, told: &str) {
        let id = self.job.lock().id.clone();
        if let Some(entry) = self.shared.state.lock().jobs.get_mut(&id) {
            told.clone_into(&mut entry.job.told);
        }
    }

    /// Sets what is said of the result once the job is done.
    pub fn set_result(&self, result: Value) {
        self.job.lock().result = result;
    }

    /// Begins a file. It counts once it is finished and stands in a checkpoint.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    pub fn writer(&self, number: u32, role: FileRole, resource_type: &str) -> Result<FileWriter, Stop> {
        let key = file_key(&self.job.lock().id, number);
        let sealed = self.shared.shelf.writer(FILES, &key).map_err(Error::from)?;
        let out = zstd::stream::write::Encoder::new(sealed, ZSTD_LEVEL).map_err(broken)?;
        let resource_type = resource_type.to_owned();
        Ok(FileWriter { out, file: JobFile { number, role, resource_type, count: 0, bytes: 0 } })
    }

    pub(super) fn into_parts(self) -> (Job, Arc<AtomicBool>) {
        (self.job.into_inner(), self.cancelled)
    }
}

/// A file of a job, written line by line: compressed, sealed, in constant memory.
pub struct FileWriter {
    out: zstd::stream::write::Encoder<'static, Writer>,
    file: JobFile,
}

impl std::fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileWriter({} bytes)", self.file.bytes)
    }
}

impl FileWriter {
    /// Adds a line, which must have no line break in it.
    ///
    /// # Errors
    /// [`Stop::Failed`] if the disk refuses.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Stop> {
        self.out.write_all(line).and_then(|()| self.out.write_all(b"\n")).map_err(broken)?;
        self.file.count += 1;
        self.file.bytes += line.len() as u64 + 1;
        Ok(())
    }

    /// Bytes so far, as they will be sent.
    pub fn bytes(&self) -> u64 {
        self.file.bytes
    }

    /// Ends the file, durable on return.
    ///
    /// # Errors
    /// [`Stop::Failed`] if the disk refuses.
    pub fn finish(self) -> Result<JobFile, Stop> {
        let sealed = self.out.finish().map_err(broken)?;
        sealed.finish().map_err(Error::from)?;
        Ok(self.file)
    }
}

fn broken(error: std::io::Error) -> Stop {
    Stop::Failed(Error::internal(ErrorKind::Unavailable, error))
}
