//! Looking at one thing: what it is, its content tells.

use std::collections::BTreeMap;

use fhir::json::{self, Value};
use formats::hl7v2::{self, ParseOptions};

use super::finding::Found;
use super::record;
use crate::image::{Found as Boxed, ImageError};
use crate::transform::Day;
use crate::{Ask, Desk, Engine, Entity, Profile, Style, Tier, Wishes};

/// The longest text that is searched at once.
const PIECE_BYTES_MAX: usize = 1 << 20;

/// What became of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was looked at.
    Looked(Found),
    /// It was not, and why; nothing of its content.
    Skipped(String),
}

/// Looks at things, one after another.
pub struct Looker<'a> {
    /// Finds in text.
    pub engine: &'a Engine,
    /// Reads what stands on images.
    pub desk: &'a Desk,
    /// How much work.
    pub tier: Tier,
    /// What counts.
    pub profile: Profile,
    /// The day on which ages are reckoned.
    pub today: Day,
    /// Called between pieces of work; on `false` the look ends, and what it gives counts for nothing.
    pub go_on: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Looker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Looker({}, {})", self.tier.as_str(), self.profile.as_str())
    }
}

impl Looker<'_> {
    /// Looks at all of a file or object: at text as text, whatever its format is, and at what stands on images.
    #[must_use]
    pub fn all(&self, bytes: &[u8]) -> Outcome {
        let is_pdf = bytes.starts_with(b"%PDF");
        if let (Ok(text), false) = (std::str::from_utf8(bytes), is_pdf) {
            return Outcome::Looked(self.text(text));
        }
        if is_pdf || image::guess_format(bytes).is_ok() {
            return self.image(bytes);
        }
        Outcome::Skipped("neither text in UTF-8 nor an image".to_owned())
    }

    /// Looks where a record should not carry an identity: at its free texts if it is FHIR in JSON or HL7 v2, at all of it if it is
    /// something else.
    #[must_use]
    pub fn free_text(&self, bytes: &[u8]) -> Outcome {
        let start = bytes.trim_ascii_start();
        let mut found = Found::default();
        if start.starts_with(b"MSH") {
            if let Ok(parsed) = hl7v2::parse(start, &ParseOptions::default()) {
                record::hl7v2(&parsed.message, &mut |path, text| {
                    found.add_record(0, path, &self.find(text));
                });
                return Outcome::Looked(found);
            }
        } else if start.starts_with(b"{") {
            let limits = json::Limits { bytes_max: bytes.len(), ..json::Limits::default() };
            if let Ok(value) = json::parse(bytes, &limits)
                && value.resource_type().is_some()
            {
                self.resource(&value, 0, &mut found);
                return Outcome::Looked(found);
            }
        }
        self.all(bytes)
    }

    /// Adds what the free texts of a resource tell; `index` is its place among others.
    pub fn resource(&self, resource: &Value, index: usize, found: &mut Found) {
        // Many texts of a resource are the same (a code's text and a display in the narrative): each is searched once.
        let mut known: BTreeMap<String, Vec<Entity>> = BTreeMap::new();
        record::fhir(resource, &mut |path, text| {
            if let Some(entities) = known.get(text) {
                found.add_record(index, path, entities);
            } else {
                let entities = self.find(text);
                found.add_record(index, path, &entities);
                known.insert(text.to_owned(), entities);
            }
        });
    }

    /// Looks at a text piece by piece, whole lines where there are some: what the engine holds in memory stays bounded.
    fn text(&self, text: &str) -> Found {
        let (mut found, mut lines_before, mut rest) = (Found::default(), 0, text);
        while !rest.is_empty() && (self.go_on)() {
            let longest = rest.floor_char_boundary(PIECE_BYTES_MAX);
            let head = rest.get(..longest).unwrap_or_default();
            let is_last = head.len() == rest.len();
            let end = head.rfind('\n').map_or(longest, |end| end + 1);
            let (piece, after) =
                rest.split_at_checked(if is_last { longest } else { end }).unwrap_or((rest, ""));
            found.add_text(piece, lines_before, &self.find(piece));
            lines_before += piece.matches('\n').count();
            rest = after;
        }
        found
    }

    fn find(&self, text: &str) -> Vec<Entity> {
        self.engine.find(text, &Ask { tier: self.tier, profile: self.profile, known: None })
    }

    /// Masks a copy of the image that is thrown away: what was filled is what tells.
    fn image(&self, bytes: &[u8]) -> Outcome {
        let wishes = Wishes {
            profile: self.profile,
            tier: self.tier,
            style: Style::Labels,
            known: None,
            patient: None,
            today: self.today,
        };
        match self.desk.image(bytes, &wishes) {
            Ok(masked) => {
                let mut found = Found::default();
                let boxes = masked.pages.iter().flat_map(|page| &page.found);
                found.add_boxes(boxes.filter_map(Boxed::kind));
                Outcome::Looked(found)
            }
            Err(ImageError::NoModels) => {
                Outcome::Skipped("an image, and no models to read it with".to_owned())
            }
            Err(error) => Outcome::Skipped(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use crate::Kind;

    fn look<T>(work: impl FnOnce(&Looker<'_>) -> T) -> T {
        let desk = Desk::new(Engine::new(), None).unwrap();
        let today = Day::of_time(1_796_000_000_000);
        let (tier, profile) = (Tier::Scan, Profile::SafeHarbor);
        work(&Looker { engine: desk.engine(), desk: &desk, tier, profile, today, go_on: &|| true })
    }

    fn kinds(outcome: Outcome) -> Vec<(Kind, usize)> {
        let Outcome::Looked(found) = outcome else { panic!("it was not looked at: {outcome:?}") };
        found.kinds.into_iter().map(|(kind, of_kind)| (kind, of_kind.count)).collect()
    }

    #[test]
    fn a_record_tells_by_its_texts_and_a_file_by_all_of_it() {
        let resource = br#"{"resourceType":"Observation","identifier":[{"value":"MRN 00482913"}],"note":[{"text":"call (415) 555-0132"}]}"#;
        look(|looker| {
            assert_eq!(kinds(looker.free_text(resource)), [(Kind::Phone, 1)]);
            let all = kinds(looker.all(resource));
            assert!(all.iter().any(|(kind, _)| *kind == Kind::Mrn), "{all:?}");
            let message = b"MSH|^~\\&|L|H|||20240314||ORU^R01|1|P|2.5\rPID|1||00482913^^^H^MR||Lee^Ada||||||(415) 555-0100\rNTE|1||call (415) 555-0132\r";
            assert_eq!(kinds(looker.free_text(message)), [(Kind::Phone, 1)]);
        });
    }

    #[test]
    fn a_long_text_is_looked_at_in_pieces_with_the_lines_of_the_whole() {
        let line = "nothing to see on this line\n";
        let before = PIECE_BYTES_MAX / line.len() + 10;
        let text = format!("{}call (415) 555-0132\n", line.repeat(before));
        look(|looker| {
            let Outcome::Looked(found) = looker.all(text.as_bytes()) else { panic!("it was not looked at") };
            let places: Vec<_> = found.kinds.values().flat_map(|of_kind| of_kind.places.iter()).collect();
            assert!(
                matches!(places.as_slice(), [Place::Line { line, .. }] if *line == before + 1),
                "{places:?}"
            );
        });
    }

    #[test]
    fn what_cannot_be_read_is_skipped_with_a_reason() {
        look(|looker| {
            for bytes in [&b"\xFF\xFE\x00"[..], b"\x89PNG\r\n\x1a\n\xFF", b"%PDF-1.7"] {
                assert!(matches!(looker.all(bytes), Outcome::Skipped(_)), "{bytes:?}");
            }
            assert_eq!(looker.all(b""), Outcome::Looked(Found::default()));
        });
    }
}
