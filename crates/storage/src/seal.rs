//! The envelope: how bytes are sealed before they reach a disk.
//!
//! ```text
//! ver 1 | alg 1 | key id 8 | epoch 4 | nonce 12 | ciphertext | tag 16       (numbers big-endian)
//! ```
//!
//! AES-256-GCM. The additional data are the first 14 bytes of the header and the parts that the caller names (tenant,
//! type, id, version ...), each preceded by its length: what was sealed for one place opens at no other. Nonces are 96
//! random bits; [`DataKey`] says why no key seals too much with them.
//!
//! [`chunked`] seals objects in pieces so that ranges can be read. `docs/internals/sealing.md` has the worked example.
//!
//! It hides content, not length: the envelope is 42 bytes longer than what it holds.

use std::fmt;

use crate::keys::crypto::{NONCE_BYTES, TAG_BYTES};
use crate::keys::{DataKey, KeyError, KeyId, KeyRing};

pub mod chunked;
pub(crate) mod stream;

/// Bytes before the ciphertext.
pub const HEADER_BYTES: usize = 26;
/// Bytes that sealing adds.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// The part of the header that is authenticated as it stands; the nonce is by its use.
const FIXED_BYTES: usize = HEADER_BYTES - NONCE_BYTES;

const VERSION: u8 = 1;
/// AES-256-GCM over one value.
const ALG_GCM: u8 = 1;

/// Why sealed bytes do not open. Never says what they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Too short, or of a version or algorithm that this Ward does not know.
    #[error("not a sealed value of a known version")]
    Header,
    /// Sealed with another key than the one handed in.
    #[error("sealed with key {found:x}, not with {expected:x}")]
    OtherKey {
        /// The key named in the header.
        found: u64,
        /// The key handed in.
        expected: u64,
    },
    /// The bytes were altered, or belong to another place than the one named.
    #[error("the sealed value was altered or moved")]
    Altered,
    /// The key is not to be had.
    #[error("the key of a sealed value is not to be had")]
    Key(#[from] KeyError),
}

/// Sealed bytes with their header. Safe to write anywhere; only its length says anything about the content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes read back from where sealed bytes were written. Nothing is checked here: [`open`] does that.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to write.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes to write.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The key named in the header.
    ///
    /// # Errors
    /// [`SealError::Header`].
    pub fn key_id(&self) -> Result<KeyId, SealError> {
        key_id(&self.0)
    }

    /// Length in bytes, header and tag included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is not one byte: then it is no sealed value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The key named in the header of sealed bytes.
///
/// # Errors
/// [`SealError::Header`].
pub fn key_id(sealed: &[u8]) -> Result<KeyId, SealError> {
    Header::read(sealed).map(|header| header.key)
}

/// Seals `plain` for the place that `aad` names.
pub fn seal(key: &DataKey, aad: &[&[u8]], plain: &[u8]) -> Sealed {
    let mut out = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
    seal_into(key, aad, plain, &mut out);
    Sealed(out)
}

/// Like [`seal`], appended to `out`; for values that stand inside a larger record.
pub fn seal_into(key: &DataKey, aad: &[&[u8]], plain: &[u8], out: &mut Vec<u8>) {
    let nonce = key.draw_nonce();
    key.for_sealing(|epoch, gcm| {
        let header = Header { alg: ALG_GCM, key: key.id(), epoch, nonce };
        header.write(out);
        let from = out.len();
        out.extend_from_slice(plain);
        gcm.seal(nonce, &header.aad(aad), out, from);
    });
}

/// Opens what was sealed with this key for this place.
///
/// # Errors
/// [`SealError::Header`], [`SealError::OtherKey`], or [`SealError::Altered`] where bytes or place differ.
pub fn open(key: &DataKey, aad: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::with_capacity(sealed.len().saturating_sub(OVERHEAD_BYTES));
    open_into(key, aad, sealed, &mut out)?;
    Ok(out)
}

/// Like [`open`], appended to `out`, which stays as it was on an error.
///
/// # Errors
/// Those of [`open`].
pub fn open_into(key: &DataKey, aad: &[&[u8]], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
    let header = Header::read(sealed)?;
    if header.alg != ALG_GCM {
        return Err(SealError::Header);
    }
    if header.key != key.id() {
        return Err(SealError::OtherKey { found: header.key.0, expected: key.id().0 });
    }
    let ciphertext = sealed.get(HEADER_BYTES..).unwrap_or_default();
    let aad = header.aad(aad);
    match key.for_opening(header.epoch, |gcm| gcm.open(header.nonce, &aad, ciphertext, out)) {
        Some(true) => Ok(()),
        _ => Err(SealError::Altered),
    }
}

/// Opens sealed bytes with the key that their header names. The caller checks, through `aad`, that they are in place.
///
/// # Errors
/// Those of [`open`]; [`SealError::Key`] if the ring does not have the key or it was shredded.
pub fn open_with(ring: &KeyRing, aad: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let key = ring.data_key(key_id(sealed)?)?;
    open(&key, aad, sealed)
}

/// The bytes before a ciphertext.
#[derive(Clone, Copy)]
struct Header {
    alg: u8,
    key: KeyId,
    epoch: u32,
    nonce: [u8; NONCE_BYTES],
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, SealError> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(SealError::Header)?;
        let [ver, alg, k0, k1, k2, k3, k4, k5, k6, k7, e0, e1, e2, e3, nonce @ ..] = *header;
        if ver != VERSION || rest.len() < TAG_BYTES {
            return Err(SealError::Header);
        }
        let key = KeyId(u64::from_be_bytes([k0, k1, k2, k3, k4, k5, k6, k7]));
        Ok(Self { alg, key, epoch: u32::from_be_bytes([e0, e1, e2, e3]), nonce })
    }

    fn fixed(&self) -> [u8; FIXED_BYTES] {
        let [k0, k1, k2, k3, k4, k5, k6, k7] = self.key.0.to_be_bytes();
        let [e0, e1, e2, e3] = self.epoch.to_be_bytes();
        [VERSION, self.alg, k0, k1, k2, k3, k4, k5, k6, k7, e0, e1, e2, e3]
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fixed());
        out.extend_from_slice(&self.nonce);
    }

    fn aad(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut aad =
            Vec::with_capacity(FIXED_BYTES + parts.iter().map(|part| part.len() + 4).sum::<usize>());
        aad.extend_from_slice(&self.fixed());
        for part in parts {
            aad.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            aad.extend_from_slice(part);
        }
        aad
    }
}

#[cfg(test)]
mod tests;
