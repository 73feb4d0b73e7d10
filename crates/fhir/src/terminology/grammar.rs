//! Code systems whose codes are not listed but written by a grammar.
//!
//! Codes of these systems are judged by their form: a well-formed language tag is a code of BCP 47 whether or not anybody
//! speaks the language.
//!
//! Source: FHIR R4 4.3.0 (external code systems); RFC 5646; RFC 6838; RFC 3986.

use std::sync::LazyLock;

use regex::Regex;

/// Whether `code` is one of `system`, by form; `None` if the system is not written by a grammar that is known here.
pub(super) fn contains(system: &str, code: &str) -> Option<bool> {
    Some(match system {
        "urn:ietf:bcp:47" => LANGUAGE.is_match(code),
        "urn:ietf:bcp:13" => MEDIA_TYPE.is_match(code),
        "urn:ietf:rfc:3986" => URI.is_match(code),
        "http://unitsofmeasure.org" => unit(code),
        _ => return None,
    })
}

#[expect(clippy::expect_used, reason = "the patterns are part of the program; a test uses each")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of the program is well formed")
}

static LANGUAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "(?i)^(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?\
         (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wy-z0-9](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?$|\
         ^(?i)x(?:-[a-z0-9]{1,8})+$",
    )
});

static MEDIA_TYPE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "(?i)^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\
         (?:\\s*;\\s*[a-z0-9!#$&^_.+-]+=(?:[^\\s\";]+|\"[^\"]*\"))*$",
    )
});

static URI: LazyLock<Regex> = LazyLock::new(|| pattern("^[A-Za-z][A-Za-z0-9+.-]*:\\S+$"));

/// Whether `code` has the form of a UCUM unit: printable ASCII without spaces, balanced brackets, no empty factor.
///
/// Atoms are not looked up: a unit that no table knows but that is well formed passes.
fn unit(code: &str) -> bool {
    let mut closers = Vec::new();
    let mut previous = '.';
    for letter in code.chars() {
        if !letter.is_ascii_graphic() {
            return false;
        }
        let is_annotation = closers.last() == Some(&'}');
        match letter {
            '}' | ']' | ')' if closers.pop() != Some(letter) => return false,
            '}' | ']' | ')' => {}
            _ if is_annotation => {}
            '{' => closers.push('}'),
            '[' => closers.push(']'),
            '(' => closers.push(')'),
            '.' if matches!(previous, '.' | '/' | '(') => return false,
            '/' if matches!(previous, '/') => return false,
            '"' | '$' | '&' | ',' | ':' | ';' | '<' | '=' | '>' | '?' | '@' | '\\' | '`' | '|' | '~' => {
                return false;
            }
            _ => {}
        }
        previous = letter;
    }
    closers.is_empty() && !code.is_empty() && !matches!(previous, '.' | '/')
}
