//! Borrowed views into a [`Message`]: segment, field, repetition, component, subcomponent.
//!
//! All of them are small and `Copy`; splitting happens when asked for, unescaping last. `Debug` shows the place and the
//! length, never the text.

use std::borrow::Cow;
use std::fmt;

use super::escape::unescape;
use super::location::Location;
use super::message::{Message, SegmentSpan};

/// The two quote marks by which a sender says "delete what you have".
const NULL: &str = "\"\"";

/// One segment.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    pub(super) message: &'a Message,
    pub(super) index: usize,
    pub(super) span: &'a SegmentSpan,
}

impl<'a> Segment<'a> {
    /// The segment's name: `PID`.
    pub fn name(&self) -> &'a str {
        self.span.name.as_str()
    }

    /// Its number among all segments of the message, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its number among the segments of its name, from 1.
    pub fn occurrence(&self) -> u32 {
        self.span.occurrence
    }

    /// The message it stands in.
    pub fn message(&self) -> &'a Message {
        self.message
    }

    /// Its place.
    pub fn location(&self) -> Location {
        Location::of_segment(self.span.name, self.span.occurrence)
    }

    /// The text of the whole segment as it came, name included, line end not.
    pub fn raw(&self) -> &'a str {
        self.message.text.get(self.span.start as usize..self.span.end as usize).unwrap_or("")
    }

    /// Whether this is a header (`MSH`, `FHS`, `BHS`), whose first field is the field separator itself.
    pub(super) fn is_header(&self) -> bool {
        self.span.is_header
    }

    /// How many fields the segment has, empty ones included.
    pub fn fields_count(&self) -> u32 {
        self.span.fields_end - self.span.fields_start + u32::from(self.is_header())
    }

    /// Field `number`, from 1; `None` if it is absent or empty, which mean the same. In MSH, field 1 is the separator.
    pub fn field(&self, number: u32) -> Option<Field<'a>> {
        let raw = self.raw_field(number).filter(|raw| !raw.is_empty())?;
        Some(Field { segment: *self, number, raw })
    }

    /// The valued fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let segment = *self;
        (1..=segment.fields_count()).filter_map(move |number| segment.field(number))
    }

    /// The value of a field that is one simple value: its first leaf. As [`Subcomponent::value`].
    pub fn value(&self, number: u32) -> Option<Cow<'a, str>> {
        self.field(number)?.value()
    }

    fn raw_field(&self, number: u32) -> Option<&'a str> {
        let span = self.span;
        let text = self.message.text.as_str();
        let mut nth = number.checked_sub(1)?;
        if self.is_header() {
            let Some(after_first) = nth.checked_sub(1) else {
                let separator = span.start as usize + self.name().len();
                return text.get(separator..separator + 1).filter(|_| separator < span.end as usize);
            };
            nth = after_first;
        }
        let entry = span.fields_start.checked_add(nth).filter(|entry| *entry < span.fields_end)?;
        let start = *self.message.fields.get(entry as usize)?;
        let next =
            if entry + 1 < span.fields_end { self.message.fields.get(entry as usize + 1) } else { None };
        // The next field begins one separator, one byte, after this one's end.
        let end = next.map_or(span.end, |next| next - 1);
        text.get(start as usize..end as usize)
    }
}

/// One valued field with all its repetitions.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    segment: Segment<'a>,
    number: u32,
    raw: &'a str,
}

impl<'a> Field<'a> {
    /// The segment it stands in.
    pub fn segment(&self) -> Segment<'a> {
        self.segment
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its place, all repetitions meant.
    pub fn location(&self) -> Location {
        Location { field: self.number, ..self.segment.location() }
    }

    /// The text as it came: not split, not unescaped.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether the sender wrote `""`: delete what you have.
    pub fn is_null(&self) -> bool {
        self.raw == NULL
    }

    /// MSH-1 and MSH-2 name the delimiters and are never split or unescaped.
    fn is_delimiters(&self) -> bool {
        self.number <= 2 && self.segment.is_header()
    }

    /// The repetitions in order, empty ones included (a blank line of a TX value is one).
    pub fn repetitions(&self) -> impl Iterator<Item = Repetition<'a>> + use<'a> {
        let field = *self;
        let delimiter = field.segment.message.delimiters.repetition.filter(|_| !field.is_delimiters());
        pieces(field.raw, delimiter).map(move |(number, raw)| Repetition { field, number, raw })
    }

    /// Repetition `number`, from 1; `None` if absent. It may be empty.
    pub fn repetition(&self, number: u32) -> Option<Repetition<'a>> {
        self.repetitions().nth(number.checked_sub(1)? as usize)
    }

    /// The first repetition.
    pub fn first(&self) -> Repetition<'a> {
        self.repetition(1).unwrap_or(Repetition { field: *self, number: 1, raw: self.raw })
    }

    /// Component `number` of the first repetition; `None` if absent or empty.
    pub fn component(&self, number: u32) -> Option<Component<'a>> {
        self.first().component(number)
    }

    /// The whole field unescaped, its inner delimiters left as they are; empty for `""`.
    pub fn text(&self) -> Cow<'a, str> {
        if self.is_delimiters() { Cow::Borrowed(self.raw) } else { text(self.segment.message, self.raw) }
    }

    /// The first leaf of the first repetition, unescaped; `None` if empty or `""`.
    pub fn value(&self) -> Option<Cow<'a, str>> {
        if self.is_delimiters() { Some(Cow::Borrowed(self.raw)) } else { self.first().value() }
    }
}

/// One repetition of a field. It may be empty.
#[derive(Clone, Copy)]
pub struct Repetition<'a> {
    field: Field<'a>,
    number: u32,
    raw: &'a str,
}

impl<'a> Repetition<'a> {
    /// The field it stands in.
    pub fn field(&self) -> Field<'a> {
        self.field
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its place.
    pub fn location(&self) -> Location {
        Location { repetition: self.number, ..self.field.location() }
    }

    /// The text as it came.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether the sender wrote `""`.
    pub fn is_null(&self) -> bool {
        self.raw == NULL
    }

    /// The components in order, empty ones included.
    pub fn components(&self) -> impl Iterator<Item = Component<'a>> + use<'a> {
        let repetition = *self;
        let delimiter = Some(repetition.field.segment.message.delimiters.component);
        let delimiter = delimiter.filter(|_| !repetition.field.is_delimiters());
        pieces(repetition.raw, delimiter).map(move |(number, raw)| Component { repetition, number, raw })
    }

    /// Component `number`, from 1; `None` if absent or empty.
    pub fn component(&self, number: u32) -> Option<Component<'a>> {
        self.components().nth(number.checked_sub(1)? as usize).filter(|component| !component.raw.is_empty())
    }

    /// The first leaf of a component, unescaped; `None` if absent, empty or `""`. The same as
    /// `component(number)?.value()`.
    pub fn part(&self, number: u32) -> Option<Cow<'a, str>> {
        self.component(number)?.value()
    }

    /// The whole repetition unescaped, its inner delimiters left as they are; empty for `""`.
    pub fn text(&self) -> Cow<'a, str> {
        text(self.field.segment.message, self.raw)
    }

    /// The first leaf, unescaped; `None` if empty or `""`.
    pub fn value(&self) -> Option<Cow<'a, str>> {
        self.component(1)?.value()
    }
}

/// One component of a repetition.
#[derive(Clone, Copy)]
pub struct Component<'a> {
    repetition: Repetition<'a>,
    number: u32,
    raw: &'a str,
}

impl<'a> Component<'a> {
    /// The repetition it stands in.
    pub fn repetition(&self) -> Repetition<'a> {
        self.repetition
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its place.
    pub fn location(&self) -> Location {
        Location { component: self.number, ..self.repetition.location() }
    }

    /// The text as it came.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether the sender wrote `""`.
    pub fn is_null(&self) -> bool {
        self.raw == NULL
    }

    /// The subcomponents in order, empty ones included.
    pub fn subcomponents(&self) -> impl Iterator<Item = Subcomponent<'a>> + use<'a> {
        let component = *self;
        let field = component.repetition.field;
        let delimiter = field.segment.message.delimiters.subcomponent.filter(|_| !field.is_delimiters());
        pieces(component.raw, delimiter).map(move |(number, raw)| Subcomponent { component, number, raw })
    }

    /// Subcomponent `number`, from 1; `None` if absent or empty.
    pub fn subcomponent(&self, number: u32) -> Option<Subcomponent<'a>> {
        self.subcomponents().nth(number.checked_sub(1)? as usize).filter(|part| !part.raw.is_empty())
    }

    /// The first leaf of a subcomponent, unescaped; `None` if absent, empty or `""`.
    pub fn part(&self, number: u32) -> Option<Cow<'a, str>> {
        self.subcomponent(number)?.value()
    }

    /// The whole component unescaped, subcomponent delimiters left as they are; empty for `""`.
    pub fn text(&self) -> Cow<'a, str> {
        text(self.repetition.field.segment.message, self.raw)
    }

    /// The first subcomponent, unescaped; `None` if empty or `""`.
    pub fn value(&self) -> Option<Cow<'a, str>> {
        self.subcomponent(1)?.value()
    }
}

/// One subcomponent: a leaf.
#[derive(Clone, Copy)]
pub struct Subcomponent<'a> {
    component: Component<'a>,
    number: u32,
    raw: &'a str,
}

impl<'a> Subcomponent<'a> {
    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its place.
    pub fn location(&self) -> Location {
        Location { subcomponent: self.number, ..self.component.location() }
    }

    /// The text as it came.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether the sender wrote `""`.
    pub fn is_null(&self) -> bool {
        self.raw == NULL
    }

    /// The text unescaped; empty for `""`, so that the two quote marks are never stored.
    pub fn text(&self) -> Cow<'a, str> {
        let field = self.component.repetition.field;
        if field.is_delimiters() { Cow::Borrowed(self.raw) } else { text(field.segment.message, self.raw) }
    }

    /// The text unescaped; `None` if empty or `""`.
    pub fn value(&self) -> Option<Cow<'a, str>> {
        if self.raw.is_empty() || self.is_null() { None } else { Some(self.text()) }
    }
}

/// The pieces of `raw` between `delimiter`s, numbered from 1.
fn pieces(raw: &str, delimiter: Option<u8>) -> Pieces<'_> {
    Pieces { rest: Some(raw), delimiter, number: 0 }
}

/// Most pieces are a few bytes long, where a plain loop over bytes beats `str::split`.
struct Pieces<'a> {
    rest: Option<&'a str>,
    delimiter: Option<u8>,
    number: u32,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        self.number += 1;
        let end = self.delimiter.and_then(|delimiter| rest.bytes().position(|byte| byte == delimiter));
        // Delimiters are ASCII, so both sides are whole characters.
        let cut = end.and_then(|end| Some((rest.get(..end)?, rest.get(end + 1..)?)));
        let Some((piece, after)) = cut else { return Some((self.number, rest)) };
        self.rest = Some(after);
        Some((self.number, piece))
    }
}

fn text<'a>(message: &Message, raw: &'a str) -> Cow<'a, str> {
    if raw == NULL { Cow::Borrowed("") } else { unescape(raw, &message.delimiters, message.charset) }
}

macro_rules! masked_debug {
    ($($view:ident),+) => {$(
        impl fmt::Debug for $view<'_> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({} bytes)", self.location(), self.raw().len())
            }
        }
    )+};
}
masked_debug!(Segment, Field, Repetition, Component, Subcomponent);
