//! `$lastn`: the newest observations of each kind (R4 observation-operation-lastn.html).

use std::collections::HashMap;

use fhir::json::{self, Value};
use fhir::search::query::{Contained, Query};
use protect::access::Interaction;

use super::{Access, query_hash};
use crate::body::BODY_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::finding;
use crate::search::Beginnings;
use crate::types::{SearchEntry, SearchPage};
use crate::view::corrupt;

/// Pages that are looked through; more observations than they hold are refused.
const PAGES_MAX: usize = 50;

impl Access {
    /// The newest `max` Observations of each kind among those that `query` finds, kind by kind, newest first.
    ///
    /// Two are of one kind if their codes share a coding; without any coding, if their codes have the same text. `query`
    /// has to sort by `-date`; its page size says how many are read at a time.
    ///
    /// # Errors
    /// As a search; `TooCostly` if it finds more than fifty pages.
    pub fn lastn(&self, query: &Query, max: usize) -> Result<SearchPage> {
        if query.contained != Contained::No {
            return Err(Error::new(ErrorKind::Invalid, "`_contained` is for searches alone"));
        }
        self.operation(Interaction::Operation, "lastn", "Observation", |shown| {
            let view = self.inner.core.snapshot(self.tenant())?;
            shown.query_hash = Some(query_hash(&view, query));
            let asker = finding::Asker {
                caller: &self.caller,
                reach: &shown.reach,
                now_ms: self.inner.clock.now_ms(),
                base: self.inner.options.base_url.as_deref(),
            };
            let mut groups = Groups::default();
            let mut page = finding::run(&view, query, &Beginnings::default(), &asker)?;
            let mut pages = 1;
            loop {
                groups.take(std::mem::take(&mut page.entries), max)?;
                let Some(token) = page.next.take() else { break };
                if pages == PAGES_MAX {
                    return Err(Error::new(
                        ErrorKind::TooCostly,
                        "there are too many observations to look through: add a category, a code or a date",
                    ));
                }
                pages += 1;
                let (query, beginnings) = finding::open_page(&view, "Observation", &token, &self.caller)?;
                page = finding::run(&view, &query, &beginnings, &asker)?;
            }
            let entries = groups.finish();
            entries.iter().for_each(|entry| shown.add(&entry.versioned));
            let total = u64::try_from(entries.len()).ok();
            Ok(SearchPage { entries, total, total_is_exact: true, ..SearchPage::default() })
        })
    }
}

/// An observation with its place among all that were met.
struct Placed {
    place: usize,
    entry: SearchEntry,
}

/// Observations by kind, kinds in the order in which they were met.
#[derive(Default)]
struct Groups {
    entries: Vec<Vec<Placed>>,
    met: usize,
    /// The group of a coding or a text; groups that turn out to be one are joined by `joined`.
    by_key: HashMap<String, usize>,
    joined: Vec<usize>,
}

impl Groups {
    fn take(&mut self, entries: Vec<SearchEntry>, max: usize) -> Result<()> {
        let limits = json::Limits { bytes_max: BODY_BYTES_MAX, ..json::Limits::default() };
        for entry in entries {
            let value = json::parse(&entry.versioned.body, &limits).map_err(corrupt)?;
            let group = self.group(&keys(&value), max);
            self.met += 1;
            if let Some(own) = self.entries.get_mut(group).filter(|own| own.len() < max) {
                own.push(Placed { place: self.met, entry });
            }
        }
        Ok(())
    }

    /// The group of these keys; an observation with two codings may make one out of two groups.
    fn group(&mut self, keys: &[String], max: usize) -> usize {
        let known: Vec<usize> =
            keys.iter().filter_map(|key| self.by_key.get(key)).map(|at| self.root(*at)).collect();
        let group = known.iter().copied().min().unwrap_or_else(|| {
            self.entries.push(Vec::new());
            self.joined.push(self.entries.len() - 1);
            self.entries.len() - 1
        });
        for other in known {
            if other != group {
                if let Some(root) = self.joined.get_mut(other) {
                    *root = group;
                }
                let moved = self.entries.get_mut(other).map(std::mem::take).unwrap_or_default();
                if let Some(own) = self.entries.get_mut(group) {
                    own.extend(moved);
                    // Walked newest first, so each group is in that order; two that turn out to be one are put in it anew.
                    own.sort_by_key(|entry| entry.place);
                    own.truncate(max);
                }
            }
        }
        for key in keys {
            self.by_key.insert(key.clone(), group);
        }
        group
    }

    fn root(&self, mut at: usize) -> usize {
        while let Some(next) = self.joined.get(at).copied().filter(|next| *next != at) {
            at = next;
        }
        at
    }

    fn finish(self) -> Vec<SearchEntry> {
        self.entries.into_iter().flatten().map(|placed| placed.entry).collect()
    }
}

/// What says of which kind an observation is.
fn keys(observation: &Value) -> Vec<String> {
    let code = observation.get("code");
    let codings = code.and_then(|code| code.get("coding")).map(Value::elements).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let keys: Vec<String> = codings
        .iter()
        .filter(|coding| coding.get("code").is_some())
        .map(|coding| format!("{}|{}", text(coding.get("system")), text(coding.get("code"))))
        .collect();
    if keys.is_empty() {
        vec![format!("text {}", text(code.and_then(|code| code.get("text"))))]
    } else {
        keys
    }
}
