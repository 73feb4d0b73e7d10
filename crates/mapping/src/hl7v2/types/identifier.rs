//! HD, CX and EI: who assigned an identifier, and the identifier.
//!
//! An identifier is never keyed by its value alone: two hospitals both have a patient 1. The key is the assigning
//! authority and the value; where a message names no authority, the sending facility is it.
//!
//! Source: HL7 v2.8 chapter 2A CX, EI, HD; table 0203 (identifier type), 0301 (universal id type).

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::hl7v2::types::{coded, time};
use crate::json::{Build, concept};

/// The system of table 0203.
pub(crate) const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// Who assigned an identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authority {
    /// The URI for `Identifier.system`, if there is a true one.
    pub(crate) system: Option<CompactString>,
    /// The namespace as written, shown where there is no URI.
    pub(crate) name: Option<CompactString>,
}

impl Authority {
    /// What stands for the authority in a key.
    pub(crate) fn key(&self) -> Option<CompactString> {
        self.system.clone().or_else(|| self.name.as_ref().map(|name| format_compact!("namespace {name}")))
    }
}

/// The authority in three parts of `node` that begin at `first`: namespace, universal id, its type.
pub(crate) fn authority(context: &Context<'_, '_>, node: &Node<'_, '_>, first: u32) -> Option<Authority> {
    let name = node.get(first);
    let universal = node.peek_part(first + 1);
    let own = universal.as_deref().and_then(|id| universal_uri(id, node.peek_part(first + 2).as_deref()));
    if own.is_some() {
        node.get(first + 1);
        node.get(first + 2);
    }
    let configured = || {
        let known = &context.source.assigning_authorities;
        let known =
            [name.as_deref(), universal.as_deref()].into_iter().flatten().find_map(|text| known.get(text));
        known.map(|uri| CompactString::from(uri.as_str()))
    };
    // Some senders write the object identifier where the namespace belongs.
    let system =
        own.or_else(configured).or_else(|| name.as_deref().and_then(|text| universal_uri(text, Some("ISO"))));
    let name = name.or_else(|| {
        universal.filter(|_| system.is_none()).inspect(|_| {
            node.get(first + 1);
        })
    });
    (system.is_some() || name.is_some()).then_some(Authority { system, name })
}

/// The URI of a universal id, if its type and its text make one.
fn universal_uri(id: &str, kind: Option<&str>) -> Option<CompactString> {
    let upper = kind.map(str::to_ascii_uppercase);
    match upper.as_deref() {
        Some("ISO") | None if is_oid(id) => Some(format_compact!("urn:oid:{id}")),
        Some("UUID" | "GUID") if is_uuid(id) => Some(format_compact!("urn:uuid:{}", id.to_ascii_lowercase())),
        Some("URI") | None if is_uri(id) => Some(id.into()),
        _ => None,
    }
}

fn is_oid(text: &str) -> bool {
    let arcs = text.split('.').collect::<Vec<_>>();
    arcs.len() >= 3
        && matches!(arcs.first(), Some(&("0" | "1" | "2")))
        && arcs.iter().all(|arc| {
            !arc.is_empty()
                && arc.bytes().all(|byte| byte.is_ascii_digit())
                && (*arc == "0" || !arc.starts_with('0'))
        })
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_uri(text: &str) -> bool {
    ["http://", "https://", "urn:"].iter().any(|scheme| text.starts_with(scheme))
        && !text.contains(char::is_whitespace)
}

/// One identifier: the FHIR Identifier, and what it is keyed by.
pub(crate) struct Identifier {
    /// As FHIR shows it.
    pub(crate) json: Build,
    /// Authority and value in one text, for the id of the resource it names.
    pub(crate) key: CompactString,
    /// Code of table 0203, if the sender gave one.
    pub(crate) kind: Option<CompactString>,
    /// Whether the sender named the assigning authority.
    pub(crate) assigned: bool,
}

/// Puts an identifier together. `kind` is the code of table 0203; `scope` tells apart, in the key only, the numbers that
/// one authority-less sender gives out for different things (patients, visits, orders).
pub(crate) fn build(
    context: &Context<'_, '_>,
    value: &CompactString,
    authority: Option<&Authority>,
    kind: Option<&str>,
    scope: &str,
) -> Identifier {
    let owner = authority.and_then(Authority::key);
    let assigned = owner.is_some();
    let owner = owner.unwrap_or_else(|| format_compact!("{} {scope}", context.facility));
    let key = format_compact!("{owner}|{value}");
    let system = authority.and_then(|authority| authority.system.clone());
    // Without a URI there is no system, rather than a made-up one; the namespace is shown as the assigner.
    let assigner = authority.filter(|_| system.is_none()).and_then(|authority| authority.name.clone());
    let json = Build::new()
        .maybe("type", kind.map(|code| concept(IDENTIFIER_TYPE, code, None)))
        .maybe("system", system)
        .with("value", value.clone())
        .maybe("assigner", assigner.map(|name| Build::new().with("display", name).done()));
    Identifier { json, key, kind: kind.map(CompactString::from), assigned }
}

/// CX: number, check digit, scheme, authority, type, facility, from, to. `kind` stands in for a missing type.
pub(crate) fn cx(
    context: &Context<'_, '_>,
    node: &Node<'_, '_>,
    kind: Option<&str>,
    scope: &str,
) -> Option<Identifier> {
    let value = node.get(1)?;
    let authority = node.part(4).and_then(|part| authority(context, &part, 1));
    let own_kind = node.peek_part(5).filter(|code| coded::is_code(code)).and_then(|_| node.get(5));
    let mut identifier = build(context, &value, authority.as_ref(), own_kind.as_deref().or(kind), scope);
    for check in [2, 3] {
        if let Some(part) = node.part(check) {
            part.ignore("check digit of the number");
        }
    }
    // The facility that gave the number out is shown; the authority is what it is keyed by.
    if !identifier.json.has("assigner")
        && let Some(name) = node.part(6).and_then(|facility| facility.get(1))
    {
        identifier.json = identifier.json.with("assigner", Build::new().with("display", name).done());
    }
    let (start, end) = (node.part(7), node.part(8));
    if let Some(period) = time::period(start, end, &context.zones) {
        identifier.json = identifier.json.with("period", period);
    }
    Some(identifier)
}

/// EI: number, namespace, universal id, its type.
pub(crate) fn ei(
    context: &Context<'_, '_>,
    node: &Node<'_, '_>,
    kind: Option<&str>,
    scope: &str,
) -> Option<Identifier> {
    let value = node.get(1)?;
    let authority = authority(context, node, 2);
    Some(build(context, &value, authority.as_ref(), kind, scope))
}

/// The JSON of an identifier that only needs to be shown.
pub(crate) fn shown(identifier: Identifier) -> Value {
    identifier.json.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_universal_ids_become_uris() {
        assert_eq!(universal_uri("1.2.36.1", Some("ISO")).as_deref(), Some("urn:oid:1.2.36.1"));
        assert_eq!(universal_uri("1.2.036.1", Some("ISO")), None);
        assert_eq!(universal_uri("LAB", Some("ISO")), None);
        let uuid = "7D0C2F52-9A3E-4F0B-8B1E-0A1B2C3D4E5F";
        assert_eq!(
            universal_uri(uuid, Some("UUID")).as_deref(),
            Some("urn:uuid:7d0c2f52-9a3e-4f0b-8b1e-0a1b2c3d4e5f")
        );
        assert_eq!(universal_uri("lab.example.org", Some("DNS")), None);
    }
}
