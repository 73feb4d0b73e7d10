//! Masking until a second look finds nothing more.
//!
//! What stands around a word tells what it is, and masking changes what stands around it. So a masked text is searched again,
//! and what that finds is masked too, until nothing comes of it: then masking the result is masking nothing. What was put in
//! place is seen as its label in each of these searches, so a surrogate or a shifted date is not taken for the real thing.

use std::ops::Range;

use crate::Entity;
use crate::transform::{MaskedText, Method, Tally, TextMasker, label};

/// Searches of one text at most. Each but the last hides letters that the one before left, and two or three are usual; only a
/// text that was made to need more gets as far as this, and comes back as far as it was masked.
const SEARCHES_MAX: usize = 32;

/// What masking a text came to.
pub(super) struct Settled {
    /// Ascending, none touching another, in bytes of the text that was given.
    pub(super) entities: Vec<Entity>,
    pub(super) masked: MaskedText,
    pub(super) tally: Tally,
}

/// Masks a text by what `find` finds in it, and by what it finds in the text that this makes, until that is nothing.
pub(super) fn settle(find: &dyn Fn(&str) -> Vec<Entity>, masker: &TextMasker<'_>, text: &str) -> Settled {
    let mut entities = Vec::new();
    let mut tally = Tally::default();
    let mut masked = MaskedText { text: text.to_owned(), replaced: Vec::new() };
    for _ in 0..SEARCHES_MAX {
        let seen = neutral(masker, &masked);
        let first = Patched::of(&masked);
        let more: Vec<Entity> = find(&seen.text)
            .into_iter()
            .filter(|entity| {
                let found = seen.text.get(entity.range.clone()).unwrap_or_default();
                // The first search reports all that it finds, also what stays as it is.
                entities.is_empty() || masker.changes(entity.kind, found)
            })
            .map(|entity| Entity { range: first.back(&seen.back(&entity.range)), ..entity })
            .collect();
        if more.is_empty() {
            break;
        }
        entities = join(entities, more);
        tally = Tally::default();
        masked = masker.mask(text, &entities, &mut tally);
        if masked.replaced.is_empty() {
            break;
        }
    }
    Settled { entities, masked, tally }
}

/// The masked text as the next search sees it: with labels in place of tags, surrogates and shifted dates.
fn neutral(masker: &TextMasker<'_>, masked: &MaskedText) -> Patched {
    let made = masked
        .replaced
        .iter()
        .filter(|replaced| !matches!(replaced.method, Method::Redact | Method::Label | Method::Generalize))
        .map(|replaced| (replaced.new.clone(), label(replaced.kind)));
    let mut all: Vec<(Range<usize>, String)> = made.chain(masker.tags_in(&masked.text)).collect();
    all.sort_by_key(|(range, _)| range.start);
    Patched::new(&masked.text, all)
}

/// Both, as one ascending row; what shares a byte becomes one, of the later one's kind.
fn join(before: Vec<Entity>, more: Vec<Entity>) -> Vec<Entity> {
    let mut all: Vec<(Entity, bool)> =
        before.into_iter().map(|entity| (entity, false)).chain(more.into_iter().map(|e| (e, true))).collect();
    all.sort_by_key(|(entity, _)| entity.range.start);
    let mut joined: Vec<(Entity, bool)> = Vec::with_capacity(all.len());
    for (entity, is_new) in all {
        match joined.last_mut() {
            Some((last, last_is_new)) if entity.range.start < last.range.end => {
                let range = last.range.start..last.range.end.max(entity.range.end);
                if is_new && !*last_is_new {
                    (*last, *last_is_new) = (entity, true);
                }
                last.range = range;
            }
            _ => joined.push((entity, is_new)),
        }
    }
    joined.into_iter().map(|(entity, _)| entity).collect()
}

/// A text in which other stretches stand for some of another, and the way back.
struct Patched {
    text: String,
    /// The bytes in the text before, and in this one; ascending.
    patches: Vec<(Range<usize>, Range<usize>)>,
}

impl Patched {
    /// The text with these stretches replaced. Of ones that overlap the first counts.
    fn new(text: &str, replacements: Vec<(Range<usize>, String)>) -> Self {
        let mut patched = Self { text: String::with_capacity(text.len()), patches: Vec::new() };
        let mut done = 0;
        for (old, new) in replacements {
            let Some(between) = text.get(done..old.start) else { continue };
            patched.text.push_str(between);
            let start = patched.text.len();
            patched.text.push_str(&new);
            done = old.end;
            patched.patches.push((old, start..patched.text.len()));
        }
        patched.text.push_str(text.get(done..).unwrap_or_default());
        patched
    }

    /// The way back from a masked text; its letters are not needed for that.
    fn of(masked: &MaskedText) -> Self {
        let patches =
            masked.replaced.iter().map(|replaced| (replaced.old.clone(), replaced.new.clone())).collect();
        Self { text: String::new(), patches }
    }

    /// The bytes of the text before that a stretch stands for: whole patches where it touches their inside.
    fn back(&self, range: &Range<usize>) -> Range<usize> {
        // What was taken out at the very edge of a stretch does not belong to it.
        let start = self.place(
            range.start,
            self.patches.partition_point(|(_, new)| new.end <= range.start),
            |old, new| (new.start <= range.start).then_some(old.start),
        );
        let end = self.place(
            range.end,
            self.patches
                .partition_point(|(_, new)| new.end < range.end || new.end == range.end && !new.is_empty()),
            |old, new| (new.start < range.end).then_some(old.end),
        );
        start..end.max(start)
    }

    /// The place before that one here stands for, with `passed` patches lying before it; `inside` says what the next one makes of it.
    fn place(
        &self,
        at: usize,
        passed: usize,
        inside: impl Fn(&Range<usize>, &Range<usize>) -> Option<usize>,
    ) -> usize {
        if let Some(place) = self.patches.get(passed).and_then(|(old, new)| inside(old, new)) {
            return place;
        }
        let (old_end, new_end) = passed
            .checked_sub(1)
            .and_then(|last| self.patches.get(last))
            .map_or((0, 0), |(old, new)| (old.end, new.end));
        old_end + at.saturating_sub(new_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_lead_back_over_what_was_replaced_and_taken_out() {
        let text = "ab CD ef GH ij";
        let patched = Patched::new(text, vec![(3..5, "[NAME]".to_owned()), (9..11, String::new())]);
        assert_eq!(patched.text, "ab [NAME] ef  ij");
        for (here, there) in [
            (0..2, 0..2),
            (3..9, 3..5),
            (4..6, 3..5),
            (10..12, 6..8),
            (10..13, 6..9),
            (13..16, 11..14),
            (10..16, 6..14),
            (0..16, 0..14),
        ] {
            assert_eq!(patched.back(&here), there, "{here:?}");
        }
    }
}
