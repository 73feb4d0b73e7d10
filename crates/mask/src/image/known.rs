//! Values known of a patient, looked for in text that was read off an image, where letters get mixed up.

use crate::{Entity, Kind, Reason};

/// Shorter values are not looked for: they would be found everywhere.
const LENGTH_MIN: usize = 3;
/// From this length on a value may differ by one letter, from the next on by two.
const ONE_EDIT_FROM: usize = 5;
const TWO_EDITS_FROM: usize = 9;
/// Longer values are cut: no line of an image is longer.
const LENGTH_MAX: usize = 120;

/// Values that must not be seen on an image: names, numbers, dates.
#[derive(Clone, Default)]
pub struct KnownValues {
    folded: Vec<(Kind, Vec<char>)>,
}

// They tell who it is, so only their count is printed.
impl std::fmt::Debug for KnownValues {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "KnownValues({})", self.folded.len())
    }
}

impl KnownValues {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name: the whole, and each part of it of three letters or more. Whatever is no letter parts it.
    pub fn add_name(&mut self, name: &str) {
        self.add(Kind::Name, name);
        for part in name.split(|letter: char| !letter.is_alphanumeric()) {
            self.add(Kind::Name, part);
        }
    }

    /// Adds a number or other code of some kind.
    pub fn add_code(&mut self, kind: Kind, code: &str) {
        self.add(kind, code);
    }

    /// Adds what was found in a text about the same person.
    pub(crate) fn add_found(&mut self, kind: Kind, text: &str) {
        match kind {
            Kind::Name => self.add_name(text),
            _ => self.add(kind, text),
        }
    }

    /// Adds a date in the orders in which it may be written: year, month and day in digits, or the month's name.
    pub fn add_date(&mut self, year: u16, month: u8, day: u8) {
        const MONTHS: [&str; 12] =
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        let Some(name) = usize::from(month).checked_sub(1).and_then(|at| MONTHS.get(at)) else { return };
        let short = year % 100;
        for text in [
            format!("{year:04}{month:02}{day:02}"),
            format!("{month:02}{day:02}{year:04}"),
            format!("{day:02}{month:02}{year:04}"),
            format!("{month:02}{day:02}{short:02}"),
            format!("{day:02}{month:02}{short:02}"),
            format!("{short:02}{month:02}{day:02}"),
            format!("{day}{name}{year:04}"),
            format!("{name}{day}{year:04}"),
            format!("{day}{name}{short:02}"),
            format!("{month}{day}{year:04}"),
            format!("{day}{month}{year:04}"),
        ] {
            self.add(Kind::Date, &text);
        }
    }

    /// Adds a date as DICOM (`YYYYMMDD…`) or FHIR (`YYYY-MM-DD…`) write it, or as a plain code if it is none.
    pub fn add_date_text(&mut self, text: &str) {
        let digits: String = text.chars().filter(|letter| *letter != '-').take(8).collect();
        let number =
            |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse::<u16>().ok());
        match (number(0..4), number(4..6), number(6..8)) {
            (Some(year), Some(month), Some(day)) => self.add_date(year, month as u8, day as u8),
            _ => self.add(Kind::Date, text),
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.folded.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.folded.is_empty()
    }

    fn add(&mut self, kind: Kind, value: &str) {
        let folded: Vec<char> = fold(value).into_iter().map(|(letter, _)| letter).take(LENGTH_MAX).collect();
        if folded.len() >= LENGTH_MIN && !self.folded.iter().any(|(_, known)| *known == folded) {
            self.folded.push((kind, folded));
        }
    }

    /// Where in `text` a value stands, letters mixed up or not. Values of less than five letters must stand alone.
    pub fn find(&self, text: &str) -> Vec<Entity> {
        let letters = fold(text);
        let mut found = Vec::new();
        for (kind, value) in &self.folded {
            let edits_max = match value.len() {
                0..ONE_EDIT_FROM => 0,
                ONE_EDIT_FROM..TWO_EDITS_FROM => 1,
                _ => 2,
            };
            for (first, last) in occurrences(value, &letters, edits_max) {
                let (Some(start), Some(end)) = (letters.get(first), letters.get(last)) else { continue };
                let range = start.1
                    ..end.1
                        + text.get(end.1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                if value.len() >= ONE_EDIT_FROM || stands_alone(text, &range) {
                    found.push(Entity { range, kind: *kind, score: 1.0, reason: Reason::Known });
                }
            }
        }
        found
    }
}

/// Letters and digits alone, in one case, without accents, look-alikes as one; each with its byte in the text.
fn fold(text: &str) -> Vec<(char, usize)> {
    let mut folded = Vec::with_capacity(text.len());
    for (at, letter) in text.char_indices().filter(|(_, letter)| letter.is_alphanumeric()) {
        for upper in letter.to_uppercase() {
            folded.push((look_alike(plain(upper)), at));
        }
    }
    folded
}

/// The letter without its accent, for the Latin letters that names have.
fn plain(letter: char) -> char {
    match letter {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => 'C',
        'Ď' | 'Đ' => 'D',
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => 'E',
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => 'G',
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' => 'I',
        'Ł' | 'Ĺ' | 'Ļ' | 'Ľ' => 'L',
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ŏ' | 'Ő' => 'O',
        'Ŕ' | 'Ŗ' | 'Ř' => 'R',
        'Ś' | 'Ŝ' | 'Ş' | 'Š' => 'S',
        'Ţ' | 'Ť' => 'T',
        'Ù'..='Ü' | 'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => 'U',
        'Ý' | 'Ÿ' => 'Y',
        'Ź' | 'Ż' | 'Ž' => 'Z',
        other => other,
    }
}

/// What a recogniser takes for one another, as a digit if one is among them.
pub(super) fn look_alike(letter: char) -> char {
    match letter {
        'O' | 'Q' | 'D' => '0',
        'I' | 'L' | 'J' => '1',
        'Z' => '2',
        'S' => '5',
        'G' => '6',
        'B' => '8',
        other => other,
    }
}

/// Places (first and last letter) where `value` stands in `text` with at most `edits_max` letters wrong, missing or too many.
/// Sellers' algorithm: one row of the edit distance, free at its start.
fn occurrences(value: &[char], text: &[(char, usize)], edits_max: usize) -> Vec<(usize, usize)> {
    // For each length of the value's beginning: edits, and the letter of the text where it begins.
    let mut row: Vec<(usize, usize)> = (0..=value.len()).map(|edits| (edits, 0)).collect();
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (at, (letter, _)) in text.iter().enumerate() {
        let mut before = (0, at);
        let mut left = (0, at + 1);
        for (expected, slot) in value.iter().zip(row.iter_mut().skip(1)) {
            let replaced = (before.0 + usize::from(expected != letter), before.1);
            let inserted = (slot.0 + 1, slot.1);
            let missing = (left.0 + 1, left.1);
            before = *slot;
            *slot = replaced.min(inserted).min(missing);
            left = *slot;
        }
        let Some(&(edits, start)) = row.last().filter(|(edits, start)| *edits <= edits_max && *start <= at)
        else {
            continue;
        };
        // The same place also fits a letter shorter or longer, with more edits: the one with the fewest counts.
        match found.last_mut() {
            Some(last) if last.1 >= start => {
                if edits < last.2 {
                    *last = (start, at, edits);
                }
            }
            _ => found.push((start, at, edits)),
        }
    }
    found.into_iter().map(|(start, end, _)| (start, end)).collect()
}

/// Whether no letter or digit is right before or behind.
fn stands_alone(text: &str, range: &std::ops::Range<usize>) -> bool {
    let before = text.get(..range.start).and_then(|part| part.chars().next_back());
    let after = text.get(range.end..).and_then(|part| part.chars().next());
    let apart = |letter: Option<char>| !letter.is_some_and(char::is_alphanumeric);
    apart(before) && apart(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(known: &KnownValues, text: &str, expected: &[&str]) {
        let mut found: Vec<&str> = known.find(text).into_iter().map(|entity| &text[entity.range]).collect();
        found.dedup();
        for text in expected {
            assert!(found.iter().any(|found| found.contains(text)), "{text} not in {found:?}");
        }
        assert_eq!(found.is_empty(), expected.is_empty(), "{found:?}");
    }

    #[test]
    fn a_known_name_is_found_although_letters_are_mixed_up() {
        let mut known = KnownValues::new();
        known.add_name("WINTERBOTTOM^LEE");
        check(&known, "pat: W1NTERB0TT0M, Lee", &["W1NTERB0TT0M", "Lee"]);
        check(&known, "WINTERROTTOM", &["WINTERROTTOM"]);
        check(&known, "WINTER BOTTOM", &["WINTER BOTTOM"]);
        check(&known, "summer sleet", &[]);
    }

    #[test]
    fn a_known_date_is_found_however_it_is_written() {
        let mut known = KnownValues::new();
        known.add_date_text("19430722");
        for text in ["07.22.1943", "22/07/43", "1943-07-22", "22 Jul 1943", "O7.22.l943"] {
            check(&known, text, &[text]);
        }
        check(&known, "08.01.2012", &[]);
    }

    #[test]
    fn offsets_stay_on_letters_beyond_ascii() {
        let mut known = KnownValues::new();
        known.add_name("Müller-Åström");
        check(&known, "«MULLER ASTROM»", &["MULLER ASTROM"]);
        check(&known, "…Müller…", &["Müller"]);
    }
}
