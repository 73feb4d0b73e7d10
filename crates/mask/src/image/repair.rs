//! What was read wrongly in a way that is known: a digit in a word, a letter in a number. The finder, which knows words and
//! numbers, would find neither.

use std::ops::Range;

use super::known::look_alike;

/// Shorter words and numbers are left as they are: `B12`, `T10` and `1.5l` are right.
const WORD_MIN: usize = 4;
const NUMBER_MIN: usize = 6;

/// As many bytes as it takes; `None` if it is right.
type Repair = fn(&str) -> Option<Vec<u8>>;

/// The text with such letters and digits put right, each in its place, and the words and numbers that were; `None` if there are none.
pub(super) fn repaired(text: &str) -> Option<(String, Vec<Range<usize>>)> {
    let words = parts(text, char::is_alphanumeric).into_iter().map(|range| (range, word as Repair));
    let is_number = |letter: char| letter.is_alphanumeric() || matches!(letter, '/' | '-' | '.');
    let numbers = parts(text, is_number).into_iter().map(|range| (range, number as Repair));
    let mut bytes = text.as_bytes().to_vec();
    let mut places = Vec::new();
    for (range, repair) in words.chain(numbers) {
        let right = text.get(range.clone()).and_then(repair);
        if let (Some(right), Some(place)) = (right, bytes.get_mut(range.clone())) {
            place.copy_from_slice(&right);
            places.push(range);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (!places.is_empty()).then_some((text, places))
}

/// The runs of letters of a kind.
fn parts(text: &str, is_part: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| is_part(*letter)) {
        let end = at + letter.len_utf8();
        match runs.last_mut().filter(|run| run.end == at) {
            Some(run) => run.end = end,
            None => runs.push(at..end),
        }
    }
    runs
}

/// A word with one digit, or two in a long one: `Mi1ler`, `J0HNSON`; not `HbA1c`.
fn word(word: &str) -> Option<Vec<u8>> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.chars().filter(|letter| letter.is_alphabetic());
    let (count, large) =
        (letters.clone().count(), letters.clone().filter(|letter| letter.is_uppercase()).count());
    let begins_large = letters.clone().take(1).all(char::is_uppercase);
    // A word is in capitals, or begins with the only one.
    let is_large = large == count;
    let is_word = is_large || large == usize::from(begins_large);
    if digits == 0 || digits > 1 + count / 6 || digits + count < WORD_MIN || !is_word {
        return None;
    }
    let letter = |byte: u8| match (byte, is_large) {
        (b'0', true) => Some(b'O'),
        (b'0', false) => Some(b'o'),
        (b'1', true) => Some(b'I'),
        (b'1', false) => Some(b'l'),
        (b'5', true) => Some(b'S'),
        (b'5', false) => Some(b's'),
        (b'2'..=b'9', _) => None,
        (other, _) => Some(other),
    };
    word.bytes().map(letter).collect()
}

/// A number or date with a letter for each two digits at most: `O7/23/l961`.
fn number(number: &str) -> Option<Vec<u8>> {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let letters = number.chars().filter(|letter| letter.is_alphabetic()).count();
    if !number.is_ascii() || letters == 0 || 2 * letters > digits || digits + letters < NUMBER_MIN {
        return None;
    }
    let digit = |byte: u8| {
        // Of small letters only these two look like digits.
        let digit = match byte {
            b'l' => '1',
            b'o' => '0',
            other => look_alike(char::from(other)),
        };
        (!digit.is_alphabetic()).then_some(digit).and_then(|digit| u8::try_from(digit).ok())
    };
    number.bytes().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_words_and_letters_in_numbers_are_put_right_where_they_stand() {
        let repaired = |text: &str| repaired(text).map(|(text, _)| text);
        let is = |text: &str, right: &str| assert_eq!(repaired(text).as_deref(), Some(right));
        is("Ms. Candil1 tolerated", "Ms. Candill tolerated");
        is("MI1LER, HAR0LD born O7/23/l961", "MIILER, HAROLD born 07/23/1961");
        is("Müll3r or M0ller", "Müll3r or Moller");
        is("call 581-335-78l9", "call 581-335-7819");
        for right in [
            "HbA1c 6.5",
            "B12, T10, L5, SpO2 97%",
            "QVD786318819",
            "1.5l of 0.9%",
            "BP 128/76",
            "x1",
            "",
            "２０２４年",
            "אב2024-10-11",
        ] {
            assert_eq!(repaired(right), None, "{right}");
        }
        let (_, places) = super::repaired("Ms. Candil1 on O7/23/l961").unwrap();
        assert_eq!(places, [4..11, 15..25]);
    }
}
