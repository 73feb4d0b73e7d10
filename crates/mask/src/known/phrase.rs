//! Phrases: texts of several words, found word by word whatever signs, blanks and ends of lines stand between them; and names in
//! scripts that write no blanks, found inside of what looks like one word.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::gazetteer::Lexicon;
use crate::patterns::{Page, dates};
use crate::text::fold::View;
use crate::text::token::{Gap, Made, Token, hashed, tokens};
use crate::{Entity, Kind};

/// Signs that may stand between two words of a phrase.
const SIGNS_MAX: usize = 3;

/// Longest phrase, in words.
const WORDS_MAX: usize = 32;

/// Words of addresses and their usual short forms, which stand for each other.
const ALIKE: [(u64, u64); 38] = [
    (hashed("street"), hashed("st")),
    (hashed("saint"), hashed("st")),
    (hashed("avenue"), hashed("ave")),
    (hashed("av"), hashed("ave")),
    (hashed("road"), hashed("rd")),
    (hashed("drive"), hashed("dr")),
    (hashed("lane"), hashed("ln")),
    (hashed("court"), hashed("ct")),
    (hashed("boulevard"), hashed("blvd")),
    (hashed("place"), hashed("pl")),
    (hashed("circle"), hashed("cir")),
    (hashed("terrace"), hashed("ter")),
    (hashed("terr"), hashed("ter")),
    (hashed("parkway"), hashed("pkwy")),
    (hashed("highway"), hashed("hwy")),
    (hashed("square"), hashed("sq")),
    (hashed("trail"), hashed("trl")),
    (hashed("crescent"), hashed("cres")),
    (hashed("heights"), hashed("hts")),
    (hashed("mount"), hashed("mt")),
    (hashed("fort"), hashed("ft")),
    (hashed("apartment"), hashed("apt")),
    (hashed("suite"), hashed("ste")),
    (hashed("floor"), hashed("fl")),
    (hashed("room"), hashed("rm")),
    (hashed("building"), hashed("bldg")),
    (hashed("north"), hashed("n")),
    (hashed("south"), hashed("s")),
    (hashed("east"), hashed("e")),
    (hashed("west"), hashed("w")),
    (hashed("northeast"), hashed("ne")),
    (hashed("northwest"), hashed("nw")),
    (hashed("southeast"), hashed("se")),
    (hashed("southwest"), hashed("sw")),
    (hashed("strasse"), hashed("str")),
    (hashed("county"), hashed("co")),
    (hashed("company"), hashed("co")),
    (hashed("center"), hashed("centre")),
];

/// Phrases, compiled.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    /// By the first word: the words and the kind, the longest first.
    by_first: HashMap<u64, Vec<(Vec<u64>, Kind)>>,
    inside: Option<AhoCorasick>,
    inside_kinds: Vec<Kind>,
}

impl Phrases {
    /// Compiles phrases, and texts that are looked for inside of words.
    pub(super) fn new(phrases: &BTreeMap<String, Kind>, inside: &BTreeMap<String, Kind>) -> Self {
        let mut by_first: HashMap<u64, Vec<(Vec<u64>, Kind)>> = HashMap::new();
        for (phrase, kind) in phrases {
            let words = words_of(phrase);
            if let Some(first) = words.first().filter(|_| words.len() <= WORDS_MAX) {
                by_first.entry(*first).or_default().push((words, *kind));
            }
        }
        for list in by_first.values_mut() {
            list.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        // Too many for an automaton cannot be, their count is bounded. Should building fail all the same, words are still found.
        let automaton = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(inside.keys());
        let inside_kinds = inside.values().copied().collect();
        Self { by_first, inside: automaton.ok().filter(|_| !inside.is_empty()), inside_kinds }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty() && self.inside.is_none()
    }

    /// The longest phrase that begins at a token.
    pub(super) fn at(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        let token = page.tokens.at(index);
        if token.made == Made::Sign {
            return None;
        }
        let candidates = self.by_first.get(&alike(token.hash))?;
        candidates.iter().find_map(|(words, kind)| {
            let last = end_of(page, index, words)?;
            let mut range = page.tokens.span(index, last);
            // The year belongs to the day.
            if *kind == Kind::Date
                && let Some(end) = dates::year_after(page, last)
            {
                range.end = end;
            }
            Some(super::find::known(range, *kind, 0.97))
        })
    }

    /// Every place inside of words where a text stands that needs no blanks around it.
    pub(super) fn inside(&self, text: &str, found: &mut Vec<Entity>) {
        let Some(automaton) = &self.inside else { return };
        for hit in automaton.find_iter(text) {
            if let Some(kind) = self.inside_kinds.get(hit.pattern().as_usize()) {
                found.push(super::find::known(hit.start()..hit.end(), *kind, 0.97));
            }
        }
    }
}

/// Whether a text is written in a script whose words follow each other without blanks, or take endings without one.
pub(super) fn is_unspaced(text: &str) -> bool {
    text.chars().any(|letter| {
        matches!(u32::from(letter), 0x0e00..=0x0eff | 0x1000..=0x11ff | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3130..=0x318f
            | 0x3400..=0x9fff | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0x20000..=0x3ffff)
    })
}

/// The last token of a phrase whose first word stands at a token.
fn end_of(page: &Page<'_>, index: usize, words: &[u64]) -> Option<usize> {
    let mut at = index;
    for word in words.iter().skip(1) {
        let mut signs = 0;
        at += 1;
        while page.tokens.at(at).made == Made::Sign
            && page.tokens.at(at).gap <= Gap::Line
            && signs < SIGNS_MAX
        {
            (signs, at) = (signs + 1, at + 1);
        }
        let token: &Token = page.tokens.at(at);
        if token.made == Made::Sign || token.gap > Gap::Line || alike(token.hash) != *word {
            return None;
        }
    }
    Some(at)
}

fn words_of(phrase: &str) -> Vec<u64> {
    let view = View::of(phrase);
    let tokens = tokens(&view.text, Lexicon::shared());
    tokens.list.iter().filter(|token| token.made != Made::Sign).map(|token| alike(token.hash)).collect()
}

/// One hash for a word of addresses and its short forms.
fn alike(hash: u64) -> u64 {
    ALIKE.iter().find(|(long, _)| *long == hash).map_or(hash, |(_, short)| *short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::token::hash_of;

    #[test]
    fn short_forms_stand_for_each_other() {
        assert_eq!(words_of("9 North Farthing Street, Apt. 4B"), words_of("9 n farthing st APARTMENT #4b"));
        assert_ne!(alike(hash_of("lane")), alike(hash_of("road")));
    }
}
