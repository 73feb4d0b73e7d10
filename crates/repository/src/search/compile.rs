//! Queries into clauses: every value becomes what stands in keys, and the caller's bounds join each part.

mod composites;
mod quantities;
mod references;
mod tokens;
mod uris;
mod words;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;

use compact_str::CompactString;
use fhir::search::query::{Criterion, Modifier, Prefix, QueryValue, Test};
use fhir::search::{Kind, Parameter, date, normalise};

use super::clause::{Chain, Clause, Has};
use super::codes::kind;
use super::range::{DateTest, NumberTest};
use super::{Rule, Search, SearchError, terms};
use crate::layout;

/// Terms that a candidate is asked for one by one; of more, all resources are gathered first.
const ASKED_MAX: usize = 512;

impl Search<'_> {
    /// The clauses that all must hold: the criteria, then the caller's bounds.
    pub(crate) fn compile(&self, type_code: u16, criteria: &[Criterion]) -> Result<Vec<Clause>, SearchError> {
        let mut clauses = Vec::with_capacity(criteria.len() + 1);
        for criterion in criteria {
            self.add_test(type_code, &criterion.test, &mut clauses)?;
        }
        self.bound(type_code, &mut clauses);
        Ok(clauses)
    }

    /// Adds what a test asks; where it comes to several clauses that all must hold, each by itself, so that any may drive.
    fn add_test(&self, type_code: u16, test: &Test, clauses: &mut Vec<Clause>) -> Result<(), SearchError> {
        match self.test(type_code, test)? {
            Clause::All(all) => clauses.extend(all),
            one => clauses.push(one),
        }
        Ok(())
    }

    /// Adds what the caller's bounds ask of a type.
    pub(crate) fn bound(&self, type_code: u16, clauses: &mut Vec<Clause>) {
        if layout::is_contained(type_code) {
            if !self.bounds.is_everything() {
                clauses.push(Clause::Container);
            }
            return;
        }
        match self.bounds.rule(type_code) {
            Rule::Everything => {}
            Rule::Nothing => clauses.push(Clause::Nothing),
            Rule::Patients(patients) => clauses.push(self.compartments(type_code, patients)),
        }
    }

    pub(super) fn compartments(&self, type_code: u16, patients: &[u64]) -> Clause {
        let key = |patient: &u64| {
            layout::Key::new(self.tenant).u64(*patient).u16(type_code).u16(layout::MEMBERSHIP).into_vec()
        };
        Clause::Terms {
            space: layout::COMPARTMENT,
            parameter: layout::MEMBERSHIP,
            prefixes: patients.iter().map(key).collect(),
        }
    }

    fn test(&self, type_code: u16, test: &Test) -> Result<Clause, SearchError> {
        match test {
            Test::Own { parameter, modifier, values } => self.own(type_code, parameter, *modifier, values),
            Test::Chain { parameter, branches } => {
                let (mut compiled, mut inside) = (Vec::with_capacity(branches.len()), Vec::new());
                for branch in branches {
                    let Some(target) = layout::type_code(&branch.resource_type) else { continue };
                    let mut clauses = Vec::new();
                    self.add_test(target, &branch.test, &mut clauses)?;
                    self.bound(target, &mut clauses);
                    compiled.push((target, clauses));
                    self.spend(1)?;
                    let contained = layout::contained(target);
                    if self.members(contained)? > 0 {
                        let mut clauses = Vec::new();
                        self.add_test(contained, &branch.test, &mut clauses)?;
                        self.bound(contained, &mut clauses);
                        inside.push((contained, clauses));
                    }
                }
                let seen = RefCell::new(HashMap::new());
                Ok(Clause::Chain(Chain { parameter: parameter.id, branches: compiled, inside, seen }))
            }
            // Nobody outside the container can refer to a contained resource.
            Test::Has { .. } if layout::is_contained(type_code) => Ok(Clause::Nothing),
            Test::Has { resource_type, parameter, test } => {
                let Some(source) = layout::type_code(resource_type) else { return Ok(Clause::Nothing) };
                let mut clauses = Vec::new();
                self.add_test(source, test, &mut clauses)?;
                self.bound(source, &mut clauses);
                Ok(Clause::Has(Has { source, parameter: parameter.id, clauses, found: OnceCell::new() }))
            }
            Test::Words { narrative, query } => self.words(*narrative, query),
            Test::Listed(ids) => self.listed(type_code, ids),
            Test::Near { parameter, places } => self.near(type_code, parameter, places),
            Test::Within { compartment, id } => self.within(type_code, compartment, id),
            Test::All(tests) => Ok(Clause::All(self.tests(type_code, tests)?)),
            Test::Any(tests) => Ok(Clause::Any(self.tests(type_code, tests)?)),
            Test::Not(test) => Ok(Clause::Not(Box::new(self.test(type_code, test)?))),
        }
    }

    fn tests(&self, type_code: u16, tests: &[Test]) -> Result<Vec<Clause>, SearchError> {
        tests.iter().map(|test| self.test(type_code, test)).collect()
    }

    fn own(
        &self,
        type_code: u16,
        parameter: &Parameter,
        modifier: Option<Modifier>,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let not = |inner: Result<Clause, SearchError>| Ok(Clause::Not(Box::new(inner?)));
        match modifier {
            Some(Modifier::Missing) => Ok(missing(type_code, parameter, values)),
            Some(Modifier::Not) => not(self.own(type_code, parameter, None, values)),
            Some(Modifier::NotIn) => not(self.in_value_sets(type_code, parameter, values)),
            Some(Modifier::In) => self.in_value_sets(type_code, parameter, values),
            Some(Modifier::Text) => self.labelled(type_code, parameter, values),
            Some(Modifier::CodeText) => self.coded_like(type_code, parameter, values),
            Some(Modifier::OfType) => Ok(self.of_type(type_code, parameter.id, values)),
            Some(up @ (Modifier::Above | Modifier::Below)) => match parameter.kind {
                Kind::Uri => self.uris_beside(type_code, parameter.id, up, values),
                Kind::Token => self.subsumed(type_code, parameter, up, values),
                _ => self.parts_of(parameter, up, values),
            },
            Some(Modifier::Identifier) => Ok(self.identifiers(type_code, parameter.id, values)),
            Some(Modifier::Compare(test)) => self.compared(parameter.id, test, values),
            Some(Modifier::Exact | Modifier::Contains) | None => {
                self.plain(type_code, parameter, modifier, values)
            }
        }
    }

    fn plain(
        &self,
        type_code: u16,
        parameter: &Parameter,
        modifier: Option<Modifier>,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let id = parameter.id;
        if parameter.code == "_id" {
            return self.ids(type_code, parameter.id, values);
        }
        match parameter.kind {
            Kind::String => Ok(Clause::Texts { parameter: id, terms: self.texts(id, modifier, values)? }),
            Kind::Token => Ok(self.tokens(type_code, parameter, values)),
            Kind::Reference => self.references(type_code, parameter, values),
            Kind::Uri => Ok(self.uris(type_code, id, values)),
            Kind::Date => {
                Ok(Clause::Dates { parameter: id, tests: self.dates(id, values), found: OnceCell::new() })
            }
            Kind::Number => {
                Ok(Clause::Numbers { parameter: id, tests: self.numbers(id, values), found: OnceCell::new() })
            }
            Kind::Quantity => self.quantities(type_code, id, values),
            Kind::Composite => self.composites(type_code, parameter, values),
            Kind::Special => Err(unsupported(parameter, "")),
        }
    }

    fn ids(&self, type_code: u16, parameter: u16, values: &[QueryValue]) -> Result<Clause, SearchError> {
        let (mut numbers, mut prefixes) = (Vec::with_capacity(values.len()), Vec::new());
        for value in values {
            let id = match value {
                QueryValue::Token { code: Some(code), .. } => code,
                QueryValue::String(id) | QueryValue::Uri(id) => id,
                _ => continue,
            };
            if layout::is_contained(type_code) {
                let term = [&[kind::URI][..], &self.codes.uri(id)];
                prefixes.push(self.posting_prefix(type_code, parameter, &term));
            } else {
                numbers.extend((self.ids)(type_code, id)?);
            }
        }
        if layout::is_contained(type_code) {
            return Ok(self.terms(parameter, prefixes));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Clause::Numbered(numbers))
    }

    /// The dictionary's texts that the values stand for, ascending.
    fn texts(
        &self,
        parameter: u16,
        modifier: Option<Modifier>,
        values: &[QueryValue],
    ) -> Result<Vec<u32>, SearchError> {
        let dictionary = self.dictionaries.get(self.newest, self.tenant, parameter)?;
        let mut found: Vec<u32> = Vec::new();
        let limit = self.limits.texts_max;
        for value in values {
            let QueryValue::String(text) = value else { continue };
            let text = terms::cut(text);
            let normal = normalise::string(text);
            let mut take = |term| {
                found.push(term);
                if found.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            match modifier {
                Some(Modifier::Exact) => found.extend(dictionary.find(&normal, text)),
                Some(Modifier::Contains) => {
                    self.spend(dictionary.count() / 16)?;
                    dictionary.contains(&normal, &mut take);
                }
                _ => dictionary.prefix(&normal, &mut take),
            }
            if found.len() > limit {
                return Err(SearchError::TooCostly {
                    what: "a text stands for too many different words",
                    hint: "give more letters",
                });
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn terms(&self, parameter: u16, mut prefixes: Vec<Vec<u8>>) -> Clause {
        prefixes.sort_unstable();
        prefixes.dedup();
        if prefixes.len() > ASKED_MAX {
            return Clause::Under { prefixes, found: OnceCell::new() };
        }
        Clause::Terms { space: layout::POSTING, parameter, prefixes }
    }

    fn dates(&self, parameter: u16, values: &[QueryValue]) -> Vec<DateTest> {
        values.iter().filter_map(|value| self.date_test(parameter, value)).collect()
    }

    fn date_test(&self, parameter: u16, value: &QueryValue) -> Option<DateTest> {
        match value {
            QueryValue::Date { prefix, low_ms, high_ms } => {
                let (low, high) = match prefix {
                    Prefix::Approximate => date::approximate(*low_ms, *high_ms, self.now_ms),
                    _ => (*low_ms, *high_ms),
                };
                let (low, high) = (self.codes.date(parameter, low), self.codes.date(parameter, high));
                Some(DateTest { prefix: *prefix, low, high })
            }
            _ => None,
        }
    }

    fn number_test(&self, parameter: u16, value: &QueryValue) -> Option<NumberTest> {
        let (QueryValue::Number { prefix, low, high, value }
        | QueryValue::Quantity { prefix, low, high, value, .. }) = value
        else {
            return None;
        };
        let code = |value| self.codes.number(parameter, value);
        Some(NumberTest { prefix: *prefix, low: code(*low), high: code(*high), value: code(*value) })
    }

    fn numbers(&self, parameter: u16, values: &[QueryValue]) -> Vec<NumberTest> {
        values.iter().filter_map(|value| self.number_test(parameter, value)).collect()
    }
}

fn missing(type_code: u16, parameter: &Parameter, values: &[QueryValue]) -> Clause {
    let missing = values.iter().any(|value| matches!(value, QueryValue::Missing(true)));
    match parameter.code.as_str() {
        "_id" if layout::is_contained(type_code) => Clause::Missing { parameter: parameter.id, missing },
        "_id" if missing => Clause::Nothing,
        "_id" => Clause::Not(Box::new(Clause::Nothing)),
        _ => Clause::Missing { parameter: parameter.id, missing },
    }
}

fn unsupported(parameter: &Parameter, how: &str) -> SearchError {
    let code: &CompactString = &parameter.code;
    let what = format!("search by `{code}` {how}");
    SearchError::Unsupported { what: what.trim_end().to_owned() }
}
