//! Whether an answer is the right one, as far as the input tells.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::truth::instant_ms;

/// What an answer must hold.
#[derive(Debug, Clone)]
pub(crate) enum Expect {
    /// Anything: the status alone counts.
    Done,
    /// The resource of this type and id.
    Resource(String, String),
    /// A bundle that holds a resource of this id.
    Holds(String),
    /// A page of a search.
    Page(Page),
}

/// What a page of a search must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The words of the search, for the report.
    pub(crate) about: String,
    /// How many matches stand on the page.
    pub(crate) matches: usize,
    /// How many included resources, if the input tells.
    pub(crate) includes: Option<usize>,
    /// Whether every subject of a match must be included, once.
    pub(crate) subjects_included: bool,
    /// Whether `effectiveDateTime` must fall from match to match.
    pub(crate) newest_first: bool,
    /// `Bundle.total`, if it was asked for.
    pub(crate) total: Option<usize>,
}

/// What the checked answers held together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Matches.
    pub(crate) matches: usize,
    /// Included resources.
    pub(crate) includes: usize,
}

/// Compares an answer with what it must hold; the error says in what it differs.
pub(crate) fn answer(expect: &Expect, body: &[u8], tally: &mut Tally) -> Result<(), String> {
    match expect {
        Expect::Done => Ok(()),
        Expect::Resource(kind, id) => {
            let body: Value =
                serde_json::from_slice(body).map_err(|error| format!("{kind}/{id}: {error}"))?;
            if body["resourceType"] == **kind && body["id"] == **id && body["meta"]["versionId"].is_string() {
                tally.matches += 1;
                return Ok(());
            }
            Err(format!("{kind}/{id}: another resource came back, or one without its version"))
        }
        Expect::Holds(id) => {
            let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            let entries = body["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
            tally.matches += entries.len();
            match entries.iter().any(|entry| entry["resource"]["id"] == **id) {
                true => Ok(()),
                false => Err("a bundle without the resource that it is about".to_owned()),
            }
        }
        Expect::Page(page) => {
            let body: Value =
                serde_json::from_slice(body).map_err(|error| format!("{}: {error}", page.about))?;
            whole_page(page, &body, tally).map_err(|problem| format!("{}: {problem}", page.about))
        }
    }
}

fn whole_page(page: &Page, body: &Value, tally: &mut Tally) -> Result<(), String> {
    if let Some(total) = page.total
        && body["total"].as_u64() != Some(total as u64)
    {
        return Err(format!("total {}, the input says {total}", body["total"]));
    }
    let empty = Vec::new();
    let entries = body["entry"].as_array().unwrap_or(&empty);
    let (mut matches, mut includes) = (0, BTreeSet::new());
    let (mut subjects, mut last) = (BTreeSet::new(), None);
    let mut included = 0;
    for entry in entries {
        let resource = &entry["resource"];
        match entry["search"]["mode"].as_str() {
            Some("include") => {
                included += 1;
                let kind = resource["resourceType"].as_str().unwrap_or_default();
                includes.insert(format!("{kind}/{}", resource["id"].as_str().unwrap_or_default()));
            }
            Some("match") => {
                matches += 1;
                if let Some(subject) = resource["subject"]["reference"].as_str() {
                    subjects.insert(subject.to_owned());
                }
                let date = resource["effectiveDateTime"].as_str().and_then(instant_ms);
                if page.newest_first && last.is_some() && date.is_some() && date > last {
                    return Err("not in the order asked for".to_owned());
                }
                last = date.or(last);
            }
            other => return Err(format!("an entry's search mode is {other:?}")),
        }
    }
    tally.matches += matches;
    tally.includes += included;
    if matches != page.matches {
        return Err(format!("{matches} matches, the input says {}", page.matches));
    }
    if included != includes.len() || page.includes.is_some_and(|count| count != included) {
        return Err(format!("{included} included, the input says {:?}", page.includes));
    }
    if page.subjects_included && subjects != includes {
        return Err(format!("{included} subjects included, the matches name {}", subjects.len()));
    }
    Ok(())
}
