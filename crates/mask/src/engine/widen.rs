//! What belongs to a finding beside what the finders saw.

use super::covered;
use crate::gazetteer::Cue;
use crate::patterns::Page;
use crate::text::token::{Case, Gap, hashed, hashed_all};
use crate::{Entity, Kind, names};

/// Longest text taken for a question, in bytes.
const QUESTION_BYTES: usize = 600;

/// Takes the title into a name where the text is one short line, such as a question typed into a search: there the title tells
/// that a person of the trade is meant and helps no reader. In notes titles stay, they carry who did what. Takes `the corner of`
/// into a street everywhere.
pub(super) fn widen(page: &Page<'_>, found: &mut [Entity]) {
    let question = page.tokens.text.len() <= QUESTION_BYTES && !page.tokens.text.trim_end().contains('\n');
    for entity in found.iter_mut() {
        let covers = covered(page.tokens, entity);
        let first = covers.start;
        if !question
            && entity.kind == Kind::Location
            && let Some(end) = without_head(page, covers)
        {
            entity.range.end = end;
        }
        let start = match entity.kind {
            Kind::Name if question => title(page, first),
            Kind::Location => corner(page, first),
            _ => None,
        };
        if let Some(start) = start {
            entity.range.start = page.tokens.at(start).start as usize;
        }
    }
}

/// Where a town ends that a small `clinic` or `office` follows: in a note that word tells of no place.
fn without_head(page: &Page<'_>, covers: std::ops::Range<usize>) -> Option<usize> {
    let last = covers.end.checked_sub(1).filter(|last| *last > covers.start)?;
    let general = page.tokens.at(last).case == Case::Lower
        && page.cue(last).has(Cue::FACILITY.with(Cue::FACILITY_PART));
    let (end, lex) = names::entry(page, covers.start);
    (general && end + 1 == last && lex.city() > 0).then(|| page.tokens.at(end).end as usize)
}

/// The title right before a token.
fn title(page: &Page<'_>, first: usize) -> Option<usize> {
    let dotted = usize::from(page.tokens.before(first, 1).is(b'.'));
    let at = first.checked_sub(1 + dotted)?;
    let near = page.tokens.at(first).gap <= Gap::Blank && page.tokens.at(at).len() <= 6;
    (near && page.cue(at).has(Cue::TITLE)).then_some(at)
}

fn corner(page: &Page<'_>, first: usize) -> Option<usize> {
    let is = |back: usize, word: u64| page.tokens.before(first, back).hash == word;
    let crossing = || const { hashed_all(["corner", "intersection"]) }.iter().any(|word| is(2, *word));
    if !(is(1, const { hashed("of") }) && crossing()) {
        return None;
    }
    first.checked_sub(if is(3, const { hashed("the") }) { 3 } else { 2 })
}
