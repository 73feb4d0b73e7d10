//! Street addresses: number, name and kind of street in the orders of many countries, boxes, apartments.

use super::{Page, found};
use crate::gazetteer::{Cue, Lex};
use crate::text::token::{Case, Gap, Made, Token, hash_of, hashed, hashed_all};
use crate::{Entity, Kind};

/// Words between a house number and the kind of street.
const NAME_WORDS: usize = 6;

/// Ends of words that name a street in German, Dutch, the Nordic languages, Finnish and Hungarian.
const STREET_ENDS: [&str; 30] = [
    "strasse", "str", "straat", "weg", "gasse", "gatan", "vagen", "gata", "katu", "tie", "utca", "vej",
    "gade", "platz", "allee", "laan", "plein", "steig", "damm", "ufer", "ring", "kade", "gracht", "singel",
    "dreef", "veien", "vegen", "kuja", "polku", "stien",
];

/// Adds every street address.
pub(super) fn find(page: &Page<'_>, out: &mut Vec<Entity>) {
    let mut index = 0;
    while index < page.tokens.list.len() {
        let token = page.tokens.at(index);
        let last = match token.made {
            Made::Number | Made::Mixed if token.len() <= 7 => numbered(page, index),
            Made::Word if token.lex.has(Lex::CUE) || token.len() <= 2 && token.first | 0x20 == b'p' => {
                headed(page, index).or_else(|| unit_alone(page, index))
            }
            _ => None,
        };
        let last = last.or_else(|| (token.made == Made::Word).then(|| ended(page, index)).flatten());
        let Some(last) = last else {
            index += 1;
            continue;
        };
        let last = with_unit(page, last);
        out.push(found(page.tokens.span(index, last), Kind::Location, 0.9, "street"));
        index = last + 1;
    }
}

fn is_direction(token: &Token) -> bool {
    const DIRECTIONS: [u64; 16] = hashed_all([
        "n",
        "s",
        "e",
        "w",
        "ne",
        "nw",
        "se",
        "sw",
        "north",
        "south",
        "east",
        "west",
        "northeast",
        "northwest",
        "southeast",
        "southwest",
    ]);
    token.made == Made::Word && token.len() <= 9 && DIRECTIONS.contains(&token.hash)
}

/// `1089 N Hodgeman Lane`, `12 rue de la Paix`, `48 E 5th St`: a number, then a name with a kind of street at its end or head.
fn numbered(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let next = tokens.at(index + 1);
    if next.gap > Gap::Blank || tokens.at(index).len() > 6 || next.made == Made::Sign && !next.is(b',') {
        return None;
    }
    let start = index + 1 + usize::from(next.is(b','));
    // "In April of 2005, Dr. Marsh asked Dr. Lee": the comma parts a year from a person.
    if next.is(b',') && page.cue(start).has(Cue::TITLE) {
        return None;
    }
    if page.cue(start).has(Cue::STREET_HEAD)
        && let Some(last) = headed_name(page, start)
    {
        return Some(last);
    }
    let mut best = None;
    let mut names = 0_usize;
    let mut capitals = 0_usize;
    let mut at = start;
    while at < start + NAME_WORDS + 2 && names <= NAME_WORDS {
        let token = tokens.at(at);
        if token.gap > Gap::Blank
            || token.made == Made::Number && at > start
            || at > start
                && token.gap == Gap::None
                && token.made != Made::Sign
                && !tokens.at(at - 1).is(b'-')
                && !tokens.at(at - 1).is(b'\'')
        {
            break;
        }
        if token.made == Made::Sign {
            // A point ends a sentence unless it abbreviates: "12 N. Oak St.", but not "5 other days. Per Dr".
            let abbreviates = tokens.at(at - 1).is_capital() && tokens.at(at - 1).len() <= 4;
            if !matches!(token.first, b'.' | b'-' | b'\'') || token.is(b'.') && !abbreviates {
                break;
            }
            at += 1;
            continue;
        }
        let cue = page.cue(at);
        let capital = token.is_capital() || token.made == Made::Mixed;
        if names > 0 && (cue.has(Cue::STREET_SURE) || cue.has(Cue::STREET) && capital && capitals > 0) {
            let enough = capitals > 0 && capital
                || names <= 2 && cue.has(Cue::STREET_SURE) && lower_fits(page, index, at);
            if enough {
                best = Some(at);
            }
        } else if token.made == Made::Word && has_street_end(tokens.str(token)) && capital {
            best = Some(at);
        }
        if !capital && !is_small(token) && best.is_some() {
            break;
        }
        capitals += usize::from(capital && !is_direction(token));
        names += 1;
        at += 1;
    }
    let best = best?;
    // The point of "St." and a direction behind it.
    let dotted =
        tokens.at(best + 1).is(b'.') && tokens.at(best + 1).gap == Gap::None && tokens.at(best).len() <= 4;
    let direction = best + 1 + usize::from(dotted);
    Some(
        if is_direction(tokens.at(direction))
            && tokens.at(direction).is_capital()
            && tokens.at(direction).gap == Gap::Blank
        {
            direction
        } else {
            best
        },
    )
}

/// In small letters only a house number and a sure kind of street count, without amounts between.
fn lower_fits(page: &Page<'_>, index: usize, end: usize) -> bool {
    page.tokens.at(index).made == Made::Number
        && (index + 1..end).all(|at| {
            !page.cue(at).has(Cue::DOSE)
                && !is_small(page.tokens.at(at))
                && page.tokens.at(at).made == Made::Word
        })
        && page.tokens.at(end).len() >= 2
}

/// Small words inside of names of streets.
fn is_small(token: &Token) -> bool {
    const SMALL: [u64; 16] = hashed_all([
        "de", "la", "le", "les", "du", "des", "del", "della", "di", "da", "do", "dos", "van", "von", "of",
        "the",
    ]);
    token.made == Made::Word && token.len() <= 5 && SMALL.contains(&token.hash)
}

/// Whether a word ends as streets do: `Loorenstrasse`, `Nybyvagen`.
fn has_street_end(word: &str) -> bool {
    word.len() >= 7
        && word.is_ascii()
        && STREET_ENDS.iter().any(|end| {
            word.len() >= end.len() + 3
                && word.get(word.len() - end.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        })
}

/// `rue de la Paix 12`, `Via Garibaldi, 4`, `PO Box 120`.
fn headed(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    if let Some(last) = military(page, index).or_else(|| post_box(page, index)) {
        return Some(last);
    }
    if !page.cue(index).has(Cue::STREET_HEAD) {
        return None;
    }
    let last = headed_name(page, index)?;
    let dotted = tokens.at(last + 1).is(b'.') && tokens.at(last + 1).gap == Gap::None;
    let mut number = last + 1 + usize::from(dotted);
    if tokens.at(number).is(b',') {
        number += 1;
    }
    // "дом 12", "д. 12".
    if tokens.at(number).hash == hash_of("дом") || tokens.at(number).hash == hash_of("д") {
        number += 1 + usize::from(tokens.at(number + 1).is(b'.'));
    }
    let token = tokens.at(number);
    (token.has_digit() && token.len() <= 6 && token.gap <= Gap::Blank).then_some(number)
}

/// The end of the name of a street behind its kind. At least one word begins with a capital.
fn headed_name(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let mut at = index + 1;
    if tokens.at(at).is(b'.') {
        at += 1;
    }
    let mut last = None;
    while at <= index + NAME_WORDS {
        let token = tokens.at(at);
        if token.gap > Gap::Blank {
            break;
        }
        // Scripts without capitals.
        if token.is_capital() || token.made == Made::Word && token.first >= 0xd6 {
            last = Some(at);
        } else if !(is_small(token) || token.is(b'-') || token.is(b'\'')) {
            break;
        }
        at += 1;
    }
    last
}

/// `Birkenstrasse 12`: a word with a street's end, then the number.
fn ended(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    let next = tokens.at(index + 1);
    let dotted = usize::from(next.is(b'.') && next.gap == Gap::None);
    let number = tokens.at(index + 1 + dotted);
    if !token.is_capital() || !number.has_digit() || number.gap != Gap::Blank || number.len() > 5 {
        return None;
    }
    let sure = token.lex.has(Lex::CUE)
        && page.cue(index).has(Cue::STREET_TAIL)
        && tokens.before(index, 1).is_capital();
    (sure || token.lex.word() == 0 && has_street_end(tokens.str(token))).then_some(index + 1 + dotted)
}

/// Addresses of the US forces and embassies (USPS Publication 28, 238 and 239): `PSC 3, Box 4120` or `USS NAME`, then
/// `APO AE 09021`.
fn military(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let is = |at: usize, words: &[u64]| words.contains(&tokens.at(at).hash);
    let mut at = index;
    if is(at, &const { hashed_all(["psc", "cmr", "unit"]) }) && tokens.at(at + 1).has_digit() {
        at += 2;
        at += usize::from(tokens.at(at).is(b','));
        if !is(at, &[const { hashed("box") }]) || !tokens.at(at + 1).has_digit() {
            return None;
        }
        at += 2;
    } else if is(at, &const { hashed_all(["uss", "usns", "usnv", "uscgc"]) })
        && tokens.at(at + 1).made == Made::Word
    {
        at += 1;
        while at < index + 4
            && tokens.at(at).gap <= Gap::Blank
            && !is(at, &const { hashed_all(["fpo", "apo"]) })
        {
            at += 1;
        }
    }
    let started = at > index;
    at += usize::from(tokens.at(at).is(b','));
    if is(at, &const { hashed_all(["apo", "fpo", "dpo"]) })
        && is(at + 1, &const { hashed_all(["aa", "ae", "ap"]) })
    {
        return Some(if tokens.at(at + 2).made == Made::Number { at + 2 } else { at + 1 });
    }
    (started && at >= index + 4 && tokens.at(at - 1).has_digit()).then(|| at - 1)
}

/// `P.O. Box 12`, `PO Box 12`, `Postfach 12`.
fn post_box(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let mut at = index;
    let is_box = |at: usize| tokens.at(at).hash == const { hashed("box") };
    if const { hashed_all(["p", "po"]) }.contains(&tokens.at(at).hash) {
        while at < index + 4 && tokens.at(at + 1).gap <= Gap::Blank && !is_box(at) {
            at += 1;
        }
    }
    let elsewhere = const { hashed_all(["postfach", "postbus", "postbox", "postboks"]) };
    if !(is_box(at) && at > index || elsewhere.contains(&tokens.at(at).hash)) {
        return None;
    }
    let number = if tokens.at(at + 1).is(b'#') { at + 2 } else { at + 1 };
    (tokens.at(number).has_digit() && tokens.at(number).gap <= Gap::Blank).then_some(number)
}

/// `Apt. 12` where no street stands before.
fn unit_alone(page: &Page<'_>, index: usize) -> Option<usize> {
    const UNITS: [u64; 5] = hashed_all(["apt", "apartment", "suite", "ste", "flat"]);
    let token = page.tokens.at(index);
    if !UNITS.contains(&token.hash) {
        return None;
    }
    unit(page, index)
}

/// The end of `Apt. 4B`, `Suite 132`, `#4` that begins at a token.
fn unit(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let hash = tokens.at(index).is(b'#');
    if !hash && !page.cue(index).has(Cue::UNIT) {
        return None;
    }
    let mut at = index + 1;
    while at < index + 3
        && matches!(tokens.at(at).first, b'.' | b'#' | b':')
        && tokens.at(at).made == Made::Sign
    {
        at += 1;
    }
    let value = tokens.at(at);
    let letter = value.made == Made::Word && value.case == Case::Initial && !hash;
    if value.gap > Gap::Blank || !(value.has_digit() && value.len() <= 6 || letter) {
        return None;
    }
    let tail = tokens.at(at + 2);
    let joined = tokens.at(at + 1).is(b'-')
        && tokens.at(at + 1).gap == Gap::None
        && tail.gap == Gap::None
        && tail.len() <= 4
        && tail.made != Made::Sign;
    Some(if joined { at + 2 } else { at })
}

/// Takes an apartment behind a street into it, over a comma or the end of a line.
fn with_unit(page: &Page<'_>, last: usize) -> usize {
    let tokens = page.tokens;
    let mut at = last + 1;
    while at < last + 3 && matches!(tokens.at(at).first, b'.' | b',') && tokens.at(at).made == Made::Sign {
        at += 1;
    }
    if tokens.at(at).gap > Gap::Line {
        return last;
    }
    unit(page, at).unwrap_or(last)
}
