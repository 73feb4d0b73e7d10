//! The order of matches: keys from member records, compared; resources without a value stand last; ties are broken by
//! the resource number. Tokens are ordered by their codes, references and URIs as they are written; where the member record
//! does not tell (identifiers, references, URIs, ids) the resources themselves are read, which bounds how many matches can be sorted.

use std::cmp::Ordering;
use std::sync::Arc;

use fhir::json::Value;
use fhir::search::query::SortKey;
use fhir::search::{Kind, Parameter, ReferenceTerm, Registry, Term};

use super::clause::{Clause, Probe};
use super::codes::{NumberCode, fold};
use super::dictionary::Dictionary;
use super::header::Header;
use super::labels::{CONCEPTS, parts};
use super::{Search, SearchError};

/// One key of the order, ready to be read from member records.
pub(crate) struct Key {
    pub(crate) parameter: u16,
    pub(crate) kind: Kind,
    pub(crate) descending: bool,
    /// Of texts, or of the labels of tokens.
    dictionary: Option<Arc<Dictionary>>,
    definition: Arc<Parameter>,
}

/// A resource's value under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortValue {
    /// A date's or number's code.
    Code(u128),
    /// A normalised text.
    Text(String),
    /// A row's key behind type and parameter, where matches come in the order of a range's rows.
    Row(Vec<u8>),
    /// No value.
    Missing,
}

/// Where a resource stands in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) values: Vec<SortValue>,
    pub(crate) number: u64,
    /// As [`super::run::Found::within`].
    pub(crate) within: u32,
}

impl Key {
    /// The value that places a resource: the least of its values going up, the greatest going down. `None` where the member
    /// record does not tell: identifiers, references and URIs have no place in it.
    fn value(&self, header: Header<'_>) -> Option<SortValue> {
        match (self.kind, &self.dictionary) {
            (Kind::Date, _) => {
                Some(self.code(&mut header.dates(self.parameter).map(|(low, _)| u128::from(low))))
            }
            (Kind::Number | Kind::Quantity, _) => {
                let code =
                    |bytes: NumberCode| bytes.iter().fold(0, |code, byte| (code << 8) | u128::from(*byte));
                Some(self.code(&mut header.numbers(self.parameter).map(|(low, _)| code(low))))
            }
            (Kind::String, Some(dictionary)) => {
                Some(self.text(&mut header.texts(self.parameter).filter_map(|term| dictionary.normal(term))))
            }
            (Kind::Token, Some(dictionary)) => {
                let code = |label| dictionary.text(label, |_, raw| Some(fold(parts(raw)?.code).into_owned()));
                let codes = header.labels(self.parameter).filter_map(|label| code(label)?);
                let value = self.text(&mut codes.filter(|code| !code.is_empty()));
                (value != SortValue::Missing || self.is_missing(header)).then_some(value)
            }
            _ => self.is_missing(header).then_some(SortValue::Missing),
        }
    }

    /// Whether a resource is certain to have no value. Ids stand in no record.
    fn is_missing(&self, header: Header<'_>) -> bool {
        self.definition.code != "_id" && !header.has(self.parameter)
    }

    /// The same from the resource itself.
    fn value_of(&self, registry: &Registry, resource: &Value) -> SortValue {
        let mut texts = Vec::new();
        registry.extract_only(&self.definition, resource, &mut |term| {
            texts.extend(match term {
                Term::Token { code, .. } => code.map(|code| fold(&code).into_owned()),
                Term::Uri(uri) => Some(uri.into()),
                Term::Reference(ReferenceTerm::Local { resource_type, id, .. }) => {
                    Some(format!("{resource_type}/{id}"))
                }
                Term::Reference(ReferenceTerm::Absolute(url) | ReferenceTerm::Canonical { url, .. }) => {
                    Some(url.into())
                }
                _ => None,
            });
        });
        self.text(&mut texts.into_iter())
    }

    fn code(&self, codes: &mut dyn Iterator<Item = u128>) -> SortValue {
        if self.descending { codes.max() } else { codes.min() }.map_or(SortValue::Missing, SortValue::Code)
    }

    fn text(&self, texts: &mut dyn Iterator<Item = String>) -> SortValue {
        if self.descending { texts.max() } else { texts.min() }.map_or(SortValue::Missing, SortValue::Text)
    }

    fn compare(&self, left: &SortValue, right: &SortValue) -> Ordering {
        let order = match (left, right) {
            (SortValue::Missing, SortValue::Missing) => return Ordering::Equal,
            (SortValue::Missing, _) => return Ordering::Greater,
            (_, SortValue::Missing) => return Ordering::Less,
            (SortValue::Code(left), SortValue::Code(right)) => left.cmp(right),
            (SortValue::Text(left), SortValue::Text(right)) => left.cmp(right),
            (SortValue::Row(left), SortValue::Row(right)) => left.cmp(right),
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
        .unwrap_or_else(|| (left.number, left.within).cmp(&(right.number, right.within)))
}

impl Search<'_> {
    /// Reads the keys of a query's order.
    pub(crate) fn sort_keys(&self, keys: &[SortKey]) -> Result<Vec<Key>, SearchError> {
        let ready = |key: &SortKey| {
            let definition = Arc::clone(&key.parameter);
            let dictionary = match definition.kind {
                Kind::String => Some(definition.id),
                Kind::Token => Some(CONCEPTS),
                Kind::Composite | Kind::Special => {
                    let what =
                        format!("sorting by `{}`, which is {}", definition.code, definition.kind.code());
                    return Err(SearchError::Unsupported { what });
                }
                _ => None,
            };
            let dictionary =
                dictionary.map(|id| self.dictionaries.get(self.newest, self.tenant, id)).transpose()?;
            let (parameter, kind) = (definition.id, definition.kind);
            Ok(Key { parameter, kind, descending: key.descending, dictionary, definition })
        };
        keys.iter().map(ready).collect()
    }

    /// Where a candidate stands.
    pub(crate) fn place(&self, keys: &[Key], probe: &mut Probe) -> Result<Place, SearchError> {
        let number = probe.number;
        let header = probe.header(self)?.ok_or(SearchError::Corrupt)?;
        let told: Vec<Option<SortValue>> = keys.iter().map(|key| key.value(header)).collect();
        let mut resource = None;
        let mut values = Vec::with_capacity(keys.len());
        for (key, value) in keys.iter().zip(told) {
            values.push(match value {
                Some(value) => value,
                None => {
                    if resource.is_none() {
                        resource = Some(probe.resource(self)?);
                    }
                    let resource = resource.as_ref().and_then(Option::as_deref);
                    resource.map_or(SortValue::Missing, |resource| key.value_of(self.registry, resource))
                }
            });
        }
        Ok(Place { values, number, within: 0 })
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
