//! What speaks against a name or place that only the tagger saw: what the word is made of, and what stands beside it.
//!
//! The rules are of kinds, not of words: endings of medicine, amounts and drugs beside a word, articles before it, names of states,
//! kinds of facilities without a name. Each needs a word that no list has as a name; one that a list has stays.

use std::ops::Range;

use crate::gazetteer::{Cue, Lex};
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, hashed_all};
use crate::{Entity, Kind, Reason, names};

/// Ends of words for diseases, findings, operations, specialties and sorts of drugs. Long enough to be no end of a name.
const MEDICAL_ENDS: [&str; 36] = [
    "itis",
    "emia",
    "aemia",
    "osis",
    "opathy",
    "ectomy",
    "otomy",
    "ostomy",
    "ology",
    "oscopy",
    "plasty",
    "algia",
    "uria",
    "rrhea",
    "rrhoea",
    "megaly",
    "sclerosis",
    "carcinoma",
    "sarcoma",
    "lymphoma",
    "adenoma",
    "plegia",
    "trophy",
    "penia",
    "cytosis",
    "phasia",
    "pnea",
    "cillin",
    "mycin",
    "oxacin",
    "statin",
    "prazole",
    "sartan",
    "dipine",
    "azepam",
    "tidine",
];

/// Kinds of facilities and offices: alone or together they name none.
const KINDS: [u64; 26] = hashed_all([
    "hospital",
    "hospitals",
    "clinic",
    "clinics",
    "center",
    "centre",
    "medical",
    "health",
    "public",
    "system",
    "facility",
    "office",
    "state",
    "city",
    "county",
    "national",
    "institute",
    "university",
    "laboratory",
    "lab",
    "school",
    "college",
    "unit",
    "ward",
    "nursing",
    "home",
]);

/// What a facility is for; with its kind it still names none.
const PURPOSES: [u64; 32] = hashed_all([
    "orthopedic",
    "orthopaedic",
    "oncology",
    "pediatric",
    "dental",
    "imaging",
    "dialysis",
    "surgery",
    "surgical",
    "rehab",
    "rehabilitation",
    "primary",
    "urgent",
    "care",
    "outpatient",
    "inpatient",
    "ambulatory",
    "psychiatric",
    "behavioral",
    "trauma",
    "wellness",
    "specialty",
    "medicine",
    "cardiac",
    "vascular",
    "emergency",
    "eye",
    "ear",
    "pain",
    "sleep",
    "wound",
    "middle",
]);

/// States whose name is as often that of a city.
const CITIES_TOO: [u64; 2] = hashed_all(["york", "washington"]);

/// Whether the words of an entity and those beside them make it no name and no place.
pub(super) fn is_doubted(page: &Page<'_>, entity: &Entity, range: &Range<usize>) -> bool {
    let by_tagger = matches!(entity.reason, Reason::Tagger | Reason::Context("town"));
    let words: Vec<usize> = range.clone().filter(|index| page.tokens.at(*index).made == Made::Word).collect();
    let Some((&first, &last)) = words.first().zip(words.last()) else {
        return by_tagger && is_amount(page, range);
    };
    if entity.kind != Kind::Name && is_kind_of_facility(page, &words) {
        return by_tagger
            || words.iter().any(|index| is_purpose(page, *index))
            || after_placeholder(page, first);
    }
    if !by_tagger {
        return false;
    }
    if entity.kind == Kind::Location && (is_state(page, first, last) || is_amount(page, range)) {
        return true;
    }
    if words.iter().all(|index| is_medical(page, *index)) {
        return true;
    }
    first == last && alone(page, first, entity.kind)
}

/// What speaks against a single word.
fn alone(page: &Page<'_>, index: usize, kind: Kind) -> bool {
    let token = page.tokens.at(index);
    let lex = token.lex;
    if page.cue(index).has(Cue::RELATIVE) && lex.word() == 3 {
        return true;
    }
    // A common word at the beginning of a sentence has its capital from there.
    let common = lex.word() == 3 && lex.given() < 2 && lex.family() < 2 && lex.city() < 2;
    if common && super::propagate::begins_sentence(page, index) && !super::propagate::acts(page, index) {
        return true;
    }
    if kind == Kind::Location && lex.has(Lex::STATE_SHORT) && page.tokens.before(index, 1).lex.has(Lex::DRUG)
    {
        return true;
    }
    let listed = lex.is_name()
        || lex.city() > 0
        || lex.has(Lex::COUNTRY.with(Lex::COUNTY).with(Lex::PLACE).with(Lex::STATE).with(Lex::FACILITY_NAME));
    if listed || page.cue(index.saturating_sub(1)).has(Cue::TITLE) {
        return false;
    }
    let starts = kind == Kind::Location
        && super::propagate::begins_sentence(page, index)
        && page.tokens.at(index + 1).case == Case::Lower
        && page.tokens.at(index + 1).made == Made::Word;
    starts || after_article(page, index) || is_drug_here(page, index)
}

/// Words of medicine by list or ending, and no names.
fn is_medical(page: &Page<'_>, index: usize) -> bool {
    let token = page.tokens.at(index);
    if token.lex.given() > 0 || token.lex.family() > 1 || token.lex.city() > 1 {
        return false;
    }
    let word = page.tokens.str(token);
    let ends = |end: &&str| {
        word.len() >= end.len() + 3
            && word.get(word.len() - end.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    token.lex.has(Lex::MEDICAL) && !token.lex.is_name() || token.len() >= 7 && MEDICAL_ENDS.iter().any(ends)
}

fn is_purpose(page: &Page<'_>, index: usize) -> bool {
    let token = page.tokens.at(index);
    PURPOSES.contains(&token.hash) || token.lex.has(Lex::MEDICAL) && !token.lex.is_name()
}

fn is_kind_of_facility(page: &Page<'_>, words: &[usize]) -> bool {
    words.iter().all(|index| KINDS.contains(&page.tokens.at(*index).hash) || is_purpose(page, *index))
}

/// `ABCD General Hospital`: someone took the name out and put letters there.
fn after_placeholder(page: &Page<'_>, first: usize) -> bool {
    const PLACEHOLDERS: [u64; 6] = hashed_all(["abc", "abcd", "xyz", "xxx", "xxxx", "xx"]);
    let before = page.tokens.before(first, 1);
    before.case == Case::Upper
        && PLACEHOLDERS.contains(&before.hash)
        && page.tokens.at(first).gap == Gap::Blank
}

/// A state by itself: 45 CFR 164.514(b)(2)(i)(B) asks for what is smaller.
fn is_state(page: &Page<'_>, first: usize, last: usize) -> bool {
    let (end, lex) = names::entry(page, first);
    let before = page.tokens.before(first, 1);
    // Behind a town it is the end of an address.
    let behind_town = before.is(b',') || before.lex.city() > 0 && before.lex.word() == 0;
    end == last
        && !behind_town
        && lex.has(Lex::STATE)
        && !CITIES_TOO.contains(&page.tokens.at(last).hash)
        && page.tokens.at(last).case != Case::Initial
}

/// `3600 cGy`: a number and a unit.
fn is_amount(page: &Page<'_>, range: &Range<usize>) -> bool {
    let number = page.tokens.at(range.start);
    let unit = range.end.saturating_sub(1);
    number.made == Made::Number && unit > range.start && page.cue(unit).has(Cue::DOSE)
}

/// `a Dynasplint`: names and places stand without an article.
fn after_article(page: &Page<'_>, index: usize) -> bool {
    const ARTICLES: [u64; 2] = hashed_all(["a", "an"]);
    let before = page.tokens.before(index, 1);
    ARTICLES.contains(&before.hash) && before.case == Case::Lower && page.tokens.at(index).gap == Gap::Blank
}

/// Whether a word is named like a drug is: before an amount, in a row with drugs, behind what is done with drugs.
fn is_drug_here(page: &Page<'_>, index: usize) -> bool {
    const TAKEN: [u64; 16] = hashed_all([
        "taking",
        "takes",
        "prescribed",
        "prescribe",
        "tolerating",
        "dose",
        "doses",
        "mg",
        "tablets",
        "tablet",
        "capsules",
        "injections",
        "allergic",
        "refill",
        "refills",
        "started",
    ]);
    let (before, next) = (page.tokens.before(index, 1), page.tokens.at(index + 1));
    let amount = next.has_digit()
        && next.gap == Gap::Blank
        && (1..=4).any(|step| page.cue(index + 1 + step).has(Cue::DOSE) || is_dosed(page, index + step));
    let joins = |token: &Token| {
        token.is(b',')
            || token.is(b';')
            || token.is(b'/')
            || const { hashed_all(["and", "or", "plus", "with"]) }.contains(&token.hash)
    };
    let drug = |token: &Token| token.lex.has(Lex::DRUG) && !token.lex.is_name();
    let in_row =
        joins(next) && drug(page.tokens.at(index + 2)) || joins(before) && drug(page.tokens.before(index, 2));
    amount || in_row || TAKEN.contains(&before.hash)
}

/// `40mg`: digits and a unit in one.
fn is_dosed(page: &Page<'_>, index: usize) -> bool {
    let text = page.tokens.str(page.tokens.at(index));
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len()
        && ["mg", "mcg", "ml", "g", "units"].iter().any(|known| unit.eq_ignore_ascii_case(known))
}
