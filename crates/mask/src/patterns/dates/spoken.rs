//! Dates without digits, or with a day alone: `the 16th` behind a weekday, holidays, dates as they are dictated.

use super::weekday_before;
use crate::Entity;
use crate::Kind;
use crate::gazetteer::{Cue, Lex};
use crate::names;
use crate::patterns::{Page, found};
use crate::text::token::{Gap, Made, Token, hashed, hashed_all};

/// Words behind which a day alone, or a holiday, is a day.
const BEFORE_DAY: [u64; 12] = hashed_all([
    "on", "by", "until", "till", "since", "before", "after", "from", "through", "thru", "around", "over",
]);

/// `Monday the 16th`, `on the 17th`: a day of a month that is not named, at its number.
pub(super) fn day_alone(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let is_ordinal = tokens.str(tokens.at(index)).ends_with(|letter: char| letter.is_ascii_alphabetic());
    if !is_ordinal || super::day_of(page, index).is_none() {
        return None;
    }
    let end = tokens.at(index).end as usize;
    if let Some(start) = weekday_before(page, index) {
        return Some(found(start..end, Kind::Date, 0.9, "day"));
    }
    let the = tokens.before(index, 1);
    let next = tokens.at(index + 1);
    let closed = next.gap >= Gap::Line || next.made == Made::Sign || names::is_function(next);
    let dated = the.hash == const { hashed("the") } && BEFORE_DAY.contains(&tokens.before(index, 2).hash);
    (closed && dated).then(|| found(the.start as usize..end, Kind::Date, 0.6, "day"))
}

/// `since Labor Day`, `by Thanksgiving`: a holiday that says when.
pub(super) fn holiday(page: &Page<'_>, index: usize) -> Option<Entity> {
    const ALONE: [u64; 12] = hashed_all([
        "easter",
        "christmas",
        "xmas",
        "thanksgiving",
        "halloween",
        "hanukkah",
        "passover",
        "diwali",
        "eid",
        "whitsun",
        "pentecost",
        "juneteenth",
    ]);
    const WITH_DAY: [u64; 14] = hashed_all([
        "labor",
        "labour",
        "memorial",
        "independence",
        "veterans",
        "columbus",
        "presidents",
        "valentine",
        "patrick",
        "mother",
        "father",
        "boxing",
        "anzac",
        "mlk",
    ]);
    let tokens = page.tokens;
    let token = tokens.at(index);
    if !token.is_capital() {
        return None;
    }
    let last = if ALONE.contains(&token.hash) {
        let eve = [const { hashed("eve") }, const { hashed("day") }].contains(&tokens.at(index + 1).hash);
        index + usize::from(eve)
    } else if WITH_DAY.contains(&token.hash) {
        // "Valentine's Day".
        let owns = tokens.at(index + 1).is(b'\'');
        let day = index + if owns { 3 } else { 1 };
        (tokens.at(day).hash == const { hashed("day") }).then_some(day)?
    } else {
        return None;
    };
    let saint = usize::from(
        [const { hashed("st") }, const { hashed("saint") }].contains(&tokens.before(index, 1).hash),
    );
    let first = index - saint;
    let mut back = 1;
    while tokens.before(first, back).hash == const { hashed("roughly") }
        || tokens.before(first, back).hash == const { hashed("about") }
        || tokens.before(first, back).is(b'"')
    {
        back += 1;
    }
    // "Christmas tree", "Easter eggs": what follows makes another thing of it.
    let next = tokens.at(last + 1);
    let closed = next.gap >= Gap::Line || next.made != Made::Word || names::is_function(next);
    let dated = BEFORE_DAY.contains(&tokens.before(first, back).hash);
    (dated && closed).then(|| {
        let end = super::year_after(page, last).unwrap_or(tokens.at(last).end as usize);
        found(tokens.at(first).start as usize..end, Kind::Date, 0.8, "holiday")
    })
}

/// `may fourteenth twenty twenty four`: where a year that is spelled out behind a token ends.
pub(super) fn spelled_year(page: &Page<'_>, index: usize) -> Option<usize> {
    let at = |step: usize| page.tokens.at(index + step);
    let century = [const { hashed("nineteen") }, const { hashed("twenty") }].contains(&at(1).hash);
    let thousand = at(1).hash == const { hashed("two") } && at(2).hash == const { hashed("thousand") };
    if !century && !thousand || at(1).gap > Gap::Blank {
        return None;
    }
    let mut last = if thousand { 2 } else { 1 };
    let most = last + 2;
    while last < most && is_number_word(at(last + 1)) && at(last + 1).gap <= Gap::Blank {
        last += 1;
    }
    (last > 1).then_some(index + last)
}

/// `date of birth nine twelve fifty one`: three numbers or more in words behind a word that asks for a date.
pub(super) fn dictated(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let first = tokens.at(index);
    if !is_number_word(first) || is_number_word(tokens.before(index, 1)) {
        return None;
    }
    let words = (index..index + 6)
        .take_while(|at| is_number_word(tokens.at(*at)) && (*at == index || tokens.at(*at).gap <= Gap::Blank))
        .count();
    let asked = (1..=3).any(|back| {
        const ASKING: [u64; 5] = hashed_all(["date", "dob", "birth", "birthdate", "received"]);
        ASKING.contains(&tokens.before(index, back).hash)
    });
    let amount = page.cue(index + words).has(Cue::DOSE);
    ((3..=6).contains(&words) && asked && !amount)
        .then(|| found(tokens.span(index, index + words - 1), Kind::Date, 0.7, "dictated"))
}

fn is_number_word(token: &Token) -> bool {
    const NUMBERS: [u64; 31] = hashed_all([
        "zero",
        "oh",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
    ]);
    token.made == Made::Word && NUMBERS.contains(&token.hash)
}

/// Whether a token may begin any of these, so that the rest is asked of few.
pub(super) fn may_begin(token: &Token) -> bool {
    token.made == Made::Word && (token.is_capital() && !token.lex.has(Lex::FUNCTION) || is_number_word(token))
}
