//! Walks along dates: the order of `_sort=date` read from the index, so that a page costs about as many rows as it shows.
//!
//! Within one patient the compartment rows of a date parameter are walked; over a whole type its classes of postings
//! are merged. Of a resource with several dates only the row marked for the direction counts. Resources without a date come
//! last; they are found like any other search.

use fhir::search::Kind;
use storage::engine::{Bytes, Direction, KeyRange, Scan, Space};

use super::clause::{Clause, Probe};
use super::codes::{date_classes, kind};
use super::postings::{FIRST, LAST};
use super::range::DateTest;
use super::sort::{Key, Place, SortValue, compare};
use super::{Search, SearchError};
use crate::layout;

/// Rows of one stretch of keys.
struct Rows {
    scan: Scan,
    term_at: usize,
    head: Option<Row>,
}

/// One dated row.
#[derive(Clone, Copy)]
struct Row {
    low: u64,
    high: u64,
    number: u64,
    /// Whether it is the resource's only date.
    only: bool,
}

/// A walk in one direction.
struct Walk {
    rows: Vec<Rows>,
    descending: bool,
}

impl Rows {
    fn advance(&mut self, search: &Search<'_>, mark: u8) -> Result<(), SearchError> {
        self.head = loop {
            let Some(row) = self.scan.next() else { break None };
            search.spend(1)?;
            let (key, value) = row?;
            let only = value.is_empty();
            if only || value.first().is_some_and(|marks| marks & mark != 0) {
                break Some(self.read(&key, only).ok_or(SearchError::Corrupt)?);
            }
        };
        Ok(())
    }

    fn read(&self, key: &Bytes, only: bool) -> Option<Row> {
        let (low, rest) = key.split_at_checked(self.term_at)?.1.split_first_chunk::<8>()?;
        let (high, number) = rest.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        Some(Row { low: u64::from_be_bytes(*low), high: u64::from_be_bytes(*high), number, only })
    }
}

impl Walk {
    fn mark(&self) -> u8 {
        if self.descending { LAST } else { FIRST }
    }

    fn next(&mut self, search: &Search<'_>) -> Result<Option<Row>, SearchError> {
        let mark = self.mark();
        let heads = self.rows.iter_mut().filter(|rows| rows.head.is_some());
        let low = |rows: &&mut Rows| rows.head.map_or(0, |head| head.low);
        let best = if self.descending { heads.max_by_key(low) } else { heads.min_by_key(low) };
        let Some(best) = best else { return Ok(None) };
        let row = best.head;
        best.advance(search, mark)?;
        Ok(row)
    }
}

impl Search<'_> {
    /// The first `need` places behind `after`, along the dates of the first key.
    pub(crate) fn walk_places(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        keys: &[Key],
        patient: Option<u64>,
        after: Option<&Place>,
        need: usize,
    ) -> Result<Vec<Place>, SearchError> {
        let Some(first) = keys.first().filter(|key| key.kind == Kind::Date) else { return Ok(Vec::new()) };
        let mut places = Vec::with_capacity(need.min(1024));
        let from = match after.and_then(|after| after.values.first()) {
            Some(SortValue::Code(code)) => Some(u64::try_from(*code).unwrap_or(u64::MAX)),
            Some(_) => None,
            None => Some(if first.descending { u64::MAX } else { 0 }),
        };
        if let Some(from) = from {
            let mut walk = self.walk(type_code, first, patient, from)?;
            self.dated(type_code, clauses, keys, &mut walk, after, need, &mut places)?;
        }
        let dated_only = clauses.iter().any(|clause| dates_of(clause) == Some(first.parameter));
        if places.len() < need && !dated_only {
            let without = Clause::Missing { parameter: first.parameter, missing: true };
            let clauses: Vec<&Clause> = clauses.iter().copied().chain([&without]).collect();
            let rest = need - places.len();
            let after = after.filter(|after| after.values.first() == Some(&SortValue::Missing));
            places.extend(self.best_places(type_code, &clauses, keys, after, rest)?.0);
        }
        Ok(places)
    }

    fn walk(&self, type_code: u16, key: &Key, patient: Option<u64>, from: u64) -> Result<Walk, SearchError> {
        let mut walk = Walk { rows: Vec::new(), descending: key.descending };
        match patient {
            Some(patient) => {
                let prefix = layout::Key::new(self.tenant).u64(patient).u16(type_code).u16(key.parameter);
                walk.rows.push(self.rows(layout::COMPARTMENT, prefix.as_slice(), key.descending, from));
            }
            None => {
                for class in date_classes(key.parameter) {
                    let kind = [kind::DATE | class as u8];
                    let prefix = self.posting_prefix(type_code, key.parameter, &[&kind]);
                    walk.rows.push(self.rows(layout::POSTING, &prefix, key.descending, from));
                }
            }
        }
        let mark = walk.mark();
        for rows in &mut walk.rows {
            rows.advance(self, mark)?;
        }
        Ok(walk)
    }

    fn rows(&self, space: Space, prefix: &[u8], descending: bool, from: u64) -> Rows {
        let at = [prefix, &from.to_be_bytes()].concat();
        let (range, direction) = if descending {
            (KeyRange { start: prefix.to_vec(), end: layout::prefix_end(&at) }, Direction::Reverse)
        } else {
            (KeyRange { start: at, end: layout::prefix_end(prefix) }, Direction::Forward)
        };
        Rows { scan: self.reader.scan(space, range, direction), term_at: prefix.len(), head: None }
    }

    /// Takes rows with equal dates together: within them the other keys decide.
    #[expect(clippy::too_many_arguments, reason = "one step of `walk_places`, cut out to fit a screen")]
    fn dated(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        keys: &[Key],
        walk: &mut Walk,
        after: Option<&Place>,
        need: usize,
        places: &mut Vec<Place>,
    ) -> Result<(), SearchError> {
        let parameter = keys.first().map(|key| key.parameter);
        let (same, others): (Vec<&Clause>, Vec<&Clause>) =
            clauses.iter().partition(|clause| parameter.is_some() && dates_of(clause) == parameter);
        let tests: Vec<&[DateTest]> = same.iter().filter_map(|clause| tests(clause)).collect();
        let mut group: Vec<Place> = Vec::new();
        let mut group_low = None;
        loop {
            let row = walk.next(self)?;
            if row.map(|row| row.low) != group_low {
                group.sort_unstable_by(|left, right| compare(keys, left, right));
                places.append(&mut group);
                group_low = row.map(|row| row.low);
                if places.len() >= need {
                    places.truncate(need);
                    return Ok(());
                }
            }
            let Some(row) = row else { return Ok(()) };
            let mut probe = Probe::new(type_code, row.number);
            let passes = if row.only {
                tests.iter().all(|tests| tests.iter().any(|test| test.passes(row.low, row.high)))
            } else {
                self.hold(&same, &mut probe)?
            };
            if !passes || !self.hold(&others, &mut probe)? {
                continue;
            }
            let place = match keys {
                [_] => Place {
                    values: vec![SortValue::Code(u128::from(row.low))],
                    number: row.number,
                    within: 0,
                },
                _ => self.place(keys, &mut probe)?,
            };
            if after.is_none_or(|after| compare(keys, &place, after).is_gt()) {
                group.push(place);
                if group.len() > self.limits.candidates_max {
                    return Err(SearchError::TooCostly {
                        what: "too many resources have the same date",
                        hint: "add a criterion that few resources meet",
                    });
                }
            }
        }
    }

    fn hold(&self, clauses: &[&Clause], probe: &mut Probe) -> Result<bool, SearchError> {
        for clause in clauses {
            if !clause.holds(self, probe)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The parameter of a clause about dates.
fn dates_of(clause: &Clause) -> Option<u16> {
    match clause {
        Clause::Dates { parameter, .. } => Some(*parameter),
        _ => None,
    }
}

fn tests<'c>(clause: &&'c Clause) -> Option<&'c [DateTest]> {
    match clause {
        Clause::Dates { tests, .. } => Some(tests),
        _ => None,
    }
}
