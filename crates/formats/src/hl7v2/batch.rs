//! Files that hold several messages: batch files (FHS, BHS, BTS, FTS) and plain ones after another.

use super::delimiters::may_divide;

/// One thing found in a file, in order. `Debug` shows places and lengths.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A message.
    Message {
        /// Where it begins in the file.
        offset: usize,
        /// Its bytes, from `MSH` up to the line end before the next message or batch segment.
        bytes: &'a [u8],
    },
    /// Something that is no message and was passed over.
    Problem(BatchProblem),
}

impl std::fmt::Debug for Piece<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message { offset, bytes } => {
                write!(formatter, "Message(offset {offset}, {} bytes)", bytes.len())
            }
            Self::Problem(problem) => write!(formatter, "{problem:?}"),
        }
    }
}

/// Something wrong in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchProblem {
    /// Lines that belong to no message.
    #[error("{length_bytes} bytes at offset {offset} belong to no message")]
    Junk {
        /// Where they begin.
        offset: usize,
        /// How many bytes.
        length_bytes: usize,
    },
    /// BTS-1 or FTS-1 tells another number than was found.
    #[error("the trailer at offset {offset} tells {told}, but {found} were found")]
    Count {
        /// Where the trailer begins.
        offset: usize,
        /// The number in the trailer.
        told: u64,
        /// Messages in the batch, or batches in the file.
        found: u64,
    },
    /// A batch or file header without its trailer.
    #[error("the header at offset {offset} has no trailer; the file may have been cut short")]
    NoTrailer {
        /// Where the header begins.
        offset: usize,
    },
    /// A trailer without its header.
    #[error("the trailer at offset {offset} has no header")]
    NoHeader {
        /// Where the trailer begins.
        offset: usize,
    },
}

/// Splits a file into its messages.
///
/// Works on batch files with or without their headers and trailers, on messages one after another, with any line ends, and
/// on MLLP frames saved to a file. Takes no memory of its own: each message is a part of `input`. A UTF-16 file is given as
/// one message.
///
/// Source: HL7 v2.8 chapter 2, 2.10.3.
pub fn split(input: &[u8]) -> Split<'_> {
    Split { input, offset: 0, file: None, batch: None, messages: 0, batches: 0, ready: None, done: false }
}

/// Iterator over the pieces of a file; see [`split`].
#[derive(Debug)]
pub struct Split<'a> {
    input: &'a [u8],
    offset: usize,
    /// Where the open FHS and BHS begin.
    file: Option<usize>,
    batch: Option<usize>,
    messages: u64,
    batches: u64,
    /// A second finding on one line.
    ready: Option<BatchProblem>,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Message,
    FileHeader,
    BatchHeader,
    BatchTrailer,
    FileTrailer,
    Other,
}

impl<'a> Iterator for Split<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if let Some(problem) = self.ready.take() {
                return Some(Piece::Problem(problem));
            }
            if self.done {
                return None;
            }
            let rest = self.input.get(self.offset..).unwrap_or(&[]);
            let blank = rest.iter().take_while(|byte| is_padding(**byte)).count();
            self.offset += blank;
            let rest = rest.get(blank..).unwrap_or(&[]);
            if rest.is_empty() {
                self.done = true;
                let open = self.batch.or(self.file)?;
                return Some(Piece::Problem(BatchProblem::NoTrailer { offset: open }));
            }
            let offset = self.offset;
            let line = line_of(rest);
            let length = block_length(rest, line);
            self.offset += length;
            let bytes = trimmed(rest.get(..length).unwrap_or(&[]));
            let problem = match line {
                Line::Message => {
                    self.messages += 1;
                    return Some(Piece::Message { offset, bytes });
                }
                Line::Other => Some(BatchProblem::Junk { offset, length_bytes: bytes.len() }),
                Line::FileHeader => {
                    self.file.replace(offset).map(|open| BatchProblem::NoTrailer { offset: open })
                }
                Line::BatchHeader => {
                    self.messages = 0;
                    self.batch.replace(offset).map(|open| BatchProblem::NoTrailer { offset: open })
                }
                Line::BatchTrailer => {
                    let found = std::mem::take(&mut self.messages);
                    self.batches += 1;
                    let header = self.batch.take();
                    self.trailer(header, offset, bytes, found)
                }
                Line::FileTrailer => {
                    let found = std::mem::take(&mut self.batches);
                    let header = self.file.take();
                    self.trailer(header, offset, bytes, found)
                }
            };
            if let Some(problem) = problem {
                return Some(Piece::Problem(problem));
            }
        }
    }
}

impl Split<'_> {
    fn trailer(
        &mut self,
        header: Option<usize>,
        offset: usize,
        bytes: &[u8],
        found: u64,
    ) -> Option<BatchProblem> {
        let count =
            told(bytes).filter(|told| *told != found).map(|told| BatchProblem::Count { offset, told, found });
        if header.is_some() {
            return count;
        }
        self.ready = count;
        Some(BatchProblem::NoHeader { offset })
    }
}

/// Line ends, white space and MLLP blocks between messages; a byte order mark at the front is one too.
fn is_padding(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x0B | 0x1C | 0x1A | 0 | 0xEF | 0xBB | 0xBF)
}

fn line_of(rest: &[u8]) -> Line {
    if matches!(rest, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'M', 0, b'S', 0, ..]) {
        return Line::Message;
    }
    let Some((name, after)) = rest.split_at_checked(3) else { return Line::Other };
    let divided = after.first().is_some_and(|byte| may_divide(*byte));
    let ended = matches!(after.first(), None | Some(b'\r' | b'\n'));
    match name {
        b"MSH" if divided => Line::Message,
        b"FHS" if divided => Line::FileHeader,
        b"BHS" if divided => Line::BatchHeader,
        b"BTS" if divided || ended => Line::BatchTrailer,
        b"FTS" if divided || ended => Line::FileTrailer,
        _ => Line::Other,
    }
}

/// Bytes up to the next line that begins something new. A batch segment is one line.
fn block_length(rest: &[u8], line: Line) -> usize {
    if matches!(rest, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'M', 0, b'S', 0, ..]) {
        return rest.len();
    }
    let one_line = !matches!(line, Line::Message | Line::Other);
    let mut offset = 0;
    while let Some(step) = rest.get(offset..).and_then(|rest| rest.iter().position(|byte| is_line_end(*byte)))
    {
        offset += step + 1;
        let next = rest.get(offset..).unwrap_or(&[]);
        if one_line || line_of(next) != Line::Other {
            return offset;
        }
    }
    rest.len()
}

/// A start block begins a line too.
fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x0B)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0x0B | 0x1C | 0x1A | 0))
        .map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or(&[])
}

/// The count in field 1 of a trailer.
fn told(trailer: &[u8]) -> Option<u64> {
    let separator = *trailer.get(3)?;
    let field = trailer.get(4..)?.split(|byte| *byte == separator).next()?;
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}
