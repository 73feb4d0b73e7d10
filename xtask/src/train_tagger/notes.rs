//! Whole notes with marked identifiers (`training/notes`), taken over and over with other names, places and numbers in them.

use mask::tagger::CLASSES;

use super::draw::Draw;
use super::pools::Pools;
use super::texts::Text;

/// Texts in a file are parted by a line of these.
const BETWEEN: &str = "\n=====\n";

/// Marks of what other finders look for; the tagger learns that they are nothing of its own.
const OTHERS: [&str; 3] = ["DATE", "CONTACT", "AGE90"];

/// A piece of a note, and its class if it is marked.
struct Piece {
    text: String,
    class: Option<usize>,
}

/// Notes as they were written.
#[derive(Default)]
pub(super) struct Notes {
    notes: Vec<Vec<Piece>>,
}

impl Notes {
    /// Adds the notes of a file: `⟦NAME:Ann Lee⟧ was seen`.
    pub(super) fn read(&mut self, source: &str) -> Result<(), String> {
        for note in source.split(BETWEEN).map(str::trim).filter(|note| !note.is_empty()) {
            self.notes.push(pieces(note)?);
        }
        Ok(())
    }

    pub(super) fn count(&self) -> usize {
        self.notes.len()
    }

    /// One of the notes, most of its names and places replaced.
    pub(super) fn text(&self, pools: &Pools, draw: &mut Draw) -> Text {
        let mut out = Text::default();
        let style = draw.below(100);
        for piece in draw.one(&self.notes).map(Vec::as_slice).unwrap_or_default() {
            let text = match piece.class {
                Some(class) => {
                    other(&piece.text, CLASSES.get(class).copied().unwrap_or_default(), pools, draw)
                }
                None => piece.text.clone(),
            };
            let text = match style {
                0..8 => text.to_lowercase(),
                8..12 => text.to_uppercase(),
                _ => text,
            };
            let start = out.text.len();
            out.text.push_str(&text);
            if let Some(class) = piece.class {
                out.spans.push((start..out.text.len(), class));
            }
        }
        out
    }
}

fn pieces(note: &str) -> Result<Vec<Piece>, String> {
    let mut found = Vec::new();
    let mut rest = note;
    while let Some((plain, tail)) = rest.split_once('⟦') {
        found.push(Piece { text: plain.to_owned(), class: None });
        let (mark, tail) =
            tail.split_once('⟧').ok_or_else(|| format!("a mark without end: {}", head(tail)))?;
        let (label, text) =
            mark.split_once(':').ok_or_else(|| format!("a mark without label: {}", head(mark)))?;
        let class = CLASSES.iter().position(|class| *class == label);
        if class.is_none() && !OTHERS.contains(&label) {
            return Err(format!("no class {label}"));
        }
        found.push(Piece { text: text.to_owned(), class });
        rest = tail;
    }
    found.push(Piece { text: rest.to_owned(), class: None });
    Ok(found)
}

fn head(text: &str) -> String {
    text.chars().take(30).collect()
}

/// Another text of the same class and form.
fn other(text: &str, class: &str, pools: &Pools, draw: &mut Draw) -> String {
    match class {
        "NAME" if draw.percent(70) => name(text, pools, draw),
        "PLACE" if text.contains(|c: char| c.is_ascii_digit()) => number(text, draw),
        "PLACE" if draw.percent(60) => like(text, &pools.city(draw)),
        "STREET" | "ID" => number(text, draw),
        _ => text.to_owned(),
    }
}

/// Other words in the order and letters of a name.
fn name(text: &str, pools: &Pools, draw: &mut Draw) -> String {
    let is_part = |c: char| c.is_alphabetic() || matches!(c, '\'' | '’');
    let words = text.split(|c| !is_part(c)).filter(|word| word.chars().count() > 1).count();
    let comma = text.find(',');
    let mut out = String::new();
    let (mut rest, mut at) = (text, 0);
    while !rest.is_empty() {
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(length);
        let letters = word.chars().count();
        match letters {
            0 => {}
            1 => out.push_str(&like(word, &initial(draw))),
            _ if is_fixed(word) => {
                out.push_str(word);
                at += 1;
            }
            _ => {
                at += 1;
                let place = text.len() - rest.len();
                let is_family = match comma {
                    Some(comma) => place < comma,
                    None if words == 1 => draw.percent(50),
                    None => at == words,
                };
                out.push_str(&like(word, &latin(is_family, pools, draw)));
            }
        }
        let signs = tail.find(is_part).unwrap_or(tail.len());
        out.push_str(tail.get(..signs).unwrap_or_default());
        rest = tail.get(signs..).unwrap_or_default();
    }
    out
}

/// Parts that stay what they are in every name.
fn is_fixed(word: &str) -> bool {
    const FIXED: [&str; 26] = [
        "van", "der", "den", "de", "da", "do", "dos", "la", "le", "del", "di", "du", "von", "al", "el",
        "bin", "ibn", "binti", "ap", "st", "jr", "sr", "ii", "iii", "iv", "abu",
    ];
    FIXED.contains(&word.to_lowercase().as_str())
}

/// A given or family name of one word in Latin letters.
fn latin(is_family: bool, pools: &Pools, draw: &mut Draw) -> String {
    let mut word = String::new();
    for _ in 0..8 {
        let person = pools.person(draw);
        word = if is_family { person.family } else { person.given };
        if word.is_ascii() && !word.contains(' ') {
            break;
        }
    }
    word
}

fn initial(draw: &mut Draw) -> String {
    char::from(b'A' + draw.below(26) as u8).to_string()
}

/// A text in the case of another.
fn like(case: &str, text: &str) -> String {
    let has = |test: fn(char) -> bool| case.chars().any(test);
    match (has(char::is_uppercase), has(char::is_lowercase)) {
        (true, false) if case.chars().count() > 1 => text.to_uppercase(),
        (false, true) => text.to_lowercase(),
        _ => text.to_owned(),
    }
}

/// Other digits and, mostly, other capitals where a word has digits.
fn number(text: &str, draw: &mut Draw) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let is_code = word.contains(|c: char| c.is_ascii_digit());
        let letters = is_code && draw.percent(50);
        for c in word.chars() {
            out.push(match c {
                '0'..='9' => char::from(b'0' + draw.below(10) as u8),
                'A'..='Z' if letters => char::from(b'A' + draw.below(26) as u8),
                _ => c,
            });
        }
    }
    out
}
