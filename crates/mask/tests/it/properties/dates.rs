//! A shift of dates keeps what lies between them, in every written form.

use mask::transform::{DateShift, Day, ShiftOptions};
use mask::{Profile, Style, Wishes};
use proptest::prelude::*;

use super::{desk, today, wishes};
use crate::invariants::Plain;
use crate::support::cases;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const STYLES: usize = 20;

/// A day as notes write it.
fn written(day: Day, style: usize) -> String {
    let (year, month, number) = day.ymd();
    let name = MONTHS[usize::from(month) - 1];
    let (short, two) = (&name[..3], year % 100);
    let th = match number {
        11..=13 => "th",
        _ => ["th", "st", "nd", "rd"].get(usize::from(number % 10)).copied().unwrap_or("th"),
    };
    match style {
        0 => format!("{year:04}-{month:02}-{number:02}"),
        1 => format!("{month:02}/{number:02}/{year:04}"),
        2 => format!("{month}/{number}/{year:04}"),
        3 => format!("{month}/{number}/{two:02}"),
        4 => format!("{number:02}.{month:02}.{year:04}"),
        5 => format!("{month:02}-{number:02}-{year:04}"),
        6 => format!("{year:04}{month:02}{number:02}"),
        7 => format!("{name} {number}, {year:04}"),
        8 => format!("{name} {number}{th}, {year:04}"),
        9 => format!("{short} {number}, {year:04}"),
        10 => format!("{number} {name} {year:04}"),
        11 => format!("{number}{th} of {name}, {year:04}"),
        12 => format!("{number:02}-{short}-{year:04}"),
        13 => format!("{year:04}-{month:02}-{number:02}T08:15:00Z"),
        14 => format!("{month:02}/{number:02}/{year:04} 14:30"),
        15 => format!("{year:04}/{month:02}/{number:02}"),
        16 => format!("{} {number} {year:04}", short.to_uppercase()),
        17 => format!("{name} {number} {year:04} at 3:15 pm"),
        18 => format!("{}, {name} {number}, {year:04}", WEEKDAYS[weekday(day)]),
        _ => format!("{number:02}{short}{year:04}"),
    }
}

/// Monday is 0.
fn weekday(day: Day) -> usize {
    let monday = Day::from_ymd(2024, 1, 1).unwrap();
    (0..7).find(|step| (between(monday, day) - step).rem_euclid(7) == 0).unwrap() as usize
}

fn between(from: Day, to: Day) -> i64 {
    // The civil calendar of Hinnant, over again, so that the shift is not tested by itself.
    let days = |day: Day| {
        let (year, month, number) = day.ymd();
        let year = i64::from(year) - i64::from(month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(number) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year
    };
    days(to) - days(from)
}

/// Without zeroes that some forms put before a number and others do not, and with short names of months in small letters:
/// `May` does not tell whether the next month's name is to be short.
fn unpadded(text: &str) -> String {
    let mut out = String::new();
    let mut digit_before = false;
    let small = text.to_lowercase();
    let short = MONTHS
        .iter()
        .fold(small, |text, month| text.replace(&month.to_lowercase(), &month[..3].to_lowercase()));
    let letters: Vec<char> = short.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let leads = *letter == '0' && !digit_before && letters.get(at + 1).is_some_and(char::is_ascii_digit);
        if !leads {
            out.push(*letter);
        }
        digit_before = letter.is_ascii_digit() && !leads;
    }
    out
}

/// The days by which these keys move the dates of a patient.
fn shift_days(patient: &str) -> i64 {
    let shift = DateShift::derive(&Plain, patient, &ShiftOptions::new(today()));
    let moved = shift.fhir("2000-01-01").unwrap();
    let part = |from: usize, to: usize| moved[from..to].parse::<u8>().unwrap();
    let moved = Day::from_ymd(moved[..4].parse().unwrap(), part(5, 7), part(8, 10)).unwrap();
    between(Day::from_ymd(2000, 1, 1).unwrap(), moved)
}

fn after(day: Day, days: i64) -> Day {
    let (mut low, mut high) = (1_i32, 9999_i32);
    // By year, then month, then day: there is no public sum of days.
    while low < high {
        let middle = (low + high + 1) / 2;
        let first = Day::from_ymd(middle, 1, 1).unwrap();
        if between(day, first) <= days { low = middle } else { high = middle - 1 }
    }
    (1..=12_u8)
        .flat_map(|month| (1..=31_u8).filter_map(move |number| Day::from_ymd(low, month, number)))
        .find(|candidate| between(day, *candidate) == days)
        .unwrap()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_date_of_a_note_moves_by_the_days_of_its_patient(
        patient in "[a-z0-9]{1,12}", dates in prop::collection::vec((1940_i32..2026, 1_u8..13, 1_u8..29, 0..STYLES), 1..6),
    ) {
        let patient = format!("Patient/{patient}");
        let days = shift_days(&patient);
        prop_assert!(days != 0 && days.abs() <= 365);
        let line = |moved: i64| -> String {
            let dates = dates.iter().map(|(year, month, number, style)| {
                let day = Day::from_ymd(*year, *month, *number).unwrap();
                format!("Seen on {}.\n\n", written(after(day, moved), *style))
            });
            dates.collect()
        };
        let wishes = Wishes { patient: Some(&patient), ..wishes(Style::Labels, Profile::SafeHarbor, None) };
        let masked = desk().text(&line(0), &Plain, &wishes);
        prop_assert_eq!(unpadded(&masked.text), unpadded(&line(days)));
    }
}

#[test]
fn patients_are_shifted_by_different_days() {
    let shifts: std::collections::BTreeSet<i64> =
        (0..100).map(|id| shift_days(&format!("Patient/{id}"))).collect();
    // A hundred draws of 730 days: some fall together.
    assert!(shifts.len() >= 80, "{}", shifts.len());
}
