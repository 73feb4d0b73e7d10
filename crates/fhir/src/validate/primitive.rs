//! The form of primitives: the standard's regular expressions as plain functions, since these run on every value that is
//! stored. Dates must exist in the calendar besides, as the standard's text demands.
//!
//! Source: FHIR R4 section 2.24.0.1.

use crate::definitions::Primitive;
use crate::json::Value;
use crate::outcome::IssueType;

/// What is wrong with a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// It must be a JSON string, number or boolean.
    JsonType(&'static str),
    Form,
    Empty,
    TooLong,
}

impl Problem {
    pub(super) fn code(self) -> IssueType {
        match self {
            Problem::JsonType(_) => IssueType::Structure,
            Problem::TooLong => IssueType::TooLong,
            Problem::Form | Problem::Empty => IssueType::Value,
        }
    }
}

/// Length limit of strings, in characters.
const STRING_MAX: usize = 1 << 20;

/// Checks `value` as a primitive of R4.
pub(super) fn check(value: &Value, primitive: Primitive) -> Result<(), Problem> {
    use Primitive as P;
    match primitive {
        P::Boolean => value.as_bool().map(drop).ok_or(Problem::JsonType("boolean")),
        P::Decimal => value.as_number().map(drop).ok_or(Problem::JsonType("number")),
        P::Integer => integer(value, i32::MIN),
        P::UnsignedInt => integer(value, 0),
        P::PositiveInt => integer(value, 1),
        _ => {
            let text = value.as_str().ok_or(Problem::JsonType("string"))?;
            if text.is_empty() {
                return Err(Problem::Empty);
            }
            string(text, primitive)
        }
    }
}

fn string(text: &str, primitive: Primitive) -> Result<(), Problem> {
    use Primitive as P;
    let bytes = text.as_bytes();
    let fits = match primitive {
        P::String | P::Markdown => {
            return if is_longer(text, STRING_MAX) { Err(Problem::TooLong) } else { Ok(()) };
        }
        P::Code => is_code(bytes),
        P::Id => is_id(bytes),
        P::Uri | P::Url | P::Canonical => !bytes.iter().any(u8::is_ascii_whitespace),
        P::Oid => is_oid(text),
        P::Uuid => is_uuid(bytes),
        P::Base64Binary => is_base64(bytes),
        P::Date => date(bytes).is_some_and(<[u8]>::is_empty),
        P::DateTime => is_date_time(bytes),
        P::Instant => is_instant(bytes),
        P::Time => time(bytes).is_some_and(<[u8]>::is_empty),
        P::Xhtml => text.trim_start().starts_with("<div"),
        P::Boolean | P::Decimal | P::Integer | P::UnsignedInt | P::PositiveInt => true, // no strings, checked above
    };
    if fits { Ok(()) } else { Err(Problem::Form) }
}

fn is_longer(text: &str, characters_max: usize) -> bool {
    text.len() > characters_max && text.chars().count() > characters_max
}

/// `-?([0]|([1-9][0-9]*))` within 32 bits, and not below `min`.
fn integer(value: &Value, min: i32) -> Result<(), Problem> {
    let number = value.as_number().ok_or(Problem::JsonType("number"))?;
    match number.to_i64().and_then(|integer| i32::try_from(integer).ok()) {
        Some(integer) if integer >= min => Ok(()),
        _ => Err(Problem::Form),
    }
}

/// `[^\s]+(\s[^\s]+)*`
fn is_code(bytes: &[u8]) -> bool {
    let mut after_space = true;
    for byte in bytes {
        let is_space = byte.is_ascii_whitespace();
        if is_space && after_space {
            return false;
        }
        after_space = is_space;
    }
    !after_space
}

/// `[A-Za-z0-9\-\.]{1,64}`
fn is_id(bytes: &[u8]) -> bool {
    bytes.len() <= 64 && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// `urn:oid:[0-2](\.(0|[1-9][0-9]*))+`
fn is_oid(text: &str) -> bool {
    let Some((root, arcs)) = text.strip_prefix("urn:oid:").and_then(|oid| oid.split_once('.')) else {
        return false;
    };
    let is_arc = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    matches!(root, "0" | "1" | "2") && arcs.split('.').all(is_arc)
}

/// `urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
fn is_uuid(bytes: &[u8]) -> bool {
    let Some(uuid) = bytes.strip_prefix(b"urn:uuid:") else { return false };
    uuid.len() == 36
        && uuid.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// Groups of four letters of the alphabet, white space anywhere, padding only at the end.
fn is_base64(bytes: &[u8]) -> bool {
    let (mut letters, mut padding) = (0_usize, 0_usize);
    for byte in bytes {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => letters += 1,
            byte if byte.is_ascii_whitespace() => {}
            _ => return false,
        }
    }
    letters > 0 && padding <= 2 && (letters + padding).is_multiple_of(4)
}

fn is_date_time(bytes: &[u8]) -> bool {
    match date(bytes) {
        Some([]) => true,
        // A time needs the whole date before it.
        Some([b'T', rest @ ..]) if bytes.len() - rest.len() == 11 => time(rest).is_some_and(is_zone),
        _ => false,
    }
}

fn is_instant(bytes: &[u8]) -> bool {
    bytes.len() > 10 && is_date_time(bytes)
}

/// Takes `YYYY`, `YYYY-MM` or `YYYY-MM-DD` off the front if it exists in the calendar; returns what follows.
fn date(bytes: &[u8]) -> Option<&[u8]> {
    let [a, b, rest @ ..] = bytes else { return None };
    let ([c, d], rest) = rest.split_first_chunk()?;
    let year = u32::from(pair(*a, *b, 99)?) * 100 + u32::from(pair(*c, *d, 99)?);
    if year == 0 {
        return None;
    }
    let [b'-', a, b, rest @ ..] = rest else { return Some(rest) };
    let month = pair(*a, *b, 12)?;
    let [b'-', a, b, rest @ ..] = rest else { return (month > 0).then_some(rest) };
    let day = pair(*a, *b, 31)?;
    (day > 0 && day <= days_of(month, year)).then_some(rest)
}

fn days_of(month: u8, year: u32) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Takes `hh:mm:ss` with an optional fraction off the front; returns what follows. Second 60 is a leap second.
fn time(bytes: &[u8]) -> Option<&[u8]> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = bytes else { return None };
    pair(*h1, *h2, 23)?;
    pair(*m1, *m2, 59)?;
    pair(*s1, *s2, 60)?;
    let [b'.', rest @ ..] = rest else { return Some(rest) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { None } else { rest.get(digits..) }
}

/// `Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00)`
fn is_zone(bytes: &[u8]) -> bool {
    match bytes {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => match (pair(*h1, *h2, 14), pair(*m1, *m2, 59)) {
            (Some(hours), Some(minutes)) => hours < 14 || minutes == 0,
            _ => false,
        },
        _ => false,
    }
}

/// Two digits as a number up to `max`.
fn pair(tens: u8, ones: u8, max: u8) -> Option<u8> {
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return None;
    }
    let number = (tens - b'0') * 10 + (ones - b'0');
    (number <= max).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Primitive as P;

    fn check_all(primitive: P, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(check(&(*text).into(), primitive), Ok(()), "{primitive:?} {text:?}");
        }
        for text in bad {
            assert!(check(&(*text).into(), primitive).is_err(), "{primitive:?} {text:?}");
        }
    }

    #[test]
    fn dates_exist_in_the_calendar() {
        let good = ["2024", "2024-02", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"];
        let bad = [
            "",
            "24",
            "0000",
            "2024-00",
            "2024-13",
            "2023-02-29",
            "1900-02-29",
            "2024-04-31",
            "2024-01-00",
            "2024-1-1",
            "2024-",
            "2024-01-",
            "2024-01-01T",
            "20240101",
            " 2024",
            "２０２４",
            "-2024",
        ];
        check_all(P::Date, &good, &bad);
        check_all(P::DateTime, &good, &bad);
    }

    #[test]
    fn a_date_time_has_seconds_and_a_zone_or_no_time() {
        let good = [
            "2024-02-29T00:00:00Z",
            "2024-02-29T23:59:60.123456789+14:00",
            "2024-02-29T12:00:00-13:59",
            "2024-02-29T12:00:00.0-00:00",
        ];
        let bad = [
            "2024-02-29T24:00:00Z",
            "2024-02-29T12:00Z",
            "2024-02-29T12:00:00",
            "2024-02T12:00:00Z",
            "2024T12:00:00Z",
            "2024-02-29 12:00:00Z",
            "2024-02-29T12:00:00.Z",
            "2024-02-29T12:00:00+14:01",
            "2024-02-29T12:00:00+15:00",
            "2024-02-29T12:00:61Z",
            "2024-02-29T12:00:00z",
            "2024-02-30T12:00:00Z",
            "2024-02-29T12:00:00ZZ",
        ];
        check_all(P::DateTime, &good, &bad);
        check_all(P::Instant, &good, &bad);
        check_all(P::Instant, &[], &["2024", "2024-02", "2024-02-29"]);
        check_all(P::Time, &["00:00:00", "23:59:59.9"], &["24:00:00", "12:00", "12:00:00Z", "1:00:00", ""]);
    }

    #[test]
    fn identifiers_and_codes_have_their_letters() {
        let long = "a".repeat(65);
        check_all(P::Id, &["a", "A-1.b", &long[..64]], &["", "a_b", "a b", "ä", &long]);
        check_all(P::Code, &["a", "a b", "a/b"], &["", " a", "a ", "a  b", " ", "\t"]);
        check_all(P::Uri, &["urn:x", "http://a/b?c", "a"], &["", "a b", "a\n"]);
        check_all(
            P::Oid,
            &["urn:oid:1.2.3", "urn:oid:2.16.840.1.113883", "urn:oid:0.0"],
            &[
                "1.2.3",
                "urn:oid:3.1",
                "urn:oid:1",
                "urn:oid:1.02",
                "urn:oid:1..2",
                "urn:oid:1.",
                "urn:oid:1.a",
            ],
        );
        check_all(
            P::Uuid,
            &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
            &[
                "c757873d-ec9a-4326-a141-556f43239520",
                "urn:uuid:C757873D-ec9a-4326-a141-556f43239520",
                "urn:uuid:",
            ],
        );
        check_all(
            P::Base64Binary,
            &["YQ==", "YWI=", "YWJj", "YW Jj\n"],
            &["YQ", "Y===", "=YWJ", "YWJj=", "Y-_j", " "],
        );
    }

    #[test]
    fn strings_are_not_empty_and_not_too_long() {
        check_all(P::String, &[" ", "a", &"ä".repeat(1 << 20)], &["", &"a".repeat((1 << 20) + 1)]);
        check_all(P::Xhtml, &["<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"], &["", "text", "<p/>"]);
    }

    #[test]
    fn numbers_are_json_numbers_in_range() {
        let number = |text| Value::Number(crate::json::Number::from_literal(text).unwrap());
        for (primitive, good, bad) in [
            (
                P::Integer,
                vec!["0", "-1", "2147483647", "-2147483648", "-0"],
                vec!["1.0", "1e2", "2147483648"],
            ),
            (P::UnsignedInt, vec!["0", "2147483647"], vec!["-1"]),
            (P::PositiveInt, vec!["1"], vec!["0", "-1"]),
            (P::Decimal, vec!["0", "1.00", "-1e-7"], vec![]),
        ] {
            for text in good {
                assert_eq!(check(&number(text), primitive), Ok(()), "{primitive:?} {text}");
            }
            for text in bad {
                assert_eq!(check(&number(text), primitive), Err(Problem::Form), "{primitive:?} {text}");
            }
            assert_eq!(check(&"1".into(), primitive), Err(Problem::JsonType("number")));
        }
        assert_eq!(check(&"true".into(), P::Boolean), Err(Problem::JsonType("boolean")));
        assert_eq!(check(&true.into(), P::Code), Err(Problem::JsonType("string")));
        assert_eq!(check(&Value::Null, P::String), Err(Problem::JsonType("string")));
    }
}
