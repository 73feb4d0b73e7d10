//! The characters that divide a message, as its own MSH-1 and MSH-2 name them.

use super::problem::ParseError;

/// The delimiters of one message. All are ASCII, distinct, and neither letters, digits, quotes nor line ends.
///
/// Source: HL7 v2.8 chapter 2, 2.5.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// MSH-1, usually `|`.
    pub field: u8,
    /// First of MSH-2, usually `^`.
    pub component: u8,
    /// Second of MSH-2, usually `~`. A message may leave it and those after it out, and then does not use them.
    pub repetition: Option<u8>,
    /// Third of MSH-2, usually `\`.
    pub escape: Option<u8>,
    /// Fourth of MSH-2, usually `&`.
    pub subcomponent: Option<u8>,
    /// Fifth of MSH-2 since v2.7, usually `#`: stands at the end of text that the sender cut short.
    pub truncation: Option<u8>,
}

impl Default for Delimiters {
    /// `|^~\&`
    fn default() -> Self {
        Self {
            field: b'|',
            component: b'^',
            repetition: Some(b'~'),
            escape: Some(b'\\'),
            subcomponent: Some(b'&'),
            truncation: None,
        }
    }
}

impl Delimiters {
    /// Reads MSH-1 and MSH-2. An empty MSH-2 gives the usual characters; more than five are cut to five. A doubled escape
    /// character (`^~\\&`, from senders that escaped their own configuration once too often) counts once.
    ///
    /// # Errors
    /// [`ParseError::Delimiters`] where one of them cannot divide anything or two are the same.
    pub(super) fn read(field: u8, encoding: &[u8]) -> Result<Self, ParseError> {
        let usual = Self { field, ..Self::default() };
        let found = if encoding.is_empty() {
            usual
        } else {
            let doubled = usize::from(has_doubled_escape(encoding));
            let nth = |index: usize| encoding.get(if index > 2 { index + doubled } else { index }).copied();
            Self {
                field,
                component: nth(0).unwrap_or(b'^'),
                repetition: nth(1),
                escape: nth(2),
                subcomponent: nth(3),
                truncation: nth(4),
            }
        };
        let all: Vec<u8> = found.all().collect();
        let distinct = all
            .iter()
            .enumerate()
            .all(|(index, byte)| !all.iter().skip(index + 1).any(|other| other == byte));
        if distinct && all.iter().all(|byte| may_divide(*byte)) {
            Ok(found)
        } else {
            Err(ParseError::Delimiters)
        }
    }

    /// The delimiters in use, MSH-1 first.
    pub(super) fn all(&self) -> impl Iterator<Item = u8> {
        let optional = [self.repetition, self.escape, self.subcomponent, self.truncation];
        [self.field, self.component].into_iter().chain(optional.into_iter().flatten())
    }

    /// MSH-2 as it stands in a message with these delimiters.
    pub fn encoding_characters(&self) -> String {
        self.all().skip(1).map(char::from).collect()
    }
}

/// Whether MSH-2 repeats its escape character.
pub(super) fn has_doubled_escape(encoding: &[u8]) -> bool {
    matches!(encoding, [_, _, escape, again, ..] if escape == again)
}

/// Whether a byte can serve as MSH-1.
pub(super) fn may_divide(byte: u8) -> bool {
    byte.is_ascii()
        && !byte.is_ascii_alphanumeric()
        && !matches!(byte, b'"' | b'\r' | b'\n' | b' ' | 0 | 0x0B | 0x1B | 0x1C)
}
