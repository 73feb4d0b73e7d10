//! Check digits and formats of identifying numbers. All take the bare characters, without separators.

/// Luhn's check (ISO/IEC 7812-1 annex B), over ASCII digits.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0_u32;
    for (place, byte) in digits.iter().rev().enumerate() {
        let Some(digit) = digit(*byte) else { return false };
        sum += match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) => doubled / 10 + doubled % 10,
        };
    }
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// A National Provider Identifier: ten digits, Luhn over them behind the prefix 80840 (45 CFR 162.406).
pub(crate) fn npi(digits: &[u8]) -> bool {
    digits.len() == 10 && matches!(digits.first(), Some(b'1' | b'2')) && luhn(&[b"80840", digits].concat())
}

/// A DEA registration: two letters (or a letter and 9) and seven digits, the last a check digit.
pub(crate) fn dea(value: &[u8]) -> bool {
    let Some((letters, numbers)) = value.split_at_checked(2) else { return false };
    let digits: Vec<u32> = numbers.iter().filter_map(|byte| digit(*byte)).collect();
    let [a, b, c, d, e, f, check] = *digits.as_slice() else { return false };
    numbers.len() == 7
        && letters.first().is_some_and(u8::is_ascii_alphabetic)
        && letters.iter().all(u8::is_ascii_alphanumeric)
        && (a + c + e + 2 * (b + d + f)) % 10 == check
}

/// A Medicare Beneficiary Identifier: eleven characters in the fixed order of kinds that CMS published in 2017.
pub(crate) fn mbi(value: &[u8]) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() && !b"SLOIBZ".contains(&byte.to_ascii_uppercase());
    value.len() == 11
        && value.iter().enumerate().all(|(place, byte)| match place {
            0 => (b'1'..=b'9').contains(byte),
            1 | 4 | 7 | 8 => letter(*byte),
            2 | 5 => letter(*byte) || byte.is_ascii_digit(),
            _ => byte.is_ascii_digit(),
        })
}

/// A vehicle identification number with its North American check digit (49 CFR 565.15).
pub(crate) fn vin(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if value.len() != WEIGHTS.len() {
        return false;
    }
    let mut sum = 0;
    for (byte, weight) in value.iter().zip(WEIGHTS) {
        let Some(worth) = vin_worth(byte.to_ascii_uppercase()) else { return false };
        sum += worth * weight;
    }
    let check = value.get(8).copied().unwrap_or_default();
    match sum % 11 {
        10 => check.eq_ignore_ascii_case(&b'X'),
        rest => digit(check) == Some(rest),
    }
}

fn vin_worth(byte: u8) -> Option<u32> {
    Some(match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'N' => u32::from(byte - b'J') + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => return None,
    })
}

/// An IBAN: country, two check digits, up to 30 characters, remainder 1 modulo 97 (ISO 13616-1).
pub(crate) fn iban(value: &[u8]) -> bool {
    let Some((head, body)) = value.split_at_checked(4) else { return false };
    let shape =
        head.iter().take(2).all(u8::is_ascii_alphabetic) && head.iter().skip(2).all(u8::is_ascii_digit);
    if !shape || !(15..=34).contains(&value.len()) {
        return false;
    }
    let mut rest = 0_u32;
    for byte in body.iter().chain(head) {
        rest = match byte.to_ascii_uppercase() {
            number @ b'0'..=b'9' => (rest * 10 + u32::from(number - b'0')) % 97,
            letter @ b'A'..=b'Z' => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
            _ => return false,
        };
    }
    rest == 1
}

/// Whether three groups of digits can be a social security number: no area 000 or 666, no group 00, no serial 0000. Areas over
/// 899 are never issued by the SSA but by the IRS as ITINs, which are as telling.
pub(crate) fn ssn(area: u32, group: u32, serial: u32) -> bool {
    area != 0 && area != 666 && area <= 999 && group != 0 && serial != 0
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}
