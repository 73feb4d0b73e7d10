//! Spans: stretches of ordered postings that a range of values lies in, counted and gathered.

use std::cell::OnceCell;

use storage::engine::{Direction, KeyRange};

use super::clause::{Clause, CompositeRows, SCAN_STEPS};
use super::codes::{date_classes, kind};
use super::range::{DateTest, NumberTest};
use super::stream::Gather;
use super::{Search, SearchError};
use crate::layout;

/// The numbers of a range's resources, once they are known: counting the rows of a range to its end gathers them too.
pub(crate) type Found = OnceCell<Vec<u64>>;

/// A stretch of ordered postings, with a last check of each.
pub(crate) struct Span {
    pub(super) range: KeyRange,
    term_at: usize,
    check: Check,
}

enum Check {
    Date(DateTest),
    Number(NumberTest),
    Range(NumberTest),
}

impl Span {
    /// The keys with `prefix` whose term goes on with `first` to `last` (both included); `None` if there can be none.
    fn new(prefix: Vec<u8>, first: &[u8], last: &[u8], check: Check) -> Option<Self> {
        let start = [prefix.as_slice(), first].concat();
        let end = layout::prefix_end(&[prefix.as_slice(), last].concat());
        let range = KeyRange { start, end };
        (first <= last).then_some(Self { range, term_at: prefix.len(), check })
    }

    /// The number of a key that passes.
    pub(super) fn number(&self, key: &[u8]) -> Option<u64> {
        let (_, term) = key.split_at_checked(self.term_at)?;
        let passes = match self.check {
            Check::Date(test) => {
                let (low, rest) = term.split_first_chunk::<8>()?;
                test.passes(u64::from_be_bytes(*low), u64::from_be_bytes(*rest.first_chunk::<8>()?))
            }
            Check::Number(test) => {
                let number = *term.first_chunk()?;
                test.passes(number, number)
            }
            Check::Range(test) => {
                let (low, rest) = term.split_first_chunk()?;
                test.passes(*low, *rest.first_chunk()?)
            }
        };
        if passes { layout::number_at_end(key) } else { None }
    }
}

/// The stretches of plain numbers and of ranges.
fn of_numbers(points: Vec<u8>, ranges: Vec<u8>, test: NumberTest) -> impl Iterator<Item = Span> {
    let (first, last) = test.codes();
    let (range_first, range_last) = test.low_ends();
    let points = Span::new(points, &first, &last, Check::Number(test));
    let ranges = Span::new(ranges, &range_first, &range_last, Check::Range(test));
    points.into_iter().chain(ranges)
}

impl Clause {
    /// Whether the clause's rows stand in spans, and where its numbers are kept once they are known.
    pub(super) fn ranged(&self) -> Option<&Found> {
        match self {
            Self::Dates { found, .. } | Self::Numbers { found, .. } | Self::Quantities { found, .. } => {
                Some(found)
            }
            Self::Composite(composite) => match &composite.rows {
                CompositeRows::Quantities(.., found) => Some(found),
                CompositeRows::Terms(_) | CompositeRows::None => None,
            },
            _ => None,
        }
    }

    /// The stretches of keys that hold a range clause's values.
    pub(super) fn spans(&self, search: &Search<'_>, type_code: u16) -> Vec<Span> {
        match self {
            Self::Dates { parameter, tests, .. } => tests
                .iter()
                .flat_map(|test| date_classes(*parameter).map(move |class| (test, class)))
                .filter_map(|(test, class)| {
                    let kind = kind::DATE | class as u8;
                    let prefix = search.posting_prefix(type_code, *parameter, &[&[kind]]);
                    let (first, last) = test.low_ends(class);
                    Span::new(prefix, &first.to_be_bytes(), &last.to_be_bytes(), Check::Date(*test))
                })
                .collect(),
            Self::Numbers { parameter, tests, .. } => tests
                .iter()
                .flat_map(|test| {
                    let prefix = |kind: u8| search.posting_prefix(type_code, *parameter, &[&[kind]]);
                    of_numbers(prefix(kind::NUMBER), prefix(kind::NUMBER_RANGE), *test)
                })
                .collect(),
            Self::Quantities { parameter, tests, .. } => tests
                .iter()
                .flat_map(|test| &test.units)
                .flat_map(|(unit, test)| {
                    let prefix = |kind: u8| search.posting_prefix(type_code, *parameter, &[&[kind], unit]);
                    of_numbers(prefix(kind::QUANTITY), prefix(kind::QUANTITY_RANGE), *test)
                })
                .collect(),
            Self::Composite(composite) => match &composite.rows {
                CompositeRows::Quantities(id, rows, _) => rows
                    .iter()
                    .flat_map(|(code, unit, test)| {
                        let prefix = |kind: u8| search.posting_prefix(type_code, *id, &[&[kind], code, unit]);
                        of_numbers(prefix(kind::CODE_QUANTITY), prefix(kind::CODE_QUANTITY_RANGE), *test)
                    })
                    .collect(),
                CompositeRows::Terms(_) | CompositeRows::None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Reads the rows of all spans, but no more than `cap`, and gives their count. Where that was all, `found` has the numbers.
    pub(super) fn count_spans(
        &self,
        search: &Search<'_>,
        type_code: u16,
        found: &Found,
        cap: u64,
    ) -> Result<u64, SearchError> {
        if let Some(found) = found.get() {
            return Ok((found.len() as u64).min(cap));
        }
        let mut numbers = Gather::new(search);
        let mut count = 0;
        for span in self.spans(search, type_code) {
            search.spend(SCAN_STEPS)?;
            let mut rows = search.reader.scan(layout::POSTING, span.range.clone(), Direction::Forward);
            loop {
                if count >= cap {
                    return Ok(cap);
                }
                let Some(row) = rows.next() else { break };
                search.spend(1)?;
                count += 1;
                if let Some(number) = span.number(&row?.0) {
                    numbers.push(number)?;
                }
            }
        }
        found.get_or_init(|| numbers.finish());
        Ok(count)
    }
}
