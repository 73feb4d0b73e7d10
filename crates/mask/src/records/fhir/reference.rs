//! References and addresses: the ids in them become the same pseudonyms as the ids themselves.

use fhir::definitions::is_resource;

use crate::Keys;
use crate::transform::pseudonym;

/// The domain of ids and identifiers: one for both, so that a reference by identifier still meets the identifier.
const ID: &str = "id";

/// The domain of servers' addresses.
const BASE: &str = "base";

/// Where masked servers are: a name that never resolves (RFC 2606).
const NOWHERE: &str = "https://masked.invalid/";

/// The pseudonym of an id: a UUID for a UUID, an OID for an OID, else 64 hexadecimal digits.
pub(super) fn id(keys: &dyn Keys, id: &str) -> String {
    if pseudonym::looks_like_uuid(id) {
        return pseudonym::uuid(keys, ID, id);
    }
    if let Some(uuid) = id.strip_prefix("urn:uuid:") {
        return format!("urn:uuid:{}", self::id(keys, uuid));
    }
    if let Some(oid) = id.strip_prefix("urn:oid:") {
        return format!("urn:oid:{}", pseudonym::oid(keys, ID, oid));
    }
    pseudonym::hex(keys, ID, id)
}

/// A reference or address with its ids as pseudonyms: `Patient/1`, `#1`, `urn:uuid:…`, `https://host/fhir/Patient/1/_history/2`,
/// `Patient?identifier=system|value`, or any other text, which becomes one pseudonym.
pub(super) fn reference(keys: &dyn Keys, text: &str) -> String {
    if let Some(inner) = text.strip_prefix('#') {
        return if inner.is_empty() { text.to_owned() } else { format!("#{}", id(keys, inner)) };
    }
    if text.starts_with("urn:") {
        return id(keys, text);
    }
    let (place, query) = match text.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (text, None),
    };
    let (base, path) = base_and_path(place);
    let place = match (place_in(keys, path, base.is_none()), base) {
        (Some(path), None) => path,
        (Some(path), Some(base)) => format!("{}{path}", address(keys, base)),
        (None, None) if query.is_none() => return pseudonym::hex(keys, ID, text),
        (None, None) => pseudonym::hex(keys, ID, place),
        (None, Some(base)) => {
            let whole = format!("{base}{path}");
            format!(
                "{NOWHERE}{}",
                pseudonym::short(keys, BASE, known_address(keys, &whole).unwrap_or(&whole))
            )
        }
    };
    match query {
        Some(query) => format!("{place}?{}", parameters(keys, query)),
        None => place,
    }
}

/// The search of a conditional reference or creation, its values as pseudonyms.
pub(super) fn parameters(keys: &dyn Keys, query: &str) -> String {
    let value = |value: &str| match value.rsplit_once('|') {
        Some((system, code)) => format!("{system}|{}", id(keys, code)),
        None => id(keys, value),
    };
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, found)) if name.starts_with('_') && name != "_id" => {
            // `_format` and its kin are words of the standard, unless they are long enough to hold something.
            if found.len() <= 24 && found.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                format!("{name}={found}")
            } else {
                format!("{name}={}", id(keys, found))
            }
        }
        Some((name, found)) => format!("{name}={}", value(found)),
        None => id(keys, parameter),
    };
    query.split('&').map(parameter).collect::<Vec<_>>().join("&")
}

/// The part of an address up to the resource type, and the rest: a server's address, and a place on it.
fn base_and_path(place: &str) -> (Option<&str>, &str) {
    if !place.contains("://") {
        return (None, place);
    }
    let host = place.find("://").map_or(0, |at| at + 3);
    let mut at = host;
    for part in place.get(host..).unwrap_or("").split('/') {
        if at > host && is_resource(part) {
            return (place.get(..at), place.get(at..).unwrap_or(""));
        }
        at += part.len() + 1;
    }
    (Some(place), "")
}

/// `Patient/1/_history/2`, `Patient`, `Patient/1/$everything` with its ids changed; `None` if it is no such thing. On our own
/// server, ids are those that the keys show.
fn place_in(keys: &dyn Keys, path: &str, is_own: bool) -> Option<String> {
    let mut parts = path.trim_start_matches('/').split('/');
    let ty = parts.next().filter(|ty| is_resource(ty))?;
    let mut out = ty.to_owned();
    let mut history = false;
    for (at, part) in parts.filter(|part| !part.is_empty()).enumerate() {
        out.push('/');
        if let Some(shown) = keys.shown_id(ty, part).filter(|_| is_own && at == 0) {
            out.push_str(&shown);
            continue;
        }
        match part {
            "_history" | "_search" => {
                history = true;
                out.push_str(part);
            }
            _ if is_resource(part) => out.push_str(part),
            // A version's number says nothing; anything longer could.
            _ if history && part.len() <= 6 => out.push_str(part),
            _ if part.starts_with('$') && part.len() <= 32 => out.push_str(part),
            _ => out.push_str(&id(keys, part)),
        }
    }
    Some(out)
}

/// The address that stands for a server.
fn address(keys: &dyn Keys, base: &str) -> String {
    if known_address(keys, base).is_some() {
        return base.to_owned();
    }
    format!("{NOWHERE}{}/", pseudonym::short(keys, BASE, base))
}

/// The pseudonym in an address that was made here.
fn known_address<'a>(keys: &dyn Keys, address: &'a str) -> Option<&'a str> {
    let inner = address.strip_prefix(NOWHERE)?.trim_end_matches('/');
    pseudonym::is_short(keys, BASE, inner).then_some(inner)
}
