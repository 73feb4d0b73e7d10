//! Entries that stand for themselves: those of a batch, and reads of a transaction.

use fhir::json::{Object, Value, object};
use fhir::search::query::{Contained, ContainedType};

use super::entry::{self, Method, Step, Target};
use super::{response_bundle, response_entry, status_entry};
use crate::access::write::Planned;
use crate::access::{Access, type_code};
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
        self.single_write(step, shown).map(|written| response_entry(&written, None))
    }

    fn single_write(&self, step: &Step, shown: &mut Shown) -> Result<Written> {
        self.retrying(|| self.carry_out_one(self.plan(step)?, shown))
    }

    /// Works out an entry that writes, up to where the committer takes over.
    pub(super) fn plan(&self, step: &Step) -> Result<Planned> {
        let reach = &self.caller.decide(step.interaction(), Some(&step.resource_type))?;
        let name = step.resource_type.as_str();
        let code = type_code(name)?;
        let value = || {
            let missing = || Error::new(ErrorKind::Invalid, "the entry needs a resource");
            step.resource.as_ref().ok_or_else(missing)
        };
        match (step.method, &step.target) {
            (Method::Post, _) => {
                self.check(name, value()?)?;
                self.plan_create(code, value()?, step.if_none_exist.as_deref(), reach)
            }
            (Method::Put, Target::Id(id)) => {
                self.plan_update(name, id, value()?.clone(), step.if_match, reach)
            }
            (Method::Put, Target::Query(query)) => {
                self.check(name, value()?)?;
                self.plan_conditional_update(code, query, value()?, step.if_match, reach)
            }
            (Method::Patch, Target::Id(id)) => {
                let patch = entry::patch(value()?.clone())?;
                self.plan_patch(code, id, &patch, step.if_match, reach)
            }
            (Method::Patch, Target::Query(query)) => {
                let patch = entry::patch(value()?.clone())?;
                self.plan_conditional_patch(code, query, &patch, step.if_match, reach)
            }
            (Method::Delete, Target::Id(id)) => self.plan_delete(name, id, step.if_match, reach),
            (Method::Delete, Target::Query(query)) => self.plan_conditional_delete(code, query, reach),
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
        let query = crate::finding::parse_search(self.view()?.registry()?, name, query)?;
        if query.contained != Contained::No && query.contained_type == ContainedType::Contained {
            // The entries of such an answer have no `fullUrl`, which alone would tell the container.
            let text = "`_containedType=contained` is not taken inside a batch: ask for the containers";
            return Err(Error::new(ErrorKind::Invalid, text));
        }
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
