//! A search by each kind of parameter, and the ways through many matches.

use super::{Case, PAGE, encode, page};
use crate::check::Page;
use crate::truth::{Truth, instant_ms};

/// Rows by name; `search code` is the token's row and `search name` the string's.
pub(super) fn all(truth: &Truth) -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("search reference", references(truth)),
        ("search date", dates(truth)),
        ("search quantity", quantities(truth)),
        ("search uri: _profile", profiles(truth)),
        ("search number", probabilities()),
        ("search composite", composites(truth)),
        ("search _has", having(truth)),
        ("search _total=accurate", totals(truth)),
    ]
}

fn references(truth: &Truth) -> Vec<Case> {
    let patients = truth.patients.iter().take(5_000);
    let cases = patients.map(|(id, patient)| {
        let total = patient.observations.len();
        page(format!("Observation?subject=Patient/{id}&_count={PAGE}"), total, PAGE)
    });
    cases.collect()
}

/// A day each. Left out where a time is less exact than the store's own: the input cannot tell the count then.
fn dates(truth: &Truth) -> Vec<Case> {
    let times: Option<Vec<i64>> =
        truth.patients.values().flat_map(|patient| &patient.observations).copied().collect();
    let Some(mut times) = times else { return Vec::new() };
    times.sort_unstable();
    let step = (times.len() / 200).max(1);
    let cases = times.iter().step_by(step).filter_map(|time| {
        let day = jiff::Timestamp::from_millisecond(*time).ok()?.strftime("%Y-%m-%d").to_string();
        let from = instant_ms(&format!("{day}T00:00:00Z"))?;
        let total = times.iter().filter(|time| (from..from + 86_400_000).contains(*time)).count();
        Some(page(format!("Observation?date={day}&_count={PAGE}"), total, PAGE))
    });
    cases.collect()
}

/// A number in the middle of `values` from which all of them keep their distance, so that its precision plays no part.
fn between(values: &[f64]) -> Option<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied()?.trunc() as i64;
    (middle..middle + 20).find(|limit| values.iter().all(|value| (value - *limit as f64).abs() > 0.5))
}

fn above(values: &[f64], limit: i64) -> usize {
    values.iter().filter(|value| **value > limit as f64).count()
}

/// Values in other units that convert join the matches (1 g is 1000 mg), so only pages that are full by their own unit alone can
/// be told beforehand.
fn quantities(truth: &Truth) -> Vec<Case> {
    let cases = truth.units.iter().filter_map(|(unit, values)| {
        let limit = between(values).filter(|limit| above(values, *limit) >= PAGE)?;
        let path = format!(
            "Observation?value-quantity=gt{limit}{}&_count={PAGE}",
            encode(&format!("|http://unitsofmeasure.org|{unit}"))
        );
        Some(page(path, above(values, limit), PAGE))
    });
    cases.take(20).collect()
}

/// The composite parameter that is asked for, where the capability statement lists it.
pub(crate) const COMPOSITE: &str = "code-value-quantity";

fn composites(truth: &Truth) -> Vec<Case> {
    let mut most: Vec<_> = truth.quantities.iter().collect();
    most.sort_by_key(|(_, values)| std::cmp::Reverse(values.len()));
    let cases = most.into_iter().filter_map(|((code, unit), values)| {
        let limit = between(values)?;
        let value = format!("{code}$gt{limit}|http://unitsofmeasure.org|{unit}");
        let path = format!("Observation?{COMPOSITE}={}&_count={PAGE}", encode(&value));
        Some(page(path, above(values, limit), PAGE))
    });
    cases.take(10).collect()
}

fn profiles(truth: &Truth) -> Vec<Case> {
    let profiles = truth.profiles.iter();
    let cases = profiles.map(|((kind, profile), total)| {
        page(format!("{kind}?_profile={}&_count={PAGE}", encode(profile)), *total, PAGE)
    });
    cases.collect()
}

/// Assessments that [`crate::operations`] makes beforehand, with probabilities of 0.0005, 0.0015 and so on.
pub(crate) const ASSESSMENTS: usize = 1_000;

/// The probability of one of them.
pub(crate) fn probability(nth: usize) -> String {
    format!("0.{nth:03}5")
}

fn probabilities() -> Vec<Case> {
    let cases = (0..ASSESSMENTS).step_by(40).map(|least| {
        let path = format!("RiskAssessment?probability=gt0.{least:03}0&_count={PAGE}");
        page(path, ASSESSMENTS - least, PAGE)
    });
    cases.collect()
}

fn having(truth: &Truth) -> Vec<Case> {
    let mut most: Vec<_> = truth.conditions.iter().collect();
    most.sort_by_key(|(code, patients)| (std::cmp::Reverse(patients.len()), (*code).clone()));
    let cases = most.into_iter().take(10).map(|(code, patients)| {
        let path = format!("Patient?_has:Condition:subject:code={}&_count={PAGE}", encode(code));
        page(path, patients.len(), PAGE)
    });
    cases.collect()
}

fn totals(truth: &Truth) -> Vec<Case> {
    let frequent = truth.frequent_codes(10).into_iter();
    let cases = frequent.map(|(code, total)| {
        let path = format!("Observation?code={}&_total=accurate&_count=20", encode(&code));
        let (path, known) = page(path, total, 20);
        (path, Page { total: Some(total), ..known })
    });
    cases.collect()
}
