//! Page tokens: a search and where its page begins, sealed, and bound to tenant, caller and type.
//!
//! A token is all that a link to another page holds: the search's parameters are in it, so that no value of theirs stands
//! in URLs, and their page size goes with them. A page begins behind a place in the order, not at a count: what is written
//! or deleted between two pages neither shifts nor repeats the others. A token also remembers where the pages before it
//! began (up to a bound), for links back.
//!
//! ```text
//! version 4 | pairs: count, each: name, value | older places forgotten: 0 or 1 | places: count, each: count of values,
//! values, number (8), place within a container (varint)
//! value: 0 missing · 1 code (16) · 2 text · 3 row
//! name, value, text, row: length, bytes. Counts and lengths are varints.
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::SearchError;
use super::dictionary::RowSealer;
use super::header::{push_varint, take_varint};
use super::sort::{Place, SortValue};

const VERSION: u8 = 4;

/// Pages back that a token leads to.
const BEGINNINGS_MAX: usize = 16;

/// The longest token: one that still fits a URL (64 kB at most) with the rest of it.
const TOKEN_BYTES_MAX: usize = 60_000;

/// Parameters of a search, as they were given.
pub(crate) type Pairs = Vec<(String, String)>;

/// Where this page and those before it begin, oldest first; empty for the first page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Beginnings {
    places: Vec<Place>,
    /// Whether there were older places.
    forgotten: bool,
}

impl Beginnings {
    /// The place behind which this page begins; `None` for the first page.
    pub(crate) fn last(&self) -> Option<&Place> {
        self.places.last()
    }

    /// Whether this is the first page.
    pub(crate) fn is_first(&self) -> bool {
        self.places.is_empty()
    }

    /// The page behind this one.
    pub(crate) fn next(&self, last: Place) -> Self {
        let mut next = self.clone();
        next.places.push(last);
        let old = next.places.len().saturating_sub(BEGINNINGS_MAX);
        next.places.drain(..old);
        next.forgotten |= old > 0;
        next
    }

    /// The page before this one; `None` on the first, and where it lies too far back to be remembered.
    pub(crate) fn previous(&self) -> Option<Self> {
        let (_, before) = self.places.split_last()?;
        if before.is_empty() && self.forgotten {
            return None;
        }
        Some(Self { places: before.to_vec(), forgotten: self.forgotten })
    }

    /// The same page, without the way back.
    fn forgetful(&self) -> Self {
        let last = self.places.last().cloned();
        Self { forgotten: self.forgotten || self.places.len() > 1, places: last.into_iter().collect() }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.forgotten));
        push_varint(out, self.places.len() as u64);
        for place in &self.places {
            push_varint(out, place.values.len() as u64);
            for value in &place.values {
                match value {
                    SortValue::Missing => out.push(0),
                    SortValue::Code(code) => {
                        out.push(1);
                        out.extend_from_slice(&code.to_be_bytes());
                    }
                    SortValue::Text(text) => {
                        out.push(2);
                        push_text(out, text);
                    }
                    SortValue::Row(row) => {
                        out.push(3);
                        push_varint(out, row.len() as u64);
                        out.extend_from_slice(row);
                    }
                }
            }
            out.extend_from_slice(&place.number.to_be_bytes());
            push_varint(out, u64::from(place.within));
        }
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let forgotten = take_byte(rest)? != 0;
        let mut places = Vec::new();
        for _ in 0..take_varint(rest)? {
            let mut values = Vec::new();
            for _ in 0..take_varint(rest)? {
                values.push(match take_byte(rest)? {
                    0 => SortValue::Missing,
                    1 => SortValue::Code(u128::from_be_bytes(take_array(rest)?)),
                    2 => SortValue::Text(take_text(rest)?),
                    _ => SortValue::Row(take_bytes(rest)?.to_vec()),
                });
            }
            let number = u64::from_be_bytes(take_array(rest)?);
            places.push(Place { values, number, within: u32::try_from(take_varint(rest)?).ok()? });
        }
        Some(Self { places, forgotten })
    }
}

fn write(pairs: &[(String, String)], beginnings: &Beginnings) -> Vec<u8> {
    let mut out = vec![VERSION];
    push_varint(&mut out, pairs.len() as u64);
    for (name, value) in pairs {
        push_text(&mut out, name);
        push_text(&mut out, value);
    }
    beginnings.write(&mut out);
    out
}

fn read(bytes: &[u8]) -> Option<(Pairs, Beginnings)> {
    let (&VERSION, mut rest) = bytes.split_first()? else { return None };
    let mut pairs = Vec::new();
    for _ in 0..take_varint(&mut rest)? {
        pairs.push((take_text(&mut rest)?, take_text(&mut rest)?));
    }
    let beginnings = Beginnings::read(&mut rest)?;
    rest.is_empty().then_some((pairs, beginnings))
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    std::str::from_utf8(take_bytes(rest)?).ok().map(str::to_owned)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*array)
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    take_array(rest).map(|[byte]| byte)
}

/// Seals and opens the tokens of one caller for one type.
pub(crate) struct Tokens<'a> {
    sealer: &'a dyn RowSealer,
    tenant: u32,
    bound_to: Vec<u8>,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(tenant: u32, sealer: &'a dyn RowSealer, caller: &[u8], resource_type: &str) -> Self {
        let mut bound_to = b"page".to_vec();
        bound_to.extend_from_slice(&tenant.to_be_bytes());
        push_text(&mut bound_to, resource_type);
        bound_to.extend_from_slice(caller);
        Self { sealer, tenant, bound_to }
    }

    pub(crate) fn seal(
        &self,
        pairs: &[(String, String)],
        beginnings: &Beginnings,
    ) -> Result<String, SearchError> {
        let token = |beginnings: &Beginnings| -> Result<String, SearchError> {
            let sealed = self.sealer.seal(self.tenant, &self.bound_to, &write(pairs, beginnings))?;
            Ok(URL_SAFE_NO_PAD.encode(sealed))
        };
        let mut sealed = token(beginnings)?;
        if sealed.len() > TOKEN_BYTES_MAX {
            sealed = token(&beginnings.forgetful())?;
        }
        if sealed.len() > TOKEN_BYTES_MAX {
            return Err(SearchError::TooCostly {
                what: "its parameters are too long for a link to the next page",
                hint: "list fewer values, or ask for a `_count` that all matches fit into",
            });
        }
        Ok(sealed)
    }

    pub(crate) fn open(&self, token: &str) -> Result<(Pairs, Beginnings), SearchError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(SearchError::PageToken);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| SearchError::PageToken)?;
        let plain =
            self.sealer.open(self.tenant, &self.bound_to, &sealed).map_err(|_| SearchError::PageToken)?;
        read(&plain).ok_or(SearchError::PageToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_holds_reads_as_it_was_written() {
        let place = |number| Place {
            values: vec![
                SortValue::Missing,
                SortValue::Code(u128::MAX),
                SortValue::Text("ä".into()),
                SortValue::Row(vec![0xFF]),
            ],
            number,
            within: 300,
        };
        let pairs = vec![("name".to_owned(), "Zoë".to_owned()), ("_count".to_owned(), "2".to_owned())];
        let mut beginnings = Beginnings::default();
        for number in 0..20 {
            assert_eq!(read(&write(&pairs, &beginnings)), Some((pairs.clone(), beginnings.clone())));
            beginnings = beginnings.next(place(number));
        }
        assert_eq!(beginnings.places.len(), BEGINNINGS_MAX);
        let bytes = write(&pairs, &beginnings);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None);
        }
    }

    #[test]
    fn a_way_back_ends_where_it_was_forgotten_and_skips_no_page() {
        let place = |number| Place { values: Vec::new(), number, within: 0 };
        let back = |pages: u64| {
            let mut page = (0..pages).fold(Beginnings::default(), |page, number| page.next(place(number)));
            let mut seen = Vec::new();
            while let Some(before) = page.previous() {
                seen.push(before.last().map(|place| place.number));
                page = before;
            }
            seen
        };
        assert_eq!(back(3), [Some(1), Some(0), None], "the first page begins behind nothing");
        let far = back(20);
        assert_eq!(far.first(), Some(&Some(18)));
        assert_eq!(far.last(), Some(&Some(4)), "page 4 is the oldest that is remembered");
        assert_eq!(far.len(), BEGINNINGS_MAX - 1);
    }
}
