//! Table E.1-1: what the basic profile does with each attribute.

use std::collections::HashMap;
use std::sync::OnceLock;

use formats::dicom::Tag;

/// An action code of the table, with the choice it leaves made.
///
/// Where the table leaves a choice by the attribute's type in the object (`X/Z`, `X/D`, `Z/D`, `X/Z/D`), the one is taken that
/// leaves every object complete: `Z` for `X/Z`, `D` wherever it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basic {
    /// `D`: a value that means nothing.
    Dummy,
    /// `Z`: no value.
    Empty,
    /// `X`: no attribute.
    Remove,
    /// `U`: another UID, the same for the same; `X/Z/U*`: so in its items.
    Uid,
}

/// The table's action for an attribute; `None` if it has none.
pub(super) fn basic(tag: Tag) -> Option<Basic> {
    // Curves, and the data and comments of overlays, stand in the table with open groups.
    match (tag.group, tag.element) {
        (0x5000..=0x50FF, _) | (0x6000..=0x60FF, 0x3000 | 0x4000) => return Some(Basic::Remove),
        _ => {}
    }
    static TABLE: OnceLock<HashMap<Tag, Basic>> = OnceLock::new();
    TABLE.get_or_init(parse).get(&tag).copied()
}

fn parse() -> HashMap<Tag, Basic> {
    let lines = include_str!("../../../data/dicom-e1-1.tsv").lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| {
        let (tag, code) = line.split_once('\t')?;
        let basic = match code {
            "D" | "Z/D" | "X/D" | "X/Z/D" => Basic::Dummy,
            "Z" | "X/Z" => Basic::Empty,
            "U" | "X/Z/U*" => Basic::Uid,
            _ => Basic::Remove,
        };
        Some((Tag::parse(tag)?, basic))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_says_what_the_standard_says() {
        assert_eq!(parse().len(), 652);
        for (tag, expected) in [
            (0x0010_0010, Some(Basic::Empty)),
            (0x0010_1000, Some(Basic::Remove)),
            (0x0020_000D, Some(Basic::Uid)),
            (0x0040_A123, Some(Basic::Dummy)),
            (0x6002_3000, Some(Basic::Remove)),
            (0x0028_0010, None),
        ] {
            assert_eq!(basic(Tag::new((tag >> 16) as u16, tag as u16)), expected, "{tag:08X}");
        }
    }
}
