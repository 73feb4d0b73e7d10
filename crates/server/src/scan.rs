//! Looking for leaks by itself: scans of the store's free texts, the archive, finished exports, log files and folders.
//!
//! Each scan of the configuration runs every so often, one after another on one thread that rests as long as it works. How far it
//! is and what it found stands sealed on the shelf, so that a restart goes on where it was. What is found is told by
//! `GET /scan/findings`; what is new and bad enough also in the log, the audit log, and to a URL of the configuration. Findings
//! name kinds, counts and places, never a value. What is looked for says `mask::scan`.

mod alert;
mod files;
mod kept;
mod look;
mod routes;
mod spec;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use ingest::objects::Objects;
use parking_lot::{Condvar, Mutex};
use repository::{Error, ErrorKind, Jobs, Result, Store};
use tokio::runtime::Handle;

pub use files::{File, FilesError, files};
pub(crate) use kept::Kept;
pub use look::{Stretch, once};
pub(crate) use routes::routes;
pub use spec::{Alert, ScanSpec};

use crate::outbound::Outbound;

/// What scans look at, and how they tell of it.
#[derive(Clone)]
pub struct ScanParts {
    /// The store.
    pub store: Store,
    /// Its jobs, for finished exports.
    pub jobs: Option<Jobs>,
    /// The objects of the archive.
    pub objects: Option<Arc<Objects>>,
    /// What reads images.
    pub desk: Arc<mask::Desk>,
    /// The way out, for alerts.
    pub outbound: Outbound,
}

/// The scans of a server.
pub struct Scans {
    pub(crate) shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Scans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scans({})", self.shared.specs.len())
    }
}

/// What the thread and requests share.
pub(crate) struct Shared {
    pub(crate) parts: ScanParts,
    pub(crate) specs: Vec<ScanSpec>,
    /// One for each spec.
    pub(crate) states: Mutex<Vec<State>>,
    pub(crate) wake: Condvar,
    pub(crate) stopping: AtomicBool,
}

/// How one scan stands.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// As it stands on the shelf.
    pub(crate) kept: Kept,
    /// It was asked for, whenever it is due.
    pub(crate) wanted: bool,
    /// It was asked to stop.
    pub(crate) halted: bool,
    /// It could not go on: from then on it is tried again.
    pub(crate) retry_ms: Option<i64>,
}

impl Scans {
    /// Reads how the scans stand. Nothing is done until [`Self::start`].
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable` if the shelf does not read.
    pub fn open(parts: ScanParts, specs: Vec<ScanSpec>) -> Result<Self> {
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let kept = kept::load(&parts.store, &names)?;
        let states = kept.into_iter().map(|kept| State { kept, ..State::default() }).collect();
        let shared = Shared {
            parts,
            specs,
            states: Mutex::new(states),
            wake: Condvar::new(),
            stopping: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), thread: Mutex::default() })
    }

    /// Begins to scan what is due, if there is anything to scan.
    ///
    /// # Errors
    /// `Unavailable` if a thread cannot be had.
    pub(crate) fn start(&self, runtime: Handle) -> Result<()> {
        if self.shared.specs.is_empty() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("scan".to_owned())
            .spawn(move || work::work(&shared, &runtime))
            .map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Stops; scans go on from their last mark at the next start. Blocks until the one at work has come to a halt.
    pub(crate) fn close(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("scanning ended by a panic");
        }
    }
}
