//! The committer's queue: bounded, in order, with a lane of its own for large transactions.
//!
//! The lanes take turns. While small transactions wait, a turn of the large lane is one transaction alone: a small one never
//! waits for more than the one that is being committed and one more, however many large ones stand in line.

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::prepare::{Answer, Content, Transaction};

/// Transactions that may wait in a lane; a caller that finds it full waits for room.
const LANE_MAX: usize = 1024;
/// How long a caller waits for room before it is told to come back.
const ROOM_WAIT: Duration = Duration::from_secs(30);
/// A transaction with more operations goes into the lane of the large ones.
const SMALL_OPERATIONS_MAX: usize = 64;
/// Operations in one run, but for a transaction that has more of its own.
const RUN_OPERATIONS_MAX: usize = 1024;

/// A transaction that waits, with the way back to its caller.
pub(crate) struct Waiting {
    pub(crate) transaction: Box<Transaction>,
    pub(crate) answer: Sender<Answer>,
}

#[derive(Default)]
struct Lanes {
    small: VecDeque<Waiting>,
    large: VecDeque<Waiting>,
    large_next: bool,
    closed: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Condvar,
    room: Condvar,
}

impl Queue {
    /// Puts one transaction at the end of its lane; the receiver gets its answer.
    ///
    /// # Errors
    /// Those of [`Self::push_all`].
    pub(crate) fn push(&self, transaction: Transaction) -> Result<Receiver<Answer>> {
        let receiver = self.push_all(vec![transaction])?.pop();
        receiver.ok_or_else(|| Error::internal(ErrorKind::Internal, "a transaction got lost in the queue"))
    }

    /// Puts transactions at the end of their lane, next to each other, so that those of them that do not touch each other
    /// go into one run; the receivers get their answers, in the same order. One large one sends all into the lane of large
    /// ones.
    ///
    /// # Errors
    /// `Unavailable` when the store stops, or no room came within half a minute. None of them was put in then.
    pub(crate) fn push_all(&self, transactions: Vec<Transaction>) -> Result<Vec<Receiver<Answer>>> {
        let large = transactions.iter().any(|one| one.drafts.len() > SMALL_OPERATIONS_MAX);
        let mut lanes = self.lanes.lock();
        loop {
            if lanes.closed {
                return Err(Error::new(ErrorKind::Unavailable, "the store is stopping"));
            }
            let lane = if large { &mut lanes.large } else { &mut lanes.small };
            // A caller's transactions stay together: the lane may grow beyond its bound by one caller's worth.
            if lane.len() < LANE_MAX {
                break;
            }
            if self.room.wait_for(&mut lanes, ROOM_WAIT).timed_out() {
                return Err(Error::new(ErrorKind::Unavailable, "too many writes are waiting; try again"));
            }
        }
        let lane = if large { &mut lanes.large } else { &mut lanes.small };
        let mut receivers = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            let (answer, receiver) = channel();
            lane.push_back(Waiting { transaction: Box::new(transaction), answer });
            receivers.push(receiver);
        }
        self.arrived.notify_one();
        Ok(receivers)
    }

    /// No more transactions; those that wait are still committed.
    pub(crate) fn close(&self) {
        self.lanes.lock().closed = true;
        self.arrived.notify_all();
        self.room.notify_all();
    }

    /// Closes the queue and drops what waits: each caller learns that no answer will come.
    pub(crate) fn abandon(&self) {
        self.close();
        let mut lanes = self.lanes.lock();
        lanes.small.clear();
        lanes.large.clear();
    }

    /// Waits for transactions and takes a run of them: from the front of a lane, as many as do not touch each other.
    /// `None` when the queue is closed and empty.
    pub(crate) fn take_run(&self) -> Option<Vec<Waiting>> {
        let mut lanes = self.lanes.lock();
        while lanes.small.is_empty() && lanes.large.is_empty() {
            if lanes.closed {
                return None;
            }
            self.arrived.wait(&mut lanes);
        }
        let small_wait = !lanes.small.is_empty();
        let from_large = !small_wait || (lanes.large_next && !lanes.large.is_empty());
        lanes.large_next = !from_large;
        let lane = if from_large { &mut lanes.large } else { &mut lanes.small };
        let operations_max = if from_large && small_wait { 0 } else { RUN_OPERATIONS_MAX };
        let mut run = Vec::new();
        let mut touched = Touched::default();
        while let Some(next) = lane.front() {
            let transaction = &next.transaction;
            // The first always fits: a run is never empty.
            let fits = run.is_empty() || touched.operations + transaction.drafts.len() <= operations_max;
            if !fits || touched.meets(transaction) || (alone(transaction) && !run.is_empty()) {
                break;
            }
            touched.add(transaction);
            let ends = alone(transaction);
            run.extend(lane.pop_front());
            if ends {
                break;
            }
        }
        self.room.notify_all();
        Some(run)
    }
}

/// Whether a transaction needs a run of its own: what it does depends on all that is in the index before it, and what comes
/// after depends on it.
fn alone(transaction: &Transaction) -> bool {
    transaction.step.is_some()
        || transaction.drafts.iter().any(|draft| draft.type_code == layout::SEARCH_PARAMETER_CODE)
}

/// What the transactions of a run write and rely on. Transactions that meet go into different runs, so that each run is
/// checked against the index as it stands, with nothing laid over it.
#[derive(Default)]
struct Touched {
    operations: usize,
    ids: HashSet<(u32, [u8; 16])>,
    types: HashSet<(u32, u16)>,
    deleted: HashSet<(u32, [u8; 16])>,
    messages: HashSet<(u32, Vec<u8>)>,
}

impl Touched {
    fn meets(&self, transaction: &Transaction) -> bool {
        let tenant = transaction.view.tenant;
        let identity = &transaction.origin.message_identity;
        transaction.drafts.iter().any(|draft| self.ids.contains(&(tenant, draft.id_hash)))
            || transaction.guards.iter().any(|guard| self.types.contains(&(tenant, guard.type_code)))
            || transaction.needs.iter().any(|need| self.deleted.contains(&(tenant, need.id_hash)))
            || (!identity.is_empty() && self.messages.contains(&(tenant, identity.clone())))
    }

    fn add(&mut self, transaction: &Transaction) {
        let tenant = transaction.view.tenant;
        self.operations += transaction.drafts.len();
        for draft in &transaction.drafts {
            self.ids.insert((tenant, draft.id_hash));
            self.types.insert((tenant, draft.type_code));
            if matches!(draft.content, Content::Delete) {
                self.deleted.insert((tenant, draft.id_hash));
            }
        }
        if !transaction.origin.message_identity.is_empty() {
            self.messages.insert((tenant, transaction.origin.message_identity.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use storage::clock::SeededRandom;
    use storage::disk::Disk;
    use storage::engine::MemoryEngine;
    use storage::fault::FaultDisk;
    use storage::keys::{KeyRing, RootKey, TenantId};
    use storage::log::{FileLog, FileLogOptions};

    use super::*;
    use crate::core::Core;
    use crate::layout;
    use crate::prepare::Draft;
    use crate::record::Origin;
    use crate::view::View;

    fn view() -> View {
        let disk: Arc<dyn Disk> = Arc::new(FaultDisk::new(1));
        let random = Arc::new(SeededRandom::new(7));
        let root = RootKey::generate(&SeededRandom::new(1));
        let ring = KeyRing::create(disk.clone(), Path::new("/keys"), root, random).unwrap();
        let log = FileLog::open(disk, Path::new("/log"), FileLogOptions::default()).unwrap();
        let engine = MemoryEngine::new(layout::SPACES).unwrap();
        Core::new(Arc::new(log), Arc::new(engine), Arc::new(ring)).view(TenantId::DEFAULT.0).unwrap()
    }

    fn transaction(view: &View, name: &str, operations: usize) -> Transaction {
        let draft = |at| Draft::fresh(view, 1, &format!("{name}-{at}"), Content::Delete);
        Transaction {
            view: view.clone(),
            position: 0,
            origin: Origin::default(),
            drafts: (0..operations).map(draft).collect(),
            guards: Vec::new(),
            needs: Vec::new(),
            step: None,
        }
    }

    /// The operations of each run, until the queue is empty.
    fn runs(queue: &Queue) -> Vec<usize> {
        let count = |run: Vec<Waiting>| run.iter().map(|one| one.transaction.drafts.len()).sum();
        queue.close();
        std::iter::from_fn(|| queue.take_run()).map(count).collect()
    }

    #[test]
    fn a_small_write_overtakes_the_large_ones_that_wait() {
        let (queue, view) = (Queue::default(), view());
        for large in 0..5 {
            drop(queue.push_all(vec![transaction(&view, &format!("import{large}"), 200)]).unwrap());
        }
        drop(queue.push_all(vec![transaction(&view, "small", 1)]).unwrap());
        assert_eq!(runs(&queue), [1, 1000], "the small one first, then all that is large at once");
    }

    #[test]
    fn while_small_writes_keep_coming_each_waits_for_one_large_transaction() {
        let (queue, view) = (Queue::default(), view());
        for large in 0..3 {
            drop(queue.push_all(vec![transaction(&view, &format!("import{large}"), 200)]).unwrap());
        }
        let mut order = Vec::new();
        for small in 0..4 {
            drop(queue.push_all(vec![transaction(&view, &format!("small{small}"), 1)]).unwrap());
            order.extend(queue.take_run().map(|run| run.len()));
            drop(queue.push_all(vec![transaction(&view, &format!("more{small}"), 1)]).unwrap());
            let large: Vec<usize> =
                queue.take_run().iter().flatten().map(|one| one.transaction.drafts.len()).collect();
            order.push(large.iter().filter(|count| **count == 200).count());
        }
        assert_eq!(
            order,
            [1, 1, 2, 1, 2, 1, 2, 0],
            "runs of small ones, each followed by one large transaction"
        );
    }

    #[test]
    fn what_is_pushed_together_and_does_not_meet_is_one_run() {
        let (queue, view) = (Queue::default(), view());
        let names = ["a", "b", "c", "b", "d"];
        drop(queue.push_all(names.iter().map(|name| transaction(&view, name, 1)).collect()).unwrap());
        assert_eq!(runs(&queue), [3, 2], "the second `b` waits for the first");
    }
}
