//! Postal codes.

use super::{Page, found};
use crate::gazetteer::{Cue, Lex};
use crate::text::token::{Case, Gap, Made, hashed};
use crate::{Entity, Kind};

/// ZIP and other postal codes that begin with digits: behind a state, behind a cue, or as ZIP+4.
pub(super) fn number(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    if token.len() > 6 || page.context(index).has(Cue::CODE) {
        return None;
    }
    let glued = |at: usize| {
        tokens.at(at).gap == Gap::None
            && !matches!(tokens.at(at).first, b',' | b'.' | b')' | b';' | b'?' | b'"' | b'\'' | b':')
    };
    let plus_four = tokens.at(index + 1).is(b'-')
        && tokens.at(index + 1).gap == Gap::None
        && tokens.at(index + 2).made == Made::Number
        && tokens.at(index + 2).gap == Gap::None
        && tokens.at(index + 2).len() == 4;
    if token.len() == 5 && plus_four && !glued(index + 3) {
        return Some(found(tokens.span(index, index + 2), Kind::Zip, 0.85, "zip"));
    }
    if glued(index + 1) {
        return None;
    }
    if token.len() == 5 && state_before(page, index) {
        return Some(found(token.range(), Kind::Zip, 0.9, "zip"));
    }
    let bracket = usize::from(tokens.before(index, 1).is(b')'));
    let before = tokens.before(index, 1 + bracket);
    if (4..=6).contains(&token.len())
        && before.lex.has(Lex::COUNTRY)
        && token.gap <= Gap::Blank
        && !tokens.before(index, 1).is(b'.')
        && token.len() != 4
    {
        return Some(found(token.range(), Kind::Zip, 0.8, "zip"));
    }
    let context = page.context(index);
    if context.has(Cue::ZIP) && token.len() >= 3 {
        // "1234 AB", "110 00", "SW1A 1AA": a second short part belongs to it.
        let next = tokens.at(index + 1);
        let second = next.gap == Gap::Blank
            && (next.made == Made::Word && next.case == Case::Upper && next.len() == 2
                || next.made == Made::Number && next.len() <= 3);
        return Some(found(tokens.span(index, index + usize::from(second)), Kind::Zip, 0.9, "zip"));
    }
    let place = const { hashed("from") } == tokens.before(index, 1).hash
        || const { hashed("area") } == tokens.before(index, 1).hash;
    (token.len() == 5 && place && !page.cue(index + 1).has(Cue::DOSE))
        .then(|| found(token.range(), Kind::Zip, 0.6, "zip"))
}

/// A state right before, as its two letters or in full, perhaps with a comma between.
fn state_before(page: &Page<'_>, index: usize) -> bool {
    let mut back = 1;
    while matches!(page.tokens.before(index, back).first, b',' | b'.')
        && page.tokens.before(index, back).made == Made::Sign
        && back < 3
    {
        back += 1;
    }
    let token = page.tokens.before(index, back);
    if token.lex.has(Lex::STATE) && token.made == Made::Word {
        return true;
    }
    let comma_or_city =
        page.tokens.before(index, back + 1).is(b',') || page.tokens.before(index, back + 1).is_capital();
    token.lex.has(Lex::STATE_SHORT)
        && token.len() == 2
        && (token.case == Case::Upper || page.tokens.before(index, back + 1).is(b','))
        && comma_or_city
}

/// British and Canadian codes: `SW1A 1AA`, `K1A 0B1`; other mixtures behind a cue.
pub(super) fn mixed(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let (token, next) = (tokens.at(index), tokens.at(index + 1));
    let shape = |text: &str| {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_digit() {
                    '9'
                } else if byte.is_ascii_uppercase() {
                    'A'
                } else {
                    'x'
                }
            })
            .collect::<String>()
    };
    if !(2..=4).contains(&token.len()) && token.len() != 6 && token.len() != 7 {
        return None;
    }
    let first = shape(tokens.str(token));
    let second =
        if next.gap == Gap::Blank && next.len() == 3 { shape(tokens.str(next)) } else { String::new() };
    let british = matches!(first.as_str(), "A9" | "A99" | "AA9" | "AA99" | "A9A" | "AA9A") && second == "9AA";
    let canadian = first == "A9A" && second == "9A9";
    if british || canadian {
        return Some(found(tokens.span(index, index + 1), Kind::Zip, 0.9, "postcode"));
    }
    page.context(index).has(Cue::ZIP).then(|| found(token.range(), Kind::Zip, 0.8, "postcode"))
}
