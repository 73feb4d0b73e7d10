//! Files into messages: HL7 v2 (one, many, batch), FHIR JSON (a resource, a bundle), NDJSON; each also gzipped.
//!
//! The format is told from the content, never from the name. What is no format of ours is left alone and said so.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use fhir::json;
use flate2::read::MultiGzDecoder;
use formats::hl7v2::batch::{self, Piece};

use crate::outcome::Outcome;
use crate::pipeline::looks_like_json;

/// Bytes of a file that has to be held whole (all but NDJSON), after unzipping.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// Problems of a file that are kept to show; more are counted.
pub const PROBLEMS_SHOWN_MAX: usize = 20;

/// What became of the messages of one or more files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files that held messages.
    pub files: u64,
    /// Files of no known format, left alone.
    pub skipped: u64,
    /// Messages found.
    pub messages: u64,
    /// Messages committed.
    pub committed: u64,
    /// Messages that said nothing new.
    pub unchanged: u64,
    /// Messages put into quarantine.
    pub quarantined: u64,
    /// Messages that were not taken, or that the store could not deal with now.
    pub failed: u64,
    /// Those of them that the store may take when they are sent again.
    pub again: u64,
    /// New versions of resources.
    pub resources: u64,
    /// What was wrong with files rather than with messages; places, no values.
    pub problems: Vec<String>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        self.messages += 1;
        match outcome {
            Outcome::Committed { versions } => {
                self.committed += 1;
                self.resources += *versions as u64;
            }
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Quarantined(_) => self.quarantined += 1,
            Outcome::Refused(_) => self.failed += 1,
            Outcome::Failed { .. } => {
                self.failed += 1;
                self.again += 1;
            }
        }
    }

    /// Counts a message that was counted as quarantined for what became of it now.
    pub(crate) fn recount(&mut self, outcome: &Outcome) {
        self.messages = self.messages.saturating_sub(1);
        self.quarantined = self.quarantined.saturating_sub(1);
        self.count(outcome);
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_SHOWN_MAX {
            self.problems.push(text);
        }
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.skipped += other.skipped;
        self.messages += other.messages;
        self.committed += other.committed;
        self.unchanged += other.unchanged;
        self.quarantined += other.quarantined;
        self.failed += other.failed;
        self.again += other.again;
        self.resources += other.resources;
        other.problems.into_iter().for_each(|text| self.problem(text));
    }
}

/// Why a file could not be read to its end. Messages before that point are dealt with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Opening, reading or unzipping failed.
    #[error("the file could not be read")]
    Read(#[from] io::Error),
    /// The file has to be held whole and is too long.
    #[error(
        "the file is over {FILE_BYTES_MAX} bytes: split it, or send FHIR as NDJSON, which is read line by line"
    )]
    TooLong,
    /// A line of NDJSON is longer than a message may be.
    #[error("line {line} is over {bytes_max} bytes")]
    LineTooLong {
        /// Which line, from 1.
        line: u64,
        /// The channel's limit.
        bytes_max: usize,
    },
}

/// How far a file was read.
#[derive(Debug)]
pub struct Taken {
    /// What became of the messages that were read.
    pub tally: Tally,
    /// Why the file was not read to its end, if it was not.
    pub stopped: Option<FileError>,
}

/// Hands every message of a file to `deliver`, in the file's order, and counts what it says of each.
///
/// `bytes_max` bounds a message of JSON. All formats but NDJSON are held in memory whole, up to [`FILE_BYTES_MAX`].
pub fn ingest_file(path: &Path, bytes_max: usize, deliver: &mut dyn FnMut(&[u8]) -> Outcome) -> Taken {
    let mut tally = Tally::default();
    let mut take = |tally: &mut Tally, bytes: &[u8]| tally.count(&deliver(bytes));
    let stopped = read_file(path, bytes_max, &mut tally, &mut take).err();
    Taken { tally, stopped }
}

/// Takes one message of a file.
type Take<'a> = dyn FnMut(&mut Tally, &[u8]) + 'a;

fn read_file(path: &Path, bytes_max: usize, tally: &mut Tally, take: &mut Take<'_>) -> Result<(), FileError> {
    let mut reader = open(path)?;
    let head = reader.fill_buf()?;
    if head.is_empty() {
        tally.skipped = 1;
        return Ok(());
    }
    if looks_like_json(head) {
        tally.files = 1;
        return json_file(reader.as_mut(), bytes_max, &mut |bytes| take(tally, bytes));
    }
    let mut bytes = Vec::new();
    let read = whole(reader.as_mut(), FILE_BYTES_MAX, &mut bytes);
    if matches!(read, Err(FileError::TooLong)) {
        return read;
    }
    hl7v2_file(&bytes, read.is_err(), tally, take);
    read
}

/// Opens a file, unzipped if it begins as gzip does (RFC 1952).
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut plain = BufReader::with_capacity(1 << 16, File::open(path)?);
    Ok(if plain.fill_buf()?.starts_with(&[0x1F, 0x8B]) {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(plain)))
    } else {
        Box::new(plain)
    })
}

fn whole(reader: &mut dyn BufRead, bytes_max: u64, bytes: &mut Vec<u8>) -> Result<(), FileError> {
    let count = reader.take(bytes_max + 1).read_to_end(bytes)?;
    if count as u64 > bytes_max { Err(FileError::TooLong) } else { Ok(()) }
}

/// Of a file that is `cut` the last message is not taken: nobody knows how it goes on.
fn hl7v2_file(bytes: &[u8], cut: bool, tally: &mut Tally, take: &mut Take<'_>) {
    // UTF-16 files have no bytes `MSH` at their start; the splitter gives them as one message.
    let messages = batch::split(bytes).filter(|piece| matches!(piece, Piece::Message { .. })).count();
    if messages == 0 {
        tally.skipped = 1;
        return;
    }
    tally.files = 1;
    let mut left = if cut { messages - 1 } else { messages };
    for piece in batch::split(bytes) {
        match piece {
            Piece::Message { bytes, .. } if left > 0 => {
                left -= 1;
                take(tally, bytes);
            }
            Piece::Message { .. } => {}
            Piece::Problem(problem) => tally.problem(problem.to_string()),
        }
    }
}

/// One JSON text, or NDJSON: a text on each line.
fn json_file(
    reader: &mut dyn BufRead,
    bytes_max: usize,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), FileError> {
    let mut lines = Lines { reader, bytes_max, number: 0 };
    let Some(mut first) = lines.next()? else { return Ok(()) };
    let Some(second) = lines.next()? else {
        take(&first);
        return Ok(());
    };
    let limits = json::Limits { bytes_max, ..json::Limits::default() };
    if !parts_texts(&first, &second) && json::parse(&first, &limits).is_err() {
        // What is over the limit is read one byte too far, and then refused whole.
        first.extend_from_slice(&second);
        let left = bytes_max.saturating_sub(first.len()) as u64;
        match whole(lines.reader, left, &mut first) {
            Ok(()) | Err(FileError::TooLong) => take(&first),
            Err(error) => return Err(error),
        }
        return Ok(());
    }
    take(&first);
    take(&second);
    while let Some(line) = lines.next()? {
        take(&line);
    }
    Ok(())
}

/// Whether between these two lines one JSON text must have ended: in none does an object follow anything but `[`, `,` or `:`.
/// So a file of NDJSON is known although its first line is broken.
fn parts_texts(first: &[u8], second: &[u8]) -> bool {
    let last = first.iter().rev().find(|byte| !byte.is_ascii_whitespace());
    let next = second.iter().find(|byte| !byte.is_ascii_whitespace());
    next == Some(&b'{') && !matches!(last, Some(b'[' | b',' | b':'))
}

/// The lines of a file that are not blank.
struct Lines<'a> {
    reader: &'a mut dyn BufRead,
    bytes_max: usize,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let limit = self.bytes_max as u64 + 1;
        loop {
            let mut line = Vec::new();
            self.number += 1;
            self.reader.take(limit).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(None);
            }
            if line.len() as u64 == limit && !line.ends_with(b"\n") {
                return Err(FileError::LineTooLong { line: self.number, bytes_max: self.bytes_max });
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
        }
    }
}
