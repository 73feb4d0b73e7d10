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

/// Rows counted at first: a clause with fewer drives without more ado.
const FIRST_LOOK: u64 = 64;

/// Rows counted at most.
const COUNTED_MAX: u64 = 65_536;

/// What looking at a resource that comes along costs, in rows of a range.
const LOOKED_AT_STEPS: u64 = 4;

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
        while let Some((number, record)) = self.driver.next_with_record(search)? {
            let mut probe = Probe::with(self.type_code, number, record);
            if layout::is_contained(self.type_code) {
                if search.contained_matches(&self.rest, Probe::new(self.type_code, number))?.is_empty() {
                    continue;
                }
                return Ok(Some(probe));
            }
            if search.each_holds(self.rest.iter().copied(), &mut probe)? {
                return Ok(Some(probe));
            }
        }
        Ok(None)
    }
}

impl Search<'_> {
    /// Whether all clauses hold for a candidate, which must exist.
    pub(crate) fn all_hold(&self, clauses: &[Clause], probe: &mut Probe) -> Result<bool, SearchError> {
        Ok(self.each_holds(clauses, probe)? && probe.header(self)?.is_some())
    }

    /// The same of a candidate of which it is known whether it exists.
    pub(super) fn each_holds<'c>(
        &self,
        clauses: impl IntoIterator<Item = &'c Clause>,
        probe: &mut Probe,
    ) -> Result<bool, SearchError> {
        for clause in clauses {
            if !clause.holds(self, probe)? {
                return Ok(false);
            }
        }
        Ok(true)
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
        // Of several contained resources one has to meet all, the driver too.
        let asked = clauses.iter().enumerate().filter(|(place, clause)| {
            Some(*place) != at || clause.is_loose() || layout::is_contained(type_code)
        });
        let rest = asked.map(|(_, clause)| *clause).collect();
        let driver = match at.and_then(|at| clauses.get(at)) {
            Some(clause) => clause.stream(self, type_code, from)?,
            None => self.everything(type_code, from),
        };
        Ok(Candidates { type_code, driver, rest })
    }

    /// Every resource of a type, ascending.
    pub(crate) fn everything(&self, type_code: u16, from: u64) -> Stream {
        let prefix = layout::Key::new(self.tenant).u16(type_code);
        Stream::Members(self.term_scan(layout::MEMBER, prefix.as_slice(), from))
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
        let lazy = driving.iter().find(|(_, clause)| clause.is_lazy()).map(|(at, _)| *at);
        match (driving.as_slice(), lazy) {
            ([], _) => return Ok(Driver::Everything),
            ([_], Some(at)) => return Ok(Driver::Clause(at, u64::MAX)),
            _ => {}
        }
        if driving.len() > 1 {
            let (rows, at) = self.rarest(type_code, &driving, FIRST_LOOK)?;
            if rows < FIRST_LOOK {
                return Ok(Driver::Clause(at, rows));
            }
        }
        // With a clause that gives its numbers one by one the page is soon full; without one, gathering has to be cheaper
        // than looking at every resource until the page is full.
        let members = self.members(type_code)?;
        let worth = match lazy {
            Some(_) => need.saturating_mul(16).clamp(FIRST_LOOK, COUNTED_MAX),
            None => break_even(need, members, LOOKED_AT_STEPS),
        };
        let (rows, at) = self.rarest(type_code, &driving, worth)?;
        if rows < worth {
            return Ok(Driver::Clause(at, rows));
        }
        match lazy {
            Some(at) => Ok(Driver::Clause(at, rows)),
            None if need == u64::MAX && members < self.limits.candidates_max as u64 / 2 => {
                Ok(Driver::Clause(at, rows))
            }
            None => Ok(Driver::Everything),
        }
    }

    /// The clause with the fewest rows, counted up to `cap`, and its place.
    fn rarest(
        &self,
        type_code: u16,
        driving: &[(usize, &&Clause)],
        cap: u64,
    ) -> Result<(u64, usize), SearchError> {
        let mut best = (cap, driving.first().map_or(0, |(at, _)| *at));
        for (at, clause) in driving {
            let rows = clause.estimate(self, type_code, best.0)?;
            if rows < best.0 {
                best = (rows, *at);
            }
        }
        Ok(best)
    }

    /// Whether the clauses let so many resources through that walking in order, and dropping what does not pass, fills a
    /// page sooner than sorting all that pass.
    pub(crate) fn walking_pays(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        need: u64,
    ) -> Result<bool, SearchError> {
        let cap = break_even(need, self.members(type_code)?, 2);
        let driving: Vec<(usize, &&Clause)> =
            clauses.iter().enumerate().filter(|(_, clause)| clause.drives()).collect();
        Ok(self.rarest(type_code, &driving, cap)?.0 >= cap)
    }
}

/// The count of rows from which on looking at `members` resources one by one, until `need` of them pass, is cheaper than
/// reading all rows: with `rows` rows it looks at `need * members / rows`, at `steps` each.
fn break_even(need: u64, members: u64, steps: u64) -> u64 {
    need.saturating_mul(steps).saturating_mul(members).isqrt().clamp(FIRST_LOOK, COUNTED_MAX)
}
