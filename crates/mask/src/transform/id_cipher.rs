//! Format-preserving encryption of ids: a digit becomes a digit, a letter a letter of the same case, the rest stays.

use super::ff1::{self, Direction};
use crate::Keys;

/// Cycle walking needs ten steps at most on average; so many never happen.
const WALK_MAX: usize = 2000;

/// Encrypts ids so that they keep their format, under the block cipher of [`Keys`]. It cannot decrypt:
/// [`Reversal`](super::Reversal) can.
///
/// The id's digits and ASCII letters are one number in mixed radix; it is written in decimal, encrypted by FF1 and
/// encrypted again until it is a number that the format can hold. So no letter or digit keeps its value by rule, and equal
/// ids of one domain give equal results.
pub struct IdCipher<'k> {
    keys: &'k dyn Keys,
}

impl<'k> IdCipher<'k> {
    /// A cipher with these keys.
    #[must_use]
    pub fn new(keys: &'k dyn Keys) -> Self {
        Self { keys }
    }

    /// The id in its new guise. `domain` is the tweak: what kind of id it is, such as `mrn`. `None` if the id has so few
    /// letters and digits that fewer than a million are possible, or more than 100 of them.
    #[must_use]
    pub fn encrypt(&self, domain: &str, id: &str) -> Option<String> {
        walk(self.keys, Direction::Encrypt, domain, id)
    }
}

pub(super) fn decrypt(keys: &dyn Keys, domain: &str, id: &str) -> Option<String> {
    walk(keys, Direction::Decrypt, domain, id)
}

fn walk(keys: &dyn Keys, direction: Direction, domain: &str, id: &str) -> Option<String> {
    let places: Vec<(u32, u32)> = id.chars().filter_map(place).collect();
    if places.len() > 100 {
        return None;
    }
    let radices: Vec<u32> = places.iter().map(|(radix, _)| *radix).collect();
    let biggest: Vec<u32> = radices.iter().map(|radix| radix - 1).collect();
    // The number of decimal digits that the biggest id of the format has.
    let width = radices.len() * 2;
    let biggest = to_decimal(&biggest, &radices, width);
    let leading = biggest.iter().position(|digit| *digit != 0)?;
    let biggest = biggest.get(leading..)?;
    // Only formats with a million ids or more: all numbers below 999,999 would be fewer.
    if biggest.len() < 6 || biggest.len() == 6 && biggest.iter().any(|digit| *digit != 9) {
        return None;
    }
    let values: Vec<u32> = places.iter().map(|(_, value)| *value).collect();
    let mut number = to_decimal(&values, &radices, biggest.len());
    for _ in 0..WALK_MAX {
        number = ff1::apply(keys, direction, 10, domain.as_bytes(), &number)?;
        if number.as_slice() <= biggest {
            return Some(rewrite(id, &from_decimal(&number, &radices)));
        }
    }
    None
}

/// The radix of a character and its value in it; `None` for what stays.
fn place(letter: char) -> Option<(u32, u32)> {
    match letter {
        '0'..='9' => Some((10, u32::from(letter) - u32::from('0'))),
        'a'..='z' => Some((26, u32::from(letter) - u32::from('a'))),
        'A'..='Z' => Some((26, u32::from(letter) - u32::from('A'))),
        _ => None,
    }
}

fn rewrite(id: &str, values: &[u32]) -> String {
    let mut values = values.iter().copied();
    let base = |letter: char| match letter {
        '0'..='9' => Some('0'),
        'a'..='z' => Some('a'),
        'A'..='Z' => Some('A'),
        _ => None,
    };
    id.chars()
        .map(|letter| {
            base(letter).and_then(|base| char::from_u32(u32::from(base) + values.next()?)).unwrap_or(letter)
        })
        .collect()
}

/// Numerals of mixed radix, most significant first, as decimal digits.
fn to_decimal(values: &[u32], radices: &[u32], width: usize) -> Vec<u32> {
    let mut decimal = vec![0_u32; width];
    for (value, radix) in values.iter().zip(radices) {
        let mut carry = *value;
        for digit in decimal.iter_mut().rev() {
            let sum = *digit * radix + carry;
            *digit = sum % 10;
            carry = sum / 10;
        }
    }
    decimal
}

fn from_decimal(decimal: &[u32], radices: &[u32]) -> Vec<u32> {
    let mut rest = decimal.to_vec();
    let mut values: Vec<u32> = radices
        .iter()
        .rev()
        .map(|radix| {
            let mut remainder = 0;
            for digit in &mut rest {
                let value = remainder * 10 + *digit;
                *digit = value / radix;
                remainder = value % radix;
            }
            remainder
        })
        .collect();
    values.reverse();
    values
}
