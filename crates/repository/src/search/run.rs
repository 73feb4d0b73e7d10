//! One search request from query to numbers: matches of the page, includes, total, links, plan.

use fhir::definitions;
use fhir::json::Value;
use fhir::search::Kind;
use fhir::search::query::{Contained, Criterion, Query, Summary, Total};

use super::clause::Clause;
use super::page::{Beginnings, Tokens};
use super::plan::Driver;
use super::sort::{Key, Place};
use super::{Search, SearchError};
use crate::layout;

/// Rows to which an estimate of a total counts.
const TOTAL_ESTIMATE_CAP: u64 = 16_384;

/// A resource that a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Found {
    /// The code of its type.
    pub(crate) type_code: u16,
    /// Its number.
    pub(crate) number: u64,
    /// 0 for the resource itself; else one more than the place in its `contained` of the resource that is meant.
    pub(crate) within: u32,
}

impl Found {
    /// A resource that is not contained in another.
    pub(crate) fn whole(type_code: u16, number: u64) -> Self {
        Self { type_code, number, within: 0 }
    }

    /// What stands at a place in the `contained` of a resource.
    pub(crate) fn contained(type_code: u16, number: u64, at: u32) -> Self {
        Self { type_code, number, within: at.saturating_add(1) }
    }

    /// The place in `contained`.
    pub(crate) fn contained_at(self) -> Option<u32> {
        self.within.checked_sub(1)
    }
}

/// How many matches there are, over all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TotalCount {
    /// The count.
    pub(crate) value: u64,
    /// Whether it was counted; otherwise it is an estimate.
    pub(crate) exact: bool,
}

/// Where the other pages are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// The token of the next page; `None` on the last.
    pub(crate) next: Option<String>,
    /// The token of the page before; `None` on the first page, and when it lies too far back to be remembered.
    pub(crate) previous: Option<String>,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matches {
    /// The matches of this page, in order. Empty when only the total was asked for.
    pub(crate) matches: Vec<Found>,
    /// What includes added, each once.
    pub(crate) included: Vec<Found>,
    /// Whether more would have been included than the limit allows.
    pub(crate) included_cut: bool,
    /// The total, where it was asked for or is known without more work.
    pub(crate) total: Option<TotalCount>,
    /// Links to other pages.
    pub(crate) links: Links,
    /// The plan, where it was asked for.
    pub(crate) plan: Option<Value>,
}

/// How a page's places are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// In the order of numbers, as the plan gives them.
    ByNumber(Driver),
    /// In the order of the rows of a range: of the clause at this place.
    AlongRange(usize),
    /// Along a patient's dates.
    AlongPatient(u64),
    /// Along the dates of a type.
    AlongDates,
    /// All matches, sorted.
    Sorted,
}

impl Search<'_> {
    /// Answers a query with the page at `beginnings`; `tokens` make its links.
    ///
    /// # Errors
    /// [`SearchError::TooCostly`] over a limit, [`SearchError::Unsupported`] for what this index has no answer to,
    /// and from engine and keys.
    pub(crate) fn run(
        &self,
        query: &Query,
        beginnings: &Beginnings,
        tokens: &Tokens<'_>,
    ) -> Result<Matches, SearchError> {
        let Some(type_code) = layout::type_code(&query.resource_type) else {
            return Err(SearchError::Unsupported { what: format!("the type `{}`", query.resource_type) });
        };
        if query.contained != Contained::No {
            return self.run_across(std::slice::from_ref(query), &query.used, beginnings, tokens);
        }
        let clauses = self.compile(type_code, &query.criteria)?;
        let clauses: Vec<&Clause> = clauses.iter().collect();
        let keys = self.sort_keys(&query.sort)?;
        let count = query.count.unwrap_or(self.limits.count_default).min(self.limits.count_max) as usize;
        let mut answer = Matches::default();
        if count == 0 || query.summary == Some(Summary::Count) {
            answer.total = Some(self.total(type_code, &clauses, query.total)?);
            if query.explain {
                answer.plan = Some(self.explain(type_code, &clauses, None)?);
            }
            return Ok(answer);
        }

        let need = count + 1;
        let strategy = match self.along(&clauses).filter(|_| keys.is_empty()) {
            Some(at) => Strategy::AlongRange(at),
            None => self.strategy(type_code, query, &clauses, &keys, need)?,
        };
        let after = beginnings.last();
        let (mut places, known) = self.places(type_code, &clauses, &keys, strategy, after, need)?;
        let more = places.len() > count;
        places.truncate(count);
        answer.matches = places.iter().map(|place| Found::whole(type_code, place.number)).collect();
        if let Some(last) = places.pop().filter(|_| more) {
            answer.links.next = Some(tokens.seal(&query.used, &beginnings.next(last))?);
        }
        let before = beginnings.previous().map(|before| tokens.seal(&query.used, &before));
        answer.links.previous = before.transpose()?;

        let all_here = (beginnings.is_first() && !more).then_some(answer.matches.len() as u64);
        answer.total = match (all_here.or(known), query.total) {
            (_, Some(Total::None)) => None,
            (Some(value), _) => Some(TotalCount { value, exact: true }),
            (None, None) => None,
            (None, wish) => Some(self.total(type_code, &clauses, wish)?),
        };
        let included = self.included(&answer.matches, &query.includes, &query.revincludes)?;
        (answer.included, answer.included_cut) = (included.found, included.cut);
        if query.explain {
            answer.plan = Some(self.explain(type_code, &clauses, Some(strategy))?);
        }
        Ok(answer)
    }

    /// The numbers of the first resources that meet all criteria, at most `limit`: for conditional interactions.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn resolve(
        &self,
        resource_type: &str,
        criteria: &[Criterion],
        limit: usize,
    ) -> Result<Vec<u64>, SearchError> {
        let Some(type_code) = layout::type_code(resource_type) else { return Ok(Vec::new()) };
        let clauses = self.compile(type_code, criteria)?;
        let clauses: Vec<&Clause> = clauses.iter().collect();
        let mut candidates = self.candidates(type_code, &clauses, 0, limit as u64)?;
        let mut numbers = Vec::new();
        while numbers.len() < limit {
            let Some(number) = candidates.next(self)? else { break };
            numbers.push(number);
        }
        Ok(numbers)
    }

    pub(super) fn places(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        keys: &[Key],
        strategy: Strategy,
        after: Option<&Place>,
        need: usize,
    ) -> Result<(Vec<Place>, Option<u64>), SearchError> {
        match strategy {
            Strategy::ByNumber(driver) => {
                let from = after.map_or(0, |place| place.number.saturating_add(1));
                let mut candidates = self.candidates_by(type_code, clauses, from, driver)?;
                let mut places = Vec::with_capacity(need);
                while places.len() < need {
                    let Some(number) = candidates.next(self)? else { break };
                    places.push(Place { values: Vec::new(), number, within: 0 });
                }
                Ok((places, None))
            }
            Strategy::AlongRange(at) => Ok((self.along_places(type_code, clauses, at, after, need)?, None)),
            Strategy::AlongPatient(patient) => {
                Ok((self.walk_places(type_code, clauses, keys, Some(patient), after, need)?, None))
            }
            Strategy::AlongDates => {
                Ok((self.walk_places(type_code, clauses, keys, None, after, need)?, None))
            }
            Strategy::Sorted => {
                let (places, matches) = self.best_places(type_code, clauses, keys, after, need)?;
                Ok((places, Some(matches)))
            }
        }
    }

    pub(super) fn strategy(
        &self,
        type_code: u16,
        query: &Query,
        clauses: &[&Clause],
        keys: &[Key],
        need: usize,
    ) -> Result<Strategy, SearchError> {
        let need = need as u64;
        let Some(first) = keys.first() else {
            return Ok(Strategy::ByNumber(self.choose(type_code, clauses, need)?));
        };
        if first.kind != Kind::Date {
            return Ok(Strategy::Sorted);
        }
        if first.parameter != super::last_updated()
            && let Some(patient) = self.one_patient(type_code, &query.resource_type, clauses)
        {
            return Ok(Strategy::AlongPatient(patient));
        }
        Ok(match self.walking_pays(type_code, clauses, need)? {
            true => Strategy::AlongDates,
            false => Strategy::Sorted,
        })
    }

    /// The one patient in whose compartment all matches must lie, if a clause says so.
    fn one_patient(&self, type_code: u16, resource_type: &str, clauses: &[&Clause]) -> Option<u64> {
        let patient_code = layout::type_code("Patient")?;
        clauses.iter().find_map(|clause| {
            let (parameter, number) = match clause {
                Clause::Terms { space, prefixes, .. } if *space == layout::COMPARTMENT => {
                    let [prefix] = prefixes.as_slice() else { return None };
                    let (_, rest) = prefix.split_at_checked(layout::PREFIX_BYTES)?;
                    return rest.first_chunk().map(|number| u64::from_be_bytes(*number));
                }
                Clause::Targets { parameter, targets } => match targets.as_slice() {
                    [only] => (*parameter, *only),
                    _ => return None,
                },
                _ => return None,
            };
            if !self.leads_to_compartment(resource_type, parameter) {
                return None;
            }
            // The target might be of another type: only a patient (or one to be) has a compartment.
            let is_patient =
                self.is_member(patient_code, number).unwrap_or(false) && type_code != patient_code;
            is_patient.then_some(number)
        })
    }

    /// Whether a resource whose `parameter` refers to a patient lies in that patient's compartment.
    fn leads_to_compartment(&self, resource_type: &str, id: u16) -> bool {
        let listed = definitions::compartment_parameters("Patient", resource_type);
        self.registry.parameter_numbered(resource_type, id).is_some_and(|found| {
            // `patient` reads the same element as `subject`, narrowed to patients.
            listed.contains(&found.code.as_str()) || (found.code == "patient" && listed.contains(&"subject"))
        })
    }

    fn is_member(&self, type_code: u16, number: u64) -> Result<bool, SearchError> {
        let key = layout::member_key(self.tenant, type_code, number);
        Ok(self.reader.contains(layout::MEMBER, &key)?)
    }

    pub(super) fn total(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        wish: Option<Total>,
    ) -> Result<TotalCount, SearchError> {
        if clauses.is_empty() {
            return Ok(TotalCount { value: self.members(type_code)?, exact: true });
        }
        // Rows are counted whoever may see their resources: for who may not see all, only what was found counts.
        if wish == Some(Total::Estimate) && self.bounds.is_everything() {
            let driver = self.choose(type_code, clauses, u64::MAX)?;
            let (value, exact) = match driver {
                Driver::Everything => (self.members(type_code)?, false),
                Driver::Clause(at, _) => match clauses.get(at) {
                    Some(clause) => {
                        let rows = clause.estimate(self, type_code, TOTAL_ESTIMATE_CAP)?;
                        (rows, clauses.len() == 1 && clause.is_lazy() && rows < TOTAL_ESTIMATE_CAP)
                    }
                    None => (0, false),
                },
            };
            return Ok(TotalCount { value, exact: exact && single_term(clauses) });
        }
        let mut candidates = self.candidates(type_code, clauses, 0, u64::MAX)?;
        let mut value = 0;
        while candidates.next(self)?.is_some() {
            value += 1;
        }
        Ok(TotalCount { value, exact: true })
    }
}

/// Whether the rows of the only clause are its matches, each once.
fn single_term(clauses: &[&Clause]) -> bool {
    match clauses {
        [Clause::Terms { prefixes, .. }] => prefixes.len() <= 1,
        [Clause::Targets { targets, .. }] => targets.len() <= 1,
        _ => false,
    }
}
