//! What must not be taken for an entity: tags left by an earlier masking, and terms of medicine that are also names.

use std::ops::Range;

use super::covered;
use crate::gazetteer::Lex;
use crate::patterns::Page;
use crate::text::token::{Gap, Made};
use crate::{Entity, Kind, Reason};

/// Drops findings inside of tags, and terms of medicine that only a list or the tagger took for a name or place.
pub(super) fn protect(page: &Page<'_>, found: &mut Vec<Entity>) {
    let tags = tags(page.tokens.text);
    found.retain(|entity| {
        let at = tags.partition_point(|tag| tag.end <= entity.range.start);
        let tagged = tags.get(at).is_some_and(|tag| tag.start < entity.range.end);
        !tagged && !is_term(page, entity)
    });
}

/// The places of tags as masking writes them, such as `[NAME]`, `[DATE_2]`, `<PHONE>`: capitals in brackets.
fn tags(text: &str) -> Vec<Range<usize>> {
    const LONGEST: usize = 40;
    let bytes = text.as_bytes();
    let mut tags = Vec::new();
    for (start, byte) in bytes.iter().enumerate() {
        let close = match byte {
            b'[' => b']',
            b'<' => b'>',
            _ => continue,
        };
        let inside = bytes.get(start + 1..).unwrap_or_default();
        let length = inside
            .iter()
            .take(LONGEST)
            .take_while(|byte| {
                byte.is_ascii_uppercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'_' | b'-' | b' ' | b'#')
            })
            .count();
        let named = inside.first().is_some_and(u8::is_ascii_uppercase) && length >= 2;
        if named
            && inside.get(length) == Some(&close)
            && is_tag(text.get(start + 1..start + 1 + length).unwrap_or_default())
        {
            tags.push(start..start + length + 2);
        }
    }
    tags
}

/// Whether the word in brackets is one that masking writes; a name in brackets is not.
fn is_tag(inside: &str) -> bool {
    const WORDS: [&str; 30] = [
        "NAME",
        "DATE",
        "AGE",
        "LOCATION",
        "ZIP",
        "ORGANIZATION",
        "PHONE",
        "FAX",
        "EMAIL",
        "URL",
        "IP",
        "SSN",
        "MRN",
        "HEALTHPLAN",
        "HEALTH",
        "PLAN",
        "ACCOUNT",
        "LICENSE",
        "VEHICLE",
        "DEVICE",
        "ID",
        "PERSON",
        "PATIENT",
        "REDACTED",
        "MASKED",
        "PHI",
        "CONTACT",
        "ADDRESS",
        "DOCTOR",
        "HOSPITAL",
    ];
    inside.split(['_', '-', ' ', '#']).all(|part| {
        part.bytes().all(|byte| byte.is_ascii_digit()) || WORDS.contains(&part) || part.len() == 1
    }) && inside.split(['_', '-', ' ', '#']).next().is_some_and(|first| WORDS.contains(&first))
}

/// Whether a name or place is a term of medicine here.
fn is_term(page: &Page<'_>, entity: &Entity) -> bool {
    let doubtful = matches!(
        entity.reason,
        Reason::Gazetteer(_) | Reason::Tagger | Reason::Propagated | Reason::Context("role" | "town")
    );
    if !doubtful || !matches!(entity.kind, Kind::Name | Kind::Location | Kind::Organization) {
        return false;
    }
    let range = covered(page.tokens, entity);
    let words = || range.clone().map(|index| page.tokens.at(index)).filter(|token| token.made == Made::Word);
    if words().all(|token| token.lex.has(Lex::DRUG)) && words().next().is_some() {
        return true;
    }
    let next = page.tokens.at(range.end);
    let genitive = next.is(b'\'') && page.tokens.at(range.end + 1).len() == 1;
    let head = if genitive { page.tokens.at(range.end + 2) } else { next };
    let before_disease = head.gap <= Gap::Blank && head.lex.has(Lex::DISEASE);
    words().all(|token| token.lex.has(Lex::EPONYM.with(Lex::MEDICAL).with(Lex::DISEASE)))
        && (before_disease || words().any(|token| token.lex.has(Lex::DISEASE)))
}
