//! Where in a message something stands: `PID-3[2].4.1`.

use std::fmt;
use std::str::FromStr;

/// The name of a segment, at most four ASCII letters and digits (the standard's names have three).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    bytes: [u8; 4],
}

impl SegmentName {
    /// Takes a name of one to four ASCII letters and digits; `None` for anything else.
    pub fn new(name: &str) -> Option<Self> {
        let fits =
            !name.is_empty() && name.len() <= 4 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits {
            return None;
        }
        let mut bytes = [0; 4];
        for (slot, byte) in bytes.iter_mut().zip(name.bytes()) {
            *slot = byte;
        }
        Some(Self { bytes })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(self.bytes.len());
        self.bytes.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("")
    }

    /// Whether the name has the standard's shape: an upper-case letter, then two upper-case letters or digits.
    pub fn is_standard(&self) -> bool {
        let name = self.as_str().as_bytes();
        name.len() == 3
            && name.first().is_some_and(u8::is_ascii_uppercase)
            && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A place in a message. Numbers count from 1; 0 means "not named": the whole of the level above.
///
/// `Display` and [`FromStr`] use `PID-3[2].4.1`: segment, field, repetition in brackets (left out if 1), component,
/// subcomponent. The second and later segments of one name carry their number: `OBX[3]-5`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The segment's name.
    pub segment: SegmentName,
    /// Which of the segments of that name, counted over the whole message, from 1.
    pub occurrence: u32,
    /// Field number; 0 = the whole segment.
    pub field: u32,
    /// Repetition number; 0 = all of them.
    pub repetition: u32,
    /// Component number; 0 = all of them.
    pub component: u32,
    /// Subcomponent number; 0 = all of them.
    pub subcomponent: u32,
}

impl Location {
    /// A whole segment.
    pub fn of_segment(segment: SegmentName, occurrence: u32) -> Self {
        Self { segment, occurrence, field: 0, repetition: 0, component: 0, subcomponent: 0 }
    }

    /// Whether `leaf` lies inside this place. A 0 here means "all"; a 0 in `leaf` means "the only one", so `PID-7.1` covers
    /// the leaf `PID-7`, and `PID-5.1` covers the leaf `PID-5.1.2`.
    pub fn covers(&self, leaf: &Location) -> bool {
        let level = |mine: u32, theirs: u32| mine == 0 || mine == theirs.max(1);
        self.segment == leaf.segment
            && self.occurrence == leaf.occurrence
            && (self.field == 0 || self.field == leaf.field)
            && level(self.repetition, leaf.repetition)
            && level(self.component, leaf.component)
            && level(self.subcomponent, leaf.subcomponent)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.segment)?;
        if self.occurrence > 1 {
            write!(formatter, "[{}]", self.occurrence)?;
        }
        if self.field == 0 {
            return Ok(());
        }
        write!(formatter, "-{}", self.field)?;
        if self.repetition > 1 {
            write!(formatter, "[{}]", self.repetition)?;
        }
        if self.component == 0 {
            return Ok(());
        }
        write!(formatter, ".{}", self.component)?;
        if self.subcomponent == 0 {
            return Ok(());
        }
        write!(formatter, ".{}", self.subcomponent)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A text that is not a location. It names no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a location; write it like `PID-3`, `PID-3[2].4.1` or `OBX[3]-5`")]
pub struct LocationError;

impl FromStr for Location {
    type Err = LocationError;

    /// Reads `PID`, `PID-3`, `PID-3.4`, `PID-3[2].4.1`, `OBX[3]-5`.
    fn from_str(text: &str) -> Result<Self, LocationError> {
        let (segment, rest) = text.split_once('-').unwrap_or((text, ""));
        let (name, occurrence) = numbered(segment)?;
        let mut location =
            Location::of_segment(SegmentName::new(name).ok_or(LocationError)?, occurrence.unwrap_or(1));
        if rest.is_empty() {
            return if segment.len() == text.len() { Ok(location) } else { Err(LocationError) };
        }
        let mut parts = rest.split('.');
        let (field, repetition) = numbered(parts.next().unwrap_or(""))?;
        location.field = number(field)?;
        let component = parts.next().map(number).transpose()?;
        let subcomponent = parts.next().map(number).transpose()?;
        if parts.next().is_some() {
            return Err(LocationError);
        }
        // A component always belongs to one repetition: the first, if none is named.
        location.repetition = repetition.unwrap_or(u32::from(component.is_some()));
        location.component = component.unwrap_or(0);
        location.subcomponent = subcomponent.unwrap_or(0);
        Ok(location)
    }
}

fn numbered(text: &str) -> Result<(&str, Option<u32>), LocationError> {
    match text.split_once('[') {
        None => Ok((text, None)),
        Some((head, tail)) => Ok((head, Some(number(tail.strip_suffix(']').ok_or(LocationError)?)?))),
    }
}

fn number(text: &str) -> Result<u32, LocationError> {
    text.parse().ok().filter(|number| *number > 0).ok_or(LocationError)
}
