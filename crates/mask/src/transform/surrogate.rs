//! Surrogates: another name, street or number in place of the real one, always the same for the same input and keys.
//!
//! Names are replaced word by word, so that `John Smith`, `SMITH, JOHN` and `Mr. Smith` stay the same person. What is kept: whether a
//! given name is a woman's or a man's (where our lists know it), the script, the letter case, the rough length, initials,
//! titles and suffixes. Surrogates are not marked: a text with them, masked again, gets others.

mod lists;
mod numbers;

use super::written::in_case_of;
use crate::text::fold::View;
use crate::{Keys, Kind};
use lists::{Pool, Script, gender_of, pool_for, script_of};

/// Words beside names that say nothing about who it is.
const TITLES: [&str; 33] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "sir",
    "dame",
    "rev",
    "sr",
    "jr",
    "ii",
    "iii",
    "iv",
    "md",
    "rn",
    "np",
    "phd",
    "dds",
    "dmd",
    "pharmd",
    "lpn",
    "cna",
    "esq",
    "nurse",
    "doctor",
    "professor",
    "mme",
    "herr",
    "frau",
    "señor",
    "señora",
];

/// Words of addresses that stay, with their usual short forms.
const ADDRESS_WORDS: [&str; 46] = [
    "street",
    "st",
    "avenue",
    "ave",
    "road",
    "rd",
    "drive",
    "dr",
    "lane",
    "ln",
    "court",
    "ct",
    "boulevard",
    "blvd",
    "place",
    "pl",
    "way",
    "circle",
    "cir",
    "terrace",
    "ter",
    "parkway",
    "pkwy",
    "highway",
    "hwy",
    "square",
    "sq",
    "apt",
    "apartment",
    "suite",
    "ste",
    "unit",
    "floor",
    "fl",
    "room",
    "rm",
    "po",
    "box",
    "n",
    "s",
    "e",
    "w",
    "usa",
    "us",
    "of",
    "county",
];

/// Words of names of hospitals and other organisations that stay.
const ORGANIZATION_WORDS: [&str; 36] = [
    "hospital",
    "clinic",
    "medical",
    "center",
    "centre",
    "health",
    "healthcare",
    "care",
    "associates",
    "group",
    "university",
    "college",
    "school",
    "general",
    "memorial",
    "regional",
    "community",
    "children's",
    "childrens",
    "institute",
    "system",
    "services",
    "pharmacy",
    "laboratory",
    "labs",
    "practice",
    "the",
    "of",
    "and",
    "for",
    "inc",
    "llc",
    "ltd",
    "company",
    "surgery",
    "insurance",
];

/// A surrogate for `text`, a thing of that kind. `None` where none can be made: dates (they are shifted), ages (top-coded), and
/// names in scripts that there are no lists for.
pub fn surrogate(keys: &dyn Keys, kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Name => words(keys, text, &TITLES, &|word| name(keys, word)),
        Kind::Location => {
            let place = |word: &str| from_pool(keys, "place", word, &pool_for(Script::Latin, Pool::Places)?);
            words(keys, text, &ADDRESS_WORDS, &place)
        }
        Kind::Organization => {
            let name = |word: &str| from_pool(keys, "place", word, &pool_for(Script::Latin, Pool::Cities)?);
            words(keys, text, &ORGANIZATION_WORDS, &name)
        }
        Kind::Zip => super::zip3(text, &super::SMALL_AREAS),
        Kind::Date | Kind::Age => None,
        Kind::Phone | Kind::Fax => Some(numbers::phone(keys, text)),
        Kind::Email => Some(numbers::email(keys, text)),
        Kind::Url => Some(numbers::url(keys, text)),
        Kind::Ip => Some(numbers::ip(keys, text)),
        Kind::Ssn => Some(numbers::ssn(keys, text)),
        Kind::Mrn
        | Kind::HealthPlan
        | Kind::Account
        | Kind::License
        | Kind::Vehicle
        | Kind::Device
        | Kind::Id => Some(numbers::id(keys, super::kind_name(kind), text)),
    }
}

/// Replaces the words of a text that are not in `kept`; digits become others, everything else stays.
fn words(
    keys: &dyn Keys,
    text: &str,
    kept: &[&str],
    replace: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_word = |found: char| found.is_alphabetic() || is_mark(found);
        if letter.is_ascii_digit() {
            let end = rest.find(|found: char| !found.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at_checked(end)?;
            out.push_str(&numbers::digits(keys, "number", number));
            rest = after;
        } else if letter.is_alphabetic() {
            let end = word_end(rest, is_word);
            let (word, after) = rest.split_at_checked(end)?;
            if kept.contains(&word.to_lowercase().as_str()) {
                out.push_str(word);
            } else {
                out.push_str(&replace(word)?);
            }
            rest = after;
        } else {
            out.push(letter);
            rest = rest.get(letter.len_utf8()..)?;
        }
    }
    Some(out)
}

/// A word goes on over an apostrophe that a letter follows.
fn word_end(text: &str, is_word: impl Fn(char) -> bool) -> usize {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let goes_on = is_word(letter)
            || matches!(letter, '\'' | '’') && letters.peek().is_some_and(|(_, next)| next.is_alphabetic());
        if !goes_on {
            return at;
        }
    }
    text.len()
}

/// Combining marks belong to the letter before them.
fn is_mark(letter: char) -> bool {
    matches!(u32::from(letter), 0x300..=0x36f | 0x591..=0x5c7 | 0x610..=0x61a | 0x64b..=0x65f)
}

fn name(keys: &dyn Keys, word: &str) -> Option<String> {
    let script = script_of(word)?;
    let letters = word.chars().count();
    if script == Script::Latin && letters == 1 {
        return Some(in_case_of(word, &initial(keys, word)));
    }
    // `'s` stays behind the name.
    if let Some((name_part, ending)) = word.rsplit_once(['\'', '’']).filter(|(_, ending)| *ending == "s") {
        let apostrophe = word.get(name_part.len()..word.len() - ending.len())?;
        return Some(format!("{}{apostrophe}s", name(keys, name_part)?));
    }
    if script.is_syllabic() {
        return syllables(keys, word, script);
    }
    let pool = pool_for(script, Pool::Names(gender_of(word)))?;
    from_pool(keys, "name", word, &pool)
}

fn initial(keys: &dyn Keys, letter: &str) -> String {
    let letter = plain(letter);
    let number = number(keys, "initial", &letter);
    let own = letter.bytes().next().unwrap_or(b'a').wrapping_sub(b'a');
    // One of the 25 other letters.
    let step = u8::try_from(number % 25).unwrap_or(0) + 1;
    char::from(b'a' + (own.min(25) + step) % 26).to_string()
}

fn syllables(keys: &dyn Keys, word: &str, script: Script) -> Option<String> {
    let first = pool_for(script, Pool::Surnames)?;
    let rest = pool_for(script, Pool::Names(None))?;
    word.chars()
        .enumerate()
        .map(|(at, letter)| {
            let pool = if at == 0 { &first } else { &rest };
            let own = letter.to_string();
            let others: Vec<&'static str> = pool.iter().copied().filter(|other| *other != own).collect();
            from_pool(keys, "syllable", &format!("{at}{letter}"), &others)
        })
        .collect()
}

/// One of the pool, of about the same length, in the same letter case, but not the word itself.
fn from_pool(keys: &dyn Keys, domain: &str, word: &str, pool: &[&'static str]) -> Option<String> {
    // As the finders see it, so that `YILDIRIM` is `Yıldırım` and `Nunez` is `Núñez`.
    let lower = plain(word);
    let length = lower.chars().count();
    let fits = |slack: usize| -> Vec<&'static str> {
        pool.iter()
            .copied()
            .filter(|other| other.chars().count().abs_diff(length) <= slack && plain(other) != lower)
            .collect()
    };
    let candidates = (1..=40).map(fits).find(|found| found.len() >= 12.min(pool.len().saturating_sub(1)))?;
    let at = number(keys, domain, &lower) % (candidates.len() as u64).max(1);
    candidates.get(usize::try_from(at).ok()?).map(|found| in_case_of(word, &found.to_lowercase()))
}

/// A word in small letters without marks.
fn plain(word: &str) -> String {
    View::of(word).text.to_lowercase()
}

/// The first eight bytes of the MAC of a value.
fn number(keys: &dyn Keys, domain: &str, value: &str) -> u64 {
    let mac = super::pseudonym::mac(keys, "surrogate", domain, value.as_bytes());
    mac.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
