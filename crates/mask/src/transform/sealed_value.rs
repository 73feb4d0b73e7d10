//! Encryption of a whole value, where no format has to be kept: the method `encrypt` of rule files.
//!
//! Layout, in base 64: `iv 16 | ciphertext`. The iv is the MAC of the plaintext (label `encrypt-iv`), the key stream the MACs of
//! iv and block number (label `encrypt-stream`). The iv is checked on the way back, so a value that was not encrypted here is
//! known, and equal values stay equal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Keys;

const IV_BYTES: usize = 16;

/// The value encrypted, in base 64. One that these keys encrypted comes back as it is.
pub(crate) fn encrypt(keys: &dyn Keys, value: &str) -> String {
    if decrypt(keys, value).is_some() {
        return value.to_owned();
    }
    let iv: Vec<u8> = keys.mac("encrypt-iv", value.as_bytes()).into_iter().take(IV_BYTES).collect();
    let mut sealed = iv.clone();
    sealed.extend(stream(keys, &iv, value.as_bytes()));
    STANDARD.encode(sealed)
}

/// The value that [`encrypt`] was given; `None` if these keys did not encrypt it.
pub(super) fn decrypt(keys: &dyn Keys, sealed: &str) -> Option<String> {
    let sealed = STANDARD.decode(sealed).ok()?;
    let (iv, ciphertext) = sealed.split_at_checked(IV_BYTES)?;
    let value = stream(keys, iv, ciphertext);
    let expected = keys.mac("encrypt-iv", &value);
    if expected.get(..IV_BYTES) != Some(iv) {
        return None;
    }
    String::from_utf8(value).ok()
}

fn stream(keys: &dyn Keys, iv: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (number, chunk) in bytes.chunks(32).enumerate() {
        let block = [iv, &(number as u64).to_be_bytes()].concat();
        out.extend(keys.mac("encrypt-stream", &block).iter().zip(chunk).map(|(key, byte)| key ^ byte));
    }
    out
}
