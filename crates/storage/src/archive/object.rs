//! An object as sealed bytes: `length of the note 4 | note | method 1 | length 8 | content`, compressed where it helps.

use std::cell::RefCell;
use std::io;

use super::{ArchiveError, Digest, OBJECT_BYTES_MAX};
use crate::keys::DataKey;
use crate::seal;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

thread_local! {
    /// Making a compressor costs more than compressing a message with it.
    static COMPRESSOR: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
}

fn compress(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(kept_level, _)| *kept_level != level) {
            *kept = Some((level, zstd::bulk::Compressor::new(level)?));
        }
        match kept {
            Some((_, compressor)) => compressor.compress(bytes),
            None => Err(io::ErrorKind::Other.into()),
        }
    })
}

pub(super) fn seal(
    key: &DataKey,
    digest: &Digest,
    note: &[u8],
    bytes: &[u8],
    level: i32,
) -> Result<Vec<u8>, ArchiveError> {
    let packed = compress(bytes, level)?;
    let (method, content) =
        if packed.len() < bytes.len() { (ZSTD, packed.as_slice()) } else { (PLAIN, bytes) };
    let mut plain = Vec::with_capacity(note.len() + content.len() + 13);
    plain.extend_from_slice(&u32::try_from(note.len()).unwrap_or(u32::MAX).to_be_bytes());
    plain.extend_from_slice(note);
    plain.push(method);
    plain.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    plain.extend_from_slice(content);
    Ok(seal::seal(key, &[b"archive", digest.as_bytes()], &plain).into_bytes())
}

/// Note and content.
type Opened = (Vec<u8>, Vec<u8>);

/// Note and content; `None` if what opened has another shape.
pub(super) fn open(key: &DataKey, digest: &Digest, sealed: &[u8]) -> Result<Option<Opened>, ArchiveError> {
    let plain = seal::open(key, &[b"archive", digest.as_bytes()], sealed)?;
    Ok(read(&plain))
}

fn read(plain: &[u8]) -> Option<Opened> {
    let (length, rest) = plain.split_first_chunk::<4>()?;
    let (note, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (&method, rest) = rest.split_first()?;
    let (length, content) = rest.split_first_chunk::<8>()?;
    let length =
        usize::try_from(u64::from_be_bytes(*length)).ok().filter(|length| *length <= OBJECT_BYTES_MAX)?;
    let bytes = match method {
        PLAIN => content.to_vec(),
        ZSTD => zstd::bulk::decompress(content, length).ok()?,
        _ => return None,
    };
    (bytes.len() == length).then(|| (note.to_vec(), bytes))
}
