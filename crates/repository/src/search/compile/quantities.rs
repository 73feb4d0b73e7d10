//! Quantities: numbers with units, and units that can be converted to each other.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use fhir::path::{convert_unit, unit_dimension};
use fhir::search::query::QueryValue;
use storage::engine::{Direction, KeyRange};

use super::super::clause::{Clause, QuantityTest, SCAN_STEPS};
use super::super::codes::kind;
use super::super::composite::UnitHash;
use super::super::labels::{UCUM, UNITS};
use super::super::range::NumberTest;
use super::super::{Search, SearchError};
use crate::layout;

/// Different units of one parameter that a quantity search looks at.
const UNITS_MAX: usize = 1000;

impl Search<'_> {
    pub(super) fn quantities(
        &self,
        type_code: u16,
        parameter: u16,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut tests = Vec::with_capacity(values.len());
        let mut all_units: Option<Vec<UnitHash>> = None;
        for value in values {
            let QueryValue::Quantity { system, code, .. } = value else { continue };
            let Some(number) = self.number_test(parameter, value) else { continue };
            if let (Some(_), Some(_)) = (system, code) {
                let units = self.units_like(parameter, value)?;
                tests.push(QuantityTest { any: None, units });
                continue;
            }
            if system.is_some() {
                return Err(SearchError::Unsupported {
                    what: "a quantity with a system but no code".to_owned(),
                });
            }
            if all_units.is_none() {
                all_units = Some(self.units(type_code, parameter)?);
            }
            let unit = code.as_ref().map(|code| self.codes.unit(code));
            let wanted =
                all_units.iter().flatten().filter(|own| unit.is_none_or(|unit| own.starts_with(&unit)));
            let units = wanted.map(|own| (*own, number)).collect();
            tests.push(QuantityTest { any: code.is_none().then_some(number), units });
        }
        Ok(Clause::Quantities { parameter, tests, found: OnceCell::new() })
    }

    /// The unit of a value with system and code, and the UCUM units that it can be converted to, with the value converted.
    ///
    /// Source: FHIR R4 3.1.1.4.11 ("may choose to perform a search based on canonical units").
    pub(super) fn units_like(
        &self,
        parameter: u16,
        value: &QueryValue,
    ) -> Result<Vec<(UnitHash, NumberTest)>, SearchError> {
        let QueryValue::Quantity { system, code: Some(code), .. } = value else { return Ok(Vec::new()) };
        let own = self.codes.unit_in(system.as_deref(), code);
        let mut units: Vec<(UnitHash, NumberTest)> =
            self.number_test(parameter, value).map(|test| (own, test)).into_iter().collect();
        // Units without a dimension are counts of something: a score is no percentage.
        let dimension = unit_dimension(code).filter(|powers| powers.iter().any(|power| *power != 0));
        if system.as_deref() != Some(UCUM) || dimension.is_none() {
            return Ok(units);
        }
        let known = self.dictionaries.get(self.newest, self.tenant, UNITS)?;
        self.spend(4 * known.count())?;
        known.each(&mut |_, other, _| {
            if other != code
                && unit_dimension(other) == dimension
                && let Some(test) = self.converted(parameter, value, other)
            {
                units.push((self.codes.unit_in(Some(UCUM), other), test));
            }
            if units.len() < UNITS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        Ok(units)
    }

    /// What a number in another unit must pass.
    fn converted(&self, parameter: u16, value: &QueryValue, to: &str) -> Option<NumberTest> {
        let QueryValue::Quantity { prefix, low, high, value: number, system, code: Some(code) } = value
        else {
            return None;
        };
        let converted = QueryValue::Quantity {
            prefix: *prefix,
            low: convert_unit(*low, code, to)?,
            high: convert_unit(*high, code, to)?,
            value: convert_unit(*number, code, to)?,
            system: system.clone(),
            code: Some(to.into()),
        };
        self.number_test(parameter, &converted)
    }

    /// The units that occur under a parameter.
    pub(super) fn units(&self, type_code: u16, parameter: u16) -> Result<Vec<UnitHash>, SearchError> {
        let mut units = Vec::new();
        for kind in [kind::QUANTITY, kind::QUANTITY_RANGE] {
            self.units_of(self.posting_prefix(type_code, parameter, &[&[kind]]), &mut units)?;
        }
        units.sort_unstable();
        units.dedup();
        Ok(units)
    }

    /// The units under the keys of a prefix, found by jumping from one to the next.
    pub(super) fn units_of(&self, all: Vec<u8>, units: &mut Vec<UnitHash>) -> Result<(), SearchError> {
        let end = layout::prefix_end(&all);
        let mut start = all.clone();
        loop {
            self.spend(SCAN_STEPS)?;
            let range = KeyRange { start, end: end.clone() };
            let Some(row) = self.reader.scan(layout::POSTING, range, Direction::Forward).next() else {
                return Ok(());
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
            let Some(next) = layout::prefix_end(&[all.as_slice(), &unit].concat()) else { return Ok(()) };
            start = next;
        }
    }
}
