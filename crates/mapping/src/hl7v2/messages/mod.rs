//! Messages: which segments belong together.

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;

pub(crate) mod adt;
pub(crate) mod results;

/// The segments of each patient: a PID and what follows it up to the next PID. What stands before the first PID is in no
/// group.
pub(crate) fn patient_groups<'r, 'm>(context: &Context<'r, 'm>) -> Vec<Vec<Seg<'r, 'm>>> {
    let mut groups: Vec<Vec<Seg<'r, 'm>>> = Vec::new();
    for segment in context.reader.segments() {
        if segment.name() == "PID" {
            groups.push(Vec::with_capacity(16));
        }
        if let Some(group) = groups.last_mut() {
            group.push(segment);
        }
    }
    groups
}

/// The first segment of a name in a group.
pub(crate) fn first<'r, 'm>(group: &[Seg<'r, 'm>], name: &str) -> Option<Seg<'r, 'm>> {
    group.iter().find(|segment| segment.name() == name).copied()
}
