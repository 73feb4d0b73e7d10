//! DICOM, de-identified by the Basic Application Level Confidentiality Profile and its options (PS3.15, Annex E).
//!
//! [`mask_dicom`] reads a file, decides for each attribute, at any depth, what becomes of it ([`DicomOptions`], or a
//! [`MicrosoftRules`] file), cleans pixels, overlays and free text through the finder that is handed in, writes what was done into
//! the file, and looks at the result for what the original's identifiers were. Private and unknown attributes go. What cannot
//! be read or cleaned is an error.

mod apply;
mod canvas;
mod error;
mod method;
mod microsoft;
mod profile;
mod table;
mod values;

use std::fmt;

use formats::dicom::{self, DataSet, Element, File, PixelLimits, Tag, Vr};

pub use error::DicomMaskError;
pub use microsoft::{MicrosoftRules, RulesError};
pub use profile::{Dates, DicomOptions, SafePrivate};

use crate::image::{Filled, ImagePolicy, KnownValues, Reader, RegionTemplate};
use crate::{Entity, Keys, Kind};

/// What a file is masked with.
#[derive(Clone, Copy)]
pub struct DicomAsk<'a> {
    /// The keys for UIDs, pseudonyms and hashes: equal values become equal ones under the same keys.
    pub keys: &'a dyn Keys,
    /// Days by which this patient's dates move, where they are shifted.
    pub shift_days: i32,
    /// Finds entities in text.
    pub find: &'a dyn Fn(&str) -> Vec<Entity>,
    /// What else is known of the patient; the header's own values are added.
    pub known: &'a KnownValues,
    /// Reads text off pixels; see [`ImagePolicy::unread`] for what happens without.
    pub reader: Option<&'a Reader>,
    /// Where scanners are known to write.
    pub templates: &'a [RegionTemplate],
    /// How pixels are masked.
    pub image: ImagePolicy,
    /// The profile's options.
    pub options: &'a DicomOptions,
    /// Rules that come before the profile.
    pub rules: Option<&'a MicrosoftRules>,
    /// Bounds of reading.
    pub limits: dicom::Limits,
    /// Bounds of decoding pixels.
    pub pixel_limits: PixelLimits,
}

impl fmt::Debug for DicomAsk<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DicomAsk({:?})", self.options)
    }
}

/// A masked file.
#[derive(Clone, PartialEq)]
pub struct MaskedDicom {
    /// The file.
    pub bytes: Vec<u8>,
    /// What happened to attributes.
    pub counts: Counts,
    /// What was filled, a frame each; empty if pixels were not cleaned.
    pub frames: Vec<Filled>,
}

impl fmt::Debug for MaskedDicom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MaskedDicom({} bytes, {:?})", self.bytes.len(), self.counts)
    }
}

/// How many attributes something happened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken out.
    pub removed: usize,
    /// Emptied, or given a value that means nothing.
    pub replaced: usize,
    /// UIDs mapped.
    pub uids: usize,
    /// Dates moved.
    pub shifted: usize,
    /// Texts in which something was found and taken out.
    pub cleaned: usize,
    /// Left as they were.
    pub kept: usize,
}

/// Masks one DICOM file.
///
/// The result is in Explicit VR Little Endian with text in UTF-8; pixels are uncompressed if they were cleaned, and as they
/// were if not.
///
/// # Errors
/// [`DicomMaskError`]; never the original.
///
/// Source: PS3.15, E.1 to E.3.
pub fn mask_dicom(bytes: &[u8], ask: &DicomAsk<'_>) -> Result<MaskedDicom, DicomMaskError> {
    let mut file = dicom::read(bytes, &ask.limits)?;
    if file.data.get(DIRECTORY_RECORDS).is_some() {
        return Err(DicomMaskError::Directory);
    }
    dicom::to_utf8(&mut file.data);
    let mut original = identities(&file.data);
    let mut known = ask.known.clone();
    seed(&file.data, &mut known);
    let frames = canvas::clean_pixels(&mut file, ask, &known)?;
    canvas::clean_overlays(&mut file, ask, &known)?;
    let mut walk = apply::Walk::new(ask, &known);
    let data = walk.data_set(std::mem::take(&mut file.data), 0);
    let mut masked = File { meta: DataSet::new(), data, syntax: file.syntax };
    method::write(&mut masked.data, ask, !frames.is_empty());
    ensure_instance(&mut masked.data, ask.keys);
    // What a rule keeps is not there by mistake.
    original.retain(|(tag, value)| masked.data.text(*tag).is_none_or(|kept| kept.as_bytes() != value));
    let bytes = dicom::write(&masked);
    check(&bytes, &original, &walk.mapped)?;
    Ok(MaskedDicom { bytes, counts: walk.counts, frames })
}

const DIRECTORY_RECORDS: Tag = Tag::new(0x0004, 0x1220);
const SOP_INSTANCE: Tag = Tag::new(0x0008, 0x0018);
const PATIENT_NAME: Tag = Tag::new(0x0010, 0x0010);
const PATIENT_ID: Tag = Tag::new(0x0010, 0x0020);

/// Attributes whose values are looked for on the pixels and in text: names, numbers, dates.
const SEEDS: [Tag; 18] = [
    PATIENT_NAME,
    PATIENT_ID,
    Tag::new(0x0010, 0x0030),
    Tag::new(0x0010, 0x1000),
    Tag::new(0x0010, 0x1001),
    Tag::new(0x0010, 0x1005),
    Tag::new(0x0010, 0x1040),
    Tag::new(0x0010, 0x1060),
    Tag::new(0x0010, 0x2154),
    Tag::new(0x0008, 0x0050),
    Tag::new(0x0008, 0x0080),
    Tag::new(0x0008, 0x0090),
    Tag::new(0x0008, 0x1048),
    Tag::new(0x0008, 0x1050),
    Tag::new(0x0008, 0x1060),
    Tag::new(0x0008, 0x1070),
    Tag::new(0x0032, 0x1032),
    Tag::new(0x0038, 0x0010),
];

/// Dates of the study, which are looked for on the pixels where dates are not kept.
const SEED_DATES: [Tag; 4] =
    [Tag::new(0x0008, 0x0020), Tag::new(0x0008, 0x0021), Tag::new(0x0008, 0x0022), Tag::new(0x0008, 0x0023)];

/// Adds what the header tells of the patient and those around.
fn seed(data: &DataSet, known: &mut KnownValues) {
    for tag in SEEDS {
        let Some(text) = data.text(tag) else { continue };
        for value in text.split('\\').filter(|value| !is_placeholder(value)) {
            match dicom::vr_of(tag) {
                Some(Vr::DA) => known.add_date_text(value),
                Some(Vr::PN) => known.add_name(value),
                _ => known.add_code(Kind::Id, value),
            }
        }
    }
    for tag in SEED_DATES {
        if let Some(text) = data.text(tag) {
            known.add_date_text(&text);
        }
    }
}

/// Values that say that there is none; looked for, they would be found in every text.
fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches('^');
    let words =
        ["anonymous", "anonymized", "unknown", "none", "anon", "patient", "test", "n/a", "null", "na"];
    value.len() < 3 || words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// The values that must not be in the result, with their tags.
fn identities(data: &DataSet) -> Vec<(Tag, Vec<u8>)> {
    let mut found = Vec::new();
    for tag in [PATIENT_NAME, PATIENT_ID, Tag::new(0x0008, 0x0050), Tag::new(0x0010, 0x1040)] {
        let text = data.text(tag).unwrap_or_default();
        found.extend(
            text.split('\\')
                .map(str::trim)
                .filter(|value| !is_placeholder(value))
                .map(|value| (tag, value.as_bytes().to_vec())),
        );
    }
    found
}

/// Shorter values occur anywhere by chance.
const CHECKED_FROM: usize = 6;

/// Looks for the original's identifiers in what was written, as a last lock on the door.
fn check(bytes: &[u8], original: &[(Tag, Vec<u8>)], mapped: &[(Tag, Vec<u8>)]) -> Result<(), DicomMaskError> {
    for (tag, value) in original.iter().chain(mapped) {
        let is_long = value.len() >= CHECKED_FROM;
        if is_long && memchr::memmem::find(bytes, value).is_some() {
            return Err(DicomMaskError::Remains { tag: *tag });
        }
    }
    Ok(())
}

/// A file has to name its instance; one that does not gets a name from its content.
fn ensure_instance(data: &mut DataSet, keys: &dyn Keys) {
    if data.text(SOP_INSTANCE).is_none_or(|uid| uid.is_empty()) {
        let mut content = Vec::new();
        for (tag, _) in data.iter() {
            content.extend_from_slice(&tag.group.to_le_bytes());
            content.extend_from_slice(&tag.element.to_le_bytes());
        }
        data.put(SOP_INSTANCE, Element::bytes(Vr::UI, values::uid(keys, &content)));
    }
}
