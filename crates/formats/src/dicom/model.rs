//! What was read: attributes with their bytes, items, fragments.

use std::collections::BTreeMap;

use super::{Tag, Vr, text};

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Bytes, numbers in little endian, padding included.
    Bytes(Vec<u8>),
    /// The items of a sequence.
    Items(Vec<DataSet>),
    /// Compressed pixels: the offset table, then the fragments.
    Fragments(Vec<Vec<u8>>),
}

/// An attribute with its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// What the value is.
    pub vr: Vr,
    /// The value.
    pub value: Value,
}

/// Attributes by tag, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DataSet {
    elements: BTreeMap<Tag, Element>,
}

// Values may tell who someone is: only tags are printed.
impl std::fmt::Debug for DataSet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.elements.keys()).finish()
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} …", self.vr)
    }
}

impl Element {
    /// An attribute of plain bytes.
    pub fn bytes(vr: Vr, bytes: impl Into<Vec<u8>>) -> Self {
        Self { vr, value: Value::Bytes(bytes.into()) }
    }

    /// A sequence.
    pub fn items(items: Vec<DataSet>) -> Self {
        Self { vr: Vr::SQ, value: Value::Items(items) }
    }
}

impl DataSet {
    /// One without attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The attribute of a tag.
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.elements.get(&tag)
    }

    /// The attribute of a tag, to be changed.
    pub fn get_mut(&mut self, tag: Tag) -> Option<&mut Element> {
        self.elements.get_mut(&tag)
    }

    /// Puts an attribute in, in place of one with the same tag.
    pub fn put(&mut self, tag: Tag, element: Element) {
        self.elements.insert(tag, element);
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, tag: Tag) -> Option<Element> {
        self.elements.remove(&tag)
    }

    /// All, in the order of their tags.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &Element)> {
        self.elements.iter().map(|(tag, element)| (*tag, element))
    }

    /// All, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Tag, &mut Element)> {
        self.elements.iter_mut().map(|(tag, element)| (*tag, element))
    }

    /// How many attributes there are, those of items not counted.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The plain bytes of an attribute.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match &self.get(tag)?.value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of an attribute in the default repertoire, without padding: codes, numbers, UIDs.
    pub fn text(&self, tag: Tag) -> Option<String> {
        self.bytes(tag).map(|bytes| text::trimmed(&String::from_utf8_lossy(bytes)).to_owned())
    }

    /// The unsigned number of an attribute of two bytes (`US`, or `SS` that is not negative).
    pub fn number(&self, tag: Tag) -> Option<u16> {
        match self.bytes(tag)? {
            [low, high, ..] => Some(u16::from_le_bytes([*low, *high])),
            _ => None,
        }
    }

    /// The first of the decimal numbers in an attribute (`DS`, `IS`).
    pub fn decimal(&self, tag: Tag) -> Option<f64> {
        self.text(tag)?.split('\\').next()?.trim().parse().ok()
    }

    /// The items of a sequence.
    pub fn items(&self, tag: Tag) -> &[DataSet] {
        match self.get(tag).map(|element| &element.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }
}

/// A file: its meta information and its data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Group 0002.
    pub meta: DataSet,
    /// All else.
    pub data: DataSet,
    /// How the data set was written.
    pub syntax: super::Syntax,
}
