//! Free text: where it stands in a resource, and the words that it is made of.
//!
//! What people write or read counts: narrative, `markdown` and `string` elements, in contained resources and extensions too.
//! What machines compare does not: ids, codes, URIs, identifiers, telephone numbers and addresses of mail; they have search
//! parameters of their own. Not here: asking for words ([`super::query::text`]), finding them (the store).
//!
//! Source: FHIR R4 3.1.1.4.16 (`_text`, `_content`).

use crate::definitions::{self, Primitive, Type};
use crate::json::Value;

use super::normalise;

/// Words are cut to this length; queries are cut alike.
pub const WORD_BYTES_MAX: usize = 64;

/// Values nested deeper than this are not looked into; valid resources are not.
const DEPTH_MAX: usize = 64;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the narrative of the resource (`text.div`): what `_text` searches, and `_content` too.
    Narrative,
    /// Anywhere else: what only `_content` searches.
    Element,
}

/// Gives every text of `resource` to `found`, in the order of the resource. A narrative comes in pieces, one for each block,
/// without tags and with its entities read. Values that are not as the definitions say give nothing.
pub fn texts(resource: &Value, found: &mut dyn FnMut(Place, &str)) {
    if let Some(ty) = resource.resource_type().and_then(definitions::resource_named) {
        members(resource, ty, true, 0, found);
    }
}

fn members(
    value: &Value,
    ty: &'static Type,
    outermost: bool,
    depth: usize,
    found: &mut dyn FnMut(Place, &str),
) {
    let (Some(object), true) = (value.as_object(), depth < DEPTH_MAX) else { return };
    for (name, member) in object.iter() {
        let Some(property) = ty.property(name) else { continue };
        // The `id` of an element is a string in the definitions, yet it is no text.
        if name == "id" {
            continue;
        }
        match property.ty.primitive {
            Some(Primitive::String | Primitive::Markdown) => {
                member
                    .elements()
                    .iter()
                    .filter_map(Value::as_str)
                    .for_each(|text| found(Place::Element, text));
            }
            Some(Primitive::Xhtml) => {
                // The narrative of a contained resource is a text of the container, not its narrative.
                let place = if outermost { Place::Narrative } else { Place::Element };
                if let Some(markup) = member.as_str() {
                    pieces(markup, &mut |piece| found(place, piece));
                }
            }
            Some(_) => {}
            None if matches!(property.ty.name, "Identifier" | "ContactPoint" | "Meta") => {}
            None => {
                for element in member.elements() {
                    let is_resource = property.ty.kind == definitions::Kind::Resource;
                    let ty = match element.resource_type().filter(|_| is_resource) {
                        Some(name) => definitions::resource_named(name),
                        None => Some(property.ty),
                    };
                    if let Some(ty) = ty {
                        let inside = outermost && property.ty.name == "Narrative";
                        members(element, ty, inside, depth + 1, found);
                    }
                }
            }
        }
    }
}

/// Tags that change how letters look and do not part words.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdo", "big", "cite", "code", "dfn", "em", "font", "i", "kbd", "q", "s",
    "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var",
];

/// The texts between the block tags of a piece of XHTML or HTML, without tags and with entities read.
pub fn pieces(markup: &str, found: &mut dyn FnMut(&str)) {
    let mut piece = String::new();
    let mut rest = markup;
    loop {
        let at = rest.find(['<', '&']).unwrap_or(rest.len());
        let (text, after) = rest.split_at(at);
        piece.push_str(text);
        if let Some(tag) = after.strip_prefix('<') {
            let end = if tag.starts_with("!--") { tag.find("-->").map(|end| end + 2) } else { tag.find('>') };
            let inside = end.and_then(|end| tag.get(..end)).unwrap_or(tag);
            let name = inside.trim_start_matches('/');
            let name = name.split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
            if !INLINE.iter().any(|inline| inline.eq_ignore_ascii_case(name)) {
                flush(&mut piece, found);
            }
            rest = end.and_then(|end| tag.get(end + 1..)).unwrap_or_default();
        } else if let Some(entity) = after.strip_prefix('&') {
            let end = entity.find(';').filter(|end| *end <= ENTITY_BYTES_MAX);
            let Some(end) = end else {
                piece.push(' ');
                rest = entity;
                continue;
            };
            piece.push(entity.get(..end).and_then(character).unwrap_or(' '));
            rest = entity.get(end + 1..).unwrap_or_default();
        } else {
            flush(&mut piece, found);
            return;
        }
    }
}

fn flush(piece: &mut String, found: &mut dyn FnMut(&str)) {
    if !piece.trim().is_empty() {
        found(piece);
    }
    piece.clear();
}

/// The longest entity that is read.
const ENTITY_BYTES_MAX: usize = 10;

/// The character of an entity: numbered ones, those of XML, and letters of Latin-1 by their base, which is all that counts.
fn character(entity: &str) -> Option<char> {
    if let Some(number) = entity.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return code.ok().and_then(char::from_u32);
    }
    let marked = ["acute", "grave", "circ", "uml", "tilde", "cedil", "ring", "slash", "caron"];
    let mut letters = entity.chars();
    let base = letters.next().filter(char::is_ascii_alphabetic)?;
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" | "rsquo" | "lsquo" => Some('\''),
        "szlig" => Some('ß'),
        "aelig" | "AElig" => Some('æ'),
        "oelig" | "OElig" => Some('œ'),
        "eth" | "ETH" => Some('ð'),
        "thorn" | "THORN" => Some('þ'),
        _ if marked.contains(&letters.as_str()) => Some(base),
        _ => None,
    }
}

/// Gives each word of `text` to `found`, in order, made comparable as [`normalise::string`] says.
///
/// A word is a run of letters and digits, cut to [`WORD_BYTES_MAX`] bytes. Of scripts that put no spaces between words
/// (Han, Kana) each character is a word.
pub fn words(text: &str, found: &mut dyn FnMut(&str)) {
    if text.is_ascii() {
        // Most texts: no letter changes but for its case.
        let mut room = [0_u8; WORD_BYTES_MAX];
        for word in text.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let mut length = 0;
            for (to, from) in room.iter_mut().zip(word.bytes()) {
                *to = from.to_ascii_lowercase();
                length += 1;
            }
            if let Some(word) = room.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()) {
                found(word);
            }
        }
        return;
    }
    let normal = normalise::string(text);
    for run in normal.split(|char: char| !char.is_alphanumeric()).filter(|run| !run.is_empty()) {
        let mut start = 0;
        for (at, char) in run.char_indices() {
            if stands_alone(char) {
                give(run.get(start..at), found);
                start = at + char.len_utf8();
                give(run.get(at..start), found);
            }
        }
        give(run.get(start..), found);
    }
}

fn give(word: Option<&str>, found: &mut dyn FnMut(&str)) {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return };
    let mut end = word.len().min(WORD_BYTES_MAX);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    found(word.get(..end).unwrap_or_default());
}

/// Letters of scripts without spaces between words.
const fn stands_alone(char: char) -> bool {
    matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn split(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        words(text, &mut |word| all.push(word.to_owned()));
        all
    }

    fn read(json: &str) -> Vec<(Place, String)> {
        let mut all = Vec::new();
        texts(&parse(json.as_bytes(), &Limits::default()).unwrap(), &mut |place, text| {
            all.push((place, text.to_owned()));
        });
        all
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_without_case_and_accents() {
        for (text, expected) in [
            ("Heart failure, NYHA-II", &["heart", "failure", "nyha", "ii"][..]),
            ("Ångström's  Straße", &["angstrom", "s", "strasse"]),
            ("120/80 mmHg", &["120", "80", "mmhg"]),
            ("患者x李", &["患", "者", "x", "李"]),
            ("", &[]),
            ("-- … --", &[]),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
        assert_eq!(split(&"x".repeat(100)), ["x".repeat(WORD_BYTES_MAX)]);
        assert!(split(&"é".repeat(100)).iter().all(|word| word.len() <= WORD_BYTES_MAX));
    }

    #[test]
    fn a_narrative_is_read_block_by_block_without_its_tags() {
        let text = r#"{"resourceType":"Basic","text":{"status":"additional","div":
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title='no'>H<b>ea</b>rt &amp; M&uuml;ller&#228;<!-- n > o --></p><td>one</td><td>two</td>a < b</div>"}}"#;
        let pieces: Vec<String> = read(text)
            .into_iter()
            .map(|(place, piece)| {
                assert_eq!(place, Place::Narrative);
                piece
            })
            .collect();
        assert_eq!(pieces, ["Heart & Mullerä", "one", "two", "a "]);
    }

    #[test]
    fn what_people_read_is_text_and_what_machines_compare_is_not() {
        let found = read(
            r#"{"resourceType":"Patient","id":"a","meta":{"tag":[{"display":"no"}]},"language":"en",
            "identifier":[{"value":"no"}],"telecom":[{"value":"no"}],
            "name":[{"id":"no","family":"Family","given":["One","Two"],"_given":[null,{"id":"no"}]}],
            "contained":[{"resourceType":"Organization","id":"no","name":"Inside","text":{"div":"<div>Below</div>"}}],
            "extension":[{"url":"http://no.example","valueString":"Extended"}],
            "communication":[{"language":{"coding":[{"system":"http://no.example","code":"no","display":"Shown"}],"text":"Written"}}],
            "unknown":{"text":"no"},"photo":[{"title":7}]}"#,
        );
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["Family", "One", "Two", "Inside", "Below", "Extended", "Shown", "Written"]);
        assert!(found.iter().all(|(place, _)| *place == Place::Element));
    }

    proptest::proptest! {
        #[test]
        fn no_markup_stops_the_reading_and_words_stay_as_they_are(text in "\\PC*") {
            pieces(&text, &mut |_| {});
            for word in split(&text) {
                proptest::prop_assert_eq!(split(&word), [word.clone()]);
            }
        }
    }
}
