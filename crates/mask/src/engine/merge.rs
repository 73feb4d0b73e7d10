//! Many findings, overlapping, to entities that do not overlap.

use crate::Entity;

/// Joins findings that share a byte into one that covers them all (so that nothing any finder saw is lost), of the kind and
/// reason of the surest; of equally sure ones, of the longest.
pub(super) fn merge(mut all: Vec<Entity>) -> Vec<Entity> {
    all.sort_by(|a, b| a.range.start.cmp(&b.range.start).then(b.range.end.cmp(&a.range.end)));
    let mut merged: Vec<(Entity, usize)> = Vec::with_capacity(all.len());
    for entity in all {
        let length = entity.range.len();
        match merged.last_mut() {
            Some((last, best_length)) if entity.range.start < last.range.end => {
                let end = last.range.end.max(entity.range.end);
                let start = last.range.start;
                if (entity.score, length) > (last.score, *best_length) {
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
