//! Values that are put in place of others.

use formats::dicom::Vr;

use crate::Keys;

/// UIDs under this root are of the standard and tell nothing of a patient: classes, syntaxes, well-known instances.
const STANDARD_ROOT: &str = "1.2.840.10008.";

/// The UID for another: `2.25.` and a UUID (version 8) out of a keyed hash. Equal ones become equal ones.
///
/// Source: PS3.5, B.2.
pub(super) fn uid(keys: &dyn Keys, of: &[u8]) -> Vec<u8> {
    let hash = keys.mac("dicom-uid", of);
    let number = hash.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let number = number & !(0xF << 76) | 8 << 76; // version
    let number = number & !(0b11 << 62) | 0b10 << 62; // variant
    format!("2.25.{number}").into_bytes()
}

/// Whether a UID stays as it is.
pub(super) fn is_standard_uid(uid: &str) -> bool {
    uid.is_empty() || uid.starts_with(STANDARD_ROOT)
}

/// Letters and digits that stand for a patient: sixty bits of a keyed hash.
pub(super) fn pseudonym(keys: &dyn Keys, of: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let hash = keys.mac("dicom-patient", of);
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('A', char::from);
    std::iter::once('P').chain(hash.iter().take(12).map(letter)).collect()
}

/// A value that means nothing, fit for the representation.
pub(super) fn dummy(vr: Vr) -> Vec<u8> {
    let text = match vr {
        Vr::DA => "19000101",
        Vr::DT => "19000101000000",
        Vr::TM => "000000",
        Vr::AS => "000Y",
        Vr::IS | Vr::DS => "0",
        Vr::CS | Vr::AE | Vr::SH | Vr::LO | Vr::PN | Vr::ST | Vr::LT | Vr::UT | Vr::UC => "REMOVED",
        Vr::US | Vr::SS => return vec![0; 2],
        Vr::UL | Vr::SL | Vr::FL | Vr::AT | Vr::OL | Vr::OF => return vec![0; 4],
        Vr::FD | Vr::OD | Vr::OV | Vr::SV | Vr::UV => return vec![0; 8],
        Vr::OB | Vr::OW => return vec![0; 2],
        _ => return Vec::new(),
    };
    text.as_bytes().to_vec()
}

/// A date (`DA`, `DT`; also the old form with dots) moved by days. `None` if it is no full date, or a range.
pub(super) fn shifted(text: &str, days: i32) -> Option<String> {
    let text = text.trim();
    let undotted = text.replace('.', "");
    let is_dotted = text.len() == 10 && undotted.len() == 8;
    let (date, rest) = if is_dotted { (undotted.as_str(), "") } else { text.split_at_checked(8)? };
    if !date.bytes().all(|byte| byte.is_ascii_digit()) || rest.contains('-') && rest.len() > 18 {
        return None;
    }
    let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<i64>().ok();
    let number = day_number(part(0..4)?, part(4..6)?, part(6..8)?)?;
    let (year, month, day) = civil(number + i64::from(days));
    (1..=9999).contains(&year).then(|| format!("{year:04}{month:02}{day:02}{rest}"))
}

/// Days since 1970-01-01 of the Gregorian calendar; `None` for a day that no month has.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// The day of a number of days since 1970-01-01.
fn civil(number: i64) -> (i64, i64, i64) {
    let days = number + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year_of_era, if month < 10 { month + 3 } else { month - 9 });
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_over_leap_days_and_years_and_keep_their_time() {
        for (text, days, expected) in [
            ("20240228", 2, Some("20240301")),
            ("20230228", 1, Some("20230301")),
            ("19991231235959.5+0100", 1, Some("20000101235959.5+0100")),
            ("2001.02.03", -3, Some("20010131")),
            ("20240230", 1, None),
            ("2024", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(shifted(text, days).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_shift_and_its_opposite_give_every_day_back() {
        for number in (-200_000..200_000).step_by(37) {
            let (year, month, day) = civil(number);
            assert_eq!(day_number(year, month, day), Some(number));
        }
    }
}
