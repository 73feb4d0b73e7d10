//! Ranges of keys.

/// Which way a scan walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key up.
    Forward,
    /// From the largest key down.
    Reverse,
}

/// Keys from `start` (included) to `end` (excluded), in the order of their bytes. A range whose start is not below its end
/// is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key of the range.
    pub start: Vec<u8>,
    /// The first key behind the range; none for no end.
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: None }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.to_vec(), end: after_prefix(prefix) }
    }

    /// The keys that begin with `prefix` and are `start` or greater.
    pub fn prefix_from(prefix: &[u8], start: &[u8]) -> Self {
        Self { start: start.max(prefix).to_vec(), end: after_prefix(prefix) }
    }

    /// The keys that begin with `prefix` and are greater than `last`: how a page goes on behind the last key of the one
    /// before it.
    pub fn prefix_after(prefix: &[u8], last: &[u8]) -> Self {
        let mut start = last.to_vec();
        start.push(0);
        Self::prefix_from(prefix, &start)
    }

    /// The keys that begin with `prefix` and are smaller than `end`: how a page that walks down goes on.
    pub fn prefix_before(prefix: &[u8], end: &[u8]) -> Self {
        let limit = match after_prefix(prefix) {
            Some(after) if after.as_slice() <= end => after,
            _ => end.to_vec(),
        };
        Self { start: prefix.to_vec(), end: Some(limit) }
    }

    /// The keys from `start` (included) to `end` (excluded).
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether a key lies in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

/// The smallest key that is greater than all keys with this prefix; none where the prefix is empty or all `0xFF`.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut after = prefix.get(..=kept)?.to_vec();
    if let Some(last) = after.last_mut() {
        *last += 1;
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

    use super::*;

    #[test]
    fn a_prefix_range_ends_behind_its_last_key_even_at_ff() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 0xFF, 0xFF]), Some(vec![2]));
        assert_eq!(after_prefix(&[0xFF]), None);
        assert_eq!(after_prefix(&[]), None);
        let range = KeyRange::prefix(&[1, 0xFF]);
        assert!(range.contains(&[1, 0xFF]) && range.contains(&[1, 0xFF, 0xFF, 9]));
        assert!(!range.contains(&[2]) && !range.contains(&[1, 0xFE]));
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended() {
        let forward = KeyRange::prefix_after(&[1], &[1, 5]);
        assert!(!forward.contains(&[1, 5]) && forward.contains(&[1, 5, 0]) && forward.contains(&[1, 6]));
        assert!(!forward.contains(&[2]));
        let down = KeyRange::prefix_before(&[1], &[1, 5]);
        assert!(down.contains(&[1, 4, 9]) && down.contains(&[1]) && !down.contains(&[1, 5]));
        assert!(!KeyRange::prefix_before(&[1], &[9]).contains(&[2]));
        assert!(KeyRange::prefix_after(&[1], &[2, 0]).is_empty());
    }
}
