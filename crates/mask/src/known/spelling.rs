//! Other ways of writing a name than the one that the record has.

use super::plain_words;
use crate::text::fold;

/// Words of a name that is written as one, longest.
const PARTS_MAX: usize = 4;

/// Shortest part behind an apostrophe that is a name by itself.
const PART_LETTERS: usize = 4;

/// The words of a name in its other spellings: letters with marks as two plain ones (`Mueller`), parts joined (`ONeil`, `delacruz`,
/// `annmarie`), the part behind an apostrophe alone, and letters of other scripts as the Latin ones they look like.
pub(super) fn others(name: &str) -> Vec<String> {
    let words = plain_words(name);
    let mut all = Vec::new();
    let latinised = latinised(name);
    if latinised != name {
        all.extend(plain_words(&latinised));
    }
    for word in &words {
        if let Some((_, tail)) = word.rsplit_once('\'') {
            all.push(word.replace('\'', ""));
            all.extend((tail.chars().count() >= PART_LETTERS).then(|| tail.to_owned()));
        }
        // Which letters it looks like depends on the case it is written in.
        let title: String =
            word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
        let written = [word.clone(), word.to_uppercase(), title];
        all.extend(written.iter().filter_map(|form| fold::latin_look(form)).map(|look| look.to_lowercase()));
    }
    if (2..=PARTS_MAX).contains(&words.len()) {
        all.push(words.concat().replace('\'', ""));
    }
    all
}

/// The letters with marks that languages also write as two.
fn latinised(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        out.push_str(match letter {
            'ä' | 'æ' => "ae",
            'Ä' | 'Æ' => "Ae",
            'ö' | 'ø' => "oe",
            'Ö' | 'Ø' => "Oe",
            'ü' => "ue",
            'Ü' => "Ue",
            'å' => "aa",
            'Å' => "Aa",
            _ => {
                out.push(letter);
                continue;
            }
        });
    }
    out
}

/// The letters behind a day's number: `st`, `nd`, `rd`, `th`.
pub(super) fn ordinal(day: u32) -> &'static str {
    match (day % 100, day % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_other_spellings() {
        for (name, other) in [
            ("Müller", "mueller"),
            ("Ångström", "aangstroem"),
            ("O'Connell", "oconnell"),
            ("O’Connell", "connell"),
            ("de la Cruz", "delacruz"),
            ("Ann-Marie", "annmarie"),
            ("Марк", "mapk"),
        ] {
            assert!(others(name).contains(&other.to_owned()), "{name}: {:?}", others(name));
        }
        assert!(others("Kowalski").is_empty());
    }
}
