//! Postal codes: the first three digits, or none where too few people live.
//!
//! Source: 45 CFR 164.514(b)(2)(i)(B) and the guidance of the Office for Civil Rights of 2012, which names the areas of the
//! census of 2000.

/// The three-digit areas of 20,000 or fewer people, by the census of 2000.
pub const SMALL_AREAS: [&str; 17] = [
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878", "879", "884",
    "890", "893",
];

/// A US ZIP code of five or nine digits as its first three, the rest as zeroes (`02139-4307` becomes `02100`); `00000` for a small
/// area. `None` for anything else: codes of other countries are not told at all.
#[must_use]
pub fn zip3(code: &str, small_areas: &[&str]) -> Option<String> {
    let code = code.trim();
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    let is_zip = matches!(digits.len(), 3 | 5 | 9)
        && code.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '-' | ' '));
    let area = digits.get(..3).filter(|_| is_zip)?;
    let area = if small_areas.contains(&area) { "000" } else { area };
    Some(if digits.len() == 3 { area.to_owned() } else { format!("{area}00") })
}
