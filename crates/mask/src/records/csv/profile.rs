//! Guesses what the columns of a table hold, from their names and some of their values.

use std::collections::HashSet;

use super::CsvError;
use super::config::{ColumnMethod, ColumnRule, CsvConfig};
use super::reader::{Reader, Row};
use crate::transform::{DateShift, Day, ShiftOptions, pseudonym};

/// Rows that are looked at.
const ROWS_MAX: usize = 1000;

/// What a guess is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// The column's name.
    Name,
    /// Its values.
    Values,
    /// Neither says anything; it will be searched.
    Nothing,
}

/// What a column seems to hold. It shows the column's name, none of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnGuess {
    /// The column's name.
    pub column: String,
    /// What should be done with it.
    pub method: ColumnMethod,
    /// What says so.
    pub from: Guess,
}

/// Guesses the rules for a table from its first rows (at most 1,000 are looked at); a last row that is cut off is left out.
///
/// # Errors
/// [`CsvError`].
pub fn profile(sample: &[u8], delimiter: u8) -> Result<(CsvConfig, Vec<ColumnGuess>), CsvError> {
    let mut reader = Reader::new(delimiter);
    let mut rows: Vec<Row> = Vec::new();
    for byte in sample {
        rows.extend(reader.take(*byte)?);
        if rows.len() > ROWS_MAX {
            break;
        }
    }
    let names: Vec<String> = rows
        .first()
        .map(|row| row.fields.iter().map(|field| field.text.trim().to_owned()).collect())
        .unwrap_or_default();
    let guesses: Vec<ColumnGuess> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let values = rows.iter().skip(1).filter_map(|row| row.fields.get(at));
            let values: Vec<&str> =
                values.map(|field| field.text.trim()).filter(|text| !text.is_empty()).collect();
            let (method, from) = guess(name, &values);
            ColumnGuess { column: name.clone(), method, from }
        })
        .collect();
    let rules = guesses
        .iter()
        .map(|guess| ColumnRule { column: guess.column.clone(), method: guess.method })
        .collect();
    let config = CsvConfig { delimiter, ..CsvConfig::new(rules, patient_of(&names)) };
    Ok((config, guesses))
}

/// The column that names the patient: one called so, else the id of a table that has birth dates.
fn patient_of(names: &[String]) -> Vec<String> {
    let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let called = ["patient", "patientid", "mrn", "subjectid", "personid", "memberid"];
    let place = called.iter().find_map(|called| plain.iter().position(|name| name == called));
    let of_birth = plain.iter().any(|name| name.contains("birth") || name == "dob");
    let place = place.or_else(|| plain.iter().position(|name| name == "id").filter(|_| of_birth));
    place.and_then(|at| names.get(at)).cloned().into_iter().collect()
}

fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

fn guess(name: &str, values: &[&str]) -> (ColumnMethod, Guess) {
    let by_value = from_values(values);
    match from_name(&plain(name)) {
        // A name may mislead (`start` of a range, `last` of a series); values that are plainly something else decide.
        Some(ColumnMethod::Date) if by_value != Some(ColumnMethod::Date) && !values.is_empty() => {
            by_value.map_or((ColumnMethod::Inspect, Guess::Nothing), |method| (method, Guess::Values))
        }
        Some(method) => (method, Guess::Name),
        None => by_value.map_or((ColumnMethod::Inspect, Guess::Nothing), |method| (method, Guess::Values)),
    }
}

fn from_name(name: &str) -> Option<ColumnMethod> {
    use ColumnMethod as M;
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let is = |names: &[&str]| names.contains(&name);
    let ends = |parts: &[&str]| parts.iter().any(|part| name.ends_with(part));
    Some(match name {
        _ if is(&["lat", "lon", "lng", "fips"]) || has(&["latitude", "longitude"]) => M::Remove,
        _ if has(&[
            "ssn",
            "socialsecurity",
            "passport",
            "driver",
            "licen",
            "mrn",
            "medicalrecord",
            "npi",
            "dea",
        ]) =>
        {
            M::Id
        }
        _ if has(&[
            "account",
            "policy",
            "member",
            "subscriber",
            "device",
            "udi",
            "serial",
            "plate",
            "vin",
        ]) =>
        {
            M::Id
        }
        _ if has(&["email"]) => M::Email,
        _ if has(&["phone", "mobile", "telecom", "fax"]) || is(&["tel", "cell"]) => M::Phone,
        _ if has(&["zip", "postal", "postcode"]) => M::Zip,
        _ if has(&["birthplace", "address", "street", "county", "district"])
            || is(&["city", "town", "addr"]) =>
        {
            M::Location
        }
        _ if is(&["state", "country", "gender", "sex", "race", "ethnicity", "marital", "prefix"]) => M::Keep,
        _ if is(&["age"]) || ends(&["ageyears", "ageatvisit"]) => M::Age,
        _ if has(&["organization", "hospital", "facility", "employer", "clinic"]) && ends(&["name"]) => {
            M::Organization
        }
        _ if is(&[
            "first",
            "last",
            "middle",
            "maiden",
            "given",
            "family",
            "surname",
            "suffix",
            "provider",
            "physician",
        ]) =>
        {
            M::Name
        }
        _ if ends(&["name"]) && !has(&["drug", "test", "code", "file", "column", "system", "medication"]) => {
            M::Name
        }
        _ if has(&["note", "comment", "narrative", "freetext", "summary"]) || is(&["text"]) => M::Inspect,
        _ if has(&["date", "birth", "dob", "death", "datetime", "timestamp"])
            || is(&["start", "stop", "end", "time"]) =>
        {
            M::Date
        }
        _ if is(&["id", "patient", "encounter", "claim", "uuid", "guid"])
            || ends(&["id", "identifier", "uid"]) =>
        {
            M::Id
        }
        _ => return None,
    })
}

/// What nine in ten of the values are.
fn from_values(values: &[&str]) -> Option<ColumnMethod> {
    use ColumnMethod as M;
    if values.is_empty() {
        return None;
    }
    let today = Day::from_ymd(2000, 1, 1)?;
    let shift = DateShift::probe(&ShiftOptions::new(today));
    let mostly = |test: &dyn Fn(&str) -> bool| {
        values.iter().filter(|value| test(value)).count() * 10 >= values.len() * 9
    };
    let digits = |value: &str| value.bytes().filter(u8::is_ascii_digit).count();
    let is_decimal = |value: &str| value.parse::<f64>().is_ok();
    if mostly(&pseudonym::looks_like_uuid) {
        return Some(M::Id);
    }
    if mostly(&|value| value.contains('@') && value.contains('.') && !value.contains(' ')) {
        return Some(M::Email);
    }
    let is_date = |value: &str| {
        digits(value) >= 6
            && !is_decimal(value)
            && (shift.fhir(value).is_some() || shift.text(value).is_some())
    };
    if mostly(&is_date) {
        return Some(M::Date);
    }
    let is_formatted = |value: &str, count: usize| {
        digits(value) == count
            && !is_decimal(value)
            && value.chars().all(|letter| letter.is_ascii_digit() || " -().+".contains(letter))
    };
    if mostly(&|value| is_formatted(value, 9)) {
        return Some(M::Id);
    }
    if mostly(&|value| is_formatted(value, 10) || is_formatted(value, 11)) {
        return Some(M::Phone);
    }
    if mostly(&is_decimal) {
        let distinct: HashSet<&&str> = values.iter().collect();
        let is_long = mostly(&|value| digits(value) >= 7 && !value.contains('.'));
        return Some(if is_long && distinct.len() * 2 > values.len() { M::Id } else { M::Keep });
    }
    None
}
