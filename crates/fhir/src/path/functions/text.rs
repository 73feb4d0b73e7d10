//! Functions on texts. Positions count characters.
//!
//! Source: FHIRPath N1 5.6.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

use super::super::collection::Items;
use super::super::evaluate::{Result, evaluation};
use super::super::function::Function as F;
use super::super::item::Item;
use super::Call;

/// A compiled regular expression may not be larger.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub(super) fn call<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    if call.function == F::Join {
        return join(&call);
    }
    let Some(text) = call.evaluator.text(&call.input, call.function.name())? else { return Ok(Items::Empty) };
    let position = |at: Option<usize>| {
        let count = at.and_then(|at| text.get(..at)).map(|before| before.chars().count());
        Items::from(count.map_or(Some(-1), |count| i64::try_from(count).ok()))
    };
    Ok(match call.function {
        F::Length => i64::try_from(text.chars().count()).ok().into(),
        F::Upper => text.to_uppercase().into(),
        F::Lower => text.to_lowercase().into(),
        F::Trim => text.trim().to_owned().into(),
        F::ToChars => text.chars().map(|c| Item::String(c.to_string().into())).collect::<Vec<_>>().into(),
        F::Substring => substring(&call, &text)?,
        _ => {
            let Some(argument) = call.text_argument(0)? else { return Ok(Items::Empty) };
            match call.function {
                F::IndexOf => position(text.find(argument.as_ref())),
                F::LastIndexOf => position(text.rfind(argument.as_ref())),
                F::StartsWith => text.starts_with(argument.as_ref()).into(),
                F::EndsWith => text.ends_with(argument.as_ref()).into(),
                F::Contains => text.contains(argument.as_ref()).into(),
                F::Split => {
                    let parts = text.split(argument.as_ref());
                    parts.map(|part| Item::String(part.to_owned().into())).collect::<Vec<_>>().into()
                }
                F::Replace => replace(&call, &text, &argument)?,
                F::Matches => {
                    let flags = call.text_argument(1)?;
                    regex(&argument, flags.as_deref(), false)?.is_match(&text).into()
                }
                F::MatchesFull => {
                    let flags = call.text_argument(1)?;
                    regex(&argument, flags.as_deref(), true)?.is_match(&text).into()
                }
                F::ReplaceMatches => replace_matches(&call, &text, &argument)?,
                F::Encode => encode(&text, &argument)?.into(),
                F::Decode => decode(&text, &argument)?.into(),
                F::Escape => escape(&text, &argument)?.into(),
                F::Unescape => unescape(&text, &argument)?.into(),
                _ => return Err(evaluation("the function is not offered")),
            }
        }
    })
}

fn join<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    if call.input.is_empty() {
        return Ok(Items::Empty);
    }
    let separator = call.text_argument(0)?.unwrap_or_default();
    let mut out = String::new();
    for (at, item) in call.input.as_slice().iter().enumerate() {
        if at > 0 {
            out.push_str(&separator);
        }
        let item = Items::One(item.clone());
        out.push_str(&call.evaluator.text(&item, "`join`")?.unwrap_or_default());
        call.evaluator.check_text(out.len())?;
    }
    Ok(out.into())
}

fn substring<'a>(call: &Call<'_, '_, 'a, '_>, text: &str) -> Result<Items<'a>> {
    let Some(start) = call.integer_argument(0)? else { return Ok(Items::Empty) };
    let length = call.integer_argument(1)?;
    let Ok(start) = usize::try_from(start) else { return Ok(Items::Empty) };
    if start >= text.chars().count() {
        return Ok(Items::Empty);
    }
    let length = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
    Ok(text.chars().skip(start).take(length).collect::<String>().into())
}

fn replace<'a>(call: &Call<'_, '_, 'a, '_>, text: &str, pattern: &str) -> Result<Items<'a>> {
    let Some(new) = call.text_argument(1)? else { return Ok(Items::Empty) };
    // The bound is checked before the text is made.
    let count = text.matches(pattern).count();
    call.evaluator.check_text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(text.replace(pattern, &new).into())
}

fn replace_matches<'a>(call: &Call<'_, '_, 'a, '_>, text: &str, pattern: &str) -> Result<Items<'a>> {
    let Some(new) = call.text_argument(1)? else { return Ok(Items::Empty) };
    if pattern.is_empty() {
        return Ok(text.to_owned().into());
    }
    let flags = call.text_argument(2)?;
    let regex = regex(pattern, flags.as_deref(), false)?;
    // A group may be repeated by each reference to it; this bounds what they can come to.
    let references = new.matches('$').count();
    let count = regex.find_iter(text).count();
    let most = count.saturating_mul(new.len()).saturating_add(text.len().saturating_mul(1 + references));
    call.evaluator.check_text(most)?;
    Ok(regex.replace_all(text, dollar_names(&new).as_ref()).into_owned().into())
}

/// `$1` stands alone in FHIRPath; the regex engine would read `$1a` as a group named `1a`.
fn dollar_names(text: &str) -> Cow<'_, str> {
    if !text.contains('$') {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        out.push(char);
        if char == '$' && chars.peek().is_some_and(char::is_ascii_digit) {
            out.push('{');
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                out.push(digit);
            }
            out.push('}');
        }
    }
    Cow::Owned(out)
}

fn regex(pattern: &str, flags: Option<&str>, whole: bool) -> Result<Regex> {
    let anchored = if whole { Cow::Owned(format!("^(?:{pattern})$")) } else { Cow::Borrowed(pattern) };
    let has = |flag: char| flags.is_some_and(|flags| flags.contains(flag));
    RegexBuilder::new(&anchored)
        .size_limit(REGEX_BYTES_MAX)
        .dot_matches_new_line(true)
        .case_insensitive(has('i'))
        .multi_line(has('m'))
        .build()
        .map_err(|_| evaluation("the regular expression cannot be used"))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn alphabet(format: &str) -> Result<Option<&'static [u8; 64]>> {
    match format {
        "hex" => Ok(None),
        "base64" => Ok(Some(BASE64)),
        "urlbase64" => Ok(Some(URL_BASE64)),
        _ => Err(evaluation("the format must be `hex`, `base64` or `urlbase64`")),
    }
}

fn encode(text: &str, format: &str) -> Result<String> {
    let Some(alphabet) = alphabet(format)? else {
        return Ok(text.bytes().map(|byte| format!("{byte:02x}")).collect());
    };
    let mut out = String::with_capacity(text.len() / 3 * 4 + 4);
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for at in 0..4 {
            let letter = alphabet.get(bits >> (18 - 6 * at) & 63).copied().map_or('=', char::from);
            out.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    Ok(out)
}

fn decode(text: &str, format: &str) -> Result<String> {
    let wrong = || evaluation("the text is not encoded in this format");
    let bytes = match alphabet(format)? {
        None => {
            let pairs = text.as_bytes().chunks(2);
            pairs
                .map(|pair| {
                    let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
                    pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)
                })
                .collect::<Result<Vec<u8>>>()?
        }
        Some(alphabet) => {
            let mut bytes = Vec::with_capacity(text.len());
            let (mut bits, mut count) = (0_u32, 0);
            for byte in text.trim_end_matches('=').bytes() {
                let value = alphabet.iter().position(|letter| *letter == byte).ok_or_else(wrong)?;
                bits = bits << 6 | value as u32;
                count += 6;
                if count >= 8 {
                    count -= 8;
                    bytes.push((bits >> count) as u8);
                    bits &= (1 << count) - 1;
                }
            }
            bytes
        }
    };
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn escape(text: &str, format: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match (format, char) {
            ("html", '<') => out.push_str("&lt;"),
            ("html", '>') => out.push_str("&gt;"),
            ("html", '&') => out.push_str("&amp;"),
            ("html", '"') => out.push_str("&quot;"),
            ("html", '\'') => out.push_str("&#39;"),
            ("json", '"' | '\\') => out.extend(['\\', char]),
            ("json", '\n') => out.push_str("\\n"),
            ("json", '\r') => out.push_str("\\r"),
            ("json", '\t') => out.push_str("\\t"),
            ("json", control) if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            ("html" | "json", plain) => out.push(plain),
            _ => return Err(evaluation("the format must be `html` or `json`")),
        }
    }
    Ok(out)
}

fn unescape(text: &str, format: &str) -> Result<String> {
    match format {
        "html" => Ok(text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")),
        // Bare quotes are let through: only the escapes are undone.
        "json" => unescape_json(text).ok_or_else(|| evaluation("the text is not escaped as JSON")),
        _ => Err(evaluation("the format must be `html` or `json`")),
    }
}

fn unescape_json(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        // As long as it is needed: two for a simple escape, six for `\u`, twelve for a pair of them.
        let lengths: &[usize] = if after.starts_with('u') { &[5, 11] } else { &[1] };
        let (length, value) = lengths.iter().find_map(|length| {
            let quoted = format!("\"\\{}\"", after.get(..*length)?);
            let value = crate::json::parse(quoted.as_bytes(), &crate::json::Limits::default()).ok()?;
            Some((*length, value))
        })?;
        out.push_str(value.as_str()?);
        rest = after.get(length..)?;
    }
    out.push_str(rest);
    Some(out)
}
