//! NTE: comments, to the notes of what they follow.
//!
//! Source: HL7 v2.8 chapter 2, 2.14.10 NTE.

use compact_str::CompactString;
use fhir::json::Value;

use crate::hl7v2::reader::Seg;
use crate::json::Build;

/// One Annotation of all comments of one owner: each repetition and each segment is a line, blank ones kept.
pub(crate) fn annotation(notes: &[Seg<'_, '_>]) -> Option<Value> {
    let mut text = CompactString::default();
    for (number, note) in notes.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for (line, node) in note.lines(3).enumerate() {
            if line > 0 {
                text.push('\n');
            }
            text.push_str(&node.whole());
        }
    }
    let text = text.trim_end();
    (!text.trim().is_empty()).then(|| Build::new().with("text", text).done())
}
