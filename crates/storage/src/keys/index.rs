//! Index keys: how terms stand in an index that nobody may read without the keys.

use std::fmt;

use super::crypto::{MacKey, Secret};

/// Room for the framed parts of a term; longer ones go to the heap.
const STACK_BYTES: usize = 256;

/// A tenant's key for hiding index terms. Cheap to use: its HMAC states are computed once.
pub struct IndexKey {
    seed: Secret,
    mac: MacKey,
}

impl IndexKey {
    pub(crate) fn new(seed: Secret) -> Self {
        let mac = MacKey::new(seed.derive(&[b"hash"]).reveal());
        Self { seed, mac }
    }

    /// The first 16 bytes of HMAC-SHA-256 over the parts, each preceded by its length as a 32-bit number, so that
    /// `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn keyed_hash16(&self, parts: &[&[u8]]) -> [u8; 16] {
        let tag = self.tag(parts);
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(tag) {
            *to = from;
        }
        hash
    }

    /// All 32 bytes of the same.
    pub fn keyed_hash32(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.tag(parts)
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut room = [0; STACK_BYTES];
        if let Some(length) = frame(parts, &mut room)
            && let Some(framed) = room.get(..length)
        {
            return self.mac.mac(framed);
        }
        let mut framed = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
        for part in parts {
            framed.extend_from_slice(&length_be(part));
            framed.extend_from_slice(part);
        }
        self.mac.mac(&framed)
    }

    /// The secret order-preserving code of one kind of number (say, one search parameter). Deriving costs some
    /// microseconds: keep it.
    pub fn order(&self, space: &[u8]) -> OrderCode {
        let drawn = self.seed.derive(&[b"order", space]);
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(drawn.reveal()) {
            *to = *from;
        }
        OrderCode { offset: u64::from_be_bytes(bytes) >> 1 }
    }
}

fn length_be(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

fn frame(parts: &[&[u8]], room: &mut [u8; STACK_BYTES]) -> Option<usize> {
    let mut at = 0;
    for part in parts {
        room.get_mut(at..at + 4)?.copy_from_slice(&length_be(part));
        at += 4;
        room.get_mut(at..at + part.len())?.copy_from_slice(part);
        at += part.len();
    }
    Some(at)
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}

/// Largest value that has a code of its own; what lies beyond gets the code of the bound.
const ORDER_LIMIT: i64 = 1 << 61;

/// Numbers shifted by a secret: order and distances stay, places do not.
///
/// Who sees the codes learns the order of the values, how far apart they are, and which are equal.
#[derive(Clone, Copy)]
pub struct OrderCode {
    offset: u64,
}

impl OrderCode {
    /// The code: `a < b` gives `code(a) < code(b)` for all values between -2^61 and 2^61; values beyond are taken as
    /// the bound. Stored as eight big-endian bytes the codes sort as the values do.
    pub fn code(self, value: i64) -> u64 {
        let shifted = value.clamp(-ORDER_LIMIT, ORDER_LIMIT) + ORDER_LIMIT;
        shifted.unsigned_abs() + self.offset // at most 2^62 + 2^63
    }

    /// The value that has this code (or the nearest bound).
    pub fn value(self, code: u64) -> i64 {
        let shifted = i64::try_from(code.saturating_sub(self.offset)).unwrap_or(i64::MAX);
        shifted.saturating_sub(ORDER_LIMIT).clamp(-ORDER_LIMIT, ORDER_LIMIT)
    }
}

impl fmt::Debug for OrderCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::SeededRandom;

    fn key() -> IndexKey {
        IndexKey::new(Secret::generate(&SeededRandom::new(1)))
    }

    #[test]
    fn the_border_between_parts_counts() {
        let key = key();
        assert_ne!(key.keyed_hash16(&[b"ab", b"c"]), key.keyed_hash16(&[b"a", b"bc"]));
        assert_ne!(key.keyed_hash16(&[b"abc"]), key.keyed_hash16(&[b"abc", b""]));
        assert_ne!(key.order(b"a").code(0), key.order(b"b").code(0));
    }

    #[test]
    fn long_and_short_terms_are_hashed_alike() {
        let key = key();
        for length in [0, 100, 251, 252, 253, 256, 1000] {
            let part = vec![7; length];
            let mut framed = (length as u32).to_be_bytes().to_vec();
            framed.extend_from_slice(&part);
            assert_eq!(key.keyed_hash32(&[&part]), key.mac.mac(&framed));
        }
    }

    proptest! {
        #[test]
        fn codes_keep_the_order_and_lead_back(a in -ORDER_LIMIT..ORDER_LIMIT, b in -ORDER_LIMIT..ORDER_LIMIT, space: [u8; 2]) {
            let order = key().order(&space);
            prop_assert_eq!(a.cmp(&b), order.code(a).cmp(&order.code(b)));
            prop_assert_eq!(order.value(order.code(a)), a);
            prop_assert!(order.code(i64::MIN) <= order.code(a) && order.code(a) <= order.code(i64::MAX));
        }
    }
}
