//! Dates and times of any precision.
//!
//! Source: FHIRPath N1 4.1.5-4.1.7 (literals), 6.2 (comparison by precision), 6.6.7 (calendar arithmetic).

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};

use crate::search::date::{days_from_civil, days_in_month};

/// A date: a year, a month or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    /// 1-9999.
    pub year: u16,
    /// 1-12.
    pub month: Option<u8>,
    /// 1-31; only with a month.
    pub day: Option<u8>,
}

/// A time of day; every part needs the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// 0-23.
    pub hour: u8,
    /// 0-59.
    pub minute: Option<u8>,
    /// 0-59.
    pub second: Option<u8>,
    /// 0-999.
    pub millisecond: Option<u16>,
}

/// A date with a time; the time needs a whole date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// The time of day.
    pub time: Option<Time>,
    /// Minutes east of UTC; `None` when none was written.
    pub offset_min: Option<i16>,
}

/// Reads exactly `count` digits off the front.
fn digits(text: &str, count: usize) -> Option<(u16, &str)> {
    let head = text.get(..count).filter(|head| head.bytes().all(|b| b.is_ascii_digit()))?;
    Some((head.parse().ok()?, text.get(count..)?))
}

fn two(text: &str, most: u16) -> Option<(u8, &str)> {
    let (value, rest) = digits(text, 2)?;
    if value > most { None } else { Some((u8::try_from(value).ok()?, rest)) }
}

impl Date {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `None` for anything else and for days that do not exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = Self::take(text)?;
        rest.is_empty().then_some(date)
    }

    fn take(text: &str) -> Option<(Self, &str)> {
        let (year, rest) = digits(text, 4)?;
        let mut date = Self { year, month: None, day: None };
        if year == 0 {
            return None;
        }
        let Some(after) = rest.strip_prefix('-') else { return Some((date, rest)) };
        let (month, rest) = two(after, 12).filter(|(month, _)| *month > 0)?;
        date.month = Some(month);
        let Some(after) = rest.strip_prefix('-') else { return Some((date, rest)) };
        let (day, rest) = two(after, 31)?;
        date.day = Some(day);
        let most = days_in_month(year.into(), month.into());
        (day > 0 && i64::from(day) <= most).then_some((date, rest))
    }

    fn parts(self) -> [Option<i64>; 3] {
        [Some(self.year.into()), self.month.map(Into::into), self.day.map(Into::into)]
    }

    /// Days since 1970-01-01 of the first day meant.
    fn days(self) -> i64 {
        days_from_civil(self.year.into(), self.month.unwrap_or(1).into(), self.day.unwrap_or(1).into())
    }

    fn from_days(days: i64) -> Option<Self> {
        // Far more than 9999 years either way; keeps the arithmetic below from overflowing.
        if days.unsigned_abs() > 10_000_000 {
            return None;
        }
        let (year, month, day) = civil_from_days(days);
        Some(Self {
            year: u16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?,
            month: Some(month),
            day: Some(day),
        })
    }

    /// Orders two dates; `None` when the difference lies below the precision of one of them.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        compare_parts(&self.parts(), &other.parts())
    }

    /// Adds a number of calendar months, keeping the precision; the day is cut to the month's length.
    fn plus_months(self, months: i64) -> Option<Self> {
        let all = i64::from(self.year) * 12 + i64::from(self.month.unwrap_or(1)) - 1;
        let all = all.checked_add(months)?;
        let year = u16::try_from(all.div_euclid(12)).ok().filter(|year| (1..=9999).contains(year))?;
        let month = u8::try_from(all.rem_euclid(12)).ok()? + 1;
        let most = u8::try_from(days_in_month(year.into(), month.into())).ok()?;
        Some(Self { year, month: self.month.map(|_| month), day: self.day.map(|day| day.min(most)) })
    }

    fn plus_days(self, days: i64) -> Option<Self> {
        Self::from_days(self.days().checked_add(days)?)
    }

    /// Adds `amount` of a calendar unit (singular name); a unit below the date's precision counts in whole units of it.
    /// `None` when the result leaves the years 1-9999.
    #[must_use]
    pub fn plus(self, amount: i64, unit: CalendarUnit) -> Option<Self> {
        match unit {
            CalendarUnit::Year => self.plus_months(amount.checked_mul(12)?),
            CalendarUnit::Month if self.month.is_none() => self.plus_months(amount / 12 * 12),
            CalendarUnit::Month => self.plus_months(amount),
            CalendarUnit::Week => self.plus_whole_days(amount.checked_mul(7)?),
            CalendarUnit::Day => self.plus_whole_days(amount),
            CalendarUnit::Millisecond(width_ms) => {
                self.plus_whole_days(amount.checked_mul(width_ms)? / DAY_MS)
            }
        }
    }

    fn plus_whole_days(self, days: i64) -> Option<Self> {
        match (self.month, self.day) {
            (None, _) => self.plus_months(days / 365 * 12),
            (_, None) => self.plus_months(days / 30),
            _ => self.plus_days(days),
        }
    }
}

const DAY_MS: i64 = 86_400_000;

/// A calendar unit for arithmetic; hours and below are counted in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// Years.
    Year,
    /// Months.
    Month,
    /// Weeks.
    Week,
    /// Days.
    Day,
    /// A fixed span, by its width in milliseconds.
    Millisecond(i64),
}

impl CalendarUnit {
    /// Finds a unit by its singular name or the UCUM code that may stand for it.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Some(match name {
            "year" | "years" => Self::Year,
            "month" | "months" => Self::Month,
            "week" | "weeks" | "wk" => Self::Week,
            "day" | "days" | "d" => Self::Day,
            "hour" | "hours" | "h" => Self::Millisecond(3_600_000),
            "minute" | "minutes" | "min" => Self::Millisecond(60_000),
            "second" | "seconds" | "s" => Self::Millisecond(1000),
            "millisecond" | "milliseconds" | "ms" => Self::Millisecond(1),
            _ => return None,
        })
    }
}

impl Time {
    /// Reads `hh`, `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (time, rest) = Self::take(text)?;
        rest.is_empty().then_some(time)
    }

    fn take(text: &str) -> Option<(Self, &str)> {
        let (hour, rest) = two(text, 23)?;
        let mut time = Self { hour, minute: None, second: None, millisecond: None };
        let Some(after) = rest.strip_prefix(':') else { return Some((time, rest)) };
        let (minute, rest) = two(after, 59)?;
        time.minute = Some(minute);
        let Some(after) = rest.strip_prefix(':') else { return Some((time, rest)) };
        let (second, rest) = two(after, 59)?;
        time.second = Some(second);
        let Some(after) = rest.strip_prefix('.') else { return Some((time, rest)) };
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let fraction = after.get(..end).filter(|fraction| !fraction.is_empty())?;
        let scaled =
            fraction.bytes().chain(*b"000").take(3).fold(0_u16, |sum, b| sum * 10 + u16::from(b - b'0'));
        time.millisecond = Some(scaled);
        Some((time, after.get(end..)?))
    }

    fn parts(self) -> [Option<i64>; 3] {
        // Seconds and milliseconds are one precision: 12:00:01 and 12:00:01.000 are the same time.
        let second = self.second.map(|s| i64::from(s) * 1000 + i64::from(self.millisecond.unwrap_or(0)));
        [Some(self.hour.into()), self.minute.map(Into::into), second]
    }

    fn milliseconds(self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute.unwrap_or(0));
        (minutes * 60 + i64::from(self.second.unwrap_or(0))) * 1000 + i64::from(self.millisecond.unwrap_or(0))
    }

    /// The time `total` milliseconds after midnight (of any day), with the parts that `like` has.
    fn from_milliseconds(total: i64, like: Self) -> Option<Self> {
        let total = total.rem_euclid(DAY_MS);
        let part = |value: i64| u8::try_from(value).ok();
        Some(Self {
            hour: part(total / 3_600_000)?,
            minute: like.minute.and(part(total / 60_000 % 60)),
            second: like.second.and(part(total / 1000 % 60)),
            millisecond: like.millisecond.and(u16::try_from(total % 1000).ok()).or_else(|| {
                // A fraction that arithmetic brought in must not be lost.
                u16::try_from(total % 1000).ok().filter(|ms| *ms > 0 && like.second.is_some())
            }),
        })
    }

    /// The width of the last given part in milliseconds.
    const fn width_ms(self) -> i64 {
        match (self.minute, self.second) {
            (None, _) => 3_600_000,
            (_, None) => 60_000,
            _ => 1,
        }
    }

    /// Orders two times; `None` when the difference lies below the precision of one of them.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        compare_parts(&self.parts(), &other.parts())
    }

    /// Adds a span, around midnight; parts below the time's precision are dropped first.
    #[must_use]
    pub fn plus(self, amount: i64, unit: CalendarUnit) -> Option<Self> {
        let CalendarUnit::Millisecond(width_ms) = unit else { return None };
        let span = amount.checked_mul(width_ms)?;
        let span = span / self.width_ms() * self.width_ms();
        Self::from_milliseconds(self.milliseconds().checked_add(span)?, self)
    }
}

impl DateTime {
    /// Reads a date with an optional `Thh[:mm[:ss[.fff]]]` and offset; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = Date::take(text)?;
        let Some(after) = rest.strip_prefix('T') else {
            return rest.is_empty().then_some(Self { date, time: None, offset_min: None });
        };
        date.day?;
        let (time, rest) = Time::take(after)?;
        let offset_min = match rest.as_bytes().first() {
            None => None,
            Some(b'Z') if rest.len() == 1 => Some(0),
            Some(sign @ (b'+' | b'-')) if rest.len() == 6 => {
                let (hour, after) = two(rest.get(1..)?, 14)?;
                let (minute, _) = two(after.strip_prefix(':')?, 59)?;
                let total = i16::from(hour) * 60 + i16::from(minute);
                Some(if *sign == b'-' { -total } else { total })
            }
            Some(_) => return None,
        };
        Some(Self { date, time: Some(time), offset_min })
    }

    /// How the present is given: milliseconds since 1970 UTC and minutes east of UTC. `None` outside the years 1-9999.
    #[must_use]
    pub fn from_milliseconds(unix_ms: i64, offset_min: i16) -> Option<Self> {
        let local = unix_ms.checked_add(i64::from(offset_min) * 60_000)?;
        let like = Time { hour: 0, minute: Some(0), second: Some(0), millisecond: Some(0) };
        Some(Self {
            date: Date::from_days(local.div_euclid(DAY_MS))?,
            time: Time::from_milliseconds(local, like),
            offset_min: Some(offset_min),
        })
    }

    /// The same instant in UTC, when an offset and at least minutes make that meaningful.
    fn to_utc(self) -> Self {
        let (Some(offset), Some(time)) = (self.offset_min.filter(|offset| *offset != 0), self.time) else {
            return self;
        };
        let total = self.date.days() * DAY_MS + time.milliseconds() - i64::from(offset) * 60_000;
        match (Date::from_days(total.div_euclid(DAY_MS)), Time::from_milliseconds(total, time)) {
            (Some(date), Some(time)) => Self { date, time: Some(time), offset_min: Some(0) },
            _ => self,
        }
    }

    fn parts(self) -> [Option<i64>; 6] {
        let [year, month, day] = self.date.parts();
        let [hour, minute, second] = self.time.map_or([None; 3], Time::parts);
        [year, month, day, hour, minute, second]
    }

    /// Orders two instants; `None` when the difference lies below the precision of one of them, or depends on the
    /// missing offset of one.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let one_lacks = self.time.is_some()
            && other.time.is_some()
            && self.offset_min.is_some() != other.offset_min.is_some();
        if one_lacks {
            // Offsets run from -12 to +14 hours: beyond that distance the missing one makes no difference.
            let distance =
                |moment: Self| moment.date.days() * DAY_MS + moment.time.map_or(0, Time::milliseconds);
            let (left, right) = (distance(self.to_utc()), distance(other.to_utc()));
            return if (left - right).abs() > 14 * 3_600_000 { Some(left.cmp(&right)) } else { None };
        }
        let (left, right) = (self.to_utc(), other.to_utc());
        compare_parts(&left.parts(), &right.parts())
    }

    /// Adds `amount` of a calendar unit; `None` when the result leaves the years 1-9999.
    #[must_use]
    pub fn plus(self, amount: i64, unit: CalendarUnit) -> Option<Self> {
        let Some(time) = self.time else { return Some(Self { date: self.date.plus(amount, unit)?, ..self }) };
        let CalendarUnit::Millisecond(width_ms) = unit else {
            return Some(Self { date: self.date.plus(amount, unit)?, ..self });
        };
        let span = amount.checked_mul(width_ms)? / time.width_ms() * time.width_ms();
        let total = time.milliseconds().checked_add(span)?;
        Some(Self {
            date: self.date.plus_days(total.div_euclid(DAY_MS))?,
            time: Some(Time::from_milliseconds(total, time)?),
            offset_min: self.offset_min,
        })
    }
}

/// Compares part by part; a part that only one side has leaves the order open.
fn compare_parts(left: &[Option<i64>], right: &[Option<i64>]) -> Option<Ordering> {
    for pair in left.iter().zip(right) {
        match pair {
            (Some(left), Some(right)) if left != right => return Some(left.cmp(right)),
            (Some(_), Some(_)) => {}
            (None, None) => break,
            _ => return None,
        }
    }
    Some(Ordering::Equal)
}

/// The Gregorian date of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        for part in [self.month, self.day].into_iter().flatten() {
            write!(f, "-{part:02}")?;
        }
        Ok(())
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.hour)?;
        for part in [self.minute, self.second].into_iter().flatten() {
            write!(f, ":{part:02}")?;
        }
        match self.millisecond {
            Some(millisecond) => write!(f, ".{millisecond:03}"),
            None => Ok(()),
        }
    }
}

impl Display for DateTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.date.fmt(f)?;
        if let Some(time) = self.time {
            write!(f, "T{time}")?;
        }
        match self.offset_min {
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.unsigned_abs() / 60, offset.unsigned_abs() % 60)
            }
            None => Ok(()),
        }
    }
}
