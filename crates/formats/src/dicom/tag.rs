//! Tags: group and element.

use std::fmt;

/// The number of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    /// The group.
    pub group: u16,
    /// The element within the group.
    pub element: u16,
}

impl Tag {
    /// A tag from its two numbers.
    pub const fn new(group: u16, element: u16) -> Self {
        Self { group, element }
    }

    /// Whether it belongs to a vendor: its group is odd. Source: PS3.5, 7.8.
    pub const fn is_private(&self) -> bool {
        self.group % 2 == 1
    }

    /// Reads `(gggg,eeee)`, `gggg,eeee` or `ggggeeee`, hexadecimal.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String =
            text.trim().trim_start_matches('(').trim_end_matches(')').chars().filter(|c| *c != ',').collect();
        if digits.len() != 8 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(&digits, 16).ok()?;
        Some(Self::new((number >> 16) as u16, number as u16))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "({:04X},{:04X})", self.group, self.element)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
