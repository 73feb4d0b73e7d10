//! Ingest's door: an atomic set of changes that came with a message, remembered in the same record.

use std::collections::HashSet;

use compact_str::CompactString;
use fhir::json::Value;
use protect::access::Interaction;

use super::needs;
use super::write::Sketch;
use super::{Access, check_id, type_code};
use crate::error::{Error, ErrorKind, Result, Signal};
use crate::gate::Reach;
use crate::layout;
use crate::prepare::{Content, Draft};
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

impl Access {
    /// Commits a set of changes, all or none, and remembers the message that it came from.
    ///
    /// # Errors
    /// `Conflict` if an expected version is not the current one, `NotFound` for a reference `Type/id` to what is neither
    /// there nor among the changes, `Unprocessable` for an invalid resource, `TooCostly` for
    /// more than [`CHANGES_MAX`] changes, `Denied`, `Unavailable`.
    pub fn apply(&self, changes: Vec<Change>, source: &Source) -> Result<Applied> {
        self.audited(Interaction::Ingest, None, |shown| {
            let applied = self.apply_once(changes, source).map_err(|error| match error.signal() {
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
        self.audited(Interaction::Ingest, None, |shown| {
            let mut tries = 0;
            loop {
                tries += 1;
                if let Some(seen) = self.seen_now(source)? {
                    return Ok(Applied::Seen(seen));
                }
                let view = self.view()?;
                let standing = targets
                    .iter()
                    .map(|(resource_type, id)| self.standing(&view, resource_type, id))
                    .collect::<Result<Vec<_>>>()?;
                let mut changes = work_out(&standing)?;
                for change in &mut changes {
                    expect_standing(change, targets, &standing);
                }
                match self.apply_once(changes, source) {
                    Err(error) if error.kind() == ErrorKind::Conflict && tries < TRIES_MAX => {}
                    result => {
                        let applied = result?;
                        note(shown, &applied);
                        return Ok(applied);
                    }
                }
            }
        })
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

    fn standing(&self, view: &View, resource_type: &str, id: &str) -> Result<Option<Standing>> {
        let code = type_code(resource_type)?;
        let Some((number, row)) = view.find(code, id)? else { return Ok(None) };
        let Some(body) = view.body(code, number, &row)? else { return Ok(None) };
        let value = body.value().map_err(crate::view::corrupt)?;
        Ok(Some(Standing { version: row.version, last_updated_ms: row.time_ms, value }))
    }

    fn apply_once(&self, changes: Vec<Change>, source: &Source) -> Result<Applied> {
        if changes.len() > CHANGES_MAX {
            return Err(Error::new(
                ErrorKind::TooCostly,
                format!("one set may hold at most {CHANGES_MAX} changes"),
            ));
        }
        if let Some(seen) = self.seen_now(source)? {
            return Ok(Applied::Seen(seen));
        }
        let position = self.inner.position();
        let view = self.view()?;
        let mut drafts = Vec::with_capacity(changes.len());
        let mut written = HashSet::with_capacity(changes.len());
        let mut named = Vec::with_capacity(changes.len());
        for change in changes {
            named.push(match &change {
                Change::Put { value, .. } => needs::named(value),
                Change::Delete { .. } => needs::Named::new(),
            });
            let draft = self.draft(&view, change)?;
            if !written.insert(draft.id_hash) {
                return Err(Error::new(ErrorKind::Invalid, "a resource stands twice in one set of changes"));
            }
            drafts.push(draft);
        }
        let sketches: Vec<Sketch> = drafts.iter().map(Sketch::without_body).collect();
        let needs = needs::needs(&view, &drafts, &named).map_err(|(_, error)| error)?;
        let done = self.submit_needing(view, position, drafts, (Vec::new(), needs), self.origin_of(source));
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

    fn draft(&self, view: &View, change: Change) -> Result<Draft> {
        match change {
            Change::Put { value, expected } => {
                let resource_type = CompactString::from(value.resource_type().unwrap_or_default());
                let code = layout::type_code(&resource_type).ok_or_else(|| {
                    Error::new(ErrorKind::Unprocessable, "has a `resourceType` that R4 does not know")
                })?;
                let id = CompactString::from(value.get("id").and_then(Value::as_str).unwrap_or_default());
                check_id(&id)?;
                self.check(&resource_type, &value)?;
                let content = self.content(view, code, &id, value)?;
                Ok(Draft::new(view, code, &id, content)?.expecting(expected, ErrorKind::Conflict))
            }
            Change::Delete { resource_type, id, expected } => {
                let code = type_code(&resource_type)?;
                Ok(Draft::new(view, code, &id, Content::Delete)?.expecting(expected, ErrorKind::Conflict))
            }
        }
    }
}

/// Binds a change of a target to what was read of it.
fn expect_standing(
    change: &mut Change,
    targets: &[(CompactString, CompactString)],
    standing: &[Option<Standing>],
) {
    let (resource_type, id, expected) = match change {
        Change::Put { value, expected } => {
            let resource_type = value.resource_type().unwrap_or_default();
            (resource_type, value.get("id").and_then(Value::as_str).unwrap_or_default(), expected)
        }
        Change::Delete { resource_type, id, expected } => (resource_type.as_str(), id.as_str(), expected),
    };
    let at = targets.iter().position(|target| target.0 == resource_type && target.1 == id);
    if let Some(found) = at.and_then(|at| standing.get(at)) {
        *expected = found.as_ref().map_or(Expected::Absent, |standing| Expected::Version(standing.version));
    }
}

fn note(shown: &mut crate::gate::Shown, applied: &Applied) {
    if let Applied::Committed(written) | Applied::Unchanged(written) = applied {
        written.iter().for_each(|written| shown.wrote(written));
    }
}
