//! Fields by their data types.

use std::ops::Range;

use formats::hl7v2::{Charset, Delimiters, escape, unescape};

use super::table::Act;
use crate::Kind;
use crate::records::inspect::Inspector;
use crate::records::{attachment, markup};
use crate::transform::{Day, MaskedText, Method, pseudonym, zip3};

/// The domain of pseudonyms for ids.
const ID: &str = "id";

/// What stands in place of a document that could not be read.
const REMOVED: &str = "[attachment removed]";

/// The two quote marks by which a sender says "delete what you have".
const NULL: &str = "\"\"";

/// What a pass over the message is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// To learn who is in it and what its texts are.
    Learn,
    /// To write it.
    Write,
}

/// Writes fields, each masked by its sort.
pub(super) struct Writer<'a> {
    delimiters: &'a Delimiters,
    charset: Charset,
    pub(super) inspector: Inspector<'a>,
    pub(super) mode: Mode,
    /// OBX-2 of the segment at hand.
    pub(super) value_type: Option<String>,
    /// Whether the date at hand is one that is looked for in texts.
    pub(super) is_birth_date: bool,
    /// All texts of the message, a line each.
    texts: String,
    /// Where each of them stands, in order.
    places: Vec<Range<usize>>,
    /// The texts masked.
    masked: Option<MaskedText>,
    next: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(delimiters: &'a Delimiters, charset: Charset, inspector: Inspector<'a>) -> Self {
        Self {
            delimiters,
            charset,
            inspector,
            mode: Mode::Learn,
            value_type: None,
            is_birth_date: false,
            texts: String::new(),
            places: Vec::new(),
            masked: None,
            next: 0,
        }
    }

    /// Searches the texts that were gathered, as one.
    pub(super) fn search(&mut self) {
        let entities = self.inspector.entities(&self.texts);
        let masked = self.inspector.masker().mask(&self.texts, &entities, &mut self.inspector.tally);
        self.inspector.tally.texts += self.places.len() as u64;
        self.masked = Some(masked);
        self.mode = Mode::Write;
    }

    /// A field with all its repetitions.
    pub(super) fn field(&mut self, raw: &str, act: Act) -> String {
        let Some(delimiter) = self.delimiters.repetition.map(char::from) else {
            return self.repetition(raw, act);
        };
        let repetitions: Vec<String> = raw.split(delimiter).map(|raw| self.repetition(raw, act)).collect();
        repetitions.join(&delimiter.to_string())
    }

    fn repetition(&mut self, raw: &str, act: Act) -> String {
        if raw.is_empty() || raw == NULL {
            return raw.to_owned();
        }
        let act = if act == Act::Observation { self.observed() } else { act };
        let delimiter = char::from(self.delimiters.component);
        if act == Act::Observation {
            return self.document(raw);
        }
        let mut components: Vec<String> = Vec::new();
        let mut has_name = false;
        for (at, raw) in raw.split(delimiter).enumerate() {
            let new = if raw.is_empty() || raw == NULL {
                raw.to_owned()
            } else {
                self.component(raw, at, act, &mut has_name)
            };
            components.push(new);
        }
        components.join(&delimiter.to_string())
    }

    /// What OBX-5 holds, by OBX-2; [`Act::Observation`] stands for a document.
    fn observed(&self) -> Act {
        match self.value_type.as_deref().unwrap_or("") {
            "NM" | "SN" | "SI" | "TM" | "MO" | "CP" => Act::Measure,
            "DT" | "TS" | "DTM" => Act::Date,
            "DR" => Act::Range,
            "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => Act::Coded,
            "ST" | "TX" | "FT" | "" => Act::Text,
            "ED" => Act::Observation,
            "XPN" | "PN" => Act::Name,
            "XCN" | "CN" | "PPN" => Act::Person,
            "CX" | "EI" | "CK" | "RP" => Act::Id,
            "XAD" | "AD" => Act::Address,
            "XTN" | "TN" => Act::Phone,
            "XON" => Act::Organization,
            "PL" => Act::Place,
            _ => Act::Unknown,
        }
    }

    /// A component that is not empty; `at` counts from 0.
    fn component(&mut self, raw: &str, at: usize, act: Act, has_name: &mut bool) -> String {
        match (act, at) {
            (Act::Keep, _) => self.leaves(raw, Self::code),
            (Act::Measure, _) => self.leaves(raw, Self::known),
            (Act::Remove, _) => self.gone(Kind::Id),
            (Act::Date, 0) | (Act::Range, 0 | 1) | (Act::Id, 6 | 7) => self.leaves(raw, Self::date),
            (Act::Date | Act::Range, _) => self.leaves(raw, Self::unknown),
            (Act::Name, 0..=5) | (Act::Person, 1..=6) => self.name(raw, has_name),
            (Act::Name, 6) | (Act::Person, 7..=9 | 11 | 12) => self.leaves(raw, Self::known),
            (Act::Name, _) | (Act::Person, 10 | 14..) => self.gone(Kind::Name),
            (Act::Person | Act::Id, 0) | (Act::Organization, 2 | 9) => self.leaves(raw, Self::id),
            (Act::Person, _) => self.leaves(raw, Self::id),
            // A check digit would tell which id it was.
            (Act::Id, 1) if raw.len() <= 2 => self.gone(Kind::Id),
            (Act::Id, _) => self.leaves(raw, Self::known),
            (Act::Number, _) => self.leaves(raw, Self::id),
            (Act::Address, _) => self.address(raw, at),
            (Act::Phone, 0) => self.leaves(raw, Self::phone),
            (Act::Phone, 3) => self.leaves(raw, Self::email),
            (Act::Phone, 1 | 2) => self.leaves(raw, Self::known),
            (Act::Phone, _) => self.gone(Kind::Phone),
            (Act::Organization, 0) => self.leaves(raw, Self::organization),
            (Act::Organization, 1) if raw.chars().any(|letter| letter.is_ascii_digit()) => {
                self.leaves(raw, Self::id)
            }
            (Act::Organization, _) => self.leaves(raw, Self::known),
            (Act::Place, 4 | 5) => self.leaves(raw, Self::known),
            (Act::Place, 8) | (Act::Coded, 1 | 4 | 8) | (Act::Text, _) => self.leaves(raw, Self::text),
            (Act::Place, _) => self.leaves(raw, Self::place),
            (Act::Coded, 0) if !raw.contains(char::is_whitespace) => self.leaves(raw, Self::known),
            // A code with spaces in it is words.
            (Act::Coded, 0) => self.leaves(raw, Self::text),
            (Act::Coded, _) => self.leaves(raw, Self::known),
            (Act::Observation | Act::Unknown, _) => self.leaves(raw, Self::unknown),
        }
    }

    /// Each leaf of a component, unescaped, as `mask` gives it back; what does not change keeps its escapes.
    fn leaves(&mut self, raw: &str, mask: fn(&mut Self, &str) -> String) -> String {
        let leaf = |writer: &mut Self, raw: &str| {
            if raw.is_empty() || raw == NULL {
                return raw.to_owned();
            }
            let text = unescape(raw, writer.delimiters, writer.charset).into_owned();
            let new = mask(writer, &text);
            if new == text { raw.to_owned() } else { escape(&new, writer.delimiters).into_owned() }
        };
        let Some(delimiter) = self.delimiters.subcomponent.map(char::from) else { return leaf(self, raw) };
        let leaves: Vec<String> = raw.split(delimiter).map(|raw| leaf(self, raw)).collect();
        leaves.join(&delimiter.to_string())
    }

    fn note(&mut self, kind: Kind, method: Method) {
        if self.mode == Mode::Write {
            self.inspector.tally.add(kind, method);
        }
    }

    fn gone(&mut self, kind: Kind) -> String {
        self.note(kind, Method::Redact);
        String::new()
    }

    fn known(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn { text.to_owned() } else { self.inspector.known(text).into_owned() }
    }

    /// A code of a table has few digits; what has many is an id that stands in the wrong field.
    fn code(&mut self, text: &str) -> String {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if digits >= 6 && !text.contains('.') { self.unknown(text) } else { self.known(text) }
    }

    fn text(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn {
            let start = self.texts.len();
            self.texts.push_str(text);
            self.places.push(start..self.texts.len());
            self.texts.push('\n');
            return text.to_owned();
        }
        let place = self.places.get(self.next).cloned();
        self.next += 1;
        // Both passes see the same texts; should they ever not, nothing is told.
        let (Some(place), Some(masked)) = (place, &self.masked) else { return String::new() };
        let edits = masked.replaced.iter().map(|one| (one.old.clone(), one.new.clone()));
        markup::put_back(&self.texts, &masked.text, edits, place)
    }

    fn date(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn && self.is_birth_date {
            let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u8>().ok());
            let year = text.get(..4).and_then(|year| year.parse().ok());
            let day = year.zip(part(4, 6)).zip(part(6, 8));
            if let Some(day) = day.and_then(|((year, month), day)| Day::from_ymd(year, month, day)) {
                self.inspector.near.date(day);
            }
        }
        let shift = self.inspector.shift;
        match shift.compact(text).or_else(|| shift.text(text)) {
            Some(shifted) => {
                self.note(Kind::Date, Method::ShiftDate);
                shifted
            }
            None => self.gone(Kind::Date),
        }
    }

    fn id(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn {
            self.inspector.near.id(text, Kind::Mrn);
        }
        self.note(Kind::Id, Method::Hash);
        pseudonym::short(self.inspector.tools.keys, ID, text.trim())
    }

    /// What stands for a thing of that kind by the plan; `None` if it stays.
    fn replacement(&mut self, kind: Kind, text: &str) -> Option<String> {
        let (new, method) = self.inspector.masker().replacement(kind, text)?;
        self.note(kind, method);
        Some(new.into_owned())
    }

    /// A part of a name: one label stands for the whole name, surrogates for each part.
    fn name(&mut self, raw: &str, has_name: &mut bool) -> String {
        let text = self.leaves(raw, |writer, text| {
            if writer.mode == Mode::Learn {
                writer.inspector.near.name(text);
            }
            text.to_owned()
        });
        let text = unescape(&text, self.delimiters, self.charset).into_owned();
        let Some(new) = self.replacement(Kind::Name, &text) else { return raw.to_owned() };
        let is_label = new.starts_with('[');
        if is_label && std::mem::replace(has_name, true) {
            return String::new();
        }
        escape(&new, self.delimiters).into_owned()
    }

    fn address(&mut self, raw: &str, at: usize) -> String {
        match at {
            3 | 5 | 6 => self.leaves(raw, Self::known),
            4 => self.leaves(raw, |writer, text| {
                if writer.mode == Mode::Learn && text.len() >= 5 {
                    writer.inspector.near.phrase(text, Kind::Zip);
                }
                writer.note(Kind::Zip, Method::Generalize);
                zip3(text, &crate::transform::SMALL_AREAS).unwrap_or_default()
            }),
            _ => {
                self.leaves(raw, |writer, text| {
                    if writer.mode == Mode::Learn {
                        writer.inspector.near.place(text, Kind::Location);
                    }
                    text.to_owned()
                });
                self.gone(Kind::Location)
            }
        }
    }

    fn phone(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn {
            self.inspector.near.phone(text);
            if text.contains('@') {
                self.inspector.near.phrase(text, Kind::Email);
            }
        }
        self.replacement(Kind::Phone, text).unwrap_or_else(|| text.to_owned())
    }

    fn email(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn {
            self.inspector.near.phrase(text, Kind::Email);
        }
        self.replacement(Kind::Email, text).unwrap_or_else(|| text.to_owned())
    }

    fn organization(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn && text.len() >= 6 {
            self.inspector.near.phrase(text, Kind::Organization);
        }
        // The same place stays the same place.
        self.note(Kind::Organization, Method::Hash);
        pseudonym::short(self.inspector.tools.keys, "organization", &text.trim().to_lowercase())
    }

    fn place(&mut self, text: &str) -> String {
        self.note(Kind::Location, Method::Hash);
        pseudonym::short(self.inspector.tools.keys, "place", &text.trim().to_lowercase())
    }

    /// A leaf of which nothing is known: time stamps shift, long numbers go, the rest is searched.
    fn unknown(&mut self, text: &str) -> String {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let is_number =
            text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b' ' | b'.' | b'+'));
        if digits >= 8
            && is_number
            && let Some(shifted) = self.inspector.shift.compact(text)
        {
            self.note(Kind::Date, Method::ShiftDate);
            return shifted;
        }
        let is_one_word = !text.contains(char::is_whitespace);
        if digits >= 6 && !text.contains('.') && (is_number || is_one_word && text.len() <= 32) {
            return self.id(text);
        }
        self.text(text)
    }

    /// An encapsulated document (ED): source, type, subtype, encoding, data.
    fn document(&mut self, raw: &str) -> String {
        let delimiter = char::from(self.delimiters.component);
        let parts: Vec<&str> = raw.splitn(5, delimiter).collect();
        let [source, ty, subtype, encoding, data] = parts.as_slice() else {
            return self.leaves(raw, Self::unknown);
        };
        let head = |source: &str| [source, ty, subtype, encoding].join(&delimiter.to_string());
        let source = self.leaves(source, Self::known);
        let is_encoded = encoding.eq_ignore_ascii_case("base64");
        if !is_encoded && encoding.eq_ignore_ascii_case("a") || encoding.is_empty() {
            let data = self.field(data, Act::Text);
            return format!("{}{delimiter}{data}", head(&source));
        }
        if self.mode == Mode::Learn {
            return raw.to_owned();
        }
        let content_type = match subtype.to_ascii_lowercase().as_str() {
            "html" | "htm" => "text/html",
            "rtf" | "richtext" => "text/rtf",
            "xml" | "x-hl7-cda-level-one" => "application/xml",
            "plain" | "txt" | "text" | "x-hl7-ft" => "text/plain",
            _ => "",
        };
        let text = unescape(data, self.delimiters, self.charset).into_owned();
        let masked =
            if is_encoded { attachment::mask_base64(&mut self.inspector, content_type, &text) } else { None };
        match masked {
            Some(document) => {
                format!("{}{delimiter}{}", head(&source), attachment::to_base64(&document.bytes))
            }
            None => {
                self.inspector.tally.removed_unread += 1;
                format!(
                    "{}{delimiter}{REMOVED}",
                    [source.as_str(), "TEXT", "", "A"].join(&delimiter.to_string())
                )
            }
        }
    }
}
