//! The walk over a document's events.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::place::{Frame, Text, is_structural};
use super::{ATTRIBUTES_MAX, CcdaError, DEPTH_MAX};
use crate::Kind;
use crate::records::attachment;
use crate::records::inspect::Inspector;
use crate::records::markup::{self, escaped, resolved};
use crate::records::near::Near;
use crate::transform::{Day, Method, SMALL_AREAS, Tally, pseudonym, zip3};

/// The domain of pseudonyms for ids.
const ID: &str = "id";

/// The null flavour of what is known but not told. HL7 v3 NullFlavor.
const MASKED: &str = "MSK";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Learn,
    Write,
}

/// One pass over a document.
pub(super) struct Walk<'a> {
    mode: Mode,
    inspector: Inspector<'a>,
    out: String,
    frames: Vec<Frame>,
    /// Text since the last tag.
    text: String,
    patient: Option<String>,
    /// The media type of the base 64 whose text comes next, and where its start tag stands in the output.
    encoded: Option<(String, usize)>,
}

impl<'a> Walk<'a> {
    pub(super) fn learn(inspector: Inspector<'a>) -> Self {
        Self::new(Mode::Learn, inspector)
    }

    pub(super) fn write(inspector: Inspector<'a>) -> Self {
        Self::new(Mode::Write, inspector)
    }

    fn new(mode: Mode, inspector: Inspector<'a>) -> Self {
        let (out, text) = (String::new(), String::new());
        Self { mode, inspector, out, frames: Vec::new(), text, patient: None, encoded: None }
    }

    /// What is known of the people, and the patient's id.
    pub(super) fn learnt(self) -> (Near, Option<String>) {
        (self.inspector.near, self.patient)
    }

    /// The masked document and what was done.
    pub(super) fn written(self) -> (String, Tally) {
        (self.out, self.inspector.tally)
    }

    pub(super) fn run(&mut self, document: &str) -> Result<(), CcdaError> {
        let mut reader = Reader::from_str(document);
        reader.config_mut().check_end_names = true;
        let mut seen_root = false;
        loop {
            match reader.read_event().map_err(|_| CcdaError::Malformed)? {
                Event::Start(tag) => {
                    self.flush();
                    self.start(&tag, false, &mut seen_root)?;
                    let (frame, above) = self.top_two();
                    if frame.is_some_and(|frame| frame.is_narrative(above)) {
                        self.narrative(&mut reader, document)?;
                    }
                }
                Event::Empty(tag) => {
                    self.flush();
                    self.start(&tag, true, &mut seen_root)?;
                    self.frames.pop();
                }
                Event::End(tag) => {
                    self.flush();
                    self.out.push_str("</");
                    self.out.push_str(tag.name().as_ref());
                    self.out.push('>');
                    self.frames.pop();
                }
                Event::Text(text) => self.text.push_str(&text),
                Event::CData(text) => self.text.push_str(&text),
                Event::GeneralRef(reference) => self.text.push(letter_of(&reference)?),
                Event::DocType(_) => return Err(CcdaError::DocumentType),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if seen_root && self.frames.is_empty() { Ok(()) } else { Err(CcdaError::Malformed) }
    }

    fn top_two(&self) -> (Option<&Frame>, Option<&Frame>) {
        let above = self.frames.len().checked_sub(2).and_then(|at| self.frames.get(at));
        (self.frames.last(), above)
    }

    /// A section's words with their tags, up to the end tag, which is left to the loop.
    fn narrative(&mut self, reader: &mut Reader<&[u8]>, document: &str) -> Result<(), CcdaError> {
        let position =
            |reader: &Reader<&[u8]>| usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let start = position(reader);
        let mut depth = 0_usize;
        let end = loop {
            let before = position(reader);
            match reader.read_event().map_err(|_| CcdaError::Malformed)? {
                Event::Start(_) => depth += 1,
                Event::End(tag) if depth == 0 => {
                    let inner = document.get(start..before).ok_or(CcdaError::Malformed)?;
                    if self.mode == Mode::Write {
                        let masked = markup::mask(&mut self.inspector, inner, true);
                        self.out.push_str(&masked);
                    }
                    break tag.name().as_ref().to_owned();
                }
                Event::End(_) => depth -= 1,
                Event::DocType(_) => return Err(CcdaError::DocumentType),
                Event::Eof => return Err(CcdaError::Malformed),
                _ => {}
            }
            if depth + self.frames.len() > DEPTH_MAX {
                return Err(CcdaError::TooDeep);
            }
        };
        self.out.push_str("</");
        self.out.push_str(&end);
        self.out.push('>');
        self.frames.pop();
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>, is_empty: bool, seen_root: &mut bool) -> Result<(), CcdaError> {
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| CcdaError::Malformed)?;
            if attributes.len() >= ATTRIBUTES_MAX {
                return Err(CcdaError::TooManyAttributes);
            }
            attributes.push((attribute.key.as_ref().to_owned(), resolved(&attribute.value).into_owned()));
        }
        let find = |name: &str| {
            attributes.iter().find(|(key, _)| local(key) == name).map_or("", |(_, value)| value.as_str())
        };
        let name = tag.local_name().as_ref().to_owned();
        let frame = Frame::open(&name, self.frames.last(), find("type"), find("classCode"));
        if self.frames.is_empty() && (std::mem::replace(seen_root, true) || name != "ClinicalDocument") {
            return Err(CcdaError::NotCda);
        }
        if self.frames.len() >= DEPTH_MAX {
            return Err(CcdaError::TooDeep);
        }
        self.frames.push(frame);
        let start = self.out.len();
        if !is_empty && find("representation") == "B64" {
            self.encoded = Some((find("mediaType").to_owned(), start));
        }
        self.tag(tag.name().as_ref(), &name, &attributes, is_empty);
        Ok(())
    }

    fn tag(&mut self, qualified: &str, name: &str, attributes: &[(String, String)], is_empty: bool) {
        self.out.push('<');
        self.out.push_str(qualified);
        let is_told_null = attributes.iter().any(|(key, _)| key == "nullFlavor");
        let text = self.frames.last().map_or(Text::Search, |frame| frame.text);
        let mut is_masked = text == Text::Street && name != "addr";
        for (key, value) in attributes {
            match self.attribute(name, key, value, attributes) {
                Some(value) => {
                    self.out.push(' ');
                    self.out.push_str(key);
                    self.out.push_str("=\"");
                    self.out.push_str(&escaped(&value, true));
                    self.out.push('"');
                }
                None => is_masked = true,
            }
        }
        if is_masked && !is_told_null {
            self.out.push_str(" nullFlavor=\"");
            self.out.push_str(MASKED);
            self.out.push('"');
        }
        self.out.push_str(if is_empty { "/>" } else { ">" });
    }

    /// The value of an attribute as it may stand; `None` if it goes.
    fn attribute(
        &mut self,
        element: &str,
        key: &str,
        value: &str,
        all: &[(String, String)],
    ) -> Option<String> {
        if key.starts_with("xmlns") {
            return Some(value.to_owned());
        }
        let key = local(key);
        let has = |name: &str| all.iter().any(|(key, value)| local(key) == name && !value.is_empty());
        match (element, key) {
            ("id" | "setId", "extension") => Some(self.id(value)),
            ("id" | "setId", "root") if !has("extension") && !has("nullFlavor") => Some(self.root(value)),
            ("telecom", "value") => self.telecom(value),
            ("reference", "value") => value.starts_with('#').then(|| self.known(value)),
            (_, "integrityCheck") => None,
            (_, "value") if !has("unit") && self.frames.last().is_some_and(|frame| frame.is_time) => {
                self.time(element, value)
            }
            (_, "value") if value.parse::<f64>().is_ok() => Some(self.known(value)),
            _ if is_structural(key) => Some(self.known(value)),
            _ => Some(self.searched(value)),
        }
    }

    fn id(&mut self, value: &str) -> String {
        if self.mode == Mode::Learn {
            self.inspector.near.id(value, Kind::Mrn);
            if self.patient.is_none() && self.frames.last().is_some_and(|frame| frame.is_patient) {
                self.patient = Some(value.to_owned());
            }
        }
        self.note(Kind::Id, Method::Hash);
        pseudonym::short(self.inspector.tools.keys, ID, value.trim())
    }

    /// A root that is an id by itself.
    fn root(&mut self, value: &str) -> String {
        if self.mode == Mode::Learn
            && self.patient.is_none()
            && self.frames.last().is_some_and(|frame| frame.is_patient)
        {
            self.patient = Some(value.to_owned());
        }
        self.note(Kind::Id, Method::Hash);
        let keys = self.inspector.tools.keys;
        if pseudonym::looks_like_uuid(value) {
            pseudonym::uuid(keys, ID, value)
        } else {
            pseudonym::oid(keys, ID, value)
        }
    }

    fn telecom(&mut self, value: &str) -> Option<String> {
        if self.mode == Mode::Learn {
            let number = value.rsplit(':').next().unwrap_or(value);
            if value.contains('@') {
                self.inspector.near.phrase(number, Kind::Email);
            } else {
                self.inspector.near.phone(number);
            }
        }
        self.note(Kind::Phone, Method::Redact);
        None
    }

    fn time(&mut self, element: &str, value: &str) -> Option<String> {
        if self.mode == Mode::Learn && element == "birthTime" {
            let part = |from: usize, to: usize| value.get(from..to).and_then(|part| part.parse::<u8>().ok());
            let year = value.get(..4).and_then(|year| year.parse().ok());
            let parts = year.zip(part(4, 6)).zip(part(6, 8));
            if let Some(day) = parts.and_then(|((year, month), day)| Day::from_ymd(year, month, day)) {
                self.inspector.near.date(day);
            }
        }
        let shift = self.inspector.shift;
        let shifted = shift.compact(value).or_else(|| shift.text(value));
        let method = if shifted.is_some() { Method::ShiftDate } else { Method::Redact };
        self.note(Kind::Date, method);
        shifted
    }

    fn note(&mut self, kind: Kind, method: Method) {
        if self.mode == Mode::Write {
            self.inspector.tally.add(kind, method);
        }
    }

    fn known(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn { String::new() } else { self.inspector.known(text).into_owned() }
    }

    fn searched(&mut self, text: &str) -> String {
        if self.mode == Mode::Learn { String::new() } else { self.inspector.text(text).into_owned() }
    }

    /// Writes the text that came since the last tag.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if let Some((media_type, start)) = self.encoded.take() {
            return self.encoded_text(&text, &media_type, start);
        }
        if text.trim().is_empty() {
            self.out.push_str(&text);
            return;
        }
        let act = self.frames.last().map_or(Text::Search, |frame| frame.text);
        let name = self.frames.last().map(|frame| frame.name.clone()).unwrap_or_default();
        if self.mode == Mode::Learn {
            return self.learn_text(act, &name, text.trim());
        }
        let new = match act {
            Text::Search => self.searched(&text),
            Text::Region => self.known(&text),
            Text::Name => self.replaced(Kind::Name, text.trim()),
            Text::Organization => self.replaced(Kind::Organization, text.trim()),
            Text::Place => self.replaced(Kind::Location, text.trim()),
            Text::Zip => {
                self.note(Kind::Zip, Method::Generalize);
                zip3(&text, &SMALL_AREAS).unwrap_or_default()
            }
            Text::Street | Text::Gone => {
                self.note(Kind::Location, Method::Redact);
                String::new()
            }
        };
        self.out.push_str(&escaped(&new, false));
    }

    fn replaced(&mut self, kind: Kind, text: &str) -> String {
        match self.inspector.masker().replacement(kind, text) {
            Some((new, method)) => {
                self.note(kind, method);
                new.into_owned()
            }
            None => text.to_owned(),
        }
    }

    fn learn_text(&mut self, act: Text, name: &str, text: &str) {
        let near = &mut self.inspector.near;
        match (act, name) {
            (Text::Name, _) => near.name(text),
            (Text::Organization, _) if text.len() >= 6 => near.phrase(text, Kind::Organization),
            (Text::Street, "city" | "county") => near.place(text, Kind::Location),
            (Text::Street | Text::Gone, _) => near.phrase(text, Kind::Location),
            (Text::Zip, _) if text.len() >= 5 => near.phrase(text, Kind::Zip),
            _ => {}
        }
    }

    /// A document in base 64: masked and encoded again; where it cannot be read, its element stays empty.
    fn encoded_text(&mut self, text: &str, media_type: &str, start: usize) {
        if self.mode == Mode::Learn || text.trim().is_empty() {
            return;
        }
        match attachment::mask_base64(&mut self.inspector, media_type, text) {
            Some(document) => self.out.push_str(&attachment::to_base64(&document.bytes)),
            None => {
                self.inspector.tally.removed_unread += 1;
                let tag_end = self.out.len().saturating_sub(1);
                if self.out.get(start..).is_some_and(|tag| !tag.contains("nullFlavor=")) {
                    self.out.insert_str(tag_end, &format!(" nullFlavor=\"{MASKED}\""));
                }
            }
        }
    }
}

fn local(key: &str) -> &str {
    key.rsplit(':').next().unwrap_or(key)
}

/// The character that a reference stands for; only those that need no declaration.
fn letter_of(reference: &BytesRef<'_>) -> Result<char, CcdaError> {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return Ok(letter);
    }
    let name: &str = reference;
    Ok(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return Err(CcdaError::Malformed),
    })
}
