//! Values against the values that a profile fixes.
//!
//! Source: FHIR R4 ElementDefinition.fixed[x], pattern[x], minValue[x], maxValue[x].

use std::cmp::Ordering;

use crate::json::Value;
use crate::path::{DateTime, Time};

/// Whether a value is exactly the fixed one: the same members, lists in the same order, numbers by value.
pub(super) fn is_fixed(value: &Value, fixed: &Value) -> bool {
    match (value, fixed) {
        (Value::Object(value), Value::Object(fixed)) => {
            value.len() == fixed.len()
                && fixed.iter().all(|(key, fixed)| value.get(key).is_some_and(|value| is_fixed(value, fixed)))
        }
        (Value::Array(value), Value::Array(fixed)) => {
            value.len() == fixed.len() && value.iter().zip(fixed).all(|(value, fixed)| is_fixed(value, fixed))
        }
        (Value::Number(value), Value::Number(fixed)) => {
            value == fixed || value.to_decimal().is_some_and(|value| Some(value) == fixed.to_decimal())
        }
        (value, fixed) => value == fixed,
    }
}

/// Whether a value has at least what the pattern has: its members, and for each item of its lists one that fits.
pub(super) fn fits_pattern(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(key, pattern)| value.get(key).is_some_and(|value| fits_pattern(value, pattern))),
        (Value::Array(value), Value::Array(pattern)) => {
            pattern.iter().all(|pattern| value.iter().any(|value| fits_pattern(value, pattern)))
        }
        (value, pattern) => is_fixed(value, pattern),
    }
}

/// The order of two numbers, dates, times or quantities of one unit; `None` where they have none.
pub(super) fn compare(value: &Value, limit: &Value) -> Option<Ordering> {
    match (value, limit) {
        (Value::Number(value), Value::Number(limit)) => Some(value.to_decimal()?.cmp(&limit.to_decimal()?)),
        (Value::String(value), Value::String(limit)) => {
            match (DateTime::parse(value), DateTime::parse(limit)) {
                (Some(value), Some(limit)) => value.compare(limit),
                _ => Time::parse(value)?.compare(Time::parse(limit)?),
            }
        }
        (Value::Object(value), Value::Object(limit)) => {
            let unit = |key| value.get(key) == limit.get(key) || limit.get(key).is_none();
            if unit("code") && unit("system") {
                compare(value.get("value")?, limit.get("value")?)
            } else {
                None
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_pattern_asks_for_less_than_a_fixed_value() {
        let check = |value: &str, wanted: &str, fixed: bool, pattern: bool| {
            let (value, wanted) = (json(value), json(wanted));
            assert_eq!((is_fixed(&value, &wanted), fits_pattern(&value, &wanted)), (fixed, pattern));
        };
        check(r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1}"#, true, true);
        check(r#"{"a":1,"b":2}"#, r#"{"a":1}"#, false, true);
        check(r#"{"a":[1,2]}"#, r#"{"a":[2]}"#, false, true);
        check(r#"{"a":[1,2]}"#, r#"{"a":[3]}"#, false, false);
        check(r#""x""#, r#""x""#, true, true);
        check(r#""x""#, r#""X""#, false, false);
    }

    #[test]
    fn limits_compare_numbers_dates_times_and_quantities() {
        let check = |value: &str, limit: &str, order| assert_eq!(compare(&json(value), &json(limit)), order);
        check("1.50", "1.5", Some(Ordering::Equal));
        check(r#""2020-05-01""#, r#""2020-04-01""#, Some(Ordering::Greater));
        check(r#""2020""#, r#""2020-04-01""#, None);
        check(r#""10:00:00""#, r#""11:00:00""#, Some(Ordering::Less));
        check(r#"{"value":1,"code":"g"}"#, r#"{"value":2,"code":"g"}"#, Some(Ordering::Less));
        check(r#"{"value":1,"code":"kg"}"#, r#"{"value":2,"code":"g"}"#, None);
    }
}
