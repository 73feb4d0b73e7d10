//! Ingest's door: an atomic set of changes that came with a message, remembered in the same record.

use std::collections::HashSet;

use compact_str::CompactString;
use fhir::json::Value;
use protect::access::Interaction;

use super::needs;
use super::write::Sketch;
use super::{Access, check_id, committer_gone, type_code, wait_for};
use crate::error::{Error, ErrorKind, Result, Signal};
use crate::gate::Reach;
use crate::layout;
use crate::prepare::{Content, Done, Draft, Found, Transaction};
use crate::record::Origin;
use crate::types::{Applied, Change, Effect, Expected, Seen, Source, Written};
use crate::view::View;

/// Most changes in one set.
pub const CHANGES_MAX: usize = 10_000;

/// Tries of a set whose resources changed while it was worked out.
const TRIES_MAX: usize = 16;

/// A resource as it stands, for working out what a message changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its version; hand it back as [`Expected::Version`].
    pub version: u64,
    /// Its time, milliseconds since 1970 UTC.
    pub last_updated_ms: i64,
    /// Its content, without `meta.versionId` and `meta.lastUpdated`.
    pub value: Value,
}

/// Says what changes, given what stands.
pub type WorkOut<'a> = dyn FnMut(&[Option<Standing>]) -> Result<Vec<Change>> + 'a;

/// A message's changes, for [`apply_together`]; the fields are what [`Access::apply_resolving`] takes.
pub struct Job<'a> {
    /// The door of the message's channel.
    pub access: Access,
    /// Type and id of what is read.
    pub targets: Vec<(CompactString, CompactString)>,
    /// Where the message came from.
    pub source: Source,
    /// Says what changes.
    pub work_out: Box<WorkOut<'a>>,
}

/// Does for each job what [`Access::apply_resolving`] does, each atomic in itself, and hands all of them to the committer next
/// to each other: those that do not touch each other share one write and one fsync. All doors must lead to one store.
///
/// # Errors
/// Those of [`Access::apply_resolving`], for each job its own.
pub fn apply_together(jobs: Vec<Job<'_>>) -> Vec<Result<Applied>> {
    let mut jobs = jobs;
    let mut transactions = Vec::new();
    let begun: Vec<Result<Begun>> = jobs
        .iter_mut()
        .map(|job| {
            // What may not be done is not looked at either; the audit event is written when the job ends.
            job.access.caller.decide(Interaction::Ingest, None)?;
            let begun = job.access.work_out(&job.targets, &job.source, job.work_out.as_mut())?;
            Ok(match begun {
                Begun::Ready(transaction, sketches) => {
                    transactions.push(*transaction);
                    Begun::HandedOver(sketches)
                }
                done => done,
            })
        })
        .collect();
    let mut answers = match jobs.first() {
        Some(job) => job.access.hand_over(transactions).map(Vec::into_iter),
        None => return Vec::new(),
    };
    let conclude = |(job, begun): (&mut Job<'_>, Result<Begun>)| {
        let first = begun.and_then(|begun| match begun {
            Begun::HandedOver(sketches) => {
                let answer = answers.as_mut().map_err(|error| error.clone())?.next();
                let done = answer.map_or_else(|| Err(committer_gone()), |answer| wait_for(&answer));
                job.access.concluded(sketches, done, &job.source)
            }
            other => job.access.carry_out(other, &job.source),
        });
        job.access.finish_resolving(first, &job.targets, &job.source, job.work_out.as_mut())
    };
    jobs.iter_mut().zip(begun).map(conclude).collect()
}

/// How far a set of changes is.
enum Begun {
    /// There was nothing to do.
    Done(Applied),
    /// Ready for the committer.
    Ready(Box<Transaction>, Vec<Sketch>),
    /// The committer has it.
    HandedOver(Vec<Sketch>),
}

/// What was read of the targets: rows, bodies, and what [`WorkOut`] sees.
#[derive(Default)]
struct Known<'a> {
    targets: &'a [(CompactString, CompactString)],
    found: Vec<Option<Found>>,
    standing: Vec<Option<Standing>>,
}

impl Access {
    /// Commits a set of changes, all or none, and remembers the message that it came from.
    ///
    /// # Errors
    /// `Conflict` if an expected version is not the current one, `NotFound` for a reference `Type/id` to what is neither
    /// there nor among the changes, `Unprocessable` for an invalid resource, `TooCostly` for
    /// more than [`CHANGES_MAX`] changes, `Denied`, `Unavailable`.
    pub fn apply(&self, changes: Vec<Change>, source: &Source) -> Result<Applied> {
        self.audited(Interaction::Ingest, None, |shown| {
            let apply = || {
                if let Some(seen) = self.seen_now(source)? {
                    return Ok(Applied::Seen(seen));
                }
                let (position, view) = (self.inner.position(), self.view()?);
                let begun = self.set_up(view, position, changes, &mut Known::default(), source)?;
                self.carry_out(begun, source)
            };
            let applied = apply().map_err(|error| match error.signal() {
                Some(Signal::Stale) => needs::gone_meanwhile(),
                _ => error,
            })?;
            note(shown, &applied);
            Ok(applied)
        })
    }

    /// Reads the targets as they stand, lets `work_out` say what changes, and commits; anew if others were faster.
    ///
    /// `targets` are type and id; `work_out` gets for each what stands there (`None`: nothing, or deleted) and is called once
    /// or more. Expectations need not be set by it: the set is committed only if all targets still stand as they were read.
    ///
    /// # Errors
    /// Those of [`Self::apply`], and what `work_out` returns.
    pub fn apply_resolving(
        &self,
        targets: &[(CompactString, CompactString)],
        source: &Source,
        work_out: &mut WorkOut<'_>,
    ) -> Result<Applied> {
        let first = match self.caller.decide(Interaction::Ingest, None) {
            Ok(_) => self.try_resolving(targets, source, work_out),
            Err(error) => Err(error),
        };
        self.finish_resolving(first, targets, source, work_out)
    }

    /// Ends a call whose first try is done: tries again while others were faster, and leaves the call's audit event.
    fn finish_resolving(
        &self,
        first: Result<Applied>,
        targets: &[(CompactString, CompactString)],
        source: &Source,
        work_out: &mut WorkOut<'_>,
    ) -> Result<Applied> {
        self.audited(Interaction::Ingest, None, |shown| {
            let mut applied = first;
            for _ in 1..TRIES_MAX {
                if !matches!(&applied, Err(error) if error.kind() == ErrorKind::Conflict) {
                    break;
                }
                applied = self.try_resolving(targets, source, work_out);
            }
            let applied = applied?;
            note(shown, &applied);
            Ok(applied)
        })
    }

    fn try_resolving(
        &self,
        targets: &[(CompactString, CompactString)],
        source: &Source,
        work_out: &mut WorkOut<'_>,
    ) -> Result<Applied> {
        let begun = self.work_out(targets, source, work_out)?;
        self.carry_out(begun, source)
    }

    /// Reads, lets `work_out` say what changes, and prepares that.
    fn work_out(
        &self,
        targets: &[(CompactString, CompactString)],
        source: &Source,
        work_out: &mut WorkOut<'_>,
    ) -> Result<Begun> {
        if let Some(seen) = self.seen_now(source)? {
            return Ok(Begun::Done(Applied::Seen(seen)));
        }
        let (position, view) = (self.inner.position(), self.view()?);
        let mut known = Known { targets, ..Known::default() };
        for (resource_type, id) in targets {
            let (found, standing) = self.standing(&view, resource_type, id)?;
            known.found.push(found);
            known.standing.push(standing);
        }
        let mut changes = work_out(&known.standing)?;
        for change in &mut changes {
            expect_standing(change, &known);
        }
        self.set_up(view, position, changes, &mut known, source)
    }

    /// Whether the caller may bring messages in. It shows nothing, so it leaves no audit event.
    ///
    /// # Errors
    /// `Denied`.
    pub fn may_ingest(&self) -> Result<()> {
        match self.caller.decide(Interaction::Ingest, None)? {
            Reach::All => Ok(()),
            // A message brings many resources, and new patients: one compartment cannot hold it.
            Reach::Patient(_) => {
                Err(Error::new(ErrorKind::Denied, "a message needs the right to write the whole tenant"))
            }
        }
    }

    /// Whether a message of this identity was committed. It shows nothing of a patient, so it leaves no audit event.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub fn seen(&self, message_identity: &[u8]) -> Result<Option<Seen>> {
        self.caller.decide(Interaction::Ingest, None)?;
        self.view()?.seen(message_identity)
    }

    pub(super) fn seen_now(&self, source: &Source) -> Result<Option<Seen>> {
        if source.message_identity.is_empty() {
            return Ok(None);
        }
        self.view()?.seen(&source.message_identity)
    }

    /// What stands under an id: as the committer will want it, and as a message wants it.
    fn standing(
        &self,
        view: &View,
        resource_type: &str,
        id: &str,
    ) -> Result<(Option<Found>, Option<Standing>)> {
        let code = type_code(resource_type)?;
        let Some((number, row)) = view.find(code, id)? else { return Ok((None, None)) };
        let body = view.body(code, number, &row)?;
        let standing = match &body {
            Some(body) => {
                let value = body.value().map_err(crate::view::corrupt)?;
                Some(Standing { version: row.version, last_updated_ms: row.time_ms, value })
            }
            None => None,
        };
        Ok((Some(Found { row, body }), standing))
    }

    /// Prepares a set of changes. What is known of the targets is not read again.
    fn set_up(
        &self,
        view: View,
        position: u64,
        changes: Vec<Change>,
        known: &mut Known<'_>,
        source: &Source,
    ) -> Result<Begun> {
        if changes.len() > CHANGES_MAX {
            return Err(Error::new(
                ErrorKind::TooCostly,
                format!("one set may hold at most {CHANGES_MAX} changes"),
            ));
        }
        let mut drafts = Vec::with_capacity(changes.len());
        let mut written = HashSet::with_capacity(changes.len());
        let mut named = Vec::with_capacity(changes.len());
        for change in changes {
            named.push(match &change {
                Change::Put { value, .. } => needs::named(value),
                Change::Delete { .. } => needs::Named::new(),
            });
            let draft = self.draft(&view, change, known)?;
            if !written.insert(draft.id_hash) {
                return Err(Error::new(ErrorKind::Invalid, "a resource stands twice in one set of changes"));
            }
            drafts.push(draft);
        }
        let sketches: Vec<Sketch> = drafts.iter().map(Sketch::without_body).collect();
        let needs = needs::needs(&view, &drafts, &named).map_err(|(_, error)| error)?;
        let origin = self.origin_of(source);
        let transaction = self.ready(view, position, drafts, (Vec::new(), needs), origin);
        Ok(Begun::Ready(Box::new(transaction), sketches))
    }

    /// Commits what was prepared.
    fn carry_out(&self, begun: Begun, source: &Source) -> Result<Applied> {
        match begun {
            Begun::Done(applied) => Ok(applied),
            Begun::Ready(transaction, sketches) => {
                let answers = self.hand_over(vec![*transaction])?;
                let done = answers.first().map_or_else(|| Err(committer_gone()), wait_for);
                self.concluded(sketches, done, source)
            }
            Begun::HandedOver(_) => Err(committer_gone()),
        }
    }

    /// What the committer's answer means to the message.
    fn concluded(&self, sketches: Vec<Sketch>, done: Result<Vec<Done>>, source: &Source) -> Result<Applied> {
        let written = done.and_then(|done| {
            sketches
                .into_iter()
                .zip(done)
                .map(|(sketch, done)| sketch.written(done))
                .collect::<Result<Vec<_>>>()
        });
        self.applied(written, source)
    }

    /// Who, why, and the message that it came with.
    pub(super) fn origin_of(&self, source: &Source) -> Origin {
        Origin {
            message_identity: source.message_identity.clone(),
            archive_digest: source.archive_digest.clone(),
            channel: source.channel.clone(),
            ..self.origin()
        }
    }

    /// What a message's commit came to; one that another thread committed meanwhile was seen.
    pub(super) fn applied(&self, written: Result<Vec<Written>>, source: &Source) -> Result<Applied> {
        match written {
            Ok(written) => {
                let idle = |effect| matches!(effect, Effect::Unchanged | Effect::AlreadyDeleted);
                if written.iter().all(|written| idle(written.effect)) {
                    return Ok(Applied::Unchanged(written));
                }
                Ok(Applied::Committed(written))
            }
            Err(error) if error.signal() == Some(Signal::Seen) => {
                self.seen_now(source)?.map(Applied::Seen).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    fn draft(&self, view: &View, change: Change, known: &mut Known<'_>) -> Result<Draft> {
        let (code, id, content, expected, at) = match change {
            Change::Put { value, expected } => {
                let resource_type = CompactString::from(value.resource_type().unwrap_or_default());
                let code = layout::type_code(&resource_type).ok_or_else(|| {
                    Error::new(ErrorKind::Unprocessable, "has a `resourceType` that R4 does not know")
                })?;
                let id = CompactString::from(value.get("id").and_then(Value::as_str).unwrap_or_default());
                check_id(&id)?;
                self.check(&resource_type, &value)?;
                let content = self.content(view, code, &id, value)?;
                let at = known.place(&resource_type, &id);
                (code, id, content, expected, at)
            }
            Change::Delete { resource_type, id, expected } => {
                let at = known.place(&resource_type, &id);
                (type_code(&resource_type)?, id, Content::Delete, expected, at)
            }
        };
        let draft = match at {
            Some(at) => {
                let found = known.found.get_mut(at).and_then(Option::take);
                let value = known.standing.get(at).and_then(Option::as_ref).map(|standing| &standing.value);
                Draft::on(view, code, &id, content, found, value)?
            }
            None => Draft::new(view, code, &id, content)?,
        };
        Ok(draft.expecting(expected, ErrorKind::Conflict))
    }
}

impl Known<'_> {
    /// The place of a target.
    fn place(&self, resource_type: &str, id: &str) -> Option<usize> {
        self.targets.iter().position(|target| target.0 == resource_type && target.1 == id)
    }
}

/// Binds a change of a target to what was read of it.
fn expect_standing(change: &mut Change, known: &Known<'_>) {
    let (resource_type, id, expected) = match change {
        Change::Put { value, expected } => {
            let resource_type = value.resource_type().unwrap_or_default();
            (resource_type, value.get("id").and_then(Value::as_str).unwrap_or_default(), expected)
        }
        Change::Delete { resource_type, id, expected } => (resource_type.as_str(), id.as_str(), expected),
    };
    if let Some(found) = known.place(resource_type, id).and_then(|at| known.standing.get(at)) {
        *expected = found.as_ref().map_or(Expected::Absent, |standing| Expected::Version(standing.version));
    }
}

fn note(shown: &mut crate::gate::Shown, applied: &Applied) {
    if let Applied::Committed(written) | Applied::Unchanged(written) = applied {
        written.iter().for_each(|written| shown.wrote(written));
    }
}
