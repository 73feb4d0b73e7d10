//! A name found once in a document is found everywhere in it.

use std::collections::HashMap;

use super::covered;
use crate::gazetteer::{Cue, Lex};
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, hashed_all};
use crate::{Entity, Kind, Reason};

/// Different words of names kept for one document; more than that is no longer a text about a few people.
const WORDS_MAX: usize = 20_000;

/// Names are learnt from findings at least this sure.
const LEARN_SCORE: f32 = 0.75;

/// The words of the names of a document.
#[derive(Debug, Default)]
pub(super) struct Names {
    words: HashMap<u64, Word>,
    /// Bits of the hashes in `words`: most words of a text are told from all of these without asking the map.
    bits: [u64; 32],
}

/// The place of a hash in [`Names::bits`].
fn bit(hash: u64) -> (usize, u64) {
    ((hash >> 6) as usize % 32, 1 << (hash % 64))
}

#[derive(Clone, Copy, Debug)]
struct Word {
    score: f32,
    kind: Kind,
}

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Takes in the words of names and of cities found with certainty.
    pub(super) fn learn(&mut self, page: &Page<'_>, found: &[Entity]) {
        for entity in found.iter().filter(|entity| entity.score >= LEARN_SCORE && entity.kind == Kind::Name) {
            for index in covered(page.tokens, entity) {
                let token = page.tokens.at(index);
                if self.words.len() < WORDS_MAX
                    && tells(token)
                    // In writing without blanks a name is a part of what looks like one word.
                    && entity.range.start <= token.start as usize
                    && token.end as usize <= entity.range.end
                    && !page.cue(index).has(Cue::TITLE.with(Cue::CREDENTIAL))
                {
                    let (at, bit) = bit(token.hash);
                    if let Some(bits) = self.bits.get_mut(at) {
                        *bits |= bit;
                    }
                    self.words
                        .entry(token.hash)
                        .or_insert(Word { score: entity.score - 0.1, kind: entity.kind });
                }
            }
        }
    }

    /// Adds every other place where these words stand.
    pub(super) fn find(&self, page: &Page<'_>, found: &mut Vec<Entity>) {
        if self.words.is_empty() {
            return;
        }
        let maybe = |hash: u64| {
            let (at, bit) = bit(hash);
            self.bits.get(at).is_some_and(|bits| bits & bit != 0)
        };
        for (index, token) in page.tokens.list.iter().enumerate() {
            if token.made == Made::Word
                && maybe(token.hash)
                && let Some(word) = self.words.get(&token.hash)
                && repeats(page, index, token)
            {
                found.push(Entity {
                    range: token.range(),
                    kind: word.kind,
                    score: word.score,
                    reason: Reason::Propagated,
                });
            }
        }
    }
}

/// Whether a word of a name says something on its own: not an initial, not a particle.
fn tells(token: &Token) -> bool {
    token.made == Made::Word && token.len() >= 2 && !(token.case == Case::Lower && token.len() <= 3)
}

/// Whether a word that is in a name of this document is that name here too.
fn repeats(page: &Page<'_>, index: usize, token: &Token) -> bool {
    let next = page.tokens.at(index + 1);
    let eponym = next.lex.has(Lex::DISEASE) && next.gap <= Gap::Blank
        || next.is(b'\'') && page.tokens.at(index + 3).lex.has(Lex::DISEASE)
        || next.is(b'-') && page.tokens.at(index + 2).lex.has(Lex::EPONYM);
    if token.lex.has(Lex::EPONYM) && eponym {
        return false;
    }
    match token.case {
        // In small letters only a word that is nothing else.
        Case::Lower => {
            token.lex.word() == 0
                && token.len() >= 4
                && !token.lex.has(Lex::MEDICAL.with(Lex::DRUG).with(Lex::EPONYM))
        }
        // At the beginning of a sentence a capital says little of a common word.
        Case::Title if token.lex.word() >= 3 => !begins_sentence(page, index) || acts(page, index),
        _ => token.lex.is_name() || !token.lex.has(Lex::MEDICAL),
    }
}

/// Whether what follows says that someone owns or does something: `'s`, `was`, `reports`.
pub(super) fn acts(page: &Page<'_>, index: usize) -> bool {
    const VERBS: [u64; 14] = hashed_all([
        "was",
        "is",
        "has",
        "had",
        "reports",
        "denies",
        "states",
        "tolerated",
        "returns",
        "presents",
        "remains",
        "will",
        "did",
        "agrees",
    ]);
    let next = page.tokens.at(index + 1);
    next.is(b'\'') && page.tokens.at(index + 2).len() == 1 || VERBS.contains(&next.hash)
}

pub(super) fn begins_sentence(page: &Page<'_>, index: usize) -> bool {
    let token = page.tokens.at(index);
    let before = page.tokens.before(index, 1);
    token.gap >= Gap::Line || matches!(before.first, b'.' | b':' | b'!' | b'?') && before.made == Made::Sign
}
