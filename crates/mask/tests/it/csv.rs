//! CSV tables, made here and shared ones.

use mask::Kind;
use mask::records::csv::{ColumnMethod, CsvConfig, CsvConfigError, CsvError, CsvMasker, Guess, profile};
use mask::transform::{Day, Plan, Tally};
use proptest::prelude::*;

use crate::support::{DATES, TestKeys, Words, corpus, scope, tools};

fn config(text: &str) -> CsvConfig {
    CsvConfig::parse(text.as_bytes()).unwrap()
}

fn masked_in(config: &CsvConfig, table: &[u8], chunk: usize) -> Result<(String, Tally), CsvError> {
    let (keys, plan) = (TestKeys(5), Plan::labels());
    let finder = Words(&[("Miller", Kind::Name)]);
    let mut masker = CsvMasker::new(config, tools(&keys, &finder, &plan), scope());
    let mut out = Vec::new();
    for chunk in table.chunks(chunk) {
        masker.push(chunk, &mut out)?;
    }
    let tally = masker.finish(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), tally))
}

const RULES: &str = r#"{"patient":["mrn"],"sealRows":SEAL,"rules":[
    {"column":"mrn","method":"id"},{"column":"*name","method":"name"},{"column":"*date","method":"date"},{"column":"zip","method":"zip"},
    {"column":"age","method":"age"},{"column":"phone","method":"phone"},{"column":"sex","method":"keep"},{"column":"lat","method":"remove"}]}"#;

const TABLE: &str = "mrn,first_name,last_name,birth_date,visit_date,zip,age,sex,lat,phone,note\r\n\
    A-1001,Ann,Quxbury,1970-03-14,3/16/1970,02139,56,F,42.1,617-555-0123,\"Ann \"\"Bea\"\" Quxbury, A-1001,\nby Miller\"\r\n\
    A-1002,Bob,,,\"March 5, 2020\",,97,M,,,fine,extra Miller\n\
    A-1001,,,,1970-03-20,,,,,,";

#[test]
fn each_column_is_masked_by_its_rule_and_the_form_stays() {
    let config = config(&RULES.replace("SEAL", "false"));
    let (text, tally) = masked_in(&config, TABLE.as_bytes(), 7).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "mrn,first_name,last_name,birth_date,visit_date,zip,age,sex,lat,phone,note");
    for gone in ["Ann", "Quxbury", "A-1001", "Miller", "1970-03-14", "02139", "617", "42.1", ",97,", "Bob"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    assert!(
        lines[1].contains(",[NAME],[NAME],")
            && lines[1].contains(",02100,56,F,,[PHONE],\"[NAME] \"\"Bea\"\" [NAME], [MRN],\nby [NAME]\""),
        "{text}"
    );
    assert!(lines[2].contains(",90,M,,,fine,extra [NAME]\n"), "{text}");
    assert!(tally.total() > 10);
    assert_eq!(masked_in(&config, TABLE.as_bytes(), 1000).unwrap().0, text);
}

#[test]
fn the_dates_of_one_patient_shift_alike_over_rows_and_styles() {
    let config = config(&RULES.replace("SEAL", "false"));
    let (text, _) = masked_in(&config, TABLE.as_bytes(), 1000).unwrap();
    let fields: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let iso = |text: &str| {
        Day::from_ymd(text[..4].parse().unwrap(), text[5..7].parse().unwrap(), text[8..10].parse().unwrap())
            .unwrap()
    };
    let us: Vec<i32> = fields[1][4].split('/').map(|part| part.parse().unwrap()).collect();
    let visit = Day::from_ymd(us[2], us[0] as u8, us[1] as u8).unwrap();
    let birth = iso(fields[1][3]);
    assert_eq!(visit.since(birth), 2);
    let last = text.lines().last().unwrap().split(',').nth(4).unwrap();
    assert_eq!(iso(last).since(birth), 6);
}

#[test]
fn sealed_rows_come_back_as_they_are_and_changed_ones_do_not() {
    let config = config(&RULES.replace("SEAL", "true"));
    let (once, _) = masked_in(&config, TABLE.as_bytes(), 1000).unwrap();
    assert!(once.lines().next().unwrap().ends_with(",mask_seal"));
    let (twice, tally) = masked_in(&config, once.as_bytes(), 1000).unwrap();
    assert_eq!(once, twice);
    assert_eq!(tally, Tally::default());
    let forged = once.replace("fine", "Miller");
    assert!(!masked_in(&config, forged.as_bytes(), 1000).unwrap().0.contains("Miller"));
}

#[test]
fn broken_tables_are_refused_by_row() {
    let config = config(r#"{"rules":[]}"#);
    let check =
        |table: &[u8], expected: CsvError| assert_eq!(masked_in(&config, table, 3).unwrap_err(), expected);
    check(b"a,b\n\"x\"y,1\n", CsvError::Quote { row: 2 });
    check(b"a,b\n\"x", CsvError::Quote { row: 2 });
    check(b"a,b\n\xff,1\n", CsvError::NotUtf8 { row: 2 });
    check(",".repeat(20_000).as_bytes(), CsvError::TooManyColumns { row: 1 });
    assert_eq!(masked_in(&config, b"", 1).unwrap().0, "");
    assert_eq!(masked_in(&config, b"a\r\r\nb", 1).unwrap().0, "a\r\r\nb");
}

#[test]
fn configurations_that_cannot_be_used_say_why() {
    let parse = |text: &str| CsvConfig::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(parse("["), CsvConfigError::Json(_)));
    assert!(matches!(parse("{}"), CsvConfigError::Member { member: "rules", .. }));
    assert_eq!(parse(r#"{"rules":[{"column":"a","method":"x"}]}"#), CsvConfigError::Rule { rule: 1 });
    assert!(matches!(
        parse(r#"{"rules":[],"delimiter":"\""}"#),
        CsvConfigError::Member { member: "delimiter", .. }
    ));
}

#[test]
fn columns_are_guessed_by_name_and_by_values() {
    let table = "Id,BIRTHDATE,FIRST,ZIP,GENDER,x1,x2,x3,DESCRIPTION,START\n\
        b37f7960-7e9e-4e8c-9f3b-7d2f00000001,1970-01-01,Ann,02139,F,3/14/2019,a@b.example,7,seen by Miller,yes\n";
    let (config, guesses) = profile(table.as_bytes(), b',').unwrap();
    let found: Vec<(ColumnMethod, Guess)> = guesses.iter().map(|guess| (guess.method, guess.from)).collect();
    use ColumnMethod as M;
    assert_eq!(
        found,
        [
            (M::Id, Guess::Name),
            (M::Date, Guess::Name),
            (M::Name, Guess::Name),
            (M::Zip, Guess::Name),
            (M::Keep, Guess::Name),
            (M::Date, Guess::Values),
            (M::Email, Guess::Values),
            (M::Keep, Guess::Values),
            (M::Inspect, Guess::Nothing),
            (M::Inspect, Guess::Nothing),
        ]
    );
    assert_eq!(config.patient, ["Id"]);
}

#[test]
fn no_patient_of_the_shared_tables_is_left() {
    let Some(folder) = corpus("csv/synthea-2024", 100) else { return };
    let patients = std::fs::read(folder.join("patients.csv")).unwrap();
    let (config, _) = profile(&patients[..patients.len().min(200_000)], b',').unwrap();
    let (text, _) = masked_in(&config, &patients, 4096).unwrap();
    let original = String::from_utf8(patients).unwrap();
    let mut lines = original.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut looked_for = 0;
    for (line, masked) in lines.zip(text.lines().skip(1)) {
        let masked: Vec<&str> = masked.split(',').collect();
        for (name, value) in names.iter().zip(line.split(',')) {
            let told = [
                "Id",
                "BIRTHDATE",
                "SSN",
                "DRIVERS",
                "PASSPORT",
                "FIRST",
                "LAST",
                "MAIDEN",
                "ADDRESS",
                "CITY",
                "COUNTY",
                "ZIP",
                "LAT",
            ];
            if told.contains(name) && value.len() > 4 && value != "00000" {
                looked_for += 1;
                assert!(!masked.contains(&value), "{name}");
            }
        }
    }
    eprintln!("{looked_for} values looked for, none left");
    for file in ["encounters.csv", "conditions.csv", "observations.csv"] {
        let table = std::fs::read(folder.join(file)).unwrap();
        let table = &table[..table.len().min(300_000)];
        let table = &table[..=table.iter().rposition(|byte| *byte == b'\n').unwrap()];
        let (config, guesses) = profile(table, b',').unwrap();
        assert_eq!(config.patient, ["PATIENT"], "{file}");
        assert!(guesses.iter().any(|guess| guess.method == ColumnMethod::Date), "{file}");
        masked_in(&config, table, 4096).unwrap();
    }
}

proptest! {
    #[test]
    fn any_table_keeps_its_shape_and_no_bytes_panic(table in "[ab,\"\r\n1-9/ ]{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let keep = config(r#"{"rules":[],"otherwise":"keep"}"#);
        if let Ok((out, _)) = masked_in(&keep, table.as_bytes(), 5) {
            let again = masked_in(&keep, out.as_bytes(), 3).unwrap().0;
            prop_assert_eq!(&again, &out);
        }
        let _ = masked_in(&config(&RULES.replace("SEAL", "true")), &bytes, 4);
        let _ = (&DATES, profile(&bytes, b','));
    }
}
