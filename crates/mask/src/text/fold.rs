//! A view of a text in plain letters, and the way back to the bytes it came from.
//!
//! Accents, wide and circled forms, look-alike letters, odd blanks, dashes and quotes become their plain forms; marks,
//! zero-width and direction characters vanish. Case stays. So one list of names and one set of patterns serves every way of
//! writing, and hiding a letter between two zero-width blanks hides nothing from the finders.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A folded text.
pub(crate) struct View<'t> {
    /// The folded text; the text itself where nothing had to be folded.
    pub(crate) text: Cow<'t, str>,
    /// For each byte of the folded text where its character began, and at the end the length. Empty if nothing was folded.
    origin: Vec<u32>,
}

impl<'t> View<'t> {
    /// Folds a text of less than 4 GiB (callers cut windows far below that).
    pub(crate) fn of(text: &'t str) -> Self {
        if text.is_ascii() {
            return Self { text: Cow::Borrowed(text), origin: Vec::new() };
        }
        let mut folded =
            Folded { text: String::with_capacity(text.len()), origin: Vec::with_capacity(text.len() + 1) };
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            folded.copy(rest.get(..plain).unwrap_or_default(), at);
            at += plain;
            if let Some(character) = rest.get(plain..).and_then(|rest| rest.chars().next()) {
                folded.push(character, at);
                at += character.len_utf8();
            }
        }
        folded.origin.push(position(text.len()));
        let mut view = Self { text: Cow::Owned(folded.text), origin: folded.origin };
        view.unmask_look_alikes();
        view
    }

    /// The bytes of the original that a stretch of the view stands for.
    pub(crate) fn back(&self, range: Range<usize>) -> Range<usize> {
        if self.origin.is_empty() {
            return range;
        }
        let at =
            |index: usize| self.origin.get(index).or(self.origin.last()).map_or(0, |place| *place as usize);
        at(range.start)..at(range.end)
    }

    /// Replaces Cyrillic and Greek letters that look Latin, in words that mix them with Latin ones: no language does that, but
    /// someone who hides a name does. A word wholly of such letters is replaced where the text is mostly Latin.
    fn unmask_look_alikes(&mut self) {
        // The first bytes of U+0340 to U+053F.
        if !self.text.bytes().any(|byte| matches!(byte, 0xcd..=0xd4))
            || !self.text.chars().any(|c| latin_look_alike(c).is_some())
        {
            return;
        }
        let latin = self.text.bytes().filter(u8::is_ascii_alphabetic).count();
        let foreign = self.text.chars().filter(|c| is_greek_or_cyrillic(*c)).count();
        let old = Cow::into_owned(std::mem::take(&mut self.text));
        let mut text = String::with_capacity(old.len());
        let mut origin = Vec::with_capacity(self.origin.len());
        let places = std::mem::take(&mut self.origin);
        let mut rest = old.as_str();
        let mut at = 0_usize;
        while let Some(first) = rest.chars().next() {
            let wordlike = first.is_alphanumeric();
            let length = rest.find(|c: char| c.is_alphanumeric() != wordlike).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(length);
            let mixed = wordlike && word.bytes().any(|b| b.is_ascii_alphabetic());
            let replace = wordlike
                && word.chars().any(is_greek_or_cyrillic)
                && (mixed || latin > 4 * foreign)
                && word.chars().filter(|c| is_greek_or_cyrillic(*c)).all(|c| latin_look_alike(c).is_some());
            for (offset, character) in word.char_indices() {
                let put = if replace { latin_look_alike(character).unwrap_or(character) } else { character };
                let place = places.get(at + offset).copied().unwrap_or_default();
                text.push(put);
                origin.resize(text.len(), place);
            }
            at += length;
            rest = tail;
        }
        origin.push(places.last().copied().unwrap_or_default());
        self.text = Cow::Owned(text);
        self.origin = origin;
    }
}

/// A folded text in the making.
struct Folded {
    text: String,
    origin: Vec<u32>,
}

impl Folded {
    fn push(&mut self, character: char, at: usize) {
        if let Some(plain) = plain(character) {
            for letter in plain.chars() {
                self.put(letter, at);
            }
        } else if !vanishes(character) {
            // Forms that come apart into other than letters and digits (fractions, units in a square) stay as they are: a
            // token may not end inside of one.
            let parts = || character.nfkd().filter(|part| !is_combining_mark(*part));
            if parts().all(char::is_alphanumeric) || parts().count() == 1 {
                for part in parts() {
                    match plain(part) {
                        Some(plain) => plain.chars().for_each(|letter| self.put(letter, at)),
                        None => self.put(part, at),
                    }
                }
            } else {
                self.put(character, at);
            }
        }
    }

    /// Takes letters of ASCII that begin at `at` as they are.
    fn copy(&mut self, letters: &str, at: usize) {
        self.text.push_str(letters);
        self.origin.extend((position(at)..).take(letters.len()));
    }

    fn put(&mut self, character: char, at: usize) {
        self.text.push(character);
        self.origin.resize(self.text.len(), position(at));
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Characters without a shape of their own.
fn vanishes(c: char) -> bool {
    is_combining_mark(c)
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e007f}')
}

/// Letters, blanks and signs that no normalisation form makes plain. Digits of other scripts become ASCII.
fn plain(c: char) -> Option<&'static str> {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    const DIGIT_ZEROS: [u32; 12] =
        [0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xbe6, 0xe50, 0xed0, 0x1040, 0xff10];
    let code = u32::from(c);
    if let Some(zero) = DIGIT_ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
        return DIGITS.get((code - zero) as usize).copied();
    }
    Some(match c {
        'ß' => "ss",
        'ẞ' => "SS",
        'ø' => "o",
        'Ø' => "O",
        'æ' => "ae",
        'Æ' => "AE",
        'œ' => "oe",
        'Œ' => "OE",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' => "th",
        'Þ' => "TH",
        'ı' => "i",
        'ħ' => "h",
        'Ħ' => "H",
        'ŋ' => "n",
        'ə' => "e",
        'Ə' => "E",
        '‘' | '’' | 'ʼ' | '´' | '‛' | '′' | '＇' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '−' | '﹣' | '－' => "-",
        '⁄' | '∕' | '／' => "/",
        '·' | '․' | '。' => ".",
        '，' | '、' => ",",
        '\u{85}' | '\u{2028}' | '\u{2029}' => "\n",
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        _ => return None,
    })
}

/// A word of Greek or Cyrillic letters in the Latin ones it cannot be told from, if there are such for all of them as it is
/// written: what a text that is mostly Latin makes of it.
pub(crate) fn latin_look(word: &str) -> Option<String> {
    let foreign = word.chars().any(is_greek_or_cyrillic);
    let letter = |c: char| if is_greek_or_cyrillic(c) { latin_look_alike(c) } else { Some(c) };
    word.chars().map(letter).collect::<Option<String>>().filter(|_| foreign)
}

fn is_greek_or_cyrillic(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}')
}

/// The Latin letter that a Cyrillic or Greek one cannot be told from.
fn latin_look_alike(c: char) -> Option<char> {
    Some(match c {
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'І' | 'Ι' => 'I',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        'а' | 'α' => 'a',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'п' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'и' | 'υ' => 'u',
        'ν' => 'v',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        _ => return None,
    })
}
