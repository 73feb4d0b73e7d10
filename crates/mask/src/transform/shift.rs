//! Shifting the dates of one patient by one secret number of days.

use super::civil::{Day, days_in_month};
use super::written;
use crate::Keys;

/// Days in a month and a year of the Gregorian calendar, on average, times ten thousand.
const MONTH_E4: i32 = 304_369;
const YEAR_E4: i32 = 3_652_425;

/// The age from which on it is not told any more: 45 CFR 164.514(b)(2)(i)(C), "all ages over 89".
pub const AGE_MAX_TOLD: i32 = 89;

/// How dates are shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftOptions {
    /// The largest shift, in days, either way; at least 1. The shift itself is never 0.
    pub days_max: u16,
    /// The day on which ages are reckoned; dates of someone who is 90 or older on it become the year in which one who is 90
    /// today was born.
    pub today: Day,
    /// Whether `03/04/2020` is the third of April.
    pub day_first: bool,
}

impl ShiftOptions {
    /// A shift of up to a year either way, month before day.
    #[must_use]
    pub const fn new(today: Day) -> Self {
        Self { days_max: 365, today, day_first: false }
    }
}

/// The shift of one patient (or of another scope). Every date moves by the same number of days, so intervals stay; a date
/// that is written as a month moves by the nearest number of months, a year by the nearest number of years.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DateShift {
    days: i32,
    cap: Option<Cap>,
    day_first: bool,
}

/// Where dates become too old to be told.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cap {
    /// The birthday of one who is 90 today.
    day: Day,
    year: i32,
}

/// The number of days is a secret: who knows it knows the dates.
impl std::fmt::Debug for DateShift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DateShift(…)")
    }
}

impl DateShift {
    /// The shift that belongs to `scope` (a patient's id) under these keys: from the first eight bytes of the MAC of the scope
    /// under the label `date-shift`, evenly over −`days_max` to `days_max` without 0. Capitals and `Patient/` before the id make no
    /// difference: a patient is named so here and otherwise there, and the dates of all records are to move together.
    pub fn derive(keys: &dyn Keys, scope: &str, options: &ShiftOptions) -> Self {
        let days_max = i32::from(options.days_max.max(1));
        let scope = scope.trim().to_ascii_lowercase();
        let scope = scope.strip_prefix("patient/").unwrap_or(&scope);
        let mac = keys.mac("date-shift", scope.as_bytes());
        let number = mac.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let width = u64::from(options.days_max.max(1)) * 2;
        let place = i32::try_from(number % width).unwrap_or(0);
        let days = if place < days_max { place - days_max } else { place - days_max + 1 };
        Self { days, cap: Some(Cap::on(options.today)), day_first: options.day_first }
    }

    /// A shift of one day, to see whether a text is a date at all.
    pub(crate) fn probe(options: &ShiftOptions) -> Self {
        Self { days: 1, cap: None, day_first: options.day_first }
    }

    /// The opposite shift; what was capped stays as it is.
    pub(crate) const fn reversed(self) -> Self {
        Self { days: -self.days, cap: None, day_first: self.day_first }
    }

    /// Shifts a FHIR `date` or `dateTime` (`2019`, `2019-03`, `2019-03-14`, `2019-03-14T08:30:00+01:00`): time and zone stay as
    /// written. `None` for anything else and beyond the years 1 to 9999.
    ///
    /// Source: FHIR R4 2.24.0.1.
    #[must_use]
    pub fn fhir(&self, text: &str) -> Option<String> {
        let (date, rest) = match text.split_once('T') {
            Some((date, _)) => (date, text.get(date.len()..)?),
            None => (text, ""),
        };
        if !rest.is_empty() && (date.len() != 10 || !is_time(rest)) {
            return None;
        }
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map(|part| digits(part, 2)).transpose_option()?;
        let day = parts.next().map(|part| digits(part, 2)).transpose_option()?;
        if parts.next().is_some() {
            return None;
        }
        match self.partial(year, month, day)? {
            Moved::Year(year) => Some(format!("{year:04}")),
            Moved::Month(year, month) => Some(format!("{year:04}-{month:02}")),
            Moved::Day(year, month, day) => Some(format!("{year:04}-{month:02}-{day:02}{rest}")),
        }
    }

    /// Shifts a FHIR `instant`, which must stay exact: one that is too old to be told becomes the first moment of the cap year.
    #[must_use]
    pub fn instant(&self, text: &str) -> Option<String> {
        let shifted = self.fhir(text).filter(|_| text.contains('T'))?;
        Some(if shifted.len() == 4 { format!("{shifted}-01-01T00:00:00Z") } else { shifted })
    }

    /// Shifts a time stamp of HL7 v2 or C-CDA: `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]`. `None` for anything else.
    ///
    /// Source: HL7 v2.8 chapter 2A, DTM; HL7 v3 data types, TS.
    #[must_use]
    pub fn compact(&self, text: &str) -> Option<String> {
        let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (date, rest) = text.split_at_checked(end)?;
        if !is_fraction_and_zone(rest, date.len()) || date.len() > 14 || date.len() % 2 != 0 {
            return None;
        }
        let year = digits(date.get(..4)?, 4)?;
        let part = |from: usize, to: usize| date.get(from..to).map(|part| digits::<u8>(part, to - from));
        let month = part(4, 6).transpose_option()?;
        let day = part(6, 8).transpose_option()?;
        let time = date.get(8..).unwrap_or("");
        Some(match self.partial(year, month, day)? {
            Moved::Year(year) => format!("{year:04}"),
            Moved::Month(year, month) => format!("{year:04}{month:02}{rest}"),
            Moved::Day(year, month, day) => format!("{year:04}{month:02}{day:02}{time}{rest}"),
        })
    }

    /// Shifts a date as people write it: `3/14/19`, `March 14th, 2019`, `14-MAR-2019 08:30`, `Sat 14 mars`, `3/14 to 3/16`. Order, width,
    /// separators, letter case, language, time of day and what is left out stay as written; weekdays fit again. `None` if any
    /// part of the text is not understood.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<String> {
        written::shift(self, text)
    }

    pub(super) const fn day_first(&self) -> bool {
        self.day_first
    }

    pub(super) const fn days(&self) -> i32 {
        self.days
    }

    /// The year that stands for all who are too old to be told.
    pub(crate) fn cap_year(&self) -> Option<i32> {
        self.cap.map(|cap| cap.year)
    }

    /// A date by what of it is known.
    pub(super) fn partial(&self, year: i32, month: Option<u8>, day: Option<u8>) -> Option<Moved> {
        let first = Day::from_ymd(year, month.unwrap_or(1), day.unwrap_or(1))?;
        if let Some(cap) = self.cap.filter(|cap| first <= cap.day || month.is_none() && year <= cap.year) {
            return Some(Moved::Year(cap.year));
        }
        Some(match (month, day) {
            (None, _) => Moved::Year(within(year + rounded(self.days, YEAR_E4))?),
            (Some(month), None) => {
                let months = year * 12 + i32::from(month) - 1 + self.months();
                Moved::Month(within(months.div_euclid(12))?, u8::try_from(months.rem_euclid(12) + 1).ok()?)
            }
            (Some(_), Some(_)) => {
                let (year, month, day) = first.plus(self.days)?.ymd();
                Moved::Day(year, month, day)
            }
        })
    }

    /// Never 0: a month is more exact than a year, so it must not stay.
    pub(super) fn months(&self) -> i32 {
        match rounded(self.days, MONTH_E4) {
            0 => self.days.signum(),
            months => months,
        }
    }
}

/// A shifted date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Year(i32),
    Month(i32, u8),
    Day(i32, u8, u8),
}

impl Cap {
    fn on(today: Day) -> Self {
        let (year, month, day) = today.ymd();
        let year = (year - AGE_MAX_TOLD - 1).max(1);
        let day = day.min(days_in_month(year, month).unwrap_or(28));
        Self { day: Day::from_ymd(year, month, day).unwrap_or(today), year }
    }
}

fn within(year: i32) -> Option<i32> {
    (1..=9999).contains(&year).then_some(year)
}

/// `days` in units of `unit_e4` ten-thousandths of a day, to the nearest.
fn rounded(days: i32, unit_e4: i32) -> i32 {
    let twice = i64::from(days) * 20_000 + i64::from(days.signum()) * i64::from(unit_e4);
    i32::try_from(twice / (i64::from(unit_e4) * 2)).unwrap_or(0)
}

/// A number of exactly so many digits.
pub(super) fn digits<N: std::str::FromStr>(text: &str, width: usize) -> Option<N> {
    if text.len() != width || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `T`, a time of day and a zone: nothing in it but digits and their separators.
fn is_time(rest: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'+' | b'-' | b'Z' | b'T');
    rest.len() <= 40 && rest.bytes().all(allowed)
}

/// `.S…` behind whole seconds, `±ZZZZ`, both or none.
fn is_fraction_and_zone(rest: &str, digits_before: usize) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (fraction, zone) = rest.split_at(rest.find(['+', '-']).unwrap_or(rest.len()));
    let is_fraction = fraction.is_empty()
        || digits_before == 14 && fraction.len() <= 10 && fraction.strip_prefix('.').is_some_and(is_digits);
    is_fraction && (zone.is_empty() || zone.len() == 5 && zone.get(1..).is_some_and(is_digits))
}

/// `Some(None)` becomes failure, `None` stays "not there".
trait TransposeOption<T> {
    fn transpose_option(self) -> Option<Option<T>>;
}

impl<T> TransposeOption<T> for Option<Option<T>> {
    fn transpose_option(self) -> Option<Option<T>> {
        match self {
            None => Some(None),
            Some(Some(value)) => Some(Some(value)),
            Some(None) => None,
        }
    }
}

#[cfg(test)]
mod tests;
