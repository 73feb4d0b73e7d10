//! URIs: exactly, and by their paths.

use std::ops::ControlFlow;

use fhir::search::query::{Modifier, QueryValue};

use super::super::clause::Clause;
use super::super::codes::kind;
use super::super::labels::{URIS, above, has_path, is_below};
use super::super::{Search, SearchError};

impl Search<'_> {
    pub(super) fn uris(&self, type_code: u16, parameter: u16, values: &[QueryValue]) -> Clause {
        let uri = |value: &QueryValue| match value {
            QueryValue::Uri(uri) | QueryValue::String(uri) => Some(self.uri(type_code, parameter, uri)),
            _ => None,
        };
        self.terms(parameter, values.iter().filter_map(uri).collect())
    }

    fn uri(&self, type_code: u16, parameter: u16, uri: &str) -> Vec<u8> {
        self.posting_prefix(type_code, parameter, &[&[kind::URI], &self.codes.uri(uri)])
    }

    /// The given URIs and those whose paths are below theirs, or above.
    ///
    /// Source: FHIR R4 3.1.1.4.9 (uri; URLs alone, a URN has no path).
    pub(super) fn uris_beside(
        &self,
        type_code: u16,
        parameter: u16,
        modifier: Modifier,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let mut prefixes = Vec::new();
        for value in values {
            let QueryValue::Uri(uri) = value else { continue };
            prefixes.push(self.uri(type_code, parameter, uri));
            if !has_path(uri) {
                continue;
            }
            if modifier == Modifier::Above {
                prefixes.extend(above(uri).into_iter().map(|uri| self.uri(type_code, parameter, uri)));
                continue;
            }
            let known = self.dictionaries.get(self.newest, self.tenant, URIS)?;
            self.spend(known.count() / 16)?;
            let limit = self.limits.texts_max;
            known.each(&mut |_, other, _| {
                if is_below(other, uri) {
                    prefixes.push(self.uri(type_code, parameter, other));
                }
                if prefixes.len() <= limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if prefixes.len() > limit {
                return Err(SearchError::TooCostly {
                    what: "too many different URIs lie below the given one",
                    hint: "give more of the path",
                });
            }
        }
        Ok(self.terms(parameter, prefixes))
    }
}
