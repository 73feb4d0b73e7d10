//! The member record: what search must know of one resource without opening its body.
//!
//! Stands in the `member` space under type and resource number, so a scan of a type's members sees it. It lists
//! the parameters that have a value, ascending by id, with all their ordered values (coded, see [`super::codes`]), texts (as
//! term numbers), labels (numbers in the dictionary of labels), local references (as target type and number) and composites.
//! From it come sort keys, `:missing`, forward references for `_include` and chains, and the test of one candidate
//! against a wide range.
//!
//! ```text
//! version 3 | { varint: distance from the last parameter id | tag | count (varint) and values, by tag }*
//! tag 0 present      nothing; only where the parameter has no other entry
//! tag 1 dates        low (8), varint: high - low
//! tag 2 texts        term number (4)
//! tag 3 numbers      code (14)
//! tag 4 references   target type (2), target number (8)
//! tag 5 labels       varint: distance from the last label's number; ascending
//! tag 6 ranges       low code (14), high code (14)
//! tag 7 composites   count is that of bytes; see [`super::composite`]
//! tag 8 quantities   code (14), unit (8: its hash with its system)
//! tag 9 their ranges low code (14), high code (14), unit (8)
//! ```
//!
//! A parameter with values of several tags has an entry for each, ascending.

use std::collections::BTreeMap;

use super::codes::{NUMBER_BYTES, NumberCode};

const VERSION: u8 = 3;
const PRESENT: u8 = 0;
const DATES: u8 = 1;
const TEXTS: u8 = 2;
const NUMBERS: u8 = 3;
const REFERENCES: u8 = 4;
const LABELS: u8 = 5;
const RANGES: u8 = 6;
const COMPOSITES: u8 = 7;
const QUANTITIES: u8 = 8;
const QUANTITY_RANGES: u8 = 9;

/// The values of one parameter and one tag, to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    Present,
    Dates(Vec<(u64, u64)>),
    Texts(Vec<u32>),
    Numbers(Vec<NumberCode>),
    References(Vec<(u16, u64)>),
    Labels(Vec<u32>),
    Ranges(Vec<(NumberCode, NumberCode)>),
    /// Written by [`super::composite`].
    Composites(Vec<u8>),
    /// Of which each is one number.
    Quantities(Vec<Quantity>),
    QuantityRanges(Vec<Quantity>),
}

/// A number, or a range of numbers, in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity {
    pub(crate) low: NumberCode,
    pub(crate) high: NumberCode,
    /// The second half of a [`super::composite::UnitHash`].
    pub(crate) unit: [u8; 8],
}

impl Values {
    fn tag(&self) -> u8 {
        match self {
            Self::Present => PRESENT,
            Self::Dates(_) => DATES,
            Self::Texts(_) => TEXTS,
            Self::Numbers(_) => NUMBERS,
            Self::References(_) => REFERENCES,
            Self::Labels(_) => LABELS,
            Self::Ranges(_) => RANGES,
            Self::Composites(_) => COMPOSITES,
            Self::Quantities(_) => QUANTITIES,
            Self::QuantityRanges(_) => QUANTITY_RANGES,
        }
    }
}

/// The values of a member record, gathered in any order.
#[derive(Default)]
pub(crate) struct Draft(BTreeMap<(u16, u8), Values>);

impl Draft {
    fn entry(&mut self, parameter: u16, empty: Values) -> &mut Values {
        self.0.entry((parameter, empty.tag())).or_insert(empty)
    }

    pub(crate) fn present(&mut self, parameter: u16) {
        self.entry(parameter, Values::Present);
    }

    pub(crate) fn date(&mut self, parameter: u16, low: u64, high: u64) {
        if let Values::Dates(list) = self.entry(parameter, Values::Dates(Vec::new())) {
            list.push((low, high));
        }
    }

    pub(crate) fn number(&mut self, parameter: u16, code: NumberCode) {
        if let Values::Numbers(list) = self.entry(parameter, Values::Numbers(Vec::new())) {
            list.push(code);
        }
    }

    pub(crate) fn range(&mut self, parameter: u16, low: NumberCode, high: NumberCode) {
        if let Values::Ranges(list) = self.entry(parameter, Values::Ranges(Vec::new())) {
            list.push((low, high));
        }
    }

    pub(crate) fn quantity(&mut self, parameter: u16, quantity: Quantity) {
        let empty = match quantity.low == quantity.high {
            true => Values::Quantities(Vec::new()),
            false => Values::QuantityRanges(Vec::new()),
        };
        if let Values::Quantities(list) | Values::QuantityRanges(list) = self.entry(parameter, empty) {
            list.push(quantity);
        }
    }

    pub(crate) fn text(&mut self, parameter: u16, term: u32) {
        if let Values::Texts(list) = self.entry(parameter, Values::Texts(Vec::new())) {
            list.push(term);
        }
    }

    pub(crate) fn label(&mut self, parameter: u16, label: u32) {
        if let Values::Labels(list) = self.entry(parameter, Values::Labels(Vec::new())) {
            list.push(label);
        }
    }

    pub(crate) fn reference(&mut self, parameter: u16, type_code: u16, number: u64) {
        if let Values::References(list) = self.entry(parameter, Values::References(Vec::new())) {
            list.push((type_code, number));
        }
    }

    pub(crate) fn composites(&mut self, parameter: u16, bytes: Vec<u8>) {
        *self.entry(parameter, Values::Composites(Vec::new())) = Values::Composites(bytes);
    }

    /// The record.
    pub(crate) fn write(mut self) -> Vec<u8> {
        let more: Vec<u16> =
            self.0.keys().filter(|(_, tag)| *tag != PRESENT).map(|(parameter, _)| *parameter).collect();
        for parameter in more {
            self.0.remove(&(parameter, PRESENT));
        }
        let values: Vec<(u16, Values)> =
            self.0.into_iter().map(|((parameter, _), values)| (parameter, values)).collect();
        write(&values)
    }
}

/// Writes a member record; `values` must be ascending by parameter id and tag.
fn write(values: &[(u16, Values)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + values.len() * 8);
    out.push(VERSION);
    let mut last = 0_u16;
    for (parameter, values) in values {
        push_varint(&mut out, u64::from(parameter.saturating_sub(last)));
        last = *parameter;
        out.push(values.tag());
        write_values(&mut out, values);
    }
    out
}

fn write_values(out: &mut Vec<u8>, values: &Values) {
    match values {
        Values::Present => {}
        Values::Dates(list) => {
            push_varint(out, list.len() as u64);
            for (low, high) in list {
                out.extend_from_slice(&low.to_be_bytes());
                push_varint(out, high.saturating_sub(*low));
            }
        }
        Values::Texts(list) => {
            push_varint(out, list.len() as u64);
            list.iter().for_each(|term| out.extend_from_slice(&term.to_be_bytes()));
        }
        Values::Numbers(list) => {
            push_varint(out, list.len() as u64);
            list.iter().for_each(|code| out.extend_from_slice(code));
        }
        Values::References(list) => {
            push_varint(out, list.len() as u64);
            for (type_code, number) in list {
                out.extend_from_slice(&type_code.to_be_bytes());
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        Values::Labels(list) => {
            let mut list = list.clone();
            list.sort_unstable();
            list.dedup();
            push_varint(out, list.len() as u64);
            let mut last = 0;
            for label in list {
                push_varint(out, u64::from(label - last));
                last = label;
            }
        }
        Values::Ranges(list) => {
            push_varint(out, list.len() as u64);
            for (low, high) in list {
                out.extend_from_slice(low);
                out.extend_from_slice(high);
            }
        }
        Values::Quantities(list) => {
            push_varint(out, list.len() as u64);
            for quantity in list {
                out.extend_from_slice(&quantity.low);
                out.extend_from_slice(&quantity.unit);
            }
        }
        Values::QuantityRanges(list) => {
            push_varint(out, list.len() as u64);
            for quantity in list {
                out.extend_from_slice(&quantity.low);
                out.extend_from_slice(&quantity.high);
                out.extend_from_slice(&quantity.unit);
            }
        }
        Values::Composites(bytes) => {
            push_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }
}

/// A member record with the values of `parameter` as `values` (a record too) has them, and else as they were.
pub(crate) fn patched(record: &[u8], parameter: u16, values: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.len() + values.len());
    out.push(VERSION);
    let mut last = 0;
    let mut put = |entry: &Entry<'_>| {
        push_varint(&mut out, u64::from(entry.parameter.saturating_sub(last)));
        last = entry.parameter;
        out.extend_from_slice(entry.rest);
    };
    let added = entries(values).filter(|entry| entry.parameter == parameter);
    let (before, behind): (Vec<_>, Vec<_>) = entries(record)
        .filter(|entry| entry.parameter != parameter)
        .partition(|entry| entry.parameter < parameter);
    before.iter().for_each(&mut put);
    added.for_each(|entry| put(&entry));
    behind.iter().for_each(&mut put);
    out
}

/// One parameter's part of a record: its tag and all that follows.
struct Entry<'a> {
    parameter: u16,
    rest: &'a [u8],
}

fn entries(record: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut cursor = Cursor { rest: Header::new(record).0, parameter: 0 };
    std::iter::from_fn(move || {
        let mut after = cursor.rest;
        take_varint(&mut after)?;
        let (parameter, ..) = cursor.entry()?;
        let length = after.len().checked_sub(cursor.rest.len())?;
        Some(Entry { parameter, rest: after.get(..length)? })
    })
}

/// A member record, to be read. Bytes that are not a record read as "no values".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a>(&'a [u8]);

/// Reads on from a point of a record.
struct Cursor<'a> {
    rest: &'a [u8],
    parameter: u16,
}

impl<'a> Header<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Self(rest),
            _ => Self(&[]),
        }
    }

    /// The record.
    pub(crate) fn bytes(self) -> Vec<u8> {
        [&[VERSION], self.0].concat()
    }

    /// Whether the resource has a value for the parameter.
    pub(crate) fn has(self, parameter: u16) -> bool {
        let mut cursor = Cursor { rest: self.0, parameter: 0 };
        while let Some((at, ..)) = cursor.entry() {
            if at >= parameter {
                return at == parameter;
            }
        }
        false
    }

    /// The date ranges (codes) under a parameter.
    pub(crate) fn dates(self, parameter: u16) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut rest = self.values(parameter, DATES);
        std::iter::from_fn(move || {
            let low = u64::from_be_bytes(take(&mut rest)?);
            Some((low, low.saturating_add(take_varint(&mut rest)?)))
        })
    }

    /// The term numbers under a parameter.
    pub(crate) fn texts(self, parameter: u16) -> impl Iterator<Item = u32> + 'a {
        let mut rest = self.values(parameter, TEXTS);
        std::iter::from_fn(move || Some(u32::from_be_bytes(take(&mut rest)?)))
    }

    /// The numbers of labels under a parameter, ascending.
    pub(crate) fn labels(self, parameter: u16) -> impl Iterator<Item = u32> + 'a {
        let mut rest = self.values(parameter, LABELS);
        let mut last = 0_u32;
        std::iter::from_fn(move || {
            last = last.saturating_add(u32::try_from(take_varint(&mut rest)?).ok()?);
            Some(last)
        })
    }

    /// The numbers (low and high code) under a parameter.
    pub(crate) fn numbers(self, parameter: u16) -> impl Iterator<Item = (NumberCode, NumberCode)> + 'a {
        let mut plain = self.values(parameter, NUMBERS);
        let mut ranges = self.values(parameter, RANGES);
        let numbers = std::iter::from_fn(move || {
            if let Some(code) = take::<NUMBER_BYTES>(&mut plain) {
                return Some((code, code));
            }
            Some((take(&mut ranges)?, take(&mut ranges)?))
        });
        numbers.chain(self.quantities(parameter).map(|quantity| (quantity.low, quantity.high)))
    }

    /// The quantities under a parameter: one for each unit that a quantity is found by.
    pub(crate) fn quantities(self, parameter: u16) -> impl Iterator<Item = Quantity> + 'a {
        let mut points = self.values(parameter, QUANTITIES);
        let mut ranges = self.values(parameter, QUANTITY_RANGES);
        std::iter::from_fn(move || {
            if let Some(low) = take(&mut points) {
                return Some(Quantity { low, high: low, unit: take(&mut points)? });
            }
            Some(Quantity { low: take(&mut ranges)?, high: take(&mut ranges)?, unit: take(&mut ranges)? })
        })
    }

    /// The composites under a parameter, as they were written; `None` if there is no such entry.
    pub(crate) fn composites(self, parameter: u16) -> Option<&'a [u8]> {
        self.find(parameter, COMPOSITES)
    }

    /// The local references under a parameter: target type and number.
    pub(crate) fn references(self, parameter: u16) -> impl Iterator<Item = (u16, u64)> + 'a {
        references(self.values(parameter, REFERENCES))
    }

    /// All local references: parameter, target type and number.
    pub(crate) fn all_references(self) -> impl Iterator<Item = (u16, u16, u64)> + 'a {
        let mut cursor = Cursor { rest: self.0, parameter: 0 };
        std::iter::from_fn(move || cursor.entry()).filter(|entry| entry.1 == REFERENCES).flat_map(
            |(parameter, _, rest)| references(rest).map(move |(kind, number)| (parameter, kind, number)),
        )
    }

    fn values(self, parameter: u16, tag: u8) -> &'a [u8] {
        self.find(parameter, tag).unwrap_or(&[])
    }

    fn find(self, parameter: u16, tag: u8) -> Option<&'a [u8]> {
        let mut cursor = Cursor { rest: self.0, parameter: 0 };
        while let Some((at, of, values)) = cursor.entry() {
            if (at, of) == (parameter, tag) {
                return Some(values);
            }
            if (at, of) > (parameter, tag) {
                return None;
            }
        }
        None
    }
}

fn references(mut rest: &[u8]) -> impl Iterator<Item = (u16, u64)> + '_ {
    std::iter::from_fn(move || {
        let type_code = u16::from_be_bytes(take(&mut rest)?);
        Some((type_code, u64::from_be_bytes(take(&mut rest)?)))
    })
}

impl<'a> Cursor<'a> {
    /// The next parameter: its id, its tag and the bytes of its values.
    fn entry(&mut self) -> Option<(u16, u8, &'a [u8])> {
        let distance = u16::try_from(take_varint(&mut self.rest)?).ok()?;
        self.parameter = self.parameter.checked_add(distance)?;
        let [tag] = take::<1>(&mut self.rest)?;
        if tag == PRESENT {
            return Some((self.parameter, tag, &[]));
        }
        let count = usize::try_from(take_varint(&mut self.rest)?).ok()?;
        let length = match tag {
            DATES => dates_length(self.rest, count)?,
            LABELS => varints_length(self.rest, count)?,
            RANGES => count.checked_mul(2 * NUMBER_BYTES)?,
            COMPOSITES => count,
            QUANTITIES => count.checked_mul(NUMBER_BYTES + 8)?,
            QUANTITY_RANGES => count.checked_mul(2 * NUMBER_BYTES + 8)?,
            TEXTS => count.checked_mul(4)?,
            NUMBERS => count.checked_mul(NUMBER_BYTES)?,
            REFERENCES => count.checked_mul(10)?,
            _ => return None,
        };
        let (values, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some((self.parameter, tag, values))
    }
}

fn dates_length(bytes: &[u8], count: usize) -> Option<usize> {
    let mut rest = bytes;
    for _ in 0..count {
        take::<8>(&mut rest)?;
        take_varint(&mut rest)?;
    }
    Some(bytes.len() - rest.len())
}

fn varints_length(bytes: &[u8], count: usize) -> Option<usize> {
    let mut rest = bytes;
    for _ in 0..count {
        take_varint(&mut rest)?;
    }
    Some(bytes.len() - rest.len())
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

pub(crate) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take::<1>(rest)?;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written() {
        let bytes = write(&[
            (3, Values::Present),
            (4, Values::Dates(vec![(5, 6), (7, u64::MAX)])),
            (300, Values::Texts(vec![1, 70_000])),
            (300, Values::Labels(vec![70_000, 3, 3])),
            (301, Values::Numbers(vec![[9; 14]])),
            (301, Values::Ranges(vec![([1; 14], [2; 14])])),
            (301, Values::Composites(vec![7, 8])),
            (301, Values::Quantities(vec![Quantity { low: [3; 14], high: [3; 14], unit: [5; 8] }])),
            (301, Values::QuantityRanges(vec![Quantity { low: [3; 14], high: [4; 14], unit: [6; 8] }])),
            (302, Values::References(vec![(2, 8), (3, 9)])),
            (400, Values::References(vec![(2, 10)])),
        ]);
        let header = Header::new(&bytes);
        assert!(header.has(3) && header.has(400) && !header.has(5) && !header.has(401));
        assert_eq!(header.dates(4).collect::<Vec<_>>(), [(5, 6), (7, u64::MAX)]);
        assert_eq!(header.texts(300).collect::<Vec<_>>(), [1, 70_000]);
        assert_eq!(header.labels(300).collect::<Vec<_>>(), [3, 70_000]);
        assert_eq!(
            header.numbers(301).collect::<Vec<_>>(),
            [([9; 14], [9; 14]), ([1; 14], [2; 14]), ([3; 14], [3; 14]), ([3; 14], [4; 14])]
        );
        assert_eq!(
            header.quantities(301).map(|quantity| quantity.unit).collect::<Vec<_>>(),
            [[5; 8], [6; 8]]
        );
        assert_eq!((header.composites(301), header.composites(302)), (Some(&[7, 8][..]), None));
        assert_eq!(header.references(302).collect::<Vec<_>>(), [(2, 8), (3, 9)]);
        assert_eq!(header.all_references().collect::<Vec<_>>(), [(302, 2, 8), (302, 3, 9), (400, 2, 10)]);
        assert_eq!(header.dates(300).count(), 0);
    }

    #[test]
    fn a_record_is_patched_in_one_place() {
        let all = [
            (3, Values::Present),
            (300, Values::Texts(vec![1, 70_000])),
            (0x8001, Values::References(vec![(2, 8)])),
            (0x8007, Values::Dates(vec![(5, 6)])),
        ];
        let whole = write(&all);
        for (parameter, _) in &all {
            let rest: Vec<_> = all.iter().filter(|entry| entry.0 != *parameter).cloned().collect();
            assert_eq!(patched(&whole, *parameter, &[]), write(&rest));
            assert_eq!(patched(&write(&rest), *parameter, &whole), whole);
        }
        assert_eq!(patched(&whole, 9, &whole), whole);
    }

    #[test]
    fn cut_records_read_as_fewer_values() {
        let bytes = write(&[(4, Values::Dates(vec![(5, 6)])), (9, Values::Texts(vec![1]))]);
        for end in 0..bytes.len() {
            let header = Header::new(&bytes[..end]);
            assert!(header.texts(9).count() == 0);
        }
    }
}
