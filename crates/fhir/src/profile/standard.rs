//! The rules of R4 itself beyond structure: invariants, extensible bindings, the extensions that the standard defines.
//!
//! Source: FHIR R4 (4.0.1), by the table `definitions/rules.tsv`.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::outcome::Severity;
use crate::path::Expression;

const TABLE: &str = include_str!("../../definitions/rules.tsv");

const STRUCTURES: &str = "http://hl7.org/fhir/StructureDefinition/";
const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

/// Invariants that structural validation has checked before.
const STRUCTURAL: [&str; 5] = ["ele-1", "ext-1", "dom-2", "dom-4", "dom-5"];

/// That a resource should have narrative is marked as best practice in the standard, no more.
const BEST_PRACTICE: &str = "dom-6";

/// One invariant.
#[derive(Debug)]
pub(super) struct Invariant {
    pub(super) key: String,
    pub(super) severity: Severity,
    pub(super) expression: Expression,
    pub(super) rule: String,
}

/// An extension that the standard defines.
#[derive(Debug)]
pub(super) struct KnownExtension {
    pub(super) is_modifier: bool,
    /// The types of its value; none if it has extensions instead.
    pub(super) types: Vec<&'static str>,
    pub(super) contexts: Vec<&'static str>,
}

#[derive(Default)]
struct Standard {
    invariants: HashMap<&'static str, Vec<Invariant>>,
    keys: HashSet<&'static str>,
    bindings: HashMap<&'static str, String>,
    extensions: HashMap<&'static str, KnownExtension>,
}

static STANDARD: LazyLock<Standard> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the table is part of the program; a test reads it whole")]
    read().expect("the committed table is well formed")
});

fn read() -> Option<Standard> {
    let mut standard = Standard::default();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&'static str> = line.split('\t').collect();
        match cells.as_slice() {
            ["invariant", path, key, severity, expression, rule] => {
                standard.keys.insert(key);
                if STRUCTURAL.contains(key) {
                    continue;
                }
                standard.invariants.entry(path).or_default().push(Invariant {
                    key: (*key).to_owned(),
                    severity: match (*severity, *key) {
                        (_, BEST_PRACTICE) => Severity::Information,
                        ("error", _) => Severity::Error,
                        _ => Severity::Warning,
                    },
                    expression: Expression::parse(expression).ok()?,
                    rule: (*rule).to_owned(),
                });
            }
            ["binding", path, value_set] => {
                let url = if value_set.contains(':') {
                    (*value_set).to_owned()
                } else {
                    format!("{VALUE_SETS}{value_set}")
                };
                standard.bindings.insert(path, url);
            }
            ["extension", url, modifier, types, contexts] => {
                let types = types.split('|').filter(|ty| *ty != "-").collect();
                let contexts = contexts.split('|').collect();
                let known = KnownExtension { is_modifier: *modifier == "modifier", types, contexts };
                standard.extensions.insert(url, known);
            }
            _ => return None,
        }
    }
    Some(standard)
}

/// The invariants of a type or of an element by its path; without those that structural validation checks.
pub(super) fn invariants(path: &str) -> &'static [Invariant] {
    STANDARD.invariants.get(path).map_or(&[], Vec::as_slice)
}

/// Whether the standard has an invariant of this key.
pub(super) fn has_invariant(key: &str) -> bool {
    STANDARD.keys.contains(key)
}

/// The value set of an element's extensible binding.
pub(super) fn extensible_binding(path: &str) -> Option<&'static str> {
    STANDARD.bindings.get(path).map(String::as_str)
}

/// The extension `url`, if the standard defines it.
pub(super) fn extension(url: &str) -> Option<&'static KnownExtension> {
    STANDARD.extensions.get(url.strip_prefix(STRUCTURES)?)
}

/// The name of the R4 type that a canonical names, if it names one.
pub(super) fn core_type(canonical: &str) -> Option<&'static crate::definitions::Type> {
    let url = canonical.split('|').next().unwrap_or_default();
    crate::definitions::type_named(url.strip_prefix(STRUCTURES)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::{element_at, type_named};

    #[test]
    fn the_table_is_read_whole_and_names_types_and_elements() {
        let standard = read().unwrap();
        assert!(standard.invariants.values().map(Vec::len).sum::<usize>() > 200);
        assert!(standard.bindings.len() > 100 && standard.extensions.len() > 350);
        for path in standard.invariants.keys().chain(standard.bindings.keys()) {
            let plain = path.trim_end_matches("[x]");
            assert!(
                type_named(path).is_some()
                    || element_at(plain).is_some()
                    || path.starts_with("MetadataResource"),
                "{path}"
            );
        }
    }

    #[test]
    fn every_invariant_fits_the_type_it_is_for() {
        for (path, invariants) in &read().unwrap().invariants {
            for invariant in invariants {
                // The standard speaks of a name that ChargeItemDefinition does not have.
                let checked = invariant.expression.check(path);
                assert!(invariant.key == "cid-0" || checked.is_ok(), "{path} {}: {checked:?}", invariant.key);
            }
        }
    }
}
