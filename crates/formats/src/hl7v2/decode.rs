//! The bytes of a message as text: where it begins, which delimiters and character set it names.

use super::charset::Charset;
use super::delimiters::{Delimiters, has_doubled_escape, may_divide};
use super::parse::ParseOptions;
use super::problem::{ParseError, ProblemKind, Problems};

/// The text with its frame and white space around it cut off, its set and its delimiters.
pub(super) fn decode(
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
        trim_end(&mut text);
        let start = header_start(text.as_bytes(), problems).ok_or(ParseError::NoHeader)?;
        text.drain(..start);
        problems.move_back(start);
        let (delimiters, _) = header(text.as_bytes(), problems)?;
        return Ok((text, charset, delimiters));
    }
    let start = header_start(input, problems).ok_or(ParseError::NoHeader)?;
    let bytes = input.get(start..).ok_or(ParseError::NoHeader)?;
    let (delimiters, named) = header(bytes, problems)?;
    let charset = charset_of(named, &delimiters, options, problems);
    let (mut text, charset) = decode_text(bytes, charset, options, problems);
    trim_end(&mut text);
    Ok((text, charset, delimiters))
}

/// Cuts off line ends, the end block of a frame and what old systems end a file with. After decoding, because an escape
/// sequence at the very end can hide a line end before it.
fn trim_end(text: &mut String) {
    let kept = text.trim_end_matches(['\r', '\n', '\u{1C}', '\u{1A}', '\0']).len();
    text.truncate(kept);
}

/// The text, and the set that it was read in.
fn decode_text(
    bytes: &[u8],
    charset: Charset,
    options: &ParseOptions,
    problems: &mut Problems,
) -> (String, Charset) {
    if charset.is_plain_utf8() || charset.is_ascii() {
        match std::str::from_utf8(bytes) {
            Ok(text) if charset.is_plain_utf8() || text.is_ascii() => return (text.to_owned(), charset),
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
    (text, used)
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
    let names: Vec<&str> = names.map(|name| name.split(component).next().unwrap_or("").trim()).collect();
    if names.iter().all(|name| name.is_empty()) {
        return options.default_charset;
    }
    Charset::from_repetitions(names.into_iter()).unwrap_or_else(|| {
        problems.add(ProblemKind::UnknownCharset, 0);
        options.default_charset
    })
}
