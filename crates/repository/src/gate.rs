//! The door's two duties: a decision before anything is looked at, and one audit event after.
//!
//! This is where `protect` is met; the rest of the crate knows `Caller`, `Shown` and `Reach`.

use std::borrow::Cow;

use compact_str::CompactString;
use protect::access::{Actor, Decision, DenyReason, Facts, Interaction, Purpose, Scopes, decide};
use protect::audit::{Action, Entity, Event, Outcome};
use storage::keys::TenantId;

use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::record::Origin;
use crate::store::Inner;
use crate::types::{Effect, Versioned, Written};

/// Who asks, why, with what rights.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub purpose: Purpose,
    /// The tenant that the actor belongs to.
    pub home: TenantId,
    /// The tenant whose data is asked for.
    pub tenant: TenantId,
    /// What the actor's token grants.
    pub scopes: Scopes,
    /// The patient of the launch context, for `patient/` scopes.
    pub launch_patient: Option<String>,
    /// The profile by which everything is masked that the caller sees; `None` for resources as they are.
    pub masked: Option<String>,
    /// The name of the token that was shown, so that what outlives the request (a subscription) ends with the token.
    pub token: Option<String>,
    /// The request's id, as in logs and answers.
    pub request_id: String,
    /// Where from: network address, channel, command.
    pub source: String,
}

impl Caller {
    /// Who and why, for the log record.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            actor: self.actor.id.as_str().into(),
            purpose: self.purpose.code().into(),
            request_id: self.request_id.as_str().into(),
            ..Origin::default()
        }
    }

    /// Refuses who may only see masked.
    pub(crate) fn sees_unmasked(&self) -> Result<()> {
        if self.masked.is_none() {
            return Ok(());
        }
        let text = "this token sees the masked view, which is for reading, searching and `$export` alone";
        Err(Error::new(ErrorKind::Denied, text))
    }

    /// Decides one interaction.
    pub(crate) fn decide(&self, interaction: Interaction, resource_type: Option<&str>) -> Result<Reach> {
        let facts = Facts {
            caller_tenant: self.home,
            tenant: self.tenant,
            actor: &self.actor,
            purpose: self.purpose,
            scopes: &self.scopes,
            interaction,
            resource_type,
            launch_patient: self.launch_patient.as_deref(),
        };
        match decide(&facts) {
            Decision::Permit => Ok(Reach::All),
            Decision::PermitWithin { patient } => Ok(Reach::Patient(patient.into())),
            Decision::Deny { reason: DenyReason::Tenant } => Err(Error::not_found()),
            Decision::Deny { reason } => Err(Error::new(ErrorKind::Denied, reason.to_string())),
        }
    }
}

/// How far a permission reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The whole tenant.
    All,
    /// One patient's compartment.
    Patient(CompactString),
}

/// What a call may see, and what it showed or wrote: the list of its audit event.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) reach: Reach,
    entities: Vec<Entity>,
    /// A keyed hash of what was asked for.
    pub(crate) query_hash: Option<[u8; 16]>,
    /// The name of the operation, for the event; empty for interactions that say all by themselves.
    pub(crate) operation: &'static str,
    /// What more the event should say; never anything of a resource.
    pub(crate) note: String,
}

impl Shown {
    /// Notes a version that is shown.
    pub(crate) fn add(&mut self, versioned: &Versioned) {
        self.push(versioned, Action::Shown);
    }

    /// Notes a write.
    pub(crate) fn wrote(&mut self, written: &Written) {
        let action = match written.effect {
            Effect::Created => Action::Created,
            Effect::Updated => Action::Updated,
            Effect::Deleted => Action::Deleted,
            Effect::AlreadyDeleted => return,
            Effect::Unchanged | Effect::Existing => Action::Shown,
        };
        self.push(&written.versioned, action);
    }

    fn push(&mut self, versioned: &Versioned, action: Action) {
        let name = layout::type_code(&versioned.resource_type).and_then(layout::type_name);
        self.entities.push(Entity {
            resource_type: Cow::Borrowed(name.unwrap_or_default()),
            id: versioned.id.to_string(),
            version: versioned.version,
            action,
        });
    }
}

/// Decides, does and records one call. Nothing is shown whose event could not be recorded.
pub(crate) fn audited<T>(
    inner: &Inner,
    caller: &Caller,
    interaction: Interaction,
    resource_type: Option<&str>,
    work: impl FnOnce(&mut Shown) -> Result<T>,
) -> Result<T> {
    recorded(inner, caller, (interaction, resource_type, ""), caller.decide(interaction, resource_type), work)
}

/// As [`audited`], for a call that was decided already; `deed` is the interaction, the type, and short words for the event.
///
/// Who may only see masked is refused: what is not written with the masked view in mind must not be reached by it.
pub(crate) fn recorded<T>(
    inner: &Inner,
    caller: &Caller,
    deed: (Interaction, Option<&str>, &str),
    decided: Result<Reach>,
    work: impl FnOnce(&mut Shown) -> Result<T>,
) -> Result<T> {
    let decided = caller.sees_unmasked().and(decided);
    recorded_in_view(inner, caller, deed, decided, work)
}

/// As [`recorded`], for calls that show who may only see masked nothing else.
pub(crate) fn recorded_in_view<T>(
    inner: &Inner,
    caller: &Caller,
    deed: (Interaction, Option<&str>, &str),
    decided: Result<Reach>,
    work: impl FnOnce(&mut Shown) -> Result<T>,
) -> Result<T> {
    let (interaction, resource_type, words) = deed;
    let mut shown = Shown {
        reach: Reach::All,
        entities: Vec::new(),
        query_hash: None,
        operation: "",
        note: String::new(),
    };
    let result = decided.and_then(|reach| {
        shown.reach = reach;
        work(&mut shown)
    });
    let now_ms = inner.clock.now_ms();
    let mut event = Event::new(now_ms, caller.tenant, caller.actor.clone(), caller.purpose, interaction);
    // Only names of R4 types: what else a caller may have sent as a type is not for the log.
    let known = resource_type.and_then(layout::type_code).and_then(layout::type_name);
    event.resource_type = known.map(Cow::Borrowed);
    event.request_id.clone_from(&caller.request_id);
    event.source.clone_from(&caller.source);
    event.query_hash = shown.query_hash;
    event.entities = shown.entities;
    if shown.operation.is_empty() { words } else { shown.operation }.clone_into(&mut event.detail);
    if !shown.note.is_empty() {
        event.detail.push_str(": ");
        event.detail.push_str(&shown.note);
    }
    if let Err(error) = &result {
        event.outcome = match error.kind() {
            ErrorKind::Internal | ErrorKind::Corrupt | ErrorKind::Unavailable => Outcome::Failed,
            _ => Outcome::Refused,
        };
        let separator = if event.detail.is_empty() { "" } else { ": " };
        event.detail.push_str(separator);
        event.detail.push_str(error.kind().issue_type().as_str());
    }
    inner.audit.record(&event).map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
    result
}
