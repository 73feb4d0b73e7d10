//! Queries into clauses: every value becomes what stands in keys, and the caller's bounds join each part.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;

use compact_str::CompactString;
use fhir::search::query::{Criterion, Modifier, Prefix, QueryValue, ReferenceValue, Test, TokenSystem};
use fhir::search::{Kind, Parameter, date, normalise};
use storage::engine::{Direction, KeyRange};

use super::clause::{Chain, Clause, Has, QuantityTest, SCAN_STEPS};
use super::codes::kind;
use super::range::{DateTest, NumberTest};
use super::{Rule, Search, SearchError, terms};
use crate::layout;

/// Different units of one parameter that a quantity search looks at.
const UNITS_MAX: usize = 1000;

impl Search<'_> {
    /// The clauses that all must hold: the criteria, then the caller's bounds.
    pub(crate) fn compile(&self, type_code: u16, criteria: &[Criterion]) -> Result<Vec<Clause>, SearchError> {
        let mut clauses = Vec::with_capacity(criteria.len() + 1);
        for criterion in criteria {
            clauses.push(self.test(type_code, &criterion.test)?);
        }
        self.bound(type_code, &mut clauses);
        Ok(clauses)
    }

    /// Adds what the caller's bounds ask of a type.
    pub(crate) fn bound(&self, type_code: u16, clauses: &mut Vec<Clause>) {
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
                let mut compiled = Vec::with_capacity(branches.len());
                for branch in branches {
                    let Some(target) = layout::type_code(&branch.resource_type) else { continue };
                    let mut clauses = vec![self.test(target, &branch.test)?];
                    self.bound(target, &mut clauses);
                    compiled.push((target, clauses));
                }
                let seen = RefCell::new(HashMap::new());
                Ok(Clause::Chain(Chain { parameter: parameter.id, branches: compiled, seen }))
            }
            Test::Has { resource_type, parameter, test } => {
                let Some(source) = layout::type_code(resource_type) else { return Ok(Clause::Nothing) };
                let mut clauses = vec![self.test(source, test)?];
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
        let id = parameter.id;
        match modifier {
            Some(Modifier::Missing) => {
                let missing = values.iter().any(|value| matches!(value, QueryValue::Missing(true)));
                if parameter.code == "_id" {
                    return Ok(if missing {
                        Clause::Nothing
                    } else {
                        Clause::Not(Box::new(Clause::Nothing))
                    });
                }
                return Ok(Clause::Missing { parameter: id, missing });
            }
            Some(Modifier::Not) => {
                let inner = self.own(type_code, parameter, None, values)?;
                return Ok(Clause::Not(Box::new(inner)));
            }
            Some(Modifier::Above | Modifier::Below) => {
                return Err(unsupported(parameter, "with `:above` or `:below`"));
            }
            Some(Modifier::Compare(test)) => return self.compared(id, test, values),
            Some(Modifier::Exact | Modifier::Contains | Modifier::Identifier) | None => {}
        }
        if parameter.code == "_id" {
            return self.ids(type_code, values);
        }
        match parameter.kind {
            Kind::String => self.texts(id, modifier, values),
            Kind::Token => Ok(self.tokens(type_code, id, kind::TOKEN_ANY, kind::TOKEN_PAIR, values)),
            Kind::Reference if modifier == Some(Modifier::Identifier) => {
                Ok(self.tokens(type_code, id, kind::IDENTIFIER_ANY, kind::IDENTIFIER_PAIR, values))
            }
            Kind::Reference => self.references(type_code, parameter, values),
            Kind::Uri => Ok(self.uris(type_code, id, values)),
            Kind::Date => Ok(Clause::Dates { parameter: id, tests: self.dates(id, values) }),
            Kind::Number => Ok(Clause::Numbers { parameter: id, tests: self.numbers(id, values) }),
            Kind::Quantity => self.quantities(type_code, id, values),
            Kind::Composite | Kind::Special => Err(unsupported(parameter, "")),
        }
    }

    fn ids(&self, type_code: u16, values: &[QueryValue]) -> Result<Clause, SearchError> {
        let mut numbers = Vec::with_capacity(values.len());
        for value in values {
            let id = match value {
                QueryValue::Token { code: Some(code), .. } => code,
                QueryValue::String(id) | QueryValue::Uri(id) => id,
                _ => continue,
            };
            numbers.extend((self.ids)(type_code, id)?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Clause::Numbered(numbers))
    }

    fn texts(
        &self,
        parameter: u16,
        modifier: Option<Modifier>,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
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
        Ok(Clause::Texts { parameter, terms: found })
    }

    fn tokens(&self, type_code: u16, parameter: u16, any: u8, pair: u8, values: &[QueryValue]) -> Clause {
        let mut prefixes = Vec::with_capacity(values.len());
        let mut under = Vec::new();
        for value in values {
            let QueryValue::Token { system, code } = value else { continue };
            let system = match system {
                TokenSystem::Any => None,
                TokenSystem::Absent => Some(None),
                TokenSystem::Is(system) => Some(Some(system.as_str())),
            };
            match (system, code) {
                (None, Some(code)) => {
                    prefixes.push(self.posting_prefix(
                        type_code,
                        parameter,
                        &[&[any], &self.codes.token_any(code)],
                    ));
                }
                (Some(system), Some(code)) => {
                    let hash = self.codes.token_pair(system, code);
                    prefixes.push(self.posting_prefix(type_code, parameter, &[&[pair], &hash]));
                }
                (Some(system), None) => {
                    let hash = self.codes.token_system(system);
                    under.push(self.posting_prefix(type_code, parameter, &[&[pair], &hash]));
                }
                (None, None) => {}
            }
        }
        either(self.terms(parameter, prefixes), under)
    }

    fn terms(&self, parameter: u16, mut prefixes: Vec<Vec<u8>>) -> Clause {
        prefixes.sort_unstable();
        prefixes.dedup();
        Clause::Terms { space: layout::POSTING, parameter, prefixes }
    }

    fn uris(&self, type_code: u16, parameter: u16, values: &[QueryValue]) -> Clause {
        let mut prefixes = Vec::with_capacity(values.len());
        for value in values {
            let uri = match value {
                QueryValue::Uri(uri) | QueryValue::String(uri) => uri,
                _ => continue,
            };
            prefixes.push(self.posting_prefix(type_code, parameter, &[&[kind::URI], &self.codes.uri(uri)]));
        }
        self.terms(parameter, prefixes)
    }

    fn references(
        &self,
        type_code: u16,
        parameter: &Parameter,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut urls = Vec::new();
        let mut targets = Vec::with_capacity(values.len());
        for value in values {
            let QueryValue::Reference(reference) = value else { continue };
            match reference {
                ReferenceValue::Local { resource_type: Some(target), id, .. } => {
                    self.local(&[target.as_str()], id, &mut targets)?;
                }
                ReferenceValue::Local { resource_type: None, id, .. } => {
                    self.local(&parameter.targets, id, &mut targets)?;
                }
                ReferenceValue::Absolute(url) => {
                    let hash = self.codes.uri(url);
                    urls.push(self.posting_prefix(type_code, parameter.id, &[&[kind::URL], &hash]));
                    if let Some((target, id)) = self.own_url(url) {
                        self.local(&[target], id, &mut targets)?;
                    }
                }
            }
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

    /// Type and id of a URL below this server's base.
    fn own_url<'u>(&self, url: &'u str) -> Option<(&'u str, &'u str)> {
        let path = url.strip_prefix(self.base?)?.strip_prefix('/')?;
        let (target, rest) = path.split_once('/')?;
        Some((target, rest.split('/').next().unwrap_or(rest)))
    }

    /// Adds the numbers that an id has under the types.
    fn local(&self, types: &[&str], id: &str, into: &mut Vec<u64>) -> Result<(), SearchError> {
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

    fn dates(&self, parameter: u16, values: &[QueryValue]) -> Vec<DateTest> {
        let test = |value: &QueryValue| match value {
            QueryValue::Date { prefix, low_ms, high_ms } => {
                let (low, high) = match prefix {
                    Prefix::Approximate => date::approximate(*low_ms, *high_ms, self.now_ms),
                    _ => (*low_ms, *high_ms),
                };
                let (low, high) = (self.codes.date(parameter, low), self.codes.date(parameter, high));
                Some(DateTest { prefix: *prefix, low, high })
            }
            _ => None,
        };
        values.iter().filter_map(test).collect()
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

    fn quantities(
        &self,
        type_code: u16,
        parameter: u16,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut tests = Vec::with_capacity(values.len());
        for value in values {
            let QueryValue::Quantity { system, code, .. } = value else { continue };
            let Some(number) = self.number_test(parameter, value) else { continue };
            let unit = code.as_ref().map(|code| self.codes.unit(code));
            let units = match (system, code) {
                (Some(system), Some(code)) => {
                    let pair = self.codes.unit_pair(Some(system), code);
                    vec![joined(self.codes.unit(code), pair)]
                }
                (Some(_), None) => return Err(SearchError::Unsupported { what: no_unit_code() }),
                (None, _) => self.units(type_code, parameter, unit.as_ref().map_or(&[], |unit| &unit[..]))?,
            };
            tests.push(QuantityTest { number, any_unit: code.is_none() && system.is_none(), units });
        }
        Ok(Clause::Quantities { parameter, tests })
    }

    /// The units that occur under a parameter, found by jumping from one to the next.
    fn units(&self, type_code: u16, parameter: u16, begin: &[u8]) -> Result<Vec<[u8; 16]>, SearchError> {
        let all = self.posting_prefix(type_code, parameter, &[&[kind::QUANTITY]]);
        let scope = [all.as_slice(), begin].concat();
        let end = layout::prefix_end(&scope);
        let mut start = scope;
        let mut units = Vec::new();
        loop {
            self.spend(SCAN_STEPS)?;
            let range = KeyRange { start, end: end.clone() };
            let Some(row) = self.reader.scan(layout::POSTING, range, Direction::Forward).next() else {
                return Ok(units);
            };
            let (key, _) = row?;
            let unit =
                key.split_at_checked(all.len()).and_then(|(_, term)| term.first_chunk::<16>().copied());
            let unit = unit.ok_or(SearchError::Corrupt)?;
            units.push(unit);
            if units.len() > UNITS_MAX {
                return Err(SearchError::TooCostly {
                    what: "the parameter has too many different units",
                    hint: "give the unit: `number|system|code`",
                });
            }
            let Some(next) = layout::prefix_end(&[all.as_slice(), &unit].concat()) else { return Ok(units) };
            start = next;
        }
    }
}

fn no_unit_code() -> String {
    "a quantity with a system but no code".to_owned()
}

fn joined(unit: [u8; 8], pair: [u8; 8]) -> [u8; 16] {
    let mut both = [0; 16];
    for (to, from) in both.iter_mut().zip(unit.into_iter().chain(pair)) {
        *to = from;
    }
    both
}

/// One clause for exact terms and prefixes of terms.
fn either(terms: Clause, under: Vec<Vec<u8>>) -> Clause {
    if under.is_empty() {
        return terms;
    }
    let under = Clause::Under { prefixes: under, found: OnceCell::new() };
    match &terms {
        Clause::Terms { prefixes, .. } if prefixes.is_empty() => under,
        _ => Clause::Any(vec![terms, under]),
    }
}

fn unsupported(parameter: &Parameter, how: &str) -> SearchError {
    let code: &CompactString = &parameter.code;
    let what = format!("search by `{code}` {how}");
    SearchError::Unsupported { what: what.trim_end().to_owned() }
}
