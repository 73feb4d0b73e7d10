//! Ages over 89 (45 CFR 164.514(b)(2)(i)(C)): younger ones may stay.

use super::{Page, found};
use crate::gazetteer::Cue;
use crate::text::token::{Case, Gap, Made, Token, hashed, hashed_all};
use crate::{Entity, Kind};

const OLDEST: u32 = 125;

fn is_old(value: u32) -> bool {
    (90..=OLDEST).contains(&value)
}

fn any(hash: u64, words: &[u64]) -> bool {
    words.contains(&hash)
}

/// `93-year-old`, `age 91`, `aged 94`, `turns 90`.
pub(super) fn number(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    if !(2..=3).contains(&token.len()) {
        return None;
    }
    let value: u32 = page.tokens.str(token).parse().ok()?;
    let old = is_old(value);
    (old && (years_after(page, index) || age_before(page, index) || of_person(page, index)))
        .then(|| found(token.range(), Kind::Age, 0.95, "age over 89"))
}

/// Whether `years`, `-year-old`, `yo`, `y.o.`, `y/o` follow in the sense of an age.
fn years_after(page: &Page<'_>, index: usize) -> bool {
    let tokens = page.tokens;
    let mut at = index + 1;
    if tokens.at(at).is(b'-') {
        at += 1;
    }
    let word = tokens.at(at);
    if word.gap > Gap::Blank {
        return false;
    }
    if any(
        word.hash,
        &const { hashed_all(["yo", "yof", "yom", "yr-old", "yrold", "jahrige", "ans", "anos", "anni"]) },
    ) {
        return true;
    }
    let years = any(word.hash, &const { hashed_all(["year", "years", "yr", "yrs"]) });
    let short =
        any(word.hash, &const { hashed_all(["y"]) }) && matches!(tokens.at(at + 1).first, b'/' | b'.');
    if short {
        return tokens.at(at + 2).hash == const { hashed("o") };
    }
    let skip = at + 1 + usize::from(tokens.at(at + 1).is(b'-')) + usize::from(tokens.at(at + 1).is(b'.'));
    years
        && (any(tokens.at(skip).hash, &const { hashed_all(["old"]) })
            || tokens.at(skip).hash == const { hashed("of") }
                && any(tokens.at(skip + 1).hash, &const { hashed_all(["age"]) }))
}

/// `95/F`, `is 96 and`, `lived to 103`, `Bianchi (95)`, `Okoro, 94,`: an age by who stands beside it.
fn of_person(page: &Page<'_>, index: usize) -> bool {
    let tokens = page.tokens;
    let (before, next, after) = (tokens.before(index, 1), tokens.at(index + 1), tokens.at(index + 2));
    let sexed = next.is(b'/')
        && next.gap == Gap::None
        && any(after.hash, &const { hashed_all(["f", "m"]) })
        && after.gap == Gap::None;
    // "98 F" is a temperature, "(98 F)" hardly one.
    let bracketed = before.is(b'(') && any(next.hash, &const { hashed_all(["f", "m"]) }) && after.is(b')');
    let lived = any(before.hash, &const { hashed_all(["to", "at"]) })
        && any(tokens.before(index, 2).hash, &const { hashed_all(["lived", "living", "died", "passed"]) });
    let ends = next.gap >= Gap::Line
        || matches!(next.first, b'.' | b',' | b';' | b')') && tokens.at(index + 2).gap > Gap::None
        || any(next.hash, &const { hashed_all(["and", "but", "yrs", "years", "now"]) });
    let is = any(before.hash, &const { hashed_all(["is", "was", "now", "turned"]) });
    let who = tokens.before(index, 2);
    let person = any(who.hash, &const { hashed_all(["she", "he", "who", "they"]) })
        || page.cue(index.saturating_sub(2)).has(Cue::RELATIVE)
        || is_named(who);
    let beside = (before.is(b'(') || before.is(b',')) && is_named(who) && (next.is(b')') || next.is(b','));
    sexed || bracketed || lived || is && person && ends || beside
}

fn is_named(token: &Token) -> bool {
    token.is_capital() && token.case == Case::Title && (token.lex.is_name() || token.lex.is_empty())
}

fn age_before(page: &Page<'_>, index: usize) -> bool {
    let tokens = page.tokens;
    let mut back = 1;
    let between =
        |token: &Token| matches!(token.first, b':' | b'"' | b'=') || token.hash == const { hashed("of") };
    while back < 4 && between(tokens.before(index, back)) {
        back += 1;
    }
    let word = tokens.before(index, back);
    any(word.hash, &const { hashed_all(["age", "aged", "ages", "turns", "turned", "turning", "alter"]) })
        && !any(tokens.at(index + 1).hash, &const { hashed_all(["percent", "days", "weeks", "months"]) })
        && !tokens.at(index + 1).is(b'%')
}

/// `93yo`, `94F`, `91M`, `90s` behind `in her`.
pub(super) fn mixed(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    let text = page.tokens.str(token);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let value: u32 = text.get(..digits)?.parse().ok()?;
    let tail = text.get(digits..)?.to_ascii_lowercase();
    let old = match tail.as_str() {
        "yo" | "yof" | "yom" | "yr" | "y" => is_old(value),
        "f" | "m" => {
            is_old(value) && page.cue(index + 1).has(Cue::DOSE) == page.cue(index + 1).has(Cue::ROLE)
        }
        "s" => value == 90 && possessive(page, index),
        _ => false,
    };
    old.then(|| found(token.range(), Kind::Age, 0.9, "age over 89"))
}

/// Whether `in his`, `in her late` and so on stand before.
fn possessive(page: &Page<'_>, index: usize) -> bool {
    let back = 1 + usize::from(any(
        page.tokens.before(index, 1).hash,
        &const { hashed_all(["early", "mid", "late", "middle"]) },
    ));
    let dash = usize::from(page.tokens.before(index, 1).is(b'-')) * 2;
    any(
        page.tokens.before(index, back + dash).hash,
        &const { hashed_all(["his", "her", "their", "my", "the"]) },
    )
}

/// `in her nineties`, `ninety-three years old`, `centenarian`.
pub(super) fn word(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    if token.made != Made::Word || !matches!(token.first | 0x20, b'n' | b'c' | b'h' | b'o') {
        return None;
    }
    if any(token.hash, &const { hashed_all(["nineties", "centenarian", "nonagenarian", "supercentenarian"]) })
    {
        let plain = token.hash != const { hashed("nineties") } || possessive(page, index);
        return plain.then(|| found(token.range(), Kind::Age, 0.9, "age over 89"));
    }
    if token.hash != const { hashed("ninety") } {
        return None;
    }
    let dashed = tokens.at(index + 1).is(b'-') && tokens.at(index + 2).gap == Gap::None;
    let unit = if dashed { index + 2 } else { index + 1 };
    let has_unit = any(
        tokens.at(unit).hash,
        &const { hashed_all(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]) },
    );
    let last = if has_unit { unit } else { index };
    (years_after(page, last) || age_before(page, index))
        .then(|| found(tokens.span(index, last), Kind::Age, 0.9, "age over 89"))
}
