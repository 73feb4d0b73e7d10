//! Runs: groups of digits with short separators between them, as telephone, card and person numbers and dates are written.

/// At most this many groups are one run.
const GROUPS: usize = 8;

/// A group of digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// First byte and the byte behind the last.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// As a number; `u32::MAX` if too long for one.
    pub(crate) value: u32,
    /// The separator before it: 0 for none, else one of ` -./:()` (of two, the one that is not a blank).
    pub(crate) before: u8,
}

impl Group {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Groups of digits in a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    groups: [Group; GROUPS],
    count: usize,
    /// Where it begins, a sign before the first group (`+`, `(`) included.
    pub(crate) start: usize,
    /// Whether a `+` stands before it.
    pub(crate) plus: bool,
}

impl Run {
    /// Reads the longest run that begins at a digit.
    pub(crate) fn read(text: &str, at: usize) -> Self {
        let bytes = text.as_bytes();
        let mut run = Self { start: at, ..Self::default() };
        if let Some(back) = at.checked_sub(1) {
            match (bytes.get(back), back.checked_sub(1).and_then(|place| bytes.get(place))) {
                (Some(b'+'), _) => (run.start, run.plus) = (back, true),
                (Some(b'('), Some(b'+')) => (run.start, run.plus) = (back - 1, true),
                (Some(b'('), _) => run.start = back,
                _ => {}
            }
        }
        let mut place = at;
        let mut before = 0;
        while run.count < GROUPS {
            let digits = bytes
                .get(place..)
                .unwrap_or_default()
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if digits == 0 {
                break;
            }
            let group =
                Group { start: place, end: place + digits, value: value(text, place, digits), before };
            if let Some(slot) = run.groups.get_mut(run.count) {
                *slot = group;
                run.count += 1;
            }
            let Some((sign, next)) = separator(bytes, group.end) else { break };
            (before, place) = (sign, next);
        }
        run
    }

    /// The groups.
    pub(crate) fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }
}

fn value(text: &str, at: usize, digits: usize) -> u32 {
    text.get(at..at + digits).and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

/// The separator between two groups and where the second one begins: at most three bytes, none of them the end of a line.
fn separator(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut sign = 0;
    for place in at..at + 4 {
        match bytes.get(place)? {
            byte if byte.is_ascii_digit() => return (sign != 0).then_some((sign, place)),
            b' ' if sign == 0 => sign = b' ',
            b' ' if sign != b' ' => {}
            byte @ (b'-' | b'.' | b'/' | b':' | b'(' | b')') if sign == 0 || sign == b' ' => sign = *byte,
            b'-' if sign == b')' => {}
            b'(' if sign == b'-' || sign == b'.' => sign = b'(',
            b'0'..=b'9' => {}
            _ => return None,
        }
    }
    None
}
