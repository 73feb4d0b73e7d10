//! What was found on an image: boxes with kinds, and never the text in them.

use std::cmp::Reverse;
use std::ops::Range;

use super::Area;
use super::reader::Line;
use super::rows::PageText;
use crate::{Entity, Kind, Reason};

/// A box around something that tells who it is, or that may.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its pixels, with a margin.
    pub area: Area,
    /// What is in it.
    pub what: What,
}

/// What is in a box.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Text that tells who it is.
    Entity {
        /// What it is.
        kind: Kind,
        /// How sure the finder is, 0 to 1.
        score: f32,
        /// Why.
        reason: Reason,
    },
    /// What looks like text and cannot be read: nobody knows what it tells.
    Unreadable,
}

impl Found {
    pub(super) fn unreadable(area: Area) -> Self {
        Self { area, what: What::Unreadable }
    }

    /// The kind of what was read; `None` if it could not be.
    pub fn kind(&self) -> Option<Kind> {
        match self.what {
            What::Entity { kind, .. } => Some(kind),
            What::Unreadable => None,
        }
    }
}

/// Boxes of entities of the page's text: of each one a line that it stands in. Of entities within one another the longest
/// counts, and of equal ones the first.
pub(super) fn of_entities(page: &PageText, lines: &[Line], mut entities: Vec<Entity>) -> Vec<Found> {
    entities.sort_by_key(|entity| Reverse(entity.range.len()));
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut found = Vec::new();
    for Entity { range, kind, score, reason } in entities {
        if taken.iter().any(|other| other.start <= range.start && range.end <= other.end) {
            continue;
        }
        for (at, begin) in page.rows.iter().flatten() {
            let area = lines.get(*at).and_then(|line| words_of(line, *begin, &range));
            let what = What::Entity { kind, score, reason: reason.clone() };
            found.extend(area.map(|area| Found { area, what }));
        }
        taken.push(range);
    }
    found
}

/// The area of a line's words that a range touches; the line's text begins at `begin`.
fn words_of(line: &Line, begin: usize, range: &Range<usize>) -> Option<Area> {
    let touched = line
        .words
        .iter()
        .filter(|word| range.start < begin + word.range.end && begin + word.range.start < range.end);
    touched.map(|word| word.area).reduce(|all, area| all.union(&area))
}

/// Adds what lies neither in what was filled before nor in a box of the same kind; boxes grow by `around`.
pub(super) fn add(all: &mut Vec<Found>, more: Vec<Found>, filled: &[Area], around: impl Fn(&Area) -> Area) {
    for Found { area, what } in more {
        let is_there = |other: &Found| other.what == what && other.area.contains(&area);
        if !filled.iter().any(|filled| filled.contains(&area)) && !all.iter().any(is_there) {
            all.push(Found { area: around(&area), what });
        }
    }
}
