//! TS, DTM, DT and TM: times, with the precision and the offset that the sender gave.
//!
//! An offset comes from the time itself, else from MSH-7, else from the configured zone; if none is known the time of day is
//! dropped, because FHIR demands an offset with it and a guess would be a wrong time. What the sender did not say is not
//! invented: a year stays a year, a day never becomes midnight. Only below the hour FHIR demands minutes and seconds, which
//! are filled with zeros.
//!
//! Source: HL7 v2.8 chapter 2A DTM; FHIR R4 dateTime, date, time, instant.

use std::fmt::Write as _;

use compact_str::CompactString;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::hl7v2::reader::Node;
use crate::intent::SourceTime;

/// Where an offset may come from if a time names none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zones {
    /// MSH-7's own offset, in seconds.
    pub(crate) message: Option<i32>,
    /// The source's zone.
    pub(crate) zone: Option<TimeZone>,
}

/// A time as written, checked against the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    /// Hour, minute, second; what was not written is 0.
    clock: Option<(i8, i8, i8)>,
    /// The digits after the decimal point of the second.
    fraction: CompactString,
    /// Seconds east of UTC.
    pub(crate) offset: Option<i32>,
}

impl Stamp {
    /// Reads `YYYY[MM[DD[HH[MM[SS[.S+]]]]]][+/-ZZZZ]`. `None` if it is anything else or no day of the calendar.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let sign = text.find(['+', '-']);
        let (main, offset) = match sign {
            Some(at) => (text.get(..at)?, Some(offset_of(text.get(at..)?)?)),
            None => (text, None),
        };
        let (digits, fraction) = main.split_once('.').unwrap_or((main, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(digits) || !all_digits(fraction) || (!fraction.is_empty() && digits.len() != 14) {
            return None;
        }
        if !digits.len().is_multiple_of(2) || !(4..=14).contains(&digits.len()) {
            return None;
        }
        let two = |at: usize| digits.get(at..at + 2).and_then(|pair| pair.parse::<i8>().ok());
        let year: i16 = digits.get(..4)?.parse().ok()?;
        // Some senders fill a birth date they only know in part with zeros.
        let month = two(4).filter(|month| *month != 0);
        let day = two(6).filter(|day| *day != 0 && month.is_some());
        Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
        if year == 0 {
            return None;
        }
        let hour = two(8).filter(|_| day.is_some());
        let clock = hour.map(|hour| (hour, two(10).unwrap_or(0), two(12).unwrap_or(0)));
        if clock.is_some_and(|(hour, minute, second)| hour > 23 || minute > 59 || second > 59) {
            return None;
        }
        Some(Self { year, month, day, clock, fraction: fraction.into(), offset })
    }

    /// The FHIR date: year, month or day, without the time of day.
    pub(crate) fn date(&self) -> CompactString {
        let mut text = CompactString::default();
        let _ = write!(text, "{:04}", self.year);
        if let Some(month) = self.month {
            let _ = write!(text, "-{month:02}");
        }
        if let Some(day) = self.day {
            let _ = write!(text, "-{day:02}");
        }
        text
    }

    /// Whether there is a time of day.
    pub(crate) fn has_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// The offset in seconds: the time's own, else MSH-7's, else the zone's at that local time.
    fn offset_in(&self, zones: &Zones) -> Option<i32> {
        if let Some(offset) = self.offset.or(zones.message) {
            return Some(offset);
        }
        let (hour, minute, second) = self.clock?;
        let local = Date::new(self.year, self.month?, self.day?).ok()?.at(hour, minute, second, 0);
        zones.zone.as_ref()?.to_zoned(local).ok().map(|zoned| zoned.offset().seconds())
    }

    /// The FHIR dateTime.
    pub(crate) fn date_time(&self, zones: &Zones) -> CompactString {
        self.instant(zones).unwrap_or_else(|| self.date())
    }

    /// The FHIR instant, if there is a time of day and an offset is known.
    pub(crate) fn instant(&self, zones: &Zones) -> Option<CompactString> {
        let (hour, minute, second) = self.clock?;
        let offset = self.offset_in(zones)?;
        let mut text = self.date();
        let _ = write!(text, "T{hour:02}:{minute:02}:{second:02}");
        if !self.fraction.is_empty() {
            let _ = write!(text, ".{}", self.fraction);
        }
        let minutes = offset.abs() / 60;
        let sign = if offset < 0 { '-' } else { '+' };
        let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        Some(text)
    }

    /// What of time the stamp covers, for saying which of two states is older.
    pub(crate) fn source_time(&self, zones: &Zones) -> Option<SourceTime> {
        let text = self.date_time(zones);
        let (low_ms, high_ms) = fhir_range(&text)?;
        Some(SourceTime { text, low_ms, high_ms })
    }
}

/// `+hhmm` or `+hh` or `+hh:mm` in seconds.
fn offset_of(text: &str) -> Option<i32> {
    let negative = text.starts_with('-');
    let digits = text.get(1..)?;
    let (hours, minutes) = match digits.len() {
        2 => (digits, "0"),
        4 => (digits.get(..2)?, digits.get(2..)?),
        5 if digits.as_bytes().get(2) == Some(&b':') => (digits.get(..2)?, digits.get(3..)?),
        _ => return None,
    };
    let hours: i32 = hours.parse().ok()?;
    let minutes: i32 = minutes.parse().ok()?;
    if !(0..=14).contains(&hours) || !(0..=59).contains(&minutes) {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    Some(if negative { -seconds } else { seconds })
}

/// The UTC milliseconds that a FHIR date or dateTime covers, half open. A date without offset is taken in UTC, which is
/// right to compare it with another date of the same sender.
pub(crate) fn fhir_range(text: &str) -> Option<(i64, i64)> {
    let midnight = |year: i16, month: i8, day: i8| {
        let date = Date::new(year, month, day).ok()?;
        Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok().map(Timestamp::as_millisecond)
    };
    let year: i16 = text.get(..4)?.parse().ok()?;
    let part = |at: usize| text.get(at..at + 2).and_then(|pair| pair.parse::<i8>().ok());
    match text.len() {
        4 => Some((midnight(year, 1, 1)?, midnight(year.checked_add(1)?, 1, 1)?)),
        7 => {
            let month = part(5)?;
            let next = if month == 12 {
                midnight(year.checked_add(1)?, 1, 1)?
            } else {
                midnight(year, month + 1, 1)?
            };
            Some((midnight(year, month, 1)?, next))
        }
        10 => {
            let low = midnight(year, part(5)?, part(8)?)?;
            Some((low, low + 86_400_000))
        }
        _ => {
            let timestamp: Timestamp = text.parse().ok()?;
            let low = timestamp.as_millisecond();
            Some((low, low + 1))
        }
    }
}

/// The FHIR time of a TM value `HH[MM[SS[.S+]]]`; an offset is dropped, as FHIR's time has none.
pub(crate) fn time_of_day(text: &str) -> Option<CompactString> {
    let main = text.split(['+', '-']).next()?.trim();
    let (digits, fraction) = main.split_once('.').unwrap_or((main, ""));
    if !matches!(digits.len(), 2 | 4 | 6) || !main.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let two = |at: usize| digits.get(at..at + 2).and_then(|pair| pair.parse::<u8>().ok());
    let (hour, minute, second) = (two(0)?, two(2).unwrap_or(0), two(4).unwrap_or(0));
    if hour > 23 || minute > 59 || second > 59 || fraction.contains('.') {
        return None;
    }
    let mut time = CompactString::default();
    let _ = write!(time, "{hour:02}:{minute:02}:{second:02}");
    if !fraction.is_empty() {
        let _ = write!(time, ".{fraction}");
    }
    Some(time)
}

/// Reads a time from a node and takes it if it is one; else notes why not.
pub(crate) fn stamp(node: &Node<'_, '_>) -> Option<Stamp> {
    let parsed = node.peek().as_deref().and_then(Stamp::parse);
    if parsed.is_some() {
        node.text();
        // TS.2 of v2.2 only repeats the precision.
        node.ignore("the precision shows in the time itself");
    } else {
        node.refuse("not a valid time");
    }
    parsed
}

/// A dateTime from a node.
pub(crate) fn date_time(node: &Node<'_, '_>, zones: &Zones) -> Option<CompactString> {
    stamp(node).map(|stamp| stamp.date_time(zones))
}

/// A date from a node: the time of day, if there is one, is for the caller to place.
pub(crate) fn date(node: &Node<'_, '_>) -> Option<CompactString> {
    stamp(node).map(|stamp| stamp.date())
}

/// An instant from a node, if it has a time of day and an offset is known.
pub(crate) fn instant(node: &Node<'_, '_>, zones: &Zones) -> Option<CompactString> {
    let known = node.peek().as_deref().and_then(Stamp::parse).and_then(|stamp| stamp.instant(zones));
    if known.is_some() {
        stamp(node);
    } else {
        node.refuse("not a time with a known offset, which this element needs");
    }
    known
}

/// A Period from two nodes.
pub(crate) fn period(
    start: Option<Node<'_, '_>>,
    end: Option<Node<'_, '_>>,
    zones: &Zones,
) -> Option<fhir::json::Value> {
    let start = start.and_then(|node| date_time(&node, zones));
    let end = end.and_then(|node| date_time(&node, zones));
    crate::json::Build::new().maybe("start", start).maybe("end", end).some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_zone(name: &str) -> Zones {
        Zones { message: None, zone: TimeZone::get(name).ok() }
    }

    #[test]
    fn an_impossible_time_is_refused() {
        for text in [
            "",
            "19",
            "197",
            "20200230",
            "20201301",
            "2020010125",
            "202001010060",
            "2020-01-01",
            "x",
            "2020+9900",
        ] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_zone_gives_the_offset_of_that_day() {
        let at = |text: &str| Stamp::parse(text).unwrap().date_time(&in_zone("Europe/Berlin"));
        assert_eq!(at("20240115120000"), "2024-01-15T12:00:00+01:00");
        assert_eq!(at("20240715120000"), "2024-07-15T12:00:00+02:00");
    }

    #[test]
    fn ranges_cover_what_was_written() {
        let (low, high) = fhir_range("2024-02").unwrap();
        assert_eq!(high - low, 29 * 86_400_000);
        assert_eq!(fhir_range("1970-01-01T01:00:00+01:00"), Some((0, 1)));
    }
}
