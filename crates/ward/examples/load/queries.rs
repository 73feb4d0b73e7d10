//! The searches, and how many matches the input says each has.

mod kinds;

use std::rc::Rc;

use testkit::Random;

use crate::check::{Expect, Page};
use crate::drive::{Ask, Draw};
use crate::http::Target;
use crate::truth::Truth;

pub(crate) use kinds::{ASSESSMENTS, COMPOSITE, probability};

/// A page's entries, where nothing else is said.
const PAGE: usize = 50;

/// A search row: its name, and what draws its requests.
pub(crate) struct Query {
    /// The row's name.
    pub(crate) name: &'static str,
    /// Draws a request.
    pub(crate) draw: Rc<Draw>,
}

/// The path and the answer of one search.
type Case = (String, Page);

/// All search rows over what was imported; a row for which the input has nothing is left out.
pub(crate) fn all(target: &Target, truth: &Truth) -> Vec<Query> {
    let rows = [
        ("search code", codes(truth, "", PAGE, false)),
        ("search name", names(truth)),
        ("search subject+date, sorted", subjects(truth)),
        ("search chain subject.name", chained_names(truth)),
        ("search chain subject.birthdate", chained_births(truth)),
        ("search code, _include", codes(truth, "&_include=Observation:subject", 20, true)),
        ("search _id, _revinclude", reverse(truth)),
    ];
    rows.into_iter()
        .chain(kinds::all(truth))
        .filter(|(_, cases)| !cases.is_empty())
        .map(|(name, cases)| query(target, name, cases))
        .collect()
}

/// Counts that must be exact, asked once each: `_summary=count`.
pub(crate) fn counts(truth: &Truth) -> Vec<Case> {
    let mut cases: Vec<Case> = truth
        .frequent_codes(10)
        .into_iter()
        .map(|(code, total)| counted(format!("Observation?code={}&_summary=count", encode(&code)), total))
        .collect();
    for (kind, ids) in &truth.ids {
        cases.push(counted(format!("{kind}?_summary=count"), ids.len()));
    }
    cases
}

fn counted(path: String, total: usize) -> Case {
    let page = Page { about: path.clone(), total: Some(total), ..Page::default() };
    (path, page)
}

fn query(target: &Target, name: &'static str, cases: Vec<Case>) -> Query {
    let asks: Vec<(Vec<u8>, Expect)> =
        cases.into_iter().map(|(path, page)| (target.get(&path), Expect::Page(page))).collect();
    let draw = move |random: &mut Random| {
        let (request, expect) = random.pick(&asks);
        Ask { request: request.clone(), expect: expect.clone() }
    };
    Query { name, draw: Rc::new(draw) }
}

fn page(path: String, matches: usize, count: usize) -> Case {
    let page = Page { about: path.clone(), matches: matches.min(count), ..Page::default() };
    (path, page)
}

fn codes(truth: &Truth, more: &str, count: usize, subjects_included: bool) -> Vec<Case> {
    let frequent = truth.frequent_codes(10).into_iter();
    frequent
        .map(|(code, total)| {
            let (path, known) =
                page(format!("Observation?code={}&_count={count}{more}", encode(&code)), total, count);
            (path, Page { subjects_included, ..known })
        })
        .collect()
}

/// Family names of plain letters: what the standard folds away (case, accents) is another test's business.
fn families(truth: &Truth) -> Vec<&String> {
    let mut families: Vec<&String> = truth.patients.values().flat_map(|patient| &patient.families).collect();
    families.retain(|family| family.len() > 2 && family.bytes().all(|byte| byte.is_ascii_alphabetic()));
    families.sort();
    families.dedup();
    families.truncate(500);
    families
}

fn names(truth: &Truth) -> Vec<Case> {
    let cases = families(truth).into_iter().map(|family| {
        let total = truth.named(&family.to_lowercase()).count();
        page(format!("Patient?name={}&_count={PAGE}", encode(family)), total, PAGE)
    });
    cases.collect()
}

fn chained_names(truth: &Truth) -> Vec<Case> {
    let cases = families(truth).into_iter().map(|family| {
        let total = truth.named(&family.to_lowercase()).map(|patient| patient.observations.len()).sum();
        page(format!("Observation?subject:Patient.name={}&_count={PAGE}", encode(family)), total, PAGE)
    });
    cases.collect()
}

fn chained_births(truth: &Truth) -> Vec<Case> {
    let years = (1940..=1990).step_by(10);
    let cases = years.map(|year| {
        let first = format!("{year}-01-01");
        let total = truth
            .patients
            .values()
            .filter(|patient| !patient.birth.is_empty() && patient.birth < first)
            .map(|patient| patient.conditions)
            .sum();
        page(format!("Condition?subject:Patient.birthdate=lt{first}&_count={PAGE}"), total, PAGE)
    });
    cases.collect()
}

fn subjects(truth: &Truth) -> Vec<Case> {
    let day = truth.middle_day();
    let since = crate::truth::instant_ms(&format!("{day}T00:00:00Z")).unwrap_or(0);
    // Where a time is less exact than the store's own, the input cannot tell the count.
    let exact = truth.patients.iter().filter(|(_, patient)| patient.observations.iter().all(Option::is_some));
    let cases = exact.take(5_000).map(|(id, patient)| {
        let total = patient.observations.iter().flatten().filter(|time| **time >= since).count();
        let path = format!("Observation?subject=Patient/{id}&date=ge{day}&_sort=-date&_count={PAGE}");
        let (path, known) = page(path, total, PAGE);
        (path, Page { newest_first: true, ..known })
    });
    cases.collect()
}

fn reverse(truth: &Truth) -> Vec<Case> {
    let cases = truth.patients.iter().take(5_000).map(|(id, patient)| {
        let (path, known) = page(format!("Patient?_id={id}&_revinclude=Condition:subject"), 1, PAGE);
        (path, Page { includes: Some(patient.conditions), ..known })
    });
    cases.collect()
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
