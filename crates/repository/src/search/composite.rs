//! Composite values: what stands together in one element, as the member record keeps it and as a query tests it.
//!
//! A code that stands beside another code or beside a quantity has a posting of both, which drives searches that tell the code: many
//! resources have the code and many the value, few have both. What else a composite is made of drives by its parts, each of
//! which is also a value of the parameter that the part is defined by. Either way the record tells which parts stand together.
//! Where every part stands with every other (an Observation's code and value), the record says nothing and the parts are
//! tested one by one.
//!
//! ```text
//! composites: { varint: bytes of the composite | part* }*
//! part: kind (1) and, by kind:
//! 1 token       hash of the code (8; zero: none) | hash of the system (8), of both (12)
//! 2 date        low (8), high (8)
//! 3 number      low code (14), high code (14)
//! 4 quantity    low code (14), high code (14) | count of units (1) | units: hash (8), hash with system (8)
//! 5 hash        16: a URI, or a reference's URL
//! 6 text        number in the dictionary of the composite's parameter (4)
//! 7 reference   target type (2), target number (8)
//! ```

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use compact_str::CompactString;
use fhir::search::{Component, Parameter, Registry};

use super::codes::{NUMBER_BYTES, NumberCode, kind};
use super::header::{push_varint, take, take_varint};
use super::range::{DateTest, NumberTest};
use super::terms::Target;

/// A unit as it stands in keys: hash of its code, and of its code with its system.
pub(crate) type UnitHash = [u8; 16];

/// The parameter that defines a part of a composite, if its values are certain to hold all the part's.
///
/// For the parameters of the standard they do (a test holds it); of a tenant's own nothing is known.
pub(crate) fn defined_by<'r>(
    registry: &'r Registry,
    composite: &Parameter,
    component: &Component,
) -> Option<&'r Arc<Parameter>> {
    let found = registry.parameter(composite.resource_type, &component.code)?;
    (!composite.is_custom() && !found.is_custom() && found.kind == component.kind).then_some(found)
}

/// The parameter under whose number a composite's postings stand: the one with the same parts that reads the most elements, such
/// as `combo-code-value-quantity` for `code-value-quantity`, or itself. `None` where a tenant's own has taken its place.
pub(crate) fn posted_under<'r>(registry: &'r Registry, composite: &'r Parameter) -> Option<&'r Parameter> {
    static OWNERS: OnceLock<HashMap<(&'static str, u16), u16>> = OnceLock::new();
    if composite.is_custom() {
        return Some(composite);
    }
    let owner = *OWNERS.get_or_init(owners).get(&(composite.resource_type, composite.id))?;
    registry.parameter_numbered(composite.resource_type, owner).map(Arc::as_ref)
}

fn owners() -> HashMap<(&'static str, u16), u16> {
    let foci = |of: &Parameter| -> BTreeSet<String> {
        of.expression.split('|').map(|focus| focus.trim().to_owned()).collect()
    };
    let alike = |a: &Parameter, b: &Parameter| {
        let parts = |of: &Parameter| -> Vec<_> {
            of.components.iter().map(|part| (part.kind, part.expression.clone())).collect()
        };
        parts(a) == parts(b)
    };
    let mut owners = HashMap::new();
    for ty in fhir::definitions::resource_types() {
        let all = Registry::base().parameters(ty.name);
        for one in all.iter().filter(|one| !one.components.is_empty()) {
            let own = foci(one);
            let covers = |other: &&Arc<Parameter>| alike(one, other) && foci(other).is_superset(&own);
            let widest = all.iter().filter(covers).max_by_key(|other| (foci(other).len(), other.id));
            owners.insert((one.resource_type, one.id), widest.map_or(one.id, |widest| widest.id));
        }
    }
    owners
}

/// One part of a composite, coded as far as it can be outside the committer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Token {
        code: [u8; 8],
        pair: [u8; 20],
    },
    Date(u64, u64),
    Number(NumberCode, NumberCode),
    Quantity {
        low: NumberCode,
        high: NumberCode,
        units: Vec<UnitHash>,
    },
    Hash([u8; 16]),
    /// Normalised, and as written.
    Text(CompactString, CompactString),
    Reference(Target),
}

/// The hash of a token without a code.
const NO_CODE: [u8; 8] = [0; 8];

/// Calls `put` with the pieces of each term that a composite has in the postings: none, unless it is a code beside a code or
/// beside a quantity.
pub(crate) fn postings(parts: &[Part], put: &mut dyn FnMut(&[&[u8]])) {
    let [Part::Token { code, .. }, second] = parts else { return };
    if *code == NO_CODE {
        return;
    }
    match second {
        Part::Token { code: other, .. } if *other != NO_CODE => put(&[&[kind::CODE_CODE], code, other]),
        Part::Quantity { low, high, units } => {
            for unit in units {
                match low == high {
                    true => put(&[&[kind::CODE_QUANTITY], code, unit, low]),
                    false => put(&[&[kind::CODE_QUANTITY_RANGE], code, unit, low, high]),
                }
            }
        }
        _ => {}
    }
}

/// Gives the numbers that only the committer knows.
pub(crate) trait Numbering<E> {
    /// The number of a text (normalised, as written).
    fn text(&mut self, normal: &str, raw: &str) -> Result<u32, E>;
    /// The number of a target.
    fn target(&mut self, target: &Target) -> Result<u64, E>;
}

/// Writes composites as the member record keeps them.
pub(crate) fn write<E>(composites: &[Vec<Part>], numbering: &mut impl Numbering<E>) -> Result<Vec<u8>, E> {
    let mut out = Vec::new();
    let mut one = Vec::new();
    for parts in composites {
        one.clear();
        for part in parts {
            write_part(&mut one, part, numbering)?;
        }
        push_varint(&mut out, one.len() as u64);
        out.extend_from_slice(&one);
    }
    Ok(out)
}

fn write_part<E>(out: &mut Vec<u8>, part: &Part, numbering: &mut impl Numbering<E>) -> Result<(), E> {
    match part {
        Part::Token { code, pair } => {
            out.push(1);
            out.extend_from_slice(code);
            out.extend_from_slice(pair);
        }
        Part::Date(low, high) => {
            out.push(2);
            out.extend_from_slice(&low.to_be_bytes());
            out.extend_from_slice(&high.to_be_bytes());
        }
        Part::Number(low, high) => {
            out.push(3);
            out.extend_from_slice(low);
            out.extend_from_slice(high);
        }
        Part::Quantity { low, high, units } => {
            out.push(4);
            out.extend_from_slice(low);
            out.extend_from_slice(high);
            out.push(u8::try_from(units.len()).unwrap_or(u8::MAX));
            units.iter().take(usize::from(u8::MAX)).for_each(|unit| out.extend_from_slice(unit));
        }
        Part::Hash(hash) => {
            out.push(5);
            out.extend_from_slice(hash);
        }
        Part::Text(normal, raw) => {
            out.push(6);
            out.extend_from_slice(&numbering.text(normal, raw)?.to_be_bytes());
        }
        Part::Reference(target) => {
            out.push(7);
            out.extend_from_slice(&target.type_code.to_be_bytes());
            out.extend_from_slice(&numbering.target(target)?.to_be_bytes());
        }
    }
    Ok(())
}

/// What one part must be.
pub(crate) enum PartTest {
    /// All that are given must be equal: hash of the code, of the system, one of those of both.
    Token {
        code: Option<[u8; 8]>,
        system: Option<[u8; 8]>,
        pairs: Vec<[u8; 20]>,
    },
    Date(DateTest),
    Number(NumberTest),
    /// The number in any unit, in one of the units, or in a unit whose code has this hash whatever its system.
    Quantity {
        any: Option<NumberTest>,
        units: Vec<(UnitHash, NumberTest)>,
        like: Option<([u8; 8], NumberTest)>,
    },
    Hash([u8; 16]),
    /// One of these texts, ascending.
    Text(Vec<u32>),
    /// One of these resources, ascending, or the URL.
    Reference {
        targets: Vec<u64>,
        url: Option<[u8; 16]>,
    },
}

/// Whether one of the composites of a record passes: each of its parts the test at its place.
pub(crate) fn passes(mut record: &[u8], tests: &[PartTest]) -> bool {
    while let Some(length) = take_varint(&mut record).and_then(|length| usize::try_from(length).ok()) {
        let Some((mut composite, rest)) = record.split_at_checked(length) else { return false };
        record = rest;
        if tests.iter().all(|test| part_passes(&mut composite, test) == Some(true)) {
            return true;
        }
    }
    false
}

/// Takes one part off the front and tests it; `None` where the bytes end.
fn part_passes(rest: &mut &[u8], test: &PartTest) -> Option<bool> {
    let [kind] = take::<1>(rest)?;
    Some(match kind {
        1 => {
            let (own_code, own_pair) = (take::<8>(rest)?, take::<20>(rest)?);
            let PartTest::Token { code, system, pairs } = test else { return Some(false) };
            code.is_none_or(|code| code == own_code)
                && system.is_none_or(|system| own_pair.starts_with(&system))
                && (pairs.is_empty() || pairs.contains(&own_pair))
        }
        2 => {
            let (low, high) = (u64::from_be_bytes(take(rest)?), u64::from_be_bytes(take(rest)?));
            matches!(test, PartTest::Date(test) if test.passes(low, high))
        }
        3 => {
            let (low, high) = (take::<NUMBER_BYTES>(rest)?, take::<NUMBER_BYTES>(rest)?);
            matches!(test, PartTest::Number(test) if test.passes(low, high))
        }
        4 => {
            let (low, high) = (take::<NUMBER_BYTES>(rest)?, take::<NUMBER_BYTES>(rest)?);
            let [count] = take::<1>(rest)?;
            let (own, after) = rest.split_at_checked(usize::from(count) * 16)?;
            *rest = after;
            let PartTest::Quantity { any, units, like } = test else { return Some(false) };
            any.is_some_and(|test| test.passes(low, high))
                || units
                    .iter()
                    .any(|(unit, test)| test.passes(low, high) && own.chunks_exact(16).any(|own| own == unit))
                || like.as_ref().is_some_and(|(unit, test)| {
                    test.passes(low, high) && own.chunks_exact(16).any(|own| own.starts_with(unit))
                })
        }
        5 => {
            let own = take::<16>(rest)?;
            match test {
                PartTest::Hash(hash) => own == *hash,
                PartTest::Reference { url, .. } => *url == Some(own),
                _ => false,
            }
        }
        6 => {
            let own = u32::from_be_bytes(take(rest)?);
            matches!(test, PartTest::Text(texts) if texts.binary_search(&own).is_ok())
        }
        7 => {
            take::<2>(rest)?;
            let own = u64::from_be_bytes(take(rest)?);
            matches!(test, PartTest::Reference { targets, .. } if targets.binary_search(&own).is_ok())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composite_is_posted_under_the_one_that_reads_more_elements() {
        let under = |code: &str| {
            let one = Registry::base().parameter("Observation", code).unwrap();
            posted_under(Registry::base(), one).unwrap().code.to_string()
        };
        assert_eq!(under("code-value-quantity"), "combo-code-value-quantity");
        assert_eq!(under("component-code-value-quantity"), "combo-code-value-quantity");
        assert_eq!(under("combo-code-value-quantity"), "combo-code-value-quantity");
        assert_eq!(under("code-value-concept"), "combo-code-value-concept");
        assert_eq!(under("code-value-date"), "code-value-date");
    }

    struct Fixed;

    impl Numbering<()> for Fixed {
        fn text(&mut self, _: &str, _: &str) -> Result<u32, ()> {
            Ok(5)
        }

        fn target(&mut self, _: &Target) -> Result<u64, ()> {
            Ok(9)
        }
    }

    #[test]
    fn parts_pass_only_together() {
        let token = |code: u8| Part::Token { code: [code; 8], pair: [code; 20] };
        let text = Part::Text("a".into(), "A".into());
        let composites = [vec![token(1), Part::Hash([1; 16]), text], vec![token(2), Part::Date(3, 4)]];
        let bytes = write(&composites, &mut Fixed).unwrap();
        let code = |code: u8| PartTest::Token { code: Some([code; 8]), system: None, pairs: Vec::new() };
        let url = |url: u8| PartTest::Reference { targets: vec![9], url: Some([url; 16]) };
        assert!(passes(&bytes, &[code(1), url(1), PartTest::Text(vec![5])]));
        assert!(!passes(&bytes, &[code(1), url(1), PartTest::Text(vec![6])]));
        assert!(!passes(&bytes, &[code(2), url(1)]));
        assert!(passes(&bytes, &[code(2)]));
        for end in 0..bytes.len() {
            assert!(!passes(&bytes[..end], &[code(2), PartTest::Text(vec![5])]));
        }
    }

    /// Path and, if one is told, type of each part of a union: `(A.b as C)`, `A.b.as(C)` and `A.b`.
    fn paths(expression: &str) -> Vec<(String, Option<String>)> {
        let path = |part: &str| {
            let part = part.trim().trim_start_matches('(').trim_end_matches(')').replace(".as(", " as ");
            match part.split_once(" as ") {
                Some((path, ty)) => (path.trim().to_owned(), Some(ty.trim().to_lowercase())),
                None => (part.trim().to_owned(), None),
            }
        };
        expression.split('|').map(path).collect()
    }

    #[test]
    fn parameters_that_define_parts_have_all_values_of_the_parts() {
        let mut parts = 0;
        for ty in fhir::definitions::resource_types() {
            for composite in
                Registry::base().parameters(ty.name).iter().filter(|one| !one.components.is_empty())
            {
                for component in &composite.components {
                    let own = defined_by(Registry::base(), composite, component);
                    let own = own.unwrap_or_else(|| panic!("{composite:?} {component:?}"));
                    let given = paths(&own.expression);
                    for (focus, _) in paths(&composite.expression) {
                        for (path, of) in paths(&component.expression) {
                            let path = match path.strip_prefix("%resource.") {
                                Some(rest) => format!("{}.{rest}", ty.name),
                                None => format!("{focus}.{path}"),
                            };
                            // A part without a type has those of its kind, as its parameter does.
                            let covers = |(other, its): &(String, Option<String>)| {
                                *other == path && (its.is_none() || of.is_none() || *its == of)
                            };
                            assert!(given.iter().any(covers), "{composite:?} {path} {of:?}: {given:?}");
                            parts += 1;
                        }
                    }
                }
            }
        }
        assert!(parts > 60, "{parts}");
    }
}
