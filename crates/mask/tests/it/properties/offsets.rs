//! Places are right, in bytes and in characters, among letters of any width.

use mask::{Profile, Style, in_characters};
use proptest::prelude::*;

use super::{desk, wishes};
use crate::invariants::Plain;
use crate::support::cases;

/// Values that are found by their form wherever they stand in a line of their own.
const PLANTED: [&str; 8] = [
    "219-09-9999",
    "ann.lee@mail.example.org",
    "(555) 014-2230",
    "March 14, 2026",
    "192.168.17.4",
    "https://portal.example.org/p/17?x=2",
    "４１１１ １１１１ １１１１ １１１１",
    "1M8GDM9AXKP042788",
];

/// Letters that take several bytes or several characters, join, turn or have no width.
fn odd() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(
            &[
                "🙂",
                "👩‍⚕️",
                "e\u{301}",
                "שלום",
                "مرحبا",
                "ﷺ",
                "½",
                "ß",
                "\u{200b}",
                "\u{202e}",
                "漢字",
                "ก็",
                "\u{1f1e9}\u{1f1ea}",
                "İ"
            ][..]
        )
        .prop_map(str::to_owned),
        "\\PC{1,4}",
        Just(" ".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn places_in_bytes_and_characters_lead_to_what_was_planted(
        lines in prop::collection::vec((odd(), prop::sample::select(&PLANTED[..])), 1..6), style in prop::sample::select(&Style::ALL[..]),
    ) {
        let mut text = String::new();
        let mut planted = Vec::new();
        for (odd, value) in &lines {
            text.push_str(&format!("{odd}\n\n"));
            planted.push(text.len()..text.len() + value.len());
            text.push_str(&format!("{value}\n\n"));
        }
        let note = desk().text(&text, &Plain, &wishes(style, Profile::SafeHarbor, None));
        for (range, (_, value)) in planted.iter().zip(&lines) {
            prop_assert!(note.entities.iter().any(|entity| entity.range == *range), "{value}: {:?}", note.entities);
        }
        let letters: Vec<char> = text.chars().collect();
        let ranges = note.entities.iter().map(|entity| entity.range.clone());
        for (entity, range) in note.entities.iter().zip(in_characters(&text, ranges)) {
            let in_bytes = text.get(entity.range.clone());
            prop_assert!(in_bytes.is_some(), "{entity:?} is not on characters");
            let in_letters: String = letters[range].iter().collect();
            prop_assert_eq!(in_bytes, Some(in_letters.as_str()));
        }
        prop_assert!(note.entities.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
    }
}
