//! Tests of ordered values: dates, numbers, quantities, on their codes.
//!
//! Source: FHIR R4 3.1.1.4.5 to 3.1.1.4.7. A number in a resource is taken as exactly that number, a Range as all between its
//! ends; the precision that counts is that of the value searched for, and it counts for `eq`, `ne` and `ap` alone.

use fhir::search::query::Prefix;

use super::codes::{DATE_WIDTHS_MS, NUMBER_BYTES, NumberCode};

/// One date searched for, as codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTest {
    pub(crate) prefix: Prefix,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl DateTest {
    /// Whether a resource's span passes.
    pub(crate) fn passes(self, low: u64, high: u64) -> bool {
        let within = self.low <= low && high <= self.high;
        match self.prefix {
            Prefix::Equal => within,
            Prefix::NotEqual => !within,
            Prefix::Greater => high > self.high,
            Prefix::Less => low < self.low,
            Prefix::GreaterOrEqual => within || high > self.high,
            Prefix::LessOrEqual => within || low < self.low,
            Prefix::StartsAfter => low >= self.high,
            Prefix::EndsBefore => high <= self.low,
            Prefix::Approximate | Prefix::Overlaps => low < self.high && high > self.low,
            Prefix::Covers => low <= self.low && self.high <= high,
        }
    }

    /// The low ends (first and last) of all spans of a width class that can pass.
    pub(crate) fn low_ends(self, class: usize) -> (u64, u64) {
        let width = DATE_WIDTHS_MS.get(class).copied().unwrap_or(u64::MAX);
        let before_high = self.high.saturating_sub(width);
        match self.prefix {
            Prefix::Equal => (self.low, self.high),
            Prefix::NotEqual => (0, u64::MAX),
            Prefix::Greater => (before_high, u64::MAX),
            Prefix::Less | Prefix::EndsBefore => (0, self.low),
            Prefix::GreaterOrEqual => (self.low.min(before_high), u64::MAX),
            Prefix::LessOrEqual => (0, self.high),
            Prefix::StartsAfter => (self.high, u64::MAX),
            Prefix::Approximate | Prefix::Overlaps => (self.low.saturating_sub(width), self.high),
            Prefix::Covers => (before_high, self.low),
        }
    }
}

/// One number searched for, as codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberTest {
    pub(crate) prefix: Prefix,
    pub(crate) low: NumberCode,
    pub(crate) high: NumberCode,
    pub(crate) value: NumberCode,
}

impl NumberTest {
    /// Whether a resource's number passes, which may be anything from `low` to `high`.
    pub(crate) fn passes(&self, low: NumberCode, high: NumberCode) -> bool {
        let within = self.low <= low && high < self.high;
        match self.prefix {
            // Spans alone overlap or cover: numbers are equal then.
            Prefix::Equal | Prefix::Overlaps | Prefix::Covers => within,
            Prefix::NotEqual => !within,
            Prefix::Greater => high > self.value,
            Prefix::Less => low < self.value,
            Prefix::GreaterOrEqual => high >= self.value,
            Prefix::LessOrEqual => low <= self.value,
            Prefix::StartsAfter => low > self.value,
            Prefix::EndsBefore => high < self.value,
            Prefix::Approximate => low <= self.high && self.low <= high,
        }
    }

    /// The first and the last code of a plain number that can pass.
    pub(crate) fn codes(&self) -> (NumberCode, NumberCode) {
        match self.prefix {
            Prefix::Equal | Prefix::Approximate | Prefix::Overlaps | Prefix::Covers => (self.low, self.high),
            Prefix::NotEqual => (LEAST, GREATEST),
            Prefix::Greater | Prefix::StartsAfter | Prefix::GreaterOrEqual => (self.value, GREATEST),
            Prefix::Less | Prefix::EndsBefore | Prefix::LessOrEqual => (LEAST, self.value),
        }
    }

    /// The first and the last low end of a range that can pass.
    pub(crate) fn low_ends(&self) -> (NumberCode, NumberCode) {
        match self.prefix {
            Prefix::Equal | Prefix::Overlaps | Prefix::Covers => (self.low, self.high),
            Prefix::StartsAfter => (self.value, GREATEST),
            Prefix::Less | Prefix::EndsBefore | Prefix::LessOrEqual => (LEAST, self.value),
            Prefix::Approximate => (LEAST, self.high),
            Prefix::NotEqual | Prefix::Greater | Prefix::GreaterOrEqual => (LEAST, GREATEST),
        }
    }
}

const LEAST: NumberCode = [0; NUMBER_BYTES];
const GREATEST: NumberCode = [0xFF; NUMBER_BYTES];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::codes::date_class;

    #[test]
    fn no_span_that_passes_lies_outside_the_scanned_low_ends() {
        let day = 86_400_000_u64;
        let base = 1_u64 << 60;
        let widths = [1, 1000, 60_000, day, 30 * day, 365 * day, 4000 * day];
        let places = [0, 1, day / 2, day, 2 * day, 31 * day, 400 * day, 5000 * day];
        let prefixes = [
            Prefix::Equal,
            Prefix::NotEqual,
            Prefix::Greater,
            Prefix::Less,
            Prefix::GreaterOrEqual,
            Prefix::LessOrEqual,
            Prefix::StartsAfter,
            Prefix::EndsBefore,
            Prefix::Approximate,
            Prefix::Overlaps,
            Prefix::Covers,
        ];
        for prefix in prefixes {
            for (from, width) in places.iter().flat_map(|from| widths.map(|width| (base + from, width))) {
                let test = DateTest { prefix, low: from, high: from + width };
                for (low, width) in places.iter().flat_map(|low| widths.map(|width| (base + low, width))) {
                    let high = low + width;
                    let (first, last) = test.low_ends(usize::from(date_class(low, high)));
                    assert!(!test.passes(low, high) || (first <= low && low <= last), "{prefix:?}");
                }
            }
        }
    }
}
