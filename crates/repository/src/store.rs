//! The store: opened from its parts, it replays the tail of the log, runs the committer, and hands out `Access`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use protect::audit::AuditLog;
use storage::clock::{Clock, Random};
use storage::engine::{Engine, MemoryEngine};
use storage::keys::{KeyRing, TenantId};
use storage::log::{Log, Seq};
use storage::shelf::Shelf;
use tokio::sync::watch;

use crate::access::Access;
use crate::committer::Committer;
use crate::core::Core;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::Caller;
use crate::layout;
use crate::queue::Queue;
use crate::reindex::{Bell, Reindexing};
use crate::replay::{Position, fits, read_position, replay, take_layout};
use crate::veil::Veil;

/// What a store is made of. All handles are shared: `ward` opens each once.
#[derive(Clone)]
pub struct Parts {
    /// The log, the truth.
    pub log: Arc<dyn Log>,
    /// The index engine, opened with [`layout::SPACES`].
    pub engine: Arc<dyn Engine>,
    /// The keys.
    pub ring: Arc<KeyRing>,
    /// The audit log; every call writes one event.
    pub audit: Arc<AuditLog>,
    /// The time of commits.
    pub clock: Arc<dyn Clock>,
    /// Server-assigned ids are drawn from here.
    pub random: Arc<dyn Random>,
    /// Where things stand that are neither resources nor derivable; without it there are no jobs.
    pub shelf: Option<Shelf>,
    /// Bounds and switches.
    pub options: Options,
}

/// Bounds and switches of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether resources are checked against the R4 definitions on write. Off only for tests of the store itself.
    pub validate: bool,
    /// The base URL that absolute references to our own resources begin with, without a slash at the end.
    pub base_url: Option<String>,
    /// Whether resources are reindexed in the background when a search parameter comes or goes. Off only for tests that look
    /// at what stands before.
    pub reindex: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { validate: true, base_url: None, reindex: true }
    }
}

/// What all threads share.
pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    pub(crate) queue: Queue,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) shelf: Option<Shelf>,
    pub(crate) options: Options,
    veil: OnceLock<Arc<dyn Veil>>,
    applied: watch::Sender<u64>,
    /// The newest record that changed each type, in the order of type codes.
    newest: Vec<AtomicU64>,
    /// Wakes the thread that reindexes.
    pub(crate) bell: Bell,
    poisoned: AtomicBool,
}

impl Inner {
    /// What masks for the masked view, if there is something.
    pub(crate) fn veil(&self) -> Option<&dyn Veil> {
        self.veil.get().map(AsRef::as_ref)
    }

    /// The number of the record after the newest one that the index has.
    pub(crate) fn position(&self) -> u64 {
        *self.applied.borrow()
    }

    pub(crate) fn publish(&self, next: Seq) {
        self.applied.send_replace(next.0);
    }

    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    pub(crate) fn note_change(&self, type_code: u16, seq: u64) {
        if let Some(newest) = self.newest.get(usize::from(type_code)) {
            newest.fetch_max(seq, Ordering::AcqRel);
        }
    }

    /// The newest record that may have changed a type.
    pub(crate) fn newest_change(&self, type_code: u16) -> u64 {
        self.newest.get(usize::from(type_code)).map_or(u64::MAX, |newest| newest.load(Ordering::Acquire))
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}

/// The FHIR store of a node. Clones share it; when the last one goes, waiting writes are finished and the committer ends.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    committer: Arc<CommitterThread>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("position", &self.inner.position()).finish_non_exhaustive()
    }
}

struct CommitterThread {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
    reindexer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for CommitterThread {
    fn drop(&mut self) {
        self.stop();
    }
}

impl CommitterThread {
    fn stop(&self) {
        self.inner.bell.close();
        if let Some(thread) = self.reindexer.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("reindexing ended by a panic");
        }
        self.inner.queue.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the committer ended by a panic");
        }
    }
}

impl Store {
    /// Opens the store: applies what the log has and the index has not, then takes writes.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if log or index do not read, [`ErrorKind::Unavailable`] if they cannot be read now.
    pub fn open(parts: Parts) -> Result<Self> {
        Self::open_with_progress(parts, &mut |_| {})
    }

    /// Like [`Self::open`]; `progress` is told how far the replay is. With an empty engine this is the rebuild of an index.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_progress(parts: Parts, progress: &mut dyn FnMut(Progress)) -> Result<Self> {
        let Parts { log, engine, ring, audit, clock, random, shelf, options } = parts;
        let core = Core::new(log, engine, ring);
        let (applier, position) = bring_up(&core, progress)?;
        let inner = Arc::new(Inner {
            core,
            queue: Queue::default(),
            audit,
            clock,
            random,
            shelf,
            options,
            veil: OnceLock::new(),
            applied: watch::Sender::new(position.next.0),
            newest: std::iter::once(0)
                .chain(layout::type_codes())
                .map(|_| AtomicU64::new(position.next.0.saturating_sub(1)))
                .collect(),
            bell: Bell::default(),
            poisoned: AtomicBool::new(false),
        });
        let committer = Committer::new(Arc::clone(&inner), applier, position.next, position.time_ms);
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || committer.work())
            .map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
        let shared = Arc::clone(&inner);
        let reindexer = || {
            let builder = std::thread::Builder::new().name("reindexer".to_owned());
            let thread = builder.spawn(move || crate::reindex::work(&shared));
            thread.map_err(|error| Error::internal(ErrorKind::Unavailable, error))
        };
        let reindexer = if inner.options.reindex { Some(reindexer()?) } else { None };
        let committer = Arc::new(CommitterThread {
            inner: Arc::clone(&inner),
            thread: Mutex::new(Some(thread)),
            reindexer: Mutex::new(reindexer),
        });
        Ok(Self { inner, committer })
    }

    /// The only door: an actor, their purpose of use and their rights.
    pub fn access(&self, caller: Caller) -> Access {
        Access::new(Arc::clone(&self.inner), caller)
    }

    /// Says what masks for callers who may only see masked; the first one counts. Without one they see nothing.
    pub fn veil_with(&self, veil: Arc<dyn Veil>) {
        let _ = self.inner.veil.set(veil);
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// 32 bytes that nobody can guess.
    pub fn draw_secret(&self) -> [u8; 32] {
        let mut drawn = [0; 32];
        self.inner.random.fill(&mut drawn);
        drawn
    }

    /// The time as the store's clock has it, milliseconds since 1970 UTC.
    pub fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    /// Draws from the store's source of randomness.
    pub fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.inner.random.fill(&mut bytes);
        bytes
    }

    /// The number of the next record; grows with every commit.
    pub fn position(&self) -> u64 {
        self.inner.position()
    }

    /// The terminology of the default tenant: its stored resources, and the code sets of R4 beneath.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the index cannot be read.
    pub fn terminology(&self) -> Result<Arc<dyn fhir::terminology::Library>> {
        self.inner.core.terminology(storage::keys::TenantId::DEFAULT.0)
    }

    /// Where jobs and cursors stand; `None` in a store that was opened without.
    pub fn shelf(&self) -> Option<&Shelf> {
        self.inner.shelf.as_ref()
    }

    /// Whether the store takes writes; it does not after a failed one, until it is opened anew.
    pub fn takes_writes(&self) -> bool {
        !self.inner.is_poisoned()
    }

    /// Finishes waiting writes and takes no more.
    pub fn close(&self) {
        self.committer.stop();
    }
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records applied.
    pub records_done: u64,
    /// Records in the log when it began.
    pub records_total: u64,
}

fn bring_up(
    core: &Arc<Core>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(crate::applier::Applier, Position)> {
    take_layout(core.engine.as_ref())?;
    let mut applier = core.open_applier()?;
    let from = read_position(core.engine.as_ref())?;
    let end = core.log.next();
    if from.next > end {
        return Err(Error::internal(ErrorKind::Corrupt, "the index is ahead of the log: rebuild it"));
    }
    if from.next == end {
        return Ok((applier, from));
    }
    let total = end.0.saturating_sub(Seq::FIRST.0);
    let position = replay(core, &mut applier, from.next, None, &mut |at| {
        progress(Progress { records_done: at.next.0.saturating_sub(Seq::FIRST.0), records_total: total });
    })?;
    Ok((applier, position))
}

/// Whether an index has the layout that this Ward reads and writes. One that has not must be thrown away, and is built anew
/// from the log by [`Store::open`].
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the index cannot be read.
pub fn index_fits(engine: &dyn Engine) -> Result<bool> {
    fits(engine)
}

/// What `ward index status` tells of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexStatus {
    /// The number of its layout.
    pub layout: u64,
    /// Records of the log that it has.
    pub records_done: u64,
    /// Records of the log.
    pub records_total: u64,
    /// How far the search parameters are that the tenant defined itself.
    pub parameters: Vec<Reindexing>,
}

/// Tells how far an index is; changes nothing.
///
/// # Errors
/// [`ErrorKind::Corrupt`] or [`ErrorKind::Unavailable`] if log or index do not read.
pub fn index_status(
    log: Arc<dyn Log>,
    engine: Arc<dyn Engine>,
    ring: Arc<KeyRing>,
    tenant: TenantId,
) -> Result<IndexStatus> {
    let records = |next: Seq| next.0.saturating_sub(Seq::FIRST.0);
    let records_done = records(read_position(engine.as_ref())?.next);
    let records_total = records(log.next());
    let view = Core::new(log, engine, ring).snapshot(tenant.0)?;
    let parameters = crate::reindex::status(&view)?;
    Ok(IndexStatus { layout: layout::LAYOUT, records_done, records_total, parameters })
}

/// Fills an empty (or late) index from the log without serving: `ward index rebuild`.
///
/// # Errors
/// As [`Store::open`].
pub fn rebuild(
    log: Arc<dyn Log>,
    engine: Arc<dyn Engine>,
    ring: Arc<KeyRing>,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64> {
    let core = Core::new(log, engine, ring);
    let (_, position) = bring_up(&core, progress)?;
    core.engine.sync().map_err(crate::view::engine)?;
    Ok(position.next.0.saturating_sub(Seq::FIRST.0))
}

/// What `ward index verify` found in one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceReport {
    /// The space's name.
    pub space: &'static str,
    /// Keys in the index.
    pub keys: u64,
    /// Keys that the log says should be there and are not.
    pub missing: u64,
    /// Keys that are there and should not be.
    pub surplus: u64,
    /// Keys with another value than the log says.
    pub different: u64,
}

impl SpaceReport {
    /// The space is as the log says.
    pub fn is_clean(&self) -> bool {
        self.missing == 0 && self.surplus == 0 && self.different == 0
    }
}

/// Compares an index with one rebuilt from the log in memory: `ward index verify`. The index must not be written meanwhile.
///
/// # Errors
/// As [`Store::open`].
pub fn verify(
    log: Arc<dyn Log>,
    engine: Arc<dyn Engine>,
    ring: Arc<KeyRing>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<SpaceReport>> {
    let until = read_position(engine.as_ref())?.next;
    let memory = MemoryEngine::new(layout::SPACES).map_err(crate::view::engine)?;
    let rebuilt = Core::new(Arc::clone(&log), Arc::new(memory), Arc::clone(&ring));
    take_layout(rebuilt.engine.as_ref())?;
    let mut applier = rebuilt.open_applier()?;
    let total = until.0.saturating_sub(Seq::FIRST.0);
    replay(&rebuilt, &mut applier, Seq::FIRST, Some(until), &mut |at| {
        progress(Progress { records_done: at.next.0.saturating_sub(Seq::FIRST.0), records_total: total });
    })?;
    let stored = Core::new(log, engine, ring);
    crate::verify::compare(&stored, &rebuilt)
}
