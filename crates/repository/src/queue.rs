//! The committer's queue: bounded, in order, with a lane of its own for large transactions so that small ones never wait
//! for more than one of them.

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
    /// Puts a transaction at the end of its lane; the receiver gets its answer.
    pub(crate) fn push(&self, transaction: Transaction) -> Result<Receiver<Answer>> {
        let (answer, receiver) = channel();
        let large = transaction.drafts.len() > SMALL_OPERATIONS_MAX;
        let mut lanes = self.lanes.lock();
        loop {
            if lanes.closed {
                return Err(Error::new(ErrorKind::Unavailable, "the store is stopping"));
            }
            let lane = if large { &mut lanes.large } else { &mut lanes.small };
            if lane.len() < LANE_MAX {
                lane.push_back(Waiting { transaction: Box::new(transaction), answer });
                self.arrived.notify_one();
                return Ok(receiver);
            }
            if self.room.wait_for(&mut lanes, ROOM_WAIT).timed_out() {
                return Err(Error::new(ErrorKind::Unavailable, "too many writes are waiting; try again"));
            }
        }
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
        let from_large = lanes.small.is_empty() || (lanes.large_next && !lanes.large.is_empty());
        lanes.large_next = !from_large;
        let lane = if from_large { &mut lanes.large } else { &mut lanes.small };
        let mut run = Vec::new();
        let mut touched = Touched::default();
        while let Some(next) = lane.front() {
            let transaction = &next.transaction;
            let fits = run.is_empty() || touched.operations + transaction.drafts.len() <= RUN_OPERATIONS_MAX;
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
