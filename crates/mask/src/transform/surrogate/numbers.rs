//! Surrogates for numbers and addresses of the net: in ranges that belong to nobody where there are such.

use crate::Keys;
use crate::transform::pseudonym::mac;

/// Other digits in place of digits.
pub(super) fn digits(keys: &dyn Keys, domain: &str, text: &str) -> String {
    id(keys, domain, text)
}

/// A digit for a digit, a letter for a letter of the same case; the rest stays. It is not the text itself.
pub(super) fn id(keys: &dyn Keys, domain: &str, text: &str) -> String {
    for attempt in 0..4_u8 {
        let found = attempted(keys, domain, text, attempt);
        if found != text {
            return found;
        }
    }
    // Four times the same by chance is for texts without letters and digits.
    text.to_owned()
}

fn attempted(keys: &dyn Keys, domain: &str, text: &str, attempt: u8) -> String {
    let normal: String = text.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let mut bytes = Stream::new(keys, domain, &format!("{attempt}{}", normal.to_lowercase()));
    text.chars()
        .map(|letter| match letter {
            '0'..='9' => char::from(b'0' + bytes.below(10)),
            _ if letter.is_alphabetic() && letter.is_uppercase() => char::from(b'A' + bytes.below(26)),
            _ if letter.is_alphabetic() => char::from(b'a' + bytes.below(26)),
            _ if letter.is_numeric() => char::from(b'0' + bytes.below(10)),
            _ => letter,
        })
        .collect()
}

/// A number of the range that is kept for fiction (exchange 555, lines 0100 to 0199), written as the real one; shorter and longer
/// numbers get other digits.
pub(super) fn phone(keys: &dyn Keys, text: &str) -> String {
    let count = text.bytes().filter(u8::is_ascii_digit).count();
    let normal: String = text.chars().filter(char::is_ascii_digit).collect();
    let local: String = normal.chars().skip(count.saturating_sub(10)).collect();
    if !(10..=11).contains(&count) || !text.is_ascii() {
        return id(keys, "phone", text);
    }
    let mut bytes = Stream::new(keys, "phone", &local);
    let area = [b'2' + bytes.below(8), b'0' + bytes.below(10), b'0' + bytes.below(10)];
    let line = [b'0', b'1', b'0' + bytes.below(10), b'0' + bytes.below(10)];
    let mut new = area.into_iter().chain(*b"555").chain(line).map(char::from);
    let mut seen = 0;
    text.chars()
        .map(|letter| {
            if !letter.is_ascii_digit() {
                return letter;
            }
            seen += 1;
            // The country's 1 stays.
            if seen + 10 > count { new.next().unwrap_or('0') } else { letter }
        })
        .collect()
}

/// Area numbers from 900 on were never given out as social security numbers.
pub(super) fn ssn(keys: &dyn Keys, text: &str) -> String {
    let mut first = true;
    id(keys, "ssn", text)
        .chars()
        .map(|letter| if letter.is_ascii_digit() && std::mem::take(&mut first) { '9' } else { letter })
        .collect()
}

/// An address at `example.org`, which belongs to nobody (RFC 2606).
pub(super) fn email(keys: &dyn Keys, text: &str) -> String {
    format!("user{}@example.org", token(keys, "email", text))
}

/// A page of `example.org`.
pub(super) fn url(keys: &dyn Keys, text: &str) -> String {
    format!("https://example.org/{}", token(keys, "url", text))
}

/// An address of the blocks that are kept for documentation (RFC 5737, RFC 3849).
pub(super) fn ip(keys: &dyn Keys, text: &str) -> String {
    let mut bytes = Stream::new(keys, "ip", &text.to_lowercase());
    if text.contains('.') {
        return format!("192.0.2.{}", bytes.below(254) + 1);
    }
    format!("2001:db8::{:x}{:02x}", bytes.below(255) + 1, bytes.below(255))
}

fn token(keys: &dyn Keys, domain: &str, text: &str) -> String {
    let mac = mac(keys, "surrogate", domain, text.trim().to_lowercase().as_bytes());
    mac.iter().take(5).fold(String::new(), |token, byte| format!("{token}{byte:02x}"))
}

/// As many keyed bytes as are needed.
struct Stream<'k> {
    keys: &'k dyn Keys,
    domain: String,
    value: String,
    block: u32,
    bytes: std::vec::IntoIter<u8>,
}

impl<'k> Stream<'k> {
    fn new(keys: &'k dyn Keys, domain: &str, value: &str) -> Self {
        let (domain, value) = (domain.to_owned(), value.to_owned());
        Self { keys, domain, value, block: 0, bytes: Vec::new().into_iter() }
    }

    /// A number from 0 to `bound` - 1. The bias of a byte is of no weight here: surrogates hide by being unrelated.
    fn below(&mut self, bound: u8) -> u8 {
        if self.bytes.len() == 0 {
            let value = format!("{}:{}", self.block, self.value);
            self.bytes = mac(self.keys, "surrogate", &self.domain, value.as_bytes()).to_vec().into_iter();
            self.block += 1;
        }
        self.bytes.next().unwrap_or(0) % bound.max(1)
    }
}
