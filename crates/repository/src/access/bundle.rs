//! Batch and transaction bundles (R4 http.html#transaction).

mod batch;
mod entry;
mod links;
mod single;

use std::collections::HashSet;

use compact_str::CompactString;
use fhir::json::{Object, Value, object};
use fhir::outcome::{Issue, IssueType, Outcome};
use protect::access::Interaction;

use self::entry::{Method, Step, Target};
use self::links::Links;
use super::needs;
use super::write::{Sketch, admit_draft, check_same_id, expected};
use super::{Access, check_id, type_code};
use crate::body::instant;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Reach, Shown};
use crate::layout;
use crate::prepare::{Content, Draft, Guard};
use crate::record::Origin;
use crate::types::{Applied, Effect, Source, Written};
use crate::view::View;

/// Most entries of a bundle.
pub const BUNDLE_ENTRIES_MAX: usize = 20_000;

/// What an entry comes to before references can be rewritten: its id is known.
struct Placed {
    code: u16,
    id: CompactString,
    plan: Plan,
}

enum Plan {
    Create,
    /// A conditional create whose resource is there.
    Existing(u64),
    Put {
        if_match: Option<u64>,
        fresh: bool,
    },
    Patch {
        if_match: Option<u64>,
    },
    Delete {
        if_match: Option<u64>,
    },
    /// A conditional delete that found nothing.
    Nothing,
    Get,
}

impl Access {
    /// Carries out a transaction bundle: all of it or nothing. Gives the `transaction-response` bundle, entries in the order
    /// of the request.
    ///
    /// Order of work: DELETE, POST, PUT and PATCH, then GET on the state after them. References to a `fullUrl` of the bundle
    /// become references to what the entry became; conditional references (`Type?parameters`) are resolved against the store
    /// and, for identifiers, the bundle.
    ///
    /// # Errors
    /// Those of each interaction, the entry named in the issue's expression; `Invalid` if two entries write one resource;
    /// `TooCostly` beyond [`BUNDLE_ENTRIES_MAX`] entries.
    pub fn transaction(&self, bundle: Value) -> Result<Value> {
        self.audited(Interaction::Transaction, None, |shown| {
            let steps = entry::read(bundle, "transaction")?;
            // Resources move into the drafts at each try, so all tries but the last work on a copy.
            self.retrying(|| self.transact(&steps, self.origin(), false, &mut Vec::new(), shown))
        })
    }

    /// Carries out a transaction or batch bundle that came as a message: all of it or nothing, and the message is remembered
    /// in the same record.
    ///
    /// # Errors
    /// Those of [`Self::transaction`]; `NotFound` for a reference `Type/id` to what is neither there nor in the bundle.
    pub fn transaction_from(&self, bundle: Value, source: &Source) -> Result<Applied> {
        self.audited(Interaction::Ingest, None, |shown| {
            if let Some(seen) = self.seen_now(source)? {
                return Ok(Applied::Seen(seen));
            }
            let batch = bundle.get("type").and_then(Value::as_str) == Some("batch");
            let steps = entry::read(bundle, if batch { "batch" } else { "transaction" })?;
            let mut written = Vec::new();
            let done = self.retrying(|| {
                written.clear();
                self.transact(&steps, self.origin_of(source), true, &mut written, shown)
            });
            self.applied(done.map(|_| written), source)
        })
    }

    /// With `strict`, every reference must lead to something.
    fn transact(
        &self,
        steps: &[Step],
        origin: Origin,
        strict: bool,
        all: &mut Vec<Written>,
        shown: &mut Shown,
    ) -> Result<Value> {
        let position = self.inner.position();
        let view = self.view()?;
        let mut guards = Vec::new();
        let mut placed = Vec::with_capacity(steps.len());
        let mut taken = HashSet::new();
        let mut urls = HashSet::new();
        let mut conditions = HashSet::new();
        for step in steps {
            let reach = self
                .caller
                .decide(step.interaction(), Some(&step.resource_type))
                .map_err(|error| error.within(step.index))?;
            // Two entries of one fullUrl would make references to it mean either (R4 bdl-7).
            if step.full_url.as_deref().is_some_and(|url| !urls.insert(url)) {
                return Err(entry_issue(step.index, "two entries of the transaction have one fullUrl"));
            }
            // The second would find what the first makes; which of the two contents is meant, nobody knows.
            let condition = step.if_none_exist.as_deref().map(|query| (&step.resource_type, query));
            if condition.is_some_and(|condition| !conditions.insert(condition)) {
                let text = "two entries of the transaction create on one condition (`ifNoneExist`): send it once, and refer to it by its fullUrl";
                return Err(entry_issue(step.index, text));
            }
            let one = self.place(&view, step, &mut guards).map_err(|error| error.within(step.index))?;
            let writes = !matches!(one.plan, Plan::Get | Plan::Nothing | Plan::Existing(_));
            if writes && !taken.insert((one.code, one.id.clone())) {
                let error =
                    Error::new(ErrorKind::Invalid, "two entries of the transaction write one resource");
                return Err(error.within(step.index));
            }
            if let Plan::Existing(number) = one.plan {
                self.admit_number(&reach, &view, (one.code, number))
                    .map_err(|error| error.within(step.index))?;
            }
            placed.push((one, reach));
        }
        let mut links = Links::new(steps, placed.iter().map(|(one, _)| one));
        let order = work_order(steps);
        let mut drafts = Vec::with_capacity(order.len());
        let mut drafted = Vec::with_capacity(order.len());
        let mut named = Vec::with_capacity(order.len());
        for at in order {
            let (Some(step), Some((one, reach))) = (steps.get(at), placed.get(at)) else { continue };
            let mut names = needs::Named::new();
            let wanted = strict.then_some(&mut names);
            let draft = self.draft_of(&view, step, one, &mut links, &mut guards, wanted);
            if let Some(draft) = draft.map_err(|error| error.within(step.index))? {
                admit_draft(reach, &draft).map_err(|error| error.within(step.index))?;
                drafts.push(draft);
                named.push(names);
                drafted.push(at);
            }
        }
        let needs = needs::needs(&view, &drafts, &named).map_err(|(place, error)| {
            let step = drafted.get(place).and_then(|at| steps.get(*at));
            step.map_or_else(|| error.clone(), |step| error.clone().within(step.index))
        })?;
        let sketches: Vec<Sketch> = drafts.iter().map(Sketch::without_body).collect();
        let done = self.submit_needing(view, position, drafts, (guards, needs), origin)?;
        let mut answers: Vec<Option<Value>> = steps.iter().map(|_| None).collect();
        for ((at, sketch), done) in drafted.into_iter().zip(sketches).zip(done) {
            let written = sketch.written(done)?;
            shown.wrote(&written);
            if let Some(answer) = answers.get_mut(at) {
                *answer = Some(response_entry(&written, None));
            }
            all.push(written);
        }
        self.answer_rest(steps, &placed, &mut answers, shown)?;
        Ok(response_bundle("transaction-response", answers.into_iter().flatten()))
    }

    /// Finds what an entry is about.
    fn place(&self, view: &View, step: &Step, guards: &mut Vec<Guard>) -> Result<Placed> {
        let code = type_code(&step.resource_type)?;
        let mut find = |query: &str| -> Result<Option<u64>> {
            let found = self.resolve_one(view, code, query)?;
            guards.push(Guard { type_code: code, query: query.to_owned(), found });
            Ok(found)
        };
        let if_match = step.if_match;
        let (id, plan) = match (step.method, &step.target) {
            (Method::Get, _) => (CompactString::default(), Plan::Get),
            (Method::Post, _) => match step.if_none_exist.as_deref().map(&mut find).transpose()?.flatten() {
                Some(number) => (self.by_number(view, code, number)?.id, Plan::Existing(number)),
                None => (self.new_id(), Plan::Create),
            },
            (Method::Put, Target::Id(id)) => (id.clone(), Plan::Put { if_match, fresh: false }),
            (Method::Patch, Target::Id(id)) => (id.clone(), Plan::Patch { if_match }),
            (Method::Delete, Target::Id(id)) => (id.clone(), Plan::Delete { if_match }),
            (method, Target::Query(query)) => match (method, find(query)?) {
                (Method::Put, Some(number)) => {
                    (self.by_number(view, code, number)?.id, Plan::Put { if_match, fresh: false })
                }
                (Method::Put, None) => {
                    let given = step.resource.as_ref().and_then(|value| value.get("id")?.as_str());
                    match given {
                        Some(given) => (given.into(), Plan::Put { if_match, fresh: false }),
                        None => (self.new_id(), Plan::Put { if_match, fresh: true }),
                    }
                }
                (Method::Patch, Some(number)) => {
                    (self.by_number(view, code, number)?.id, Plan::Patch { if_match })
                }
                (Method::Patch, None) => return Err(Error::not_found()),
                (_, Some(number)) => (self.by_number(view, code, number)?.id, Plan::Delete { if_match }),
                (_, None) => (CompactString::default(), Plan::Nothing),
            },
            _ => return Err(Error::new(ErrorKind::Invalid, "the entry's URL does not fit its method")),
        };
        Ok(Placed { code, id, plan })
    }

    /// The draft of an entry that writes; `named` hears what it refers to.
    fn draft_of(
        &self,
        view: &View,
        step: &Step,
        one: &Placed,
        links: &mut Links,
        guards: &mut Vec<Guard>,
        mut named: Option<&mut needs::Named>,
    ) -> Result<Option<Draft>> {
        let missing = || Error::new(ErrorKind::Invalid, "the entry needs a resource");
        let (code, id) = (one.code, one.id.as_str());
        let mut ready = |check_id_too: bool| -> Result<Content> {
            let mut value = step.resource.clone().ok_or_else(missing)?;
            if check_id_too {
                check_id(id)?;
                check_same_id(&value, id)?;
            }
            links.rewrite(&mut value, &mut |code, query| {
                let found = self.resolve_one(view, code, query)?;
                guards.push(Guard { type_code: code, query: query.to_owned(), found });
                found.map(|number| Ok(self.by_number(view, code, number)?.id)).transpose()
            })?;
            self.check(&step.resource_type, &value)?;
            if let Some(named) = &mut named {
                **named = needs::named(&value);
            }
            self.content(view, code, id, value)
        };
        let refusal = ErrorKind::PreconditionFailed;
        Ok(match &one.plan {
            Plan::Create => Some(Draft::fresh(view, code, id, ready(false)?)),
            Plan::Put { fresh: true, .. } => Some(Draft::fresh(view, code, id, ready(false)?)),
            Plan::Put { if_match, .. } => {
                let content = ready(matches!(step.target, Target::Id(_)))?;
                Some(Draft::new(view, code, id, content)?.expecting(expected(*if_match), refusal))
            }
            Plan::Patch { if_match } => {
                let patch = entry::patch(step.resource.clone().ok_or_else(missing)?)?;
                let draft = self.patched(view, code, id, &patch, *if_match)?;
                if let Some(named) = named {
                    *named = needs::named_of(&draft)?;
                }
                Some(draft)
            }
            Plan::Delete { if_match } => {
                Some(Draft::new(view, code, id, Content::Delete)?.expecting(expected(*if_match), refusal))
            }
            Plan::Existing(_) | Plan::Nothing | Plan::Get => None,
        })
    }

    /// Answers of entries that write nothing, read on the state after the others.
    fn answer_rest(
        &self,
        steps: &[Step],
        placed: &[(Placed, Reach)],
        answers: &mut [Option<Value>],
        shown: &mut Shown,
    ) -> Result<()> {
        for ((step, (one, _)), answer) in steps.iter().zip(placed).zip(answers) {
            match one.plan {
                Plan::Existing(number) => {
                    let versioned = self.by_number(&self.view()?, one.code, number)?;
                    let written = Written { versioned, effect: Effect::Existing };
                    shown.wrote(&written);
                    *answer = Some(response_entry(&written, None));
                }
                Plan::Nothing => *answer = Some(status_entry("204 No Content")),
                Plan::Get => {
                    // The writes are committed by now: a read that fails answers for itself.
                    *answer = Some(self.get(step, shown).unwrap_or_else(|error| error_entry(&error)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The entries in the order of work: DELETE, POST, PUT and PATCH, GET.
fn work_order(steps: &[Step]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|at| {
        steps.get(*at).map(|step| match step.method {
            Method::Delete => 0,
            Method::Post => 1,
            Method::Put | Method::Patch => 2,
            Method::Get => 3,
        })
    });
    order
}

/// The response entry of a write; with the resource when it is asked for.
fn response_entry(written: &Written, resource: Option<Value>) -> Value {
    let versioned = &written.versioned;
    let status = match written.effect {
        Effect::Created => "201 Created",
        Effect::Updated | Effect::Unchanged | Effect::Existing => "200 OK",
        Effect::Deleted | Effect::AlreadyDeleted => "204 No Content",
    };
    let mut response = Object::new();
    response.insert("status", status);
    if versioned.version > 0 {
        if !versioned.deleted {
            response.insert("location", versioned.location());
        }
        response.insert("etag", versioned.etag());
        response.insert("lastModified", instant(versioned.last_updated_ms));
    }
    let note = match written.effect {
        Effect::Unchanged => Some("the content is that of the current version: no new version was made"),
        Effect::Existing => Some("a resource that meets `ifNoneExist` is there: nothing was created"),
        _ => None,
    };
    if let Some(note) = note {
        response.insert("outcome", Outcome::success(note).to_json());
    }
    let mut entry = Object::new();
    if let Some(resource) = resource {
        entry.insert("resource", resource);
    }
    entry.insert("response", response);
    entry.into()
}

fn status_entry(status: &str) -> Value {
    object([("response", object([("status", Value::from(status))]))])
}

/// The response entry of a failure.
fn error_entry(error: &Error) -> Value {
    let response =
        object([("status", Value::from(status_line(error.kind()))), ("outcome", error.outcome().to_json())]);
    object([("response", response)])
}

fn status_line(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "400 Bad Request",
        ErrorKind::Denied => "403 Forbidden",
        ErrorKind::NotFound => "404 Not Found",
        ErrorKind::Gone => "410 Gone",
        ErrorKind::Conflict => "409 Conflict",
        ErrorKind::PreconditionFailed | ErrorKind::MultipleMatches => "412 Precondition Failed",
        ErrorKind::Unprocessable => "422 Unprocessable Entity",
        ErrorKind::TooCostly => "413 Content Too Large",
        ErrorKind::Throttled => "429 Too Many Requests",
        ErrorKind::Unavailable => "503 Service Unavailable",
        ErrorKind::Corrupt | ErrorKind::Internal => "500 Internal Server Error",
    }
}

fn response_bundle(kind: &str, entries: impl Iterator<Item = Value>) -> Value {
    let mut bundle = Object::new();
    bundle.insert("resourceType", "Bundle");
    bundle.insert("type", kind);
    let entries: Vec<Value> = entries.collect();
    if !entries.is_empty() {
        bundle.insert("entry", entries);
    }
    bundle.into()
}

/// An issue about one entry.
fn entry_issue(index: usize, details: &str) -> Error {
    let issue = Issue::error(IssueType::Invalid, details).at(format!("Bundle.entry[{index}]"));
    Error::with_issues(ErrorKind::Invalid, vec![issue])
}

/// The type that a code stands for, for texts.
fn type_name(code: u16) -> &'static str {
    layout::type_name(code).unwrap_or_default()
}
