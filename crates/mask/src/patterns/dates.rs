//! Dates in every written style: in digits, with names of months in several languages, with times attached.
//!
//! A year alone is no finding (45 CFR 164.514(b)(2)(i)(C) lets it stay); a month of a year is one.

use std::ops::Range;

use super::run::{Group, Run};
use super::{Page, found};
use crate::gazetteer::{Cue, Lex};
use crate::text::token::{Case, Gap, Made, Token, hash_of, hashed, hashed_all};
use crate::{Entity, Kind};

mod spoken;

/// A calendar date as far as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// With its century where that was written.
    pub(crate) year: Option<u32>,
    /// 1 to 12. With a day up to 12 and written in digits, day and month may be the other way round.
    pub(crate) month: Option<u32>,
    /// 1 to 31.
    pub(crate) day: Option<u32>,
}

/// A date that begins with this number, with the weekday before it.
pub(super) fn number(page: &Page<'_>, index: usize) -> Option<Entity> {
    let mut entity = without_weekday(page, index)?;
    entity.range.start = weekday_before(page, index).unwrap_or(entity.range.start);
    Some(entity)
}

fn without_weekday(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    if let Some(range) = day_first(page, index).or_else(|| year_first(page, index)) {
        return Some(found(range, Kind::Date, 0.95, "date"));
    }
    let run = Run::read(page.tokens.text, token.start as usize);
    let groups = run.groups();
    let first = groups.first()?;
    let glued = |end: usize| {
        let mut rest = page.tokens.text.as_bytes().get(end..).unwrap_or_default().iter();
        match (rest.next(), rest.next()) {
            (Some(b'T'), Some(digit)) if digit.is_ascii_digit() => false,
            (Some(byte), _) if byte.is_ascii_alphanumeric() || *byte == b'%' => true,
            (Some(b'/' | b'-'), Some(next)) => next.is_ascii_digit(),
            (Some(b'.'), Some(next)) => next.is_ascii_digit(),
            _ => false,
        }
    };
    if let Some(three) = groups.get(..3)
        && (is_date(three) || short_with_points(three).is_some() && !is_version(page, index))
        && let Some(last) = three.last()
        && (!glued(last.end) || is_range(groups))
    {
        return Some(found(first.start..time_after(page.tokens.text, last.end), Kind::Date, 0.95, "date"));
    }
    if let Some([a, b]) = groups.get(..2)
        && !glued(b.end)
        && two_groups(page, index, a, b)
    {
        return Some(found(a.start..time_after(page.tokens.text, b.end), Kind::Date, 0.8, "date"));
    }
    compact(page, index)
}

/// Whether three groups are a date in digits.
pub(crate) fn is_date(groups: &[Group]) -> bool {
    written(groups).is_some()
}

/// Reads three groups as a date in digits: year first, or year last with day and month in either order.
pub(crate) fn written(groups: &[Group]) -> Option<Written> {
    let [a, b, c] = groups else { return None };
    if b.before != c.before || !matches!(b.before, b'-' | b'/' | b'.') {
        return None;
    }
    match (a.len(), b.len(), c.len()) {
        (4, 1..=2, 1..=2) if is_year(a.value) && is_month(b.value) && is_day(c.value) => {
            Some(Written { year: Some(a.value), month: Some(b.value), day: Some(c.value) })
        }
        (1..=2, 1..=2, 4) if is_year(c.value) => day_month(a.value, b.value, Some(c.value)),
        (2, 2, 2) => {
            day_month(a.value, b.value, Some(c.value)).or_else(|| day_month(c.value, b.value, Some(a.value)))
        }
        (1..=2, 1..=2, 2) if b.before != b'.' => day_month(a.value, b.value, Some(c.value)),
        _ => None,
    }
}

/// Whether three numbers with points between are those of a version or of a section: by the word before, or by a heading behind.
fn is_version(page: &Page<'_>, index: usize) -> bool {
    const WORDS: [u64; 14] = hashed_all([
        "version", "v", "ver", "release", "section", "rev", "revision", "build", "software", "firmware",
        "chapter", "step", "protocol", "figure",
    ]);
    let tokens = page.tokens;
    let numbered = (1..=2).any(|back| WORDS.contains(&tokens.before(index, back).hash));
    let heading = tokens.at(index).gap >= Gap::Line && tokens.at(index + 5).is_capital();
    numbered || heading && !page.context(index).has(Cue::DATE_WORD)
}

/// `7.6.51`: the number of a version or section as often as a date, see [`is_version`].
fn short_with_points(groups: &[Group]) -> Option<Written> {
    match groups {
        [a, b, c] if b.before == b'.' && c.before == b'.' && a.len() <= 2 && b.len() <= 2 && c.len() == 2 => {
            day_month(a.value, b.value, Some(c.value))
        }
        _ => None,
    }
}

fn day_month(first: u32, second: u32, year: Option<u32>) -> Option<Written> {
    let (month, day) = if is_month(first) && is_day(second) { (first, second) } else { (second, first) };
    (is_month(month) && is_day(day)).then_some(Written { year, month: Some(month), day: Some(day) })
}

fn is_year(value: u32) -> bool {
    (1850..=2150).contains(&value)
}

fn is_month(value: u32) -> bool {
    (1..=12).contains(&value)
}

fn is_day(value: u32) -> bool {
    (1..=31).contains(&value)
}

/// `3/4/2023-3/6/2023` and the like: a date followed by another.
fn is_range(groups: &[Group]) -> bool {
    groups.get(3..6).is_some_and(is_date)
        || groups.get(3..5).is_some_and(|rest| rest.iter().all(|group| group.len() <= 2))
}

/// `03/14`, `12/2023`, `2023-12`: two groups, so they need more than their form.
fn two_groups(page: &Page<'_>, index: usize, a: &Group, b: &Group) -> bool {
    let text = page.tokens.text;
    let sign = b.before;
    if continues_before(text, a.start) {
        return false;
    }
    match (a.len(), b.len()) {
        (1..=2, 4) if is_month(a.value) && is_year(b.value) => sign == b'/' || (sign == b'-' && a.len() == 2),
        (4, 2) if is_year(a.value) && is_month(b.value) => {
            sign == b'/' || (sign == b'-' && page.context(index).has(Cue::DATE_WORD))
        }
        (1..=2, 1..=2) if matches!(sign, b'/' | b'-') && day_month(a.value, b.value, None).is_some() => {
            let context = page.context(index);
            if context.has(Cue::NOT_DATE) || dose_after(page, index, b.end) {
                return false;
            }
            let padded =
                a.len() == 2 && b.len() == 2 && (text.as_bytes().get(a.start) == Some(&b'0') || b.value < 10);
            let dated = direct_cue(page, index);
            match sign {
                b'/' => {
                    padded
                        || dated
                        || is_no_fraction(a.value, b.value) && is_open_before(page, index)
                        || page.tokens.at(index).gap >= Gap::Line && clock_follows(page, index + 3)
                        || a.len() + b.len() >= 3
                            && (b.value > 10 || a.value > 10)
                            && context.has(Cue::DATE_WORD)
                }
                _ => padded && dated,
            }
        }
        _ => false,
    }
}

/// Whether hardly anybody would write so as a part of something: of fifths, of tenths, of the points of a score.
fn is_no_fraction(first: u32, second: u32) -> bool {
    const SCORES: [u32; 12] = [14, 15, 18, 20, 21, 23, 24, 25, 27, 28, 30, 36];
    second > 12 && !SCORES.contains(&second) || first > 12 || second == 11
}

/// Whether what stands before a number leaves open what it counts: an abbreviation in capitals may be the name of a score.
fn is_open_before(page: &Page<'_>, index: usize) -> bool {
    let before = page.tokens.before(index, 1);
    page.tokens.at(index).gap >= Gap::Line
        || match before.made {
            Made::Word => before.case == Case::Lower && !page.cue(index - 1).has(Cue::NOT_DATE),
            Made::Sign => matches!(before.first, b'(' | b',' | b';' | b'|' | b'&'),
            Made::Number | Made::Mixed => false,
        }
}

/// Whether a time of the day stands at a token, as at the beginning of a log's lines: `0910`, `10:12`.
fn clock_follows(page: &Page<'_>, index: usize) -> bool {
    let (token, sign, minutes) =
        (page.tokens.at(index), page.tokens.at(index + 1), page.tokens.at(index + 2));
    let value = |token: &Token| page.tokens.str(token).parse::<u32>().ok();
    let military = token.len() == 4 && value(token).is_some_and(|time| time < 2400 && time % 100 < 60);
    let clock = sign.is(b':')
        && sign.gap == Gap::None
        && minutes.len() == 2
        && value(token).is_some_and(|hour| hour < 24);
    token.made == Made::Number && token.gap == Gap::Blank && (military || clock)
}

fn continues_before(text: &str, at: usize) -> bool {
    at.checked_sub(1).and_then(|back| text.as_bytes().get(back)).is_some_and(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'<' | b'>' | b'#')
    })
}

/// Whether one of the two words before says that a date comes.
fn direct_cue(page: &Page<'_>, index: usize) -> bool {
    (1..=2).any(|back| {
        let token = page.tokens.before(index, back);
        let cue = index.checked_sub(back).map_or(Cue::NONE, |place| page.cue(place));
        cue.has(Cue::DATE_WORD) || token.lex.has(Lex::WEEKDAY)
    })
}

fn dose_after(page: &Page<'_>, index: usize, end: usize) -> bool {
    let next = page.token_from(index, end);
    page.tokens.at(next).gap <= Gap::Blank
        && (page.cue(next).has(Cue::DOSE) || page.cue(next).has(Cue::NOT_DATE))
        || page.tokens.at(next).is(b'%')
}

/// `20230415`, perhaps with a time behind it as in HL7 v2.
fn compact(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    if !matches!(token.len(), 8 | 12 | 14) || page.context(index).has(Cue::CODE) {
        return None;
    }
    let digits = page.tokens.str(token);
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let year = part(0, 4).filter(|year| (1900..=2099).contains(year));
    (year.is_some() && part(4, 6).is_some_and(is_month) && part(6, 8).is_some_and(is_day))
        .then(|| found(token.range(), Kind::Date, 0.7, "date"))
}

/// `11th of March 2026`, `11 Mar`, `3-5 May`, `15-Mar-2023`: a day, then the name of a month.
fn day_first(page: &Page<'_>, index: usize) -> Option<std::ops::Range<usize>> {
    let tokens = page.tokens;
    day_of(page, index)?;
    let mut at = index + 1;
    if tokens.at(at).is(b'-') && tokens.at(at).gap == Gap::None && day_of(page, at + 1).is_some() {
        at += 2;
    }
    while tokens.at(at).is(b'.') || tokens.at(at).is(b'-') || tokens.at(at).is(b'/') || is_of(tokens.at(at)) {
        at += 1;
        if at > index + 5 {
            return None;
        }
    }
    let month = tokens.at(at);
    let near = month.gap <= Gap::Blank && month.made == Made::Word && month.lex.has(Lex::MONTH);
    if !near || !sure_month(page, at) && year_after(page, at).is_none() && month.case == Case::Lower {
        return None;
    }
    let end = year_after(page, at).or_else(|| short_year_after(page, at)).unwrap_or(month.end as usize);
    Some(tokens.at(index).start as usize..time_after(tokens.text, end))
}

/// The end of a year of two digits behind a month that has its day before it: `26 FEB 26`.
fn short_year_after(page: &Page<'_>, index: usize) -> Option<usize> {
    let (year, next) = (page.tokens.at(index + 1), page.tokens.at(index + 2));
    let is_short = year.made == Made::Number && year.len() == 2 && year.gap == Gap::Blank;
    let goes_on = next.gap == Gap::None && matches!(next.first, b':' | b'.' | b'/' | b'%' | b'-')
        || page.cue(index + 2).has(Cue::DOSE) && next.gap <= Gap::Blank;
    (is_short && !goes_on).then_some(year.end as usize)
}

/// `2019 Nov 02`: a year, the name of a month, a day.
fn year_first(page: &Page<'_>, index: usize) -> Option<Range<usize>> {
    let tokens = page.tokens;
    let (year, month, day) = (tokens.at(index), tokens.at(index + 1), tokens.at(index + 2));
    let near = month.gap <= Gap::Blank && day.gap <= Gap::Blank;
    let is_named =
        year.len() == 4 && tokens.str(year).parse().is_ok_and(is_year) && month.lex.has(Lex::MONTH);
    (near && is_named && day_of(page, index + 2).is_some()).then(|| tokens.span(index, index + 2))
}

fn is_of(token: &Token) -> bool {
    token.gap <= Gap::Blank && (token.hash == const { hashed("of") } || token.hash == const { hashed("de") })
}

/// The day that a token stands for: `7`, `07`, `7th`.
fn day_of(page: &Page<'_>, index: usize) -> Option<u32> {
    let token = page.tokens.at(index);
    let text = page.tokens.str(token);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let tail = text.get(digits..)?;
    let ordinal = ["", "st", "nd", "rd", "th", "er", "e"].iter().any(|end| tail.eq_ignore_ascii_case(end));
    if !(1..=2).contains(&digits) || !ordinal {
        return None;
    }
    text.get(..digits)?.parse().ok().filter(|day| is_day(*day))
}

/// Whether the word is a month and hardly anything else in this place.
fn sure_month(page: &Page<'_>, index: usize) -> bool {
    let token = page.tokens.at(index);
    token.lex.has(Lex::MONTH) && token.lex.word() == 0
}

/// `March 14th, 2023`, `Nov 29`, `May '23`, `March 3-5`, `Sept. 2021`: a month, then day or year.
pub(super) fn month(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    let start = weekday_before(page, index).unwrap_or(token.start as usize);
    let mut at = index + 1;
    while matches!(tokens.at(at).first, b'.' | b'-' | b'/' | b',')
        && tokens.at(at).made == Made::Sign
        && at < index + 3
    {
        at += 1;
    }
    if tokens.at(at).hash == const { hashed("the") } {
        at += 1;
    }
    let next = tokens.at(at);
    let capital_or_sure =
        token.case != Case::Lower || sure_month(page, index) || next.len() == 4 || next.made == Made::Mixed;
    if next.gap <= Gap::Blank
        && day_of(page, at).is_some()
        && capital_or_sure
        && !dose_after(page, at, next.end as usize)
    {
        let mut last = at;
        while tokens.at(last + 1).gap == Gap::None
            && matches!(tokens.at(last + 1).first, b'-' | b'/')
            && day_of(page, last + 2).is_some()
        {
            last += 2;
        }
        // "May 5 mg" and "March 10 patients" are amounts; "Mar 3.5" is a decimal.
        if tokens.at(last + 1).is(b'.')
            && tokens.at(last + 2).gap == Gap::None
            && tokens.at(last + 2).made == Made::Number
        {
            return None;
        }
        let end = year_after(page, last).unwrap_or(tokens.at(last).end as usize);
        return Some(found(start..time_after(tokens.text, end), Kind::Date, 0.95, "date"));
    }
    if capital_or_sure && let Some(end) = year_after(page, index) {
        return Some(found(start..end, Kind::Date, 0.85, "month"));
    }
    if let Some(day) = ordinal_word(next).filter(|_| next.gap <= Gap::Blank) {
        let spelled = spoken::spelled_year(page, at + day).map(|last| tokens.at(last).end as usize);
        let end = year_after(page, at + day).or(spelled);
        if capital_or_sure || end.is_some() {
            let end = end.unwrap_or(tokens.at(at + day).end as usize);
            return Some(found(start..end, Kind::Date, 0.85, "date"));
        }
    }
    let alone = match token.case {
        Case::Title => token.lex.word() == 0 && token.len() >= 6 || month_alone(page, index),
        // "in late september"; "may", "march" and "august" are words, "sun" and "sat" are none of months.
        Case::Lower => token.lex.word() == 0 && token.len() >= 6 && month_alone(page, index),
        _ => token.lex.word() == 0 && token.len() >= 6,
    };
    alone.then(|| found(start..token.end as usize, Kind::Date, 0.6, "month alone"))
}

/// `third`, `twenty`: how many tokens further the ordinal ends, if it is one.
fn ordinal_word(token: &Token) -> Option<usize> {
    const ORDINALS: [u64; 20] = hashed_all([
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ]);
    if token.made != Made::Word {
        return None;
    }
    if ORDINALS.contains(&token.hash) || token.hash == const { hashed("thirtieth") } {
        return Some(0);
    }
    (token.hash == const { hashed("twenty") } || token.hash == const { hashed("thirty") }).then_some(2)
}

/// `in March`, `since early September`: a month with nothing else, which is still more than a year.
fn month_alone(page: &Page<'_>, index: usize) -> bool {
    const BEFORE: [u64; 14] = hashed_all([
        "in", "last", "this", "since", "early", "late", "mid", "until", "through", "next", "by", "of",
        "past", "previous",
    ]);
    let before = page.tokens.before(index, 1);
    let before_dash = page.tokens.before(index, 2);
    BEFORE.contains(&before.hash)
        || before.is(b'-') && (before_dash.lex.has(Lex::MONTH) || before_dash.hash == const { hashed("mid") })
}

/// Where a weekday before a date begins: `Tues 10/14`, `Saturday, 7 Feb`, `Thursday, the 12th`.
fn weekday_before(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let mut back = 1;
    let between = |token: &Token| token.is(b',') || token.is(b'.') || token.hash == const { hashed("the") };
    while back < 4 && between(tokens.before(index, back)) {
        back += 1;
    }
    let token = tokens.before(index, back);
    let near = (0..back).all(|step| tokens.before(index, step).gap <= Gap::Blank);
    (near && token.lex.has(Lex::WEEKDAY) && token.is_capital()).then_some(token.start as usize)
}

/// The end of a year that follows a token: `2023`, `, 2023`, `'23`, `-23`, `de 2023`.
pub(crate) fn year_after(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let mut at = index + 1;
    let mut quoted = false;
    let mut dashed = false;
    for _ in 0..3 {
        let token = tokens.at(at);
        if token.gap > Gap::Blank {
            return None;
        }
        match token.made {
            Made::Sign if matches!(token.first, b',' | b'.') => at += 1,
            Made::Sign if token.first == b'\'' => (quoted, at) = (true, at + 1),
            Made::Sign if matches!(token.first, b'-' | b'/') && token.gap == Gap::None => {
                (dashed, at) = (true, at + 1)
            }
            Made::Word if is_of(token) => at += 1,
            Made::Number => {
                let value: u32 = tokens.str(token).parse().unwrap_or(0);
                let full = token.len() == 4 && is_year(value);
                // "9:30" and "10.5" are not years; a colon that ends a heading may stand behind one.
                let sign = tokens.at(at + 1);
                let more = sign.gap == Gap::None
                    && (sign.is(b'/')
                        || sign.is(b':')
                            && tokens.at(at + 2).has_digit()
                            && tokens.at(at + 2).gap == Gap::None);
                return (full && !more || token.len() == 2 && (quoted || dashed))
                    .then_some(token.end as usize);
            }
            _ => return None,
        }
    }
    None
}

/// A holiday, or a date as it is dictated, at a word.
pub(super) fn word(page: &Page<'_>, index: usize) -> Option<Entity> {
    if !spoken::may_begin(page.tokens.at(index)) {
        return None;
    }
    spoken::holiday(page, index).or_else(|| spoken::dictated(page, index))
}

/// `15mar2023`, `11th` before a month, `2023-04-15T10:00`: dates that begin with a mixture of digits and letters.
pub(super) fn mixed(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    if let Some(range) = day_first(page, index).or_else(|| east(page.tokens.str(token), token.start as usize))
    {
        let start = weekday_before(page, index).unwrap_or(range.start);
        return Some(found(start..range.end, Kind::Date, 0.95, "date"));
    }
    if let Some(day) = spoken::day_alone(page, index) {
        return Some(day);
    }
    let text = page.tokens.str(token);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let letters = text.bytes().skip(digits).take_while(u8::is_ascii_alphabetic).count();
    let name = text.get(digits..digits + letters)?;
    let tail = text.get(digits + letters..)?;
    let number = |part: &str| {
        part.is_empty() || matches!(part.len(), 2 | 4) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is = (1..=2).contains(&digits)
        && (3..=9).contains(&letters)
        && number(tail)
        && page.lexicon.of(hash_of(name)).has(Lex::MONTH);
    is.then(|| {
        found(token.start as usize..time_after(page.tokens.text, token.end as usize), Kind::Date, 0.9, "date")
    })
}

/// The dates of a word, from the first to the last: `1985年3月15日`, `3月15日`, `1985年3月`, with other letters around, for such writing
/// parts no words. `None` if there are other digits in it, which may be a number of someone's.
fn east(text: &str, start: usize) -> Option<Range<usize>> {
    let mut dates: Option<Range<usize>> = None;
    for (month, _) in text.match_indices('月') {
        if let Some(date) = east_date(text, month) {
            dates = Some(dates.map_or(date.clone(), |dates| dates.start..date.end));
        }
    }
    let dates = dates?;
    let other = |part: Option<&str>| part.unwrap_or_default().bytes().any(|byte| byte.is_ascii_digit());
    let numbered = text.get(dates.clone()).unwrap_or_default().split(|c: char| !c.is_ascii_digit());
    let long = numbered.map(str::len).any(|digits| digits > 4);
    (!long && !other(text.get(..dates.start)) && !other(text.get(dates.end..)))
        .then(|| start + dates.start..start + dates.end)
}

/// The date whose sign of the month stands at a byte; a month alone is none.
fn east_date(text: &str, month: usize) -> Option<Range<usize>> {
    const SIGN: usize = '月'.len_utf8();
    let digits_before = |at: usize| {
        text.get(..at).map_or(0, |head| head.bytes().rev().take_while(u8::is_ascii_digit).count())
    };
    let digits = digits_before(month);
    let first = month - digits;
    let year = text.get(..first).filter(|head| head.ends_with('年')).map(|_| first - SIGN);
    let year = year.filter(|at| (1..=4).contains(&digits_before(*at)));
    let rest = text.get(month + SIGN..)?;
    let day = rest.bytes().take_while(u8::is_ascii_digit).count();
    let has_day = (1..=2).contains(&day) && rest.get(day..)?.starts_with(['日', '号', '號']);
    let start = year.map_or(first, |at| at - digits_before(at));
    let end = month + SIGN + if has_day { day + SIGN } else { 0 };
    ((1..=2).contains(&digits) && (year.is_some() || has_day)).then_some(start..end)
}

/// Where a time that follows a date ends: ` 20:15:24`, `T12:34Z`, ` at 3:15 pm`. Without one, where the date ends.
fn time_after(text: &str, at: usize) -> usize {
    let Some(rest) = text.get(at..) else { return at };
    let body =
        rest.strip_prefix(", ").or_else(|| rest.strip_prefix(" at ")).or_else(|| rest.strip_prefix('T'));
    let body = body.or_else(|| rest.strip_prefix(' ')).unwrap_or(rest);
    let bytes = body.as_bytes();
    if bytes.len() == rest.len() || !bytes.first().is_some_and(u8::is_ascii_digit) {
        return at;
    }
    let clock =
        bytes.iter().take(18).take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.')).count();
    let colons = bytes.iter().take(clock).filter(|byte| **byte == b':').count();
    if colons == 0 || colons > 2 {
        return at;
    }
    let trimmed = body.get(..clock).unwrap_or_default().trim_end_matches(['.', ':']).len();
    let mut end = at + (rest.len() - body.len()) + trimmed;
    let tail = text.get(end..).unwrap_or_default();
    let zone = tail.bytes().next().map_or(0, |byte| match byte {
        b'Z' => 1,
        b'+' | b'-'
            if tail.as_bytes().get(1..3).is_some_and(|hours| hours.iter().all(u8::is_ascii_digit)) =>
        {
            1 + tail.bytes().skip(1).take_while(|byte| byte.is_ascii_digit() || *byte == b':').count()
        }
        _ => 0,
    });
    end += zone;
    let half = text.get(end..).unwrap_or_default();
    for word in [" am", " pm", " a.m.", " p.m.", "am", "pm", " AM", " PM", "AM", "PM"] {
        if half.starts_with(word) && !half.as_bytes().get(word.len()).is_some_and(u8::is_ascii_alphanumeric) {
            return end + word.len();
        }
    }
    end
}

/// A date in digits at a byte, for comparison with known ones: its place, day and month in the order written, and the year.
pub(crate) fn in_digits(text: &str, at: usize) -> Option<(std::ops::Range<usize>, u32, u32, Option<u32>)> {
    let run = Run::read(text, at);
    let groups = run.groups();
    if let Some(three) = groups.get(..3)
        && let Some(date) = written(three).or_else(|| short_with_points(three))
        && let (Some(first), Some(last)) = (three.first(), three.last())
    {
        return Some((first.start..last.end, date.month?, date.day?, date.year));
    }
    match groups.get(..2)? {
        [a, b] if matches!(b.before, b'/' | b'-' | b'.') && a.len() <= 2 && b.len() <= 2 => {
            let date = day_month(a.value, b.value, None)?;
            Some((a.start..b.end, date.month?, date.day?, None))
        }
        _ => None,
    }
}
