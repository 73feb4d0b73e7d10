//! Where the segments and fields of a text begin, found in one pass.

use std::collections::BTreeMap;

use super::delimiters::Delimiters;
use super::location::{Location, SegmentName};
use super::message::SegmentSpan;
use super::parse::Limits;
use super::problem::{ParseError, ProblemKind, Problems};

/// The index while it grows.
pub(super) struct Index<'a> {
    text: &'a str,
    delimiters: Delimiters,
    limits: Limits,
    pub(super) segments: Vec<SegmentSpan>,
    pub(super) fields: Vec<u32>,
    occurrences: BTreeMap<SegmentName, u32>,
    /// Whether the header ends with CR, so that a lone LF is data.
    ends_with_cr: bool,
}

/// What a run of line ends means.
enum LineEnd {
    /// A segment follows, or nothing.
    Boundary { name: Option<SegmentName> },
    /// It is data of the segment at hand.
    Data,
}

impl<'a> Index<'a> {
    pub(super) fn new(text: &'a str, delimiters: Delimiters, limits: Limits) -> Self {
        let header_end = text.bytes().find(|byte| matches!(byte, b'\r' | b'\n'));
        Self {
            text,
            delimiters,
            limits,
            segments: Vec::with_capacity(16),
            fields: Vec::with_capacity(text.len() / 10 + 8),
            occurrences: BTreeMap::new(),
            ends_with_cr: header_end != Some(b'\n'),
        }
    }

    pub(super) fn scan(&mut self, problems: &mut Problems) -> Result<(), ParseError> {
        let bytes = self.text.as_bytes();
        let mut marks = [false; 256];
        let repetition = self.delimiters.repetition;
        for mark in [Some(self.delimiters.field), Some(b'\r'), Some(b'\n'), repetition].into_iter().flatten()
        {
            if let Some(slot) = marks.get_mut(usize::from(mark)) {
                *slot = true;
            }
        }
        let is_mark = |byte: u8| marks.get(usize::from(byte)).copied().unwrap_or(false);

        let mut offset = self.open(0, SegmentName::new("MSH"))?;
        let mut repetitions = 1;
        while let Some(step) =
            bytes.get(offset..).and_then(|rest| rest.iter().position(|byte| is_mark(*byte)))
        {
            offset += step;
            let byte = bytes.get(offset).copied().unwrap_or(0);
            if byte == self.delimiters.field {
                repetitions = 1;
                offset += 1;
                self.field(offset)?;
            } else if Some(byte) == repetition {
                repetitions += 1;
                if repetitions > self.limits.repetitions_max {
                    return Err(self.too_many_repetitions(offset));
                }
                offset += 1;
            } else {
                let run = bytes.get(offset..).unwrap_or(&[]);
                let length = run.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                match self.line_end(offset, length, problems) {
                    LineEnd::Boundary { name } => {
                        self.close(offset);
                        repetitions = 1;
                        offset = self.open(offset + length, name)?;
                    }
                    LineEnd::Data => offset += length,
                }
            }
        }
        self.close(bytes.len());
        Ok(())
    }

    /// Judges the run of line ends at `offset` by what follows it.
    fn line_end(&self, offset: usize, length: usize, problems: &mut Problems) -> LineEnd {
        let bytes = self.text.as_bytes();
        let start = offset + length;
        let run = bytes.get(offset..start).unwrap_or(&[]);
        let next = bytes.get(start..).unwrap_or(&[]);
        let lone_lf = self.ends_with_cr && run.iter().all(|byte| *byte == b'\n');
        let name_length = next.iter().take(5).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let after = next.get(name_length);
        let with_field = after == Some(&self.delimiters.field);
        let alone = matches!(after, None | Some(b'\r' | b'\n'));
        let name = next
            .get(..name_length)
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(SegmentName::new);
        let Some(name) = name else {
            if next.is_empty() {
                return LineEnd::Boundary { name: None };
            }
            if !lone_lf {
                problems.add(ProblemKind::LineContinued, start);
            }
            return LineEnd::Data;
        };
        // In a CR message a LF may well be followed by three capitals of text, but hardly by an unescaped separator.
        if name.is_standard() && (with_field || alone && !lone_lf) {
            if name.as_str() == "MSH" {
                problems.add(ProblemKind::SecondHeader, start);
            }
            return LineEnd::Boundary { name: Some(name) };
        }
        if with_field && !lone_lf && name_length <= 4 {
            problems.add(ProblemKind::SegmentName, start);
            return LineEnd::Boundary { name: Some(name) };
        }
        if !lone_lf {
            problems.add(ProblemKind::LineContinued, start);
        }
        LineEnd::Data
    }

    /// Begins a segment at `start` and gives the offset from which to scan on.
    fn open(&mut self, start: usize, name: Option<SegmentName>) -> Result<usize, ParseError> {
        let Some(name) = name else { return Ok(start) };
        if self.segments.len() >= self.limits.segments_max {
            return Err(ParseError::TooManySegments { limit: self.limits.segments_max, offset: start });
        }
        let occurrence = self.occurrences.entry(name).and_modify(|count| *count += 1).or_insert(1);
        let fields_start = offset_of(self.fields.len());
        let after_name = start + name.as_str().len();
        let span = SegmentSpan {
            name,
            occurrence: *occurrence,
            is_header: matches!(name.as_str(), "MSH" | "FHS" | "BHS"),
            start: offset_of(start),
            end: offset_of(after_name),
            fields_start,
            fields_end: fields_start,
        };
        self.segments.push(span);
        if !span.is_header {
            return Ok(after_name);
        }
        // MSH-2 holds delimiters as data: pass over it, up to the separator that ends it.
        let second = after_name + 1;
        let rest = self.text.as_bytes().get(second..).unwrap_or(&[]);
        let is_end = |byte: &u8| *byte == self.delimiters.field || matches!(byte, b'\r' | b'\n');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        if second <= self.text.len() {
            self.field(second)?;
        }
        Ok((second + length).min(self.text.len()))
    }

    fn field(&mut self, start: usize) -> Result<(), ParseError> {
        let Some(span) = self.segments.last() else { return Ok(()) };
        if self.fields.len() - span.fields_start as usize >= self.limits.fields_max {
            let limit = self.limits.fields_max;
            return Err(ParseError::TooManyFields {
                segment: span.name,
                occurrence: span.occurrence,
                limit,
                offset: start,
            });
        }
        self.fields.push(offset_of(start));
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let fields_end = offset_of(self.fields.len());
        if let Some(span) = self.segments.last_mut() {
            span.end = offset_of(end);
            span.fields_end = fields_end;
        }
    }

    fn too_many_repetitions(&self, offset: usize) -> ParseError {
        let limit = self.limits.repetitions_max;
        let Some(span) = self.segments.last() else { return ParseError::NoHeader };
        let field = offset_of(self.fields.len()) - span.fields_start + u32::from(span.is_header);
        let location = Location { field, ..Location::of_segment(span.name, span.occurrence) };
        ParseError::TooManyRepetitions { location, limit, offset }
    }
}

/// Texts are bounded by 1 GiB of input, and decoding at most triples it, so every offset fits.
fn offset_of(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
