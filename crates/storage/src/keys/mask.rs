//! Mask keys: what pseudonyms, shifted dates and encrypted ids are made with.

use std::fmt;

use super::crypto::{BlockCipher, MacKey, Secret, hmac_sha256};

/// A tenant's secret for masking. The same tenant gives the same pseudonyms for as long as its keys live; another tenant gives
/// others.
pub struct MaskKey {
    mac: MacKey,
    cipher: BlockCipher,
}

impl MaskKey {
    pub(crate) fn new(seed: &Secret) -> Self {
        Self {
            mac: MacKey::new(seed.derive(&[b"mac"]).reveal()),
            cipher: BlockCipher::new(&seed.derive(&[b"block"])),
        }
    }

    /// A key that nobody has had before and that is gone with the process: for masking without a data folder.
    #[must_use]
    pub fn ephemeral() -> Self {
        let mut bytes = [0; super::crypto::KEY_BYTES];
        super::crypto::fill_random(&mut bytes);
        Self::new(&Secret::new(&mut bytes))
    }

    /// HMAC-SHA-256 of `data` under a key of its own for each label.
    pub fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.mac.mac(label.as_bytes()), data)
    }

    /// AES-256 of one block, for format-preserving encryption (NIST SP 800-38G).
    pub fn block(&self, block: [u8; 16]) -> [u8; 16] {
        self.cipher.encrypt(block)
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    #[test]
    fn labels_tenants_and_data_keep_apart() {
        let key = |seed| MaskKey::new(&Secret::generate(&SeededRandom::new(seed)));
        let (one, other) = (key(1), key(2));
        assert_eq!(one.mac("a", b"x"), key(1).mac("a", b"x"));
        assert_ne!(one.mac("a", b"x"), one.mac("b", b"x"));
        assert_ne!(one.mac("a", b"x"), one.mac("a", b"y"));
        assert_ne!(one.mac("a", b"x"), other.mac("a", b"x"));
        assert_eq!(one.block([3; 16]), key(1).block([3; 16]));
        assert_ne!(one.block([3; 16]), other.block([3; 16]));
        assert_ne!(MaskKey::ephemeral().mac("a", b"x"), MaskKey::ephemeral().mac("a", b"x"));
        assert_eq!(format!("{one:?}"), "MaskKey(..)");
    }
}
