//! The primitives, each wrapped once: SHA-256, HMAC-SHA-256, HKDF-SHA-256, AES-256, AES-256-GCM, Ed25519, random bytes.
//!
//! Nothing else in Ward calls `aws-lc-rs` (but for the set-up of TLS, which hands it to rustls).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use aws_lc_rs::{constant_time, digest, hkdf, hmac, rand};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a symmetric key, of a SHA-256 hash and of an Ed25519 seed.
pub const KEY_BYTES: usize = 32;
/// Bytes of an AES-GCM nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of an AES-GCM tag.
pub const TAG_BYTES: usize = 16;

/// Fills the buffer from the library's generator.
#[expect(clippy::expect_used, reason = "without randomness there is no safe way to go on")]
pub(crate) fn fill_random(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the operating system gives random bytes");
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; KEY_BYTES] {
    sha256_parts(&[bytes])
}

/// SHA-256 over the parts one after the other, with nothing between them.
pub fn sha256_parts(parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    first_32(context.finish().as_ref())
}

/// Whether two slices are equal, in a time that depends on their lengths only.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// HMAC-SHA-256 (RFC 2104) in one call; use [`MacKey`] for many.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; KEY_BYTES] {
    first_32(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref())
}

/// An HMAC-SHA-256 key whose inner and outer states are computed once.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// Prepares a key of any length.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The full tag.
    pub fn mac(&self, bytes: &[u8]) -> [u8; KEY_BYTES] {
        first_32(hmac::sign(&self.0, bytes).as_ref())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

/// AES-256 on single blocks (FIPS 197): a pseudo-random permutation for what is built on one, never a way to seal data.
pub struct BlockCipher(EncryptingKey);

impl BlockCipher {
    /// Prepares a key.
    #[expect(clippy::expect_used, reason = "the key has the length that the cipher asks for")]
    pub fn new(key: &Secret) -> Self {
        let key = UnboundCipherKey::new(&AES_256, key.reveal()).expect("32 bytes are a key of AES-256");
        Self(EncryptingKey::ecb(key).expect("AES-256 works on single blocks"))
    }

    /// One block, encrypted.
    #[expect(clippy::expect_used, reason = "one whole block is what the cipher takes")]
    pub fn encrypt(&self, mut block: [u8; 16]) -> [u8; 16] {
        self.0.encrypt(&mut block).expect("a block is encrypted");
        block
    }
}

fn first_32(bytes: &[u8]) -> [u8; KEY_BYTES] {
    let mut out = [0; KEY_BYTES];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

/// 32 secret bytes, wiped when dropped, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; KEY_BYTES]>);

impl Secret {
    /// Takes the bytes and wipes the caller's copy.
    pub fn new(bytes: &mut [u8; KEY_BYTES]) -> Self {
        let secret = Self(Zeroizing::new(*bytes));
        bytes.zeroize();
        secret
    }

    /// Draws a new secret.
    pub fn generate(random: &dyn crate::clock::Random) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random.fill(bytes.as_mut());
        Self(bytes)
    }

    pub(crate) fn reveal(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A secret that follows from this one and a label, and from which nobody finds this one (HKDF-SHA-256, RFC 5869,
    /// with the label parts as info, each preceded by its length).
    #[expect(clippy::expect_used, reason = "32 bytes are within HKDF's limit")]
    pub fn derive(&self, label: &[&[u8]]) -> Self {
        let lengths: Vec<[u8; 4]> = label.iter().map(|part| length_be(part)).collect();
        let mut info: Vec<&[u8]> = Vec::with_capacity(label.len() * 2);
        for (length, part) in lengths.iter().zip(label) {
            info.push(length);
            info.push(part);
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ward").extract(self.0.as_ref());
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        prk.expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(bytes.as_mut()))
            .expect("HKDF gives 32 bytes");
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn length_be(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// An expanded AES-256-GCM key (NIST SP 800-38D).
pub(crate) struct Gcm(LessSafeKey);

impl Gcm {
    #[expect(clippy::expect_used, reason = "the length of the key is its type")]
    pub(crate) fn new(secret: &Secret) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret.reveal()).expect("AES-256 keys have 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `bytes[from..]` where it stands and appends the tag.
    #[expect(clippy::expect_used, reason = "GCM refuses only inputs over 64 GiB")]
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], bytes: &mut Vec<u8>, from: usize) {
        let from = from.min(bytes.len());
        let (_, plain) = bytes.split_at_mut(from);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), plain)
            .expect("the input is shorter than 64 GiB");
        bytes.extend_from_slice(tag.as_ref());
    }

    /// Decrypts `ciphertext` (its tag at the end) into `out`, appended; `false` and `out` as before if it is not ours.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let Some((body, tag)) =
            ciphertext.len().checked_sub(TAG_BYTES).and_then(|at| ciphertext.split_at_checked(at))
        else {
            return false;
        };
        let start = out.len();
        out.resize(start + body.len(), 0);
        let (_, room) = out.split_at_mut(start);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let good = self.0.open_separate_gather(nonce, Aad::from(aad), body, tag, room).is_ok();
        if !good {
            out.truncate(start);
        }
        good
    }
}

/// An Ed25519 key pair (RFC 8032), for the checkpoints of the audit log.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// The pair that follows from a seed.
    #[expect(clippy::expect_used, reason = "every 32 bytes are an Ed25519 seed")]
    pub fn from_seed(seed: &Secret) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed.reveal()).expect("a seed has 32 bytes"))
    }

    /// Signs the message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message);
        let mut out = [0; 64];
        for (to, from) in out.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        out
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(first_32(self.0.public_key().as_ref()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// The public half of a [`Signer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey([u8; KEY_BYTES]);

impl VerifyingKey {
    /// Takes the 32 bytes of RFC 8032. Bytes that are no point of the curve verify nothing.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Whether the signature over the message was made by this key's other half.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    fn hex32(text: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn sha256_gives_the_values_of_the_standard() {
        // FIPS 180-4, example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(sha256(b"abc")), expected);
        assert_eq!(hex::encode(sha256_parts(&[b"a", b"", b"bc"])), expected);
    }

    #[test]
    fn hmac_gives_the_values_of_the_standard() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let (key, text) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(hmac_sha256(key, text)), expected);
        assert_eq!(hex::encode(MacKey::new(key).mac(text)), expected);
    }

    #[test]
    fn ed25519_gives_the_values_of_the_standard() {
        // RFC 8032, section 7.1, test 2.
        let mut seed = hex32("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let signer = Signer::from_seed(&Secret::new(&mut seed));
        assert_eq!(seed, [0; 32], "the caller's copy is wiped");
        let key = signer.verifying_key();
        assert_eq!(
            key.as_bytes(),
            &hex32("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        );
        let signature = signer.sign(&[0x72]);
        let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                        085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(hex::encode(signature), expected);
        assert!(key.verify(&[0x72], &signature) && !key.verify(&[0x73], &signature));
        assert!(!VerifyingKey::from_bytes([0xFF; 32]).verify(&[0x72], &signature));
    }

    #[test]
    fn gcm_gives_the_values_of_the_standard() {
        // The Galois/Counter Mode of Operation (McGrew, Viega), test case 14.
        let gcm = Gcm::new(&Secret::new(&mut [0; 32]));
        let mut bytes = vec![9, 9];
        bytes.extend_from_slice(&[0; 16]);
        gcm.seal([0; 12], &[], &mut bytes, 2);
        assert_eq!(
            hex::encode(&bytes[2..]),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        );
        let mut out = vec![7];
        assert!(gcm.open([0; 12], &[], &bytes[2..], &mut out));
        assert_eq!(out, [&[7][..], &[0; 16]].concat());
        assert!(!gcm.open([0; 12], &[1], &bytes[2..], &mut out) && out.len() == 17);
        assert!(!gcm.open([0; 12], &[], &[1; 15], &mut out));
    }

    #[test]
    fn derived_secrets_follow_from_all_parts_of_their_label() {
        let secret = Secret::generate(&SeededRandom::new(1));
        let derive = |label: &[&[u8]]| *secret.derive(label).reveal();
        assert_eq!(derive(&[b"a", b"b"]), derive(&[b"a", b"b"]));
        assert_ne!(derive(&[b"a", b"b"]), derive(&[b"ab"]));
        assert_ne!(derive(&[b"a"]), derive(&[b"a", b""]));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
