//! Many findings, overlapping, to entities that do not overlap.

use crate::{Entity, Kind, Reason};

/// What tells the kind of a finding best: a person's own facts and rules, then form and cue, then lists, then the tagger; a plain
/// identifier gives way to a kind of its own.
fn rank(entity: &Entity) -> u8 {
    match &entity.reason {
        Reason::Known | Reason::Custom(_) => 4,
        _ if entity.kind == Kind::Id => 1,
        // The tagger's word for a place.
        Reason::Context("town") => 2,
        Reason::Pattern(_) | Reason::Context(_) => 3,
        Reason::Gazetteer(_) | Reason::Tagger | Reason::Propagated => 2,
    }
}

/// Joins findings that share a byte into one that covers them all (so that nothing any finder saw is lost), with the kind and
/// reason of the one that tells best, then of the surest, then of the longest.
pub(super) fn merge(mut all: Vec<Entity>) -> Vec<Entity> {
    all.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
    let mut merged: Vec<(Entity, usize)> = Vec::with_capacity(all.len());
    for entity in all {
        let length = entity.range.len();
        match merged.last_mut() {
            Some((last, best_length)) if entity.range.start < last.range.end => {
                let end = last.range.end.max(entity.range.end);
                let start = last.range.start;
                if (rank(&entity), entity.score, length) > (rank(last), last.score, *best_length) {
                    *best_length = length;
                    *last = entity;
                }
                last.range = start..end;
            }
            _ => merged.push((entity, length)),
        }
    }
    merged.into_iter().map(|(entity, _)| entity).collect()
}
