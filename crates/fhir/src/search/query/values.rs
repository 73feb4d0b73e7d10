//! One value of a criterion, by kind.

use compact_str::CompactString;

use super::super::{Kind, Parameter, date, number};
use super::{Modifier, Prefix, QueryValue, ReferenceValue, TokenSystem};
use crate::definitions;

/// Splits at `separator` where it is not escaped by a backslash; the escapes stay.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, char) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if char == '\\' {
            escaped = true;
        } else if char == separator {
            parts.push(text.get(start..at).unwrap_or(""));
            start = at + separator.len_utf8();
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

/// Takes the backslash from `\,`, `\|`, `\$` and `\\`; any other backslash is a plain one.
pub(super) fn unescape(text: &str) -> CompactString {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = CompactString::default();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let follows = chars.peek().copied();
        match follows.filter(|next| char == '\\' && matches!(next, ',' | '|' | '$' | '\\')) {
            Some(next) => {
                out.push(next);
                chars.next();
            }
            None => out.push(char),
        }
    }
    out
}

/// Reads one value; `Err` says what shape is expected.
pub(super) fn value(
    parameter: &Parameter,
    modifier: Option<Modifier>,
    target: Option<&str>,
    text: &str,
) -> Result<QueryValue, &'static str> {
    match modifier {
        Some(Modifier::Missing) => match text {
            "true" => Ok(QueryValue::Missing(true)),
            "false" => Ok(QueryValue::Missing(false)),
            _ => Err("`:missing` takes `true` or `false`"),
        },
        Some(Modifier::Identifier) => token(text),
        Some(Modifier::Text | Modifier::CodeText) => Ok(QueryValue::String(unescape(text))),
        Some(Modifier::In | Modifier::NotIn) => Ok(QueryValue::Uri(unescape(text))),
        Some(Modifier::OfType) => of_type(text),
        Some(Modifier::Above | Modifier::Below) if parameter.kind == Kind::Token => {
            const SHAPE: &str =
                "`system|code` is expected: what a code stands above or below is told by its system";
            match token(text)? {
                value @ QueryValue::Token { system: TokenSystem::Is(_), code: Some(_) } => Ok(value),
                _ => Err(SHAPE),
            }
        }
        _ if parameter.kind == Kind::Composite => composite(parameter, text),
        _ => plain(parameter.kind, target, text),
    }
}

fn plain(kind: Kind, target: Option<&str>, text: &str) -> Result<QueryValue, &'static str> {
    match kind {
        Kind::String => Ok(QueryValue::String(unescape(text))),
        Kind::Token => token(text),
        Kind::Date => date_value(text),
        Kind::Number => {
            let (prefix, rest) = prefix(text);
            let found = number::written(rest).ok_or("a number is expected, such as `5.40` or `ge100`")?;
            let number::Written { value, low, high } = widened(prefix, found);
            Ok(QueryValue::Number { prefix, low, high, value })
        }
        Kind::Quantity => quantity(text),
        Kind::Reference => reference(target, text).map(QueryValue::Reference),
        Kind::Uri => Ok(QueryValue::Uri(unescape(text))),
        Kind::Composite | Kind::Special => Err("this parameter cannot be searched"),
    }
}

fn composite(parameter: &Parameter, text: &str) -> Result<QueryValue, &'static str> {
    let parts = split(text, '$');
    if parts.len() != parameter.components.len() {
        return Err("a value for each component is expected, with `$` between them");
    }
    let typed = parts.iter().zip(&parameter.components).map(|(part, component)| {
        if part.is_empty() { Err("a component has no value") } else { plain(component.kind, None, part) }
    });
    typed.collect::<Result<_, _>>().map(QueryValue::Composite)
}

fn token(text: &str) -> Result<QueryValue, &'static str> {
    let some = |part: &str| (!part.is_empty()).then(|| unescape(part));
    let (system, code) = match split(text, '|').as_slice() {
        [code] => (TokenSystem::Any, some(code)),
        ["", code] => (TokenSystem::Absent, some(code)),
        [system, code] => (TokenSystem::Is(unescape(system)), some(code)),
        _ => return Err("`code`, `system|code`, `|code` or `system|` is expected"),
    };
    if code.is_none() && !matches!(system, TokenSystem::Is(_)) {
        return Err("a code or a system is expected");
    }
    Ok(QueryValue::Token { system, code })
}

fn of_type(text: &str) -> Result<QueryValue, &'static str> {
    match split(text, '|').as_slice() {
        [system, code, value] if !code.is_empty() && !value.is_empty() => Ok(QueryValue::OfType {
            system: (!system.is_empty()).then(|| unescape(system)),
            code: unescape(code),
            value: unescape(value),
        }),
        _ => Err("`system|code|value` is expected, where system and code are those of the identifier's type"),
    }
}

/// The prefix and what follows it; text without a known prefix is `eq`.
fn prefix(text: &str) -> (Prefix, &str) {
    let prefix = match text.get(..2) {
        Some("eq") => Prefix::Equal,
        Some("ne") => Prefix::NotEqual,
        Some("gt") => Prefix::Greater,
        Some("lt") => Prefix::Less,
        Some("ge") => Prefix::GreaterOrEqual,
        Some("le") => Prefix::LessOrEqual,
        Some("sa") => Prefix::StartsAfter,
        Some("eb") => Prefix::EndsBefore,
        Some("ap") => Prefix::Approximate,
        _ => return (Prefix::Equal, text),
    };
    (prefix, text.get(2..).unwrap_or(""))
}

fn widened(prefix: Prefix, found: number::Written) -> number::Written {
    if prefix == Prefix::Approximate { number::approximate(found) } else { found }
}

fn date_value(text: &str) -> Result<QueryValue, &'static str> {
    let (prefix, rest) = prefix(text);
    // A `+` that was not percent-encoded arrives as a space.
    let range = date::range(rest).or_else(|| date::range(&rest.replace(' ', "+")));
    let (low_ms, high_ms) =
        range.ok_or("a date is expected, such as `2020`, `ge2020-01-31` or `2020-01-31T10:00:00Z`")?;
    Ok(QueryValue::Date { prefix, low_ms, high_ms })
}

fn quantity(text: &str) -> Result<QueryValue, &'static str> {
    const SHAPE: &str =
        "`number` or `number|system|code` is expected, such as `gt5.4|http://unitsofmeasure.org|mg`";
    let (number_text, system, code) = match split(text, '|').as_slice() {
        [number] => (*number, "", ""),
        [number, system, code] => (*number, *system, *code),
        _ => return Err(SHAPE),
    };
    let (prefix, rest) = prefix(number_text);
    let number::Written { value, low, high } = widened(prefix, number::written(rest).ok_or(SHAPE)?);
    let some = |part: &str| (!part.is_empty()).then(|| unescape(part));
    Ok(QueryValue::Quantity { prefix, low, high, value, system: some(system), code: some(code) })
}

fn reference(target: Option<&str>, text: &str) -> Result<ReferenceValue, &'static str> {
    const SHAPE: &str = "`id`, `Type/id` or an absolute URL is expected";
    let text = unescape(text);
    if text.contains(':') {
        return Ok(ReferenceValue::Absolute(text));
    }
    let parts: Vec<&str> = text.split('/').collect();
    let (resource_type, id, version) = match parts.as_slice() {
        [id] => (None, *id, None),
        [resource_type, id] => (Some(*resource_type), *id, None),
        [resource_type, id, "_history", version] => (Some(*resource_type), *id, Some(*version)),
        _ => return Err(SHAPE),
    };
    if !is_id(id) || version.is_some_and(|version| !is_id(version)) {
        return Err("an id has 1 to 64 letters, digits, `-` and `.`");
    }
    if resource_type.is_some_and(|name| !definitions::is_resource(name)) {
        return Err("this is no resource type of R4");
    }
    if let (Some(target), Some(named)) = (target, resource_type)
        && target != named
    {
        return Err("the type in the value is not the type in the name");
    }
    Ok(ReferenceValue::Local {
        resource_type: resource_type.or(target).map(Into::into),
        id: id.into(),
        version: version.map(Into::into),
    })
}

pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}
