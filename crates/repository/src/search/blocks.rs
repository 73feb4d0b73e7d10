//! Reading the rows of words: one word or many, asked about a candidate or giving their numbers in order.

use std::cell::OnceCell;

use storage::engine::{Direction, KeyRange, Scan};

use super::clause::SCAN_STEPS;
use super::stream::{Gather, Stream};
use super::words::{BLOCK, CONTENT, TEXT, Words, place, read, word_prefix};
use super::{Search, SearchError};
use crate::layout;

/// What a point read of a row costs, in rows of a scan.
const ROW_STEPS: u64 = 6;
/// Words that are looked up one by one for a candidate; of more, all numbers are gathered first.
const WORDS_ASKED_MAX: usize = 4;

/// One of these words, by their numbers.
pub(crate) struct WordsClause {
    pub(crate) parameter: u16,
    pub(crate) words: Vec<u32>,
    pub(crate) found: OnceCell<Vec<u64>>,
}

impl WordsClause {
    pub(crate) fn new(parameter: u16, words: Vec<u32>) -> Self {
        Self { parameter, words, found: OnceCell::new() }
    }

    /// Whether the resource has one of the words.
    pub(crate) fn holds(
        &self,
        search: &Search<'_>,
        type_code: u16,
        number: u64,
    ) -> Result<bool, SearchError> {
        if self.words.len() > WORDS_ASKED_MAX || self.found.get().is_some() {
            if self.found.get().is_none() {
                let numbers = self.gather(search, type_code)?;
                return Ok(self.found.get_or_init(|| numbers).binary_search(&number).is_ok());
            }
            return Ok(self.found.get().is_some_and(|found| found.binary_search(&number).is_ok()));
        }
        let (block, at) = place(number);
        for word in &self.words {
            search.spend(ROW_STEPS)?;
            let mut key = word_prefix(search.tenant, type_code, self.parameter, *word);
            key.extend_from_slice(&block.to_be_bytes());
            if let Some(value) = search.reader.get(layout::WORD, &key)?
                && read(&value).ok_or(SearchError::Corrupt)?.binary_search(&at).is_ok()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether one of the words is among these.
    pub(crate) fn holds_in(&self, search: &Search<'_>, words: &Words) -> Result<bool, SearchError> {
        let dictionary = search.dictionaries.get(search.newest, search.tenant, CONTENT)?;
        let mut numbers =
            words.list(self.parameter == TEXT).iter().filter_map(|word| dictionary.find(word, word));
        Ok(numbers.any(|number| self.words.contains(&number)))
    }

    /// Whether the numbers come one by one, with nothing gathered first.
    pub(crate) fn is_lazy(&self) -> bool {
        self.words.len() <= 1
    }

    /// The numbers from `from` on.
    pub(crate) fn stream(
        &self,
        search: &Search<'_>,
        type_code: u16,
        from: u64,
    ) -> Result<Stream, SearchError> {
        match self.words.as_slice() {
            [] => Ok(Stream::Empty),
            [word] => Ok(Stream::Blocks(Blocks::open(search, type_code, self.parameter, *word, from))),
            _ => {
                let mut numbers = self.gather(search, type_code)?;
                numbers.drain(..numbers.partition_point(|number| *number < from));
                Ok(Stream::List(numbers.into_iter()))
            }
        }
    }

    /// All numbers, ascending.
    pub(crate) fn gather(&self, search: &Search<'_>, type_code: u16) -> Result<Vec<u64>, SearchError> {
        let mut numbers = Gather::new(search);
        for word in &self.words {
            search.spend(SCAN_STEPS)?;
            let mut blocks = Blocks::open(search, type_code, self.parameter, *word, 0);
            while let Some(number) = blocks.next(search)? {
                numbers.push(number)?;
            }
        }
        Ok(numbers.finish())
    }

    /// How many resources have the words, counted up to `cap`.
    pub(crate) fn estimate(&self, search: &Search<'_>, type_code: u16, cap: u64) -> Result<u64, SearchError> {
        let mut count = 0;
        for word in &self.words {
            search.spend(SCAN_STEPS)?;
            let prefix = word_prefix(search.tenant, type_code, self.parameter, *word);
            for row in search.reader.scan(layout::WORD, KeyRange::prefix(&prefix), Direction::Forward) {
                if count >= cap {
                    return Ok(cap);
                }
                search.spend(1)?;
                count += read(&row?.1).ok_or(SearchError::Corrupt)?.len() as u64;
            }
        }
        Ok(count.min(cap))
    }
}

/// The numbers of one word.
pub(crate) struct Blocks {
    scan: Scan,
    first: u64,
    places: std::vec::IntoIter<u16>,
    from: u64,
}

impl Blocks {
    fn open(search: &Search<'_>, type_code: u16, parameter: u16, word: u32, from: u64) -> Self {
        let prefix = word_prefix(search.tenant, type_code, parameter, word);
        let start = [prefix.as_slice(), &place(from).0.to_be_bytes()].concat();
        let scan =
            search.reader.scan(layout::WORD, KeyRange::prefix_from(&prefix, &start), Direction::Forward);
        Self { scan, first: 0, places: Vec::new().into_iter(), from }
    }

    /// The next number.
    pub(crate) fn next(&mut self, search: &Search<'_>) -> Result<Option<u64>, SearchError> {
        loop {
            for place in self.places.by_ref() {
                let number = self.first.saturating_add(u64::from(place));
                if number >= self.from {
                    return Ok(Some(number));
                }
            }
            let Some(row) = self.scan.next() else { return Ok(None) };
            let (key, value) = row?;
            let block = layout::number_at_end(&key).ok_or(SearchError::Corrupt)?;
            let places = read(&value).ok_or(SearchError::Corrupt)?;
            search.spend(1 + places.len() as u64 / 8)?;
            self.first = block.checked_mul(BLOCK).ok_or(SearchError::Corrupt)?;
            self.places = places.into_iter();
        }
    }
}
