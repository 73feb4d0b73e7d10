//! Days of the calendar, for shifting dates.

/// A day of the proleptic Gregorian calendar, in the years 1 to 9999; counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// 0001-01-01 and 9999-12-31, counted from 1970-01-01.
const FIRST: i32 = -719_162;
const LAST: i32 = 2_932_896;

impl Day {
    /// The day of that year (1 to 9999), month (1 to 12) and day (from 1); `None` if the calendar has no such day.
    #[must_use]
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=9999).contains(&year) || day == 0 || day > days_in_month(year, month)? {
            return None;
        }
        // The year begins in March here, so that the leap day is its last.
        let shifted = if month <= 2 { year - 1 } else { year };
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let day_of_year = (153 * ((i32::from(month) + 9) % 12) + 2) / 5 + i32::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// The day, in UTC, of a time in milliseconds since 1970; times beyond the years 1 to 9999 are taken as their ends.
    #[must_use]
    pub fn of_time(ms: i64) -> Self {
        let days = ms.div_euclid(86_400_000).clamp(i64::from(FIRST), i64::from(LAST));
        Self(i32::try_from(days).unwrap_or(0)) // within 32 bits by the clamp
    }

    /// Year, month and day.
    #[must_use]
    pub fn ymd(self) -> (i32, u8, u8) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, small(month), small(day))
    }

    /// The day so many days later; `None` beyond the years 1 to 9999.
    #[must_use]
    pub fn plus(self, days: i32) -> Option<Self> {
        let day = self.0.checked_add(days)?;
        (FIRST..=LAST).contains(&day).then_some(Self(day))
    }

    /// How many days this day is after `other`.
    #[must_use]
    pub fn since(self, other: Self) -> i32 {
        self.0 - other.0
    }
}

/// How many days the month has; `None` if there is no such month.
pub(crate) fn days_in_month(year: i32, month: u8) -> Option<u8> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    })
}

/// Months and days are never more than 31.
fn small(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let mut day = Day::from_ymd(1600, 1, 1).unwrap();
        for _ in 0..183_000 {
            let (year, month, number) = day.ymd();
            assert_eq!(Day::from_ymd(year, month, number), Some(day));
            let next = day.plus(1).unwrap();
            assert_eq!(next.since(day), 1);
            day = next;
        }
        assert_eq!(Day::from_ymd(1970, 1, 1).map(|day| day.0), Some(0));
        assert_eq!(Day::from_ymd(1, 1, 1).map(|day| day.0), Some(FIRST));
        assert_eq!(Day::from_ymd(9999, 12, 31).map(|day| day.0), Some(LAST));
    }

    #[test]
    fn days_that_no_calendar_has_are_refused() {
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 4, 31),
            (2024, 13, 1),
            (2024, 0, 1),
            (2024, 1, 0),
            (0, 1, 1),
        ] {
            assert_eq!(Day::from_ymd(year, month, day), None);
        }
        assert_eq!(Day::from_ymd(9999, 12, 31).and_then(|day| day.plus(1)), None);
    }
}
