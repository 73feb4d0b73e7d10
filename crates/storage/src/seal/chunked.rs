//! Sealing an object in chunks, so that a range of it can be read without the rest.
//!
//! ```text
//! ver 1 | alg 1 | key id 8 | salt 16 | log2 of the chunk's bytes 1 | chunk 0 | chunk 1 | ... | last chunk
//! chunk = ciphertext | tag 16
//! ```
//!
//! Each object has a key of its own (HKDF of the data key with the random salt), so the nonce can count: three zero
//! bytes, the last flag, the chunk's index as 64 bits. A chunk that is moved, left out, repeated, or cut off at the end
//! does not open (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, with a counter of 64 bits). An empty
//! object has one empty chunk.

use std::io;
use std::ops::Range;

use super::SealError;
use crate::keys::crypto::{Gcm, NONCE_BYTES, TAG_BYTES};
use crate::keys::{DataKey, KeyId};

/// Bytes before the first chunk.
pub const OBJECT_HEADER_BYTES: usize = 27;
/// Plain bytes in a chunk unless said otherwise: 64 KiB.
pub const CHUNK_LOG2_DEFAULT: u8 = 16;

const CHUNK_LOG2_MIN: u8 = 4;
const CHUNK_LOG2_MAX: u8 = 24;
const VERSION: u8 = 1;
/// AES-256-GCM over chunks, with a key for each object.
const ALG_CHUNKED: u8 = 2;
const SALT_BYTES: usize = 16;

type Header = [u8; OBJECT_HEADER_BYTES];

/// Seals one object, fed in pieces of any size.
pub struct Sealer {
    gcm: Gcm,
    aad: Vec<u8>,
    chunk_bytes: usize,
    index: u64,
    waiting: Vec<u8>,
}

impl Sealer {
    /// Begins an object and writes its header to `out`. `chunk_log2` is 4 to 24 and is taken as the nearest of these.
    pub fn begin(key: &DataKey, aad: &[&[u8]], chunk_log2: u8, out: &mut Vec<u8>) -> Self {
        let chunk_log2 = chunk_log2.clamp(CHUNK_LOG2_MIN, CHUNK_LOG2_MAX);
        let salt = key.draw_salt();
        let mut header: Vec<u8> = vec![VERSION, ALG_CHUNKED];
        header.extend_from_slice(&key.id().0.to_be_bytes());
        header.extend_from_slice(&salt);
        header.push(chunk_log2);
        out.extend_from_slice(&header);
        let gcm = key.object_key(&salt);
        Self { gcm, aad: frame(&header, aad), chunk_bytes: 1 << chunk_log2, index: 0, waiting: Vec::new() }
    }

    /// Takes more of the object; what is full goes to `out`.
    pub fn write(&mut self, mut plain: &[u8], out: &mut Vec<u8>) {
        while !plain.is_empty() {
            if self.waiting.len() == self.chunk_bytes {
                self.chunk(false, out); // only now is it sure that this chunk is not the last
            }
            let room = self.chunk_bytes - self.waiting.len();
            let (now, later) = plain.split_at(room.min(plain.len()));
            self.waiting.extend_from_slice(now);
            plain = later;
        }
    }

    /// Ends the object.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.chunk(true, out);
    }

    fn chunk(&mut self, last: bool, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(&self.waiting);
        self.gcm.seal(nonce(self.index, last), &self.aad, out, from);
        zeroize::Zeroize::zeroize(&mut self.waiting);
        self.index += 1;
    }
}

/// Seals a whole object.
pub fn seal(key: &DataKey, aad: &[&[u8]], plain: &[u8]) -> Vec<u8> {
    let chunks = (plain.len() >> CHUNK_LOG2_DEFAULT) + 1;
    let mut out = Vec::with_capacity(OBJECT_HEADER_BYTES + plain.len() + chunks * TAG_BYTES);
    let mut sealer = Sealer::begin(key, aad, CHUNK_LOG2_DEFAULT, &mut out);
    sealer.write(plain, &mut out);
    sealer.finish(&mut out);
    out
}

/// Opens a whole object.
///
/// # Errors
/// Those of [`Opener::new`] and [`Opener::read`].
pub fn open(key: &DataKey, aad: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let opener = Opener::new(key, aad, sealed, sealed.len() as u64)?;
    let mut out = Vec::with_capacity(usize::try_from(opener.plain_bytes()).unwrap_or(0));
    let body = sealed.get(OBJECT_HEADER_BYTES..).unwrap_or_default();
    for (index, chunk) in (0u64..).zip(body.chunks(opener.sealed_chunk_bytes())) {
        opener.chunk(index, chunk, &mut out)?;
    }
    Ok(out)
}

/// The key named in an object's header.
///
/// # Errors
/// [`SealError::Header`].
pub fn key_id(sealed: &[u8]) -> Result<KeyId, SealError> {
    let header: &Header = sealed.first_chunk().ok_or(SealError::Header)?;
    let [VERSION, ALG_CHUNKED, k0, k1, k2, k3, k4, k5, k6, k7, ..] = *header else {
        return Err(SealError::Header);
    };
    Ok(KeyId(u64::from_be_bytes([k0, k1, k2, k3, k4, k5, k6, k7])))
}

/// Reads ranges of one object.
pub struct Opener {
    gcm: Gcm,
    aad: Vec<u8>,
    chunk_bytes: u64,
    chunks: u64,
    plain_bytes: u64,
}

impl Opener {
    /// Takes the first [`OBJECT_HEADER_BYTES`] (or more) of an object and its whole length in bytes.
    ///
    /// # Errors
    /// [`SealError::Header`], [`SealError::OtherKey`]; [`SealError::Altered`] if no object can have that length.
    pub fn new(key: &DataKey, aad: &[&[u8]], start: &[u8], sealed_bytes: u64) -> Result<Self, SealError> {
        let found = key_id(start)?;
        if found != key.id() {
            return Err(SealError::OtherKey { found: found.0, expected: key.id().0 });
        }
        let header: &Header = start.first_chunk().ok_or(SealError::Header)?;
        let (rest, &[chunk_log2]) = header.split_last_chunk::<1>().ok_or(SealError::Header)?;
        let salt: &[u8; SALT_BYTES] = rest.last_chunk().ok_or(SealError::Header)?;
        if !(CHUNK_LOG2_MIN..=CHUNK_LOG2_MAX).contains(&chunk_log2) {
            return Err(SealError::Header);
        }
        let chunk_bytes = 1u64 << chunk_log2;
        let body = sealed_bytes.checked_sub(OBJECT_HEADER_BYTES as u64).ok_or(SealError::Altered)?;
        let chunks = body.div_ceil(chunk_bytes + TAG_BYTES as u64);
        let plain_bytes =
            body.checked_sub(chunks * TAG_BYTES as u64).filter(|_| chunks > 0).ok_or(SealError::Altered)?;
        Ok(Self { gcm: key.object_key(salt), aad: frame(header, aad), chunk_bytes, chunks, plain_bytes })
    }

    /// Length of the object, opened. Sure only once its last chunk has been read.
    pub fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    fn sealed_chunk_bytes(&self) -> usize {
        self.chunk_bytes as usize + TAG_BYTES
    }

    /// Reads the plain bytes of a range (cut at the object's end). `fetch` gives the sealed bytes of a range of the
    /// object; it is asked once.
    ///
    /// # Errors
    /// What `fetch` says, and `InvalidData` with [`SealError::Altered`] inside if a chunk was altered.
    pub fn read(
        &self,
        range: Range<u64>,
        fetch: impl FnOnce(Range<u64>) -> io::Result<Vec<u8>>,
    ) -> io::Result<Vec<u8>> {
        let end = range.end.min(self.plain_bytes);
        if range.start >= end {
            return Ok(Vec::new());
        }
        let first = range.start / self.chunk_bytes;
        let last = (end - 1) / self.chunk_bytes;
        let stride = self.sealed_chunk_bytes() as u64;
        let from = OBJECT_HEADER_BYTES as u64 + first * stride;
        let sealed_end = OBJECT_HEADER_BYTES as u64 + self.plain_bytes + self.chunks * TAG_BYTES as u64;
        let to = (from + (last - first + 1) * stride).min(sealed_end);
        let sealed = fetch(from..to)?;
        if sealed.len() as u64 != to - from {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut out = Vec::with_capacity(sealed.len());
        for (index, chunk) in (first..).zip(sealed.chunks(self.sealed_chunk_bytes())) {
            self.chunk(index, chunk, &mut out)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        let skip = (range.start - first * self.chunk_bytes) as usize;
        out.truncate(skip + (end - range.start) as usize);
        out.drain(..skip);
        Ok(out)
    }

    fn chunk(&self, index: u64, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let last = index + 1 == self.chunks;
        if self.gcm.open(nonce(index, last), &self.aad, sealed, out) {
            Ok(())
        } else {
            Err(SealError::Altered)
        }
    }
}

fn nonce(index: u64, last: bool) -> [u8; NONCE_BYTES] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = index.to_be_bytes();
    [0, 0, 0, u8::from(last), i0, i1, i2, i3, i4, i5, i6, i7]
}

fn frame(header: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut aad = header.to_vec();
    for part in parts {
        aad.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        aad.extend_from_slice(part);
    }
    aad
}
