//! Searches of several types at once: each type's matches, merged into one order.
//!
//! Resource numbers are given over all types, and sort keys are the same parameters everywhere, so a place in the order
//! means the same to every type: a page begins behind it in each of them.

use fhir::json::{Object, Value};
use fhir::search::query::{Query, Summary, Total};

use super::clause::Clause;
use super::page::{Beginnings, Pairs, Tokens};
use super::run::{Found, Matches, TotalCount};
use super::sort::{Key, Place, compare};
use super::{Rule, Search, SearchError};
use crate::layout;

/// One type of the search, compiled.
struct Part<'q> {
    type_code: u16,
    query: &'q Query,
    clauses: Vec<Clause>,
    keys: Vec<Key>,
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
        let mut merged: Vec<(u16, Place)> = Vec::new();
        for part in &parts {
            let clauses: Vec<&Clause> = part.clauses.iter().collect();
            let strategy = self.strategy(part.type_code, part.query, &clauses, &part.keys, need)?;
            let after = beginnings.last();
            let (places, _) = self.places(part.type_code, &clauses, &part.keys, strategy, after, need)?;
            merged.extend(places.into_iter().map(|place| (part.type_code, place)));
            if merged.len() > 4 * need {
                keep_first(&mut merged, keys, need);
            }
        }
        keep_first(&mut merged, keys, need);
        let more = merged.len() > count;
        merged.truncate(count);
        answer.matches = merged
            .iter()
            .map(|(type_code, place)| Found { type_code: *type_code, number: place.number })
            .collect();
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
        for query in queries {
            let Some(type_code) = layout::type_code(&query.resource_type) else { continue };
            self.spend(1)?;
            if *self.bounds.rule(type_code) == Rule::Nothing || self.members(type_code)? == 0 {
                continue;
            }
            let clauses = self.compile(type_code, &query.criteria)?;
            parts.push(Part { type_code, query, clauses, keys: self.sort_keys(&query.sort)? });
        }
        Ok(parts)
    }

    fn total_across(&self, parts: &[Part<'_>], wish: Option<Total>) -> Result<TotalCount, SearchError> {
        let mut sum = TotalCount { value: 0, exact: true };
        for part in parts {
            let clauses: Vec<&Clause> = part.clauses.iter().collect();
            let total = self.total(part.type_code, &clauses, wish)?;
            sum =
                TotalCount { value: sum.value.saturating_add(total.value), exact: sum.exact && total.exact };
        }
        Ok(sum)
    }

    fn explain_parts(&self, parts: &[Part<'_>]) -> Result<Value, SearchError> {
        let mut plans = Object::new();
        for part in parts {
            let clauses: Vec<&Clause> = part.clauses.iter().collect();
            plans.insert(part.query.resource_type.as_str(), self.explain(part.type_code, &clauses, None)?);
        }
        Ok(Value::from(plans))
    }
}

fn keep_first(places: &mut Vec<(u16, Place)>, keys: &[Key], need: usize) {
    places.sort_unstable_by(|(_, left), (_, right)| compare(keys, left, right));
    places.truncate(need);
}
