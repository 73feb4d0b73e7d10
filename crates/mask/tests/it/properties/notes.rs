//! Made-up notes: sentences, headed lines, tables and noise, with places for what is planted.

use std::ops::Range;

use proptest::prelude::*;

/// What stands around a planted value.
const CARRIERS: [(&str, &str); 20] = [
    ("Seen today: ", " for follow-up of hypertension."),
    ("Patient: ", "\n"),
    ("spoke with ", " by phone; lungs are clear"),
    ("Chest film (", ") shows no effusion."),
    ("The label said \"", "\"."),
    ("| ", " | 12.4 g/dL |"),
    ("Results were sent for ", ", copy to file"),
    ("\t", "\t"),
    ("Re: ", " - discharge summary"),
    ("DOB/name ", "\r\nVitals stable"),
    ("ASSESSMENT AND PLAN FOR ", ":\n1. Continue aspirin"),
    ("- ", "\n- denies fever"),
    ("contact ", " / next of kin"),
    ("history of falls, lives near ", " with family"),
    ("<p>", "</p>"),
    ("note=", ";"),
    ("wound check for ", "… healing well"),
    ("* ", " *"),
    ("🙂 ", " 🩺 seen"),
    ("the abdomen of ", " is soft and non-tender."),
];

/// Pieces that notes are made of, and that hide what stands beside them if anything does.
pub(super) fn noise() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => prop::sample::select(&[
            "Blood pressure 148/82, pulse 96.", "No acute distress.", "Metformin 500 mg twice daily.", "Dr. ", "MRN: ", "[NAME] ",
            "[DATE], ", "Hx of Crohn's disease", "at St. ", "call ", "PLAN:", "on ", "Ms. ", "92-year-old ", "zip ", "Springfield, IL 62704. ",
            "in ", "Reported by ", "Attending: ", "daughter ", "Quarry Hill Medical Center", "account ", "3/4/25", "\u{200b}", "é", "(", ")",
            "Anna Kowalski", "Smith, John", "Jones", "Brown ", "#", "@", ", ", ". ", "\n", "\n\n",
        ][..]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => "[A-Z][a-z]{1,8}",
        1 => "[a-z]{1,9}",
        1 => "[0-9]{1,9}[-/. :]?",
    ];
    prop::collection::vec((piece, prop::sample::select(&["", " ", "\n"][..])), 0..24)
        .prop_map(|pieces| pieces.iter().map(|(piece, gap)| format!("{piece}{gap}")).collect())
}

/// A note and where in it each planted value stands.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) planted: Vec<Range<usize>>,
}

/// A note of these values, each in a carrier, with noise between them.
pub(super) fn note(values: &[String], carriers: &[usize], noise: &[String]) -> Note {
    let mut text = String::new();
    let mut planted = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let (before, after) = CARRIERS[carriers[at % carriers.len()] % CARRIERS.len()];
        text.push_str(noise.get(at).map_or("", String::as_str));
        text.push_str("\n\n");
        text.push_str(before);
        let start = text.len();
        text.push_str(value);
        planted.push(start..text.len());
        text.push_str(after);
        text.push('\n');
    }
    Note { text, planted }
}

/// How a value may be written so that it looks the same: with a sign of no width inside, or other blanks.
pub(super) fn disguised(value: &str, how: u8, place: usize) -> String {
    let places: Vec<usize> = value.char_indices().map(|(at, _)| at).skip(1).collect();
    let at = places.get(place % places.len().max(1)).copied().unwrap_or(value.len());
    let inside = |sign: &str| format!("{}{sign}{}", &value[..at], &value[at..]);
    match how % 8 {
        0 => inside("\u{200b}"),
        1 => inside("\u{ad}"),
        2 => inside("\u{feff}"),
        3 => value.replace(' ', "  "),
        4 => value.replace(' ', "\u{a0}"),
        5 => format!("\u{202a}{value}\u{202c}"),
        _ => value.to_owned(),
    }
}
