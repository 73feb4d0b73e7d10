//! Patterns: what a stretch of text says by its form, its check digits and the words within 30 characters of it.
//!
//! Nothing here is a regular expression. One pass over the tokens asks at each one only what its first character allows, so that
//! plain prose costs a look at each token's kind.

mod address;
mod ages;
mod checks;
pub(crate) mod dates;
mod ids;
mod net;
mod numbers;
mod run;
mod zips;

use std::ops::Range;

use crate::gazetteer::{Cue, Lex, Lexicon};
use crate::text::token::{Gap, Made, Tokens};
use crate::{Entity, Kind, Reason};

/// How far before a number a word may stand that says what it is, in bytes of the folded text.
const CONTEXT_BYTES: usize = 30;

/// What a finder looks at.
pub(crate) struct Page<'p> {
    pub(crate) tokens: &'p Tokens<'p>,
    pub(crate) lexicon: &'p Lexicon,
}

impl Page<'_> {
    /// The cues of one token.
    pub(crate) fn cue(&self, index: usize) -> Cue {
        self.tokens.at(index).cue
    }

    /// The cues of the words within [`CONTEXT_BYTES`] before a token, not beyond an empty line.
    pub(crate) fn context(&self, index: usize) -> Cue {
        let from = self.tokens.at(index).start as usize;
        let mut cues = Cue::NONE;
        let mut at = index;
        while at > 0 && self.tokens.at(at).gap < Gap::Paragraph {
            at -= 1;
            let token = self.tokens.at(at);
            if token.start as usize + CONTEXT_BYTES < from {
                break;
            }
            if token.made == Made::Word {
                cues = cues.with(self.cue(at));
            }
        }
        cues
    }

    /// The first token at or behind a byte, looked for from `index` on.
    pub(crate) fn token_from(&self, index: usize, byte: usize) -> usize {
        let rest = self.tokens.list.get(index..).unwrap_or_default();
        index + rest.iter().take_while(|token| (token.start as usize) < byte).count()
    }
}

/// One finding, in bytes of the folded text.
pub(crate) fn found(range: Range<usize>, kind: Kind, score: f32, pattern: &'static str) -> Entity {
    Entity { range, kind, score, reason: Reason::Pattern(pattern) }
}

/// Finds everything that has a form.
pub(crate) fn find(page: &Page<'_>, out: &mut Vec<Entity>) {
    let mut index = 0;
    while index < page.tokens.list.len() {
        let token = page.tokens.at(index);
        let hit = match token.made {
            Made::Number => net::number(page, index)
                .or_else(|| ages::number(page, index))
                .or_else(|| dates::number(page, index))
                .or_else(|| zips::number(page, index))
                .or_else(|| numbers::number(page, index))
                .or_else(|| ids::cluster(page, index)),
            Made::Mixed => net::mixed(page, index)
                .or_else(|| ages::mixed(page, index))
                .or_else(|| dates::mixed(page, index))
                .or_else(|| zips::mixed(page, index))
                .or_else(|| ids::cluster(page, index)),
            Made::Word => word(page, index),
            Made::Sign => net::sign(page, index),
        };
        match hit {
            Some(entity) => {
                // An e-mail address begins before its `@`; the next token to look at is the one behind it either way.
                index = page.token_from(index, entity.range.end).max(index + 1);
                out.push(entity);
            }
            None => index += 1,
        }
    }
    address::find(page, out);
}

fn word(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    let lex = token.lex;
    if lex.has(Lex::MONTH)
        && let Some(date) = dates::month(page, index)
    {
        return Some(date);
    }
    if lex.is_empty()
        || token.case == crate::text::token::Case::Upper
        || page.tokens.at(index + 1).gap == Gap::None
    {
        if let Some(hit) = net::word(page, index) {
            return Some(hit);
        }
        if page.tokens.at(index + 1).gap == Gap::None
            && let Some(hit) = ids::cluster(page, index)
        {
            return Some(hit);
        }
    }
    dates::word(page, index)
        .or_else(|| numbers::word(page, index))
        .or_else(|| ids::lettered(page, index))
        .or_else(|| ages::word(page, index))
}
