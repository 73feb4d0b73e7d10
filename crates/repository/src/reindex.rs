//! Reindexing: rows of a new search parameter for resources that were there before it, and away with those of a retired one.
//!
//! A thread of its own walks over the resources in small steps while the store is in use. Each step is a record of the log:
//! "from this number to that one, parameter so and so". So the order between steps and writes is fixed for ever, an index made
//! from the log has the same rows, and a walk that was cut short goes on from its last step wherever the log is.
//!
//! Why nothing is missed and nothing comes twice: a version that is written after a parameter was registered gets its rows with
//! the write. A step is about versions from before, and is prepared from a state after the registration; what changed until it
//! is committed has been written since, so the committer skips it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use compact_str::CompactString;
use fhir::search::Parameter;
use fhir::search::query::{Query, Test};
use parking_lot::{Condvar, Mutex};
use storage::engine::{Direction, KeyRange};

use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::layout;
use crate::parameters::{Own, State};
use crate::prepare::Transaction;
use crate::record::{Origin, Step};
use crate::row::Row;
use crate::search::{self, Terms};
use crate::store::Inner;
use crate::view::{View, corrupt, engine};

/// Resources of one step: what the committer does for it takes about as long as a small bundle.
const STEP_RESOURCES_MAX: usize = 256;
/// Rows that a step may pass over, those of resources with nothing to do included.
const STEP_ROWS_MAX: usize = 4096;
/// The longest rest between steps; a step is followed by a rest as long as it took, so that others come first.
const REST_MAX: Duration = Duration::from_millis(50);
/// How long to wait after a failure before the next try.
const FAILURE_WAIT: Duration = Duration::from_secs(5);

/// One resource of a step, read.
pub(crate) struct Item {
    pub(crate) number: u64,
    pub(crate) version: u64,
    /// The terms of the step's parameter alone.
    pub(crate) terms: Terms,
    /// Ids of the patients whose compartment it is in.
    pub(crate) patients: Vec<CompactString>,
}

/// A step that is prepared.
pub(crate) struct Prepared {
    pub(crate) step: Step,
    /// The record that registered or retired the parameter, as it was when the step was prepared.
    pub(crate) since: u64,
    pub(crate) items: Vec<Item>,
}

/// Reads the resources of a step as `view` has them: those that were last written before the parameter changed its state.
///
/// `until` is where the step ends; with `max` it may end before.
pub(crate) fn gather(view: &View, own: &Own, step: Step, max: Option<(usize, usize)>) -> Result<Prepared> {
    let Step { type_code, from, .. } = step;
    let since = own.entry.since;
    let start = layout::current_key(view.tenant, type_code, from);
    let end = match step.until {
        u64::MAX => layout::prefix_end(layout::Key::new(view.tenant).u16(type_code).as_slice()),
        until => Some(layout::current_key(view.tenant, type_code, until)),
    };
    let mut items = Vec::new();
    let range = KeyRange { start, end };
    for (at, row) in view.reader.scan(layout::CURRENT, range, Direction::Forward).enumerate() {
        let (key, value) = row.map_err(engine)?;
        let number = layout::number_at_end(&key).ok_or_else(|| corrupt("a key is too short"))?;
        if max.is_some_and(|(resources, rows)| items.len() >= resources || at >= rows) {
            return Ok(Prepared { step: Step { until: number, ..step }, since, items });
        }
        let row = Row::read(&value).map_err(corrupt)?;
        if row.deleted || row.seq > since {
            continue;
        }
        let body = match view.body(type_code, number, &row) {
            Err(error) if error.kind() == ErrorKind::Gone => None,
            other => other?,
        };
        let Some(body) = body else { continue };
        let value = body.value().map_err(corrupt)?;
        items.push(Item {
            number,
            version: row.version,
            terms: Terms::prepare(&view.keys.codes, &own.only, type_code, &value),
            patients: fhir::search::patient_compartment(&value),
        });
    }
    Ok(Prepared { step, since, items })
}

/// Wakes the thread, and ends it.
#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<(bool, bool)>,
    rung: Condvar,
}

impl Bell {
    /// There is something to do.
    pub(crate) fn ring(&self) {
        self.state.lock().0 = true;
        self.rung.notify_all();
    }

    /// There will be nothing to do any more.
    pub(crate) fn close(&self) {
        self.state.lock().1 = true;
        self.rung.notify_all();
    }

    /// Waits for a ring, at most so long; whether to go on.
    fn wait(&self, at_most: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        while !state.0 && !state.1 {
            match at_most {
                None => self.rung.wait(&mut state),
                Some(most) => {
                    if self.rung.wait_for(&mut state, most).timed_out() {
                        break;
                    }
                }
            }
        }
        state.0 = false;
        !state.1
    }

    /// Rests, whatever rings; whether to go on.
    fn rest(&self, how_long: Duration) -> bool {
        let until = Instant::now() + how_long;
        let mut state = self.state.lock();
        while !state.1 && !self.rung.wait_until(&mut state, until).timed_out() {}
        !state.1
    }
}

/// Walks over resources until the bell is closed.
pub(crate) fn work(inner: &Arc<Inner>) {
    loop {
        let started = Instant::now();
        let more = match one_step(inner) {
            Ok(true) => inner.bell.rest(started.elapsed().min(REST_MAX)),
            Ok(false) => inner.bell.wait(None),
            Err(error) => {
                if !inner.is_poisoned() {
                    let reason = error.internal_text().unwrap_or(error.kind().issue_type().as_str());
                    tracing::warn!(reason, "a step of reindexing failed; it is tried again");
                }
                inner.bell.rest(FAILURE_WAIT)
            }
        };
        if !more {
            return;
        }
    }
}

/// Does the next step of the first parameter that has one; `false` if none has.
fn one_step(inner: &Arc<Inner>) -> Result<bool> {
    for tenant in tenants(inner)? {
        let position = inner.position();
        let view = inner.core.snapshot(tenant)?;
        let pending = view.parameters()?.own.iter().find_map(|own| Some((own, own.entry.at()?)));
        let Some((own, at)) = pending else { continue };
        let step =
            Step { parameter: own.entry.id, type_code: at.type_code, from: at.number, until: u64::MAX };
        let prepared = gather(&view, own, step, Some((STEP_RESOURCES_MAX, STEP_ROWS_MAX)))?;
        let (resources, retiring) = (prepared.items.len(), own.entry.is_retiring());
        let transaction = Transaction {
            view: view.clone(),
            position,
            origin: Origin { actor: "reindex".into(), ..Origin::default() },
            drafts: Vec::new(),
            guards: Vec::new(),
            needs: Vec::new(),
            step: Some(prepared),
        };
        let answer = inner.queue.push(transaction)?;
        let answer = answer.recv().unwrap_or_else(|_| Err(unavailable()));
        match answer {
            Ok(_) => events::reindexed(resources, retiring),
            // The parameter changed meanwhile: the next look finds out what is to be done now.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        return Ok(true);
    }
    Ok(false)
}

fn unavailable() -> Error {
    Error::internal(ErrorKind::Unavailable, "the committer is gone")
}

/// The tenants that have, or had, parameters of their own.
fn tenants(inner: &Inner) -> Result<Vec<u32>> {
    let mut tenants = Vec::new();
    for row in inner.core.engine.scan(layout::APPLIED, KeyRange::all(), Direction::Forward) {
        let (key, _) = row.map_err(engine)?;
        tenants.extend(layout::tenant_of_parameters(&key));
    }
    Ok(tenants)
}

/// How far a parameter of a tenant's own is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reindexing {
    /// The logical id of its SearchParameter.
    pub id: CompactString,
    /// Its canonical address; empty if its definition cannot be read any more.
    pub url: CompactString,
    /// Its name in a search.
    pub code: CompactString,
    /// The types that it reads.
    pub bases: Vec<&'static str>,
    /// What is done with it.
    pub phase: Phase,
    /// Resources whose rows were made, or taken away, since it was registered or retired.
    pub resources_done: u64,
    /// Resources of its types that there are now.
    pub resources: u64,
}

/// What is done with a search parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is searched by.
    Ready,
    /// Resources from before it are being indexed; it cannot be searched by yet.
    Building,
    /// It is no longer searched by; its rows are being taken away.
    Retiring,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Building => "building",
            Self::Retiring => "retiring",
        }
    }
}

/// Refuses a query by a parameter that has not all of its rows: it would find too little.
///
/// # Errors
/// [`ErrorKind::Unavailable`] with the progress while the parameter is being built, [`ErrorKind::Invalid`] if it was retired
/// since the query was read.
pub(crate) fn admit(view: &View, query: &Query) -> Result<()> {
    let criteria = query.criteria.iter().map(|criterion| &criterion.test);
    let includes = query.includes.iter().chain(&query.revincludes);
    criteria.into_iter().try_for_each(|test| admit_test(view, test))?;
    includes.filter_map(|include| include.parameter.as_ref()).try_for_each(|one| admit_one(view, one))?;
    query.sort.iter().try_for_each(|key| admit_one(view, &key.parameter))
}

/// The same, for one criterion.
pub(crate) fn admit_test(view: &View, test: &Test) -> Result<()> {
    match test {
        Test::Own { parameter, .. } => admit_one(view, parameter),
        Test::Chain { parameter, branches } => {
            admit_one(view, parameter)?;
            branches.iter().try_for_each(|branch| admit_test(view, &branch.test))
        }
        Test::Has { parameter, test, .. } => {
            admit_one(view, parameter)?;
            admit_test(view, test)
        }
        Test::All(tests) | Test::Any(tests) => tests.iter().try_for_each(|test| admit_test(view, test)),
        Test::Not(test) => admit_test(view, test),
        Test::Words { .. } | Test::Listed(_) | Test::Near { .. } | Test::Within { .. } => Ok(()),
    }
}

fn admit_one(view: &View, parameter: &Parameter) -> Result<()> {
    if !parameter.is_custom() {
        return Ok(());
    }
    let own = view.parameters()?.numbered(parameter.id).filter(|own| !own.entry.is_retiring());
    let Some(own) = own else {
        let text = format!("the search parameter `{}` is no longer there", parameter.code);
        return Err(Error::new(ErrorKind::Invalid, text));
    };
    if own.entry.state == State::Ready {
        return Ok(());
    }
    let Reindexing { resources_done, resources, .. } = status_of(view, own)?;
    let text = format!(
        "the search parameter `{}` is new and is being built: {resources_done} of about {resources} resources are done; \
         try again later",
        parameter.code
    );
    Err(Error::new(ErrorKind::Unavailable, text))
}

/// How far each parameter of a tenant's own is, in the order in which they came.
pub(crate) fn status(view: &View) -> Result<Vec<Reindexing>> {
    view.parameters()?.own.iter().map(|own| status_of(view, own)).collect()
}

pub(crate) fn status_of(view: &View, own: &Own) -> Result<Reindexing> {
    let definition = own.definition.as_deref();
    let bases: Vec<&'static str> =
        definition.map(|found| found.bases.iter().map(|(base, _)| *base).collect()).unwrap_or_default();
    let mut resources = 0;
    for code in bases.iter().filter_map(|base| layout::type_code(base)) {
        resources += search::count(view.reader.as_ref(), view.tenant, code)?;
    }
    let code = layout::SEARCH_PARAMETER_CODE;
    let row = view.row_of_version(code, own.entry.number, own.entry.version)?;
    let versioned = row.map(|row| view.versioned(code, own.entry.number, &row)).transpose();
    Ok(Reindexing {
        id: versioned.ok().flatten().map(|found| found.id).unwrap_or_default(),
        url: definition.map(|found| found.url.clone()).unwrap_or_default(),
        code: definition.map(|found| found.code.clone()).unwrap_or_default(),
        bases,
        phase: match own.entry.state {
            State::Ready => Phase::Ready,
            State::Building(_) => Phase::Building,
            State::Retiring(_) => Phase::Retiring,
        },
        resources_done: own.entry.done,
        resources,
    })
}
