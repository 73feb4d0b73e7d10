//! Bytes to [`Message`]: decode, then index segments and fields.

use super::charset::Charset;
use super::decode::decode;
use super::index::Index;
use super::message::Message;
use super::problem::{ParseError, Problem, Problems};

/// Bounds on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole message. Never more than 1 GiB is read, whatever stands here.
    pub message_bytes_max: usize,
    /// Segments in the message.
    pub segments_max: usize,
    /// Fields in one segment.
    pub fields_max: usize,
    /// Repetitions of one field.
    pub repetitions_max: usize,
}

impl Default for Limits {
    /// 16 MiB, 20,000 segments, 1,000 fields, 10,000 repetitions.
    fn default() -> Self {
        Self { message_bytes_max: 16 << 20, segments_max: 20_000, fields_max: 1_000, repetitions_max: 10_000 }
    }
}

/// How to read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// Bounds.
    pub limits: Limits,
    /// The character set of a source whose messages do not name one in MSH-18.
    pub default_charset: Charset,
}

impl Default for ParseOptions {
    /// Default limits, UTF-8.
    fn default() -> Self {
        Self { limits: Limits::default(), default_charset: Charset::UTF_8 }
    }
}

/// A message and what was wrong with it.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What was understood.
    pub message: Message,
    /// What was not, in order of place; at most 101.
    pub problems: Vec<Problem>,
}

/// Reads one message.
///
/// `input` is one message with or without its MLLP frame, in the character set that MSH-18 names (`options.default_charset`
/// if it names none). Segments end with CR, LF or CRLF. A line end that no segment follows is data, as is a lone LF in a
/// message whose header ends with CR.
///
/// # Errors
/// [`ParseError`] only where there is no usable MSH or a limit is passed. Everything else is in [`Parsed::problems`].
///
/// Source: HL7 v2.8 chapter 2, 2.5 and 2.6.
pub fn parse(input: &[u8], options: &ParseOptions) -> Result<Parsed, ParseError> {
    let limit_bytes = options.limits.message_bytes_max.min(1 << 30);
    if input.len() > limit_bytes {
        return Err(ParseError::TooLong { length_bytes: input.len(), limit_bytes });
    }
    let mut problems = Problems::default();
    let (text, charset, delimiters) = decode(input, options, &mut problems)?;
    let mut index = Index::new(&text, delimiters, options.limits);
    index.scan(&mut problems)?;
    let Index { segments, fields, .. } = index;
    let mut message = Message { text, delimiters, charset, segments, fields };
    message.text.shrink_to_fit();
    let problems = problems.finish(&message);
    Ok(Parsed { message, problems })
}

/// Reads only the MSH segment of a message that [`parse`] refuses (too long, too many segments), so that it can still be
/// answered. `None` if there is no usable MSH.
pub fn parse_header(input: &[u8], options: &ParseOptions) -> Option<Message> {
    let start = input.windows(3).take(1 << 16).position(|window| window == b"MSH")?;
    let rest = input.get(start..)?;
    let end = rest.iter().take(1 << 16).position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
    let limits = Limits::default();
    parse(rest.get(..end)?, &ParseOptions { limits, ..*options }).ok().map(|parsed| parsed.message)
}
