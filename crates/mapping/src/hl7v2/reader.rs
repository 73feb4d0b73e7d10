//! The reader that remembers: every piece of a message that a mapping takes is noted, so that the loss report is what
//! the code did and not a list that somebody keeps up.
//!
//! "Take" reads a value and notes it as mapped; "peek" reads without a note, for decisions. What is never noted comes out
//! of [`Reader::report`] as unmapped.

use std::cell::RefCell;

use compact_str::CompactString;
use formats::hl7v2::{Component, Message, Repetition, Segment, Subcomponent};

use crate::hl7v2::ignored;
use crate::loss::{Entry, LossReport};

/// A place as one number that sorts as the message is written: 16 bits segment, then 12 each for field, repetition,
/// component and subcomponent. Larger numbers are cut; a place that far out is then reported at the limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

const PART: u64 = 0xfff;

impl Key {
    fn segment(index: usize) -> Self {
        Self((index as u64).min(0xffff) << 48)
    }

    fn at(self, shift: u32, number: u32) -> Self {
        Self(self.0 | (u64::from(number).min(PART) << shift))
    }

    /// The last key that lies inside this place, where `shift` is the level of its last named number.
    fn end(self, shift: u32) -> Self {
        Self(self.0 | ((1_u64 << shift) - 1))
    }
}

const FIELD: u32 = 36;
const REPETITION: u32 = 24;
const COMPONENT: u32 = 12;

/// What became of a range of places. The order is the order of precedence: mapped wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Mapped,
    Ignored(&'static str),
    Unmapped(&'static str),
}

struct Mark {
    start: Key,
    end: Key,
    fate: Fate,
}

/// Reads one message and remembers what was taken.
pub(crate) struct Reader<'m> {
    message: &'m Message,
    marks: RefCell<Vec<Mark>>,
}

impl<'m> Reader<'m> {
    pub(crate) fn new(message: &'m Message) -> Self {
        Self { message, marks: RefCell::new(Vec::with_capacity(256)) }
    }

    pub(crate) fn message(&self) -> &'m Message {
        self.message
    }

    /// The segments in order.
    pub(crate) fn segments<'r>(&'r self) -> impl Iterator<Item = Seg<'r, 'm>> {
        self.message.segments().map(move |segment| Seg { reader: self, segment })
    }

    /// The first segment of a name.
    pub(crate) fn segment<'r>(&'r self, name: &str) -> Option<Seg<'r, 'm>> {
        self.message.segment(name).map(|segment| Seg { reader: self, segment })
    }

    fn mark(&self, start: Key, end: Key, fate: Fate) {
        self.marks.borrow_mut().push(Mark { start, end, fate });
    }

    /// What became of every valued leaf.
    pub(crate) fn report(&self) -> LossReport {
        let mut marks = self.marks.borrow_mut();
        marks.sort_unstable_by_key(|mark| (mark.start, mark.end));
        let mut report = LossReport::default();
        let mut segment_index = 0_usize;
        let mut open: Vec<&Mark> = Vec::new();
        let mut next = marks.iter().peekable();
        for (location, text) in self.message.leaves() {
            // Leaves come in the order of the segments, so the search for theirs only ever moves on.
            while self.message.segment_at(segment_index).is_some_and(|segment| {
                segment.name() != location.segment.as_str() || segment.occurrence() != location.occurrence
            }) {
                segment_index += 1;
            }
            let key = Key::segment(segment_index)
                .at(FIELD, location.field)
                .at(REPETITION, location.repetition.max(1))
                .at(COMPONENT, location.component.max(1))
                .at(0, location.subcomponent.max(1));
            while let Some(mark) = next.next_if(|mark| mark.start <= key) {
                open.push(mark);
            }
            open.retain(|mark| mark.end >= key);
            let fate = open.iter().map(|mark| mark.fate).min();
            let name = location.segment.as_str();
            let fate = match fate {
                Some(Fate::Unmapped(reason)) => {
                    ignored::field(name, location.field).map_or(Fate::Unmapped(reason), Fate::Ignored)
                }
                Some(fate) => fate,
                None if !text.is_empty() && text.trim().is_empty() => Fate::Ignored("only white space"),
                None => match ignored::field(name, location.field) {
                    Some(reason) => Fate::Ignored(reason),
                    None => Fate::Unmapped(ignored::why_unmapped(name)),
                },
            };
            match fate {
                Fate::Mapped => report.mapped.push(location),
                Fate::Ignored(reason) => report.ignored.push(Entry { location, reason }),
                Fate::Unmapped(reason) => report.unmapped.push(Entry { location, reason }),
            }
        }
        report
    }
}

/// One segment.
#[derive(Clone, Copy)]
pub(crate) struct Seg<'r, 'm> {
    reader: &'r Reader<'m>,
    segment: Segment<'m>,
}

impl<'r, 'm> Seg<'r, 'm> {
    pub(crate) fn name(&self) -> &'m str {
        self.segment.name()
    }

    fn key(&self) -> Key {
        Key::segment(self.segment.index())
    }

    /// The valued repetitions of a field; `""` and empty ones are left out.
    pub(crate) fn all(&self, number: u32) -> impl Iterator<Item = Node<'r, 'm>> + use<'r, 'm> {
        let (reader, key) = (self.reader, self.key().at(FIELD, number));
        self.segment.field(number).into_iter().flat_map(|field| field.repetitions()).filter_map(
            move |repetition| {
                let valued = !repetition.is_empty() && !repetition.is_null();
                let key = key.at(REPETITION, repetition.number());
                valued.then_some(Node { reader, key, piece: Piece::Repetition(repetition) })
            },
        )
    }

    /// The first valued repetition of a field.
    pub(crate) fn one(&self, number: u32) -> Option<Node<'r, 'm>> {
        self.all(number).next()
    }

    /// All repetitions of a field, also empty ones (a blank line of a text value is one).
    pub(crate) fn lines(&self, number: u32) -> impl Iterator<Item = Node<'r, 'm>> + use<'r, 'm> {
        let (reader, key) = (self.reader, self.key().at(FIELD, number));
        self.segment.field(number).into_iter().flat_map(|field| field.repetitions()).map(move |repetition| {
            Node {
                reader,
                key: key.at(REPETITION, repetition.number()),
                piece: Piece::Repetition(repetition),
            }
        })
    }

    /// The first leaf of a field, taken.
    pub(crate) fn text(&self, number: u32) -> Option<CompactString> {
        self.one(number)?.text()
    }

    /// The first leaf of a field, not taken.
    pub(crate) fn peek(&self, number: u32) -> Option<CompactString> {
        self.one(number)?.peek()
    }

    /// A field as it came, for comparing; empty if absent.
    pub(crate) fn raw(&self, number: u32) -> &'m str {
        self.segment.field(number).map_or("", |field| field.raw())
    }

    /// Whether a field holds a value (and not `""`).
    pub(crate) fn has(&self, number: u32) -> bool {
        self.one(number).is_some()
    }

    /// Whether a field says `""` (delete); if so it is taken.
    pub(crate) fn deletes(&self, number: u32) -> bool {
        let null = self.segment.field(number).is_some_and(|field| field.is_null());
        if null {
            let key = self.key().at(FIELD, number);
            self.reader.mark(key, key.end(FIELD), Fate::Mapped);
        }
        null
    }

    /// Notes a whole field as left out on purpose.
    pub(crate) fn ignore(&self, number: u32, reason: &'static str) {
        let key = self.key().at(FIELD, number);
        self.reader.mark(key, key.end(FIELD), Fate::Ignored(reason));
    }

    /// Notes why nothing of the segment that was not taken reached an element.
    pub(crate) fn refuse(&self, reason: &'static str) {
        let key = self.key();
        self.reader.mark(key, key.end(48), Fate::Unmapped(reason));
    }

    /// Notes why a field reached no element.
    pub(crate) fn refuse_field(&self, number: u32, reason: &'static str) {
        let key = self.key().at(FIELD, number);
        self.reader.mark(key, key.end(FIELD), Fate::Unmapped(reason));
    }
}

#[derive(Clone, Copy)]
enum Piece<'m> {
    Repetition(Repetition<'m>),
    Component(Component<'m>),
    Sub(Subcomponent<'m>),
}

/// A repetition, component or subcomponent: something with parts. A data type reads the parts of a node, so that it reads
/// the same whether it stands in a field or, one level down, in a component.
#[derive(Clone, Copy)]
pub(crate) struct Node<'r, 'm> {
    reader: &'r Reader<'m>,
    key: Key,
    piece: Piece<'m>,
}

impl<'r, 'm> Node<'r, 'm> {
    /// Part `number`, from 1, if it is valued and not `""`.
    pub(crate) fn part(&self, number: u32) -> Option<Node<'r, 'm>> {
        match self.piece {
            Piece::Repetition(repetition) => {
                let component = repetition.component(number).filter(|component| !component.is_null())?;
                let key = self.key.at(COMPONENT, number);
                Some(Node { reader: self.reader, key, piece: Piece::Component(component) })
            }
            Piece::Component(component) => {
                let sub = component.subcomponent(number).filter(|sub| !sub.is_null())?;
                let key = self.key.at(0, number);
                Some(Node { reader: self.reader, key, piece: Piece::Sub(sub) })
            }
            Piece::Sub(_) => (number == 1).then_some(*self),
        }
    }

    /// The first leaf: its key and its text without white space around it, `None` if nothing is left.
    fn leaf(&self) -> Option<(Key, CompactString)> {
        let (key, value) = match self.piece {
            Piece::Repetition(repetition) => (self.key.at(COMPONENT, 1).at(0, 1), repetition.value()?),
            Piece::Component(component) => (self.key.at(0, 1), component.value()?),
            Piece::Sub(sub) => (self.key, sub.value()?),
        };
        let text = clean(value.trim());
        let text = if text.trim().len() == text.len() { text } else { text.trim().into() };
        (!text.is_empty()).then_some((key, text))
    }

    /// The first leaf, taken.
    pub(crate) fn text(&self) -> Option<CompactString> {
        let (key, text) = self.leaf()?;
        self.reader.mark(key, key, Fate::Mapped);
        Some(text)
    }

    /// The first leaf, not taken.
    pub(crate) fn peek(&self) -> Option<CompactString> {
        self.leaf().map(|(_, text)| text)
    }

    /// The first leaf of part `number`, taken.
    pub(crate) fn get(&self, number: u32) -> Option<CompactString> {
        self.part(number)?.text()
    }

    /// The first leaf of part `number`, not taken.
    pub(crate) fn peek_part(&self, number: u32) -> Option<CompactString> {
        self.part(number)?.peek()
    }

    /// The first leaf of each part in one pass, empty where there is none; nothing is taken.
    pub(crate) fn texts(&self) -> Vec<CompactString> {
        let text = |value: Option<std::borrow::Cow<'_, str>>| {
            value.map(|value| clean(value.trim())).unwrap_or_default()
        };
        match self.piece {
            Piece::Repetition(repetition) => repetition.components().map(|part| text(part.value())).collect(),
            Piece::Component(component) => component.subcomponents().map(|part| text(part.value())).collect(),
            Piece::Sub(sub) => vec![text(sub.value())],
        }
    }

    /// Whether part `number` is valued.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.part(number).is_some_and(|part| part.peek().is_some())
    }

    /// The whole text with its inner delimiters as they came, unescaped, white space kept, and all of it taken.
    pub(crate) fn whole(&self) -> CompactString {
        self.take();
        let text = match self.piece {
            Piece::Repetition(repetition) => repetition.text(),
            Piece::Component(component) => component.text(),
            Piece::Sub(sub) => sub.text(),
        };
        clean(&text)
    }

    fn mark(&self, fate: Fate) {
        let end = match self.piece {
            Piece::Repetition(_) => self.key.end(REPETITION),
            Piece::Component(_) => self.key.end(COMPONENT),
            Piece::Sub(_) => self.key,
        };
        self.reader.mark(self.key, end, fate);
    }

    /// Notes everything below as mapped.
    pub(crate) fn take(&self) {
        self.mark(Fate::Mapped);
    }

    /// Notes everything below that is not taken as left out on purpose.
    pub(crate) fn ignore(&self, reason: &'static str) {
        self.mark(Fate::Ignored(reason));
    }

    /// Notes why what is not taken below reached no element.
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.mark(Fate::Unmapped(reason));
    }
}

/// Text as a FHIR string may hold it: no control characters but tab and line ends.
///
/// Source: FHIR R4 section 2.24.0.1, string.
fn clean(text: &str) -> CompactString {
    let allowed = |character: char| !character.is_control() || matches!(character, '\t' | '\n' | '\r');
    if text.chars().all(allowed) {
        text.into()
    } else {
        text.chars().filter(|character| allowed(*character)).collect()
    }
}
