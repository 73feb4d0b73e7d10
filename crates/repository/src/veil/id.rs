//! The ids of the masked view: type and number of a resource, encrypted.
//!
//! Layout, 52 hexadecimal digits: `tag 16 | (type code 2, big-endian | resource number 8, big-endian) xor key stream`. The tag is
//! the MAC of the ten bytes (label `view-id`), the key stream the MAC of the tag (label `view-id-stream`): equal resources have
//! equal ids, a tag that does not fit is no id of ours, and nobody without the key learns a number, an order or a type from
//! one. It is the construction of SIV (RFC 5297) with HMAC-SHA-256 as its only part.

use storage::keys::MaskKey;

const TAG_BYTES: usize = 16;
const PLAIN_BYTES: usize = 10;

/// The id under which a resource is shown.
pub(super) fn shown(key: &MaskKey, code: u16, number: u64) -> String {
    let mut plain = [0; PLAIN_BYTES];
    plain[..2].copy_from_slice(&code.to_be_bytes());
    plain[2..].copy_from_slice(&number.to_be_bytes());
    let tag = tag(key, &plain);
    hex::encode([&tag[..], &turned(key, &tag, plain)[..]].concat())
}

/// Type code and number of the resource that is shown under an id; `None` if it is no id of this key's.
pub(super) fn read(key: &MaskKey, id: &str) -> Option<(u16, u64)> {
    let mut bytes = [0; TAG_BYTES + PLAIN_BYTES];
    // Capitals would be a second id of the same resource.
    if id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    hex::decode_to_slice(id, &mut bytes).ok()?;
    let (given, sealed) = bytes.split_first_chunk::<TAG_BYTES>()?;
    let plain = turned(key, given, *sealed.first_chunk()?);
    if tag(key, &plain) != *given {
        return None;
    }
    let (code, number) = plain.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*code), u64::from_be_bytes(*number.first_chunk()?)))
}

fn tag(key: &MaskKey, plain: &[u8; PLAIN_BYTES]) -> [u8; TAG_BYTES] {
    let mut tag = [0; TAG_BYTES];
    tag.iter_mut().zip(key.mac("view-id", plain)).for_each(|(to, from)| *to = from);
    tag
}

fn turned(key: &MaskKey, tag: &[u8; TAG_BYTES], mut bytes: [u8; PLAIN_BYTES]) -> [u8; PLAIN_BYTES] {
    bytes.iter_mut().zip(key.mac("view-id-stream", tag)).for_each(|(byte, key)| *byte ^= key);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_under_its_key_alone() {
        let (key, other) = (MaskKey::ephemeral(), MaskKey::ephemeral());
        for (code, number) in [(0, 0), (103, 1), (u16::MAX, u64::MAX), (7, 0x0102_0304_0506_0708)] {
            let id = shown(&key, code, number);
            assert_eq!(id.len(), 52);
            assert_eq!(read(&key, &id), Some((code, number)));
            assert_eq!(read(&other, &id), None);
            assert_eq!(read(&key, &id.to_ascii_uppercase()), None);
            for at in 0..id.len() {
                let mut other = id.clone().into_bytes();
                other[at] = if other[at] == b'0' { b'1' } else { b'0' };
                assert_eq!(read(&key, std::str::from_utf8(&other).unwrap()), None);
            }
        }
        for text in ["", "1", "é", &"0".repeat(52), &"g".repeat(52), &"0".repeat(54)] {
            assert_eq!(read(&key, text), None);
        }
        assert_ne!(shown(&key, 1, 1)[..32], shown(&key, 1, 2)[..32]);
    }
}
