//! Pseudonyms: keyed, one way, and recognisable to whoever holds the key.
//!
//! Each has two parts: the first is a MAC of the value, the second a MAC of the first. So a pseudonym of ours is known when it
//! comes by again and stays as it is, and only who holds the key can make one.

use std::fmt::Write as _;

use crate::Keys;

pub(crate) mod base32;

/// Bytes of the value's MAC and of the check in a hexadecimal pseudonym; 64 letters together, the longest id FHIR allows.
const HEX_VALUE: usize = 24;
const HEX_CHECK: usize = 8;

/// Bytes of both in a short pseudonym: 24 letters of base 32.
const SHORT_VALUE: usize = 10;
const SHORT_CHECK: usize = 5;

/// A pseudonym of 64 hexadecimal digits for `value`; `domain` keeps apart what must not be joined (ids, e-mail addresses).
/// One that these keys made for this domain comes back as it is.
pub fn hex(keys: &dyn Keys, domain: &str, value: &str) -> String {
    if is_hex(keys, domain, value) {
        return value.to_owned();
    }
    let mut bytes = first(keys, domain, value.as_bytes(), HEX_VALUE);
    bytes.extend(check(keys, domain, &bytes, HEX_CHECK));
    to_hex(&bytes)
}

/// Whether these keys made this hexadecimal pseudonym.
pub fn is_hex(keys: &dyn Keys, domain: &str, value: &str) -> bool {
    if value.len() != (HEX_VALUE + HEX_CHECK) * 2 {
        return false;
    }
    from_hex(value).is_some_and(|bytes| verifies(keys, domain, &bytes, HEX_VALUE))
}

/// A pseudonym of 24 capital letters and digits (base 32), for places with little room.
pub fn short(keys: &dyn Keys, domain: &str, value: &str) -> String {
    if is_short(keys, domain, value) {
        return value.to_owned();
    }
    let mut bytes = first(keys, domain, value.as_bytes(), SHORT_VALUE);
    bytes.extend(check(keys, domain, &bytes, SHORT_CHECK));
    base32::encode(&bytes)
}

/// Whether these keys made this short pseudonym.
pub fn is_short(keys: &dyn Keys, domain: &str, value: &str) -> bool {
    value.len() == 24
        && base32::decode(value).is_some_and(|bytes| verifies(keys, domain, &bytes, SHORT_VALUE))
}

/// A pseudonym in the form of a UUID of version 8: 64 bits of the value's MAC, 58 of the check. Letter case of the value does
/// not matter.
///
/// Source: RFC 9562, 5.8.
pub fn uuid(keys: &dyn Keys, domain: &str, value: &str) -> String {
    let value = value.to_ascii_lowercase();
    if is_uuid(keys, domain, &value) {
        return value;
    }
    format_uuid(&uuid_bytes(keys, domain, &first(keys, domain, value.as_bytes(), 8)))
}

/// Whether these keys made this UUID.
pub fn is_uuid(keys: &dyn Keys, domain: &str, value: &str) -> bool {
    let Some(bytes) = parse_uuid(value) else { return false };
    let value =
        [0, 1, 2, 3, 4, 5, 7, 9].into_iter().filter_map(|at| bytes.get(at).copied()).collect::<Vec<u8>>();
    uuid_bytes(keys, domain, &value) == bytes
}

/// A pseudonym in the form of an OID: `2.25.` and the number of [`uuid`].
///
/// Source: ITU-T X.667, 7.
pub fn oid(keys: &dyn Keys, domain: &str, value: &str) -> String {
    let known = value.strip_prefix("2.25.").and_then(|number| number.parse::<u128>().ok());
    if known.is_some_and(|number| is_uuid(keys, domain, &format_uuid(&number.to_be_bytes()))) {
        return value.to_owned();
    }
    let bytes = uuid_bytes(keys, domain, &first(keys, domain, value.as_bytes(), 8));
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

/// Whether the text is a UUID, in any letter case.
#[must_use]
pub fn looks_like_uuid(text: &str) -> bool {
    parse_uuid(text).is_some()
}

/// The letters of a tag: half of the value's MAC, half of the check.
pub(super) fn tag_of(keys: &dyn Keys, domain: &str, value: &str) -> String {
    let value: String = base32::encode(&first(keys, domain, value.as_bytes(), 5)).chars().take(4).collect();
    let check: String = tag_check(keys, domain, &value);
    value + &check
}

pub(super) fn verifies_tag(keys: &dyn Keys, domain: &str, letters: &str) -> bool {
    letters.split_at_checked(4).is_some_and(|(value, check)| tag_check(keys, domain, value) == check)
}

fn tag_check(keys: &dyn Keys, domain: &str, value: &str) -> String {
    base32::encode(&check(keys, domain, value.as_bytes(), 5)).chars().take(4).collect()
}

fn first(keys: &dyn Keys, domain: &str, value: &[u8], bytes: usize) -> Vec<u8> {
    mac(keys, "pseudonym", domain, value).into_iter().take(bytes).collect()
}

fn check(keys: &dyn Keys, domain: &str, value: &[u8], bytes: usize) -> Vec<u8> {
    mac(keys, "pseudonym-check", domain, value).into_iter().take(bytes).collect()
}

/// The domain goes in with its length, so that no domain and value together look like another pair.
pub(super) fn mac(keys: &dyn Keys, label: &str, domain: &str, value: &[u8]) -> [u8; 32] {
    let mut data = Vec::with_capacity(domain.len() + value.len() + 8);
    data.extend((domain.len() as u64).to_be_bytes());
    data.extend(domain.as_bytes());
    data.extend(value);
    keys.mac(label, &data)
}

fn verifies(keys: &dyn Keys, domain: &str, bytes: &[u8], value_bytes: usize) -> bool {
    bytes
        .split_at_checked(value_bytes)
        .is_some_and(|(value, found)| check(keys, domain, value, found.len()) == found)
}

/// Byte 6 holds the version, byte 8 the variant; the value stands in the bytes before them and beside them.
fn uuid_bytes(keys: &dyn Keys, domain: &str, value: &[u8]) -> [u8; 16] {
    let check = check(keys, domain, value, 16);
    let mut value = value.iter().copied();
    let mut check = check.into_iter();
    std::array::from_fn(|at| match at {
        0..=5 | 7 | 9 => value.next().unwrap_or(0),
        6 => 0x80 | check.next().unwrap_or(0) & 0x0f,
        8 => 0x80 | check.next().unwrap_or(0) & 0x3f,
        _ => check.next().unwrap_or(0),
    })
}

fn format_uuid(bytes: &[u8; 16]) -> String {
    let hex = to_hex(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("").to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let dashes = [8, 13, 18, 23];
    let fits = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    fits.then(|| from_hex(&digits)).flatten()?.try_into().ok()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok().filter(|_| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
        .collect()
}
