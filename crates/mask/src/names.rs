//! Names of persons and places by lists and by the words around them.
//!
//! The tagger weighs all of this better; these rules are what the scan tier has, and what the full tier finds even where the
//! tagger is unsure.

mod east;
mod people;
mod places;

use crate::Entity;
use crate::gazetteer::Lex;
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, join};

/// Longest entry of the lists, in words.
const ENTRY_WORDS: usize = 5;

/// Adds names of persons and places.
pub(crate) fn find(page: &Page<'_>, out: &mut Vec<Entity>) {
    for index in 0..page.tokens.list.len() {
        let token = page.tokens.at(index);
        if token.made == Made::Word && !token.lex.is_empty() {
            people::at(page, index, out);
        }
        if token.is_capital() {
            places::at(page, index, out);
        }
        if !token.first.is_ascii() {
            east::at(page, index, out);
        }
    }
}

/// The longest entry of the lists that begins at a token: its last token and its flags. A single word too.
pub(crate) fn entry(page: &Page<'_>, index: usize) -> (usize, Lex) {
    let tokens = page.tokens;
    let first = tokens.at(index);
    let mut best = (index, first.lex);
    if !first.lex.has(Lex::BEGINS) {
        return best;
    }
    let mut hash = first.hash;
    let mut words = 1;
    let mut at = index + 1;
    while words < ENTRY_WORDS && at < index + 2 * ENTRY_WORDS {
        let token = tokens.at(at);
        if token.gap > Gap::Line {
            break;
        }
        if token.made == Made::Sign && matches!(token.first, b'-' | b'.') {
            at += 1;
            continue;
        }
        if token.made != Made::Word {
            break;
        }
        hash = join(hash, token.hash);
        words += 1;
        let lex = page.lexicon.of(hash);
        if !lex.is_empty() {
            best = (at, lex);
        }
        at += 1;
    }
    best
}

/// Words of grammar: no part of a name even with a capital.
pub(crate) fn is_function(token: &Token) -> bool {
    token.lex.has(Lex::FUNCTION)
}

/// Whether a token can be a part of a person's name by its form: a word with a capital, not of medicine alone.
pub(crate) fn name_like(token: &Token) -> bool {
    !is_function(token)
        && token.is_capital()
        && token.case != Case::Initial
        && !token.lex.has(Lex::MEDICAL.with(Lex::DRUG))
        || token.is_capital()
            && token.lex.is_name()
            && token.case != Case::Initial
            && !token.lex.has(Lex::DRUG)
}

/// Whether a token is rather a name than a word of English.
pub(crate) fn more_name_than_word(token: &Token) -> bool {
    let strength = token.lex.given().max(token.lex.family());
    strength > 0
        && (token.lex.word() == 0
            || strength == 3 && token.lex.word() <= 2
            || strength == 2 && token.lex.word() == 1)
}
