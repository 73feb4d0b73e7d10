//! Streams of resource numbers, ascending and each once: what drives a plan.

use storage::engine::{Bytes, Direction, KeyRange, Scan, Space};

use super::blocks::Blocks;
use super::clause::{MEMBER_STEPS, SCAN_STEPS};
use super::{Search, SearchError};
use crate::layout;

/// Terms that are merged lazily; a union of more is gathered and sorted.
pub(crate) const MERGED_MAX: usize = 16;

/// Resource numbers, ascending and each once.
pub(crate) enum Stream {
    /// No number at all.
    Empty,
    /// The postings of one term.
    Term(Scan),
    /// Every member of a type, with its record.
    Members(Scan),
    /// The postings of a few terms, merged.
    Merged(Vec<(Option<u64>, Scan)>),
    /// The resources that have a word.
    Blocks(Blocks),
    /// Numbers at hand.
    List(std::vec::IntoIter<u64>),
}

impl Stream {
    /// The next number, if there is one.
    pub(crate) fn next(&mut self, search: &Search<'_>) -> Result<Option<u64>, SearchError> {
        match self {
            Self::Empty => Ok(None),
            Self::Term(scan) | Self::Members(scan) => next_number(search, scan),
            Self::Blocks(blocks) => blocks.next(search),
            Self::List(list) => Ok(list.next()),
            Self::Merged(heads) => {
                let Some(least) = heads.iter().filter_map(|(head, _)| *head).min() else { return Ok(None) };
                for (head, scan) in heads.iter_mut().filter(|(head, _)| *head == Some(least)) {
                    *head = next_number(search, scan)?;
                }
                Ok(Some(least))
            }
        }
    }
}

impl Stream {
    /// The next number with its member record, where that comes with it.
    pub(crate) fn next_with_record(
        &mut self,
        search: &Search<'_>,
    ) -> Result<Option<(u64, Option<Bytes>)>, SearchError> {
        let Self::Members(scan) = self else { return Ok(self.next(search)?.map(|number| (number, None))) };
        let Some(row) = scan.next() else { return Ok(None) };
        search.spend(MEMBER_STEPS)?;
        let (key, record) = row?;
        Ok(Some((layout::number_at_end(&key).ok_or(SearchError::Corrupt)?, Some(record))))
    }
}

fn next_number(search: &Search<'_>, scan: &mut Scan) -> Result<Option<u64>, SearchError> {
    let Some(row) = scan.next() else { return Ok(None) };
    search.spend(1)?;
    layout::number_at_end(&row?.0).map(Some).ok_or(SearchError::Corrupt)
}

impl Search<'_> {
    /// The numbers from `from` on behind keys of exactly this prefix.
    pub(crate) fn term_scan(&self, space: Space, prefix: &[u8], from: u64) -> Scan {
        let range = if from == 0 {
            KeyRange::prefix(prefix)
        } else {
            KeyRange::prefix_from(prefix, &[prefix, &from.to_be_bytes()].concat())
        };
        self.reader.scan(space, range, Direction::Forward)
    }

    /// The numbers from `from` on behind keys of any of these prefixes.
    pub(crate) fn terms_stream(
        &self,
        space: Space,
        prefixes: &[Vec<u8>],
        from: u64,
    ) -> Result<Stream, SearchError> {
        match prefixes {
            [] => Ok(Stream::Empty),
            [prefix] => Ok(Stream::Term(self.term_scan(space, prefix, from))),
            few if few.len() <= MERGED_MAX => {
                let mut heads = Vec::with_capacity(few.len());
                for prefix in few {
                    self.spend(SCAN_STEPS)?;
                    let mut scan = self.term_scan(space, prefix, from);
                    heads.push((next_number(self, &mut scan)?, scan));
                }
                Ok(Stream::Merged(heads))
            }
            many => {
                let mut numbers = Gather::new(self);
                for prefix in many {
                    self.spend(SCAN_STEPS)?;
                    let mut scan = self.term_scan(space, prefix, from);
                    while let Some(number) = next_number(self, &mut scan)? {
                        numbers.push(number)?;
                    }
                }
                Ok(Stream::List(numbers.finish().into_iter()))
            }
        }
    }
}

/// Numbers gathered in any order, within the limit.
pub(crate) struct Gather {
    numbers: Vec<u64>,
    limit: usize,
}

impl Gather {
    pub(crate) fn new(search: &Search<'_>) -> Self {
        Self { numbers: Vec::new(), limit: search.limits.candidates_max }
    }

    pub(crate) fn push(&mut self, number: u64) -> Result<(), SearchError> {
        if self.numbers.last() == Some(&number) {
            return Ok(());
        }
        if self.numbers.len() >= self.limit {
            self.numbers.sort_unstable();
            self.numbers.dedup();
            if self.numbers.len() >= self.limit / 2 {
                return Err(SearchError::TooCostly {
                    what: "one criterion alone finds too many resources",
                    hint: "narrow it, or add a criterion that few resources meet",
                });
            }
        }
        self.numbers.push(number);
        Ok(())
    }

    /// The numbers, ascending, each once.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self.numbers
    }
}
