//! Labels: the texts that people see beside codes and references, with what they stand beside; and the dictionaries that a
//! tenant's parameters share.
//!
//! A label is a text of a shared dictionary that also names its code or reference: `words US system US code`. So a search by
//! words (`:text`), by the beginning of a code (`:code-text`) or by a set of codes (`:in`, `:above`, `:below`) looks through
//! the labels there are, and lets the postings of their codes drive; a member record tells which labels a resource has. Only
//! a label beside nothing that has postings gets one of its own.

use compact_str::{CompactString, format_compact};

use super::terms::cut;

/// The dictionary of texts beside codes.
pub(crate) const CONCEPTS: u16 = 0x7FF1;
/// The dictionary of texts beside references.
pub(crate) const DISPLAYS: u16 = 0x7FF2;
/// The dictionary of URIs that have a path.
pub(crate) const URIS: u16 = 0x7FF3;
/// The dictionary of UCUM codes.
pub(crate) const UNITS: u16 = 0x7FF4;

/// The system of UCUM codes.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";

/// Systems, codes and URIs longer than this are in no shared dictionary.
const PART_BYTES_MAX: usize = 1024;

/// Between the parts of a label: a character that no FHIR text may have.
const SEPARATOR: char = '\u{1F}';

/// One label, as it stands in a dictionary.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    /// Which dictionary.
    pub(crate) dictionary: u16,
    /// The whole text.
    pub(crate) raw: CompactString,
    /// Whether it needs a posting of its own.
    pub(crate) is_alone: bool,
}

/// What a label says.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'l> {
    /// The text.
    pub(crate) words: &'l str,
    /// Of a code: its system; empty for none.
    pub(crate) system: &'l str,
    /// The code, or the reference; empty for none.
    pub(crate) code: &'l str,
}

impl Label {
    /// A text beside a code; `None` if there is neither.
    pub(crate) fn concept(words: &str, system: Option<&str>, code: Option<&str>) -> Option<Self> {
        let words = clean(words);
        let Some(code) = code.filter(|code| fits(code) && system.is_none_or(fits)) else {
            let raw = format_compact!("{words}{SEPARATOR}{SEPARATOR}");
            return (!words.is_empty()).then_some(Self { dictionary: CONCEPTS, raw, is_alone: true });
        };
        let raw = format_compact!("{words}{SEPARATOR}{}{SEPARATOR}{code}", system.unwrap_or(""));
        Some(Self { dictionary: CONCEPTS, raw, is_alone: false })
    }

    /// A text beside a local reference.
    pub(crate) fn target(words: &str, resource_type: &str, id: &str) -> Option<Self> {
        let words = clean(words);
        let raw = format_compact!("{words}{SEPARATOR}{SEPARATOR}{resource_type}/{id}");
        (!words.is_empty()).then_some(Self { dictionary: DISPLAYS, raw, is_alone: false })
    }

    /// A text beside any other reference.
    pub(crate) fn display(words: &str) -> Option<Self> {
        Self::concept(words, None, None).map(|label| Self { dictionary: DISPLAYS, ..label })
    }
}

impl std::fmt::Debug for Label {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Label(..)")
    }
}

/// The parts of a label's text, normalised or not.
pub(crate) fn parts(label: &str) -> Option<Parts<'_>> {
    let (words, rest) = label.split_once(SEPARATOR)?;
    let (system, code) = rest.split_once(SEPARATOR)?;
    Some(Parts { words, system, code })
}

/// Whether a word of `words` begins with `sought`, which may go on over more words; both are normalised.
pub(crate) fn begins_word(words: &str, sought: &str) -> bool {
    !sought.is_empty()
        && words.match_indices(sought).any(|(at, _)| {
            words
                .get(..at)
                .and_then(|before| before.chars().next_back())
                .is_none_or(|last| !last.is_alphanumeric())
        })
}

/// Whether a URI has a path, so that others may be above or below it.
pub(crate) fn has_path(uri: &str) -> bool {
    uri.contains("://") && fits(uri)
}

/// Whether `uri` is `above` or lies below it.
pub(crate) fn is_below(uri: &str, above: &str) -> bool {
    uri.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || above.ends_with('/'))
}

/// The URIs of which a URI can be found to be below, itself included.
pub(crate) fn above(uri: &str) -> Vec<&str> {
    let slashes = uri.char_indices().filter(|(_, char)| *char == '/');
    let cuts = slashes.flat_map(|(at, _)| [at, at + 1]).chain([uri.len()]);
    let mut found: Vec<&str> =
        cuts.filter_map(|end| uri.get(..end)).filter(|part| !part.is_empty()).collect();
    found.dedup();
    found
}

/// A unit's code, if it is one of UCUM that others can be converted to.
pub(crate) fn unit(system: Option<&str>, code: Option<&str>) -> Option<CompactString> {
    let code = code.filter(|code| fits(code))?;
    (system == Some(UCUM)).then(|| code.into())
}

fn fits(part: &str) -> bool {
    part.len() <= PART_BYTES_MAX && !part.contains(SEPARATOR)
}

/// A text without what separates, cut to the length that is indexed.
fn clean(words: &str) -> CompactString {
    let words = cut(words.trim());
    if words.contains(SEPARATOR) { words.replace(SEPARATOR, " ").into() } else { words.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_reads_as_it_was_made() {
        let check = |label: Option<Label>, expected: (&str, &str, &str, bool)| {
            let label = label.unwrap();
            let parts = parts(&label.raw).unwrap();
            assert_eq!((parts.words, parts.system, parts.code, label.is_alone), expected);
        };
        check(
            Label::concept(" Blood\u{1F}pressure ", Some("s"), Some("c")),
            ("Blood pressure", "s", "c", false),
        );
        check(Label::concept("", None, Some("final")), ("", "", "final", false));
        check(Label::concept("words", None, None), ("words", "", "", true));
        check(Label::concept("words", Some("s"), None), ("words", "", "", true));
        check(Label::target("Ann", "Patient", "1"), ("Ann", "", "Patient/1", false));
        assert!(Label::concept(" ", None, None).is_none() && Label::target("", "Patient", "1").is_none());
    }

    #[test]
    fn words_are_found_at_their_beginning() {
        for (words, sought, found) in [
            ("systolic blood pressure", "blood", true),
            ("systolic blood pressure", "blood pre", true),
            ("systolic blood pressure", "lood", false),
            ("hba1c (glycated)", "glyc", true),
            ("ab aab", "ab", true),
            ("aab", "ab", false),
            ("aab", "", false),
        ] {
            assert_eq!(begins_word(words, sought), found, "{words} {sought}");
        }
    }

    #[test]
    fn above_and_below_are_each_others_mirror() {
        let uris = [
            "http://a/b",
            "http://a/b/",
            "http://a/b/c",
            "http://a/bc",
            "http://a",
            "http://a/b/c/d",
            "urn:a",
        ];
        for below in uris {
            for over in uris {
                assert_eq!(above(below).contains(&over), is_below(below, over), "{below} {over}");
            }
        }
        assert!(is_below("http://a/b/c", "http://a/b") && !is_below("http://a/bc", "http://a/b"));
    }
}
