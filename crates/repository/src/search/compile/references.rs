//! References: to resources and URLs, by identifier, and up and down hierarchies.

use std::collections::HashSet;

use fhir::search::query::{Modifier, QueryValue, ReferenceValue};
use fhir::search::{Kind, Parameter};

use super::super::clause::{Clause, Probe, reference_prefix};
use super::super::codes::kind;
use super::super::stream::Stream;
use super::super::{Search, SearchError};
use crate::layout;

/// The parameters by which resources say of which other of their type they are part.
const PART_OF: [&str; 3] = ["partof", "part-of", "parent"];

impl Search<'_> {
    pub(super) fn references(
        &self,
        type_code: u16,
        parameter: &Parameter,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut urls = Vec::new();
        let mut targets = Vec::with_capacity(values.len());
        for value in values {
            let QueryValue::Reference(reference) = value else { continue };
            if let ReferenceValue::Absolute(url) = reference {
                let hash = self.codes.uri(url);
                urls.push(self.posting_prefix(type_code, parameter.id, &[&[kind::URL], &hash]));
            }
            self.targets(parameter, reference, &mut targets)?;
        }
        targets.sort_unstable();
        targets.dedup();
        let parameter = parameter.id;
        Ok(match (urls.is_empty(), targets.is_empty()) {
            (true, _) => Clause::Targets { parameter, targets },
            (false, true) => self.terms(parameter, urls),
            (false, false) => {
                Clause::Any(vec![Clause::Targets { parameter, targets }, self.terms(parameter, urls)])
            }
        })
    }

    /// Adds the numbers of the resources that a reference may mean.
    pub(super) fn targets(
        &self,
        parameter: &Parameter,
        reference: &ReferenceValue,
        into: &mut Vec<u64>,
    ) -> Result<(), SearchError> {
        match reference {
            ReferenceValue::Local { resource_type: Some(target), id, .. } => {
                self.local(&[target.as_str()], id, into)
            }
            ReferenceValue::Local { resource_type: None, id, .. } => self.local(&parameter.targets, id, into),
            ReferenceValue::Absolute(url) => match self.own_url(url) {
                Some((target, id)) => self.local(&[target], id, into),
                None => Ok(()),
            },
        }
    }

    /// The identifiers in references.
    pub(super) fn identifiers(&self, type_code: u16, parameter: u16, values: &[QueryValue]) -> Clause {
        self.token_terms(type_code, parameter, (kind::IDENTIFIER_ANY, kind::IDENTIFIER_PAIR), &[], values)
    }

    /// References to the given resources, to what is part of them (below) or to what they are part of (above), at any
    /// distance.
    ///
    /// Source: FHIR R4 3.1.1.4.14 (hierarchies of resources that refer to their own type).
    pub(super) fn parts_of(
        &self,
        parameter: &Parameter,
        modifier: Modifier,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut given = Vec::new();
        for value in values {
            let QueryValue::Reference(reference) = value else { continue };
            if matches!(reference, ReferenceValue::Absolute(url) if self.own_url(url).is_none()) {
                let what = format!(
                    "`{}` with `:above` or `:below` and a URL that is not of this server",
                    parameter.code
                );
                return Err(SearchError::Unsupported { what });
            }
            let mut numbers = Vec::new();
            let types: Vec<&str> = match reference {
                ReferenceValue::Local { resource_type: Some(target), .. } => vec![target.as_str()],
                ReferenceValue::Absolute(url) => {
                    self.own_url(url).map(|(target, _)| target).into_iter().collect()
                }
                ReferenceValue::Local { .. } => parameter.targets.clone(),
            };
            for target in types {
                let Some(code) = layout::type_code(target) else { continue };
                numbers.clear();
                let one = [target];
                match reference {
                    ReferenceValue::Local { id, .. } => self.local(&one, id, &mut numbers)?,
                    ReferenceValue::Absolute(_) => self.targets(parameter, reference, &mut numbers)?,
                }
                given.extend(numbers.iter().map(|number| (code, *number)));
            }
        }
        let mut targets: Vec<u64> = Vec::new();
        for (code, number) in given {
            targets.extend(self.hierarchy(code, number, modifier)?);
        }
        targets.sort_unstable();
        targets.dedup();
        Ok(Clause::Targets { parameter: parameter.id, targets })
    }

    /// A resource and all above or below it, as far as the caller may find them.
    fn hierarchy(&self, code: u16, number: u64, modifier: Modifier) -> Result<HashSet<u64>, SearchError> {
        let name = layout::type_name(code).unwrap_or_default();
        let part_of = PART_OF.iter().filter_map(|part_of| self.registry.parameter(name, part_of));
        let part_of: Vec<u16> = part_of
            .filter(|found| found.kind == Kind::Reference && found.targets.contains(&name))
            .map(|found| found.id)
            .collect();
        let mut bounds = Vec::new();
        self.bound(code, &mut bounds);
        let mut found = HashSet::from([number]);
        let mut open = vec![number];
        while let Some(number) = open.pop() {
            for parameter in &part_of {
                for next in self.neighbours(code, number, *parameter, modifier)? {
                    if self.all_hold(&bounds, &mut Probe::new(code, next))? && found.insert(next) {
                        open.push(next);
                    }
                    if found.len() > self.limits.candidates_max {
                        return Err(SearchError::TooCostly {
                            what: "the hierarchy is too large",
                            hint: "name a resource nearer to its end",
                        });
                    }
                }
            }
        }
        Ok(found)
    }

    fn neighbours(
        &self,
        code: u16,
        number: u64,
        parameter: u16,
        modifier: Modifier,
    ) -> Result<Vec<u64>, SearchError> {
        if modifier == Modifier::Above {
            let mut probe = Probe::new(code, number);
            let Some(header) = probe.header(self)? else { return Ok(Vec::new()) };
            return Ok(header
                .references(parameter)
                .filter(|(of, _)| *of == code)
                .map(|(_, number)| number)
                .collect());
        }
        let prefix = reference_prefix(self, code, parameter, number);
        let mut parts = Stream::Term(self.term_scan(layout::POSTING, &prefix, 0));
        self.spend(super::super::clause::SCAN_STEPS)?;
        let mut found = Vec::new();
        while let Some(part) = parts.next(self)? {
            found.push(part);
        }
        Ok(found)
    }

    /// Type and id of a URL below this server's base.
    fn own_url<'u>(&self, url: &'u str) -> Option<(&'u str, &'u str)> {
        let path = url.strip_prefix(self.base?)?.strip_prefix('/')?;
        let (target, rest) = path.split_once('/')?;
        Some((target, rest.split('/').next().unwrap_or(rest)))
    }

    /// Adds the numbers that an id has under the types.
    pub(super) fn local(&self, types: &[&str], id: &str, into: &mut Vec<u64>) -> Result<(), SearchError> {
        let mut add = |target: u16| -> Result<(), SearchError> {
            self.spend(1)?;
            into.extend((self.ids)(target, id)?);
            Ok(())
        };
        if types.is_empty() || types == ["Resource"] {
            return layout::type_codes().try_for_each(add);
        }
        types.iter().filter_map(|target| layout::type_code(target)).try_for_each(&mut add)
    }
}
