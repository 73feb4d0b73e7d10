//! An engine in memory: ordered maps whose values keep their versions for as long as a snapshot may look at them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::{
    Batch, Bytes, Direction, Engine, EngineError, Footprint, KeyRange, Operation, Reader, Scan, Space,
    SpaceSpec, check_spaces,
};

/// Pairs that a scan takes from the map at a time, so that it never holds the lock for long.
const SCAN_CHUNK: usize = 128;

/// An engine in memory, for tests, tools and as the second opinion on [`super::FjallEngine`]. Nothing of it survives.
#[derive(Debug)]
pub struct MemoryEngine {
    shared: Arc<Shared>,
    spaces: Vec<SpaceSpec>,
}

/// The batch after which a value holds, counted from 1.
type Time = u64;

#[derive(Debug, Default)]
struct Shared {
    state: RwLock<State>,
    /// Times that live snapshots look at, with the count of snapshots of each.
    watched: Mutex<BTreeMap<Time, usize>>,
}

#[derive(Debug, Default)]
struct State {
    /// Batches applied so far.
    now: Time,
    maps: Vec<BTreeMap<Bytes, Versions>>,
    /// Keys whose newest version is a delete, to be dropped when no snapshot can see what was before.
    deleted: VecDeque<(Time, Space, Bytes)>,
}

/// The versions of one key, oldest first; `None` is a delete. Nearly always there is one.
#[derive(Debug)]
struct Versions {
    newest: (Time, Option<Bytes>),
    older: Vec<(Time, Option<Bytes>)>,
}

impl Versions {
    fn at(&self, time: Time) -> Option<&Bytes> {
        if self.newest.0 <= time {
            return self.newest.1.as_ref();
        }
        self.older.iter().rev().find(|(since, _)| *since <= time).and_then(|(_, value)| value.as_ref())
    }

    /// Puts a version on top and drops those that neither a snapshot of `oldest_watched` or later nor a new one can see.
    fn push(&mut self, time: Time, value: Option<Bytes>, oldest_watched: Time) {
        let before = std::mem::replace(&mut self.newest, (time, value));
        if before.0 == time {
            return;
        }
        self.older.push(before);
        let needed = self.older.iter().rposition(|(since, _)| *since <= oldest_watched);
        match needed {
            // The newest of the older ones ended at `time`: watched only by snapshots from before it.
            _ if oldest_watched >= time => self.older.clear(),
            Some(first) => drop(self.older.drain(..first)),
            None => {}
        }
    }
}

impl Shared {
    /// The earliest time that someone may look at, given that the newest batch is `now`.
    fn oldest_watched(&self, now: Time) -> Time {
        self.watched.lock().first_key_value().map_or(now, |(time, _)| *time)
    }

    fn watch(self: &Arc<Self>) -> Watch {
        // The lock order is state, then watched: taken together, so that no write can slip between.
        let state = self.state.read();
        *self.watched.lock().entry(state.now).or_insert(0) += 1;
        Watch { shared: Arc::clone(self), time: state.now }
    }
}

/// A time that is being looked at. Its versions stay until it is dropped.
#[derive(Debug)]
struct Watch {
    shared: Arc<Shared>,
    time: Time,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.shared.watched.lock();
        if let Some(count) = watched.get_mut(&self.time) {
            *count -= 1;
            if *count == 0 {
                watched.remove(&self.time);
            }
        }
    }
}

impl MemoryEngine {
    /// An empty engine with these spaces.
    ///
    /// # Errors
    /// [`EngineError::Spaces`] if the list is too long, or a name is no good or stands twice.
    pub fn new(spaces: &[SpaceSpec]) -> Result<Self, EngineError> {
        check_spaces(spaces)?;
        let shared = Shared::default();
        shared.state.write().maps = spaces.iter().map(|_| BTreeMap::new()).collect();
        Ok(Self { shared: Arc::new(shared), spaces: spaces.to_vec() })
    }
}

impl State {
    fn get(&self, space: Space, key: &[u8], time: Time) -> Result<Option<Bytes>, EngineError> {
        let map = self.maps.get(usize::from(space.0)).ok_or(EngineError::UnknownSpace(space.0))?;
        Ok(map.get(key).and_then(|versions| versions.at(time)).cloned())
    }

    /// Drops deleted keys that nobody can see any more.
    fn sweep(&mut self, oldest_watched: Time) {
        while let Some((time, space, key)) = self.deleted.pop_front_if(|(time, _, _)| *time <= oldest_watched)
        {
            let Some(map) = self.maps.get_mut(usize::from(space.0)) else { continue };
            if map.get(&key).is_some_and(|versions| versions.newest == (time, None)) {
                map.remove(&key);
            }
        }
    }
}

impl Reader for MemoryEngine {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let state = self.shared.state.read();
        state.get(space, key, state.now)
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Scan {
        scan(Arc::new(self.shared.watch()), space, range, direction)
    }
}

impl Engine for MemoryEngine {
    fn write(&self, batch: Batch) -> Result<(), EngineError> {
        batch.check(self.spaces.len())?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut state = self.shared.state.write();
        let time = state.now + 1;
        let oldest_watched = self.shared.oldest_watched(time);
        for (space, operation) in batch.into_operations() {
            let (key, value) = match operation {
                Operation::Put(key, value) => (key, Some(value)),
                Operation::Delete(key) => (key, None),
            };
            if value.is_none() {
                state.deleted.push_back((time, space, key.clone()));
            }
            // Checked above: the space is one of ours.
            let Some(map) = state.maps.get_mut(usize::from(space.0)) else { continue };
            match map.get_mut(&key) {
                Some(versions) => versions.push(time, value, oldest_watched),
                None => {
                    map.insert(key, Versions { newest: (time, value), older: Vec::new() });
                }
            }
        }
        state.now = time;
        state.sweep(oldest_watched);
        Ok(())
    }

    fn snapshot(&self) -> Box<dyn Reader> {
        Box::new(MemorySnapshot(Arc::new(self.shared.watch())))
    }

    fn sync(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn spaces(&self) -> &[SpaceSpec] {
        &self.spaces
    }

    fn footprint(&self) -> Footprint {
        Footprint::default()
    }
}

#[derive(Debug)]
struct MemorySnapshot(Arc<Watch>);

impl Reader for MemorySnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.0.shared.state.read().get(space, key, self.0.time)
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Scan {
        scan(Arc::clone(&self.0), space, range, direction)
    }
}

fn scan(watch: Arc<Watch>, space: Space, range: KeyRange, direction: Direction) -> Scan {
    let done = range.is_empty();
    Box::new(MemoryScan { watch, space, range, direction, ready: VecDeque::new(), done })
}

struct MemoryScan {
    watch: Arc<Watch>,
    space: Space,
    /// What is still to be walked.
    range: KeyRange,
    direction: Direction,
    ready: VecDeque<(Bytes, Bytes)>,
    done: bool,
}

impl MemoryScan {
    /// Takes the next pairs out of the map and moves the range behind them.
    fn fill(&mut self) -> Result<(), EngineError> {
        let state = self.watch.shared.state.read();
        let map = state.maps.get(usize::from(self.space.0)).ok_or(EngineError::UnknownSpace(self.space.0))?;
        let end = self.range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut keys = map.range::<[u8], _>((Bound::Included(self.range.start.as_slice()), end));
        let mut last = None;
        for _ in 0..SCAN_CHUNK {
            let next = match self.direction {
                Direction::Forward => keys.next(),
                Direction::Reverse => keys.next_back(),
            };
            let Some((key, versions)) = next else {
                self.done = true;
                return Ok(());
            };
            if let Some(value) = versions.at(self.watch.time) {
                self.ready.push_back((key.clone(), value.clone()));
            }
            last = Some(key);
        }
        if let Some(last) = last {
            match self.direction {
                Direction::Forward => {
                    self.range.start = last.to_vec();
                    self.range.start.push(0);
                }
                Direction::Reverse => self.range.end = Some(last.to_vec()),
            }
            self.done = self.range.is_empty();
        }
        Ok(())
    }
}

impl Iterator for MemoryScan {
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.done {
            if let Err(error) = self.fill() {
                self.done = true;
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
