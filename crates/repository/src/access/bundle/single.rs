//! Entries that stand for themselves: those of a batch, and reads of a transaction.

use fhir::json::{Object, Value, object};

use super::entry::{self, Method, Step, Target};
use super::{response_bundle, response_entry, status_entry};
use crate::access::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::Shown;
use crate::types::{SearchMode, Versioned, Written};
use crate::view::corrupt;

impl Access {
    /// Carries out one entry of a batch, under the batch's audit event.
    pub(super) fn single(&self, step: &Step, shown: &mut Shown) -> Result<Value> {
        if step.method == Method::Get {
            return self.get(step, shown);
        }
        let reach = self.caller.decide(step.interaction(), Some(&step.resource_type))?;
        let before = std::mem::replace(&mut shown.reach, reach);
        let result = self.single_write(step, shown);
        shown.reach = before;
        result.map(|written| response_entry(&written, None))
    }

    fn single_write(&self, step: &Step, shown: &mut Shown) -> Result<Written> {
        let missing = || Error::new(ErrorKind::Invalid, "the entry needs a resource");
        let name = step.resource_type.as_str();
        let value = || step.resource.clone().ok_or_else(missing);
        match (step.method, &step.target) {
            (Method::Post, _) => self.do_create(name, value()?, step.if_none_exist.as_deref(), shown),
            (Method::Put, Target::Id(id)) => self.do_update(name, id, value()?, step.if_match, shown),
            (Method::Put, Target::Query(query)) => {
                self.do_conditional_update(name, query, value()?, step.if_match, shown)
            }
            (Method::Patch, target) => {
                let patch = entry::patch(value()?)?;
                match target {
                    Target::Id(id) => self.do_patch(name, id, &patch, step.if_match, shown),
                    Target::Query(query) => {
                        self.do_conditional_patch(name, query, &patch, step.if_match, shown)
                    }
                    _ => Err(unfit()),
                }
            }
            (Method::Delete, Target::Id(id)) => self.do_delete(name, id, step.if_match, shown),
            (Method::Delete, Target::Query(query)) => self.do_conditional_delete(name, query, shown),
            _ => Err(unfit()),
        }
    }

    /// A read, vread or search entry.
    pub(super) fn get(&self, step: &Step, shown: &mut Shown) -> Result<Value> {
        let reach = self.caller.decide(step.interaction(), Some(&step.resource_type))?;
        let name = step.resource_type.as_str();
        let found = match &step.target {
            Target::Id(id) => self.current(&reach, name, id)?,
            Target::Version(id, version) => self.version(&reach, name, id, *version)?,
            Target::Type => return self.get_search(name, "", reach, shown),
            Target::Query(query) => return self.get_search(name, query, reach, shown),
        };
        if step.if_none_match == Some(found.version) {
            return Ok(status_entry("304 Not Modified"));
        }
        shown.add(&found);
        read_entry(&found)
    }

    fn get_search(
        &self,
        name: &str,
        query: &str,
        reach: crate::gate::Reach,
        shown: &mut Shown,
    ) -> Result<Value> {
        let query = crate::finding::parse(&self.view()?, name, query)?;
        let before = std::mem::replace(&mut shown.reach, reach);
        let page = self.run_search(&query, shown);
        shown.reach = before;
        let page = page?;
        let mut entries = Vec::with_capacity(page.entries.len());
        for found in &page.entries {
            let mode = match found.mode {
                SearchMode::Match => "match",
                SearchMode::Include => "include",
            };
            let mut entry = Object::new();
            entry.insert("resource", parse(&found.versioned)?);
            entry.insert("search", object([("mode", Value::from(mode))]));
            entries.push(Value::Object(entry));
        }
        let mut bundle = response_bundle("searchset", entries.into_iter());
        if let (Some(bundle), Some(total)) = (bundle.as_object_mut(), page.total) {
            bundle.insert("total", i64::try_from(total).unwrap_or(i64::MAX));
        }
        let mut entry = Object::new();
        entry.insert("resource", bundle);
        entry.insert("response", object([("status", Value::from("200 OK"))]));
        Ok(entry.into())
    }
}

fn unfit() -> Error {
    Error::new(ErrorKind::Invalid, "the entry's URL does not fit its method")
}

fn read_entry(found: &Versioned) -> Result<Value> {
    let mut response = Object::new();
    response.insert("status", "200 OK");
    response.insert("etag", found.etag());
    response.insert("lastModified", found.last_updated());
    let mut entry = Object::new();
    entry.insert("resource", parse(found)?);
    entry.insert("response", response);
    Ok(entry.into())
}

fn parse(found: &Versioned) -> Result<Value> {
    crate::body::read_json(&found.body).map_err(corrupt)
}
