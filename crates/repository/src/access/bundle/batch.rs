//! Batches: entries that stand for themselves (R4 http.html#transaction), committed together.
//!
//! Each entry is a transaction of its own and fails for itself. They are worked out one after another, gathered, and handed to
//! the committer next to each other, so that those which do not touch each other share one write and one fsync. An entry
//! that depends on one before it (the same resource, a condition, a read) waits until that one is committed.

use std::collections::HashSet;

use compact_str::CompactString;
use fhir::json::Value;
use protect::access::Interaction;

use super::entry::{self, Method, Step, Target};
use super::{error_entry, response_bundle, response_entry, work_order};
use crate::access::write::{Planned, Write};
use crate::access::{Access, wait_for};
use crate::error::{Result, Signal};
use crate::gate::Shown;
use crate::layout;

/// Entries that are gathered at most.
const TOGETHER_MAX: usize = 256;

/// Entries that are worked out and not yet handed over.
#[derive(Default)]
struct Open<'s> {
    writes: Vec<(&'s Step, Write)>,
    ids: HashSet<(u16, CompactString)>,
}

impl<'s> Open<'s> {
    fn add(&mut self, step: &'s Step, write: Write) {
        self.ids.insert((write.draft.type_code, write.draft.id.clone()));
        self.writes.push((step, write));
    }

    /// Whether a step can only be looked at once these are committed. A conditional create need not wait: the committer
    /// looks again whether its condition still holds.
    fn go_before(&self, step: &Step) -> bool {
        if self.writes.is_empty() {
            return false;
        }
        let same = |id: &CompactString| {
            layout::type_code(&step.resource_type).is_some_and(|code| self.ids.contains(&(code, id.clone())))
        };
        self.writes.len() >= TOGETHER_MAX
            || step.method == Method::Get
            || match &step.target {
                Target::Id(id) => same(id),
                Target::Query(_) => true,
                _ => false,
            }
    }
}

impl Access {
    /// Carries out a batch bundle: each entry for itself. Gives the `batch-response` bundle.
    ///
    /// # Errors
    /// `Invalid` if it is no batch bundle, `TooCostly` beyond [`BUNDLE_ENTRIES_MAX`](super::BUNDLE_ENTRIES_MAX) entries; what an
    /// entry fails of stands in its answer.
    pub fn batch(&self, bundle: Value) -> Result<Value> {
        self.audited(Interaction::Batch, None, |shown| {
            // An entry that cannot be read is answered like one that cannot be done: it costs the others nothing.
            let read = entry::read_each(bundle, "batch")?;
            let mut answers: Vec<Option<Value>> =
                read.iter().map(|step| step.as_ref().err().map(error_entry)).collect();
            let steps: Vec<Step> = read.into_iter().flatten().collect();
            let mut open = Open::default();
            for step in work_order(&steps).into_iter().filter_map(|at| steps.get(at)) {
                if open.go_before(step) {
                    self.commit_open(std::mem::take(&mut open), &mut answers, shown);
                }
                if step.method == Method::Get {
                    answer(&mut answers, step, self.single(step, shown));
                    continue;
                }
                match self.plan(step) {
                    Ok(Planned::Write(write)) => open.add(step, *write),
                    Ok(Planned::Nothing(written)) => {
                        shown.wrote(&written);
                        answer(&mut answers, step, Ok(response_entry(&written, None)));
                    }
                    Err(error) => answer(&mut answers, step, Err(error)),
                }
            }
            self.commit_open(open, &mut answers, shown);
            Ok(response_bundle("batch-response", answers.into_iter().flatten()))
        })
    }

    /// Commits what was gathered, and answers it. What was overtaken by another writer is done again for itself.
    fn commit_open(&self, open: Open<'_>, answers: &mut [Option<Value>], shown: &mut Shown) {
        let mut transactions = Vec::with_capacity(open.writes.len());
        let mut waiting = Vec::with_capacity(open.writes.len());
        for (step, write) in open.writes {
            let Write { view, position, draft, guards, sketch } = write;
            transactions.push(self.ready(view, position, vec![draft], (guards, Vec::new()), self.origin()));
            waiting.push((step, sketch));
        }
        let mut handed = match self.hand_over(transactions) {
            Ok(receivers) => Ok(receivers.into_iter()),
            Err(error) => Err(error),
        };
        for (step, sketch) in waiting {
            let receiver = handed.as_mut().map(Iterator::next).map_err(|error| error.clone());
            let done = receiver.and_then(|receiver| {
                receiver.map_or_else(|| Err(crate::access::committer_gone()), |receiver| wait_for(&receiver))
            });
            let result = match done.and_then(|done| sketch.of_one(&done)) {
                Ok(written) => {
                    shown.wrote(&written);
                    Ok(response_entry(&written, None))
                }
                Err(error) if error.signal() == Some(Signal::Stale) => self.single(step, shown),
                Err(error) => Err(error),
            };
            answer(answers, step, result);
        }
    }
}

fn answer(answers: &mut [Option<Value>], step: &Step, result: Result<Value>) {
    if let Some(answer) = answers.get_mut(step.index) {
        *answer = Some(result.unwrap_or_else(|error| error_entry(&error)));
    }
}
