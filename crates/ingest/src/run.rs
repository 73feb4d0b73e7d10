//! Many files as one run: what refers to something that comes later is done again at the end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files::{Taken, Tally, ingest_file};
use crate::outcome::Outcome;
use crate::quarantine::Cause;

/// Most times that a run goes over what was unresolved; each time but the last commits something.
const PASSES_MAX: usize = 32;

/// Hands the messages of many files to `deliver`, so that the order of the files does not matter.
///
/// A message that was quarantined as [`Cause::Unresolved`] is read from its file again at the end and delivered again, for
/// as long as that commits any. It counts once, with what became of it at last.
pub struct Run<'a> {
    bytes_max: usize,
    deliver: &'a mut dyn FnMut(&[u8]) -> Outcome,
    total: Tally,
    /// Files with messages that are unresolved, by their place in the file.
    waiting: Vec<(PathBuf, BTreeSet<u64>)>,
}

impl<'a> Run<'a> {
    /// A run of nothing yet. `bytes_max` bounds a message of JSON.
    pub fn new(bytes_max: usize, deliver: &'a mut dyn FnMut(&[u8]) -> Outcome) -> Self {
        Self { bytes_max, deliver, total: Tally::default(), waiting: Vec::new() }
    }

    /// Takes one file; what became of its messages is in the result and in the total.
    pub fn take(&mut self, path: &Path) -> Taken {
        let (mut place, mut unresolved) = (0, BTreeSet::new());
        let taken = ingest_file(path, self.bytes_max, &mut |bytes| {
            let outcome = (self.deliver)(bytes);
            if is_unresolved(&outcome) {
                unresolved.insert(place);
            }
            place += 1;
            outcome
        });
        if !unresolved.is_empty() {
            self.waiting.push((path.to_owned(), unresolved));
        }
        self.total.add(taken.tally.clone());
        taken
    }

    /// Does again what was unresolved, and gives what became of everything.
    pub fn finish(mut self) -> Tally {
        for _ in 0..PASSES_MAX {
            if !self.again() {
                break;
            }
        }
        self.total
    }

    /// Whether any message came through.
    fn again(&mut self) -> bool {
        let mut any = false;
        for (path, unresolved) in &mut self.waiting {
            let mut place = 0;
            // The file was read before: if it cannot be read now, what is unresolved stays so.
            let _ = ingest_file(path, self.bytes_max, &mut |bytes| {
                if unresolved.contains(&place) {
                    let outcome = (self.deliver)(bytes);
                    if !is_unresolved(&outcome) {
                        unresolved.remove(&place);
                        self.total.recount(&outcome);
                        any |= outcome.is_success();
                    }
                }
                place += 1;
                Outcome::Unchanged
            });
        }
        self.waiting.retain(|(_, unresolved)| !unresolved.is_empty());
        any
    }
}

fn is_unresolved(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Quarantined(reason) if reason.cause == Cause::Unresolved)
}
