//! What is done with each kind, and doing it in a text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::label::{label, labels_in, tag};
use super::shift::DateShift;
use super::{IdCipher, Method, SMALL_AREAS, Tally, kind_name, pseudonym, surrogate, top_code, zip3};
use crate::{Entity, Keys, Kind};

/// What stands in place of something that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transform {
    /// It stays.
    Keep,
    /// Nothing.
    Remove,
    /// `[NAME]`.
    Label,
    /// `[NAME-K7QX2MPA]`: the same for the same text.
    Tag,
    /// This character for each letter and digit.
    Characters(char),
    /// Another of its kind; see [`surrogate`](super::surrogate()).
    Surrogate,
    /// 24 letters of base 32; see [`pseudonym`](super::pseudonym).
    Pseudonym,
    /// The id encrypted in its own format; see [`IdCipher`]. Can be undone.
    Cipher,
    /// The date moved; see [`DateShift`]. Can be undone.
    ShiftDate,
    /// The age made 90; see [`top_code`].
    TopCode,
    /// Three digits of the ZIP code; see [`zip3`].
    Zip3,
}

/// What is done with each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// With kinds that are not named.
    pub otherwise: Transform,
    /// With the kinds that are.
    pub by_kind: BTreeMap<Kind, Transform>,
}

impl Plan {
    /// The same for every kind.
    #[must_use]
    pub const fn all(transform: Transform) -> Self {
        Self { otherwise: transform, by_kind: BTreeMap::new() }
    }

    /// Labels; dates shifted, ages top-coded, ZIP codes of three digits.
    #[must_use]
    pub fn labels() -> Self {
        Self::all(Transform::Label)
            .with(Kind::Date, Transform::ShiftDate)
            .with(Kind::Age, Transform::TopCode)
            .with(Kind::Zip, Transform::Zip3)
    }

    /// Surrogates; dates shifted, ages top-coded, ZIP codes of three digits.
    #[must_use]
    pub fn surrogates() -> Self {
        Self { otherwise: Transform::Surrogate, ..Self::labels() }
    }

    /// This plan with another transform for one kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, transform: Transform) -> Self {
        self.by_kind.insert(kind, transform);
        self
    }

    /// What is done with a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Transform {
        self.by_kind.get(&kind).copied().unwrap_or(self.otherwise)
    }
}

/// Replaces what was found in a text. Where a transform cannot be applied (a date that is not understood, an id too short to
/// encrypt, no shift given), the label stands in its place.
pub struct TextMasker<'k> {
    keys: &'k dyn Keys,
    plan: &'k Plan,
    shift: Option<DateShift>,
}

/// A masked text.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskedText {
    /// The text as it may be shown.
    pub text: String,
    /// What was replaced, ascending.
    pub replaced: Vec<Replaced>,
}

/// One thing that was replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// What it was.
    pub kind: Kind,
    /// How it was replaced.
    pub method: Method,
    /// Its bytes in the text that was given.
    pub old: Range<usize>,
    /// The bytes of what stands in its place in the new text.
    pub new: Range<usize>,
}

impl<'k> TextMasker<'k> {
    /// A masker by this plan. Without `shift`, dates are not shifted but labelled.
    #[must_use]
    pub fn new(keys: &'k dyn Keys, plan: &'k Plan, shift: Option<DateShift>) -> Self {
        Self { keys, plan, shift }
    }

    /// Replaces `entities` in `text`. Their order does not matter; ones that overlap become one; what stands in a label of ours
    /// stays, so that a masked text comes back as it is, as long as the plan has no surrogates and shifts no dates.
    #[must_use]
    pub fn mask(&self, text: &str, entities: &[Entity], tally: &mut Tally) -> MaskedText {
        let labels = if text.contains('[') { labels_in(self.keys, text) } else { Vec::new() };
        let mut out = String::with_capacity(text.len() + 16);
        let mut replaced = Vec::with_capacity(entities.len());
        let mut done = 0;
        for (old, kind) in merged(text, entities) {
            let near = labels.partition_point(|label| label.end < old.end);
            let in_label = labels.get(near).is_some_and(|label| label.start <= old.start);
            let found = text.get(old.clone()).unwrap_or("");
            if in_label || !found.chars().any(char::is_alphanumeric) {
                continue;
            }
            let Some((new, method)) = self.replacement(kind, found) else { continue };
            out.push_str(text.get(done..old.start).unwrap_or(""));
            let start = out.len();
            out.push_str(&new);
            done = old.end;
            tally.add(kind, method);
            replaced.push(Replaced { kind, method, old, new: start..out.len() });
        }
        out.push_str(text.get(done..).unwrap_or(""));
        MaskedText { text: out, replaced }
    }

    /// Whether something else would stand in place of `found`.
    pub(crate) fn changes(&self, kind: Kind, found: &str) -> bool {
        found.chars().any(char::is_alphanumeric)
            && self.replacement(kind, found).is_some_and(|(new, _)| new != found)
    }

    /// Where tags of ours stand in a text, and the label that each is but for its letters.
    pub(crate) fn tags_in(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let labels = if text.contains('[') { labels_in(self.keys, text) } else { Vec::new() };
        labels
            .into_iter()
            .filter_map(|range| {
                let (name, _) = text.get(range.clone())?.split_once('-')?;
                Some((range, format!("{name}]")))
            })
            .collect()
    }

    /// What stands in place of `found`; `None` if it stays.
    #[must_use]
    pub fn replacement(&self, kind: Kind, found: &str) -> Option<(Cow<'static, str>, Method)> {
        let keys = self.keys;
        let owned = |new: Option<String>, method| new.map(|new| (Cow::Owned(new), method));
        let new = match self.plan.of(kind) {
            Transform::Keep => return None,
            Transform::Remove => Some((Cow::Borrowed(""), Method::Redact)),
            Transform::Label => None,
            Transform::Tag => owned(Some(tag(keys, kind, found)), Method::Label),
            Transform::Characters(with) => owned(Some(characters(found, with)), Method::Label),
            Transform::Surrogate => owned(surrogate(keys, kind, found), Method::Surrogate),
            Transform::Pseudonym => owned(Some(pseudonym::short(keys, kind_name(kind), found)), Method::Hash),
            Transform::Cipher => owned(IdCipher::new(keys).encrypt(kind_name(kind), found), Method::Encrypt),
            Transform::ShiftDate => owned(self.shift.and_then(|shift| shift.text(found)), Method::ShiftDate),
            Transform::TopCode => owned(top_code(found), Method::Generalize),
            Transform::Zip3 => owned(zip3(found, &SMALL_AREAS), Method::Generalize),
        };
        Some(new.unwrap_or_else(|| (Cow::Owned(label(kind)), Method::Label)))
    }
}

/// Ascending, within the text, on character boundaries, none touching another's inside. What overlaps becomes one of the kind
/// that is longer.
fn merged(text: &str, entities: &[Entity]) -> Vec<(Range<usize>, Kind)> {
    let mut found: Vec<(Range<usize>, Kind)> = entities
        .iter()
        .map(|entity| {
            let mut range = entity.range.start.min(text.len())..entity.range.end.min(text.len());
            // Outward: half a character more is better than half a character less.
            while !text.is_char_boundary(range.start) {
                range.start -= 1;
            }
            while !text.is_char_boundary(range.end) {
                range.end += 1;
            }
            (range, entity.kind)
        })
        .filter(|(range, _)| range.start < range.end)
        .collect();
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut merged: Vec<(Range<usize>, Kind)> = Vec::with_capacity(found.len());
    for (range, kind) in found {
        match merged.last_mut() {
            Some((last, last_kind)) if range.start < last.end => {
                if range.len() > last.len() {
                    *last_kind = kind;
                }
                last.end = last.end.max(range.end);
            }
            _ => merged.push((range, kind)),
        }
    }
    merged
}

fn characters(found: &str, with: char) -> String {
    found.chars().map(|letter| if letter.is_alphanumeric() { with } else { letter }).collect()
}
