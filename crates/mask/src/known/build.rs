//! Facts in, [`Known`] out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::phrase::{Phrases, is_unspaced};
use super::{
    EDIT_LETTERS, FACTS_MAX, Known, KnownWord, PHONE_TAIL, deletions, nicknames, plain_words, spelling,
};
use crate::Kind;
use crate::gazetteer::{Lex, Lexicon};
use crate::text::fold::View;
use crate::text::token::hash_of;
use crate::transform::MONTHS;

/// Collects what is known of people near a patient.
#[derive(Clone, Debug, Default)]
pub struct KnownBuilder {
    words: BTreeMap<String, Kind>,
    numbers: BTreeMap<Vec<u8>, Kind>,
    dates: BTreeSet<(u32, u32, u32)>,
    initials: BTreeSet<(u8, u8)>,
    phrases: BTreeMap<String, Kind>,
    inside: BTreeMap<String, Kind>,
    /// Words of names that the record writes with marks: in English they are no words, whatever the dictionary has without marks.
    marked: BTreeSet<String>,
    phone_tails: BTreeMap<Vec<u8>, Kind>,
}

/// Words in names of organisations and addresses that tell nothing on their own, beside those of the lists.
fn is_general(word: &str) -> bool {
    let lexicon = Lexicon::shared();
    let hash = hash_of(word);
    let lex = lexicon.of(hash);
    word.len() < 4
        || lex.word() > 0
        || lex.has(Lex::CUE) && !lex.is_name()
        || lex.has(Lex::MEDICAL.with(Lex::STATE))
}

impl KnownBuilder {
    /// A person's name, whole or in part, in any order, with or without a comma: `Cheryl F McAllister`.
    pub fn name(&mut self, name: &str) -> &mut Self {
        let words = plain_words(name);
        for word in words.iter().chain(&spelling::others(name)) {
            self.word(word, Kind::Name);
        }
        for part in name.split_whitespace().filter(|part| !part.is_ascii()) {
            self.marked.extend(plain_words(part));
        }
        if is_unspaced(name) {
            self.without_blanks(name);
        }
        // Either order: "C.M." of Cheryl McAllister, however the name was handed in, and with any of several family names.
        if let Some((first, rest)) = words.split_first() {
            for (one, other) in
                rest.iter().filter_map(|word| Some((first.bytes().next()?, word.bytes().next()?)))
            {
                self.initials.extend([(one, other), (other, one)]);
            }
        }
        if words.len() > 1 {
            self.phrase(name, Kind::Name);
        }
        self
    }

    /// A name of a script without blanks: its parts of two signs or more, and all of it, stand inside of longer runs of letters.
    fn without_blanks(&mut self, name: &str) {
        let parts: Vec<&str> =
            name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
        let reversed: String = parts.iter().rev().copied().collect();
        for part in parts.iter().copied().chain([parts.concat().as_str(), &reversed]) {
            if part.chars().count() >= 2 && self.inside.len() < FACTS_MAX {
                self.inside.insert(View::of(part).text.to_lowercase(), Kind::Name);
            }
        }
    }

    fn word(&mut self, word: &str, kind: Kind) {
        let particle = [
            "de", "la", "van", "von", "der", "den", "the", "of", "and", "mr", "mrs", "ms", "dr", "md", "jr",
            "sr", "ii", "iii",
        ];
        if word.chars().count() < 2 || particle.contains(&word) || self.words.len() >= FACTS_MAX {
            return;
        }
        self.words.entry(word.to_owned()).or_insert(kind);
        for other in nicknames::of(word) {
            self.words.entry((*other).to_owned()).or_insert(kind);
        }
    }

    /// A date of a person's life (birth, death, a visit) as FHIR writes it: `2020-03-29`, `2020-03`; a time behind it is ignored.
    pub fn date(&mut self, date: &str) -> &mut Self {
        let mut parts = date.get(..10).unwrap_or(date).split('-').map(|part| part.parse::<u32>().ok());
        let (year, month, day) = (parts.next().flatten(), parts.next().flatten(), parts.next().flatten());
        if let (Some(year), Some(month @ 1..=12), Some(day @ 1..=31)) = (year, month, day)
            && self.dates.len() < FACTS_MAX
        {
            self.dates.insert((year, month, day));
            let short = year % 100;
            for digits in [
                format!("{year:04}{month:02}{day:02}"),
                format!("{month:02}{day:02}{year:04}"),
                format!("{day:02}{month:02}{year:04}"),
                format!("{month:02}{day:02}{short:02}"),
                format!("{day:02}{month:02}{short:02}"),
                format!("{short:02}{month:02}{day:02}"),
                format!("{month}{day}{year:04}"),
                format!("{day}{month}{year:04}"),
            ] {
                self.numbers.entry(digits.into_bytes()).or_insert(Kind::Date);
            }
            if let Some(name) = MONTHS.get(month as usize - 1) {
                self.day_of_month(name, day);
                self.day_of_month(name.get(..3).unwrap_or(name), day);
            }
        }
        self
    }

    /// A day as it is written beside the name of a month, in either order.
    fn day_of_month(&mut self, name: &str, day: u32) {
        let suffix = spelling::ordinal(day);
        for day in [format!("{day}"), format!("{day:02}"), format!("{day}{suffix}")] {
            for text in [format!("{name} {day}"), format!("{day} {name}"), format!("{day} of {name}")] {
                self.phrase(&text, Kind::Date);
            }
        }
    }

    /// A number or code of this kind: it is found with any separators, and by its digits alone where it has five of them.
    pub fn number(&mut self, kind: Kind, number: &str) -> &mut Self {
        let view = View::of(number);
        let bare: Vec<u8> = view
            .text
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| byte.to_ascii_lowercase())
            .collect();
        let digits: Vec<u8> = bare.iter().copied().filter(u8::is_ascii_digit).collect();
        if self.numbers.len() >= FACTS_MAX || bare.len() > 64 {
            return self;
        }
        if matches!(kind, Kind::Phone | Kind::Fax) && digits.len() >= 10 {
            let national = digits.get(digits.len() - 10..).unwrap_or_default().to_vec();
            let local = digits.get(digits.len() - 7..).unwrap_or_default().to_vec();
            let american = [b"1", national.as_slice()].concat();
            self.numbers.extend([(national, kind), (local, kind), (american, kind)]);
        }
        if matches!(kind, Kind::Phone | Kind::Fax)
            && let Some(tail) = digits.len().checked_sub(PHONE_TAIL).and_then(|from| digits.get(from..))
        {
            self.phone_tails.insert(tail.to_vec(), kind);
        }
        if digits.len() >= 5 {
            self.numbers.entry(digits).or_insert(kind);
        }
        if bare.len() >= 4 {
            self.numbers.entry(bare).or_insert(kind);
        }
        self
    }

    /// A line of an address, a city or county: found as a phrase; a city with a name of its own also without its neighbours.
    pub fn address(&mut self, line: &str) -> &mut Self {
        self.phrase(line, Kind::Location);
        for part in line.split([',', ';', '\n']) {
            self.phrase(part, Kind::Location);
        }
        self
    }

    /// A postal code.
    pub fn zip(&mut self, code: &str) -> &mut Self {
        // The first part of a code of nine digits tells enough.
        if let Some((first, _)) = code.split_once('-') {
            self.number(Kind::Zip, first);
        }
        self.number(Kind::Zip, code)
    }

    /// An organisation near the patient: found as a phrase, and by the words of its name that are not general ones.
    pub fn organization(&mut self, name: &str) -> &mut Self {
        self.phrase(name, Kind::Organization);
        for word in plain_words(name) {
            if !is_general(&word) {
                self.words.entry(word).or_insert(Kind::Organization);
            }
        }
        self
    }

    /// An e-mail or web address: whole, and what stands before the `@` if it has six characters or more.
    pub fn online(&mut self, kind: Kind, address: &str) -> &mut Self {
        self.phrase(address, kind);
        if let Some((local, _)) = address.split_once('@')
            && local.len() >= 6
        {
            self.phrase(local, kind);
        }
        self
    }

    /// Any other text of this kind, found as a phrase.
    pub fn phrase(&mut self, text: &str, kind: Kind) -> &mut Self {
        let view = View::of(text);
        let plain = view.text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let letters = plain.chars().filter(|c| c.is_alphanumeric()).count();
        let general =
            !plain.contains(' ') && is_general(&plain) && !plain.bytes().any(|byte| byte.is_ascii_digit());
        if (letters >= 4 || letters >= 2 && is_unspaced(text))
            && plain.len() <= 256
            && self.phrases.len() < FACTS_MAX
            && !(general && kind != Kind::Location)
        {
            self.phrases.entry(plain).or_insert(kind);
        }
        self
    }

    /// Compiles the facts.
    pub fn build(&self) -> Known {
        let mut known = Known {
            words: self
                .words
                .iter()
                .map(|(word, kind)| {
                    (hash_of(word), KnownWord { kind: *kind, is_marked: self.marked.contains(word) })
                })
                .collect(),
            edits: HashMap::new(),
            spellings: Vec::new(),
            edit_lengths: (usize::MAX, 0),
            numbers: self.numbers.clone().into_iter().collect(),
            numbers_longest: self.numbers.keys().map(Vec::len).max().unwrap_or(0),
            dates: self.dates.iter().copied().collect::<HashSet<_>>(),
            number_heads: self.numbers.keys().filter_map(|number| head(number)).collect(),
            phone_tails: self.phone_tails.clone().into_iter().collect(),
            initials: self.initials.iter().copied().collect(),
            phrases: Phrases::new(&self.phrases, &self.inside),
        };
        for (word, kind) in self.words.iter().filter(|(word, _)| word.chars().count() >= EDIT_LETTERS) {
            let index = u32::try_from(known.spellings.len()).unwrap_or(u32::MAX);
            known.spellings.push((word.clone(), *kind));
            let letters = word.chars().count();
            known.edit_lengths =
                (known.edit_lengths.0.min(letters - 1), known.edit_lengths.1.max(letters + 1));
            for hash in deletions(word).chain([hash_of(word)]) {
                known.edits.entry(hash).or_default().push(index);
            }
        }
        known
    }
}

/// The hash of the letters that a number begins with.
fn head(number: &[u8]) -> Option<u64> {
    let letters = number.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let head = number.get(..letters).filter(|head| !head.is_empty())?;
    std::str::from_utf8(head).ok().map(hash_of)
}
