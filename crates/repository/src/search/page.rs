//! Page tokens: where a page begins, sealed, and bound to tenant, caller and query.
//!
//! A page begins behind a place in the order, not at a count: what is written or deleted between two pages neither shifts
//! nor repeats the others. A token also remembers where the pages before it began (up to a bound), for links back.
//!
//! ```text
//! version 1 | count (varint) of places, each: count of values (varint), values, number (8)
//! value: 0 missing · 1 code (16) · 2 text: length (varint), bytes
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::search::query::Query;

use super::dictionary::RowSealer;
use super::header::{push_varint, take_varint};
use super::sort::{Place, SortValue};
use super::{Search, SearchError};

const VERSION: u8 = 1;

/// Pages back that a token leads to.
const BEGINNINGS_MAX: usize = 16;

/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// Where this page and those before it begin, oldest first; empty for the first page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Beginnings(pub(crate) Vec<Place>);

impl Beginnings {
    /// The token of the page behind this one.
    pub(crate) fn next(&self, last: Place) -> Self {
        let mut places = self.0.clone();
        places.push(last);
        let old = places.len().saturating_sub(BEGINNINGS_MAX);
        places.drain(..old);
        Self(places)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        push_varint(&mut out, self.0.len() as u64);
        for place in &self.0 {
            push_varint(&mut out, place.values.len() as u64);
            for value in &place.values {
                match value {
                    SortValue::Missing => out.push(0),
                    SortValue::Code(code) => {
                        out.push(1);
                        out.extend_from_slice(&code.to_be_bytes());
                    }
                    SortValue::Text(text) => {
                        out.push(2);
                        push_varint(&mut out, text.len() as u64);
                        out.extend_from_slice(text.as_bytes());
                    }
                }
            }
            out.extend_from_slice(&place.number.to_be_bytes());
        }
        out
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let mut places = Vec::new();
        for _ in 0..take_varint(&mut rest)? {
            let mut values = Vec::new();
            for _ in 0..take_varint(&mut rest)? {
                let (tag, after) = rest.split_first()?;
                rest = after;
                values.push(match tag {
                    0 => SortValue::Missing,
                    1 => {
                        let (code, after) = rest.split_first_chunk()?;
                        rest = after;
                        SortValue::Code(u128::from_be_bytes(*code))
                    }
                    _ => {
                        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                        let (text, after) = rest.split_at_checked(length)?;
                        rest = after;
                        SortValue::Text(std::str::from_utf8(text).ok()?.to_owned())
                    }
                });
            }
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            places.push(Place { values, number: u64::from_be_bytes(*number) });
        }
        rest.is_empty().then_some(Self(places))
    }
}

/// Seals and opens the tokens of one query of one caller.
pub(crate) struct Tokens<'a> {
    sealer: &'a dyn RowSealer,
    tenant: u32,
    bound_to: Vec<u8>,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(search: &Search<'_>, sealer: &'a dyn RowSealer, caller: &[u8], query: &Query) -> Self {
        let mut parts: Vec<&[u8]> = vec![query.resource_type.as_bytes()];
        for (name, value) in &query.used {
            parts.push(name.as_bytes());
            parts.push(value.as_bytes());
        }
        let mut framed = Vec::new();
        for part in parts {
            framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
            framed.extend_from_slice(part);
        }
        let mut bound_to = b"page".to_vec();
        bound_to.extend_from_slice(&storage::keys::sha256(&framed));
        bound_to.extend_from_slice(caller);
        Self { sealer, tenant: search.tenant, bound_to }
    }

    pub(crate) fn seal(&self, beginnings: &Beginnings) -> Result<String, SearchError> {
        let sealed = self.sealer.seal(self.tenant, &self.bound_to, &beginnings.write())?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    pub(crate) fn open(&self, token: &str) -> Result<Beginnings, SearchError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(SearchError::PageToken);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| SearchError::PageToken)?;
        let plain =
            self.sealer.open(self.tenant, &self.bound_to, &sealed).map_err(|_| SearchError::PageToken)?;
        Beginnings::read(&plain).ok_or(SearchError::PageToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_read_as_they_were_written() {
        let place = |number| Place {
            values: vec![SortValue::Missing, SortValue::Code(u128::MAX), SortValue::Text("ä".into())],
            number,
        };
        let mut beginnings = Beginnings::default();
        for number in 0..20 {
            assert_eq!(Beginnings::read(&beginnings.write()), Some(beginnings.clone()));
            beginnings = beginnings.next(place(number));
        }
        assert_eq!(beginnings.0.len(), BEGINNINGS_MAX);
        let bytes = beginnings.write();
        for end in 0..bytes.len() {
            assert_eq!(Beginnings::read(&bytes[..end]), None);
        }
    }
}
