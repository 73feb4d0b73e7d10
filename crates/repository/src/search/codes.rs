//! How terms are written in index keys: keyed hashes for what is only compared for equality, secretly shifted numbers
//! for what has an order.
//!
//! Every term begins with one byte for its kind, and all terms of one kind have one length, so that the resource number
//! always stands right behind the term.
//!
//! | kind | bytes after it | found by |
//! |---|---|---|
//! | token, any system | 16: hash of the code | `code` |
//! | token, its system | 8 + 12: hash of the system, hash of both | `system|code`, `|code`; by its first part `system|` |
//! | of type | 16: hash of an identifier's type and value | `:of-type` |
//! | reference | 8: number of the target | `Type/id`, and reverse includes |
//! | url | 16: hash of an absolute or canonical reference | the URL |
//! | identifier | as token, kinds of their own | `:identifier` |
//! | string | 4: number of the text in the dictionary | the dictionary's answer |
//! | label | 4: number of a label that stands beside no code | `:text` |
//! | date | 8 + 8: codes of low and high end; three kinds by width | ranges of low ends, high end filtered |
//! | number | 14: code | ranges |
//! | quantity | 8 + 8 + 14: hash of the unit's code, hash with its system, code | ranges for each unit |
//! | quantity range | 8 + 8 + 14 + 14: as quantity, codes of both ends | ranges for each unit, high end filtered |
//! | number range | 14 + 14: codes of both ends | ranges, high end filtered |
//! | uri | 16: hash | the URI |
//! | cell | 16: hash of a cell on earth | cells around a place |
//! | code with code | 8 + 8: hashes of both codes of a composite | both codes |
//! | code with quantity | 8 + 16 + 14: hash of a composite's code, the unit as in quantity, code | ranges for each code and unit |
//! | code with quantity range | 8 + 16 + 14 + 14: the same with codes of both ends | the same, high end filtered |
//!
//! Dates: a search for "ends after x" must find old values that are wide (a year, an open period). So dates stand in three
//! classes by width (a day and less, a year and less, more); within a class no value is wider than its bound, thus a scan of low ends beginning that much before
//! `x` sees all of them, and each value needs one posting only.
//!
//! Codes do not wrap: dates come as 62-bit numbers plus a 63-bit offset, numbers as 105-bit numbers plus a 111-bit one.

use std::sync::{Arc, OnceLock};

use compact_str::CompactString;
use fhir::search::{Decimal, NumberRange};
use storage::keys::{IndexKey, OrderCode};

/// The kinds of terms; durable.
pub(crate) mod kind {
    pub(crate) const TOKEN_ANY: u8 = 0x01;
    pub(crate) const TOKEN_PAIR: u8 = 0x02;
    pub(crate) const OF_TYPE: u8 = 0x03;
    pub(crate) const REFERENCE: u8 = 0x10;
    pub(crate) const URL: u8 = 0x11;
    pub(crate) const IDENTIFIER_ANY: u8 = 0x12;
    pub(crate) const IDENTIFIER_PAIR: u8 = 0x13;
    pub(crate) const STRING: u8 = 0x20;
    pub(crate) const LABEL: u8 = 0x21;
    pub(crate) const DATE: u8 = 0x30;
    pub(crate) const NUMBER: u8 = 0x40;
    pub(crate) const QUANTITY: u8 = 0x41;
    pub(crate) const QUANTITY_RANGE: u8 = 0x42;
    pub(crate) const NUMBER_RANGE: u8 = 0x43;
    pub(crate) const URI: u8 = 0x50;
    pub(crate) const CELL: u8 = 0x60;
    pub(crate) const CODE_CODE: u8 = 0x70;
    pub(crate) const CODE_QUANTITY: u8 = 0x71;
    pub(crate) const CODE_QUANTITY_RANGE: u8 = 0x72;
}

/// The greatest width in milliseconds of a date in each class; the last class takes what is wider.
pub(crate) const DATE_WIDTHS_MS: [u64; 3] = [86_400_000, 366 * 86_400_000, u64::MAX];

/// Bytes of a number's code.
pub(crate) const NUMBER_BYTES: usize = 14;

/// A number's code: big-endian, compared as bytes.
pub(crate) type NumberCode = [u8; NUMBER_BYTES];

/// The longest term but those of ranges: a quantity beside a code.
pub(crate) const TERM_BYTES_MAX: usize = 1 + 8 + 8 + 8 + NUMBER_BYTES;

/// Parameters whose offsets are kept; the registry's ids are below it.
const PARAMETERS_KEPT: usize = 4096;

/// Systems whose hashes are kept ready.
const SYSTEMS_KEPT: usize = 4096;

/// One tenant's way of writing terms. Cheap to share; made once.
pub(crate) struct Codes {
    key: Arc<IndexKey>,
    dates: Box<[OnceLock<OrderCode>]>,
    numbers: Box<[OnceLock<u128>]>,
    systems: parking_lot::RwLock<std::collections::HashMap<CompactString, [u8; 8]>>,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Codes(..)")
    }
}

impl Codes {
    /// Writes terms with a tenant's index key.
    pub(crate) fn new(key: Arc<IndexKey>) -> Self {
        Self {
            key,
            dates: (0..PARAMETERS_KEPT).map(|_| OnceLock::new()).collect(),
            numbers: (0..PARAMETERS_KEPT).map(|_| OnceLock::new()).collect(),
            systems: parking_lot::RwLock::default(),
        }
    }

    /// The code of a moment in milliseconds under a parameter; open ends are the ends of `i64`.
    pub(crate) fn date(&self, parameter: u16, ms: i64) -> u64 {
        let derive = || self.key.order(&[&b"date"[..], &parameter.to_be_bytes()].concat());
        match self.dates.get(usize::from(parameter)) {
            Some(kept) => kept.get_or_init(derive).code(ms),
            None => derive().code(ms),
        }
    }

    /// The code of a decimal under a parameter: exact, and ordered as decimals are.
    pub(crate) fn number(&self, parameter: u16, value: Decimal) -> NumberCode {
        let derive = || {
            let hash = self.key.keyed_hash16(&[b"number offset", &parameter.to_be_bytes()]);
            u128::from_be_bytes(hash) >> 17 // 111 bits
        };
        let offset = match self.numbers.get(usize::from(parameter)) {
            Some(kept) => *kept.get_or_init(derive),
            None => derive(),
        };
        let mut code = [0; NUMBER_BYTES];
        for (to, from) in code.iter_mut().zip((ordered(value) + offset).to_be_bytes().into_iter().skip(2)) {
            *to = from;
        }
        code
    }

    /// The codes of both ends of a range; an end that is left out becomes the code next to it, that of no decimal with fewer than 29 digits.
    pub(crate) fn range(&self, parameter: u16, range: NumberRange) -> (NumberCode, NumberCode) {
        let low = self.number(parameter, range.low);
        let high = self.number(parameter, range.high);
        let low = if range.low_is_open { next_to(low, 1) } else { low };
        (low, if range.high_is_open { next_to(high, -1) } else { high })
    }

    /// The hash of an identifier with a code of its type.
    pub(crate) fn of_type(&self, system: Option<&str>, code: &str, value: &str) -> [u8; 16] {
        let (code, value) = (fold(code), fold(value));
        self.key.keyed_hash16(&[
            b"of type",
            system.unwrap_or("").as_bytes(),
            code.as_bytes(),
            value.as_bytes(),
        ])
    }

    /// The hash of a code whatever its system.
    pub(crate) fn token_any(&self, code: &str) -> [u8; 16] {
        self.key.keyed_hash16(&[b"code", fold(code).as_bytes()])
    }

    /// The hash of a token's system; `None` is "no system".
    pub(crate) fn token_system(&self, system: Option<&str>) -> [u8; 8] {
        let system = system.unwrap_or("");
        if let Some(hash) = self.systems.read().get(system) {
            return *hash;
        }
        let hash = first_8(&self.key.keyed_hash16(&[b"system", system.as_bytes()]));
        let mut systems = self.systems.write();
        if systems.len() < SYSTEMS_KEPT {
            systems.insert(system.into(), hash);
        }
        hash
    }

    /// The two hashes of a token with its system, as they stand in a key.
    pub(crate) fn token_pair(&self, system: Option<&str>, code: &str) -> [u8; 20] {
        let system_hash = self.token_system(system);
        let both = self.key.keyed_hash16(&[b"token", system.unwrap_or("").as_bytes(), fold(code).as_bytes()]);
        let mut out = [0; 20];
        for (to, from) in out.iter_mut().zip(system_hash.into_iter().chain(both)) {
            *to = from;
        }
        out
    }

    /// The hash of a URI, or of a reference's URL.
    pub(crate) fn uri(&self, uri: &str) -> [u8; 16] {
        self.key.keyed_hash16(&[b"uri", uri.as_bytes()])
    }

    /// The hash of a cell on earth.
    pub(crate) fn cell(&self, cell: fhir::search::near::Cell) -> [u8; 16] {
        self.key.keyed_hash16(&[b"cell", &[cell.grid], &cell.row.to_be_bytes(), &cell.column.to_be_bytes()])
    }

    /// The first half of [`Self::token_any`], for places that a key need not fit.
    pub(crate) fn token_short(&self, code: &str) -> [u8; 8] {
        first_8(&self.token_any(code))
    }

    /// The hash of a unit's code or human form, whatever its system. Units are compared with their case: `m` and `M` differ.
    pub(crate) fn unit(&self, unit: &str) -> [u8; 8] {
        first_8(&self.key.keyed_hash16(&[b"unit", unit.as_bytes()]))
    }

    /// A unit as it stands in keys: its hash, and the hash of its code with its system.
    pub(crate) fn unit_in(&self, system: Option<&str>, unit: &str) -> [u8; 16] {
        let pair = self.key.keyed_hash16(&[b"unit", system.unwrap_or("").as_bytes(), unit.as_bytes()]);
        let mut both = [0; 16];
        for (to, from) in both.iter_mut().zip(self.unit(unit).into_iter().chain(pair)) {
            *to = from;
        }
        both
    }
}

/// The code one above or below.
fn next_to(code: NumberCode, by: i128) -> NumberCode {
    let number = code.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    let mut out = [0; NUMBER_BYTES];
    let moved = number.saturating_add_signed(by).to_be_bytes();
    for (to, from) in out.iter_mut().zip(moved.into_iter().skip(2)) {
        *to = from;
    }
    out
}

/// The classes that dates of a parameter can be in.
pub(crate) fn date_classes(parameter: u16) -> std::ops::Range<usize> {
    // Moments of change are moments.
    if parameter == super::last_updated() { 0..1 } else { 0..DATE_WIDTHS_MS.len() }
}

/// The class of a date by the distance between the codes of its ends.
pub(crate) fn date_class(low: u64, high: u64) -> u8 {
    let width = high.saturating_sub(low);
    let class = DATE_WIDTHS_MS.iter().position(|widest| width <= *widest).unwrap_or(DATE_WIDTHS_MS.len() - 1);
    u8::try_from(class).unwrap_or(2)
}

/// Codes and identifiers are compared without case: in doubt the standard prefers to find too much (R4 3.1.1.4.10).
pub(crate) fn fold(code: &str) -> std::borrow::Cow<'_, str> {
    if code.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        std::borrow::Cow::Owned(code.to_lowercase())
    } else {
        std::borrow::Cow::Borrowed(code)
    }
}

fn first_8(hash: &[u8; 16]) -> [u8; 8] {
    let mut out = [0; 8];
    for (to, from) in out.iter_mut().zip(hash) {
        *to = *from;
    }
    out
}

/// Digits that every decimal is scaled to.
const DIGITS: u32 = 29;
/// The number that zero becomes.
const ZERO: u128 = 1 << 104;

/// A decimal as a number below 2^105 that orders as decimals do: exponent above a mantissa of 29 digits, mirrored for
/// negative values.
fn ordered(value: Decimal) -> u128 {
    let mantissa = value.mantissa().unsigned_abs(); // below 2^96
    if mantissa == 0 {
        return ZERO;
    }
    let digits = mantissa.ilog10() + 1;
    // The value is 0.mantissa * 10^exponent, with an exponent of -28..=29.
    let exponent = u128::from(64 + digits).saturating_sub(u128::from(value.scale()));
    let scaled = mantissa.saturating_mul(10_u128.pow(DIGITS.saturating_sub(digits)));
    let magnitude = (exponent << 97) | scaled;
    if value.is_sign_negative() { ZERO - magnitude } else { ZERO + magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_order() {
        let texts = [
            "-79228162514264337593543950335",
            "-100.1",
            "-100",
            "-99.9999999999999999999999999",
            "-1",
            "-0.1",
            "-0.0000000000000000000000000001",
            "0",
            "0.0000000000000000000000000001",
            "0.09",
            "0.1",
            "0.10000000000000000000000001",
            "1",
            "9",
            "10",
            "79228162514264337593543950335",
        ];
        let codes: Vec<u128> = texts.iter().map(|text| ordered(text.parse().unwrap())).collect();
        for pair in codes.windows(2) {
            assert!(pair[0] < pair[1]);
        }
        assert!(codes.iter().all(|code| *code < 1 << 105));
        assert_eq!(ordered("1.500".parse().unwrap()), ordered("1.5".parse().unwrap()));
        assert_eq!(ordered("-0.0".parse().unwrap()), ordered("0".parse().unwrap()));
    }

    #[test]
    fn dates_fall_into_classes_by_width() {
        assert_eq!(date_class(5, 6), 0);
        assert_eq!(date_class(0, 86_400_000), 0);
        assert_eq!(date_class(0, 366 * 86_400_000), 1);
        assert_eq!(date_class(0, u64::MAX), 2);
    }
}
