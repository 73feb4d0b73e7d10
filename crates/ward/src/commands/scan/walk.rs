//! The files of a scan, and where in them something was found.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use mask::{Entity, Kind};
use storage::keys::sha256;

use super::finding::{OfKind, PLACES_MAX, Place};
use crate::failure::{During, Failure, Result};

/// Bytes of one file that are looked at.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of one scan.
const FILES_MAX: usize = 1_000_000;
/// Folders within each other.
const DEPTH_MAX: usize = 64;

/// A file to look at.
#[derive(Clone, Debug)]
pub(super) struct File {
    path: PathBuf,
    /// As findings name it: the path as it was given, and below.
    pub(super) shown: String,
    pub(super) bytes: u64,
}

/// What a file holds.
pub(super) enum Content {
    Bytes(Vec<u8>),
    Skipped(&'static str),
}

/// What became of a file.
pub(super) enum Outcome {
    Looked(Found),
    Skipped(&'static str),
}

/// What was found in one file.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) kinds: BTreeMap<Kind, OfKind>,
}

/// Which files.
pub(super) struct Wanted<'a> {
    pub(super) include: &'a [String],
    pub(super) exclude: &'a [String],
    pub(super) sample_percent: u8,
}

impl Wanted<'_> {
    fn takes(&self, shown: &str) -> bool {
        let fits = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, shown));
        (self.include.is_empty() || fits(self.include)) && !fits(self.exclude) && self.in_sample(shown)
    }

    /// By a hash of the path, so that the same files are looked at each time.
    fn in_sample(&self, shown: &str) -> bool {
        let [first, second, ..] = sha256(shown.as_bytes());
        u16::from_be_bytes([first, second]) % 100 < u16::from(self.sample_percent)
    }
}

/// Whether a text fits a pattern of `*` (anything) and `?` (one character). Linear but for the last `*`.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(one) if *one == '?' || text.get(place) == Some(one) => {
                at += 1;
                place += 1;
            }
            _ => {
                // The last star takes one more.
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                place = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

/// All files, in the order of their names.
pub(super) fn files(paths: &[PathBuf], wanted: &Wanted<'_>) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        let about = std::fs::symlink_metadata(path)
            .during(format!("`{}` could not be read", path.display()))
            .map_err(|failure| failure.hint("name files and folders"))?;
        add(path, &about, wanted, 0, &mut files)?;
    }
    Ok(files)
}

fn add(
    path: &Path,
    about: &std::fs::Metadata,
    wanted: &Wanted<'_>,
    depth: usize,
    files: &mut Vec<File>,
) -> Result {
    if about.is_dir() && depth < DEPTH_MAX {
        let read = || -> std::io::Result<Vec<PathBuf>> {
            std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect()
        };
        let mut inside = read().during(format!("`{}` could not be read", path.display()))?;
        inside.sort_unstable();
        for path in inside {
            // A file that went away meanwhile is no file of the scan.
            if let Ok(about) = std::fs::symlink_metadata(&path) {
                add(&path, &about, wanted, depth + 1, files)?;
            }
        }
        return Ok(());
    }
    let shown = path.display().to_string();
    if about.is_file() && wanted.takes(&shown) {
        if files.len() >= FILES_MAX {
            return Err(Failure::new(format!("there are more than {FILES_MAX} files"))
                .hint("scan one folder at a time, or a `--sample`"));
        }
        files.push(File { path: path.to_owned(), shown, bytes: about.len() });
    }
    Ok(())
}

/// Reads a file, gzipped ones unpacked.
pub(super) fn read(file: &File) -> Result<Content> {
    let name = || format!("`{}` could not be read", file.shown);
    let open = std::fs::File::open(&file.path).during(name())?;
    let mut bytes = Vec::new();
    open.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).during(name())?;
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let packed = std::mem::take(&mut bytes);
        let unpacked = flate2::read::MultiGzDecoder::new(packed.as_slice());
        unpacked.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).during(name())?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Ok(Content::Skipped("larger than 256 MiB"));
    }
    Ok(Content::Bytes(bytes))
}

impl Found {
    /// The places of entities of a text, which are ascending.
    pub(super) fn of_text(text: &str, entities: &[Entity]) -> Self {
        let mut found = Self::default();
        let (mut line, mut line_start) = (1, 0);
        for entity in entities {
            let before = text.get(line_start..entity.range.start).unwrap_or_default();
            line += before.matches('\n').count();
            line_start += before.rfind('\n').map_or(0, |end| end + 1);
            let of_kind = found.kinds.entry(entity.kind).or_default();
            of_kind.count += 1;
            if of_kind.places.len() < PLACES_MAX {
                let count = |range| text.get(range).map_or(0, |part: &str| part.chars().count());
                let start = count(line_start..entity.range.start) + 1;
                let end = start + count(entity.range.clone()).saturating_sub(1);
                of_kind.places.push(Place { line, start, end });
            }
        }
        found
    }

    /// Boxes of an image that tell, a page each; they have no lines.
    pub(super) fn of_image(pages: impl Iterator<Item = usize>) -> Self {
        let count = pages.sum();
        let of_kind = OfKind { count, places: Vec::new() };
        Self { kinds: (count > 0).then_some((Kind::Id, of_kind)).into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use mask::Reason;

    use super::*;

    #[test]
    fn patterns_fit_as_shells_have_it() {
        for (pattern, text, expected) in [
            ("*.txt", "a/b.txt", true),
            ("*.txt", "a/b.txt.gz", false),
            ("a/*/c?.md", "a/x/y/c1.md", true),
            ("**", "", true),
            ("a*b*c", "a__b__b__c", true),
            ("a*b*c", "a__b__b__", false),
            ("é?", "éü", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "née Zoë\n\nSeen: Ünal, Zoë";
        let entity = |part: &str, nth: usize| {
            let start = text.match_indices(part).nth(nth).unwrap().0;
            Entity { range: start..start + part.len(), kind: Kind::Name, score: 1.0, reason: Reason::Tagger }
        };
        let found = Found::of_text(text, &[entity("Zoë", 0), entity("Ünal", 0), entity("Zoë", 1)]);
        let places: Vec<_> = found.kinds[&Kind::Name]
            .places
            .iter()
            .map(|place| (place.line, place.start, place.end))
            .collect();
        assert_eq!(places, [(1, 5, 7), (3, 7, 10), (3, 13, 15)]);
    }

    #[test]
    fn a_sample_is_the_same_each_time_and_about_its_share() {
        let wanted = Wanted { include: &[], exclude: &[], sample_percent: 20 };
        let taken = (0..2000).filter(|at| wanted.takes(&format!("folder/{at}"))).count();
        assert!((300..500).contains(&taken), "{taken}");
        assert_eq!(wanted.takes("folder/7"), wanted.takes("folder/7"));
    }
}
