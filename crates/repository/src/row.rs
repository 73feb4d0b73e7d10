//! The value of `current` and `version`: a small readable header (numbers only) and the sealed body.

use crate::codec::{Malformed, Reader, put_varint};

const FORMAT: u8 = 1;

/// One version of a resource in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// `meta.versionId`.
    pub(crate) version: u64,
    /// The record that made it.
    pub(crate) seq: u64,
    /// `meta.lastUpdated`.
    pub(crate) time_ms: i64,
    /// It is a deletion.
    pub(crate) deleted: bool,
    /// The sealed payload; its header names the data key.
    pub(crate) sealed: Vec<u8>,
}

impl Row {
    /// The stored value.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let Self { version, seq, time_ms, deleted, ref sealed } = *self;
        Head { version, seq, time_ms, deleted, sealed }.to_vec()
    }

    /// Reads a stored value.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let head = Head::read(bytes)?;
        Ok(Self {
            version: head.version,
            seq: head.seq,
            time_ms: head.time_ms,
            deleted: head.deleted,
            sealed: head.sealed.to_vec(),
        })
    }
}

/// The same, borrowed: for walks over many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// `meta.versionId`.
    pub(crate) version: u64,
    /// The record that made it.
    pub(crate) seq: u64,
    /// `meta.lastUpdated`.
    pub(crate) time_ms: i64,
    /// It is a deletion.
    pub(crate) deleted: bool,
    /// The sealed payload; its header names the data key.
    pub(crate) sealed: &'a [u8],
}

impl<'a> Head<'a> {
    /// The stored value.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.sealed.len() + 24);
        out.push(FORMAT << 1 | u8::from(self.deleted));
        put_varint(&mut out, self.version);
        put_varint(&mut out, self.seq);
        put_varint(&mut out, self.time_ms.cast_unsigned());
        out.extend_from_slice(self.sealed);
        out
    }

    /// Reads a stored value without copying.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let head = reader.byte()?;
        if head >> 1 != FORMAT {
            return Err(Malformed);
        }
        Ok(Self {
            deleted: head & 1 == 1,
            version: reader.varint()?,
            seq: reader.varint()?,
            time_ms: reader.varint()?.cast_signed(),
            sealed: reader.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back() {
        let row =
            Row { version: 3, seq: 700, time_ms: 1_795_362_961_999, deleted: true, sealed: vec![9; 40] };
        assert_eq!(Row::read(&row.to_vec()), Ok(row));
        assert_eq!(Row::read(&[2]), Err(Malformed));
        assert_eq!(Row::read(&[8, 0, 0, 0]), Err(Malformed));
    }
}
