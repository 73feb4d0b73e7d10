//! The mark that says "this was masked here, with these keys and rules, and nothing was changed since".
//!
//! A keyed MAC over the masked record. Who has no key cannot make one, so nothing can be slipped past a masker by claiming that it
//! was masked before.

use crate::Keys;
use crate::transform::pseudonym::base32;

/// Bytes of the MAC in a seal; 24 letters of base 32.
const SEAL_BYTES: usize = 15;

/// The seal of masked bytes. `fingerprint` tells one set of rules from another.
pub(super) fn seal(keys: &dyn Keys, fingerprint: &str, bytes: &[u8]) -> String {
    let mut data = Vec::with_capacity(bytes.len() + fingerprint.len() + 8);
    data.extend((fingerprint.len() as u64).to_be_bytes());
    data.extend(fingerprint.as_bytes());
    data.extend(bytes);
    let mac = keys.mac("mask-seal", &data);
    base32::encode(mac.get(..SEAL_BYTES).unwrap_or(&mac))
}

/// Whether `found` is the seal of these bytes. It need not be compared in constant time: seals are no secret, they stand in
/// what is handed out.
pub(super) fn verifies(keys: &dyn Keys, fingerprint: &str, bytes: &[u8], found: &str) -> bool {
    seal(keys, fingerprint, bytes) == found
}
