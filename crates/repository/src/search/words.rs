//! Words into index rows: what `_text` and `_content` are answered from.
//!
//! A word is a number in the tenant's sealed dictionary of words (one for all types). Resources that hold it stand in blocks
//! of [`BLOCK`] resource numbers, one row for each word and block, so that an import writes a row for a whole bundle and not
//! one for each word of each resource. Rows depend on which resources there are and on nothing else. A row that changes is
//! read, changed and put once a batch; those of the youngest blocks are kept in memory, so that an import reads none.
//!
//! ```text
//! space word: type (2) | parameter (2) | word (4) | block (8) -> resources of the block that hold the word
//! value: 0, then gaps (varints): the first place, then the distance from each to the next less 1 · or 1, then 128 bytes of bits
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::search::words::{Place, texts, words};
use storage::engine::{Batch, Reader};

use super::SearchError;
use super::dictionary::{Dictionaries, NewTexts};
use super::header::{push_varint, take_varint};
use crate::layout;

/// The number of the parameter `_text`; its rows hold the words of narratives.
pub(crate) const TEXT: u16 = 1;
/// The number of the parameter `_content`; its rows hold all words.
pub(crate) const CONTENT: u16 = 2;

/// Resource numbers of one row.
pub(crate) const BLOCK: u64 = 1024;

/// Different words of one resource that are indexed; a longer text is found by its first ones.
const WORDS_MAX: usize = 20_000;
/// Texts of a resource that are remembered, for a text often stands twice: as display and as text of its concept.
const TEXTS_SEEN: usize = 4;
/// Numbers of words kept at hand.
const KNOWN_MAX: usize = 65_536;
/// Rows kept at hand.
const YOUNG_MAX: usize = 65_536;

const LIST: u8 = 0;
const BITS: u8 = 1;
const BITS_BYTES: usize = (BLOCK / 8) as usize;

/// The words of one resource, ascending, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// All of them.
    content: Vec<CompactString>,
    /// Those of the narrative.
    narrative: Vec<CompactString>,
}

impl Words {
    /// Reads a resource's words.
    pub(crate) fn of(resource: &Value) -> Self {
        let mut found = Self::default();
        let mut seen: [CompactString; TEXTS_SEEN] = Default::default();
        let mut at = 0;
        texts(resource, &mut |place, text| {
            let room = WORDS_MAX.saturating_mul(4);
            if place == Place::Element && seen.iter().any(|known| known == text) || found.content.len() > room
            {
                return;
            }
            if let Some(slot) = seen.get_mut(at % TEXTS_SEEN).filter(|_| text.len() <= 64) {
                *slot = text.into();
                at += 1;
            }
            words(text, &mut |word| {
                found.content.push(word.into());
                if place == Place::Narrative {
                    found.narrative.push(word.into());
                }
            });
        });
        found.tidy();
        found
    }

    /// Adds the words of another resource.
    pub(crate) fn join(&mut self, other: Self) {
        self.content.extend(other.content);
        self.narrative.extend(other.narrative);
        self.tidy();
    }

    /// All of them, or those of the narrative.
    pub(crate) fn list(&self, narrative: bool) -> &[CompactString] {
        if narrative { &self.narrative } else { &self.content }
    }

    fn tidy(&mut self) {
        for list in [&mut self.content, &mut self.narrative] {
            list.sort_unstable();
            list.dedup();
            list.truncate(WORDS_MAX);
        }
    }
}

/// A row's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct At {
    tenant: u32,
    type_code: u16,
    parameter: u16,
    word: u32,
    block: u64,
}

impl At {
    fn key(self) -> Vec<u8> {
        let mut key = word_prefix(self.tenant, self.type_code, self.parameter, self.word);
        key.extend_from_slice(&self.block.to_be_bytes());
        key
    }
}

/// The beginning of the keys of a word's rows.
pub(crate) fn word_prefix(tenant: u32, type_code: u16, parameter: u16, word: u32) -> Vec<u8> {
    layout::Key::new(tenant).u16(type_code).u16(parameter).u32(word).into_vec()
}

/// The block of a resource number, and the number's place in it.
pub(crate) fn place(number: u64) -> (u64, u16) {
    (number / BLOCK, u16::try_from(number % BLOCK).unwrap_or_default())
}

/// Writes the rows of words for the applier: changes are noted one by one and put with the batch.
#[derive(Default)]
pub(crate) struct WordPostings {
    known: HashMap<(u32, CompactString), u32>,
    /// Places to put or to take away, in the order in which they came.
    pending: HashMap<At, Vec<(u16, bool)>>,
    /// Rows of blocks from `young_from` on, as they stand; there are no others of these blocks.
    young: HashMap<At, Vec<u16>>,
    young_from: Option<u64>,
}

impl std::fmt::Debug for WordPostings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WordPostings({} pending)", self.pending.len())
    }
}

/// The resource whose words change.
#[derive(Clone, Copy)]
pub(crate) struct Changed {
    pub(crate) tenant: u32,
    pub(crate) type_code: u16,
    pub(crate) number: u64,
}

impl WordPostings {
    /// Notes what leads from the old words of a resource to the new ones.
    pub(crate) fn replace(
        &mut self,
        (dictionaries, new_texts): (&Arc<Dictionaries>, &mut NewTexts),
        engine: &dyn Reader,
        changed: Changed,
        (old, new): (Option<&Words>, Option<&Words>),
    ) -> Result<(), SearchError> {
        let none = Words::default();
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        let (block, place) = place(changed.number);
        let Changed { tenant, type_code, .. } = changed;
        let pairs = [(CONTENT, &old.content, &new.content), (TEXT, &old.narrative, &new.narrative)];
        for (parameter, old, new) in pairs {
            for (word, stays) in differences(old, new) {
                let number = match self.known.get(&(tenant, word.clone())) {
                    Some(number) => *number,
                    None => {
                        let place = (tenant, CONTENT);
                        let number = new_texts.number(dictionaries, engine, place, word, word)?;
                        if self.known.len() >= KNOWN_MAX {
                            self.known.clear();
                        }
                        self.known.insert((tenant, word.clone()), number);
                        number
                    }
                };
                let at = At { tenant, type_code, parameter, word: number, block };
                self.pending.entry(at).or_default().push((place, stays));
            }
        }
        Ok(())
    }

    /// Puts the changed rows into the batch.
    pub(crate) fn finish(&mut self, engine: &dyn Reader, batch: &mut Batch) -> Result<(), SearchError> {
        let young_from = match self.young_from {
            Some(block) => block,
            None => *self.young_from.insert(first_unused_block(engine)?),
        };
        let mut pending: Vec<(At, Vec<(u16, bool)>)> = self.pending.drain().collect();
        pending.sort_unstable_by_key(|(at, _)| *at);
        let mut newest = 0;
        for (at, changes) in pending {
            let is_young = at.block >= young_from && at.block < LATE_BLOCK;
            let key = at.key();
            let mut places = match self.young.remove(&at) {
                Some(places) => places,
                None if is_young => Vec::new(),
                None => match engine.get(layout::WORD, &key)? {
                    Some(value) => read(&value).ok_or(SearchError::Corrupt)?,
                    None => Vec::new(),
                },
            };
            for (place, stays) in changes {
                match (places.binary_search(&place), stays) {
                    (Err(index), true) => places.insert(index, place),
                    (Ok(index), false) => drop(places.remove(index)),
                    _ => {}
                }
            }
            if places.is_empty() {
                batch.delete(layout::WORD, key);
            } else {
                batch.put(layout::WORD, key, write(&places));
                if is_young {
                    newest = newest.max(at.block);
                    self.young.insert(at, places);
                }
            }
        }
        self.grow_old(newest);
        Ok(())
    }

    /// Lets go of rows but those of the newest block; of that too if it alone is too much.
    fn grow_old(&mut self, newest: u64) {
        if self.young.len() <= YOUNG_MAX {
            return;
        }
        self.young.retain(|at, _| at.block >= newest);
        let from = if self.young.len() > YOUNG_MAX / 2 { newest + 1 } else { newest };
        self.young.retain(|at, _| at.block >= from);
        self.young_from = Some(from);
    }
}

/// Blocks of numbers given out late, which do not grow in order.
const LATE_BLOCK: u64 = crate::numbers::LATE_FIRST / BLOCK;

/// The first block of which the index can have no row yet.
fn first_unused_block(engine: &dyn Reader) -> Result<u64, SearchError> {
    let counters = engine.get(layout::APPLIED, &layout::numbers_key())?;
    let next = counters.and_then(|value| take_varint(&mut &value[..]));
    Ok(next.map_or(u64::MAX, |next| next / BLOCK + 1))
}

/// Words that only one side has, and whether it is the new one. Both are ascending.
fn differences<'w>(
    old: &'w [CompactString],
    new: &'w [CompactString],
) -> impl Iterator<Item = (&'w CompactString, bool)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        loop {
            return match (old.peek(), new.peek()) {
                (Some(before), Some(after)) if before == after => {
                    old.next();
                    new.next();
                    continue;
                }
                (Some(before), Some(after)) if before > after => new.next().map(|word| (word, true)),
                (Some(_), _) => old.next().map(|word| (word, false)),
                (None, _) => new.next().map(|word| (word, true)),
            };
        }
    })
}

/// A row's value; `places` must be ascending, each once and below [`BLOCK`].
fn write(places: &[u16]) -> Vec<u8> {
    let mut list = Vec::with_capacity(places.len() + 2);
    list.push(LIST);
    let mut next = 0;
    for place in places {
        push_varint(&mut list, u64::from(place.saturating_sub(next)));
        next = place.saturating_add(1);
        if list.len() > BITS_BYTES {
            let mut bits = vec![0; BITS_BYTES + 1];
            for place in places {
                if let Some(byte) = bits.get_mut(usize::from(place / 8) + 1) {
                    *byte |= 1 << (place % 8);
                }
            }
            if let Some(kind) = bits.first_mut() {
                *kind = BITS;
            }
            return bits;
        }
    }
    list
}

/// The value of the row under `key` without a resource: nothing where no other is left. `None` if the resource is not in it.
pub(crate) fn without(key: &[u8], value: &[u8], number: u64) -> Option<Vec<u8>> {
    let (block, place) = place(number);
    if layout::number_at_end(key) != Some(block) {
        return None;
    }
    let mut places = read(value)?;
    let at = places.binary_search(&place).ok()?;
    places.remove(at);
    Some(if places.is_empty() { Vec::new() } else { write(&places) })
}

/// The places of a row; `None` if it is not one.
pub(crate) fn read(value: &[u8]) -> Option<Vec<u16>> {
    let (kind, mut rest) = value.split_first()?;
    let mut places = Vec::with_capacity(rest.len());
    match *kind {
        LIST => {
            let mut next = 0_u64;
            while !rest.is_empty() {
                let at = next.checked_add(take_varint(&mut rest)?)?;
                places.push(u16::try_from(at).ok().filter(|place| u64::from(*place) < BLOCK)?);
                next = at + 1;
            }
        }
        BITS if rest.len() == BITS_BYTES => {
            for (at, byte) in (0_u16..).zip(rest) {
                places.extend((0..8).filter(|bit| byte >> bit & 1 == 1).map(|bit| at * 8 + bit));
            }
        }
        _ => return None,
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_parameters_are_those_of_the_standard() {
        for (code, number) in [("_text", TEXT), ("_content", CONTENT)] {
            let found = fhir::definitions::search_parameters().iter().find(|one| one.code == code).unwrap();
            assert_eq!(found.number, number, "{code}");
        }
    }

    #[test]
    fn the_words_of_a_resource_are_sorted_and_those_of_its_narrative_known() {
        let json = br#"{"resourceType":"Basic","text":{"div":"<div>Zeta beta</div>"},
            "code":{"coding":[{"display":"Alpha Beta"}],"text":"Alpha Beta"}}"#;
        let words = Words::of(&fhir::json::parse(json, &fhir::json::Limits::default()).unwrap());
        assert_eq!(words.content, ["alpha", "beta", "zeta"]);
        assert_eq!(words.narrative, ["beta", "zeta"]);
    }

    #[test]
    fn a_resource_is_taken_out_of_its_row_alone() {
        let row = |block: u64| [word_prefix(1, 2, CONTENT, 3).as_slice(), &block.to_be_bytes()].concat();
        let value = write(&[3, 5]);
        assert_eq!(without(&row(2), &value, 2 * BLOCK + 3), Some(write(&[5])));
        assert_eq!(without(&row(2), &write(&[3]), 2 * BLOCK + 3), Some(Vec::new()));
        assert_eq!(without(&row(2), &value, 2 * BLOCK + 4), None);
        assert_eq!(without(&row(2), &value, 3 * BLOCK + 3), None);
    }

    proptest::proptest! {
        #[test]
        fn a_row_reads_as_it_was_written(places in proptest::collection::btree_set(0..1024_u16, 1..600)) {
            let places: Vec<u16> = places.into_iter().collect();
            let value = write(&places);
            proptest::prop_assert!(value.len() <= BITS_BYTES + 1);
            proptest::prop_assert_eq!(read(&value), Some(places));
        }

        #[test]
        fn no_bytes_stop_the_reading(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Some(places) = read(&bytes) {
                proptest::prop_assert!(places.iter().all(|place| u64::from(*place) < BLOCK));
            }
        }

        #[test]
        fn differences_lead_from_old_to_new(old in proptest::collection::btree_set("[a-e]", 0..6), new in proptest::collection::btree_set("[a-e]", 0..6)) {
            let list = |set: &std::collections::BTreeSet<String>| -> Vec<CompactString> {
                set.iter().map(|word| CompactString::from(word.as_str())).collect()
            };
            let (before, after) = (list(&old), list(&new));
            let mut held: std::collections::BTreeSet<&str> = old.iter().map(String::as_str).collect();
            for (word, stays) in differences(&before, &after) {
                let changes = if stays { held.insert(word) } else { held.remove(word.as_str()) };
                proptest::prop_assert!(changes);
            }
            proptest::prop_assert!(held.iter().copied().eq(new.iter().map(String::as_str)));
        }
    }
}
