//! Plans: which clause drives, and the candidates that pass all others.
//!
//! One clause gives candidates in ascending order (or, failing that, every resource of the type does), and the others are
//! asked about each candidate: by one look at the exact posting, or at the member record. The driver is the clause with the
//! fewest rows, counted only as far as needed to tell. A clause that would have to gather many numbers first gives way to
//! looking at every resource when the page would be full long before.

use super::clause::{Clause, Probe};
use super::stream::Stream;
use super::{Search, SearchError};
use crate::layout;

/// Rows to which estimates count, one after the other, until one clause is known to be small.
const ESTIMATE_TIERS: [u64; 3] = [64, 1024, 16_384];

/// Who drives a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// Every resource of the type.
    Everything,
    /// The clause at this place; its rows, as far as they were counted.
    Clause(usize, u64),
}

/// Candidates that pass every clause, ascending.
pub(crate) struct Candidates<'c> {
    type_code: u16,
    driver: Stream,
    rest: Vec<&'c Clause>,
}

impl Candidates<'_> {
    /// The next number that passes, if there is one.
    pub(crate) fn next(&mut self, search: &Search<'_>) -> Result<Option<u64>, SearchError> {
        Ok(self.next_probe(search)?.map(|probe| probe.number))
    }

    /// The same with what was read of it.
    pub(crate) fn next_probe(&mut self, search: &Search<'_>) -> Result<Option<Probe>, SearchError> {
        'candidate: while let Some(number) = self.driver.next(search)? {
            let mut probe = Probe::new(self.type_code, number);
            for clause in &self.rest {
                if !clause.holds(search, &mut probe)? {
                    continue 'candidate;
                }
            }
            return Ok(Some(probe));
        }
        Ok(None)
    }
}

impl Search<'_> {
    /// Whether all clauses hold for a candidate, which must exist.
    pub(crate) fn all_hold(&self, clauses: &[Clause], probe: &mut Probe) -> Result<bool, SearchError> {
        for clause in clauses {
            if !clause.holds(self, probe)? {
                return Ok(false);
            }
        }
        Ok(probe.header(self)?.is_some())
    }

    /// The resources of a type that pass all clauses, wherever only a few more than all may be wanted.
    pub(crate) fn stream_all<'c>(
        &self,
        type_code: u16,
        clauses: &'c [Clause],
    ) -> Result<Candidates<'c>, SearchError> {
        self.candidates(type_code, &clauses.iter().collect::<Vec<_>>(), 0, u64::MAX)
    }

    /// The resources numbered `from` or more that pass all clauses; `need` says how many the caller is going to take.
    pub(crate) fn candidates<'c>(
        &self,
        type_code: u16,
        clauses: &[&'c Clause],
        from: u64,
        need: u64,
    ) -> Result<Candidates<'c>, SearchError> {
        let driver = self.choose(type_code, clauses, need)?;
        self.candidates_by(type_code, clauses, from, driver)
    }

    /// As [`Self::candidates`], with a driver that was chosen already.
    pub(crate) fn candidates_by<'c>(
        &self,
        type_code: u16,
        clauses: &[&'c Clause],
        from: u64,
        driver: Driver,
    ) -> Result<Candidates<'c>, SearchError> {
        let at = match driver {
            Driver::Everything => None,
            Driver::Clause(at, _) => Some(at),
        };
        let rest =
            clauses.iter().enumerate().filter(|(place, _)| Some(*place) != at).map(|(_, clause)| *clause);
        let rest = rest.collect();
        let driver = match at.and_then(|at| clauses.get(at)) {
            Some(clause) => clause.stream(self, type_code, from)?,
            None => self.everything(type_code, from),
        };
        Ok(Candidates { type_code, driver, rest })
    }

    /// Every resource of a type, ascending.
    pub(crate) fn everything(&self, type_code: u16, from: u64) -> Stream {
        let prefix = self.posting_prefix(type_code, layout::MEMBERSHIP, &[]);
        Stream::Term(self.term_scan(layout::POSTING, &prefix, from))
    }

    /// How many resources pass, at most: the count of the rarest clause, up to `cap`.
    pub(crate) fn estimate_all(
        &self,
        type_code: u16,
        clauses: &[Clause],
        cap: u64,
    ) -> Result<u64, SearchError> {
        let mut least = self.members(type_code)?.min(cap);
        for clause in clauses.iter().filter(|clause| clause.drives()) {
            least = least.min(clause.estimate(self, type_code, least)?);
        }
        Ok(least)
    }

    /// Chooses who drives when `need` results are wanted.
    pub(crate) fn choose(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        need: u64,
    ) -> Result<Driver, SearchError> {
        let driving: Vec<(usize, &&Clause)> =
            clauses.iter().enumerate().filter(|(_, clause)| clause.drives()).collect();
        match driving.as_slice() {
            [] => return Ok(Driver::Everything),
            [(at, only)] if only.is_lazy() => return Ok(Driver::Clause(*at, u64::MAX)),
            _ => {}
        }
        let mut best = (u64::MAX, false, 0);
        for cap in ESTIMATE_TIERS {
            best = (u64::MAX, false, 0);
            for (at, clause) in &driving {
                let rows = clause.estimate(self, type_code, cap.min(best.0))?;
                // Among equals a lazy clause is better; `false` sorts first.
                best = best.min((rows, !clause.is_lazy(), *at));
            }
            if best.0 < cap {
                break;
            }
        }
        let (rows, gathers, at) = best;
        if gathers && rows > 64 {
            let members = self.members(type_code)?;
            let look_at = need.saturating_mul(members).checked_div(rows).unwrap_or(members).min(members);
            if look_at.saturating_mul(2) < rows {
                return Ok(Driver::Everything);
            }
        }
        Ok(Driver::Clause(at, rows))
    }
}
