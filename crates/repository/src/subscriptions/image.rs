//! A state of the index in which one resource has another version than the newest: for asking whether that version met a
//! query, with the very clauses that a search would use.
//!
//! The rows that the version had are made anew from its body and laid over the index in memory. Whatever looks through it
//! sees the one resource as it was, and all others as they are now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use storage::engine::{Batch, Bytes, Direction, EngineError, KeyRange, Operation, Reader, Scan, Space};

use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::prepare;
use crate::row::Row;
use crate::search::{Indexed, Postings, SearchError, TermChange, words};
use crate::view::{View, corrupt};

/// The number of a reference's target that has none: nothing bears it.
const NOBODY: u64 = u64::MAX;

/// Spaces whose rows do not say by their last eight bytes which resource they are about.
const OTHER_SPACES: &[Space] = &[
    layout::APPLIED,
    layout::CURRENT,
    layout::ID,
    layout::VERSION,
    layout::CHANGE,
    layout::DICTIONARY,
    layout::STATS,
    layout::MESSAGE,
    layout::PATIENT_KEY,
    // One row for many resources: see `Image::without`.
    layout::WORD,
];

/// A view in which resource `number` has the version of `row`; `None` if that is a deletion or was erased.
pub(crate) fn as_of(view: &View, type_code: u16, number: u64, row: &Row) -> Result<Option<View>> {
    let body = match view.body(type_code, number, row) {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Gone => return Ok(None),
        Err(error) => return Err(error),
    };
    let (terms, patients) = prepare::index(view, type_code, &body.value().map_err(corrupt)?)?;
    let patients: Vec<u64> = patients
        .iter()
        .map(|id| Ok(view.number(layout::PATIENT_CODE, id)?.unwrap_or(NOBODY)))
        .collect::<Result<_>>()?;
    let change = TermChange {
        tenant: view.tenant,
        codes: &view.keys.codes,
        type_code,
        number,
        old: None,
        new: Some(Indexed { terms: &terms, updated_ms: row.time_ms, patients: &patients }),
    };
    let mut batch = Batch::new();
    // Looks texts up and never adds one: only the committer may.
    let mut postings = Postings::looking(Arc::clone(&view.core.dictionaries));
    postings
        .replace(view.core.engine.as_ref(), &mut batch, &change, &mut |type_code, id| {
            let known = view.number(type_code, id);
            Ok(known.map_err(|error| SearchError::Store(Box::new(error)))?.unwrap_or(NOBODY))
        })
        .map_err(Error::from)?;
    postings.put_words(view.reader.as_ref(), &mut batch).map_err(Error::from)?;
    let mut rows: BTreeMap<Space, BTreeMap<Bytes, Bytes>> = BTreeMap::new();
    for (space, operation) in batch.operations() {
        if let Operation::Put(key, value) = operation {
            rows.entry(*space).or_default().insert(key.clone(), value.clone());
        }
    }
    let current = layout::current_key(view.tenant, type_code, number);
    rows.entry(layout::CURRENT).or_default().insert(current.into(), row.to_vec().into());
    let image = Image { under: Arc::clone(&view.reader), tenant: view.tenant, number, rows };
    Ok(Some(view.through(Arc::new(image))))
}

struct Image {
    under: Arc<dyn Reader>,
    tenant: u32,
    number: u64,
    rows: BTreeMap<Space, BTreeMap<Bytes, Bytes>>,
}

/// Whether a row is about the resource.
fn is_own(tenant: u32, number: u64, space: Space, key: &[u8]) -> bool {
    !OTHER_SPACES.contains(&space)
        && key.starts_with(&tenant.to_be_bytes())
        && layout::number_at_end(key) == Some(number)
}

impl Image {
    /// A row of a word without the resource; its own rows have it already.
    fn without(&self, key: &[u8], value: Bytes) -> Option<Bytes> {
        let own =
            key.starts_with(&self.tenant.to_be_bytes()).then(|| words::without(key, &value, self.number));
        match own.flatten() {
            Some(rest) if rest.is_empty() => None,
            Some(rest) => Some(rest.into()),
            None => Some(value),
        }
    }

    /// What stands in place of a row that does not say whose it is: words, and the version itself.
    fn instead(&self, space: Space, key: &[u8]) -> Option<&Bytes> {
        self.rows.get(&space).filter(|_| space == layout::WORD || space == layout::CURRENT)?.get(key)
    }
}

impl Reader for Image {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        if is_own(self.tenant, self.number, space, key) {
            return Ok(self.rows.get(&space).and_then(|rows| rows.get(key)).cloned());
        }
        if let Some(own) = self.instead(space, key) {
            return Ok(Some(own.clone()));
        }
        let value = self.under.get(space, key)?;
        Ok(if space == layout::WORD { value.and_then(|value| self.without(key, value)) } else { value })
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool, EngineError> {
        if is_own(self.tenant, self.number, space, key) {
            return Ok(self.rows.get(&space).is_some_and(|rows| rows.contains_key(key)));
        }
        if space == layout::WORD {
            return Ok(self.get(space, key)?.is_some());
        }
        self.under.contains(space, key)
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Scan {
        let inside =
            |key: &[u8]| key >= range.start.as_slice() && range.end.as_deref().is_none_or(|end| key < end);
        let mut own: Vec<(Bytes, Bytes)> = self
            .rows
            .get(&space)
            .into_iter()
            .flatten()
            .filter(|(key, _)| inside(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if direction == Direction::Reverse {
            own.reverse();
        }
        if space == layout::WORD {
            let own_keys: BTreeSet<Bytes> = own.iter().map(|(key, _)| key.clone()).collect();
            let image = Self {
                under: Arc::clone(&self.under),
                tenant: self.tenant,
                number: self.number,
                rows: BTreeMap::new(),
            };
            let others = self.under.scan(space, range, direction).filter_map(move |row| match row {
                Ok((key, _)) if own_keys.contains(&key) => None,
                Ok((key, value)) => image.without(&key, value).map(|value| Ok((key, value))),
                Err(error) => Some(Err(error)),
            });
            return Box::new(Merged {
                own: own.into_iter().peekable(),
                others: others.peekable(),
                direction,
            });
        }
        let (tenant, number) = (self.tenant, self.number);
        let others = self
            .under
            .scan(space, range, direction)
            .filter(move |row| row.as_ref().map_or(true, |(key, _)| !is_own(tenant, number, space, key)));
        Box::new(Merged { own: own.into_iter().peekable(), others: others.peekable(), direction })
    }
}

/// Two scans in one order.
struct Merged<A: Iterator, B: Iterator> {
    own: std::iter::Peekable<A>,
    others: std::iter::Peekable<B>,
    direction: Direction,
}

impl<A, B> Iterator for Merged<A, B>
where
    A: Iterator<Item = (Bytes, Bytes)>,
    B: Iterator<Item = Result<(Bytes, Bytes), EngineError>>,
{
    type Item = Result<(Bytes, Bytes), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let own_first = match (self.own.peek(), self.others.peek()) {
            (Some(_), None) => true,
            (Some((own, _)), Some(Ok((other, _)))) => match self.direction {
                Direction::Forward => own < other,
                Direction::Reverse => own > other,
            },
            _ => false,
        };
        if own_first { self.own.next().map(Ok) } else { self.others.next() }
    }
}
