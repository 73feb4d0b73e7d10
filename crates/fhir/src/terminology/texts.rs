//! Many short texts in one piece of memory: a code system of 100,000 concepts is a few allocations instead of a million.

use std::collections::HashMap;

/// A place in [`Texts`]. Empty stands for "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    bytes: u32,
}

impl Span {
    pub(super) fn is_empty(self) -> bool {
        self.bytes == 0
    }
}

/// The texts.
#[derive(Debug, Default)]
pub(super) struct Texts(Box<str>);

impl Texts {
    pub(super) fn get(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.0.get(start..start + span.bytes as usize).unwrap_or_default()
    }

    /// The text, unless it is empty.
    pub(super) fn find(&self, span: Span) -> Option<&str> {
        (!span.is_empty()).then(|| self.get(span))
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// Gathers texts. Values that repeat (`ACTIVE`, a language, a use) are kept once.
#[derive(Default)]
pub(super) struct Gatherer {
    all: String,
    known: HashMap<Box<str>, Span>,
}

/// Longer texts hardly repeat and are not looked for.
const SHARED_BYTES_MAX: usize = 48;
/// So many different texts are looked for; the table is dropped after reading.
const SHARED_MAX: usize = 100_000;

impl Gatherer {
    /// Adds `text`; `None` if all texts together would be longer than 4 GiB.
    pub(super) fn add(&mut self, text: &str) -> Option<Span> {
        if text.is_empty() {
            return Some(Span::default());
        }
        let start = u32::try_from(self.all.len()).ok()?;
        let bytes = u32::try_from(text.len()).ok()?;
        start.checked_add(bytes)?;
        self.all.push_str(text);
        Some(Span { start, bytes })
    }

    /// Adds `text` unless it is there already.
    pub(super) fn share(&mut self, text: &str) -> Option<Span> {
        if text.len() > SHARED_BYTES_MAX {
            return self.add(text);
        }
        if let Some(known) = self.known.get(text) {
            return Some(*known);
        }
        let span = self.add(text)?;
        if self.known.len() < SHARED_MAX {
            self.known.insert(text.into(), span);
        }
        Some(span)
    }

    pub(super) fn finish(self) -> Texts {
        Texts(self.all.into_boxed_str())
    }
}
