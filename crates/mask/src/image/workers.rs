//! Work that is split over the processors.
//!
//! A network that runs on two threads at once waits for the slower one at each of its hundreds of steps, and what comes before and
//! after it runs on one thread alone. Two tiles side by side, each on one thread, wait only at the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rten::{RunOptions, ThreadPool};

use super::net::Scratch;

/// Threads at most: each holds the memory of a tile.
const THREADS_MAX: usize = 8;

/// What a thread works with.
#[derive(Default)]
pub(super) struct Worker {
    /// Buffers of the networks.
    pub(super) scratch: Scratch,
    /// How networks are to be run.
    pub(super) options: RunOptions,
}

/// How many pieces can be worked on at once.
fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// The workers of an image. What memory they have they keep from one call to the next.
#[derive(Default)]
pub(super) struct Workers {
    idle: Mutex<Vec<Scratch>>,
}

impl Workers {
    fn take(&self) -> Scratch {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, scratch: Scratch) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }

    /// Calls `work` for each item; the results stand in the items' order. A single item gets all threads.
    pub(super) fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T, &mut Worker) -> R + Sync,
    ) -> Vec<R> {
        let threads = count().min(items.len());
        if threads < 2 {
            let mut worker = Worker { scratch: self.take(), ..Worker::default() };
            let all = items.iter().map(|item| work(item, &mut worker)).collect();
            self.give(worker.scratch);
            return all;
        }
        self.shared(items, &work, threads)
    }

    fn shared<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: &(impl Fn(&T, &mut Worker) -> R + Sync),
        threads: usize,
    ) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let next = &next;
        let one = move || {
            let pool = Arc::new(ThreadPool::with_num_threads(1));
            let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
            let mut worker = Worker { options, scratch: self.take() };
            let mut done = Vec::new();
            pool.run(|| {
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(item) = items.get(at)
                {
                    done.push((at, work(item, &mut worker)));
                }
            });
            self.give(worker.scratch);
            done
        };
        let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
            let mut all = one();
            for other in others {
                match other.join() {
                    Ok(done) => all.extend(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        });
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for count in [0, 1, 2, 100] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(
                Workers::default().each(&items, |item, _| item * 2),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
        }
    }
}
