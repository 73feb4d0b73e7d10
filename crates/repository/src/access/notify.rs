//! What subscriptions ask of the store, as their owners: which changes are events for them, and what of these they are shown.

use fhir::json::Value;
use fhir::search::query::Query;
use protect::access::Interaction;

use super::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::feed::{self, Committed, Place};
use crate::finding::{self, Asker};
use crate::gate::Reach;
use crate::layout;
use crate::prepare::Draft;
use crate::search::{Bounds, Rule};
use crate::subscriptions::{
    self, Candidate, Definition, PayloadContent, Plan, SUBSCRIPTION_CODE, SubscriptionEvent,
    SubscriptionStatus,
};
use crate::types::{Effect, Expected, Versioned, Written};
use crate::view::{View, corrupt};

/// What a stretch of the feed holds for a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The events, in the order of commits.
    pub events: Vec<SubscriptionEvent>,
    /// Where to go on.
    pub next: Place,
    /// Whether everything committed so far was looked at.
    pub at_end: bool,
}

/// An event as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The event's number.
    pub number: u64,
    /// The event.
    pub event: SubscriptionEvent,
    /// The version that was committed, its body empty where only the id is told; `None` where nothing of it may be or can be
    /// told.
    pub versioned: Option<Versioned>,
}

impl Access {
    /// What a subscription asks of each change, for this caller.
    ///
    /// # Errors
    /// `Unprocessable` for an unknown topic or filter, `Denied` if the caller may not read and search what it tells of.
    pub fn subscription_plan(&self, definition: &Definition) -> Result<Plan> {
        let plan = Plan::of(&self.view()?, definition)?;
        for code in &plan.types {
            for interaction in [Interaction::SearchType, Interaction::Read] {
                self.caller.decide(interaction, layout::type_name(*code))?;
            }
        }
        Ok(plan)
    }

    /// The events among the changes from a place on: at most `changes_max` are looked at and `events_max` given.
    ///
    /// Nobody is shown anything by this, so it leaves no event in the audit log; [`Self::notification`] does.
    ///
    /// # Errors
    /// `Denied`, `TooCostly` for a query over its bounds, `Unavailable`, `Corrupt`.
    pub fn subscription_events(
        &self,
        plan: &Plan,
        from: Place,
        changes_max: usize,
        events_max: usize,
    ) -> Result<Found> {
        let end = self.inner.position();
        let view = self.inner.core.snapshot(self.tenant())?;
        let stretch = feed::changes(&view, Some(&plan.types), from, end, changes_max)?;
        let mut found = Found { events: Vec::new(), next: stretch.next, at_end: stretch.at_end };
        let mut looks = Vec::with_capacity(plan.types.len());
        for code in &plan.types {
            looks.push((*code, self.look(&view, *code)?));
        }
        for change in &stretch.changes {
            let Some((_, look)) = looks.iter().find(|(code, _)| *code == change.type_code) else { continue };
            if self.is_event(&view, plan, look, change)? {
                found.events.push(change.into());
            }
            if found.events.len() >= events_max {
                (found.next, found.at_end) = (change.place.next(), false);
                return Ok(found);
            }
        }
        Ok(found)
    }

    /// What the caller may find of a type.
    fn look(&self, view: &View, code: u16) -> Result<Look> {
        let name = layout::type_name(code).unwrap_or_default();
        let reach = self.caller.decide(Interaction::SearchType, Some(name))?;
        let bounds = finding::bounds(view, &self.caller, Some((code, &reach)))?;
        Ok(Look { reach, bounds })
    }

    fn asker<'a>(&'a self, reach: &'a Reach) -> Asker<'a> {
        Asker {
            caller: &self.caller,
            reach,
            now_ms: self.inner.clock.now_ms(),
            base: self.inner.options.base_url.as_deref(),
        }
    }

    fn is_event(&self, view: &View, plan: &Plan, look: &Look, change: &Committed) -> Result<bool> {
        let at = (change.type_code, change.number);
        let deleted = change.effect == Effect::Deleted;
        let mut current = Candidate::new(view, at, if deleted { 0 } else { change.version })?;
        let before = if change.effect == Effect::Created { 0 } else { change.version.saturating_sub(1) };
        let mut previous = Candidate::new(view, at, before)?;
        let asker = self.asker(&look.reach);
        let ask = |candidate: &mut Candidate<'_>, query: &Query| match candidate.image()? {
            Some(image) => finding::holds(image, &look.bounds, at, &query.criteria, &asker),
            None => Ok(false),
        };
        let mut passes = false;
        for trigger in &plan.triggers {
            if trigger.type_code != change.type_code || !trigger.hears(change.effect) {
                continue;
            }
            let was = match &trigger.previous {
                None => None,
                Some(_) if change.effect == Effect::Created => Some(trigger.create_passes),
                Some(query) => Some(ask(&mut previous, query)?),
            };
            let is = match &trigger.current {
                None => None,
                Some(_) if deleted => Some(trigger.delete_passes),
                Some(query) => Some(ask(&mut current, query)?),
            };
            if !trigger.passes(was, is) {
                continue;
            }
            let Some(path) = &trigger.path else {
                passes = true;
                break;
            };
            // A version beyond the caller's reach is as if it were not there, for an expression too.
            let everything = *look.bounds.rule(change.type_code) == Rule::Everything;
            let value = |candidate: &mut Candidate<'_>| match everything || ask(candidate, &Query::default())?
            {
                true => candidate.value(),
                false => Ok(None),
            };
            let (was, is) = (value(&mut previous)?, value(&mut current)?);
            if subscriptions::topic::is_true(path, was.as_ref(), is.as_ref(), self.inner.clock.now_ms()) {
                passes = true;
                break;
            }
        }
        if !passes {
            return Ok(false);
        }
        // Whose it was is only known by the version before.
        let focus = if deleted { &mut previous } else { &mut current };
        let name = layout::type_name(change.type_code).unwrap_or_default();
        for filter in plan.filters.iter().filter(|filter| filter.resource_type == name) {
            if !ask(focus, filter)? {
                return Ok(false);
            }
        }
        match look.bounds.rule(change.type_code) {
            Rule::Everything => Ok(true),
            _ => ask(focus, &Query::default()),
        }
    }

    /// Shows events to the caller, who is the owner of a subscription: one event in the audit log, with all that is shown. It
    /// is the first ones, and at least one, until their bodies come to `bytes_max`.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`, `Corrupt`.
    pub fn notification(
        &self,
        events: &[(u64, SubscriptionEvent)],
        content: PayloadContent,
        bytes_max: usize,
    ) -> Result<Vec<Told>> {
        let Some((_, first)) = events.first() else { return Ok(Vec::new()) };
        self.audited(Interaction::Operation, layout::type_name(first.type_code), |shown| {
            let mut told = Vec::with_capacity(events.len());
            let mut bytes = 0;
            for (number, event) in events {
                if bytes >= bytes_max && !told.is_empty() {
                    break;
                }
                let versioned = match content {
                    PayloadContent::Empty => None,
                    _ => self.shown_version(event)?,
                };
                let versioned = versioned.map(|mut versioned| {
                    shown.add(&versioned);
                    if content != PayloadContent::FullResource {
                        versioned.body = Vec::new();
                    }
                    bytes += versioned.body.len();
                    versioned
                });
                told.push(Told { number: *number, event: *event, versioned });
            }
            Ok(told)
        })
    }

    /// The version of an event, if the caller may see it and it is still to be had.
    fn shown_version(&self, event: &SubscriptionEvent) -> Result<Option<Versioned>> {
        let at = (event.type_code, event.number);
        let reach = self.caller.decide(Interaction::Read, layout::type_name(event.type_code))?;
        let view = self.view()?;
        let row = |version: u64| view.row_of_version(at.0, at.1, version);
        let Some(told) = row(event.version)? else { return Ok(None) };
        let seen = if told.deleted { row(event.version.saturating_sub(1))? } else { Some(told.clone()) };
        let admitted = match seen {
            Some(seen) => self.admit(&reach, &view, at, &seen),
            None => Err(Error::not_found()),
        };
        match admitted.and_then(|()| view.versioned(at.0, at.1, &told)) {
            Ok(versioned) => Ok(Some(versioned)),
            Err(error) if matches!(error.kind(), ErrorKind::Gone | ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the status of a Subscription that has this version now, and what went wrong; its owner stays who it was.
    ///
    /// # Errors
    /// `Conflict` if it has another version by now, `NotFound`, `Gone`, `Denied`, `Unavailable`.
    pub fn set_subscription_status(
        &self,
        id: &str,
        version: u64,
        status: SubscriptionStatus,
        error: Option<&str>,
    ) -> Result<Written> {
        self.audited(Interaction::Update, Some("Subscription"), |shown| {
            let position = self.inner.position();
            let view = self.view()?;
            let (number, row) = view.find(SUBSCRIPTION_CODE, id)?.ok_or_else(Error::not_found)?;
            let changed = || Error::new(ErrorKind::Conflict, "the Subscription changed meanwhile");
            if row.version != version {
                return Err(changed());
            }
            let body = view.body(SUBSCRIPTION_CODE, number, &row)?.ok_or_else(changed)?;
            let mut value = body.value().map_err(corrupt)?;
            let object = value.as_object_mut().ok_or_else(|| corrupt("a resource is no object"))?;
            object.insert("status", status.code());
            match error {
                Some(error) => drop(object.insert("error", error)),
                None => drop(object.remove("error")),
            }
            let mut origin = self.origin();
            origin.grant = subscriptions::grant_of(&view, &row)?;
            let content = self.content(&view, SUBSCRIPTION_CODE, id, value)?;
            let draft = Draft::new(&view, SUBSCRIPTION_CODE, id, content)?
                .expecting(Expected::Version(version), ErrorKind::Conflict);
            self.submit_as(view, position, draft, Vec::new(), origin, shown)
        })
    }

    /// Refuses a Subscription that could not be served, so that its writer hears of it at once.
    pub(super) fn check_subscription(&self, value: &Value) -> Result<()> {
        let view = self.view()?;
        let definition = Definition::read(view.registry()?, value);
        let definition = definition.map_err(|issues| Error::with_issues(ErrorKind::Unprocessable, issues))?;
        match definition.status {
            SubscriptionStatus::Requested | SubscriptionStatus::Active => {
                self.subscription_plan(&definition).map(drop)
            }
            SubscriptionStatus::Error | SubscriptionStatus::Off => Ok(()),
        }
    }
}

/// How far a caller may look at one type.
struct Look {
    reach: Reach,
    bounds: Bounds,
}
