//! What a record itself says about the people in it, so that it is found again in its free text.
//!
//! This is exact matching over letters and digits, whatever stands between them: `999-12-3456` is found as `999123456`, a street in any
//! spacing. Variants, nicknames and misspellings are the engine's business.

use std::collections::HashMap;

use crate::transform::{Day, MONTHS};
use crate::{Entity, Kind, Reason};

/// No record names that many things; more would only cost time.
const ENTRIES_MAX: usize = 20_000;

/// Words this long begin a phrase that is looked for.
const KEY: usize = 4;

/// Names, numbers, addresses and birth dates of a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Near {
    /// Single words of names, lower case.
    words: HashMap<String, Kind>,
    /// Letters and digits of longer things, lower case, by their beginning.
    phrases: HashMap<[char; KEY], Vec<(Vec<char>, Kind)>>,
    count: usize,
}

impl Near {
    /// A person's name or a part of it: each word of two letters or more.
    pub(super) fn name(&mut self, name: &str) {
        for word in name.split(|letter: char| !letter.is_alphanumeric()) {
            if word.chars().count() >= 2 && word.chars().any(char::is_alphabetic) && !is_title(word) {
                self.word(word, Kind::Name);
            }
        }
    }

    /// A city or another short name of a place: one word is a word, more are a phrase.
    pub(super) fn place(&mut self, place: &str, kind: Kind) {
        let words =
            place.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).count();
        if words == 1 && place.chars().count() >= 4 {
            self.word(place.trim(), kind);
        } else {
            self.phrase(place, kind);
        }
    }

    /// A number, a line of an address, an e-mail address: anything of four letters and digits or more.
    pub(super) fn phrase(&mut self, phrase: &str, kind: Kind) {
        let letters: Vec<char> = normal(phrase).map(|(letter, ..)| letter).collect();
        let Some(key) = letters.first_chunk::<KEY>() else { return };
        if self.count >= ENTRIES_MAX || letters.len() > 400 {
            return;
        }
        let entries = self.phrases.entry(*key).or_default();
        if !entries.iter().any(|(known, _)| *known == letters) {
            entries.push((letters, kind));
            self.count += 1;
        }
    }

    /// An identifier: as [`Near::phrase`], but one with too little in it to be told from an everyday number is left.
    pub(super) fn id(&mut self, id: &str, kind: Kind) {
        if id.bytes().filter(u8::is_ascii_digit).count() >= 3 {
            self.phrase(id, kind);
        }
    }

    /// A telephone number, with and without the country's 1.
    pub(super) fn phone(&mut self, phone: &str) {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        if digits.len() < 7 {
            return;
        }
        self.phrase(&digits, Kind::Phone);
        if let Some(local) = digits.strip_prefix('1').filter(|local| local.len() == 10) {
            self.phrase(local, Kind::Phone);
        }
    }

    /// A birth date, in the usual renderings.
    pub(super) fn date(&mut self, day: Day) {
        let (year, month, day) = day.ymd();
        let Some(name) = MONTHS.get(usize::from(month).saturating_sub(1)) else { return };
        let short = name.get(..3).unwrap_or(name);
        for text in [
            format!("{year:04}{month:02}{day:02}"),
            format!("{month:02}{day:02}{year:04}"),
            format!("{day:02}{month:02}{year:04}"),
            format!("{month}{day}{year:04}"),
            format!("{month}{day:02}{year:04}"),
            format!("{month:02}{day}{year:04}"),
            format!("{day}{month}{year:04}"),
            format!("{name}{day}{year:04}"),
            format!("{name}{day:02}{year:04}"),
            format!("{short}{day}{year:04}"),
            format!("{short}{day:02}{year:04}"),
            format!("{day}{name}{year:04}"),
            format!("{day}{short}{year:04}"),
            format!("{day:02}{short}{year:04}"),
        ] {
            self.phrase(&text, Kind::Date);
        }
    }

    /// Where something of it stands in a text; may overlap.
    pub(super) fn find(&self, text: &str) -> Vec<Entity> {
        let mut found = Vec::new();
        if !self.words.is_empty() {
            self.find_words(text, &mut found);
        }
        if !self.phrases.is_empty() && text.len() >= KEY {
            self.find_phrases(text, &mut found);
        }
        found
    }

    /// As [`Near::find`], for codes: short words of names (`Ng`, `Ho`) are left, since most short codes look like one.
    pub(super) fn find_in_code(&self, text: &str) -> Vec<Entity> {
        let mut found = self.find(text);
        found.retain(|entity| entity.range.len() >= 4);
        found
    }

    fn word(&mut self, word: &str, kind: Kind) {
        if self.count < ENTRIES_MAX && self.words.insert(word.to_lowercase(), kind).is_none() {
            self.count += 1;
        }
    }

    fn find_words(&self, text: &str, found: &mut Vec<Entity>) {
        let mut start = None;
        let end = [(text.len(), ' ')];
        for (at, letter) in text.char_indices().chain(end) {
            match start {
                None if letter.is_alphanumeric() => start = Some(at),
                Some(from) if !letter.is_alphanumeric() => {
                    start = None;
                    let word = text.get(from..at).unwrap_or("");
                    // In lower case a name may well be a word: `will`, `may`, `rose`.
                    let looks_like_name = word.chars().next().is_some_and(|first| !first.is_lowercase())
                        || word.bytes().any(|byte| byte.is_ascii_digit());
                    let kind = if looks_like_name { self.words.get(&word.to_lowercase()) } else { None };
                    if let Some(kind) = kind {
                        found.push(entity(from..at, *kind));
                    }
                }
                _ => {}
            }
        }
    }

    fn find_phrases(&self, text: &str, found: &mut Vec<Entity>) {
        let letters: Vec<(char, usize, usize)> = normal(text).collect();
        for (at, window) in letters.windows(KEY).enumerate() {
            let [a, b, c, d] = window else { continue };
            let Some(entries) = self.phrases.get(&[a.0, b.0, c.0, d.0]) else { continue };
            for (phrase, kind) in entries {
                let Some(candidate) = letters.get(at..at + phrase.len()) else { continue };
                let is_same = candidate.iter().map(|(letter, ..)| letter).eq(phrase);
                let (Some(first), Some(last)) = (candidate.first(), candidate.last()) else { continue };
                if is_same && is_apart(text, first.1, last.2) {
                    found.push(entity(first.1..last.2, *kind));
                }
            }
        }
    }
}

fn entity(range: std::ops::Range<usize>, kind: Kind) -> Entity {
    Entity { range, kind, score: 1.0, reason: Reason::Known }
}

/// The letters and digits of a text in lower case, with where each begins and ends.
fn normal(text: &str) -> impl Iterator<Item = (char, usize, usize)> {
    text.char_indices()
        .filter(|(_, letter)| letter.is_alphanumeric())
        .map(|(at, letter)| (letter.to_lowercase().next().unwrap_or(letter), at, at + letter.len_utf8()))
}

/// Whether neither side goes on with more of the same sort: letters after a letter, digits after a digit.
fn is_apart(text: &str, start: usize, end: usize) -> bool {
    let same = |left: Option<char>, right: Option<char>| match (left, right) {
        (Some(left), Some(right)) => {
            left.is_alphabetic() && right.is_alphabetic() || left.is_numeric() && right.is_numeric()
        }
        _ => false,
    };
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    let first = text.get(start..).and_then(|text| text.chars().next());
    let last = text.get(..end).and_then(|text| text.chars().next_back());
    !same(before, first) && !same(last, after)
}

fn is_title(word: &str) -> bool {
    let titles = [
        "dr", "mr", "mrs", "ms", "miss", "prof", "jr", "sr", "ii", "iii", "md", "phd", "rn", "do", "de",
        "la", "van", "von", "der", "the", "of", "and",
    ];
    titles.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(near: &Near, text: &'t str) -> Vec<&'t str> {
        near.find(text).into_iter().map(|entity| &text[entity.range]).collect()
    }

    #[test]
    fn what_is_known_is_found_however_it_is_written() {
        let mut near = Near::default();
        near.name("Dr. Ann-Marie O'Hara");
        near.id("999-12-3456", Kind::Ssn);
        near.phone("+1 (617) 555-0123");
        near.phrase("12 Example Street", Kind::Location);
        near.date(Day::from_ymd(1950, 3, 4).unwrap());
        assert_eq!(found(&near, "ANN saw Marie, dr and ann"), ["ANN", "Marie"]);
        assert_eq!(
            found(&near, "SSN 999123456 or 999 12 3456, not 1999123456"),
            ["999123456", "999 12 3456"]
        );
        assert_eq!(found(&near, "call 617.555.0123 MRN999-12-3456"), ["617.555.0123", "999-12-3456"]);
        assert_eq!(found(&near, "at 12 EXAMPLE  STREET."), ["12 EXAMPLE  STREET"]);
        assert_eq!(
            found(&near, "3/4/1950 March 4, 1950 4-Mar-1950"),
            ["3/4/1950", "March 4, 1950", "4-Mar-1950"]
        );
    }

    #[test]
    fn short_numbers_and_small_words_are_not_known() {
        let mut near = Near::default();
        near.name("May Will");
        near.id("12", Kind::Mrn);
        near.id("abcd", Kind::Mrn);
        near.phone("911");
        assert!(near.find("may he will abcd 12 911").is_empty());
        assert!(near.find("").is_empty());
    }
}
