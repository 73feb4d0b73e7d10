//! Ages over 89 become 90, which then means "90 or older".
//!
//! Source: 45 CFR 164.514(b)(2)(i)(C).

use super::shift::AGE_MAX_TOLD;

/// What all ages over 89 become.
pub const AGE_TOP: i32 = AGE_MAX_TOLD + 1;

/// A text that tells an age with every number over 89 in it made 90: `92-year-old` becomes `90-year-old`. `None` if there is no
/// number in digits, so that it cannot be told what to do.
#[must_use]
pub fn top_code(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut found = false;
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, from) = rest.split_at_checked(start)?;
        let end = from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at_checked(end)?;
        out.push_str(before);
        // A number too long to read is over 89 as well.
        if number.parse::<u32>().map_or(true, |age| age > AGE_MAX_TOLD.unsigned_abs()) {
            out.push_str("90");
        } else {
            out.push_str(number);
        }
        found = true;
        rest = after;
    }
    out.push_str(rest);
    // A number word beside the digits (`90 or ninety-four`) would survive.
    let in_words = text.split(|letter: char| !letter.is_alphabetic()).any(|word| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "ninety" | "nineties" | "hundred" | "nonagenarian" | "centenarian"
        )
    });
    (found && !in_words).then_some(out)
}
