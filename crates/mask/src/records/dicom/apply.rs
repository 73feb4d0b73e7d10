//! The walk through a data set, attribute by attribute, items included.

use formats::dicom::{DataSet, Element, Tag, Value, Vr, vr_of};

use super::profile::{Action, is_free_text};
use super::{Counts, DicomAsk, values};
use crate::image::KnownValues;

/// What stands where something was taken out of a text.
const TAKEN_OUT: &str = "[REMOVED]";
/// Masked values longer than this are emptied: the finder is for notes, not for whole archives in one attribute.
const TEXT_BYTES_MAX: usize = 4 << 20;

pub(super) struct Walk<'a> {
    ask: &'a DicomAsk<'a>,
    known: &'a KnownValues,
    pub(super) counts: Counts,
    /// UIDs that were mapped: none of them may be in the result.
    pub(super) mapped: Vec<(Tag, Vec<u8>)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(ask: &'a DicomAsk<'a>, known: &'a KnownValues) -> Self {
        Self { ask, known, counts: Counts::default(), mapped: Vec::new() }
    }

    /// What is left of a data set. The reader has bounded how deep it goes.
    pub(super) fn data_set(&mut self, mut data: DataSet, depth: usize) -> DataSet {
        let mut masked = DataSet::new();
        let tags: Vec<Tag> = data.iter().map(|(tag, _)| tag).collect();
        let safe: Vec<Tag> = tags.iter().copied().filter(|tag| self.is_safe_private(&data, *tag)).collect();
        for tag in tags {
            let Some(mut element) = data.remove(tag) else { continue };
            if safe.contains(&tag) {
                self.counts.kept += 1;
                masked.put(tag, element);
                continue;
            }
            name_unknown(tag, &mut element);
            let outcome = match self.ask.rules.and_then(|rules| rules.apply(tag, &element, self.ask)) {
                Some(outcome) => {
                    self.count_rule(&outcome, &element);
                    outcome
                }
                None => self.by_profile(tag, element, depth),
            };
            let Some(mut element) = outcome else { continue };
            if let Value::Items(items) = &mut element.value {
                for item in items {
                    *item = self.data_set(std::mem::take(item), depth + 1);
                }
            }
            masked.put(tag, element);
        }
        masked
    }

    fn by_profile(&mut self, tag: Tag, element: Element, depth: usize) -> Option<Element> {
        // Pixels within items are icons: small pictures of what was cleaned above.
        let is_inner_picture = depth > 0 && matches!(tag.group, 0x7FE0);
        let is_icon = tag == Tag::new(0x0088, 0x0200);
        let action = if tag.is_private() || is_inner_picture || is_icon {
            Action::Remove
        } else {
            self.ask.options.action(tag)
        };
        self.act(tag, element, action)
    }

    fn act(&mut self, tag: Tag, element: Element, action: Action) -> Option<Element> {
        let vr = element.vr;
        match action {
            Action::Remove => {
                self.counts.removed += 1;
                None
            }
            Action::Keep => {
                self.counts.kept += 1;
                Some(element)
            }
            Action::Empty => Some(self.replaced(emptied(vr))),
            Action::Dummy if vr == Vr::SQ => Some(self.replaced(emptied(vr))),
            Action::Dummy => Some(self.replaced(Element::bytes(vr, values::dummy(vr)))),
            Action::Pseudonym => {
                let value = match &element.value {
                    Value::Bytes(bytes) => String::from_utf8_lossy(bytes).trim().to_ascii_uppercase(),
                    _ => String::new(),
                };
                let value = values::pseudonym(self.ask.keys, value.as_bytes());
                Some(self.replaced(Element::bytes(vr, value)))
            }
            Action::Uid => Some(self.remapped(tag, element)),
            Action::Shift => Some(self.moved(element)),
            Action::Clean => Some(self.cleaned(element)),
        }
    }

    fn replaced(&mut self, element: Element) -> Element {
        self.counts.replaced += 1;
        element
    }

    fn remapped(&mut self, tag: Tag, element: Element) -> Element {
        let Value::Bytes(bytes) = &element.value else { return self.replaced(emptied(element.vr)) };
        let text = String::from_utf8_lossy(bytes);
        let uids = text
            .split('\\')
            .map(|uid| uid.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace()));
        let mut mapped = Vec::new();
        for uid in uids {
            if values::is_standard_uid(uid) {
                mapped.push(uid.as_bytes().to_vec());
                continue;
            }
            self.counts.uids += 1;
            self.mapped.push((tag, uid.as_bytes().to_vec()));
            mapped.push(values::uid(self.ask.keys, uid.as_bytes()));
        }
        Element::bytes(Vr::UI, mapped.join(&b'\\'))
    }

    fn moved(&mut self, element: Element) -> Element {
        if element.vr == Vr::TM {
            self.counts.kept += 1;
            return element;
        }
        let Value::Bytes(bytes) = &element.value else { return self.replaced(emptied(element.vr)) };
        let text = String::from_utf8_lossy(bytes);
        let all: Option<Vec<String>> =
            text.split('\\').map(|date| values::shifted(date, self.ask.shift_days)).collect();
        match all {
            Some(dates) => {
                self.counts.shifted += 1;
                Element::bytes(element.vr, dates.join("\\"))
            }
            None => self.replaced(emptied(element.vr)),
        }
    }

    /// A text without what was found in it; a sequence as it is, its items follow.
    fn cleaned(&mut self, element: Element) -> Element {
        let vr = element.vr;
        let bytes = match element.value {
            Value::Bytes(bytes) => bytes,
            Value::Items(_) => return element,
            Value::Fragments(_) => return self.replaced(emptied(vr)),
        };
        if !vr.is_text() {
            self.counts.kept += 1;
            return Element::bytes(vr, bytes);
        }
        if bytes.len() > TEXT_BYTES_MAX {
            return self.replaced(emptied(vr));
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let found = self.ranges(&text, vr);
        if found.is_empty() {
            self.counts.kept += 1;
            return Element::bytes(vr, text);
        }
        self.counts.cleaned += 1;
        if !is_free_text(vr) || vr == Vr::UR || vr == Vr::SH {
            return emptied(vr); // a code with a part of it missing is none, and short texts have no room
        }
        let mut cleaned = String::with_capacity(text.len());
        let mut at = 0;
        for range in found {
            if range.start >= at {
                cleaned.push_str(text.get(at..range.start).unwrap_or_default());
                cleaned.push_str(TAKEN_OUT);
            }
            at = at.max(range.end);
        }
        cleaned.push_str(text.get(at..).unwrap_or_default());
        if vr == Vr::LO && cleaned.chars().count() > 64 {
            return emptied(vr);
        }
        Element::bytes(vr, cleaned)
    }

    /// What is found in a text, ascending by start.
    fn ranges(&self, text: &str, vr: Vr) -> Vec<std::ops::Range<usize>> {
        let mut found = self.known.find(text);
        if is_free_text(vr) {
            found.extend((self.ask.find)(text));
        }
        let mut found: Vec<_> = found.into_iter().map(|entity| entity.range).collect();
        found.sort_by_key(|range| (range.start, range.end));
        found
    }

    fn is_safe_private(&self, data: &DataSet, tag: Tag) -> bool {
        let list = &self.ask.options.safe_private;
        if !tag.is_private() || list.is_empty() {
            return false;
        }
        // (gggg,00bb) reserves the elements bb00 to bbFF. Source: PS3.5, 7.8.1.
        if matches!(tag.element, 0x0010..=0x00FF) {
            let creator = data.text(tag).unwrap_or_default();
            return list.iter().any(|safe| safe.group == tag.group && safe.creator == creator);
        }
        let Some(creator) = data.text(Tag::new(tag.group, tag.element >> 8)) else { return false };
        list.iter().any(|safe| {
            safe.group == tag.group
                && u16::from(safe.element) == tag.element & 0xFF
                && safe.creator == creator
        })
    }

    fn count_rule(&mut self, outcome: &Option<Element>, before: &Element) {
        match outcome {
            None => self.counts.removed += 1,
            Some(after) if after == before => self.counts.kept += 1,
            Some(_) => self.counts.replaced += 1,
        }
    }
}

pub(super) fn emptied(vr: Vr) -> Element {
    if vr == Vr::SQ { Element::items(Vec::new()) } else { Element::bytes(vr, Vec::new()) }
}

/// Gives an attribute the representation that the dictionary has, where the file names none or another of text: what a
/// file calls `LO` may be a UID, and `UN` anything.
fn name_unknown(tag: Tag, element: &mut Element) {
    let Some(vr) = vr_of(tag) else { return };
    let is_bytes = matches!(element.value, Value::Bytes(_));
    if is_bytes && vr == Vr::SQ {
        *element = emptied(Vr::SQ); // a sequence that could not be read as one
    } else if is_bytes && (element.vr == Vr::UN || element.vr.is_text() != vr.is_text() || vr.is_text()) {
        element.vr = vr;
    }
}
