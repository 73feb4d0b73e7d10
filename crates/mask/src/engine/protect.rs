//! What must not be taken for an entity: tags left by an earlier masking, and terms of medicine that are also names.

use std::ops::Range;

use super::covered;
use crate::gazetteer::{Cue, Lex};
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, hashed_all};
use crate::{Entity, Kind, Reason};

/// Drops findings inside of tags, and terms of medicine that only a list or the tagger took for a name or place.
pub(super) fn protect(page: &Page<'_>, found: &mut Vec<Entity>) {
    let tags = tags(page.tokens.text);
    found.retain(|entity| {
        let at = tags.partition_point(|tag| tag.end <= entity.range.start);
        let tagged = tags.get(at).is_some_and(|tag| tag.start < entity.range.end);
        !tagged && !is_placeholder(page, entity) && !is_term(page, entity)
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

/// Whether a name or facility is one that someone put in for another: `Dr. X`, `Mr. ABC`, `XYZ Hospital`.
fn is_placeholder(page: &Page<'_>, entity: &Entity) -> bool {
    const PLACEHOLDERS: [u64; 9] = hashed_all(["x", "y", "z", "xx", "xxx", "xxxx", "xyz", "abc", "abcd"]);
    // Someone whose name is known to begin with a Z has that initial.
    let names = matches!(entity.kind, Kind::Name | Kind::Location | Kind::Organization)
        && entity.reason != Reason::Known;
    let is = |token: &Token| {
        matches!(token.case, Case::Upper | Case::Initial) && PLACEHOLDERS.contains(&token.hash)
    };
    let mut words = covered(page.tokens, entity)
        .filter(|index| !page.cue(*index).has(Cue::TITLE.with(Cue::FACILITY).with(Cue::FACILITY_PART)))
        .map(|index| page.tokens.at(index))
        .filter(|token| token.made == Made::Word);
    names && words.next().is_some_and(is) && words.all(is)
}

/// Whether a name or place is a term of medicine here.
fn is_term(page: &Page<'_>, entity: &Entity) -> bool {
    let doubtful = matches!(
        entity.reason,
        Reason::Gazetteer(_) | Reason::Tagger | Reason::Propagated | Reason::Context("town")
    );
    if !doubtful || !matches!(entity.kind, Kind::Name | Kind::Location | Kind::Organization) {
        return false;
    }
    let range = covered(page.tokens, entity);
    if super::doubt::is_doubted(page, entity, &range) {
        return true;
    }
    let words = || range.clone().map(|index| page.tokens.at(index)).filter(|token| token.made == Made::Word);
    if words().all(|token| token.lex.has(Lex::DRUG)) && words().next().is_some() {
        return true;
    }
    let short = |token: &Token| token.lex.has(Lex::MEDICAL) && token.lex.city() < 2 && !token.lex.is_name();
    if entity.kind != Kind::Name && words().all(short) {
        return true;
    }
    // "Pulmonary Clinic", "Emergency Room": a specialty and the kind of a place, and no name.
    let part = |index: &usize| page.cue(*index).has(Cue::FACILITY.with(Cue::FACILITY_PART).with(Cue::UNIT));
    let specialty = |index: &usize| page.tokens.at(*index).lex.has(Lex::MEDICAL) && !part(index);
    let indices = || range.clone().filter(|index| page.tokens.at(*index).made == Made::Word);
    if entity.kind != Kind::Name
        && indices().any(|index| specialty(&index))
        && indices().all(|index| part(&index) || specialty(&index))
    {
        return true;
    }
    let next = page.tokens.at(range.end);
    let genitive = next.is(b'\'') && page.tokens.at(range.end + 1).len() == 1;
    let head = if genitive { page.tokens.at(range.end + 2) } else { next };
    let before_disease = head.gap <= Gap::Blank && head.lex.has(Lex::DISEASE);
    let tagged = matches!(entity.reason, Reason::Tagger) && entity.kind == Kind::Name;
    if tagged && before_disease && head.case == Case::Lower && !genitive_person(head) {
        return true;
    }
    words().all(|token| token.lex.has(Lex::EPONYM.with(Lex::MEDICAL).with(Lex::DISEASE)))
        && (before_disease || words().any(|token| token.lex.has(Lex::DISEASE)))
}

/// Words that follow diseases and signs, but people too: `Garcia's test`, `Novak had a stage …`.
fn genitive_person(head: &Token) -> bool {
    const {
        hashed_all([
            "rash",
            "fever",
            "pulse",
            "murmur",
            "diet",
            "exercise",
            "seizure",
            "ulcer",
            "fracture",
            "lesion",
            "pneumonia",
            "brace",
            "graft",
            "foot",
        ])
    }
    .contains(&head.hash)
}
