//! Messages of many connections, dealt with together.
//!
//! Connections put their messages here; a few workers take what has gathered and deal with it in one go, so that many messages
//! share a thread, its memory and its waits for the disk. There is no timer: while the workers are busy, messages gather.
//! A connection has one message here at a time, so its messages stay in order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::pipeline::{Channel, Ingest, Received};

/// Messages that one worker takes at once.
const TOGETHER_MAX: usize = 16;

/// Workers beyond the number of processors: they wait for the disk half of their time.
const WORKERS_MORE: usize = 2;

/// The messages of one channel that wait, and who deals with them.
pub(crate) struct Together {
    ingest: Arc<Ingest>,
    channel: Arc<Channel>,
    waiting: Mutex<Waiting>,
    workers_max: usize,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<(Vec<u8>, oneshot::Sender<Received>)>,
    workers: usize,
}

impl Together {
    pub(crate) fn new(ingest: Arc<Ingest>, channel: Arc<Channel>) -> Arc<Self> {
        let workers_max =
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + WORKERS_MORE;
        Arc::new(Self { ingest, channel, waiting: Mutex::default(), workers_max })
    }

    /// Deals with one message; `None` if its processing panicked.
    pub(crate) async fn receive(self: &Arc<Self>, message: Vec<u8>) -> Option<Received> {
        let (tell, told) = oneshot::channel();
        let another = {
            let mut waiting = self.waiting.lock();
            waiting.messages.push_back((message, tell));
            let another = waiting.workers < self.workers_max;
            waiting.workers += usize::from(another);
            another
        };
        if another {
            let all = Arc::clone(self);
            tokio::task::spawn_blocking(move || all.work());
        }
        told.await.ok()
    }

    /// A worker: until nothing waits.
    fn work(&self) {
        loop {
            let (messages, tells): (Vec<Vec<u8>>, Vec<oneshot::Sender<Received>>) = {
                let mut waiting = self.waiting.lock();
                let count = waiting.messages.len().min(TOGETHER_MAX);
                if count == 0 {
                    waiting.workers -= 1;
                    return;
                }
                waiting.messages.drain(..count).unzip()
            };
            for (tell, received) in tells.into_iter().zip(self.deal_with(&messages)) {
                // A connection that went away needs no answer; one whose message panicked gets none.
                if let Some(received) = received {
                    let _ = tell.send(received);
                }
            }
        }
    }

    fn deal_with(&self, messages: &[Vec<u8>]) -> Vec<Option<Received>> {
        let all: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let try_all = |messages: &[&[u8]]| {
            let work = || self.ingest.receive_hl7v2_together(&self.channel, messages);
            catch_unwind(AssertUnwindSafe(work)).ok()
        };
        if let Some(received) = try_all(&all) {
            return received.into_iter().map(Some).collect();
        }
        // One of them made it panic: each for itself. What was committed already is known by its identity.
        all.iter().map(|message| try_all(&[message])?.pop()).collect()
    }
}
