//! Known identifiers: what is known of the people a text is about, found in every way of writing.
//!
//! Names and other words are looked up token by token, with one edit of tolerance from five letters on; numbers by their letters
//! and digits alone; dates by the day they mean; addresses, organisations and e-mail addresses as phrases, by one automaton.

use std::collections::{HashMap, HashSet};

use crate::text::fold::View;
use crate::text::token::{Made, hash_of, tokens};
use crate::{Kind, gazetteer::Lexicon};

mod build;
mod find;
mod nicknames;
mod phrase;
mod resource;
mod spelling;

pub use build::KnownBuilder;

/// Shortest word that may be found with an edit, in letters.
const EDIT_LETTERS: usize = 5;

/// Digits at the end of a telephone number that tell it, whatever area and country codes stand before them.
const PHONE_TAIL: usize = 7;

/// Facts kept; whoever hands in more has mixed up patients.
const FACTS_MAX: usize = 20_000;

/// What is known, compiled. Made once for a patient, used for all of the patient's documents.
#[derive(Debug)]
pub struct Known {
    /// Words of names (and of nicknames) by hash.
    words: HashMap<u64, KnownWord>,
    /// Hashes of words with one letter left out, to the words they come from.
    edits: HashMap<u64, Vec<u32>>,
    /// The words that `edits` points to.
    spellings: Vec<(String, Kind)>,
    /// Lengths in letters that words in `edits` have.
    edit_lengths: (usize, usize),
    /// Letters and digits of numbers, lower case.
    numbers: HashMap<Vec<u8>, Kind>,
    numbers_longest: usize,
    /// Hashes of the letters that numbers begin with.
    number_heads: HashSet<u64>,
    /// The last seven digits of telephone numbers: what stands before them is written in many ways.
    phone_tails: HashMap<Vec<u8>, Kind>,
    /// Year (0 where unknown), month, day.
    dates: HashSet<(u32, u32, u32)>,
    /// Pairs of initials of given and family name.
    initials: HashSet<(u8, u8)>,
    phrases: phrase::Phrases,
}

/// A word of a name.
#[derive(Clone, Copy, Debug)]
struct KnownWord {
    kind: Kind,
    /// Whether the record writes it with marks.
    is_marked: bool,
}

impl Known {
    /// An empty collection of facts to add to.
    pub fn builder() -> KnownBuilder {
        KnownBuilder::default()
    }

    /// What a FHIR resource with demographics tells (Patient, RelatedPerson, Practitioner, Organization, Location, Coverage):
    /// names, dates of birth and death, identifiers, telecom, addresses, contacts, and the display texts of its references.
    pub fn from_patient(resource: &fhir::json::Value) -> Self {
        let mut builder = Self::builder();
        builder.resource(resource);
        builder.build()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.numbers.is_empty() && self.dates.is_empty() && self.phrases.is_empty()
    }
}

/// The words of a text in plain letters, lower case.
fn plain_words(text: &str) -> Vec<String> {
    let view = View::of(text);
    let tokens = tokens(&view.text, Lexicon::shared());
    tokens
        .list
        .iter()
        .filter(|token| token.made == Made::Word)
        .map(|token| tokens.str(token).to_lowercase())
        .collect()
}

/// The hashes of a word with each of its letters left out.
fn deletions(word: &str) -> impl Iterator<Item = u64> {
    word.char_indices().map(|(at, letter)| {
        let (head, tail) = word.split_at(at);
        hash_of(&[head, tail.get(letter.len_utf8()..).unwrap_or_default()].concat())
    })
}

/// Whether one letter more, less or other, or two neighbours swapped, makes one word the other.
fn within_one_edit(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let (short, long): (Vec<char>, Vec<char>) = (short.chars().collect(), long.chars().collect());
    let head = short.iter().zip(&long).take_while(|(x, y)| x == y).count();
    let (short, long) = (short.get(head..).unwrap_or_default(), long.get(head..).unwrap_or_default());
    match (short, long) {
        (s, l) if s.len() == l.len() => {
            s.get(1..) == l.get(1..)
                || matches!((s, l), ([a, b, s @ ..], [c, d, l @ ..]) if a == d && b == c && s == l)
        }
        (s, l) => l.len() == s.len() + 1 && Some(s) == l.get(1..),
    }
}
