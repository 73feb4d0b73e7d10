//! Simulated time: no clock is read.

/// A moment: seconds since 1970-01-01T00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// The hospital's time is six hours behind UTC all year.
const OFFSET_SECONDS: i64 = -6 * 3600;

impl Moment {
    /// 2026-01-05T06:00:00 in the hospital's time: when the simulation begins.
    pub const START: Self = Self(1_767_614_400);

    /// A moment some minutes later (earlier if negative).
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0 + minutes * 60)
    }

    /// `20260105060000-0600`
    pub fn v2(self) -> String {
        format!("{}-0600", self.v2_local())
    }

    /// `20260105060000`: without an offset, as laboratories like it.
    pub fn v2_local(self) -> String {
        let (year, month, day, hour, minute, second) = self.civil();
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// `2026-01-05T06:00:00-06:00`
    pub fn fhir(self) -> String {
        let (year, month, day, hour, minute, second) = self.civil();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}-06:00")
    }

    /// `2026-01-05`
    pub fn fhir_date(self) -> String {
        let (year, month, day, ..) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `20260105`
    pub fn v2_date(self) -> String {
        let (year, month, day, ..) = self.civil();
        format!("{year:04}{month:02}{day:02}")
    }

    /// Year, month, day, hour, minute, second in the hospital's time.
    ///
    /// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    fn civil(self) -> (i64, i64, i64, i64, i64, i64) {
        let local = self.0 + OFFSET_SECONDS;
        let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
        let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn moments_are_written_in_the_hospitals_time() {
        assert_eq!(Moment::START.v2(), "20260105060000-0600");
        assert_eq!(Moment::START.plus_minutes(24 * 60 * 60 + 61).fhir(), "2026-03-06T07:01:00-06:00");
        assert_eq!(Moment(0).fhir_date(), "1969-12-31");
    }
}
