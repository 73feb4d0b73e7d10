//! Walks along a range. Without `_sort` any order will do, so a query that nothing but a range drives takes its matches as the
//! range's rows stand: a page costs about as many rows as it shows, however many match.
//!
//! A resource may have several rows in a range; it stands where the first of them does. A place is a row's key behind
//! type and parameter, which no later write moves.

use storage::engine::{Direction, KeyRange};

use super::clause::{Clause, Probe};
use super::codes::{NumberCode, date_class, kind};
use super::header::Header;
use super::sort::{Place, SortValue};
use super::{Search, SearchError};
use crate::layout;

/// Bytes of a key before the term: tenant and partition, type, parameter.
const TERM_AT: usize = layout::PREFIX_BYTES + 4;
/// Bytes of a resource number at a key's end.
const NUMBER_BYTES: usize = 8;

impl Search<'_> {
    /// The place of the clause to walk along: a range that alone can drive.
    pub(super) fn along(&self, clauses: &[&Clause]) -> Option<usize> {
        let mut driving = clauses.iter().enumerate().filter(|(_, clause)| clause.drives());
        let (Some((at, clause)), None) = (driving.next(), driving.next()) else { return None };
        // One value each: the spans of several might overlap, and a row would be met twice.
        let alone = match clause {
            Clause::Dates { tests, .. } => tests.len() == 1,
            Clause::Numbers { tests, .. } => tests.len() == 1,
            Clause::Quantities { tests, .. } => tests.len() == 1,
            _ => false,
        };
        alone.then_some(at)
    }

    /// The first `need` places behind `after`, along the rows of the clause at `at`.
    pub(super) fn along_places(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        at: usize,
        after: Option<&Place>,
        need: usize,
    ) -> Result<Vec<Place>, SearchError> {
        let Some(range) = clauses.get(at) else { return Ok(Vec::new()) };
        let others =
            || clauses.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, clause)| *clause);
        let behind = after.and_then(|place| self.row_of(type_code, range, place));
        let mut spans = range.spans(self, type_code);
        spans.sort_unstable_by(|a, b| a.range.start.cmp(&b.range.start));
        let mut places = Vec::with_capacity(need);
        for span in spans {
            let Some(stretch) = rest_of(&span.range, behind.as_deref()) else { continue };
            self.spend(super::clause::SCAN_STEPS)?;
            let mut rows = self.reader.scan(layout::POSTING, stretch, Direction::Forward);
            while places.len() < need {
                let Some(row) = rows.next() else { break };
                self.spend(1)?;
                let (key, mark) = row?;
                let Some(number) = span.number(&key) else { continue };
                let term = key.get(TERM_AT..key.len().saturating_sub(NUMBER_BYTES));
                let term = term.ok_or(SearchError::Corrupt)?;
                let mut probe = Probe::new(type_code, number);
                // A date without a mark is its resource's only one.
                let only = mark.is_empty() && matches!(range, Clause::Dates { .. });
                let first = |header| range.first_row(header).as_deref() == Some(term);
                if (only || probe.header(self)?.is_some_and(first))
                    && self.each_holds(others(), &mut probe)?
                {
                    places.push(Place { values: vec![SortValue::Row(term.to_vec())], number, within: 0 });
                }
            }
        }
        Ok(places)
    }

    /// The whole key of the row at a place.
    fn row_of(&self, type_code: u16, range: &Clause, place: &Place) -> Option<Vec<u8>> {
        let (Clause::Dates { parameter, .. }
        | Clause::Numbers { parameter, .. }
        | Clause::Quantities { parameter, .. }) = range
        else {
            return None;
        };
        let Some(SortValue::Row(term)) = place.values.first() else { return None };
        Some(self.posting_prefix(type_code, *parameter, &[term, &place.number.to_be_bytes()]))
    }
}

/// What of a range lies behind a key.
fn rest_of(range: &KeyRange, behind: Option<&[u8]>) -> Option<KeyRange> {
    let Some(behind) = behind.filter(|behind| *behind >= range.start.as_slice()) else {
        return Some(range.clone());
    };
    if range.end.as_deref().is_some_and(|end| end <= behind) {
        return None;
    }
    Some(KeyRange { start: [behind, &[0]].concat(), end: range.end.clone() })
}

impl Clause {
    /// The term of the first row of a resource that lies in the range.
    fn first_row(&self, header: Header<'_>) -> Option<Vec<u8>> {
        let number = |point: u8, wide: u8, unit: &[u8], low: NumberCode, high: NumberCode| match low == high {
            true => [&[point], unit, &low[..]].concat(),
            false => [&[wide], unit, &low[..], &high[..]].concat(),
        };
        match self {
            Self::Dates { parameter, tests, .. } => header
                .dates(*parameter)
                .filter(|(low, high)| tests.iter().any(|test| test.passes(*low, *high)))
                .map(|(low, high)| {
                    let class = kind::DATE | date_class(low, high);
                    [&[class][..], &low.to_be_bytes(), &high.to_be_bytes()].concat()
                })
                .min(),
            Self::Numbers { parameter, tests, .. } => header
                .numbers(*parameter)
                .filter(|(low, high)| tests.iter().any(|test| test.passes(*low, *high)))
                .map(|(low, high)| number(kind::NUMBER, kind::NUMBER_RANGE, &[], low, high))
                .min(),
            Self::Quantities { parameter, tests, .. } => header
                .quantities(*parameter)
                .flat_map(|own| {
                    let units = tests.iter().flat_map(|test| &test.units);
                    units
                        .filter(move |(unit, test)| {
                            unit.ends_with(&own.unit) && test.passes(own.low, own.high)
                        })
                        .map(move |(unit, _)| {
                            number(kind::QUANTITY, kind::QUANTITY_RANGE, unit, own.low, own.high)
                        })
                })
                .min(),
            _ => None,
        }
    }
}
