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
            Outcome::Refused(_) | Outcome::Failed { .. } => self.failed += 1,
        }
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

/// Hands every message of a file to `deliver`, in the file's order, and counts what it says of each.
///
/// `bytes_max` bounds a message of JSON.
///
/// # Errors
/// [`FileError`] if the file cannot be read to its end.
pub fn ingest_file(
    path: &Path,
    bytes_max: usize,
    deliver: &mut dyn FnMut(&[u8]) -> Outcome,
) -> Result<Tally, FileError> {
    let mut tally = Tally::default();
    let mut reader = open(path)?;
    let head = reader.fill_buf()?;
    if head.is_empty() {
        tally.skipped = 1;
        return Ok(tally);
    }
    let mut take = |tally: &mut Tally, bytes: &[u8]| {
        tally.count(&deliver(bytes));
    };
    if looks_like_json(head) {
        tally.files = 1;
        json_file(reader, bytes_max, &mut |bytes| take(&mut tally, bytes))?;
    } else {
        let bytes = whole(&mut reader)?;
        hl7v2_file(&bytes, &mut tally, &mut take);
    }
    Ok(tally)
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

fn whole(reader: &mut dyn BufRead) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    reader.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(FileError::TooLong) } else { Ok(bytes) }
}

fn hl7v2_file(bytes: &[u8], tally: &mut Tally, take: &mut dyn FnMut(&mut Tally, &[u8])) {
    // UTF-16 files have no bytes `MSH` at their start; the splitter gives them as one message.
    let known = batch::split(bytes).any(|piece| matches!(piece, Piece::Message { .. }));
    if !known {
        tally.skipped = 1;
        return;
    }
    tally.files = 1;
    for piece in batch::split(bytes) {
        match piece {
            Piece::Message { bytes, .. } => take(tally, bytes),
            Piece::Problem(problem) => tally.problem(problem.to_string()),
        }
    }
}

/// A file whose first line is a whole JSON value, with more to follow, is NDJSON; any other is one JSON text.
fn json_file(
    mut reader: Box<dyn BufRead>,
    bytes_max: usize,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), FileError> {
    let mut line = Vec::new();
    let mut number = 1;
    bounded_line(&mut reader, bytes_max, number, &mut line)?;
    let limits = json::Limits { bytes_max, ..json::Limits::default() };
    if json::parse(&line, &limits).is_err() {
        let rest = whole(&mut reader)?;
        line.extend_from_slice(&rest);
        take(&line);
        return Ok(());
    }
    while !line.is_empty() {
        if !line.iter().all(u8::is_ascii_whitespace) {
            take(&line);
        }
        line.clear();
        number += 1;
        bounded_line(&mut reader, bytes_max, number, &mut line)?;
    }
    Ok(())
}

fn bounded_line(
    reader: &mut dyn BufRead,
    bytes_max: usize,
    number: u64,
    line: &mut Vec<u8>,
) -> Result<(), FileError> {
    let limit = bytes_max as u64 + 1;
    reader.take(limit).read_until(b'\n', line)?;
    if line.len() as u64 == limit && !line.ends_with(b"\n") {
        return Err(FileError::LineTooLong { line: number, bytes_max });
    }
    Ok(())
}
