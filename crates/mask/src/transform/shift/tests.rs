use proptest::prelude::*;

use super::*;

fn shift_by(days: i32) -> DateShift {
    let today = Day::from_ymd(2026, 11, 30).unwrap();
    DateShift { days, cap: Some(Cap::on(today)), day_first: false }
}

#[test]
fn a_written_date_keeps_its_form() {
    for (written, expected) in [
        ("2019-03-14", "2019-03-30"),
        ("2019/03/14 08:30", "2019/03/30 08:30"),
        ("2019-03-14T08:30:00Z", "2019-03-30T08:30:00Z"),
        ("2019-03-14T08:30:00.123+01:00", "2019-03-30T08:30:00.123+01:00"),
        ("20190314", "20190330"),
        ("201903140830", "201903300830"),
        ("03142019", "03302019"),
        ("3/14/19", "3/30/19"),
        ("03/14/2019", "03/30/2019"),
        ("03-20-2019", "04-05-2019"),
        ("14.3.2019", "30.3.2019"),
        ("04.03.2019", "20.03.2019"),
        ("3/14", "3/30"),
        ("12/20", "01/05"),
        ("March 14, 2019", "March 30, 2019"),
        ("MARCH 20, 2019", "APRIL 5, 2019"),
        ("Mar 14th, 2019", "Mar 30th, 2019"),
        ("the 5th of March, 2019", "the 21st of March, 2019"),
        ("14-Mar-2019", "30-Mar-2019"),
        ("14 mar 2019", "30 mar 2019"),
        ("14 March '19", "30 March '19"),
        ("Thursday, March 14, 2019", "Saturday, March 30, 2019"),
        ("Thu 3/14/2019 at 3pm", "Sat 3/30/2019 at 3pm"),
        ("March 2019", "April 2019"),
        ("03/2019", "04/2019"),
        ("March 14", "March 30"),
        ("December 31", "January 16"),
        ("Sept. 20", "Oct. 6"),
        ("14. Januar 2019", "30. Januar 2019"),
        ("20 de marzo de 2019", "5 de abril de 2019"),
        ("2019", "2019"),
        ("Friday", "Sunday"),
        ("3/14/2019 - 3/20/2019", "3/30/2019 - 4/5/2019"),
        ("3/14 to 3/16", "3/30 to 4/1"),
        ("3/14/2019 1430", "3/30/2019 1430"),
        ("02/29/2020", "03/16/2020"),
    ] {
        let shifted = shift_by(16).text(written);
        assert_eq!(shifted.as_deref(), Some(expected), "{written}");
    }
}

#[test]
fn what_is_not_understood_is_not_shifted() {
    for written in [
        "last Tuesday after Smith",
        "13/13/2019",
        "2/30/2019",
        "1980s",
        "14",
        "3-4-5-6",
        "",
        "99/99",
        "spring 2019",
    ] {
        assert_eq!(shift_by(16).text(written), None, "{written}");
    }
}

#[test]
fn what_is_older_than_89_years_becomes_the_cap_year() {
    for written in ["11/30/1936", "1920-05-05", "May 5, 1920", "5/1920"] {
        assert_eq!(shift_by(16).text(written).as_deref(), Some("1936"), "{written}");
    }
    assert_eq!(shift_by(16).fhir("1936-11-30").as_deref(), Some("1936"));
    assert_eq!(shift_by(16).fhir("1900").as_deref(), Some("1936"));
    assert_eq!(shift_by(16).fhir("1936-12-01").as_deref(), Some("1936-12-17"));
    assert_eq!(shift_by(16).instant("1901-01-01T10:00:00Z").as_deref(), Some("1936-01-01T00:00:00Z"));
    assert_eq!(shift_by(16).compact("19010101").as_deref(), Some("1936"));
}

#[test]
fn a_leap_day_is_the_birthday_of_one_who_is_90() {
    let cap = Cap::on(Day::from_ymd(2024, 2, 29).unwrap());
    assert_eq!(cap.day.ymd(), (1934, 2, 28));
}

#[test]
fn fhir_and_v2_times_keep_their_precision() {
    let shift = shift_by(-400);
    for (written, expected) in [
        ("2019", "2018"),
        ("2019-03", "2018-02"),
        ("2019-03-14", "2018-02-07"),
        ("2019-03-14T23:59:59-05:00", "2018-02-07T23:59:59-05:00"),
    ] {
        assert_eq!(shift.fhir(written).as_deref(), Some(expected));
    }
    for (written, expected) in [
        ("2019", "2018"),
        ("201903", "201802"),
        ("20190314", "20180207"),
        ("20190314235959.123-0500", "20180207235959.123-0500"),
    ] {
        assert_eq!(shift.compact(written).as_deref(), Some(expected));
    }
    for written in ["", "20", "2019031", "20191301", "abcd", "2019-03-14"] {
        assert_eq!(shift.compact(written), None, "{written}");
    }
    for written in ["", "19", "2019-3-1", "2019-03-14T<b>", "2019-03T10:00:00Z", "20190314"] {
        assert_eq!(shift.fhir(written), None, "{written}");
    }
}

proptest! {
    #[test]
    fn every_interval_stays(days in -1000_i32..1000, a in 0_i32..30_000, b in 0_i32..30_000) {
        let shift = shift_by(if days == 0 { 1 } else { days });
        let start = Day::from_ymd(1940, 1, 1).unwrap();
        let (a, b) = (start.plus(a).unwrap(), start.plus(b).unwrap());
        let moved = |day: Day| {
            let (year, month, number) = day.ymd();
            let iso = shift.fhir(&format!("{year:04}-{month:02}-{number:02}")).unwrap();
            let us = shift.text(&format!("{month}/{number}/{year}")).unwrap();
            let compact = shift.compact(&format!("{year:04}{month:02}{number:02}")).unwrap();
            let part = |from: usize, to: usize| iso[from..to].parse::<i32>().unwrap();
            let (year, month, number) = (part(0, 4), part(5, 7), part(8, 10));
            let us: Vec<i32> = us.split('/').map(|part| part.parse().unwrap()).collect();
            assert_eq!(us, [month, number, year]);
            assert_eq!(compact, format!("{year:04}{month:02}{number:02}"));
            Day::from_ymd(year, month as u8, number as u8).unwrap()
        };
        prop_assert_eq!(moved(a).since(moved(b)), a.since(b));
    }

    #[test]
    fn intervals_of_months_stay(days in -1000_i32..1000, a in 0_i32..600, b in 0_i32..600) {
        let shift = shift_by(days);
        let moved = |months: i32| {
            let text = shift.fhir(&format!("{:04}-{:02}", 1950 + months / 12, months % 12 + 1)).unwrap();
            text[..4].parse::<i32>().unwrap() * 12 + text[5..].parse::<i32>().unwrap()
        };
        prop_assert_eq!(moved(a) - moved(b), a - b);
    }

    #[test]
    fn the_reverse_of_a_shift_undoes_it(days in 1_i32..1000, at in 0_i32..30_000) {
        let shift = shift_by(days);
        let (year, month, day) = Day::from_ymd(1940, 1, 1).unwrap().plus(at).unwrap().ymd();
        let text = format!("{month:02}/{day:02}/{year:04}");
        let shifted = shift.text(&text).unwrap();
        prop_assert_eq!(shift.reversed().text(&shifted), Some(text));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", days in -1000_i32..1000) {
        let shift = shift_by(days);
        let _ = (shift.text(&text), shift.fhir(&text), shift.compact(&text), shift.instant(&text));
    }

    #[test]
    fn no_digits_make_it_panic(text in "[0-9/: .T+-]{0,24}", days in -1000_i32..1000) {
        let shift = shift_by(days);
        let _ = (shift.text(&text), shift.fhir(&text), shift.compact(&text), shift.instant(&text));
    }
}
