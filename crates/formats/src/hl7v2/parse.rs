//! Bytes to [`Message`]: find the header, decode, index segments and fields in one pass.

use std::collections::BTreeMap;

use super::charset::Charset;
use super::delimiters::{Delimiters, has_doubled_escape, may_divide};
use super::location::{Location, SegmentName};
use super::message::{Message, SegmentSpan};
use super::problem::{ParseError, Problem, ProblemKind};

/// How many problems are listed; then one [`ProblemKind::MoreProblems`] closes the list.
const PROBLEMS_MAX: usize = 100;

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

/// The text with its frame and white space around it cut off, its set and its delimiters.
fn decode(
    input: &[u8],
    options: &ParseOptions,
    problems: &mut Problems,
) -> Result<(String, Charset, Delimiters), ParseError> {
    let is_padding = |byte: &u8| matches!(byte, b'\r' | b'\n' | b'\t' | b' ' | 0x0B | 0x1C | 0x1A | 0);
    if input.iter().all(is_padding) {
        return Err(ParseError::Empty);
    }
    if let Some((charset, bytes)) = utf16(input) {
        let mut text = String::new();
        charset.decode_into(bytes, &mut text, &mut |offset, count| problems.undecodable(offset, count));
        let start = text.find("MSH").ok_or(ParseError::NoHeader)?;
        let kept = text.trim_end_matches(['\r', '\n', '\u{1C}', '\u{1A}', '\0']).len();
        let text = text.get(start..kept).ok_or(ParseError::NoHeader)?.to_owned();
        let (delimiters, _) = header(text.as_bytes(), problems)?;
        return Ok((text, charset, delimiters));
    }
    let start = header_start(input, problems).ok_or(ParseError::NoHeader)?;
    let kept = input
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n' | 0x1C | 0x1A | 0))
        .map_or(0, |last| last + 1);
    let bytes = input.get(start..kept).ok_or(ParseError::NoHeader)?;
    let (delimiters, named) = header(bytes, problems)?;
    let charset = charset_of(named, &delimiters, options, problems);
    Ok((decode_text(bytes, charset, options, problems), charset, delimiters))
}

fn decode_text(bytes: &[u8], charset: Charset, options: &ParseOptions, problems: &mut Problems) -> String {
    if charset.is_plain_utf8() || charset.is_ascii() {
        match std::str::from_utf8(bytes) {
            Ok(text) if charset.is_plain_utf8() || text.is_ascii() => return text.to_owned(),
            _ => {}
        }
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut used = charset;
    if charset.is_ascii() {
        // The sender is wrong about its own set. Reading the configured one loses less than dropping the bytes.
        let offset = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
        problems.add(ProblemKind::NotAscii, offset);
        used = options.default_charset;
    }
    used.decode_into(bytes, &mut text, &mut |offset, count| problems.undecodable(offset, count));
    text
}

/// A byte order mark, or a header of two-byte characters.
fn utf16(input: &[u8]) -> Option<(Charset, &[u8])> {
    match input {
        [0xFF, 0xFE, rest @ ..] => Some((Charset::UTF_16LE, rest)),
        [0xFE, 0xFF, rest @ ..] => Some((Charset::UTF_16BE, rest)),
        [b'M', 0, b'S', 0, b'H', 0, ..] => Some((Charset::UTF_16LE, input)),
        [0, b'M', 0, b'S', 0, b'H', ..] => Some((Charset::UTF_16BE, input)),
        _ => None,
    }
}

/// Where the header begins: at the front, or at the first line that looks like one.
fn header_start(input: &[u8], problems: &mut Problems) -> Option<usize> {
    let is_header = |rest: &[u8]| matches!(rest, [b'M', b'S', b'H', separator, ..] if may_divide(*separator));
    let bare = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
    let skipped = bare.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x0B)).count();
    let front = input.len() - bare.len() + skipped;
    if is_header(input.get(front..)?) {
        return Some(front);
    }
    let line_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0x0B);
    let found = input
        .windows(5)
        .position(|window| matches!(window, [before, rest @ ..] if line_end(before) && is_header(rest)))?;
    // Anything before a header that is not white space belongs to no message.
    problems.add(ProblemKind::JunkBeforeHeader, 0);
    Some(found + 1)
}

/// The delimiters, and MSH-18 as bytes.
fn header<'a>(bytes: &'a [u8], problems: &mut Problems) -> Result<(Delimiters, &'a [u8]), ParseError> {
    let (Some(&separator), Some(rest)) = (bytes.get(3), bytes.get(4..)) else {
        return Err(ParseError::NoHeader);
    };
    if !may_divide(separator) {
        return Err(ParseError::NoHeader);
    }
    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
    let mut fields = rest.get(..end).unwrap_or(&[]).split(|byte| *byte == separator);
    let encoding = fields.next().unwrap_or(&[]);
    if encoding.is_empty() {
        problems.add(ProblemKind::NoEncodingCharacters, 4);
    } else if has_doubled_escape(encoding) {
        problems.add(ProblemKind::DoubledEscapeCharacter, 4);
    } else if encoding.len() > 5 {
        problems.add(ProblemKind::LongEncodingCharacters, 4);
    }
    let delimiters = Delimiters::read(separator, encoding)?;
    // MSH-2 was the first that the split gave, so MSH-18 is fifteen after MSH-3.
    Ok((delimiters, fields.nth(15).unwrap_or(&[])))
}

fn charset_of(
    named: &[u8],
    delimiters: &Delimiters,
    options: &ParseOptions,
    problems: &mut Problems,
) -> Charset {
    let named = match std::str::from_utf8(named) {
        Ok(named) if !named.is_empty() && named != "\"\"" => named,
        Ok(_) => return options.default_charset,
        Err(_) => {
            problems.add(ProblemKind::UnknownCharset, 0);
            return options.default_charset;
        }
    };
    // Some senders fill the field like a coded one; only its first component is the set.
    let component = char::from(delimiters.component);
    let repetition = delimiters.repetition.map(char::from);
    let names = named.split(move |found| Some(found) == repetition);
    let names = names.map(|name| name.split(component).next().unwrap_or(""));
    Charset::from_repetitions(names).unwrap_or_else(|| {
        problems.add(ProblemKind::UnknownCharset, 0);
        options.default_charset
    })
}

/// Problems as they are found, with their number bounded.
#[derive(Default)]
struct Problems {
    list: Vec<(ProblemKind, usize)>,
}

impl Problems {
    fn add(&mut self, kind: ProblemKind, offset: usize) {
        match self.list.len() {
            length if length < PROBLEMS_MAX => self.list.push((kind, offset)),
            PROBLEMS_MAX => self.list.push((ProblemKind::MoreProblems, offset)),
            _ => {}
        }
    }

    fn undecodable(&mut self, offset: usize, count: usize) {
        self.add(ProblemKind::UndecodableBytes { count }, offset);
    }

    /// Looks up the places.
    fn finish(mut self, message: &Message) -> Vec<Problem> {
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

/// The index while it grows.
struct Index<'a> {
    text: &'a str,
    delimiters: Delimiters,
    limits: Limits,
    segments: Vec<SegmentSpan>,
    fields: Vec<u32>,
    occurrences: BTreeMap<SegmentName, u32>,
    /// Whether the header ends with CR, so that a lone LF is data.
    ends_with_cr: bool,
}

/// What a run of line ends means.
enum LineEnd {
    /// A segment follows, or nothing.
    Boundary { name: Option<SegmentName> },
    /// It is data of the segment at hand.
    Data,
}

impl<'a> Index<'a> {
    fn new(text: &'a str, delimiters: Delimiters, limits: Limits) -> Self {
        let header_end = text.bytes().find(|byte| matches!(byte, b'\r' | b'\n'));
        Self {
            text,
            delimiters,
            limits,
            segments: Vec::with_capacity(16),
            fields: Vec::with_capacity(text.len() / 10 + 8),
            occurrences: BTreeMap::new(),
            ends_with_cr: header_end != Some(b'\n'),
        }
    }

    fn scan(&mut self, problems: &mut Problems) -> Result<(), ParseError> {
        let bytes = self.text.as_bytes();
        let mut marks = [false; 256];
        let repetition = self.delimiters.repetition;
        for mark in [Some(self.delimiters.field), Some(b'\r'), Some(b'\n'), repetition].into_iter().flatten()
        {
            if let Some(slot) = marks.get_mut(usize::from(mark)) {
                *slot = true;
            }
        }
        let is_mark = |byte: u8| marks.get(usize::from(byte)).copied().unwrap_or(false);

        let mut offset = self.open(0, SegmentName::new("MSH"))?;
        let mut repetitions = 1;
        while let Some(step) =
            bytes.get(offset..).and_then(|rest| rest.iter().position(|byte| is_mark(*byte)))
        {
            offset += step;
            let byte = bytes.get(offset).copied().unwrap_or(0);
            if byte == self.delimiters.field {
                repetitions = 1;
                offset += 1;
                self.field(offset)?;
            } else if Some(byte) == repetition {
                repetitions += 1;
                if repetitions > self.limits.repetitions_max {
                    return Err(self.too_many_repetitions(offset));
                }
                offset += 1;
            } else {
                let run = bytes.get(offset..).unwrap_or(&[]);
                let length = run.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                match self.line_end(offset, length, problems) {
                    LineEnd::Boundary { name } => {
                        self.close(offset);
                        repetitions = 1;
                        offset = self.open(offset + length, name)?;
                    }
                    LineEnd::Data => offset += length,
                }
            }
        }
        self.close(bytes.len());
        Ok(())
    }

    /// Judges the run of line ends at `offset` by what follows it.
    fn line_end(&self, offset: usize, length: usize, problems: &mut Problems) -> LineEnd {
        let bytes = self.text.as_bytes();
        let start = offset + length;
        let run = bytes.get(offset..start).unwrap_or(&[]);
        let next = bytes.get(start..).unwrap_or(&[]);
        let lone_lf = self.ends_with_cr && run.iter().all(|byte| *byte == b'\n');
        let name_length = next.iter().take(5).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let after = next.get(name_length);
        let with_field = after == Some(&self.delimiters.field);
        let alone = matches!(after, None | Some(b'\r' | b'\n'));
        let name = next
            .get(..name_length)
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(SegmentName::new);
        let Some(name) = name else {
            if next.is_empty() {
                return LineEnd::Boundary { name: None };
            }
            if !lone_lf {
                problems.add(ProblemKind::LineContinued, start);
            }
            return LineEnd::Data;
        };
        // In a CR message a LF may well be followed by three capitals of text, but hardly by an unescaped separator.
        if name.is_standard() && (with_field || alone && !lone_lf) {
            if name.as_str() == "MSH" {
                problems.add(ProblemKind::SecondHeader, start);
            }
            return LineEnd::Boundary { name: Some(name) };
        }
        if with_field && !lone_lf && name_length <= 4 {
            problems.add(ProblemKind::SegmentName, start);
            return LineEnd::Boundary { name: Some(name) };
        }
        if !lone_lf {
            problems.add(ProblemKind::LineContinued, start);
        }
        LineEnd::Data
    }

    /// Begins a segment at `start` and gives the offset from which to scan on.
    fn open(&mut self, start: usize, name: Option<SegmentName>) -> Result<usize, ParseError> {
        let Some(name) = name else { return Ok(start) };
        if self.segments.len() >= self.limits.segments_max {
            return Err(ParseError::TooManySegments { limit: self.limits.segments_max, offset: start });
        }
        let occurrence = self.occurrences.entry(name).and_modify(|count| *count += 1).or_insert(1);
        let fields_start = offset_of(self.fields.len());
        let after_name = start + name.as_str().len();
        let span = SegmentSpan {
            name,
            occurrence: *occurrence,
            is_header: matches!(name.as_str(), "MSH" | "FHS" | "BHS"),
            start: offset_of(start),
            end: offset_of(after_name),
            fields_start,
            fields_end: fields_start,
        };
        self.segments.push(span);
        if !span.is_header {
            return Ok(after_name);
        }
        // MSH-2 holds delimiters as data: pass over it, up to the separator that ends it.
        let second = after_name + 1;
        let rest = self.text.as_bytes().get(second..).unwrap_or(&[]);
        let is_end = |byte: &u8| *byte == self.delimiters.field || matches!(byte, b'\r' | b'\n');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        if second <= self.text.len() {
            self.field(second)?;
        }
        Ok((second + length).min(self.text.len()))
    }

    fn field(&mut self, start: usize) -> Result<(), ParseError> {
        let Some(span) = self.segments.last() else { return Ok(()) };
        if self.fields.len() - span.fields_start as usize >= self.limits.fields_max {
            let limit = self.limits.fields_max;
            return Err(ParseError::TooManyFields {
                segment: span.name,
                occurrence: span.occurrence,
                limit,
                offset: start,
            });
        }
        self.fields.push(offset_of(start));
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let fields_end = offset_of(self.fields.len());
        if let Some(span) = self.segments.last_mut() {
            span.end = offset_of(end);
            span.fields_end = fields_end;
        }
    }

    fn too_many_repetitions(&self, offset: usize) -> ParseError {
        let limit = self.limits.repetitions_max;
        let Some(span) = self.segments.last() else { return ParseError::NoHeader };
        let field = offset_of(self.fields.len()) - span.fields_start + u32::from(span.is_header);
        let location = Location { field, ..Location::of_segment(span.name, span.occurrence) };
        ParseError::TooManyRepetitions { location, limit, offset }
    }
}

/// Texts are bounded by 1 GiB of input, and decoding at most triples it, so every offset fits.
fn offset_of(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
