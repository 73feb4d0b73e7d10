//! References in current versions to resources that are not there: a check of the whole store, for `ward index verify`.
//!
//! Reads every body, shows none: what comes out are types and counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use compact_str::CompactString;
use fhir::json::Value;
use storage::engine::{Direction, Engine, KeyRange};
use storage::keys::{KeyRing, TenantId};
use storage::log::Log;

use crate::core::Core;
use crate::error::Result;
use crate::layout;
use crate::row::Row;
use crate::view::{corrupt, engine};

/// References of resources of one type to resources of another that do not exist or are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// The type that refers.
    pub from: &'static str,
    /// The type referred to.
    pub to: &'static str,
    /// How many references.
    pub references: u64,
}

/// Finds dangling references in a tenant's current versions. `progress` hears how many resources were read.
///
/// # Errors
/// `Corrupt` for a body that does not open, `Unavailable` if the index cannot be read.
pub fn dangling(
    log: Arc<dyn Log>,
    index: Arc<dyn Engine>,
    ring: Arc<KeyRing>,
    tenant: TenantId,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Dangling>> {
    let view = Core::new(log, index, ring).view(tenant.0)?;
    let prefix = layout::Key::new(tenant.0).into_vec();
    let mut known: HashMap<(u16, CompactString), bool> = HashMap::new();
    let mut found: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    let mut read = 0;
    for row in view.reader.scan(layout::CURRENT, KeyRange::prefix(&prefix), Direction::Forward) {
        let (key, value) = row.map_err(engine)?;
        let code =
            key.get(layout::PREFIX_BYTES..layout::PREFIX_BYTES + 2).and_then(|code| code.try_into().ok());
        let (Some(code), Some(number)) = (code.map(u16::from_be_bytes), layout::number_at_end(&key)) else {
            continue;
        };
        let row = Row::read(&value).map_err(corrupt)?;
        let Some(body) = view.body(code, number, &row)? else { continue };
        let value = body.value().map_err(corrupt)?;
        let mut failure = None;
        references(&value, &mut |to, id| {
            let there = match known.get(&(to, id.into())) {
                Some(there) => Ok(*there),
                None => view.is_live(to, &view.id_hash(to, id)),
            };
            match there {
                Ok(there) => {
                    known.insert((to, id.into()), there);
                    let names = layout::type_name(code).zip(layout::type_name(to));
                    if let Some(names) = names.filter(|_| !there) {
                        *found.entry(names).or_default() += 1;
                    }
                }
                Err(error) => failure = Some(error),
            }
        });
        failure.map_or(Ok(()), Err)?;
        read += 1;
        progress(read);
    }
    Ok(found.into_iter().map(|((from, to), references)| Dangling { from, to, references }).collect())
}

/// Walks over all `Reference.reference` of a resource that have the form `Type/id` or `Type/id/_history/version`.
///
/// What stands in a stored Bundle refers to its other entries (R4 bundle.html#references), so a Bundle has none.
pub(crate) fn references(resource: &Value, each: &mut dyn FnMut(u16, &str)) {
    if resource.resource_type() != Some("Bundle") {
        walk(resource, each);
    }
}

fn walk(value: &Value, each: &mut dyn FnMut(u16, &str)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| walk(element, each)),
        Value::Object(object) => {
            for (key, member) in object.iter() {
                match member.as_str().filter(|_| key == "reference") {
                    Some(text) => target(text).into_iter().for_each(|(code, id)| each(code, id)),
                    None => walk(member, each),
                }
            }
        }
        _ => {}
    }
}

/// Type and id that a reference names, if it names a resource of this store.
fn target(reference: &str) -> Option<(u16, &str)> {
    let mut parts = reference.split('/');
    let code = parts.next().and_then(layout::type_code)?;
    Some((code, parts.next()?))
}

/// Where in a resource the first reference to `wanted` stands, as FHIRPath: `Observation.performer[1]`.
pub(crate) fn place_of(resource: &Value, wanted: (u16, &str)) -> Option<String> {
    let mut place = resource.resource_type()?.to_owned();
    find(resource, wanted, &mut place).then_some(place)
}

fn find(value: &Value, wanted: (u16, &str), place: &mut String) -> bool {
    let length = place.len();
    match value {
        Value::Array(elements) => elements.iter().enumerate().any(|(index, element)| {
            place.truncate(length);
            place.push_str(&format!("[{index}]"));
            find(element, wanted, place)
        }),
        Value::Object(object) => {
            let here = object.get("reference").and_then(Value::as_str).and_then(target);
            here == Some(wanted)
                || object.iter().any(|(key, member)| {
                    place.truncate(length);
                    place.push('.');
                    place.push_str(key);
                    find(member, wanted, place)
                })
        }
        _ => false,
    }
}
