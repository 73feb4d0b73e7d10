//! The layout of a segment file, and a reader that stops at the first byte that is not as it should be.
//!
//! The table with a worked example stands in `docs/internals/log.md`.

use std::io;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{RECORD_BYTES_MAX, Seq};
use crate::disk::File;

/// Bytes before the first record.
pub(super) const HEADER_LEN: usize = 64;
/// Bytes before each payload.
pub(super) const RECORD_HEADER_LEN: usize = 32;

const MAGIC: [u8; 8] = *b"WARDLOG\0";
const VERSION: u16 = 1;
const RECORD_MAGIC: [u8; 4] = *b"WREC";
const CHECKSUM_AT: usize = HEADER_LEN - 8;

/// Bytes that a reader asks of the file at a time.
const CHUNK: usize = 256 * 1024;

/// Whose log this is, and with which record the segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) tenant: u32,
    pub(super) partition: u16,
    pub(super) first: Seq,
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        bytes[10..12].copy_from_slice(&(HEADER_LEN as u16).to_be_bytes());
        bytes[12..16].copy_from_slice(&self.tenant.to_be_bytes());
        bytes[16..18].copy_from_slice(&self.partition.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.first.0.to_be_bytes());
        let checksum = xxh3_64(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// # Errors
    /// What is wrong, in words.
    pub(super) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, &'static str> {
        if bytes[..8] != MAGIC {
            return Err("it is not a log segment");
        }
        if u64_at(bytes, CHECKSUM_AT) != xxh3_64(&bytes[..CHECKSUM_AT]) {
            return Err("the checksum of its header is wrong");
        }
        if u16::from_be_bytes([bytes[8], bytes[9]]) != VERSION {
            return Err("its format is of another version");
        }
        Ok(Self {
            tenant: u32_at(bytes, 12),
            partition: u16::from_be_bytes([bytes[16], bytes[17]]),
            first: Seq(u64_at(bytes, 24)),
        })
    }

    /// Mixed into each record's checksum, so that a record which strays in from another file is not taken for one of this.
    pub(super) fn seed(self) -> u64 {
        xxh3_64(&self.encode())
    }

    pub(super) fn file_name(self) -> String {
        format!("{:020}.log", self.first.0)
    }
}

/// The first record's number out of a segment's file name; none for other files.
pub(super) fn parse_file_name(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
    digits.parse().ok().map(Seq)
}

/// Adds one record to a buffer. `payload` is at most [`RECORD_BYTES_MAX`] long.
pub(super) fn encode_record(buffer: &mut Vec<u8>, seed: u64, seq: Seq, batch_first: Seq, payload: &[u8]) {
    let start = buffer.len();
    buffer.extend_from_slice(&RECORD_MAGIC);
    buffer.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    buffer.extend_from_slice(&seq.0.to_be_bytes());
    buffer.extend_from_slice(&batch_first.0.to_be_bytes());
    let checksum = record_checksum(seed, &buffer[start..], payload);
    buffer.extend_from_slice(&checksum.to_be_bytes());
    buffer.extend_from_slice(payload);
}

fn record_checksum(seed: u64, head: &[u8], payload: &[u8]) -> u64 {
    let mut hasher = Xxh3::with_seed(seed);
    hasher.update(head);
    hasher.update(payload);
    hasher.digest()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(number)
}

/// What stands at the reader's place.
pub(super) enum Step {
    /// A good record.
    Record(Record),
    /// The end of the file, exactly behind a record.
    End,
    /// Something else, with what is wrong.
    Damage(&'static str),
}

pub(super) struct Record {
    pub(super) seq: Seq,
    pub(super) batch_first: Seq,
    /// Where its header begins.
    pub(super) offset: u64,
    pub(super) payload: Vec<u8>,
}

/// Reads the records of a segment one after another.
pub(super) struct SegmentReader<'a> {
    file: &'a dyn File,
    seed: u64,
    /// Where the readable part ends.
    end: u64,
    /// Where the next record should begin.
    offset: u64,
    /// Its number.
    expected: Seq,
    buffer: Vec<u8>,
    /// Offset of the first byte of the buffer.
    buffer_offset: u64,
}

impl<'a> SegmentReader<'a> {
    pub(super) fn new(file: &'a dyn File, seed: u64, end: u64, offset: u64, expected: Seq) -> Self {
        Self { file, seed, end, offset, expected, buffer: Vec::new(), buffer_offset: offset }
    }

    /// Where the next record should begin.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number that the next record should bear.
    pub(super) fn expected(&self) -> Seq {
        self.expected
    }

    pub(super) fn next(&mut self) -> io::Result<Step> {
        if self.offset >= self.end {
            return Ok(Step::End);
        }
        let offset = self.offset;
        let record = match self.record_at(offset)? {
            Ok(record) => record,
            Err(what) => return Ok(Step::Damage(what)),
        };
        if record.seq != self.expected {
            return Ok(Step::Damage("a record bears the wrong number"));
        }
        if record.batch_first > record.seq {
            return Ok(Step::Damage("a record belongs to a batch that begins behind it"));
        }
        self.offset = offset + (RECORD_HEADER_LEN + record.payload.len()) as u64;
        self.expected = record.seq.next();
        Ok(Step::Record(record))
    }

    /// After a damage: whether a good record of a *later* batch stands anywhere behind. A batch is only written when the one
    /// before it is durable, so then the damaged bytes were durable once, and are not the torn tail of a crash.
    pub(super) fn later_batch_follows(&mut self) -> io::Result<bool> {
        let damaged = self.expected;
        let mut at = self.offset + 1;
        while at + RECORD_HEADER_LEN as u64 <= self.end {
            let window = self.bytes_at(at, CHUNK.min((self.end - at) as usize))?;
            let Some(found) = window.windows(RECORD_MAGIC.len()).position(|bytes| bytes == RECORD_MAGIC)
            else {
                // A mark may straddle the edge of the window.
                at += (window.len() - (RECORD_MAGIC.len() - 1)) as u64;
                continue;
            };
            at += found as u64;
            if let Ok(record) = self.record_at(at)?
                && record.batch_first > damaged
                && record.seq >= record.batch_first
            {
                return Ok(true);
            }
            at += 1;
        }
        Ok(false)
    }

    fn record_at(&mut self, offset: u64) -> io::Result<Result<Record, &'static str>> {
        let left = self.end.saturating_sub(offset);
        if left < RECORD_HEADER_LEN as u64 {
            return Ok(Err("the file ends inside a record's header"));
        }
        let seed = self.seed;
        let mut header = [0; RECORD_HEADER_LEN];
        header.copy_from_slice(&self.bytes_at(offset, RECORD_HEADER_LEN)?[..RECORD_HEADER_LEN]);
        if header[..4] != RECORD_MAGIC {
            return Ok(Err("no record begins here"));
        }
        let len = u32_at(&header, 4) as usize;
        if len > RECORD_BYTES_MAX {
            return Ok(Err("a record is longer than any may be"));
        }
        if left - (RECORD_HEADER_LEN as u64) < len as u64 {
            return Ok(Err("the file ends inside a record"));
        }
        let payload = self.bytes_at(offset + RECORD_HEADER_LEN as u64, len)?[..len].to_vec();
        if u64_at(&header, 24) != record_checksum(seed, &header[..24], &payload) {
            return Ok(Err("a record's checksum is wrong"));
        }
        let (seq, batch_first) = (Seq(u64_at(&header, 8)), Seq(u64_at(&header, 16)));
        Ok(Ok(Record { seq, batch_first, offset, payload }))
    }

    /// At least `len` bytes from `offset`; the caller knows that they lie before the end.
    fn bytes_at(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let buffered = self.buffer_offset..self.buffer_offset + self.buffer.len() as u64;
        if offset < buffered.start || offset + len as u64 > buffered.end {
            let wanted = len.max(CHUNK).min((self.end - offset) as usize).max(len);
            self.buffer.clear();
            self.buffer.resize(wanted, 0);
            self.buffer_offset = offset;
            if let Err(error) = self.file.read_exact_at(offset, &mut self.buffer) {
                self.buffer.clear();
                return Err(error);
            }
        }
        Ok(&self.buffer[(offset - self.buffer_offset) as usize..])
    }
}
