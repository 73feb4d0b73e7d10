//! What can be wrong with a message. Nothing here ever holds a value of the message, only places.

use std::fmt;

use super::location::{Location, SegmentName};
use super::message::Message;

/// How many problems are listed; then one [`ProblemKind::MoreProblems`] closes the list.
const PROBLEMS_MAX: usize = 100;

/// Why a message could not be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The input holds nothing but white space.
    #[error("the message is empty")]
    Empty,
    /// The message does not begin with `MSH` and a field separator.
    #[error("the message does not begin with an MSH segment")]
    NoHeader,
    /// MSH-1 and MSH-2 name characters that cannot divide a message, or the same one twice.
    #[error("MSH-1 and MSH-2 do not name usable, distinct delimiters")]
    Delimiters,
    /// The message is longer than [`Limits::message_bytes_max`](super::Limits::message_bytes_max).
    #[error("the message has {length_bytes} bytes, more than the limit of {limit_bytes}")]
    TooLong {
        /// Length of the input.
        length_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// More segments than [`Limits::segments_max`](super::Limits::segments_max).
    #[error("the message has more than {limit} segments; the first too many begins at offset {offset}")]
    TooManySegments {
        /// The limit.
        limit: usize,
        /// Where the first segment beyond it begins.
        offset: usize,
    },
    /// More fields in one segment than [`Limits::fields_max`](super::Limits::fields_max).
    #[error("segment {segment}[{occurrence}] has more than {limit} fields (offset {offset})")]
    TooManyFields {
        /// The segment's name.
        segment: SegmentName,
        /// Which of the segments of that name.
        occurrence: u32,
        /// The limit.
        limit: usize,
        /// Where the first field beyond it begins.
        offset: usize,
    },
    /// More repetitions in one field than [`Limits::repetitions_max`](super::Limits::repetitions_max).
    #[error("field {location} has more than {limit} repetitions (offset {offset})")]
    TooManyRepetitions {
        /// The field.
        location: Location,
        /// The limit.
        limit: usize,
        /// Where the first repetition beyond it begins.
        offset: usize,
    },
}

/// Something wrong in a message that could be read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// The segment and field, where it could be told.
    pub location: Option<Location>,
    /// Offset in bytes of the decoded text: the same as in the input, unless the character set is not UTF-8 or earlier
    /// bytes could not be decoded.
    pub offset: usize,
}

/// The kinds of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Bytes that mean nothing in the message's character set; they stand as U+FFFD in the text.
    UndecodableBytes {
        /// How many bytes in a row.
        count: usize,
    },
    /// Bytes beyond ASCII in a message that says `ASCII`; they were read in the source's configured set.
    NotAscii,
    /// MSH-18 names a set that is not known; the source's configured set was used.
    UnknownCharset,
    /// MSH-2 is empty; the usual characters were used.
    NoEncodingCharacters,
    /// MSH-2 has its escape character twice; it was counted once.
    DoubledEscapeCharacter,
    /// MSH-2 has more than five characters; those after the fifth were not used.
    LongEncodingCharacters,
    /// Something stood before `MSH`; it was skipped.
    JunkBeforeHeader,
    /// A line that begins with no segment name; it was read as going on with the segment before it.
    LineContinued,
    /// A segment whose name is not an upper-case letter and two upper-case letters or digits.
    SegmentName,
    /// A second MSH in one message. It was kept as a segment; a file with several messages goes through
    /// [`batch::split`](super::batch::split) first.
    SecondHeader,
    /// There were more problems than are listed.
    MoreProblems,
}

impl ProblemKind {
    /// A short lower-case code, stable, for counters and reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UndecodableBytes { .. } => "undecodable-bytes",
            Self::NotAscii => "not-ascii",
            Self::UnknownCharset => "unknown-charset",
            Self::NoEncodingCharacters => "no-encoding-characters",
            Self::DoubledEscapeCharacter => "doubled-escape-character",
            Self::LongEncodingCharacters => "long-encoding-characters",
            Self::JunkBeforeHeader => "junk-before-header",
            Self::LineContinued => "line-continued",
            Self::SegmentName => "segment-name",
            Self::SecondHeader => "second-header",
            Self::MoreProblems => "more-problems",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::UndecodableBytes { count } => {
                return write!(formatter, "{count} bytes mean nothing in the message's character set");
            }
            Self::NotAscii => "bytes beyond ASCII though MSH-18 says ASCII",
            Self::UnknownCharset => "MSH-18 names an unknown character set",
            Self::NoEncodingCharacters => "MSH-2 is empty",
            Self::DoubledEscapeCharacter => "MSH-2 has its escape character twice",
            Self::LongEncodingCharacters => "MSH-2 has more than five characters",
            Self::JunkBeforeHeader => "something stands before MSH",
            Self::LineContinued => {
                "a line begins with no segment name and was read as part of the segment before"
            }
            Self::SegmentName => "the segment's name is not a standard one",
            Self::SecondHeader => "a second MSH in one message",
            Self::MoreProblems => "more problems than are listed",
        };
        formatter.write_str(text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(formatter, "{location}: {} (offset {})", self.kind, self.offset),
            None => write!(formatter, "{} (offset {})", self.kind, self.offset),
        }
    }
}

/// Problems as they are found, with their number bounded.
#[derive(Default)]
pub(super) struct Problems {
    list: Vec<(ProblemKind, usize)>,
}

impl Problems {
    pub(super) fn add(&mut self, kind: ProblemKind, offset: usize) {
        match self.list.len() {
            length if length < PROBLEMS_MAX => self.list.push((kind, offset)),
            PROBLEMS_MAX => self.list.push((ProblemKind::MoreProblems, offset)),
            _ => {}
        }
    }

    pub(super) fn undecodable(&mut self, offset: usize, count: usize) {
        self.add(ProblemKind::UndecodableBytes { count }, offset);
    }

    /// Moves every place to the front, after `count` bytes there were cut off.
    pub(super) fn move_back(&mut self, count: usize) {
        for (_, offset) in &mut self.list {
            *offset = offset.saturating_sub(count);
        }
    }

    /// Looks up the places.
    pub(super) fn finish(mut self, message: &Message) -> Vec<Problem> {
        self.list.sort_by_key(|(kind, offset)| (*kind == ProblemKind::MoreProblems, *offset));
        let header = message.segments.first();
        let place = |(kind, offset): (ProblemKind, usize)| {
            let location = match kind {
                ProblemKind::MoreProblems | ProblemKind::JunkBeforeHeader => None,
                ProblemKind::UnknownCharset => {
                    header.map(|span| Location { field: 18, ..Location::of_segment(span.name, 1) })
                }
                _ => place_of(message, offset),
            };
            Problem { kind, location, offset }
        };
        self.list.into_iter().map(place).collect()
    }
}

/// The segment and field at an offset.
fn place_of(message: &Message, offset: usize) -> Option<Location> {
    let index = message.segments.partition_point(|span| span.start as usize <= offset).checked_sub(1)?;
    let span = message.segments.get(index)?;
    let fields = message.fields.get(span.fields_start as usize..span.fields_end as usize)?;
    let before = fields.partition_point(|start| *start as usize <= offset);
    let field = u32::try_from(before).unwrap_or(u32::MAX) + u32::from(span.is_header && before > 0);
    Some(Location { field, ..Location::of_segment(span.name, span.occurrence) })
}
