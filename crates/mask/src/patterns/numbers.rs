//! Numbers by the shape of their groups: telephone, social security, cards.

use std::ops::Range;

use super::run::{Group, Run};
use super::{Page, checks, found};
use crate::gazetteer::Cue;
use crate::text::token::{Gap, Made, hashed, hashed_all};
use crate::{Entity, Kind};

/// What a run that begins at this token is, the longest reading first.
pub(super) fn number(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    if let Some(range) = short(page, index) {
        return Some(found(range, Kind::Phone, 0.9, "extension"));
    }
    let run = Run::read(page.tokens.text, token.start as usize);
    let context = page.context(index);
    if context.has(Cue::CODE) {
        return None;
    }
    let mut groups = run.groups();
    while let Some(last) = groups.last() {
        if (!continues(page.tokens.text, last.end) || extension(page.tokens.text, last.end).is_some())
            && let Some((kind, score, pattern)) = shape(&run, groups, context)
        {
            let end =
                extension(page.tokens.text, last.end).filter(|_| kind == Kind::Phone).unwrap_or(last.end);
            return Some(found(run.start_of(kind)..end, kind, score, pattern));
        }
        groups = groups.get(..groups.len() - 1).unwrap_or_default();
    }
    None
}

/// `pager 2-7745`, `bleep 2217`, `x 46120`: a short number right behind the word that it is reached by.
fn short(page: &Page<'_>, index: usize) -> Option<Range<usize>> {
    const REACHED: [u64; 10] =
        hashed_all(["pager", "pgr", "beeper", "bleep", "bleeper", "ext", "extn", "extension", "x", "dect"]);
    let tokens = page.tokens;
    let mut back = 1;
    while back < 3 && matches!(tokens.before(index, back).first, b'#' | b':' | b'.') {
        back += 1;
    }
    let word = tokens.before(index, back);
    if (0..back).any(|step| tokens.before(index, step).gap > Gap::Blank) {
        return None;
    }
    let joined = tokens.at(index + 1).is(b'-')
        && tokens.at(index + 1).gap == Gap::None
        && tokens.at(index + 2).made == Made::Number
        && tokens.at(index + 2).gap == Gap::None;
    let last = if joined { index + 2 } else { index };
    let range = tokens.span(index, last);
    let digits = range.len() - usize::from(joined);
    // "x 30 days" is an amount; dates and prices go on behind the number.
    let least = if word.hash == const { hashed("x") } { 4 } else { 3 };
    let next = tokens.at(last + 1);
    let goes_on = next.gap == Gap::None && matches!(next.first, b'/' | b'%' | b'-')
        || page.cue(last + 1).has(Cue::DOSE)
        || next.has_digit() && next.gap <= Gap::Blank;
    (REACHED.contains(&word.hash) && (least..=6).contains(&digits) && !goes_on).then_some(range)
}

/// A telephone number in words, `five oh four, five five five, oh one nine three`, at its first word.
pub(super) fn word(page: &Page<'_>, index: usize) -> Option<Entity> {
    const DIGITS: [u64; 13] = hashed_all([
        "zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double",
    ]);
    let tokens = page.tokens;
    let is_digit = |at: usize| tokens.at(at).made == Made::Word && DIGITS.contains(&tokens.at(at).hash);
    if !is_digit(index) || tokens.at(index).hash == const { hashed("o") } {
        return None;
    }
    let (mut at, mut digits, mut last) = (index, 0, index);
    while digits < 20 && tokens.at(at).gap <= Gap::Line || at == index {
        if is_digit(at) {
            (digits, last) = (digits + 1, at);
        } else if !matches!(tokens.at(at).first, b',' | b'.' | b'-') || tokens.at(at).made != Made::Sign {
            break;
        }
        at += 1;
    }
    (digits >= 6).then(|| found(tokens.span(index, last), Kind::Phone, 0.8, "spoken"))
}

impl Run {
    /// A bracket or plus before the digits belongs to telephone numbers only.
    fn start_of(&self, kind: Kind) -> usize {
        let first = self.groups().first().map_or(self.start, |group| group.start);
        if matches!(kind, Kind::Phone | Kind::Fax) { self.start } else { first }
    }
}

/// Whether a letter or digit follows directly, so that the digits before are a part of something else.
fn continues(text: &str, at: usize) -> bool {
    let mut rest = text.as_bytes().get(at..).unwrap_or_default().iter();
    match rest.next() {
        Some(byte) if byte.is_ascii_alphanumeric() => true,
        Some(b'-' | b'.' | b',') => rest.next().is_some_and(u8::is_ascii_digit),
        Some(b'%') => true,
        _ => false,
    }
}

fn shape(run: &Run, groups: &[Group], context: Cue) -> Option<(Kind, f32, &'static str)> {
    let digits: usize = groups.iter().map(Group::len).sum();
    let mut lengths = [0_usize; 8];
    for (slot, group) in lengths.iter_mut().zip(groups) {
        *slot = group.len();
    }
    let lengths = lengths.get(..groups.len()).unwrap_or_default();
    let inner = groups.get(1..).unwrap_or_default();
    let blank = inner.iter().any(|group| group.before == b' ');
    let same = inner.iter().all(|group| inner.first().is_some_and(|first| first.before == group.before));
    let values = |place: usize| groups.get(place).map_or(0, |group| group.value);
    let first_zero =
        values(0).checked_ilog10().map_or(0, |log| log as usize + 1) < lengths.first().copied().unwrap_or(0);
    let telephone = telephone_kind(context);
    if groups.iter().any(|group| group.before == b':') {
        return None;
    }
    match lengths {
        [3, 2, 4] if same && checks::ssn(values(0), values(1), values(2)) => {
            let kind = if context.has(Cue::MRN) { Kind::Mrn } else { Kind::Ssn };
            return Some((kind, 0.95, "ssn"));
        }
        [3, 2, 4] => return None,
        [3, 3, 4] | [3, 7] if !(blank && lengths.len() == 2) => {
            return Some((telephone, 0.95, "phone"));
        }
        // A range of values ends with a round number.
        [3, 4]
            if !blank
                && values(0) >= 200
                && values(1) % 5 != 0
                && inner.iter().all(|group| group.before == b'-') =>
        {
            return Some((telephone, 0.8, "phone"));
        }
        [1, 3, 3, 4] if values(0) == 1 || run.plus => return Some((telephone, 0.95, "phone")),
        [4, 4, 4, 4] | [4, 6, 5] | [4, 4, 4, 4, 3] | [4, 6, 4] if same => {
            return Some((Kind::Account, 0.9, "card"));
        }
        // Numbers of persons in India and Japan; years are written so too.
        [4, 4, 4] if same && !groups.iter().all(|group| (1900..2100).contains(&group.value)) => {
            return Some((Kind::Id, 0.7, "groups"));
        }
        _ => {}
    }
    if run.plus && (8..=15).contains(&digits) && lengths.iter().all(|length| *length <= 12) {
        return Some((telephone, 0.9, "phone"));
    }
    if context.has(Cue::PHONE.with(Cue::FAX))
        && (7..=15).contains(&digits)
        && plausible_phone(lengths, groups)
    {
        return Some((telephone, 0.9, "phone"));
    }
    if same
        && matches!(lengths, [3, 3, 3] | [2, 3, 3] | [2, 3, 4] | [3, 3, 3, 3] | [3, 2, 2, 2] | [2, 3, 2, 2])
        && inner.iter().all(|group| matches!(group.before, b' ' | b'-' | b'.'))
    {
        let kind = if context.has(Cue::MRN.with(Cue::ID_WORD)) { Kind::Id } else { telephone };
        return Some((kind, 0.7, "phone"));
    }
    let grouped = lengths.len() >= 2 && lengths.iter().all(|length| *length >= 2);
    if first_zero && grouped && (9..=12).contains(&digits) && inner.iter().all(|group| group.before != b'/') {
        return Some((telephone, 0.8, "phone"));
    }
    None
}

/// Groups as in telephone numbers: none of one digit but the first and none that reads as a year between separators of dates.
fn plausible_phone(lengths: &[usize], groups: &[Group]) -> bool {
    let slashed = groups.iter().skip(1).filter(|group| group.before == b'/').count();
    lengths.iter().skip(1).all(|length| *length >= 2)
        && slashed <= 1
        && !(lengths.len() == 3 && super::dates::is_date(groups))
}

fn telephone_kind(context: Cue) -> Kind {
    if context.has(Cue::FAX) && !context.has(Cue::PHONE) { Kind::Fax } else { Kind::Phone }
}

/// The end of an extension (`x 12`, `ext. 4410`) that follows a telephone number.
fn extension(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let trimmed = rest.trim_start_matches([' ', ',', ';']);
    let lower = trimmed.get(..trimmed.len().min(10)).or_else(|| trimmed.get(..1))?.to_ascii_lowercase();
    let word = ["extension", "ext.", "ext", "x"].into_iter().find(|word| lower.starts_with(word))?;
    let tail = trimmed.get(word.len()..)?;
    let number = tail.trim_start_matches([' ', '.', ':', '#']);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    ((1..=6).contains(&digits)).then(|| at + (rest.len() - number.len()) + digits)
}
