//! A JSON number as its literal text.

use std::fmt;

use compact_str::CompactString;
use rust_decimal::Decimal;

/// A JSON number, kept as the text that it was written with. `1.0` and `1.00` differ, as FHIR demands of decimals.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(CompactString);

impl Number {
    /// Takes `literal` if it is exactly one number by the grammar of RFC 8259 section 6, without white space.
    #[must_use]
    pub fn from_literal(literal: &str) -> Option<Self> {
        (scan(literal.as_bytes())? == literal.len()).then(|| Self(literal.into()))
    }

    /// Wraps text that [`scan`] has accepted.
    pub(super) fn from_scanned(literal: &str) -> Self {
        Self(literal.into())
    }

    /// The literal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the literal has neither fraction nor exponent.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        !self.0.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
    }

    /// The integer, if the literal has neither fraction nor exponent and fits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The exact decimal with its scale, or `None` if it needs more than 28 significant digits or places.
    #[must_use]
    pub fn to_decimal(&self) -> Option<Decimal> {
        if self.0.bytes().any(|byte| matches!(byte, b'e' | b'E')) {
            Decimal::from_scientific(&self.0).ok()
        } else {
            Decimal::from_str_exact(&self.0).ok()
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<number>")
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Number {
            fn from(value: $integer) -> Self {
                Self(compact_str::format_compact!("{value}"))
            }
        }
    )*};
}
from_integer!(i32, i64, u16, u32, u64, usize);

impl From<Decimal> for Number {
    fn from(value: Decimal) -> Self {
        Self(compact_str::format_compact!("{value}"))
    }
}

/// The length of the number that `bytes` begin with, or `None` if they begin with none. What follows is not looked at.
///
/// Source: RFC 8259 section 6.
pub(super) fn scan(bytes: &[u8]) -> Option<usize> {
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match digits(bytes, at) {
        0 => return None,
        // No leading zeros: what follows a first zero is no part of the integer.
        _ if bytes.get(at) == Some(&b'0') => 1,
        count => count,
    };
    if bytes.get(at) == Some(&b'.') {
        at += 1 + nonzero(digits(bytes, at + 1))?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at += nonzero(digits(bytes, at))?;
    }
    Some(at)
}

fn digits(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn nonzero(count: usize) -> Option<usize> {
    (count > 0).then_some(count)
}
