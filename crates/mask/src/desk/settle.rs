//! Masking until a second look finds nothing more.
//!
//! What stands around a word tells what it is, and masking changes what stands around it. So a masked text is searched again,
//! and what that finds is masked too, until nothing comes of it: then masking the result is masking nothing. What was put in
//! place is seen as its label in each of these searches, so a surrogate or a shifted date is not taken for the real thing.

use std::ops::Range;

use crate::Entity;
use crate::transform::{MaskedText, Method, Replaced, Tally, TextMasker, label};

/// Searches of one piece at most. Each but the last hides letters that the one before left, and two or three are usual; only a
/// text that was made to need more gets as far as this, and comes back as far as it was masked.
const SEARCHES_MAX: usize = 32;

/// Bytes of a text that are searched again together.
const PIECE_BYTES: usize = 16 * 1024;

/// Bytes behind the end of a piece in which a better end is looked for.
const BORDER_BYTES: usize = 4 * 1024;

/// What masking a text came to.
pub(super) struct Settled {
    /// Ascending, none touching another, in bytes of the text that was given.
    pub(super) entities: Vec<Entity>,
    pub(super) masked: MaskedText,
    pub(super) tally: Tally,
}

impl Settled {
    /// Adds what the next piece, which begins at `start` of the whole, came to.
    fn push(&mut self, start: usize, piece: Self) {
        let new_start = self.masked.text.len();
        let moved = |range: Range<usize>, by: usize| range.start + by..range.end + by;
        self.entities.extend(
            piece.entities.into_iter().map(|entity| Entity { range: moved(entity.range, start), ..entity }),
        );
        self.masked.text.push_str(&piece.masked.text);
        self.masked.replaced.extend(piece.masked.replaced.into_iter().map(|replaced| Replaced {
            old: moved(replaced.old, start),
            new: moved(replaced.new, new_start),
            ..replaced
        }));
        self.tally.join(&piece.tally);
    }
}

/// Masks a text by what `find` finds in it, and by what it finds in the text that this makes, until that is nothing.
///
/// A long text is searched whole once; after that each piece of it is searched by itself, so that one place that takes
/// longer does not make all others be searched again. What only a later search finds is then looked for in its piece alone.
pub(super) fn settle(find: &dyn Fn(&str) -> Vec<Entity>, masker: &TextMasker<'_>, text: &str) -> Settled {
    let bare = MaskedText { text: text.to_owned(), replaced: Vec::new() };
    let seen = neutral(masker, &bare);
    let first =
        find(&seen.text).into_iter().map(|entity| Entity { range: seen.back(&entity.range), ..entity });
    let mut rest = first.collect::<Vec<_>>().into_iter().peekable();
    let mut whole = Settled {
        entities: Vec::new(),
        masked: MaskedText { text: String::with_capacity(text.len()), replaced: Vec::new() },
        tally: Tally::default(),
    };
    let mut start = 0;
    while start < text.len() {
        let mut end = border(text, start + PIECE_BYTES);
        let mut own = Vec::new();
        while let Some(entity) = rest.next_if(|entity| entity.range.start < end) {
            end = end.max(entity.range.end);
            own.push(Entity { range: entity.range.start - start..entity.range.end - start, ..entity });
        }
        let piece = text.get(start..end).unwrap_or_default();
        whole.push(start, settle_piece(find, masker, piece, own));
        start = end;
    }
    whole
}

/// The end of a piece: a little after an offset, where a line is empty, else where one ends, else at a blank.
fn border(text: &str, at: usize) -> usize {
    let Some(bytes) = text.as_bytes().get(at..) else { return text.len() };
    let near = bytes.get(..BORDER_BYTES).unwrap_or(bytes);
    let empty = near.windows(2).position(|pair| pair == b"\n\n").map(|place| place + 1);
    let found = empty
        .or_else(|| near.iter().position(|byte| *byte == b'\n'))
        .or_else(|| near.iter().position(|byte| *byte == b' '));
    if let Some(place) = found {
        return at + place + 1;
    }
    (at..text.len()).find(|place| text.is_char_boundary(*place)).unwrap_or(text.len())
}

/// Masks a piece by these entities, and by what is found in the text that this makes, until that is nothing.
fn settle_piece(
    find: &dyn Fn(&str) -> Vec<Entity>,
    masker: &TextMasker<'_>,
    text: &str,
    mut entities: Vec<Entity>,
) -> Settled {
    let mut searches = 1;
    loop {
        let mut tally = Tally::default();
        let masked = masker.mask(text, &entities, &mut tally);
        let is_done = masked.replaced.is_empty() || searches == SEARCHES_MAX;
        let more = if is_done { Vec::new() } else { found_in(find, masker, &masked) };
        if more.is_empty() {
            return Settled { entities, masked, tally };
        }
        entities = join(entities, more);
        searches += 1;
    }
}

/// What a search of a masked text finds to mask, in bytes of the text before.
fn found_in(find: &dyn Fn(&str) -> Vec<Entity>, masker: &TextMasker<'_>, masked: &MaskedText) -> Vec<Entity> {
    let (seen, first) = (neutral(masker, masked), Patched::of(masked));
    find(&seen.text)
        .into_iter()
        .filter(|entity| masker.changes(entity.kind, seen.text.get(entity.range.clone()).unwrap_or_default()))
        .map(|entity| Entity { range: first.back(&seen.back(&entity.range)), ..entity })
        .collect()
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
    fn pieces_end_between_lines_and_hold_all() {
        let text = "Seen on 03/14/2024.\n\n".repeat(4000) + "é🙂".repeat(9000).as_str();
        let (mut start, mut pieces) = (0, 0);
        while start < text.len() {
            let end = border(&text, start + PIECE_BYTES);
            assert!(end > start && text.is_char_boundary(end));
            assert!(end == text.len() || end > 88_000 || text[..end].ends_with("\n\n"), "{end}");
            (start, pieces) = (end, pieces + 1);
        }
        assert!(pieces > 5);
    }

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
