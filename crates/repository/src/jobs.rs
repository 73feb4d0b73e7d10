//! Jobs: work that takes longer than a request: exports, imports, requests answered later (R4 async.html).
//!
//! A job is a sealed record on the shelf, with what it was asked, by whom and with which rights, and how far it is. A few
//! threads work on jobs in the order in which they came. After `kill -9` a job goes on from its last checkpoint. Its files
//! stand on the shelf beside it until it expires or is removed. Nobody but the actor who began a job sees it: to others it
//! is not there.
//!
//! What a job does is the business of its [`Runner`]. Not for: anything that is over within a request.

mod record;
mod ticket;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use fhir::json::Value;
use parking_lot::{Condvar, Mutex};
use protect::access::Interaction;
use storage::shelf::{Shelf, ShelfError};

use crate::access::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::gate::{self, Caller, Reach};
use crate::store::{Inner, Store};

pub(crate) use record::Job;
pub use record::{FileRole, JobFile, JobState, JobStatus};
pub use ticket::{FileWriter, Stop, Ticket};

/// The kind of job records on the shelf.
const RECORDS: &str = "job";
/// The kind of job files on the shelf; keys are `job/number`.
pub(crate) const FILES: &str = "job-file";
/// How often it is looked whether a job has expired.
const CLEAN_EVERY: Duration = Duration::from_secs(60);

/// Bounds of jobs.
#[derive(Clone, Debug)]
pub struct JobOptions {
    /// Jobs at work at a time.
    pub workers: usize,
    /// Jobs that may wait; more are refused.
    pub waiting_max: usize,
    /// Jobs of one actor, at work, waiting or kept.
    pub of_one_actor_max: usize,
    /// How long a finished job and its files are kept, in milliseconds.
    pub kept_ms: i64,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self { workers: 2, waiting_max: 64, of_one_actor_max: 32, kept_ms: 24 * 3_600_000 }
    }
}

/// Does the work of one kind of job.
pub trait Runner: Send + Sync {
    /// Does all of it, from the ticket's checkpoint on.
    ///
    /// # Errors
    /// [`Stop::Failed`] ends the job for good; [`Stop::Interrupted`] leaves it for the next start.
    fn run(&self, ticket: &Ticket<'_>) -> Result<(), Stop>;
}

/// The jobs of a store. Clones share them.
#[derive(Clone)]
pub struct Jobs {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs(..)")
    }
}

pub(crate) struct Shared {
    pub(crate) inner: Arc<Inner>,
    pub(crate) shelf: Shelf,
    options: JobOptions,
    state: Mutex<State>,
    /// Held while a record is written, so that a job that was cancelled is not written down again.
    writing: Mutex<()>,
    wake: Condvar,
    stopping: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Entry>,
    queue: VecDeque<String>,
    runners: HashMap<&'static str, Arc<dyn Runner>>,
}

struct Entry {
    job: Job,
    cancelled: Arc<AtomicBool>,
}

/// A job that a worker takes on.
struct Next {
    id: String,
    job: Job,
    runner: Arc<dyn Runner>,
    cancelled: Arc<AtomicBool>,
}

impl From<ShelfError> for Error {
    fn from(error: ShelfError) -> Self {
        let kind = match error.kind() {
            storage::ErrorKind::Corrupt => ErrorKind::Corrupt,
            storage::ErrorKind::Internal | storage::ErrorKind::Invalid => ErrorKind::Internal,
            _ => ErrorKind::Unavailable,
        };
        Self::internal(kind, error)
    }
}

impl Jobs {
    /// Finds the jobs of a store that has a shelf. Nothing is done until [`Self::start`].
    ///
    /// # Errors
    /// `Internal` without a shelf, `Corrupt` or `Unavailable` if it does not read.
    pub fn open(store: &Store, options: JobOptions) -> Result<Self> {
        let inner = Arc::clone(store.inner());
        let shelf = inner
            .shelf
            .clone()
            .ok_or_else(|| Error::internal(ErrorKind::Internal, "this store was opened without a shelf"))?;
        let mut state = State::default();
        for id in shelf.list(RECORDS)? {
            let Some(bytes) = shelf.get(RECORDS, &id)? else { continue };
            let job = Job::read(&bytes).ok_or_else(|| crate::view::corrupt("a job does not read"))?;
            state.jobs.insert(id, Entry { job, cancelled: Arc::default() });
        }
        // What a crash left of jobs that are gone.
        for key in shelf.list(FILES)? {
            let owner = key.split_once('/').map_or("", |(id, _)| id);
            if !state.jobs.contains_key(owner) {
                shelf.remove(FILES, &key)?;
            }
        }
        let mut unfinished: Vec<(i64, String)> = state
            .jobs
            .iter()
            .filter(|(_, entry)| !entry.job.state.is_finished())
            .map(|(id, entry)| (entry.job.created_ms, id.clone()))
            .collect();
        unfinished.sort();
        state.queue = unfinished.into_iter().map(|(_, id)| id).collect();
        let shared = Shared {
            inner,
            shelf,
            options,
            state: Mutex::new(state),
            writing: Mutex::new(()),
            wake: Condvar::new(),
            stopping: AtomicBool::new(false),
            threads: Mutex::default(),
        };
        let jobs = Self { shared: Arc::new(shared) };
        jobs.serve("export", Arc::new(crate::export::Exporter));
        Ok(jobs)
    }

    /// Says who does the jobs of a kind. Jobs of a kind that nobody does wait.
    pub fn serve(&self, kind: &'static str, runner: Arc<dyn Runner>) {
        self.shared.state.lock().runners.insert(kind, runner);
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.shared.inner
    }

    /// Begins to work.
    ///
    /// # Errors
    /// `Unavailable` if a thread cannot be had.
    pub fn start(&self) -> Result<()> {
        let mut threads = self.shared.threads.lock();
        for number in 0..self.shared.options.workers {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new()
                .name(format!("job-{number}"))
                .spawn(move || shared.work())
                .map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
            threads.push(thread);
        }
        Ok(())
    }

    /// Stops working: jobs are left at their next checkpoint, for the next start.
    pub fn close(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.wake.notify_all();
        for thread in self.shared.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a job ended by a panic");
            }
        }
        self.shared.state.lock().runners.clear();
    }

    /// Whether a job of this caller's would be taken now.
    pub fn has_room(&self, caller: &Caller) -> bool {
        self.has_room_in(&self.shared.state.lock(), caller)
    }

    fn has_room_in(&self, state: &State, caller: &Caller) -> bool {
        let own = state.jobs.values().filter(|entry| entry.job.is_of(caller)).count();
        state.queue.len() < self.shared.options.waiting_max && own < self.shared.options.of_one_actor_max
    }

    /// Takes a job, durable on return, and gives its id. `request` is the URL that it was asked by, `spec` what its runner
    /// needs. Leaves an audit event that names the kind.
    ///
    /// # Errors
    /// `Unavailable` if too many wait or the caller has too many.
    pub fn begin(
        &self,
        caller: &Caller,
        kind: &'static str,
        request: &str,
        spec: impl FnOnce() -> Result<Value>,
    ) -> Result<String> {
        self.begin_as(caller, (self.draw_id(), kind), request, spec)
    }

    /// A new id for a job.
    pub(crate) fn draw_id(&self) -> String {
        let mut id = [0; 16];
        self.shared.inner.random.fill(&mut id);
        crate::codec::uuid_text(&id)
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shared.shelf
    }

    /// As [`Self::begin`], under an id that was drawn before.
    pub(crate) fn begin_as(
        &self,
        caller: &Caller,
        (id, kind): (String, &'static str),
        request: &str,
        spec: impl FnOnce() -> Result<Value>,
    ) -> Result<String> {
        let shared = &self.shared;
        // Who may only see masked begins what masks: exports, and requests, which are let in or refused when they are carried out.
        let decided = if matches!(kind, "export" | "request") { Ok(()) } else { caller.sees_unmasked() };
        let (decided, deed) = (decided.map(|()| Reach::All), (Interaction::Operation, None, kind));
        gate::recorded_in_view(&shared.inner, caller, deed, decided, |_| {
            let spec = spec()?;
            let job = Job::new(&id, kind, caller.clone(), request, spec, shared.inner.clock.now_ms());
            let mut state = shared.state.lock();
            if !self.has_room_in(&state, caller) {
                return Err(Error::new(
                    ErrorKind::Throttled,
                    "too many jobs wait or are kept: remove finished ones with DELETE, or come again later",
                ));
            }
            shared.shelf.put(RECORDS, &id, &job.to_vec())?;
            state.jobs.insert(id.clone(), Entry { job, cancelled: Arc::default() });
            state.queue.push_back(id.clone());
            events::jobs(state.queue.len());
            drop(state);
            shared.wake.notify_one();
            Ok(id)
        })
    }

    /// How a job of the caller's stands.
    ///
    /// # Errors
    /// `NotFound` if there is none of this id, or it is not the caller's.
    pub fn status(&self, caller: &Caller, id: &str) -> Result<JobStatus> {
        let state = self.shared.state.lock();
        let entry = state.jobs.get(id).filter(|entry| entry.job.is_of(caller));
        entry.map(|entry| entry.job.status(self.shared.options.kept_ms)).ok_or_else(none)
    }

    /// Ends a job of the caller's and removes it with its files.
    ///
    /// # Errors
    /// `NotFound` as for [`Self::status`]; `Unavailable`.
    pub fn cancel(&self, caller: &Caller, id: &str) -> Result<()> {
        let shared = &self.shared;
        let deed = (Interaction::Operation, None, "cancel");
        gate::recorded_in_view(&shared.inner, caller, deed, Ok(Reach::All), |_| {
            {
                let _writing = shared.writing.lock();
                let mut state = shared.state.lock();
                let entry =
                    state.jobs.get_mut(id).filter(|entry| entry.job.is_of(caller)).ok_or_else(none)?;
                let at_work = entry.job.state == JobState::Running;
                // Once its record is gone, so is the job, whatever happens to its files: those without a job are removed
                // at the next start.
                shared.shelf.remove(RECORDS, id)?;
                entry.cancelled.store(true, Ordering::Release);
                entry.job.hidden = true;
                state.queue.retain(|waiting| waiting != id);
                if at_work {
                    return Ok(()); // Its worker sees it at the next look and clears up.
                }
            }
            shared.forget(id)
        })
    }

    /// A file of the caller's job, as a stream. Leaves an audit event with the file's type and count.
    ///
    /// # Errors
    /// `NotFound` if there is no such job or file, or it is not the caller's; `Corrupt`, `Unavailable`.
    pub fn file(
        &self,
        caller: &Caller,
        id: &str,
        number: u32,
    ) -> Result<(JobFile, impl Read + Send + use<>)> {
        let shared = &self.shared;
        let file = {
            let state = shared.state.lock();
            let entry = state.jobs.get(id).filter(|entry| entry.job.is_of(caller));
            let file = entry.and_then(|entry| entry.job.files.iter().find(|file| file.number == number));
            file.cloned()
        };
        let told = file.as_ref().map(|file| format!("{} {} of a job's file", file.count, file.resource_type));
        let told = told.unwrap_or_default();
        let kind = file.as_ref().map(|file| file.resource_type.clone());
        let deed = (Interaction::Operation, kind.as_deref(), told.as_str());
        gate::recorded_in_view(&shared.inner, caller, deed, Ok(Reach::All), |_| {
            let file = file.ok_or_else(none)?;
            let reader = shared.shelf.reader(FILES, &file_key(id, number))?.ok_or_else(none)?;
            let plain = zstd::stream::read::Decoder::new(reader).map_err(crate::view::engine)?;
            Ok((file, plain))
        })
    }
}

impl Jobs {
    /// The files of finished exports, whoever began them, ascending by job and number: for a scan. Leaves no event: it tells names
    /// of jobs alone.
    pub fn exported(&self) -> Vec<(String, JobFile)> {
        let state = self.shared.state.lock();
        let done = state.jobs.iter().filter(|(_, entry)| {
            entry.job.kind == "export" && entry.job.state == JobState::Done && !entry.job.hidden
        });
        let files =
            done.flat_map(|(id, entry)| entry.job.files.iter().map(|file| (id.clone(), file.clone())));
        files.filter(|(_, file)| file.role == FileRole::Output).collect()
    }

    /// A file of somebody's finished export, for a scan by a caller who may do everything; `None` if it is gone. Leaves an audit
    /// event with the file's type and count.
    ///
    /// # Errors
    /// `Denied`, `Corrupt`, `Unavailable`.
    pub fn exported_file(
        &self,
        caller: &Caller,
        id: &str,
        file: &JobFile,
    ) -> Result<Option<impl Read + Send + use<>>> {
        let shared = &self.shared;
        let access = Access::new(Arc::clone(&shared.inner), caller.clone());
        access.deed(Interaction::Scan, "export", || {
            let reader = shared.shelf.reader(FILES, &file_key(id, file.number))?;
            let plain = reader.map(zstd::stream::read::Decoder::new).transpose();
            let note = format!("{} {} looked at", file.count, file.resource_type);
            Ok((plain.map_err(crate::view::engine)?, note))
        })
    }
}

fn none() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such job: it is not yours, was removed, or has expired")
}

fn file_key(id: &str, number: u32) -> String {
    format!("{id}/{number}")
}

impl Shared {
    /// One worker: does jobs until it is told to stop.
    fn work(&self) {
        while let Some(Next { id, job, runner, cancelled }) = self.next() {
            let kind = job.kind.clone();
            let ticket = Ticket::new(self, job, cancelled);
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runner.run(&ticket)));
            let ran = ran.unwrap_or_else(|_| {
                tracing::error!(kind, "a job panicked");
                Err(Stop::Failed(Error::internal(ErrorKind::Internal, "a job panicked")))
            });
            self.finish(&id, ticket, ran);
        }
    }

    /// The next job to work on; `None` when it is time to stop.
    fn next(&self) -> Option<Next> {
        let mut state = self.state.lock();
        loop {
            if self.stopping.load(Ordering::Acquire) {
                return None;
            }
            let runs = |id: &&String| {
                let kind = state.jobs.get(*id).map(|entry| entry.job.kind.as_str());
                kind.is_some_and(|kind| state.runners.contains_key(kind))
            };
            let ready = state.queue.iter().find(runs).cloned();
            if let Some(id) = ready {
                state.queue.retain(|waiting| *waiting != id);
                events::jobs(state.queue.len());
                let State { jobs, runners, .. } = &mut *state;
                let Some(entry) = jobs.get_mut(&id) else { continue };
                let Some(runner) = runners.get(entry.job.kind.as_str()) else { continue };
                entry.job.state = JobState::Running;
                let (job, cancelled) = (entry.job.clone(), Arc::clone(&entry.cancelled));
                return Some(Next { id, job, runner: Arc::clone(runner), cancelled });
            }
            if self.wake.wait_for(&mut state, CLEAN_EVERY).timed_out() {
                let expired = self.expired(&state);
                parking_lot::MutexGuard::unlocked(&mut state, || self.remove_all(expired));
            }
        }
    }

    fn finish(&self, id: &str, ticket: Ticket<'_>, ran: Result<(), Stop>) {
        let (job, cancelled) = ticket.into_parts();
        self.conclude(job, &cancelled, ran);
        if cancelled.load(Ordering::Acquire)
            && let Err(error) = self.forget(id)
        {
            tracing::warn!(error = %error, "a cancelled job could not be removed; it is at the next start");
        }
    }

    fn conclude(&self, mut job: Job, cancelled: &AtomicBool, ran: Result<(), Stop>) {
        let error = match ran {
            Ok(()) => None,
            // Left for the next start, as its last checkpoint has it.
            Err(Stop::Interrupted) => return self.put_back(&job.id),
            Err(Stop::Failed(error)) if error.kind() == ErrorKind::Unavailable && self.is_closing() => {
                return self.put_back(&job.id);
            }
            Err(Stop::Failed(error)) => Some(error),
        };
        job.state = if error.is_some() { JobState::Failed } else { JobState::Done };
        job.finished_ms = Some(self.inner.clock.now_ms());
        if let Some(error) = &error {
            let internal = error.internal_text().unwrap_or_default();
            tracing::warn!(kind = job.kind, internal, "a job failed");
            job.failure = Some(error.outcome().to_json());
        }
        events::job_done(&job.kind, error.is_none());
        if let Err(error) = self.keep(&job, cancelled) {
            // It is done again after the next start.
            tracing::error!(error = %error, "the end of a job could not be written down");
        }
    }

    fn put_back(&self, id: &str) {
        if let Some(entry) = self.state.lock().jobs.get_mut(id) {
            entry.job.state = JobState::Waiting;
        }
    }

    /// Whether writes are refused until a restart.
    fn is_closing(&self) -> bool {
        self.stopping.load(Ordering::Acquire) || self.inner.is_poisoned()
    }

    /// Writes a job down, and shows it so; one that was cancelled is let be.
    fn keep(&self, job: &Job, cancelled: &AtomicBool) -> Result<()> {
        let _writing = self.writing.lock();
        if cancelled.load(Ordering::Acquire) {
            return Ok(());
        }
        self.shelf.put(RECORDS, &job.id, &job.to_vec())?;
        if let Some(entry) = self.state.lock().jobs.get_mut(&job.id) {
            entry.job = job.clone();
        }
        Ok(())
    }

    /// Removes a job and its files; the record last, so that a crash between leaves it to be found again.
    fn forget(&self, id: &str) -> Result<()> {
        let prefix = format!("{id}/");
        for key in self.shelf.list(FILES)?.iter().filter(|key| key.starts_with(&prefix)) {
            self.shelf.remove(FILES, key)?;
        }
        self.shelf.remove(RECORDS, id)?;
        self.state.lock().jobs.remove(id);
        Ok(())
    }

    fn expired(&self, state: &State) -> Vec<String> {
        let now_ms = self.inner.clock.now_ms();
        let old = |job: &Job| {
            job.finished_ms.is_some_and(|finished| now_ms.saturating_sub(finished) > self.options.kept_ms)
        };
        state.jobs.iter().filter(|(_, entry)| old(&entry.job)).map(|(id, _)| id.clone()).collect()
    }

    fn remove_all(&self, expired: Vec<String>) {
        for id in expired {
            if let Err(error) = self.forget(&id) {
                tracing::warn!(error = %error, "an expired job could not be removed; it is tried again");
            }
        }
    }
}
