//! The thread that scans: one scan after another, resting as long as it works, so that requests hardly notice it.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mask::scan::Finding;
use protect::access::Interaction;
use repository::Result;
use tokio::runtime::Handle;

use super::kept::{self, Kept, Run};
use super::look::{Sweep, internal};
use super::{Shared, alert};

/// It is looked at least so often whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// It is written down at least so often how far a run is.
const MARK_EVERY: Duration = Duration::from_secs(30);
/// Or when so many findings wait.
const FINDINGS_WAITING_MAX: usize = 100;
/// Less work than this needs no rest.
const WORK_MIN: Duration = Duration::from_millis(10);
/// The longest rest, and how often it is looked meanwhile whether to stop.
const REST_MAX: Duration = Duration::from_secs(2);
const REST_SLICE: Duration = Duration::from_millis(50);
/// The pause after a run could not go on.
const RETRY_MS: i64 = 60_000;

/// Works until it is told to stop.
pub(super) fn work(shared: &Shared, runtime: &Handle) {
    while !shared.stopping.load(Ordering::Acquire) {
        alert::deliver(shared, runtime);
        let Some(at) = shared.due() else {
            let mut states = shared.states.lock();
            if states.iter().all(|state| !state.wanted) && !shared.stopping.load(Ordering::Acquire) {
                let pause = shared.pause(&states);
                shared.wake.wait_for(&mut states, pause);
            }
            continue;
        };
        if let Err(error) = scan(shared, runtime, at) {
            let name = shared.specs.get(at).map(|spec| spec.name.as_str());
            tracing::error!(
                scan = name,
                internal = internal(&error),
                "a scan could not go on; it is tried again"
            );
            let retry_ms = shared.parts.store.now_ms().saturating_add(RETRY_MS);
            if let Some(state) = shared.states.lock().get_mut(at) {
                state.retry_ms = Some(retry_ms);
                // Who asked meanwhile gets it at the next try; else the loop would find something wanted and nothing due.
                state.wanted = false;
            }
        }
    }
}

impl Shared {
    /// The scan to work on now: one that was asked for, that was begun, or whose time has come.
    fn due(&self) -> Option<usize> {
        let now_ms = self.parts.store.now_ms();
        let mut states = self.states.lock();
        let at = states.iter().zip(&self.specs).position(|(state, spec)| {
            let rests = state.retry_ms.is_some_and(|retry_ms| retry_ms > now_ms);
            let old = state.kept.begun_ms.is_none_or(|begun| now_ms >= begun.saturating_add(spec.every_ms));
            !rests && (state.wanted || state.kept.run.is_some() || old)
        })?;
        let state = states.get_mut(at)?;
        (state.wanted, state.halted, state.retry_ms) = (false, false, None);
        Some(at)
    }

    /// How long there is nothing to do.
    fn pause(&self, states: &[super::State]) -> Duration {
        let now_ms = self.parts.store.now_ms();
        let alerts = states.iter().flat_map(|state| state.kept.alerts.iter().map(|alert| alert.next_ms));
        let next_ms = alerts.min().unwrap_or(i64::MAX).saturating_sub(now_ms).max(1);
        Duration::from_millis(u64::try_from(next_ms).unwrap_or(1)).min(LOOK_EVERY)
    }

    /// Changes how a scan stands, durable on return.
    pub(super) fn keep(&self, at: usize, change: impl FnOnce(&mut Kept)) -> Result<()> {
        let (Some(spec), kept) = (self.specs.get(at), {
            let mut states = self.states.lock();
            let Some(state) = states.get_mut(at) else { return Ok(()) };
            change(&mut state.kept);
            state.kept.clone()
        }) else {
            return Ok(());
        };
        kept::save(&self.parts.store, &spec.name, &kept)
    }

    fn is_halted(&self, at: usize) -> bool {
        self.states.lock().get(at).is_some_and(|state| state.halted)
    }
}

/// Works at most half of the time, and says when to stop.
struct Pace<'a> {
    shared: &'a Shared,
    at: usize,
    since: Cell<Instant>,
}

impl Pace<'_> {
    fn stops(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire) || self.shared.is_halted(self.at)
    }

    fn go_on(&self) -> bool {
        let worked = self.since.get().elapsed();
        if worked >= WORK_MIN {
            let until = Instant::now() + worked.min(REST_MAX);
            while !self.stops() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::sleep(left.min(REST_SLICE));
            }
            self.since.set(Instant::now());
        }
        !self.stops()
    }
}

/// Does what is left of a run, or a new one.
fn scan(shared: &Shared, runtime: &Handle, at: usize) -> Result<()> {
    let Some(spec) = shared.specs.get(at) else { return Ok(()) };
    let store = &shared.parts.store;
    let mut run = Run::default();
    shared.keep(at, |kept| run = kept.run(store.now_ms()))?;
    let pace = Pace { shared, at, since: Cell::new(Instant::now()) };
    let go_on = || pace.go_on();
    let engine = spec.rules.engine();
    let mut sweep = Sweep::new(&shared.parts, spec, &engine, &go_on);
    let mut marked = Instant::now();
    let mut waiting: Vec<Finding> = Vec::new();
    loop {
        let (stretch, next) = sweep.step(&run.place)?;
        if pace.stops() {
            // What the stretch gave may be incomplete: it is done again. What waits is written down with its place.
            mark(shared, at, &mut run, &mut waiting)?;
            return if shared.is_halted(at) { halt(shared, at, &run) } else { Ok(()) };
        }
        waiting.extend(run.take(stretch));
        let Some(next) = next else { break };
        run.place = next;
        if waiting.len() >= FINDINGS_WAITING_MAX || marked.elapsed() >= MARK_EVERY {
            mark(shared, at, &mut run, &mut waiting)?;
            alert::deliver(shared, runtime);
            marked = Instant::now();
        }
        go_on();
    }
    mark(shared, at, &mut run, &mut waiting)?;
    finish(shared, at, run)
}

/// Writes down how far a run is.
fn mark(shared: &Shared, at: usize, run: &mut Run, waiting: &mut Vec<Finding>) -> Result<()> {
    let Some(spec) = shared.specs.get(at) else { return Ok(()) };
    if !waiting.is_empty() {
        kept::add(&shared.parts.store, &spec.name, run, waiting)?;
        waiting.clear();
    }
    shared.keep(at, |kept| kept.run = Some(run.clone()))
}

/// Ends a run that was asked to stop; what it found is forgotten, the run before it stays.
fn halt(shared: &Shared, at: usize, run: &Run) -> Result<()> {
    let Some(spec) = shared.specs.get(at) else { return Ok(()) };
    shared.keep(at, |kept| kept.run = None)?;
    kept::forget(&shared.parts.store, &spec.name, run)
}

/// The end of a run: it takes the place of the one before, and what is new is told.
fn finish(shared: &Shared, at: usize, run: Run) -> Result<()> {
    let Some(spec) = shared.specs.get(at) else { return Ok(()) };
    let store = &shared.parts.store;
    let before = shared.states.lock().get(at).and_then(|state| state.kept.last.clone());
    let before = before.map(|(run, _)| run);
    let news = alert::news(store, spec, before.as_ref(), &run)?;
    let access = store.access(spec.caller());
    let note = format!(
        "{} looked at, {} skipped, {} findings",
        run.looked,
        run.skipped_count,
        run.findings + run.left_out
    );
    access.deed(Interaction::Scan, "finished", || Ok(((), note)))?;
    if let Some(news) = &news {
        tracing::warn!(
            scan = spec.name,
            findings = news.count,
            severity = news.worst.as_str(),
            "a scan found what tells who somebody is"
        );
        access.deed(Interaction::Scan, "alert", || Ok(((), news.words())))?;
    }
    let now_ms = store.now_ms();
    let url = spec.alert.as_ref().and_then(|alert| alert.url.as_ref());
    let pending = news.filter(|_| url.is_some()).map(|news| news.pending(spec, now_ms));
    shared.keep(at, |kept| {
        kept.run = None;
        kept.last = Some((run, now_ms));
        alert::queue(&mut kept.alerts, pending);
    })?;
    match before {
        Some(before) => kept::forget(store, &spec.name, &before),
        None => Ok(()),
    }
}
