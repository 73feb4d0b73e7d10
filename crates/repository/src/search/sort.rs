//! The order of matches: keys from member records, compared; resources without a value stand last; ties are broken by
//! the resource number.

use std::cmp::Ordering;
use std::sync::Arc;

use fhir::search::Kind;
use fhir::search::query::SortKey;

use super::clause::{Clause, Probe};
use super::dictionary::Dictionary;
use super::header::Header;
use super::{Search, SearchError};

/// One key of the order, ready to be read from member records.
pub(crate) struct Key {
    pub(crate) parameter: u16,
    pub(crate) kind: Kind,
    pub(crate) descending: bool,
    dictionary: Option<Arc<Dictionary>>,
}

/// A resource's value under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortValue {
    /// A date's or number's code.
    Code(u128),
    /// A normalised text.
    Text(String),
    /// No value.
    Missing,
}

/// Where a resource stands in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) values: Vec<SortValue>,
    pub(crate) number: u64,
}

impl Key {
    /// The value that places a resource: the least of its values going up, the greatest going down.
    fn value(&self, header: Header<'_>) -> SortValue {
        let code = |codes: &mut dyn Iterator<Item = u128>| {
            if self.descending { codes.max() } else { codes.min() }
                .map_or(SortValue::Missing, SortValue::Code)
        };
        match self.kind {
            Kind::Date => code(&mut header.dates(self.parameter).map(|(low, _)| u128::from(low))),
            Kind::Number | Kind::Quantity => code(
                &mut header
                    .numbers(self.parameter)
                    .map(|(low, _)| low.iter().fold(0, |code, byte| (code << 8) | u128::from(*byte))),
            ),
            _ => {
                let Some(dictionary) = &self.dictionary else { return SortValue::Missing };
                let texts = header.texts(self.parameter).filter_map(|term| dictionary.normal(term));
                let text = if self.descending { texts.max() } else { texts.min() };
                text.map_or(SortValue::Missing, SortValue::Text)
            }
        }
    }

    fn compare(&self, left: &SortValue, right: &SortValue) -> Ordering {
        let order = match (left, right) {
            (SortValue::Missing, SortValue::Missing) => return Ordering::Equal,
            (SortValue::Missing, _) => return Ordering::Greater,
            (_, SortValue::Missing) => return Ordering::Less,
            (SortValue::Code(left), SortValue::Code(right)) => left.cmp(right),
            (SortValue::Text(left), SortValue::Text(right)) => left.cmp(right),
            _ => Ordering::Equal,
        };
        if self.descending { order.reverse() } else { order }
    }
}

/// Compares two places.
pub(crate) fn compare(keys: &[Key], left: &Place, right: &Place) -> Ordering {
    let pairs = left.values.iter().zip(&right.values);
    keys.iter()
        .zip(pairs)
        .map(|(key, (left, right))| key.compare(left, right))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.number.cmp(&right.number))
}

impl Search<'_> {
    /// Reads the keys of a query's order.
    pub(crate) fn sort_keys(&self, keys: &[SortKey]) -> Result<Vec<Key>, SearchError> {
        let ready = |key: &SortKey| {
            let parameter = &key.parameter;
            let dictionary = match parameter.kind {
                Kind::Date | Kind::Number | Kind::Quantity => None,
                Kind::String => Some(self.dictionaries.get(self.newest, self.tenant, parameter.id)?),
                kind => {
                    let what = format!("sorting by `{}`, which is of kind {}", parameter.code, kind.code());
                    return Err(SearchError::Unsupported { what });
                }
            };
            Ok(Key { parameter: parameter.id, kind: parameter.kind, descending: key.descending, dictionary })
        };
        keys.iter().map(ready).collect()
    }

    /// Where a candidate stands.
    pub(crate) fn place(&self, keys: &[Key], probe: &mut Probe) -> Result<Place, SearchError> {
        let number = probe.number;
        let header = probe.header(self)?.ok_or(SearchError::Corrupt)?;
        Ok(Place { values: keys.iter().map(|key| key.value(header)).collect(), number })
    }

    /// The first `need` places behind `after`, by looking at every match. Also how many matches there are.
    pub(crate) fn best_places(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        keys: &[Key],
        after: Option<&Place>,
        need: usize,
    ) -> Result<(Vec<Place>, u64), SearchError> {
        let mut best: Vec<Place> = Vec::new();
        let mut matches = 0;
        let mut candidates = self.candidates(type_code, clauses, 0, u64::MAX)?;
        while let Some(mut probe) = candidates.next_probe(self)? {
            matches += 1;
            let place = self.place(keys, &mut probe)?;
            if after.is_some_and(|after| compare(keys, &place, after).is_le()) {
                continue;
            }
            best.push(place);
            if best.len() > 4 * need + 1024 {
                best.sort_unstable_by(|left, right| compare(keys, left, right));
                best.truncate(need);
            }
        }
        best.sort_unstable_by(|left, right| compare(keys, left, right));
        best.truncate(need);
        Ok((best, matches))
    }
}
