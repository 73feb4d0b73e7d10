//! Windows: how a text of any length is searched in bounded memory.

use std::ops::Range;

/// The core of a window, in bytes. A text up to this length is one window.
pub(crate) const CORE_BYTES: usize = 256 * 1024;

/// What a window shows of its neighbours, in bytes, so that nothing that lies across a border is missed.
pub(crate) const MARGIN_BYTES: usize = 2 * 1024;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// What is searched.
    pub(crate) shown: Range<usize>,
    /// Where a finding has to begin to count; windows' cores follow each other without a gap.
    pub(crate) core: Range<usize>,
}

/// Cuts a text into windows whose borders are blanks where there are any near, and character boundaries always.
pub(crate) fn windows(text: &str) -> Vec<Window> {
    let mut found = Vec::with_capacity(text.len() / CORE_BYTES + 1);
    let mut start = 0;
    loop {
        let end = if text.len() - start <= CORE_BYTES + MARGIN_BYTES {
            text.len()
        } else {
            border(text, start + CORE_BYTES)
        };
        let shown = border(text, start.saturating_sub(MARGIN_BYTES))..border(text, end + MARGIN_BYTES);
        found.push(Window { shown, core: start..end });
        if end >= text.len() {
            return found;
        }
        start = end;
    }
}

/// The best place for a border at or a little after an offset: the end of a line, else a blank, else any character.
fn border(text: &str, at: usize) -> usize {
    if at == 0 || at >= text.len() {
        return at.min(text.len());
    }
    let bytes = text.as_bytes().get(at..(at + 512).min(text.len())).unwrap_or_default();
    if let Some(offset) =
        bytes.iter().position(|byte| *byte == b'\n').or_else(|| bytes.iter().position(|byte| *byte == b' '))
    {
        return at + offset;
    }
    (at..text.len()).find(|place| text.is_char_boundary(*place)).unwrap_or(text.len())
}
