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

/// Slots of the table: a power of two, so that a hash is masked into it.
const SLOTS: usize = 1 << 20;

/// The lists in memory.
pub(crate) struct Lexicon {
    /// The upper half of a hash and the flags; a slot without flags is free.
    slots: Vec<(u32, Lex)>,
    /// Words with cues, sorted by hash.
    cues: Vec<(u64, Cue)>,
}

impl std::fmt::Debug for Lexicon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lexicon").field("cues", &self.cues.len()).finish_non_exhaustive()
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
        let mut slot = place(hash);
        for _ in 0..SLOTS {
            match self.slots.get(slot) {
                Some((key, lex)) if lex.is_empty() || *key == upper(hash) => return *lex,
                Some(_) => slot = (slot + 1) & (SLOTS - 1),
                None => break,
            }
        }
        Lex::EMPTY
    }

    /// What the word with this hash tells about its neighbours.
    pub(crate) fn cue(&self, hash: u64) -> Cue {
        match self.cues.binary_search_by_key(&hash, |(key, _)| *key) {
            Ok(index) => self.cues.get(index).map_or(Cue::NONE, |(_, cue)| *cue),
            Err(_) => Cue::NONE,
        }
    }

    fn read(lexicon: &str, terms: &str) -> Self {
        let mut lists = Self { slots: vec![(0, Lex::EMPTY); SLOTS], cues: Vec::new() };
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
                    lists.cues.push((key_hash(&key).0, cue));
                }
            }
        }
        lists.cues.sort_by_key(|(hash, _)| *hash);
        lists.cues.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = earlier.1.with(later.1);
            }
            same
        });
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
        let mut slot = place(hash);
        for _ in 0..SLOTS {
            match self.slots.get_mut(slot) {
                Some((key, old)) if old.is_empty() || *key == upper(hash) => {
                    *key = upper(hash);
                    *old = old.with(lex);
                    return;
                }
                Some(_) => slot = (slot + 1) & (SLOTS - 1),
                None => return,
            }
        }
    }
}

fn place(hash: u64) -> usize {
    (hash & (SLOTS as u64 - 1)) as usize
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
