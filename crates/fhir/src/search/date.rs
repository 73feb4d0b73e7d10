//! FHIR dates as spans of time.

/// One day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// The span `[low, high)` in milliseconds since 1970 UTC that a FHIR date, dateTime or instant stands for.
///
/// `text` is `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or with `Thh:mm[:ss[.fff]]` and an optional `Z` or `±hh:mm`. A text without
/// an offset is read as UTC. `2015` gives the whole year, a time with minutes the minute, a fraction of more than three
/// digits its millisecond. `None` for anything else, for a day that does not exist, and for years outside 1-9999.
///
/// Source: FHIR R4 2.24.0.1 (primitive types) and 3.1.1.4.7 (date search).
#[must_use]
pub fn range(text: &str) -> Option<(i64, i64)> {
    let bytes = text.as_bytes();
    let year = digits(bytes, 0, 4)?;
    if year == 0 {
        return None;
    }
    if bytes.len() == 4 {
        return Some((days_from_civil(year, 1, 1) * DAY_MS, days_from_civil(year + 1, 1, 1) * DAY_MS));
    }
    let month = two_after(bytes, 4, b'-')?;
    if !(1..=12).contains(&month) {
        return None;
    }
    if bytes.len() == 7 {
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let low = days_from_civil(year, month, 1) * DAY_MS;
        return Some((low, days_from_civil(next_year, next_month, 1) * DAY_MS));
    }
    let day = two_after(bytes, 7, b'-')?;
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * DAY_MS;
    if bytes.len() == 10 {
        return Some((midnight, midnight + DAY_MS));
    }
    if bytes.get(10) != Some(&b'T') {
        return None;
    }
    let (time_ms, width_ms, end) = time(bytes, 11)?;
    let offset_ms = offset(bytes, end)?;
    let low = midnight + time_ms - offset_ms;
    Some((low, low + width_ms))
}

/// Widens a span for the `ap` prefix: by a tenth of its distance from `now_ms` on both sides.
///
/// Source: FHIR R4 3.1.1.4.7, the recommended meaning of "approximately".
#[must_use]
pub fn approximate(low_ms: i64, high_ms: i64, now_ms: i64) -> (i64, i64) {
    let middle = low_ms / 2 + high_ms / 2;
    let slack = (now_ms.saturating_sub(middle)).saturating_abs() / 10;
    (low_ms.saturating_sub(slack), high_ms.saturating_add(slack))
}

/// The milliseconds of the day, the width of the span, and where the time ends.
fn time(bytes: &[u8], start: usize) -> Option<(i64, i64, usize)> {
    let hour = digits(bytes, start, 2)?;
    let minute = two_after(bytes, start + 2, b':')?;
    if hour > 23 || minute > 59 {
        return None;
    }
    let minute_ms = (hour * 60 + minute) * 60_000;
    if bytes.get(start + 5) != Some(&b':') {
        return Some((minute_ms, 60_000, start + 5));
    }
    let second = digits(bytes, start + 6, 2)?;
    // 60 is a leap second, which the standard allows; it is read as the first second of the next minute.
    if second > 60 {
        return None;
    }
    let second_ms = minute_ms + second * 1000;
    let mut end = start + 8;
    if bytes.get(end) != Some(&b'.') {
        return Some((second_ms, 1000, end));
    }
    end += 1;
    let (mut fraction_ms, mut width_ms) = (0, 1000);
    let first = end;
    while let Some(digit) = bytes.get(end).filter(|byte| byte.is_ascii_digit()) {
        if width_ms > 1 {
            width_ms /= 10;
            fraction_ms += i64::from(digit - b'0') * width_ms;
        }
        end += 1;
    }
    (end > first).then_some((second_ms + fraction_ms, width_ms, end))
}

/// The offset from UTC in milliseconds; the text must end after it.
fn offset(bytes: &[u8], start: usize) -> Option<i64> {
    let sign = match bytes.get(start) {
        None => return Some(0),
        Some(b'Z') => return (bytes.len() == start + 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let hour = digits(bytes, start + 1, 2)?;
    let minute = two_after(bytes, start + 3, b':')?;
    (bytes.len() == start + 6 && hour <= 14 && minute <= 59).then_some(sign * (hour * 60 + minute) * 60_000)
}

fn two_after(bytes: &[u8], at: usize, separator: u8) -> Option<i64> {
    if bytes.get(at) == Some(&separator) { digits(bytes, at + 1, 2) } else { None }
}

fn digits(bytes: &[u8], start: usize, count: usize) -> Option<i64> {
    let mut value = 0;
    for byte in bytes.get(start..start + count)? {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(value)
}

/// The number of days in a month of the Gregorian calendar.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a Gregorian date (Howard Hinnant's `days_from_civil`).
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, low: &str, width_ms: i64) {
        let zoned = low.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(range(text), Some((zoned, zoned + width_ms)), "{text}");
    }

    #[test]
    fn a_partial_date_stands_for_its_whole_span() {
        check("2015", "2015-01-01T00:00:00Z", 365 * DAY_MS);
        check("2016", "2016-01-01T00:00:00Z", 366 * DAY_MS);
        check("2016-02", "2016-02-01T00:00:00Z", 29 * DAY_MS);
        check("1899-12", "1899-12-01T00:00:00Z", 31 * DAY_MS);
        check("1974-12-25", "1974-12-25T00:00:00Z", DAY_MS);
    }

    #[test]
    fn a_time_stands_for_its_last_written_unit() {
        check("2015-02-07T13:28", "2015-02-07T13:28:00Z", 60_000);
        check("2015-02-07T13:28:17Z", "2015-02-07T13:28:17Z", 1000);
        check("2015-02-07T13:28:17.2-05:00", "2015-02-07T18:28:17.2Z", 100);
        check("2015-02-07T13:28:17.239+02:00", "2015-02-07T11:28:17.239Z", 1);
        check("2015-02-07T13:28:17.239123+02:00", "2015-02-07T11:28:17.239Z", 1);
    }

    #[test]
    fn what_is_no_date_gives_nothing() {
        for text in [
            "",
            "15",
            "0000",
            "2015-",
            "2015-13",
            "2015-02-30",
            "2015-02-07T",
            "2015-02-07T13",
            "2015-02-07T25:00",
            "2015-02-07T13:28:17.",
            "2015-02-07T13:28:17+2",
            "2015-02-07T13:28:17Zx",
            "2015-02-07 13:28",
            "２０１５",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
