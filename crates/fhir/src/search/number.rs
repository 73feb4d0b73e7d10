//! Decimals and the precision they are written with.

use rust_decimal::Decimal;

/// A number as written: the value and the range `[low, high)` that its precision stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The number.
    pub value: Decimal,
    /// The least value that would be written like this.
    pub low: Decimal,
    /// The bound above it.
    pub high: Decimal,
}

/// Reads a decimal literal with its implicit precision: `100` stands for `[99.5, 100.5)`, `100.00` for
/// `[99.995, 100.005)`, `1e2` for `[95, 105)`.
///
/// `None` when `text` is no decimal literal or has more digits than a decimal can hold (28).
///
/// Source: FHIR R4 3.1.1.4.6 (number search). The standard's example for `1e2` is taken literally for a one-digit
/// mantissa; other exponent forms take half a unit of their last written digit.
#[must_use]
pub fn written(text: &str) -> Option<Written> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let decimals = match unsigned.split_once('.') {
        Some((whole, fraction)) if !whole.is_empty() && !fraction.is_empty() => fraction.len(),
        Some(_) => return None,
        None => 0,
    };
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let mut last_digit = exponent.checked_sub(i32::try_from(decimals).ok()?)?;
    let value = scale(Decimal::from_str_exact(mantissa).ok()?, exponent)?;
    if exponent != 0 && unsigned.len() == 1 {
        last_digit -= 1;
    }
    // Half a unit of the last digit is five units of the one after it.
    let half = scale(Decimal::from(5), last_digit - 1).unwrap_or(Decimal::ZERO);
    Some(Written { value, low: value.checked_sub(half)?, high: value.checked_add(half)? })
}

/// Widens a number for the `ap` prefix: by a tenth of its size on both sides, at least its written precision.
///
/// Source: FHIR R4 3.1.1.4.5, the recommended meaning of "approximately".
#[must_use]
pub fn approximate(number: Written) -> Written {
    let slack = number.value.abs().checked_div(Decimal::TEN).unwrap_or(Decimal::ZERO);
    Written {
        value: number.value,
        low: number.value.checked_sub(slack).map_or(number.low, |low| low.min(number.low)),
        high: number.value.checked_add(slack).map_or(number.high, |high| high.max(number.high)),
    }
}

fn scale(value: Decimal, exponent: i32) -> Option<Decimal> {
    if exponent == 0 || value.is_zero() {
        return Some(value);
    }
    let steps = exponent.unsigned_abs();
    if steps > 28 {
        return None;
    }
    if exponent > 0 {
        let power = Decimal::from_i128_with_scale(10_i128.checked_pow(steps)?, 0);
        value.checked_mul(power)
    } else {
        let mut value = value;
        let scale = value.scale().checked_add(steps)?;
        if scale > 28 {
            return None;
        }
        value.set_scale(scale).ok()?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, low: &str, high: &str) {
        let number = written(text).unwrap();
        assert_eq!(
            (number.low.normalize().to_string(), number.high.normalize().to_string()),
            (low.into(), high.into())
        );
    }

    #[test]
    fn the_written_digits_give_the_range() {
        check("100", "99.5", "100.5");
        check("100.00", "99.995", "100.005");
        check("1e2", "95", "105");
        check("-5.4", "-5.45", "-5.35");
        check("0.0", "-0.05", "0.05");
        check("1.50e-3", "0.001495", "0.001505");
    }

    #[test]
    fn what_is_no_number_gives_nothing() {
        for text in [
            "",
            "-",
            "1.",
            ".5",
            "1e",
            "1e99",
            "abc",
            "1,5",
            "0x1",
            "1_000",
            "+-1",
            "99999999999999999999999999999999",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }

    #[test]
    fn approximately_is_a_tenth_around() {
        let near = approximate(written("100").unwrap());
        assert_eq!((near.low, near.high), (Decimal::from(90), Decimal::from(110)));
    }
}
