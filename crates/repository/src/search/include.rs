//! `_include` and `_revinclude`: what a page's resources refer to, and what refers to them.
//!
//! An included resource must be one that the caller may find, exactly as if it had been searched for. A resource that is a
//! match or was included already is not added again.
//!
//! Source: FHIR R4 3.1.1.5.2.

use std::collections::HashSet;

use fhir::search::query::Include;
use fhir::search::{Kind, Parameter};

use super::clause::{Clause, Probe, SCAN_STEPS, reference_prefix};
use super::run::Found;
use super::stream::Stream;
use super::{Search, SearchError};
use crate::layout;

/// What includes added.
#[derive(Default)]
pub(crate) struct Included {
    pub(crate) found: Vec<Found>,
    /// Whether the limit left some out.
    pub(crate) cut: bool,
}

/// One include with names made numbers.
struct Step<'q> {
    source: Option<u16>,
    parameter: Option<&'q Parameter>,
    target: Option<u16>,
    iterate: bool,
}

struct Work<'w, 'a> {
    search: &'w Search<'a>,
    bounds: std::collections::HashMap<u16, Vec<Clause>>,
    members: std::collections::HashMap<u16, u64>,
    seen: HashSet<Found>,
    added: Vec<Found>,
    cut: bool,
}

impl Search<'_> {
    /// Follows the includes of a query from the matches of a page.
    pub(crate) fn included(
        &self,
        matches: &[Found],
        includes: &[Include],
        revincludes: &[Include],
    ) -> Result<Included, SearchError> {
        if includes.is_empty() && revincludes.is_empty() {
            return Ok(Included::default());
        }
        let (includes, revincludes) = (steps(includes), steps(revincludes));
        let mut work = Work {
            search: self,
            bounds: std::collections::HashMap::new(),
            members: std::collections::HashMap::new(),
            seen: matches.iter().copied().collect(),
            added: Vec::new(),
            cut: false,
        };
        let mut from: Vec<Found> = matches.to_vec();
        for round in 0..=self.limits.iterations_max {
            let before = work.added.len();
            for found in &from {
                let of_round = |step: &&Step<'_>| round == 0 || step.iterate;
                let forward: Vec<&Step<'_>> = includes.iter().filter(of_round).collect();
                if !forward.is_empty() {
                    work.forward(*found, &forward)?;
                }
                for step in revincludes.iter().filter(of_round) {
                    work.backward(*found, step)?;
                }
            }
            if work.added.len() == before || work.cut {
                break;
            }
            from = work.added.get(before..).unwrap_or(&[]).to_vec();
        }
        Ok(Included { found: work.added, cut: work.cut })
    }
}

fn steps(includes: &[Include]) -> Vec<Step<'_>> {
    let code = |name: &Option<compact_str::CompactString>| name.as_deref().and_then(layout::type_code);
    includes
        .iter()
        .map(|include| Step {
            source: code(&include.source),
            parameter: include.parameter.as_deref(),
            target: code(&include.target),
            iterate: include.iterate,
        })
        .collect()
}

impl Work<'_, '_> {
    fn forward(&mut self, found: Found, steps: &[&Step<'_>]) -> Result<(), SearchError> {
        let probe = match found.contained_at() {
            Some(_) => self.search.contained_probe(found)?,
            None => Some(Probe::new(found.type_code, found.number)),
        };
        let Some(mut probe) = probe else { return Ok(()) };
        let type_code = layout::plain(probe.type_code);
        let Some(header) = probe.header(self.search)? else { return Ok(()) };
        let mut targets = Vec::new();
        for (parameter, target, number) in header.all_references() {
            let wanted = |step: &&&Step<'_>| {
                step.source.is_none_or(|source| source == type_code)
                    && step.parameter.is_none_or(|own| own.id == parameter)
                    && step.target.is_none_or(|of| of == target)
            };
            if parameter != layout::CONTAINER && steps.iter().any(|step| wanted(&step)) {
                targets.push(Found::whole(target, number));
            }
        }
        targets.into_iter().try_for_each(|target| self.add(target))
    }

    fn backward(&mut self, found: Found, step: &Step<'_>) -> Result<(), SearchError> {
        if found.contained_at().is_some() {
            return Ok(()); // nobody outside its container can refer to it
        }
        match step.source {
            Some(source) => self.backward_from(found, step, source),
            None => {
                for source in layout::type_codes() {
                    if self.members_of(source)? > 0 && !self.cut {
                        self.backward_from(found, step, source)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// How many resources of a type there are; asked once.
    fn members_of(&mut self, type_code: u16) -> Result<u64, SearchError> {
        if let Some(count) = self.members.get(&type_code) {
            return Ok(*count);
        }
        self.search.spend(2)?;
        let count = self.search.members(type_code)?;
        self.members.insert(type_code, count);
        Ok(count)
    }

    fn backward_from(&mut self, found: Found, step: &Step<'_>, source: u16) -> Result<(), SearchError> {
        if step.target.is_some_and(|target| target != found.type_code) {
            return Ok(());
        }
        let name = layout::type_name(source).unwrap_or_default();
        let target = layout::type_name(found.type_code).unwrap_or_default();
        let fits = |parameter: &&std::sync::Arc<Parameter>| {
            parameter.kind == Kind::Reference
                && step.parameter.is_none_or(|own| own.id == parameter.id)
                && (parameter.targets.is_empty() || parameter.targets.contains(&target))
        };
        let search = self.search;
        for parameter in search.registry.parameters(name).iter().filter(|parameter| fits(parameter)) {
            let prefix = reference_prefix(self.search, source, parameter.id, found.number);
            self.search.spend(SCAN_STEPS)?;
            let mut sources = Stream::Term(self.search.term_scan(layout::POSTING, &prefix, 0));
            while let Some(number) = sources.next(self.search)? {
                self.add(Found::whole(source, number))?;
                if self.cut {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, found: Found) -> Result<(), SearchError> {
        if self.seen.contains(&found) {
            return Ok(());
        }
        if !self.bounds.contains_key(&found.type_code) {
            let mut clauses = Vec::new();
            self.search.bound(found.type_code, &mut clauses);
            self.bounds.insert(found.type_code, clauses);
        }
        let clauses = self.bounds.get(&found.type_code).map_or(&[][..], Vec::as_slice);
        if !self.search.all_hold(clauses, &mut Probe::new(found.type_code, found.number))? {
            return Ok(());
        }
        if self.added.len() >= self.search.limits.included_max {
            self.cut = true;
            return Ok(());
        }
        self.seen.insert(found);
        self.added.push(found);
        Ok(())
    }
}
