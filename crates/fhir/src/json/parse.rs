//! Reads JSON text into a [`Value`], strictly and under limits.

use std::collections::HashSet;

use compact_str::CompactString;

use super::{Number, Object, Value, number};

/// Bounds of one document. The default fits any FHIR resource or bundle that one request may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes.
    pub bytes_max: usize,
    /// Arrays and objects within each other.
    pub depth_max: usize,
    /// Values of every kind, counted together; bounds the memory that a small text can take.
    pub nodes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 16 << 20, depth_max: 64, nodes_max: 2_000_000 }
    }
}

/// What was wrong with a text, and where. It never holds any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct JsonError {
    /// What was wrong.
    pub kind: JsonErrorKind,
    /// Byte offset from the start of the text.
    pub offset: usize,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

/// The causes of a [`JsonError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text is longer than [`Limits::bytes_max`].
    #[error("JSON is longer than {0} bytes")]
    TooLong(usize),
    /// More levels than [`Limits::depth_max`].
    #[error("JSON is nested deeper than {0} levels")]
    TooDeep(usize),
    /// More values than [`Limits::nodes_max`].
    #[error("JSON has more than {0} values")]
    TooManyValues(usize),
    /// The bytes are not UTF-8.
    #[error("JSON is not UTF-8")]
    NotUtf8,
    /// The text ends within a value.
    #[error("JSON ends too early")]
    UnexpectedEnd,
    /// A character that cannot stand here.
    #[error("unexpected character in JSON")]
    UnexpectedCharacter,
    /// Something follows the value.
    #[error("unexpected content after the JSON value")]
    TrailingContent,
    /// A number that breaks the grammar.
    #[error("malformed number in JSON")]
    MalformedNumber,
    /// An escape that does not exist, or half of a surrogate pair.
    #[error("malformed escape in a JSON string")]
    MalformedEscape,
    /// A raw control character within a string.
    #[error("control character in a JSON string")]
    ControlCharacter,
    /// A member named a second time within its object.
    #[error("member named twice in a JSON object")]
    DuplicateMember,
}

/// Reads one JSON value with nothing but white space around it. A byte order mark in front is passed over.
///
/// # Errors
/// [`JsonError`] for anything that RFC 8259 does not allow, for a member named twice, and beyond `limits`.
pub fn parse(input: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    parse_at(input, limits).map_err(|(kind, offset)| locate(input, kind, offset))
}

type Failure = (JsonErrorKind, usize);

fn parse_at(input: &[u8], limits: &Limits) -> Result<Value, Failure> {
    if input.len() > limits.bytes_max {
        return Err((JsonErrorKind::TooLong(limits.bytes_max), 0));
    }
    // Checked once for the whole text, so that no string has to be checked again.
    let text = std::str::from_utf8(input).map_err(|error| (JsonErrorKind::NotUtf8, error.valid_up_to()))?;
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut reader = Reader { text, at, limits, nodes: 0 };
    reader.skip_space();
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err((JsonErrorKind::TrailingContent, reader.at));
    }
    Ok(value)
}

fn locate(input: &[u8], kind: JsonErrorKind, offset: usize) -> JsonError {
    let before = input.get(..offset).unwrap_or(input);
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    // Continuation bytes are no characters of their own.
    let column = 1 + before.iter().skip(line_start).filter(|&&byte| byte & 0xC0 != 0x80).count();
    JsonError { kind, offset, line, column }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    limits: &'a Limits,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, kind: JsonErrorKind) -> Result<T, Failure> {
        Err((kind, self.at))
    }

    /// The failure for a place where something else was needed.
    fn unexpected<T>(&self) -> Result<T, Failure> {
        self.fail(match self.peek() {
            None => JsonErrorKind::UnexpectedEnd,
            Some(_) => JsonErrorKind::UnexpectedCharacter,
        })
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over white space, then takes `byte` if it comes next.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads the value that begins here; `depth` counts the arrays and objects around it, and bounds the recursion.
    fn value(&mut self, depth: usize) -> Result<Value, Failure> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return self.fail(JsonErrorKind::TooManyValues(self.limits.nodes_max));
        }
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(open @ (b'{' | b'[')) => {
                if depth >= self.limits.depth_max {
                    return self.fail(JsonErrorKind::TooDeep(self.limits.depth_max));
                }
                self.at += 1;
                if open == b'{' { self.object(depth + 1) } else { self.array(depth + 1) }
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.unexpected(),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Failure> {
        if !self.rest().starts_with(word.as_bytes()) {
            return self.fail(JsonErrorKind::UnexpectedCharacter);
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Failure> {
        let Some(length) = number::scan(self.rest()) else {
            return self.fail(JsonErrorKind::MalformedNumber);
        };
        let literal = self.text.get(self.at..self.at + length).unwrap_or_default();
        self.at += length;
        match self.peek() {
            // `01`, `1.2.3` and `1a` are one bad number, not a number and something else.
            Some(b'0'..=b'9' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.fail(JsonErrorKind::MalformedNumber)
            }
            _ => Ok(Value::Number(Number::from_scanned(literal))),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut elements = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            self.skip_space();
            elements.push(self.value(depth)?);
            if self.take(b',') {
                continue;
            }
            if self.take(b']') {
                return Ok(Value::Array(elements));
            }
            return self.unexpected();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut members: Vec<(CompactString, Value)> = Vec::new();
        let mut seen = Seen::default();
        if self.take(b'}') {
            return Ok(Value::Object(Object::new()));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let start = self.at;
            let name = self.string()?;
            if !seen.is_new(&name, &members) {
                return Err((JsonErrorKind::DuplicateMember, start));
            }
            if !self.take(b':') {
                return self.unexpected();
            }
            self.skip_space();
            let value = self.value(depth)?;
            members.push((name, value));
            if self.take(b',') {
                continue;
            }
            if self.take(b'}') {
                return Ok(Value::Object(Object::from_distinct(members)));
            }
            return self.unexpected();
        }
    }

    /// Reads the string whose opening quote comes next.
    fn string(&mut self) -> Result<CompactString, Failure> {
        self.at += 1;
        let length = plain_prefix(self.rest());
        let plain = self.text.get(self.at..self.at + length).unwrap_or_default();
        self.at += length;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(CompactString::from(plain));
        }
        let mut text = String::from(plain);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(CompactString::from(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return self.fail(JsonErrorKind::ControlCharacter),
                None => return self.fail(JsonErrorKind::UnexpectedEnd),
            }
            let length = plain_prefix(self.rest());
            text.push_str(self.text.get(self.at..self.at + length).unwrap_or_default());
            self.at += length;
        }
    }

    /// Reads the escape whose backslash comes next.
    fn escape(&mut self) -> Result<char, Failure> {
        let start = self.at;
        let malformed = Err((JsonErrorKind::MalformedEscape, start));
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        self.at += 2;
        let plain = match letter {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(unit) = self.hex4() else { return malformed };
                if !(0xD800..0xDC00).contains(&unit) {
                    return char::from_u32(unit).map_or(malformed, Ok);
                }
                let low = if self.rest().starts_with(b"\\u") {
                    self.at += 2;
                    self.hex4()
                } else {
                    None
                };
                let Some(low @ 0xDC00..0xE000) = low else { return malformed };
                return char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
                    .map_or(malformed, Ok);
            }
            _ => return malformed,
        };
        Ok(plain)
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

/// Tells repeated names: by comparing while an object is small, by a set once that would grow quadratic.
#[derive(Default)]
struct Seen(Option<HashSet<CompactString>>);

impl Seen {
    const SMALL: usize = 24;

    fn is_new(&mut self, name: &CompactString, members: &[(CompactString, Value)]) -> bool {
        if members.len() < Self::SMALL {
            return members.iter().all(|(other, _)| other != name);
        }
        let names = self.0.get_or_insert_with(|| members.iter().map(|(other, _)| other.clone()).collect());
        names.insert(name.clone())
    }
}

/// How many bytes from the start a JSON string holds as they are: up to the first quote, backslash or control character.
///
/// Looks at eight bytes at once: `x - 0x20 & !x` has a byte's top bit set where that byte is below 0x20, and likewise with
/// a difference of one where it is zero. Only the lowest set bit is exact, and only that one is used.
#[inline]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = first_special(*word) {
            return index * 8 + at;
        }
    }
    match bytes.last_chunk::<8>() {
        _ if tail.is_empty() => bytes.len(),
        // Looks again at bytes that were found plain, rather than at the last few one by one.
        Some(word) => first_special(*word).map_or(bytes.len(), |at| bytes.len() - 8 + at),
        None => {
            tail.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\').unwrap_or(tail.len())
        }
    }
}

/// The first of eight bytes that cannot stand in a string as it is.
#[inline]
fn first_special(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES * 0x80;
    let word = u64::from_le_bytes(word);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let found = TOPS
        & ((word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash));
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}
