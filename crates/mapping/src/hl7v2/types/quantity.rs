//! NM, SN, CQ, NR and units: numbers to Quantity, Range, Ratio.
//!
//! A number keeps the digits that it was written with. What is not certainly a number stays text.
//!
//! Source: HL7 v2.8 chapter 2A NM, SN, CQ; FHIR R4 Quantity, Range, Ratio.

use compact_str::{CompactString, format_compact};
use fhir::json::{Number, Value};

use crate::concepts::units;
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::json::Build;

/// A number as FHIR writes it: `+5` is `5`, `.5` is `0.5`, `007` is `7`; `None` for anything that is not certainly one
/// number, such as `1,000`, which means one or a thousand depending on the country.
pub(crate) fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || !all_digits(whole)
        || !all_digits(fraction)
        || digits.len() > 40
    {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let literal = if fraction.is_empty() {
        format_compact!("{sign}{whole}")
    } else {
        format_compact!("{sign}{whole}.{fraction}")
    };
    Number::from_literal(&literal)
}

/// A number with a comparator before it, as in `<5` or `>= 10`.
pub(crate) fn compared(text: &str) -> Option<(&'static str, Number)> {
    let text = text.trim();
    ["<=", ">=", "<", ">"]
        .iter()
        .find_map(|comparator| Some((*comparator, number(text.strip_prefix(comparator)?)?)))
}

/// A unit: UCUM system and code only if the sender says UCUM or a table knows the spelling; the text always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    text: Option<CompactString>,
    code: Option<CompactString>,
}

impl Unit {
    /// Reads OBX-6 or the unit of a CQ.
    pub(crate) fn read(context: &Context<'_, '_>, node: Option<Node<'_, '_>>) -> Self {
        let Some(node) = node else { return Self::default() };
        let is_ucum = |at: u32| {
            node.peek_part(at).is_some_and(|system| {
                let system = system.to_ascii_uppercase();
                matches!(system.as_str(), "UCUM" | "2.16.840.1.113883.6.8" | "HTTP://UNITSOFMEASURE.ORG")
            })
        };
        let no_space = |code: &CompactString| !code.contains(char::is_whitespace);
        let code = node.get(1);
        let text = node.get(2).or_else(|| code.clone());
        let ucum = if is_ucum(3) {
            node.get(3);
            code.filter(no_space)
        } else if is_ucum(6) {
            node.get(6);
            node.get(5);
            node.get(4).filter(no_space)
        } else {
            let known = |text: &CompactString| {
                let own =
                    context.source.units.get(text.as_str()).map(|code| CompactString::from(code.as_str()));
                own.or_else(|| units::ucum(text).map(CompactString::from))
            };
            let found = code.as_ref().and_then(known);
            if found.is_some()
                && let Some(system) = node.part(3)
            {
                system.ignore("the unit is known without it");
            }
            found
        };
        Self { text, code: ucum }
    }

    /// The text of the unit.
    pub(crate) fn text(&self) -> Option<&CompactString> {
        self.text.as_ref()
    }

    fn add_to(&self, quantity: Build) -> Build {
        quantity
            .maybe("unit", self.text.clone())
            .maybe("system", self.code.as_ref().map(|_| units::UCUM))
            .maybe("code", self.code.clone())
    }

    /// A Quantity of this unit.
    pub(crate) fn quantity(&self, value: Number) -> Value {
        self.add_to(Build::new().with("value", value)).done()
    }

    /// A Quantity that is only a bound.
    pub(crate) fn compared(&self, comparator: &'static str, value: Number) -> Value {
        self.add_to(Build::new().with("value", value).with("comparator", comparator)).done()
    }

    /// A Range; one end may be missing.
    pub(crate) fn range(&self, low: Option<Number>, high: Option<Number>) -> Value {
        let end = |value: Option<Number>| value.map(|value| self.quantity(value));
        Build::new().maybe("low", end(low)).maybe("high", end(high)).done()
    }
}

/// What a structured numeric says.
pub(crate) enum Structured {
    /// Name of the value element and the value.
    Value(&'static str, Value),
    /// Not one of FHIR's shapes: its text.
    Text(CompactString),
}

/// SN: comparator, number, separator, number. `>^100`, `^182`, `^1^:^128`, `^10^-^20`, `^2^+`; the comparator is left out
/// by some senders, so that the first number stands first.
pub(crate) fn structured(node: &Node<'_, '_>, unit: &Unit) -> Option<Structured> {
    let parts = [1, 2, 3, 4].map(|at| node.peek_part(at));
    let [first, second, third, fourth] = &parts;
    let shifted = first.as_deref().and_then(number).is_some();
    let (comparator, low, separator, high) =
        if shifted { (None, first, second, third) } else { (first.as_deref(), second, third, fourth) };
    let low_number = low.as_deref().and_then(number);
    let high_number = high.as_deref().and_then(number);
    let found = match (comparator.map(str::trim), low_number, separator.as_deref(), high_number) {
        (None | Some("="), Some(low), None, None) if high.is_none() => {
            Some(("valueQuantity", unit.quantity(low)))
        }
        (Some(comparator @ ("<" | "<=" | ">" | ">=")), Some(low), None, None) if high.is_none() => {
            let comparator =
                ["<", "<=", ">", ">="].into_iter().find(|known| *known == comparator).unwrap_or("<");
            Some(("valueQuantity", unit.compared(comparator, low)))
        }
        (None | Some("="), Some(low), Some(":" | "/"), Some(high)) => {
            let ratio =
                Build::new().with("numerator", unit.quantity(low)).with("denominator", unit.quantity(high));
            Some(("valueRatio", ratio.done()))
        }
        (None | Some("="), Some(low), Some("-"), Some(high)) => {
            Some(("valueRange", unit.range(Some(low), Some(high))))
        }
        _ => None,
    };
    if let Some((name, value)) = found {
        for at in 1..=4 {
            node.get(at);
        }
        return Some(Structured::Value(name, value));
    }
    node.take();
    let mut text = CompactString::default();
    for part in parts.iter().flatten() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
    }
    (!text.is_empty()).then_some(Structured::Text(text))
}

/// OBX-7: the text always, low and high where they are certain.
pub(crate) fn reference_range(text: &CompactString, unit: &Unit) -> Value {
    let (low, high) = bounds(text);
    let end = |value: Option<Number>| value.map(|value| unit.quantity(value));
    Build::new().maybe("low", end(low)).maybe("high", end(high)).with("text", text.clone()).done()
}

fn bounds(text: &str) -> (Option<Number>, Option<Number>) {
    let text = text.trim();
    if let Some((comparator, bound)) = compared(text) {
        return if comparator.starts_with('<') { (None, Some(bound)) } else { (Some(bound), None) };
    }
    // The dash that divides is the first one behind a digit; one before a digit is a minus sign.
    let divides = |(at, character): &(usize, char)| {
        matches!(character, '-' | '\u{2013}')
            && text
                .get(..*at)
                .is_some_and(|before| before.trim_end().ends_with(|last: char| last.is_ascii_digit()))
    };
    let Some((at, dash)) = text.char_indices().find(divides) else { return (None, None) };
    let low = text.get(..at).and_then(number);
    let high = text.get(at + dash.len_utf8()..).and_then(number);
    let in_order = match (&low, &high) {
        (Some(low), Some(high)) => {
            low.to_decimal().zip(high.to_decimal()).is_some_and(|(low, high)| low <= high)
        }
        _ => false,
    };
    if in_order { (low, high) } else { (None, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pair: (Option<Number>, Option<Number>)) -> String {
        let text =
            |number: Option<Number>| number.map_or("?".to_owned(), |number| number.as_str().to_owned());
        format!("{}..{}", text(pair.0), text(pair.1))
    }

    #[test]
    fn bounds_are_read_only_where_certain() {
        let cases = [
            ("3.5-5.1", "3.5..5.1"),
            ("3.50 - 5.10", "3.50..5.10"),
            ("-2-2", "-2..2"),
            ("-5--2", "-5..-2"),
            ("<5", "?..5"),
            (">= 10", "10..?"),
            ("neg", "?..?"),
            ("5-3", "?..?"),
            ("1,5-3", "?..?"),
            ("3-5 (adult)", "?..?"),
            ("2020-01-01", "?..?"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(bounds(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_number_keeps_its_digits_and_nothing_else_is_one() {
        for (text, expected) in
            [("1.00", "1.00"), ("+5", "5"), ("007", "7"), (".5", "0.5"), ("5.", "5"), ("-0.10", "-0.10")]
        {
            assert_eq!(
                number(text).map(|number| number.as_str().to_owned()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in ["", ".", "-", "1,000", "1e5", "POS", "1.2.3", "--1", "5 mg"] {
            assert!(number(text).is_none(), "{text}");
        }
    }
}
