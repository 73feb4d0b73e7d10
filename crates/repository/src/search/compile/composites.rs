//! Composites: several values that must stand together.

use std::cell::OnceCell;

use fhir::search::query::{QueryValue, TokenSystem};
use fhir::search::{Component, Kind, Parameter, normalise};

use super::super::clause::{Clause, Composite, CompositeRows, CompositeValue};
use super::super::codes::kind;
use super::super::composite::{PartTest, UnitHash, defined_by, posted_under};
use super::super::{Search, SearchError, terms};
use super::unsupported;

impl Search<'_> {
    /// The composite itself and, where it has no postings of its own, each of its parts with all their values, so that something
    /// may drive.
    pub(super) fn composites(
        &self,
        type_code: u16,
        parameter: &Parameter,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut compiled = Vec::with_capacity(values.len());
        let mut columns: Vec<Vec<QueryValue>> = vec![Vec::new(); parameter.components.len()];
        for value in values {
            let QueryValue::Composite(parts) = value else { continue };
            let mut one = CompositeValue { tests: Vec::new(), parts: Vec::new() };
            for ((part, component), column) in parts.iter().zip(&parameter.components).zip(&mut columns) {
                one.tests.push(self.part_test(type_code, parameter, component, part)?);
                if let Some(own) = defined_by(self.registry, parameter, component) {
                    one.parts.push(self.plain(type_code, own, None, std::slice::from_ref(part))?);
                }
                column.push(part.clone());
            }
            compiled.push(one);
        }
        let rows = match posted_under(self.registry, parameter) {
            Some(owner) => self.composite_rows(type_code, owner, values)?,
            None => CompositeRows::None,
        };
        let driven = !matches!(rows, CompositeRows::None);
        let composite = Clause::Composite(Composite { parameter: parameter.id, values: compiled, rows });
        if driven {
            return Ok(composite);
        }
        let mut all = vec![composite];
        for (component, column) in parameter.components.iter().zip(&columns) {
            if let Some(own) = defined_by(self.registry, parameter, component) {
                all.push(self.plain(type_code, own, None, column)?);
            }
        }
        Ok(Clause::All(all))
    }

    /// The postings of `owner` that hold the composite's, if all values have a code first and then a code or a quantity.
    fn composite_rows(
        &self,
        type_code: u16,
        owner: &Parameter,
        values: &[QueryValue],
    ) -> Result<CompositeRows, SearchError> {
        let [_, component] = owner.components.as_slice() else { return Ok(CompositeRows::None) };
        let (mut terms, mut quantities) = (Vec::new(), Vec::new());
        for value in values {
            let QueryValue::Composite(parts) = value else { return Ok(CompositeRows::None) };
            let [QueryValue::Token { code: Some(code), .. }, second] = parts.as_slice() else {
                return Ok(CompositeRows::None);
            };
            let code = self.codes.token_short(code);
            match (second, self.part_test(type_code, owner, component, second)?) {
                (QueryValue::Token { code: Some(other), .. }, _) => {
                    let term = [&[kind::CODE_CODE][..], &code, &self.codes.token_short(other)];
                    terms.push(self.posting_prefix(type_code, owner.id, &term));
                }
                (_, PartTest::Quantity { any, units, like }) => {
                    let all = match (any, like) {
                        (None, None) => Vec::new(),
                        _ => self.units_beside(type_code, owner.id, code)?,
                    };
                    let liked = |unit: &UnitHash| {
                        let like = like.filter(|(like, _)| unit.starts_with(like)).map(|(_, test)| test);
                        any.or(like).map(|test| (code, *unit, test))
                    };
                    quantities.extend(all.iter().filter_map(liked));
                    quantities.extend(units.iter().map(|(unit, test)| (code, *unit, *test)));
                }
                _ => return Ok(CompositeRows::None),
            }
        }
        Ok(match (terms.is_empty(), quantities.is_empty()) {
            (false, false) => CompositeRows::None,
            (false, true) => {
                terms.sort_unstable();
                terms.dedup();
                CompositeRows::Terms(terms)
            }
            (true, _) => CompositeRows::Quantities(owner.id, quantities, OnceCell::new()),
        })
    }

    /// The units that occur beside a code.
    fn units_beside(
        &self,
        type_code: u16,
        parameter: u16,
        code: [u8; 8],
    ) -> Result<Vec<UnitHash>, SearchError> {
        let mut units = Vec::new();
        for kind in [kind::CODE_QUANTITY, kind::CODE_QUANTITY_RANGE] {
            self.units_of(self.posting_prefix(type_code, parameter, &[&[kind], &code]), &mut units)?;
        }
        units.sort_unstable();
        units.dedup();
        Ok(units)
    }

    fn part_test(
        &self,
        type_code: u16,
        parameter: &Parameter,
        component: &Component,
        value: &QueryValue,
    ) -> Result<PartTest, SearchError> {
        let id = parameter.id;
        let refused = || unsupported(parameter, "with such a part");
        Ok(match (component.kind, value) {
            (Kind::Token, QueryValue::Token { system, code }) => {
                self.token_part(type_code, parameter, component, system, code.as_deref())
            }
            (Kind::Date, value) => PartTest::Date(self.date_test(id, value).ok_or_else(refused)?),
            (Kind::Number, value) => PartTest::Number(self.number_test(id, value).ok_or_else(refused)?),
            (Kind::Quantity, QueryValue::Quantity { system, code, .. }) => {
                let number = self.number_test(id, value).ok_or_else(refused)?;
                match (system, code) {
                    (Some(_), None) => {
                        let what = "a quantity with a system but no code".to_owned();
                        return Err(SearchError::Unsupported { what });
                    }
                    (None, None) => PartTest::Quantity { any: Some(number), units: Vec::new(), like: None },
                    (None, Some(code)) => {
                        let like = Some((self.codes.unit(code), number));
                        PartTest::Quantity { any: None, units: Vec::new(), like }
                    }
                    (Some(_), Some(_)) => {
                        PartTest::Quantity { any: None, units: self.units_like(id, value)?, like: None }
                    }
                }
            }
            (Kind::Uri, QueryValue::Uri(uri)) => PartTest::Hash(self.codes.uri(uri)),
            (Kind::String, QueryValue::String(text)) => {
                let normal = normalise::string(terms::cut(text));
                let mut found =
                    self.texts(id, None, std::slice::from_ref(&QueryValue::String(normal.into())))?;
                found.sort_unstable();
                PartTest::Text(found)
            }
            (Kind::Reference, QueryValue::Reference(reference)) => {
                let own = self.registry.parameter(parameter.resource_type, &component.code);
                let mut targets = Vec::new();
                self.targets(own.map_or(parameter, |own| own), reference, &mut targets)?;
                targets.sort_unstable();
                let url = match reference {
                    fhir::search::query::ReferenceValue::Absolute(url) => Some(self.codes.uri(url)),
                    fhir::search::query::ReferenceValue::Local { .. } => None,
                };
                PartTest::Reference { targets, url }
            }
            _ => return Err(refused()),
        })
    }

    fn token_part(
        &self,
        type_code: u16,
        parameter: &Parameter,
        component: &Component,
        system: &TokenSystem,
        code: Option<&str>,
    ) -> PartTest {
        let (code_hash, system_hash) =
            (code.map(|code| self.codes.token_short(code)), |system| self.codes.token_system(system));
        let mut test = PartTest::Token { code: None, system: None, pairs: Vec::new() };
        let PartTest::Token { code: own_code, system: own_system, pairs } = &mut test else { return test };
        match (system, code) {
            (TokenSystem::Any, _) => *own_code = code_hash,
            (TokenSystem::Absent, None) => *own_system = Some(system_hash(None)),
            (TokenSystem::Absent, Some(code)) => pairs.push(self.codes.token_pair(None, code)),
            (TokenSystem::Is(system), None) => *own_system = Some(system_hash(Some(system))),
            (TokenSystem::Is(system), Some(code)) => {
                pairs.push(self.codes.token_pair(Some(system), code));
                let own = self.registry.parameter(parameter.resource_type, &component.code);
                let sets = own.map_or(&[][..], |own| self.code_sets(type_code, own.id));
                if sets.iter().any(|set| set.contains(system, code)) {
                    pairs.push(self.codes.token_pair(None, code));
                }
            }
        }
        test
    }
}
