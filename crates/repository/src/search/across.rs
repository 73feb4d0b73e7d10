//! Searches of several types at once: each type's matches, merged into one order.
//!
//! Resource numbers are given over all types, and sort keys are the same parameters everywhere, so a place in the order
//! means the same to every type: a page begins behind it in each of them.

use fhir::json::{Object, Value};
use fhir::search::query::{Contained, Query, Summary, Total};

use super::clause::Clause;
use super::contained::keep_first;
use super::page::{Beginnings, Pairs, Tokens};
use super::run::{Found, Matches, TotalCount};
use super::sort::{Key, Place};
use super::{Rule, Search, SearchError};
use crate::layout;

/// One type of the search, compiled; contained resources of a type are a type of their own.
pub(super) struct Part<'q> {
    pub(super) type_code: u16,
    pub(super) query: &'q Query,
    pub(super) clauses: Vec<Clause>,
    pub(super) keys: Vec<Key>,
}

impl Search<'_> {
    /// Answers queries of several types, which must be alike but for their types, as one; `used` are the pairs that links
    /// to other pages hold.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_across(
        &self,
        queries: &[Query],
        used: &Pairs,
        beginnings: &Beginnings,
        tokens: &Tokens<'_>,
    ) -> Result<Matches, SearchError> {
        let mut answer = Matches::default();
        let Some(first) = queries.first() else { return Ok(answer) };
        let parts = self.parts(queries)?;
        let count = first.count.unwrap_or(self.limits.count_default).min(self.limits.count_max) as usize;
        if first.explain {
            answer.plan = Some(self.explain_parts(&parts)?);
        }
        if count == 0 || first.summary == Some(Summary::Count) {
            answer.total = Some(self.total_across(&parts, first.total)?);
            return Ok(answer);
        }
        let need = count + 1;
        let keys = parts.first().map_or(&[][..], |part| part.keys.as_slice());
        let mut merged: Vec<(Found, Place)> = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let earlier = parts.get(..at).unwrap_or_default();
            merged.extend(self.places_of(part, earlier, beginnings.last(), need)?);
            if merged.len() > 4 * need {
                keep_first(&mut merged, keys, need);
            }
        }
        keep_first(&mut merged, keys, need);
        let more = merged.len() > count;
        merged.truncate(count);
        answer.matches = merged.iter().map(|(found, _)| *found).collect();
        if let Some((_, last)) = merged.pop().filter(|_| more) {
            answer.links.next = Some(tokens.seal(used, &beginnings.next(last))?);
        }
        let before = beginnings.previous().map(|before| tokens.seal(used, &before));
        answer.links.previous = before.transpose()?;
        let all_here = (beginnings.is_first() && !more).then_some(answer.matches.len() as u64);
        answer.total = match (all_here, first.total) {
            (_, Some(Total::None)) | (None, None) => None,
            (Some(value), _) => Some(TotalCount { value, exact: true }),
            (None, wish) => Some(self.total_across(&parts, wish)?),
        };
        let included = self.included(&answer.matches, &first.includes, &first.revincludes)?;
        (answer.included, answer.included_cut) = (included.found, included.cut);
        Ok(answer)
    }

    /// The types that have resources and of which the caller may find some.
    fn parts<'q>(&self, queries: &'q [Query]) -> Result<Vec<Part<'q>>, SearchError> {
        let mut parts = Vec::new();
        let whole = queries.iter().filter(|query| query.contained != Contained::Only);
        let contained = queries.iter().filter(|query| query.contained != Contained::No);
        // Contained ones last: a container that is a match itself comes as that, see `Containers::taken_by`.
        for (query, is_contained) in whole.map(|one| (one, false)).chain(contained.map(|one| (one, true))) {
            let Some(type_code) = layout::type_code(&query.resource_type) else { continue };
            self.spend(1)?;
            let of_rows = if is_contained { layout::contained(type_code) } else { type_code };
            if *self.bounds.rule(type_code) == Rule::Nothing || self.members(of_rows)? == 0 {
                continue;
            }
            let clauses = self.compile(of_rows, &query.criteria)?;
            parts.push(Part { type_code: of_rows, query, clauses, keys: self.sort_keys(&query.sort)? });
        }
        Ok(parts)
    }

    /// The first `need` matches of a part behind `after`; the parts before it are `earlier`.
    fn places_of(
        &self,
        part: &Part<'_>,
        earlier: &[Part<'_>],
        after: Option<&Place>,
        need: usize,
    ) -> Result<Vec<(Found, Place)>, SearchError> {
        if layout::is_contained(part.type_code) {
            return self.contained_places(part, earlier, after, need);
        }
        let clauses: Vec<&Clause> = part.clauses.iter().collect();
        let strategy = self.strategy(part.type_code, part.query, &clauses, &part.keys, need)?;
        let (places, _) = self.places(part.type_code, &clauses, &part.keys, strategy, after, need)?;
        Ok(places.into_iter().map(|place| (Found::whole(part.type_code, place.number), place)).collect())
    }

    fn total_across(&self, parts: &[Part<'_>], wish: Option<Total>) -> Result<TotalCount, SearchError> {
        let mut sum = TotalCount { value: 0, exact: true };
        for (at, part) in parts.iter().enumerate() {
            let clauses: Vec<&Clause> = part.clauses.iter().collect();
            let total = match layout::is_contained(part.type_code) {
                true => self.contained_total(part, parts.get(..at).unwrap_or_default())?,
                false => self.total(part.type_code, &clauses, wish)?,
            };
            sum =
                TotalCount { value: sum.value.saturating_add(total.value), exact: sum.exact && total.exact };
        }
        Ok(sum)
    }

    fn explain_parts(&self, parts: &[Part<'_>]) -> Result<Value, SearchError> {
        let mut plans = Object::new();
        for part in parts {
            let clauses: Vec<&Clause> = part.clauses.iter().collect();
            let name = &part.query.resource_type;
            let name = match layout::is_contained(part.type_code) {
                true => format!("{name} (contained)"),
                false => name.to_string(),
            };
            plans.insert(name.as_str(), self.explain(part.type_code, &clauses, None)?);
        }
        Ok(Value::from(plans))
    }
}
