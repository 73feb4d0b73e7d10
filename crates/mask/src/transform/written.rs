//! Dates as people write them: read into tokens, shifted, written back in the same form.

use super::calendar_words::{Word, month_named, weekday_named};
use super::civil::Day;
use super::shift::{DateShift, Moved, digits};

/// Longer texts are no date.
const BYTES_MAX: usize = 80;

/// A year that takes part in no arithmetic but has a leap day, for dates without a year.
const NO_YEAR: i32 = 2000;

/// Words that may stand in a date without meaning anything for the shift.
const FILLERS: [&str; 44] = [
    "t", "z", "at", "on", "of", "the", "de", "del", "den", "der", "le", "el", "la", "du", "um", "a", "p",
    "m", "am", "pm", "h", "hr", "hrs", "hour", "hours", "uhr", "noon", "midnight", "utc", "gmt", "est",
    "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "in", "year", "d", "since",
];

/// See [`DateShift::text`].
pub(super) fn shift(shift: &DateShift, text: &str) -> Option<String> {
    if text.len() > BYTES_MAX {
        return None;
    }
    if let Some(shifted) = one(shift, text) {
        return Some(shifted);
    }
    [" through ", " to ", " until ", " and ", " - ", " – ", "–", "—", "-"].iter().find_map(|between| {
        let (left, right) = text.split_once(between)?;
        Some(format!("{}{between}{}", one(shift, left)?, one(shift, right)?))
    })
}

#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    sort: Sort,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Number,
    Word,
    Other,
}

#[derive(Clone, Copy)]
enum Role {
    /// Stays as it is.
    Still,
    /// A number that nothing is known of yet.
    Open,
    Year,
    Month,
    MonthName(Word),
    Day,
    /// `st`, `nd`, `rd`, `th`.
    Suffix,
    Weekday(Word),
    /// Year, month and day in one number.
    Whole(Compact),
}

/// In which order a number of eight or six digits holds them, and how many digits the year has.
#[derive(Clone, Copy)]
enum Compact {
    YearMonthDay,
    MonthDayYear,
    DayMonthYear,
}

#[derive(Clone, Copy, Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u8>,
    day: Option<u8>,
}

fn one(shift: &DateShift, text: &str) -> Option<String> {
    let mut tokens = tokens(text);
    words(&mut tokens)?;
    times(&mut tokens);
    let parts = numbers(&mut tokens, shift.day_first())?;
    let has_weekday = tokens.iter().any(|token| matches!(token.role, Role::Weekday(_)));
    let moved = match (parts.year, parts.month, parts.day) {
        (Some(year), month, day) if month.is_some() || day.is_none() => shift.partial(year, month, day)?,
        (None, Some(month), Some(day)) => without_year(shift, month, day)?,
        (None, Some(month), None) => {
            let month = (i32::from(month) - 1 + shift.months()).rem_euclid(12) + 1;
            Moved::Month(NO_YEAR, u8::try_from(month).ok()?)
        }
        (None, None, None) if has_weekday => Moved::Year(NO_YEAR),
        _ => return None,
    };
    // What is too old to be told is only its year, whatever was written around it.
    if let (Moved::Year(year), Some(_)) = (moved, parts.month) {
        return Some(format!("{year:04}"));
    }
    let is_padded = is_padded(&tokens);
    tokens.iter().map(|token| written(token, moved, shift.days(), is_padded)).collect()
}

/// Whether days and months are written with two digits here, so far as can be seen: all of them have two, and where the month
/// is a name, at least one begins with a zero or they are joined by hyphens.
fn is_padded(tokens: &[Token<'_>]) -> bool {
    let numbers = || tokens.iter().filter(|token| matches!(token.role, Role::Day | Role::Month));
    let has_name = tokens.iter().any(|token| matches!(token.role, Role::MonthName(_)));
    let is_joined = tokens.iter().any(|token| token.text == "-");
    numbers().all(|token| token.text.len() == 2)
        && (!has_name || is_joined || numbers().any(|token| token.text.starts_with('0')))
}

fn without_year(shift: &DateShift, month: u8, day: u8) -> Option<Moved> {
    let (_, month, day) = Day::from_ymd(NO_YEAR, month, day)?.plus(shift.days())?.ymd();
    Some(Moved::Day(NO_YEAR, month, day))
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let sort = |letter: char| match letter {
        _ if letter.is_ascii_digit() => Sort::Number,
        _ if letter.is_alphabetic() => Sort::Word,
        _ => Sort::Other,
    };
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek();
        if next.is_none_or(|(_, next)| sort(*next) != sort(letter)) {
            let end = at + letter.len_utf8();
            let sort = sort(letter);
            let role = if sort == Sort::Number { Role::Open } else { Role::Still };
            tokens.push(Token { text: text.get(start..end).unwrap_or(""), sort, role });
            start = end;
        }
    }
    tokens
}

/// Gives words their role; `None` if one is not known, since it could be anything.
fn words(tokens: &mut [Token<'_>]) -> Option<()> {
    let mut after_number = false;
    let mut has_month = false;
    for token in tokens {
        if token.sort == Sort::Word {
            token.role = match token.text.to_lowercase().as_str() {
                "st" | "nd" | "rd" | "th" if after_number => Role::Suffix,
                word if FILLERS.contains(&word) => Role::Still,
                word => match (month_named(word), weekday_named(word)) {
                    // `mar` and `mai` are months before they are Tuesdays.
                    (Some(month), _) if !has_month => {
                        has_month = true;
                        Role::MonthName(month)
                    }
                    (_, Some(weekday)) => Role::Weekday(weekday),
                    _ => return None,
                },
            };
        }
        after_number = token.sort == Sort::Number;
    }
    Some(())
}

/// Takes times of day and zones out of what has to be understood.
fn times(tokens: &mut [Token<'_>]) {
    let mut has_time = false;
    for at in 0..tokens.len() {
        let text =
            |index: Option<usize>| index.and_then(|index| tokens.get(index)).map_or("", |token| token.text);
        let before = text(at.checked_sub(1));
        let before_word = text(at.checked_sub(2));
        let after = text(Some(at + 1));
        let after_next = text(Some(at + 2));
        let here = text(Some(at));
        let is_unit = |word: &str| {
            matches!(
                word.to_lowercase().as_str(),
                "am" | "pm" | "a" | "p" | "h" | "hr" | "hrs" | "hours" | "uhr"
            )
        };
        let is_time = before == ":"
            || after == ":"
            || before.eq_ignore_ascii_case("t")
            || is_unit(after)
            || after == " " && is_unit(after_next)
            || has_time && matches!(before, "." | "+" | "-" | " +" | " -") && !before_word.is_empty()
            || before == " " && before_word.eq_ignore_ascii_case("at")
            || before == " " && here.len() == 4 && has_date_before(tokens, at);
        if let Some(token) = tokens.get_mut(at).filter(|token| token.sort == Sort::Number && is_time) {
            token.role = Role::Still;
            has_time = true;
        }
    }
}

/// Whether three numbers stand before: then four digits more are a time (`3/14/2019 1430`).
fn has_date_before(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.iter().take(at).filter(|token| matches!(token.role, Role::Open)).count() >= 3
}

/// Gives the open numbers their roles; `None` if they make no date.
fn numbers(tokens: &mut [Token<'_>], day_first: bool) -> Option<Parts> {
    let places: Vec<usize> = (0..tokens.len())
        .filter(|at| tokens.get(*at).is_some_and(|token| matches!(token.role, Role::Open)))
        .collect();
    let named = tokens.iter().find_map(|token| match token.role {
        Role::MonthName(word) => Some(word),
        _ => None,
    });
    let texts: Vec<&str> = places.iter().filter_map(|at| tokens.get(*at)).map(|token| token.text).collect();
    let roles = match named {
        Some(_) => beside_month(tokens, &places)?,
        None => alone(tokens, &texts, day_first)?,
    };
    let mut parts =
        Parts { month: named.and_then(|word| u8::try_from(word.index + 1).ok()), ..Parts::default() };
    for ((at, role), text) in places.iter().zip(roles).zip(texts) {
        match role {
            Role::Year => parts.year = Some(year_of(text)?),
            Role::Month => parts.month = text.parse().ok(),
            Role::Day => parts.day = text.parse().ok(),
            Role::Whole(order) => parts = split(text, order)?,
            _ => return None,
        }
        if let Some(token) = tokens.get_mut(*at) {
            token.role = role;
        }
    }
    let in_range = parts.month.is_none_or(|month| (1..=12).contains(&month));
    in_range.then_some(parts)
}

/// With a month's name beside them, numbers are a day and a year.
fn beside_month(tokens: &[Token<'_>], places: &[usize]) -> Option<Vec<Role>> {
    let mut roles = Vec::with_capacity(2);
    let mut has_day = false;
    let mut has_year = false;
    for at in places {
        let text = tokens.get(*at)?.text;
        let follows = tokens.get(at + 1).map(|token| token.role);
        let after_apostrophe = at
            .checked_sub(1)
            .and_then(|at| tokens.get(at))
            .is_some_and(|token| token.text.ends_with(['\'', '’']));
        let value: u32 = text.parse().ok()?;
        let could_be_day = text.len() <= 2 && (1..=31).contains(&value) && !after_apostrophe;
        let role = match text.len() {
            _ if matches!(follows, Some(Role::Suffix)) => Role::Day,
            1 | 2 if could_be_day && !has_day => Role::Day,
            2 | 4 => Role::Year,
            _ => return None,
        };
        match role {
            Role::Day if !has_day && could_be_day => has_day = true,
            Role::Year if !has_year => has_year = true,
            _ => return None,
        }
        roles.push(role);
    }
    Some(roles)
}

/// Numbers alone: what they are follows from their widths, their order and their size.
fn alone(tokens: &[Token<'_>], texts: &[&str], day_first: bool) -> Option<Vec<Role>> {
    let with_dots = tokens.iter().any(|token| token.text == ".");
    let value = |text: &str| text.parse::<u32>().ok();
    let month_then_day = |left: &str, right: &str| {
        let (left, right) = (value(left)?, value(right)?);
        let swap = left > 12 || (day_first || with_dots) && right <= 12;
        Some(if swap { [Role::Day, Role::Month] } else { [Role::Month, Role::Day] })
    };
    let is_short = |text: &str| matches!(text.len(), 1 | 2);
    Some(match texts {
        [] => Vec::new(),
        [one] => match one.len() {
            4 => vec![Role::Year],
            6 | 8 | 12 | 14 => vec![Role::Whole(order(one, day_first)?)],
            _ => return None,
        },
        [year, month] if year.len() == 4 && is_short(month) => vec![Role::Year, Role::Month],
        [month, year] if year.len() == 4 && is_short(month) => vec![Role::Month, Role::Year],
        [left, right] if is_short(left) && is_short(right) => {
            if value(right)? > 31 {
                vec![Role::Month, Role::Year]
            } else {
                month_then_day(left, right)?.to_vec()
            }
        }
        [year, middle, last] if year.len() == 4 && is_short(middle) && is_short(last) => {
            let swap = value(middle)? > 12;
            let (middle, last) = if swap { (Role::Day, Role::Month) } else { (Role::Month, Role::Day) };
            vec![Role::Year, middle, last]
        }
        [left, right, year] if is_short(left) && is_short(right) && matches!(year.len(), 2 | 4) => {
            let [left, right] = month_then_day(left, right)?;
            vec![left, right, Role::Year]
        }
        _ => return None,
    })
}

fn order(text: &str, day_first: bool) -> Option<Compact> {
    let usual = if day_first { Compact::DayMonthYear } else { Compact::MonthDayYear };
    let all = [Compact::YearMonthDay, usual, Compact::MonthDayYear, Compact::DayMonthYear];
    let six = [usual, Compact::MonthDayYear, Compact::DayMonthYear, Compact::YearMonthDay];
    let orders = if text.len() == 6 { six } else { all };
    orders.into_iter().find(|order| {
        let is_plausible = |parts: Parts| {
            let year = parts.year?;
            let day = Day::from_ymd(year, parts.month?, parts.day?);
            day.filter(|_| (1850..=2150).contains(&year))
        };
        (text.len() != 12 && text.len() != 14 || matches!(order, Compact::YearMonthDay))
            && split(text, *order).and_then(is_plausible).is_some()
    })
}

fn split(text: &str, order: Compact) -> Option<Parts> {
    let width = if text.len() == 6 { 2 } else { 4 };
    let part = |at: usize| text.get(at..at + 2).and_then(|part| digits::<u8>(part, 2));
    let year = |at: usize| text.get(at..at + width).and_then(year_of);
    Some(match order {
        Compact::YearMonthDay => {
            Parts { year: Some(year(0)?), month: Some(part(width)?), day: Some(part(width + 2)?) }
        }
        Compact::MonthDayYear => Parts { year: Some(year(4)?), month: Some(part(0)?), day: Some(part(2)?) },
        Compact::DayMonthYear => Parts { year: Some(year(4)?), month: Some(part(2)?), day: Some(part(0)?) },
    })
}

/// Two digits are a year between 1931 and 2030.
fn year_of(text: &str) -> Option<i32> {
    match text.len() {
        4 => digits(text, 4),
        2 => digits(text, 2).map(|year: i32| if year > 30 { 1900 + year } else { 2000 + year }),
        _ => None,
    }
}

fn written(token: &Token<'_>, moved: Moved, days: i32, is_padded: bool) -> Option<String> {
    let (year, month, day) = match moved {
        Moved::Year(year) => (year, 1, 1),
        Moved::Month(year, month) => (year, month, 1),
        Moved::Day(year, month, day) => (year, month, day),
    };
    let text = token.text;
    Some(match token.role {
        Role::Still => text.to_owned(),
        Role::Open => return None,
        Role::Year if text.len() == 2 => format!("{:02}", year.rem_euclid(100)),
        Role::Year => format!("{year:04}"),
        Role::Month if is_padded => format!("{month:02}"),
        Role::Day if is_padded => format!("{day:02}"),
        Role::Month => month.to_string(),
        Role::Day => day.to_string(),
        Role::Suffix => in_case_of(text, suffix(day)),
        Role::MonthName(word) => in_case_of(text, word.month(usize::from(month).checked_sub(1)?)?),
        Role::Weekday(word) => {
            let index = i32::try_from(word.index).ok()?.checked_add(days)?.rem_euclid(7);
            in_case_of(text, word.weekday(usize::try_from(index).ok()?)?)
        }
        Role::Whole(order) => {
            let year =
                if text.len() == 6 { format!("{:02}", year.rem_euclid(100)) } else { format!("{year:04}") };
            let rest = text.get(8..).unwrap_or("");
            match order {
                Compact::YearMonthDay => format!("{year}{month:02}{day:02}{rest}"),
                Compact::MonthDayYear => format!("{month:02}{day:02}{year}{rest}"),
                Compact::DayMonthYear => format!("{day:02}{month:02}{year}{rest}"),
            }
        }
    })
}

fn suffix(day: u8) -> &'static str {
    match day {
        11..=13 => "th",
        _ if day % 10 == 1 => "st",
        _ if day % 10 == 2 => "nd",
        _ if day % 10 == 3 => "rd",
        _ => "th",
    }
}

/// `new` in the letter case of `old`: all capitals, a capital first, or none.
pub(super) fn in_case_of(old: &str, new: &str) -> String {
    let mut letters = old.chars().filter(|letter| letter.is_alphabetic());
    let first = letters.next().is_some_and(char::is_uppercase);
    let rest: Vec<char> = letters.collect();
    if first && !rest.is_empty() && rest.iter().all(|letter| letter.is_uppercase()) {
        return new.to_uppercase();
    }
    let mut new_letters = new.chars();
    match new_letters.next() {
        Some(initial) if first => initial.to_uppercase().chain(new_letters).collect(),
        _ => new.to_owned(),
    }
}
