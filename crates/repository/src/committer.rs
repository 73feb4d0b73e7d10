//! The committer: one thread that puts transactions in order and makes them durable.
//!
//! A run of waiting transactions that do not touch each other is checked against the index, numbered, sealed, appended to
//! the log with one call (one fsync), written to the index with one batch, and answered. While that goes on the next
//! transactions wait and form the next run: group commit without a timer.
//!
//! A failed append leaves it open what the disk kept. The store then refuses writes until it is opened anew; reads go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use storage::engine::Batch;
use storage::keys::{KeyId, TenantId};
use storage::log::{LogError, Seq};
use storage::seal::{self, Sealed};

use crate::applier::{Applier, Delta, Mode};
use crate::error::{Error, ErrorKind, Result, Signal};
use crate::events;
use crate::layout;
use crate::parameters::At;
use crate::prepare::{Answer, Content, Done, Draft, Transaction};
use crate::queue::Waiting;
use crate::record::{Operation, PatientKey, Record};
use crate::reindex::Prepared;
use crate::replay;
use crate::store::Inner;
use crate::types::Effect;
use crate::view::{View, aad, engine};

/// Lost races in a row after which a run is refused.
const RACES_MAX: usize = 16;

/// The committer's state; it lives in its thread.
pub(crate) struct Committer {
    inner: Arc<Inner>,
    applier: Applier,
    /// The number of the next record.
    next: Seq,
    time_ms: i64,
    /// The newest record that changed each type, since the start.
    changed: HashMap<(u32, u16), u64>,
    /// Changes before the start count as made by this record.
    started: u64,
}

/// When the committer ends, by a panic too, nobody may go on waiting for it.
struct End(Arc<Inner>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison();
        }
        self.0.queue.abandon();
    }
}

/// A transaction that passed its checks, with what it will be answered.
struct Accepted {
    waiting: Waiting,
    record: Record,
    done: Vec<Done>,
}

impl Committer {
    /// Begins where the index stands.
    pub(crate) fn new(inner: Arc<Inner>, applier: Applier, next: Seq, time_ms: i64) -> Self {
        Self { inner, applier, next, time_ms, changed: HashMap::new(), started: next.0 }
    }

    /// Commits runs until the queue is closed and empty.
    pub(crate) fn work(mut self) {
        let _end = End(Arc::clone(&self.inner));
        while let Some(run) = self.inner.queue.take_run() {
            let (started, count) = (Instant::now(), run.len());
            self.commit(run);
            events::run(count, started.elapsed());
        }
    }

    fn commit(&mut self, mut run: Vec<Waiting>) {
        for _ in 0..RACES_MAX {
            match self.attempt(&mut run) {
                Ok(()) => return,
                Err(Failure::LostRace) => {
                    if let Err(error) = self.catch_up() {
                        return self.poison(run, &error);
                    }
                    self.inner.bell.ring();
                }
                Err(Failure::Full(error)) => {
                    // Nothing was written; what was allocated in memory has to be forgotten.
                    let reset = self.reset();
                    refuse(run, &error);
                    if let Err(error) = reset {
                        self.poison(Vec::new(), &error);
                    }
                    return;
                }
                Err(Failure::Fatal(error)) => return self.poison(run, &error),
            }
        }
        refuse(run, &Error::new(ErrorKind::Conflict, "other nodes were faster; try again"));
    }

    /// One try. Transactions that are refused or need nothing are answered and leave the run.
    fn attempt(&mut self, run: &mut Vec<Waiting>) -> std::result::Result<(), Failure> {
        if self.inner.is_poisoned() {
            refuse(std::mem::take(run), &unavailable());
            return Ok(());
        }
        let mut checked = Vec::new();
        for mut waiting in std::mem::take(run) {
            match self.check(&mut waiting.transaction) {
                Ok(()) => checked.push(waiting),
                Err(error) => drop(waiting.answer.send(Err(error))),
            }
        }
        self.time_ms = self.time_ms.max(self.inner.clock.now_ms());
        let mut batch = Batch::new();
        let mut accepted = Vec::new();
        let mut sealed = Vec::new();
        let mut new_keys = false;
        let mut unsent = checked.into_iter();
        let mut failure = None;
        for waiting in unsent.by_ref() {
            let seq = self.next.plus(sealed.len() as u64);
            match self.build(&mut batch, seq, waiting) {
                Ok(Built::Nothing(waiting, done)) => drop(waiting.answer.send(Ok(done))),
                Ok(Built::Record(made, bytes)) => {
                    new_keys |= !made.record.patient_keys.is_empty();
                    sealed.push(bytes);
                    accepted.push(*made);
                }
                Err((waiting, error)) => {
                    run.push(waiting);
                    failure = Some(error);
                    break;
                }
            }
        }
        let appended = match failure {
            Some(error) => Err(Failure::Fatal(error)),
            None => self.append(batch, &sealed, new_keys),
        };
        if let Err(failure) = appended {
            run.extend(accepted.into_iter().map(|accepted| accepted.waiting));
            run.extend(unsent);
            return Err(failure);
        }
        for made in accepted {
            // A caller that went away needs no answer.
            let _ = made.waiting.answer.send(Ok(made.done));
        }
        Ok(())
    }

    /// Whether everything the transaction relies on is still so; what changed since it was prepared is read again.
    fn check(&mut self, transaction: &mut Transaction) -> Result<()> {
        let view = self.inner.core.view(transaction.view.tenant)?;
        let position = transaction.position;
        if let Some(prepared) = &transaction.step {
            return check_step(&view, prepared);
        }
        if !view.parameters()?.is_like(transaction.view.parameters()?) {
            transaction.drafts.iter_mut().try_for_each(|draft| draft.reindex(&view))?;
        }
        for guard in &transaction.guards {
            if self.changed_since(view.tenant, guard.type_code, position) {
                let name = layout::type_name(guard.type_code).unwrap_or_default();
                let found = crate::finding::resolve(&view, name, &guard.query)?;
                if found.len() > 1 || found.first().copied() != guard.found {
                    return Err(stale());
                }
            }
        }
        for need in &transaction.needs {
            if self.changed_since(view.tenant, need.type_code, position)
                && !view.is_live(need.type_code, &need.id_hash)?
            {
                return Err(stale());
            }
        }
        for draft in &mut transaction.drafts {
            if !draft.fresh && self.changed_since(view.tenant, draft.type_code, position) {
                let number = self.applier.numbers.get(&view, &draft.id_hash)?;
                draft.refresh(&view, number)?;
            }
            draft.check()?;
        }
        crate::parameters::admit(&view, &transaction.drafts)?;
        let identity = &transaction.origin.message_identity;
        if !identity.is_empty() && view.seen(identity)?.is_some() {
            return Err(seen());
        }
        Ok(())
    }

    fn changed_since(&self, tenant: u32, type_code: u16, position: u64) -> bool {
        position < self.started || self.changed.get(&(tenant, type_code)).is_some_and(|seq| *seq >= position)
    }

    /// Numbers, seals and indexes one transaction.
    fn build(
        &mut self,
        batch: &mut Batch,
        seq: Seq,
        waiting: Waiting,
    ) -> std::result::Result<Built, (Waiting, Error)> {
        let transaction = &waiting.transaction;
        let mut record = Record {
            tenant: transaction.view.tenant,
            time_ms: self.time_ms,
            origin: transaction.origin.clone(),
            placeholders: Vec::new(),
            patient_keys: Vec::new(),
            operations: Vec::with_capacity(transaction.drafts.len()),
            step: transaction.step.as_ref().map(|prepared| prepared.step),
        };
        let done: Vec<Done> = transaction.drafts.iter().map(|draft| outcome(draft, self.time_ms)).collect();
        let drafts: Vec<usize> = (0..done.len()).filter(|at| done.get(*at).is_some_and(changes)).collect();
        let does_nothing = drafts.is_empty() && transaction.step.is_none();
        if does_nothing && transaction.origin.message_identity.is_empty() {
            return Ok(Built::Nothing(waiting, done));
        }
        match self.fill(batch, seq, transaction, &drafts, &done, &mut record) {
            Ok(bytes) => Ok(Built::Record(Box::new(Accepted { waiting, record, done }), bytes)),
            Err(error) => Err((waiting, error)),
        }
    }

    fn fill(
        &mut self,
        batch: &mut Batch,
        seq: Seq,
        transaction: &Transaction,
        drafts: &[usize],
        done: &[Done],
        record: &mut Record,
    ) -> Result<Sealed> {
        let view = &self.inner.core.view(transaction.view.tenant)?;
        let chosen = || drafts.iter().filter_map(|at| Some((transaction.drafts.get(*at)?, done.get(*at)?)));
        // All numbers first: references between the operations must find them.
        let mut numbers = Vec::with_capacity(drafts.len());
        for (draft, _) in chosen() {
            let known = if draft.fresh { None } else { self.applier.numbers.get(view, &draft.id_hash)? };
            let number = match known {
                Some(number) => number,
                None => self.applier.numbers.allocate(batch, view.tenant, &draft.id_hash),
            };
            numbers.push(number);
        }
        for ((draft, done), number) in chosen().zip(&numbers) {
            let key = self.key_for(batch, view, draft, *number, record)?;
            let deleted;
            let payload = match &draft.content {
                Content::Put(prepared) => &prepared.payload,
                Content::Delete => {
                    deleted = crate::body::Payload::deleted(&draft.id);
                    &deleted
                }
            };
            let key = self.inner.core.ring.data_key(key).map_err(engine)?;
            let [tenant, kind, place, version] = aad(view.tenant, draft.type_code, *number, done.version);
            let sealed = seal::seal(&key, &[b"body", &tenant, &kind, &place, &version], payload);
            record.operations.push(Operation {
                type_code: draft.type_code,
                id: draft.id.clone(),
                number: *number,
                version: done.version,
                deleted: matches!(draft.content, Content::Delete),
                sealed: sealed.into_bytes(),
            });
        }
        let deltas: Vec<Delta<'_>> = chosen().map(|(draft, _)| delta(draft)).collect();
        self.applier.apply(batch, view, seq.0, record, &deltas, Mode::Commit)?;
        if let Some(prepared) = &transaction.step {
            self.applier.step(batch, view, record, prepared, Mode::Commit)?;
        }
        seal_record(&self.inner, seq, record)
    }

    /// The data key for a draft: its first patient's, made now if there is none yet; the tenant's general key for what
    /// belongs to no patient. A deletion is sealed as the version it ends was.
    fn key_for(
        &mut self,
        batch: &mut Batch,
        view: &View,
        draft: &Draft,
        number: u64,
        record: &mut Record,
    ) -> Result<KeyId> {
        let general = KeyId::general(TenantId(view.tenant));
        let prepared = match (&draft.content, &draft.base) {
            (Content::Put(prepared), _) => prepared,
            (Content::Delete, Some(base)) => {
                let key = seal::key_id(&base.row.sealed).map_err(engine)?;
                // What was erased can still be deleted; its tombstone holds nothing but the id.
                return Ok(if self.inner.core.ring.data_key(key).is_ok() { key } else { general });
            }
            (Content::Delete, None) => return Ok(general),
        };
        let Some(first) = prepared.patients.first() else { return Ok(general) };
        let patient = if draft.type_code == layout::PATIENT_CODE && *first == draft.id {
            number
        } else {
            self.applier.patient_number(batch, view, first, &mut record.placeholders)?
        };
        if let Some(key) = self.applier.numbers.patient_key(view, patient)? {
            match self.inner.core.ring.data_key(KeyId(key)) {
                Ok(_) => return Ok(KeyId(key)),
                // After an erasure the patient may come again; that is a new record of them under a new key.
                Err(storage::keys::KeyError::KeyShredded(_)) => {}
                Err(error) => return Err(engine(error)),
            }
        }
        let key = self.inner.core.ring.new_data_key(TenantId(view.tenant)).map_err(engine)?;
        self.applier.numbers.take_patient_key(batch, view.tenant, patient, key.0);
        record.patient_keys.push(PatientKey { patient, key: key.0 });
        Ok(key)
    }

    /// Makes a run durable and visible.
    fn append(
        &mut self,
        mut batch: Batch,
        sealed: &[Sealed],
        new_keys: bool,
    ) -> std::result::Result<(), Failure> {
        if sealed.is_empty() {
            return Ok(());
        }
        let finished = self.applier.finish(&mut batch, self.inner.core.engine.as_ref());
        finished.map_err(Failure::Fatal)?;
        if new_keys {
            self.inner.core.ring.sync().map_err(|error| Failure::Fatal(engine(error)))?;
        }
        self.inner.core.log.append(self.next, sealed).map_err(|error| match error {
            LogError::LostRace { .. } => Failure::LostRace,
            LogError::Full(_) => Failure::Full(engine("the disk is full")),
            LogError::TooLarge { .. } => {
                Failure::Full(Error::new(ErrorKind::TooCostly, "the transaction is too large for one record"))
            }
            error => Failure::Fatal(engine(error)),
        })?;
        let next = self.next.plus(sealed.len() as u64);
        replay::write_position(&mut batch, next, self.time_ms);
        let parameters = self.note_changes(&batch);
        self.inner.core.engine.write(batch).map_err(|error| Failure::Fatal(engine(error)))?;
        for ((_, code), seq) in self.changed.iter().filter(|(_, seq)| **seq >= self.next.0) {
            self.inner.note_change(*code, *seq);
        }
        self.next = next;
        self.inner.publish(next);
        if parameters {
            self.inner.bell.ring();
        }
        Ok(())
    }

    /// Remembers which types this batch changes, from its `change` rows; whether search parameters changed too.
    fn note_changes(&mut self, batch: &Batch) -> bool {
        let mut parameters = false;
        for (space, operation) in batch.operations() {
            if *space == layout::CHANGE
                && let storage::engine::Operation::Put(key, _) = operation
                && let Some((tenant, type_code, seq)) = layout::read_change_key(key)
            {
                self.changed.insert((tenant, type_code), seq);
            }
            parameters |= *space == layout::APPLIED
                && matches!(operation, storage::engine::Operation::Put(key, _)
                    if layout::tenant_of_parameters(key).is_some());
        }
        parameters
    }

    /// Applies what other writers appended.
    fn catch_up(&mut self) -> Result<()> {
        self.reset()?;
        let end = replay::replay(&self.inner.core, &mut self.applier, self.next, None, &mut |_| {})?;
        self.next = end.next;
        self.time_ms = self.time_ms.max(end.time_ms);
        // What the others changed is not tracked type by type: everything prepared before is looked at again.
        self.started = end.next.0;
        layout::type_codes().for_each(|code| self.inner.note_change(code, end.next.0.saturating_sub(1)));
        self.inner.publish(end.next);
        Ok(())
    }

    /// Brings the in-memory state back to what the index says.
    fn reset(&mut self) -> Result<()> {
        self.applier = self.inner.core.open_applier()?;
        Ok(())
    }

    fn poison(&self, run: Vec<Waiting>, error: &Error) {
        tracing::error!(
            reason = error.internal_text().unwrap_or("unknown"),
            "commit failed; writes are refused until a restart"
        );
        self.inner.poison();
        refuse(run, &unavailable());
    }
}

/// Whether a step of reindexing is still the next one of its parameter, for the same reason.
fn check_step(view: &View, prepared: &Prepared) -> Result<()> {
    let step = &prepared.step;
    let own = view.parameters()?.numbered(step.parameter).filter(|own| own.entry.since == prepared.since);
    let at = own.and_then(|own| own.entry.at());
    if at == Some(At { type_code: step.type_code, number: step.from }) { Ok(()) } else { Err(stale()) }
}

fn stale() -> Error {
    Error::new(ErrorKind::Conflict, "the store changed while the request was prepared; try again")
        .signalling(Signal::Stale)
}

fn seen() -> Error {
    Error::new(ErrorKind::Conflict, "a message of this identity was committed before")
        .signalling(Signal::Seen)
}

enum Failure {
    LostRace,
    Full(Error),
    Fatal(Error),
}

enum Built {
    Nothing(Waiting, Vec<Done>),
    Record(Box<Accepted>, Sealed),
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "the store refuses writes after a failed one; it has to be restarted")
}

fn refuse(run: Vec<Waiting>, error: &Error) {
    for waiting in run {
        // A caller that went away needs no answer.
        let _: std::result::Result<(), std::sync::mpsc::SendError<Answer>> =
            waiting.answer.send(Err(error.clone()));
    }
}

fn changes(done: &Done) -> bool {
    matches!(done.effect, Effect::Created | Effect::Updated | Effect::Deleted)
}

/// What a draft does, given its base.
fn outcome(draft: &Draft, time_ms: i64) -> Done {
    let Some(base) = &draft.base else {
        return match draft.content {
            Content::Put(_) => Done { effect: Effect::Created, version: 1, time_ms },
            Content::Delete => Done { effect: Effect::AlreadyDeleted, version: 0, time_ms },
        };
    };
    let (standing, standing_ms) = (base.row.version, base.row.time_ms);
    let effect = match draft.content {
        Content::Put(_) if base.row.deleted => Effect::Created,
        Content::Put(_) if base.same => Effect::Unchanged,
        Content::Put(_) => Effect::Updated,
        Content::Delete if base.row.deleted => Effect::AlreadyDeleted,
        Content::Delete => Effect::Deleted,
    };
    match effect {
        Effect::Unchanged | Effect::AlreadyDeleted => {
            Done { effect, version: standing, time_ms: standing_ms }
        }
        _ => Done { effect, version: standing + 1, time_ms },
    }
}

fn delta(draft: &Draft) -> Delta<'_> {
    Delta {
        old_row: draft.base.as_ref().map(|base| &base.row),
        old: draft.base.as_ref().and_then(|base| base.indexed.as_ref()),
        new: match &draft.content {
            Content::Put(prepared) => Some((&prepared.terms, prepared.patients.as_slice())),
            Content::Delete => None,
        },
    }
}

/// Seals a record for its place in the log.
fn seal_record(inner: &Inner, seq: Seq, record: &Record) -> Result<Sealed> {
    let key = inner.core.ring.general_key(TenantId(record.tenant)).map_err(engine)?;
    Ok(seal::seal(&key, &[b"record", &seq.0.to_be_bytes()], &record.to_vec()))
}
