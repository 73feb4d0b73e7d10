//! Tokens: codes with and without their system, identifiers with their type.

use std::cell::OnceCell;

use fhir::definitions::CodeSet;
use fhir::search::Parameter;
use fhir::search::query::{QueryValue, TokenSystem};

use super::super::Search;
use super::super::clause::Clause;
use super::super::codes::kind;
use crate::layout;

impl Search<'_> {
    pub(super) fn tokens(&self, type_code: u16, parameter: &Parameter, values: &[QueryValue]) -> Clause {
        let sets = self.code_sets(type_code, parameter.id);
        self.token_terms(type_code, parameter.id, (kind::TOKEN_ANY, kind::TOKEN_PAIR), sets, values)
    }

    /// The code sets that tell the system of a parameter's plain codes.
    pub(super) fn code_sets(&self, type_code: u16, parameter: u16) -> &[&'static CodeSet] {
        let resource_type = layout::type_name(layout::plain(type_code)).unwrap_or_default();
        self.registry.code_sets(resource_type, parameter)
    }

    pub(super) fn token_terms(
        &self,
        type_code: u16,
        parameter: u16,
        (any, pair): (u8, u8),
        sets: &[&'static CodeSet],
        values: &[QueryValue],
    ) -> Clause {
        let key = |kind: u8, hash: &[u8]| self.posting_prefix(type_code, parameter, &[&[kind], hash]);
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
                (None, Some(code)) => prefixes.push(key(any, &self.codes.token_any(code))),
                (Some(system), Some(code)) => {
                    prefixes.push(key(pair, &self.codes.token_pair(system, code)));
                    if system.is_some_and(|system| sets.iter().any(|set| set.contains(system, code))) {
                        prefixes.push(key(pair, &self.codes.token_pair(None, code)));
                    }
                }
                (Some(system), None) => {
                    under.push(key(pair, &self.codes.token_system(system)));
                    for code in system.into_iter().flat_map(|system| codes_of(sets, system)) {
                        prefixes.push(key(pair, &self.codes.token_pair(None, code)));
                    }
                }
                (None, None) => {}
            }
        }
        either(self.terms(parameter, prefixes), under)
    }

    /// Identifiers with a code of their type.
    pub(super) fn of_type(&self, type_code: u16, parameter: u16, values: &[QueryValue]) -> Clause {
        let key = |value: &QueryValue| match value {
            QueryValue::OfType { system, code, value } => {
                let hash = self.codes.of_type(system.as_deref(), code, value);
                Some(self.posting_prefix(type_code, parameter, &[&[kind::OF_TYPE], &hash]))
            }
            _ => None,
        };
        self.terms(parameter, values.iter().filter_map(key).collect())
    }
}

/// The codes of a system that code sets list.
fn codes_of<'s>(sets: &'s [&'static CodeSet], system: &'s str) -> impl Iterator<Item = &'static str> + 's {
    let systems = sets.iter().flat_map(|set| set.systems());
    systems.filter(move |(own, _)| *own == system).flat_map(|(_, codes)| codes.iter().copied())
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
