//! Escape sequences: `\F\ \S\ \T\ \R\ \E\ \P\`, `\X..\`, and the layout commands of formatted text.

use std::borrow::Cow;

use super::charset::Charset;
use super::delimiters::Delimiters;

/// How many spaces or lines one `.sk` or `.sp` command may make.
const REPEAT_MAX: usize = 100;

/// Undoes the escapes of one piece of a message, once. Escapes that are not known stay as they were written, as does an
/// escape character that opens nothing (`C:\path`).
///
/// `\X..\` bytes are read in `charset`; highlighting is dropped; `\.br\`, `\.sp n\` and `\.ce\` become line ends, `\.sk n\`
/// spaces, other layout commands nothing.
///
/// Source: HL7 v2.8 chapter 2, 2.7.
pub fn unescape<'a>(raw: &'a str, delimiters: &Delimiters, charset: Charset) -> Cow<'a, str> {
    let Some(escape) = delimiters.escape.map(char::from).filter(|escape| raw.contains(*escape)) else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once(escape) {
        text.push_str(before);
        let known = after
            .split_once(escape)
            .and_then(|(body, after)| Some((meaning(body, delimiters, charset)?, after)));
        match known {
            Some((meaning, after)) => {
                text.push_str(&meaning);
                rest = after;
            }
            None => {
                // The next escape character may open a sequence of its own: only this one is passed by.
                text.push(escape);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn meaning(body: &str, delimiters: &Delimiters, charset: Charset) -> Option<Cow<'static, str>> {
    let delimiter = |byte: Option<u8>| byte.map(|byte| Cow::Owned(char::from(byte).to_string()));
    match body {
        "F" => delimiter(Some(delimiters.field)),
        "S" => delimiter(Some(delimiters.component)),
        "T" => delimiter(Some(delimiters.subcomponent.unwrap_or(b'&'))),
        "R" => delimiter(Some(delimiters.repetition.unwrap_or(b'~'))),
        "E" => delimiter(delimiters.escape),
        "P" => delimiter(delimiters.truncation),
        "H" | "N" => Some(Cow::Borrowed("")),
        _ => match body.as_bytes() {
            [b'X', hex @ ..] if !hex.is_empty() => charset.decode_escape(&bytes_of_hex(hex)?).map(Cow::Owned),
            [b'.', command @ ..] => layout(command),
            // The character set that these announce was applied when the bytes were decoded.
            [b'C' | b'M', hex @ ..] if charset.is_switching() && matches!(hex.len(), 4 | 6) => {
                bytes_of_hex(hex).map(|_| Cow::Borrowed(""))
            }
            _ => None,
        },
    }
}

/// Source: HL7 v2.8 chapter 2, 2.7.6.
fn layout(command: &[u8]) -> Option<Cow<'static, str>> {
    let (name, argument) = command.split_at_checked(2)?;
    let argument = std::str::from_utf8(argument).ok()?.trim();
    let number: usize = match argument.trim_start_matches(['+', '-']) {
        "" => 1,
        digits => digits.parse().ok()?,
    };
    match name {
        b"br" => Some(Cow::Borrowed("\n")),
        b"sp" => Some(Cow::Owned("\n".repeat(number.min(REPEAT_MAX)))),
        b"sk" => Some(Cow::Owned(" ".repeat(number.min(REPEAT_MAX)))),
        b"ce" => Some(Cow::Borrowed("\n")),
        b"fi" | b"nf" | b"in" | b"ti" => Some(Cow::Borrowed("")),
        _ => None,
    }
}

/// Pairs of hexadecimal digits as bytes; `None` if anything else stands there.
pub(super) fn bytes_of_hex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// Escapes text so that it can stand in any field: delimiters by their letters, control characters (line ends too) as
/// `\X..\`, and a text of exactly two quote marks so that it is not taken for "delete". [`unescape`] undoes it.
///
/// Delimiters that the message does not define need no escape. Without an escape character, delimiters and control
/// characters in the text become spaces: nothing else keeps the message whole.
pub fn escape<'a>(text: &'a str, delimiters: &Delimiters) -> Cow<'a, str> {
    let special = |found: char| {
        found.is_control() && found.is_ascii()
            || u8::try_from(found).is_ok_and(|byte| delimiters.all().any(|one| one == byte))
    };
    if text != "\"\"" && !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let Some(escape) = delimiters.escape.map(char::from) else {
        return Cow::Owned(text.replace(special, " "));
    };
    if text == "\"\"" {
        return Cow::Owned(format!("{escape}X22{escape}\""));
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for found in text.chars() {
        if !special(found) {
            escaped.push(found);
            continue;
        }
        escaped.push(escape);
        match u8::try_from(found).ok() {
            Some(byte) if byte == delimiters.field => escaped.push('F'),
            Some(byte) if byte == delimiters.component => escaped.push('S'),
            byte if byte == delimiters.subcomponent => escaped.push('T'),
            byte if byte == delimiters.repetition => escaped.push('R'),
            byte if byte == delimiters.escape => escaped.push('E'),
            byte if byte == delimiters.truncation => escaped.push('P'),
            byte => escaped.push_str(&format!("X{:02X}", byte.unwrap_or(b' '))),
        }
        escaped.push(escape);
    }
    Cow::Owned(escaped)
}
