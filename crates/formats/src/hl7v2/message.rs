//! One parsed message: its text and where segments and fields begin in it.

use std::borrow::Cow;
use std::fmt;

use super::charset::Charset;
use super::delimiters::Delimiters;
use super::leaves::Leaves;
use super::location::{Location, SegmentName};
use super::view::Segment;

/// A message: the decoded text and an index of its segments and fields. `Debug` shows names and counts only.
#[derive(Clone)]
pub struct Message {
    pub(super) text: String,
    pub(super) delimiters: Delimiters,
    pub(super) charset: Charset,
    pub(super) segments: Vec<SegmentSpan>,
    /// Where each field begins, all segments in a row. For a header segment the first entry is field 2.
    pub(super) fields: Vec<u32>,
}

/// Where one segment stands in the text, without its line end.
#[derive(Clone, Copy)]
pub(super) struct SegmentSpan {
    pub(super) name: SegmentName,
    pub(super) occurrence: u32,
    /// `MSH`, `FHS` or `BHS`: its first field is the field separator itself.
    pub(super) is_header: bool,
    pub(super) start: u32,
    pub(super) end: u32,
    /// First entry in `Message::fields`.
    pub(super) fields_start: u32,
    pub(super) fields_end: u32,
}

impl Message {
    /// The message's delimiters.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// The character set that the bytes were read in.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The whole decoded text, as it came.
    pub fn raw(&self) -> &str {
        &self.text
    }

    /// The segments in order, MSH first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_>> + ExactSizeIterator + Clone {
        self.segments.iter().enumerate().map(|(index, span)| Segment { message: self, index, span })
    }

    /// The segment at `index`, counted from 0.
    pub fn segment_at(&self, index: usize) -> Option<Segment<'_>> {
        self.segments.get(index).map(|span| Segment { message: self, index, span })
    }

    /// The first segment of that name.
    pub fn segment(&self, name: &str) -> Option<Segment<'_>> {
        self.segments_named(name).next()
    }

    /// All segments of that name, in order.
    pub fn segments_named<'a>(&'a self, name: &str) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        let wanted = SegmentName::new(name);
        self.segments().filter(move |segment| Some(segment.span.name) == wanted)
    }

    /// The NTE segments that belong to the segment at `index`: those that directly follow it.
    ///
    /// Source: HL7 v2 chapter 2, NTE; the abstract message syntax always puts `[{NTE}]` after its owner.
    pub fn notes_of(&self, index: usize) -> impl Iterator<Item = Segment<'_>> {
        self.segments().skip(index.saturating_add(1)).take_while(|segment| segment.name() == "NTE")
    }

    /// The segment that the NTE at `index` belongs to: the nearest one before it that is not an NTE itself. `None` if the
    /// segment there is no NTE.
    pub fn owner_of_note(&self, index: usize) -> Option<Segment<'_>> {
        let note = self.segment_at(index).filter(|segment| segment.name() == "NTE")?;
        self.segments().take(note.index()).rev().find(|segment| segment.name() != "NTE")
    }

    /// The value at a path such as `PID-3.1`, `PID-3[2].4.2` or `OBX[3]-5`: the first leaf there, unescaped. `None` if it is
    /// empty, absent or `""`, or if the path is malformed.
    pub fn get(&self, path: &str) -> Option<Cow<'_, str>> {
        self.at(&path.parse().ok()?)
    }

    /// The value at a location, as [`Message::get`].
    pub fn at(&self, location: &Location) -> Option<Cow<'_, str>> {
        let here =
            |span: &SegmentSpan| span.name == location.segment && span.occurrence == location.occurrence;
        let field = self.segments().find(|segment| here(segment.span))?.field(location.field)?;
        let repetition = field.repetition(location.repetition.max(1))?;
        repetition.component(location.component.max(1))?.subcomponent(location.subcomponent.max(1))?.value()
    }

    /// Every valued leaf with its place, MSH-1 and MSH-2 left out. A leaf that is `""` comes with empty text.
    pub fn leaves(&self) -> Leaves<'_> {
        Leaves::new(self)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("bytes", &self.text.len())
            .field("segments", &self.segments.iter().map(|span| span.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
