//! The lists: what is known of a word on its own, as flags.
//!
//! `data/lexicon.txt` has names, places and English words with how common they are, `data/terms.txt` the words that tell about
//! their neighbours; `data/README.md` says where they come from. Both are read once, into a hash table that keeps 32 bits of a
//! word's hash and its flags: some 10 ns a look-up, and a word in two thousand millions is taken for another.

use std::sync::OnceLock;

use crate::text::token::{hash_of, join};

mod cue;
mod lex;

pub(crate) use cue::Cue;
pub(crate) use lex::Lex;

const LEXICON: &str = include_str!("../data/lexicon.txt");
const TERMS: &str = include_str!("../data/terms.txt");

/// Slots of the table of words, and of that of cues: powers of two, so that a hash is masked into them.
const WORD_SLOTS: usize = 1 << 20;
const CUE_SLOTS: usize = 1 << 13;

/// The lists in memory.
pub(crate) struct Lexicon {
    words: Table,
    cues: Table,
}

/// Flags of hashes: open addressing, no more than half full. The upper half of a hash and its flags; a slot without flags is free.
struct Table(Vec<(u32, u32)>);

impl Table {
    fn get(&self, hash: u64) -> u32 {
        let last = self.0.len() - 1;
        let mut slot = hash as usize & last;
        while let Some((key, flags)) = self.0.get(slot) {
            if *flags == 0 || *key == upper(hash) {
                return *flags;
            }
            slot = (slot + 1) & last;
        }
        0
    }

    fn put(&mut self, hash: u64, join: impl Fn(u32) -> u32) {
        let last = self.0.len() - 1;
        let mut slot = hash as usize & last;
        while let Some((key, flags)) = self.0.get_mut(slot) {
            if *flags == 0 || *key == upper(hash) {
                (*key, *flags) = (upper(hash), join(*flags));
                return;
            }
            slot = (slot + 1) & last;
        }
    }
}

impl std::fmt::Debug for Lexicon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lexicon").finish_non_exhaustive()
    }
}

impl Lexicon {
    /// The lists of this build; read at the first call, in a few hundredths of a second.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Lexicon> = OnceLock::new();
        SHARED.get_or_init(|| Self::read(LEXICON, TERMS))
    }

    /// What is known of the word with this hash.
    pub(crate) fn of(&self, hash: u64) -> Lex {
        Lex(self.words.get(hash))
    }

    /// What the word with this hash tells about its neighbours.
    pub(crate) fn cue(&self, hash: u64) -> Cue {
        Cue(self.cues.get(hash))
    }

    fn read(lexicon: &str, terms: &str) -> Self {
        let table = |slots| Table(vec![(0, 0); slots]);
        let mut lists = Self { words: table(WORD_SLOTS), cues: table(CUE_SLOTS) };
        for line in lexicon.lines() {
            if let Some((key, flags)) = line.split_once('\t') {
                lists.put(key, Lex::parse(flags));
            }
        }
        let mut section = "";
        for line in terms.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
                continue;
            }
            for term in line.split_ascii_whitespace() {
                let key = term.replace('_', " ");
                let cue = Cue::named(section);
                let lex = Lex::named(section);
                lists.put(&key, if cue == Cue::NONE { lex } else { lex.with(Lex::CUE) });
                if cue != Cue::NONE {
                    lists.cues.put(key_hash(&key).0, |old| Cue(old).with(cue).0);
                }
            }
        }
        lists
    }

    /// Adds flags to an entry; the first word of a longer one learns that more may follow.
    fn put(&mut self, key: &str, lex: Lex) {
        let (hash, first) = key_hash(key);
        self.add(hash, lex);
        if let Some(first) = first {
            self.add(first, Lex::BEGINS);
        }
    }

    fn add(&mut self, hash: u64, lex: Lex) {
        self.words.put(hash, |old| Lex(old).with(lex).0);
    }
}

fn upper(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The hash of a list entry, and of its first word if it has several. Words are parted by blanks, hyphens and points, as the
/// tokeniser parts them; the parting signs do not count.
pub(crate) fn key_hash(key: &str) -> (u64, Option<u64>) {
    let mut words = key.split([' ', '-', '.', '/']).filter(|word| !word.is_empty()).map(hash_of);
    let first = words.next().unwrap_or_default();
    let all = words.fold((first, None), |(hash, _), word| (join(hash, word), Some(first)));
    (all.0, all.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_half_full_at_most_so_that_looking_ends_soon() {
        for Table(slots) in [&Lexicon::shared().words, &Lexicon::shared().cues] {
            let used = slots.iter().filter(|(_, flags)| *flags != 0).count();
            assert!(used > 0 && used * 2 <= slots.len(), "{used} of {}", slots.len());
        }
    }
}
