//! The desk: texts and records masked by one set of wishes. What the server and the command line hand their work to.

use std::ops::Range;

use fhir::json::Value;
use formats::hl7v2::{ParseError, ParseOptions};

use crate::image::{FileLimits, ImageAsk, ImageError, ImagePolicy, KnownValues, MaskedImage, Reader};
use crate::pdf::{PageSource, PdfError, mask_pages};
use crate::records::ccda::{self, CcdaError, MaskedDocument};
use crate::records::csv::{self, CsvConfig, CsvError, CsvMasker};
use crate::records::dicom::{Dates, DicomAsk, DicomMaskError, DicomOptions, MaskedDicom, mask_dicom};
use crate::records::fhir::{FhirMaskError, FhirMasker, MaskedResource};
use crate::records::hl7v2::{self, Hl7v2Options, MaskedMessage};
use crate::records::{Asked, Scope, Tools};
use crate::transform::{
    DateShift, Day, MaskedText, Plan, Replaced, ShiftOptions, Tally, TextMasker, Transform,
};
use crate::{Ask, Engine, Entity, Keys, Kind, Known, Profile, Reason, Tier};

mod settle;

/// Days that dates are moved by at most, either way.
pub const SHIFT_DAYS_MAX: u16 = 365;

/// Bytes of a table that are looked at to guess what its columns are.
const CSV_SAMPLE_BYTES: usize = 1 << 20;

/// The version of what finds and hides, for audit events: a change of it may change what is found.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 4] = [Self::SafeHarbor, Self::LimitedDataset, Self::MaxRecall, Self::SearchSafe];

    /// Its name, such as `safe-harbor`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SafeHarbor => "safe-harbor",
            Self::LimitedDataset => "limited-dataset",
            Self::MaxRecall => "max-recall",
            Self::SearchSafe => "search-safe",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }
}

impl Tier {
    /// All tiers.
    pub const ALL: [Self; 3] = [Self::Scan, Self::Full, Self::Record];

    /// Its name, such as `full`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Full => "full",
            Self::Record => "record",
        }
    }

    /// The tier of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == name)
    }
}

/// What stands in place of what was found, by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Style {
    /// `[NAME]`.
    #[default]
    Labels,
    /// `[NAME-K7QX2MPA]`, the same for the same.
    Tags,
    /// Another of its kind.
    Surrogates,
    /// Nothing.
    Remove,
}

impl Style {
    /// All styles.
    pub const ALL: [Self; 4] = [Self::Labels, Self::Tags, Self::Surrogates, Self::Remove];

    /// Its name, such as `labels`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Tags => "tags",
            Self::Surrogates => "surrogates",
            Self::Remove => "remove",
        }
    }

    /// The style of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.as_str() == name)
    }

    /// The plan.
    #[must_use]
    pub fn plan(self) -> Plan {
        match self {
            Self::Labels => Plan::labels(),
            Self::Tags => Plan { otherwise: Transform::Tag, ..Plan::labels() },
            Self::Surrogates => Plan::surrogates(),
            Self::Remove => Plan::all(Transform::Remove),
        }
    }
}

impl Reason {
    /// The word for answers and reports, and what exactly, if there is more than one.
    #[must_use]
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Known => ("known", None),
            Self::Pattern(name) => ("pattern", Some(name)),
            Self::Gazetteer(name) => ("gazetteer", Some(name)),
            Self::Context(cue) => ("context", Some(cue)),
            Self::Tagger => ("tagger", None),
            Self::Propagated => ("propagated", None),
            Self::Custom(name) => ("custom", Some(name)),
        }
    }
}

/// The patient that something is about, as far as it is known: for text, and for text that was read off pixels.
#[derive(Debug)]
pub struct Subject {
    known: Known,
    values: KnownValues,
}

impl Subject {
    /// What a Patient resource tells.
    #[must_use]
    pub fn from_patient(patient: &Value) -> Self {
        let mut values = KnownValues::new();
        let list = |of: &Value, name: &str| of.get(name).map(Value::elements).unwrap_or_default().to_vec();
        for name in list(patient, "name") {
            let parts =
                list(&name, "family").into_iter().chain(list(&name, "given")).chain(list(&name, "text"));
            parts.filter_map(|part| part.as_str().map(str::to_owned)).for_each(|part| values.add_name(&part));
        }
        for (member, kind) in [("identifier", Kind::Id), ("telecom", Kind::Phone)] {
            for entry in list(patient, member) {
                let system = entry.get("system").and_then(Value::as_str);
                let kind = if system == Some("email") { Kind::Email } else { kind };
                if let Some(code) = entry.get("value").and_then(Value::as_str) {
                    values.add_code(kind, code);
                }
            }
        }
        if let Some(date) = patient.get("birthDate").and_then(Value::as_str) {
            values.add_date_text(date);
        }
        Self { known: Known::from_patient(patient), values }
    }
}

/// How something is to be masked.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// What counts.
    pub profile: Profile,
    /// How much work; with something known it is [`Tier::Record`] in any case.
    pub tier: Tier,
    /// What stands in place of what was found in text.
    pub style: Style,
    /// What is known of the patient.
    pub known: Option<&'a Subject>,
    /// The patient that dates shift with. Without one, dates of a text become labels.
    pub patient: Option<&'a str>,
    /// The day on which ages are reckoned.
    pub today: Day,
}

impl Wishes<'_> {
    /// What the engine is asked.
    #[must_use]
    pub fn ask(&self) -> Ask<'_> {
        let tier = if self.known.is_some() { Tier::Record } else { self.tier };
        Ask { tier, profile: self.profile, known: self.known.map(|subject| &subject.known) }
    }
}

/// A masked text.
#[derive(Clone, Debug)]
pub struct MaskedNote {
    /// The text as it may be shown.
    pub text: String,
    /// What was found, ascending, in bytes of the text that was given.
    pub entities: Vec<Entity>,
    /// What was replaced, ascending.
    pub replaced: Vec<Replaced>,
    /// What was done.
    pub tally: Tally,
}

/// Masks texts and records. Made once, used from many threads.
#[derive(Debug)]
pub struct Desk {
    engine: Engine,
    safe_harbor: FhirMasker,
    limited_dataset: FhirMasker,
    reader: Option<Reader>,
    pages: Option<Box<dyn PageSource>>,
}

impl Desk {
    /// A desk around an engine, and what reads text off images if it is there.
    ///
    /// # Errors
    /// [`crate::records::fhir::ConfigError`] if the built-in rules cannot be read, which a test excludes.
    pub fn new(engine: Engine, reader: Option<Reader>) -> Result<Self, crate::records::fhir::ConfigError> {
        Ok(Self {
            engine,
            safe_harbor: FhirMasker::safe_harbor()?,
            limited_dataset: FhirMasker::limited_dataset()?,
            reader,
            pages: None,
        })
    }

    /// The desk with something that shows the pages of PDF files; without it they are refused.
    #[must_use]
    pub fn with_pages(self, pages: Box<dyn PageSource>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What one search of a text tells. [`Desk::text`] searches what it made as well, and may report more.
    #[must_use]
    pub fn entities(&self, text: &str, wishes: &Wishes<'_>) -> Vec<Entity> {
        self.engine.find(text, &wishes.ask())
    }

    /// Masks a text, until a further search finds nothing to mask. So with the same keys and wishes a masked text comes back as
    /// it is, unless there are surrogates or shifted dates in it: nothing tells those from real ones.
    #[must_use]
    pub fn text(&self, text: &str, keys: &dyn Keys, wishes: &Wishes<'_>) -> MaskedNote {
        self.text_from(text, keys, wishes, 0.0)
    }

    /// As [`Self::text`]; what was found with a lower score, 0 to 1, stays.
    #[must_use]
    pub fn text_from(&self, text: &str, keys: &dyn Keys, wishes: &Wishes<'_>, score_min: f32) -> MaskedNote {
        let options = ShiftOptions { days_max: SHIFT_DAYS_MAX, ..ShiftOptions::new(wishes.today) };
        let shift = wishes.patient.map(|patient| DateShift::derive(keys, patient, &options));
        let plan = wishes.style.plan();
        let masker = TextMasker::new(keys, &plan, shift);
        let find = |text: &str| {
            let mut entities = self.entities(text, wishes);
            entities.retain(|entity| entity.score >= score_min);
            entities
        };
        let settled = settle::settle(&find, &masker, text);
        let mut tally = settled.tally;
        tally.texts += 1;
        let MaskedText { text, replaced } = settled.masked;
        MaskedNote { text, entities: settled.entities, replaced, tally }
    }

    /// Masks a FHIR resource or bundle by the built-in rules of the profile.
    ///
    /// # Errors
    /// As [`FhirMasker::mask`].
    pub fn fhir(
        &self,
        resource: &Value,
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
    ) -> Result<MaskedResource, FhirMaskError> {
        let masker = match wishes.profile {
            Profile::LimitedDataset => &self.limited_dataset,
            _ => &self.safe_harbor,
        };
        self.fhir_by(masker, resource, keys, wishes)
    }

    /// Masks a FHIR resource or bundle by rules of the caller's.
    ///
    /// # Errors
    /// As [`FhirMasker::mask`].
    pub fn fhir_by(
        &self,
        masker: &FhirMasker,
        resource: &Value,
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
    ) -> Result<MaskedResource, FhirMaskError> {
        self.with_tools(keys, wishes, |tools, scope| masker.mask(resource, tools, scope))
    }

    /// Masks one HL7 v2 message, with or without its frame.
    ///
    /// # Errors
    /// As [`hl7v2::mask`].
    pub fn hl7v2(
        &self,
        message: &[u8],
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
    ) -> Result<MaskedMessage, ParseError> {
        self.with_tools(keys, wishes, |tools, scope| {
            hl7v2::mask(message, &ParseOptions::default(), tools, scope, Hl7v2Options::default())
        })
    }

    /// Masks a PNG, JPEG or TIFF file by the strict policy.
    ///
    /// # Errors
    /// [`ImageError`], among them that there is nothing to read text with.
    pub fn image(&self, bytes: &[u8], wishes: &Wishes<'_>) -> Result<MaskedImage, ImageError> {
        self.with_image_ask(wishes, |ask| {
            crate::image::mask_file(self.reader.as_ref(), bytes, ask, &FileLimits::default())
        })
    }

    /// Masks a PDF file page by page, each as an image, and gives a PDF of these images.
    ///
    /// # Errors
    /// [`PdfError`], among them that there is nothing to show pages or to read text with.
    pub fn pdf(&self, bytes: &[u8], wishes: &Wishes<'_>) -> Result<MaskedImage, PdfError> {
        let pages = self.pages.as_ref().ok_or(PdfError::NoSource)?.pages(bytes)?;
        self.with_image_ask(wishes, |ask| mask_pages(pages, self.reader.as_ref(), ask))
    }

    /// Calls `work` with what images are masked with: the strict policy.
    fn with_image_ask<T>(&self, wishes: &Wishes<'_>, work: impl FnOnce(&ImageAsk<'_>) -> T) -> T {
        let find = |text: &str| self.entities(text, wishes);
        let nothing = KnownValues::new();
        work(&ImageAsk {
            find: &find,
            known: wishes.known.map_or(&nothing, |subject| &subject.values),
            regions: &[],
            policy: ImagePolicy::default(),
        })
    }

    /// Masks one C-CDA document.
    ///
    /// # Errors
    /// As [`ccda::mask`].
    pub fn ccda(
        &self,
        document: &[u8],
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
    ) -> Result<MaskedDocument, CcdaError> {
        self.with_tools(keys, wishes, |tools, scope| ccda::mask(document, tools, scope))
    }

    /// Masks a CSV table with a header, by rules or, without them, by what its columns' names and first rows look like.
    ///
    /// # Errors
    /// [`CsvError`].
    pub fn csv(
        &self,
        table: &[u8],
        rules: Option<&CsvConfig>,
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
    ) -> Result<(Vec<u8>, Tally), CsvError> {
        let guessed = match rules {
            Some(_) => None,
            None => Some(csv::profile(table.get(..CSV_SAMPLE_BYTES).unwrap_or(table), b',')?.0),
        };
        let Some(rules) = rules.or(guessed.as_ref()) else { return Ok((Vec::new(), Tally::default())) };
        self.with_tools(keys, wishes, |tools, scope| {
            let mut out = Vec::with_capacity(table.len());
            let mut masker = CsvMasker::new(rules, tools, *scope);
            masker.push(table, &mut out)?;
            let tally = masker.finish(&mut out)?;
            Ok((out, tally))
        })
    }

    /// Masks a DICOM file by the basic profile of PS3.15 with Clean Pixel Data; with the profile of a limited data set dates stay.
    ///
    /// # Errors
    /// [`DicomMaskError`], among them that there is nothing to read text off pixels with.
    pub fn dicom(
        &self,
        bytes: &[u8],
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
    ) -> Result<MaskedDicom, DicomMaskError> {
        let find = |text: &str| self.entities(text, wishes);
        let dates = match wishes.profile {
            Profile::LimitedDataset => Dates::Keep,
            _ => Dates::Remove,
        };
        let options = DicomOptions { dates, ..DicomOptions::default() };
        let nothing = KnownValues::new();
        mask_dicom(
            bytes,
            &DicomAsk {
                keys,
                shift_days: 0,
                find: &find,
                known: wishes.known.map_or(&nothing, |subject| &subject.values),
                reader: self.reader.as_ref(),
                templates: &[],
                image: ImagePolicy::default(),
                options: &options,
                rules: None,
                limits: formats::dicom::Limits::default(),
                pixel_limits: formats::dicom::PixelLimits::default(),
            },
        )
    }

    /// Calls `work` with the tools and the scope that the maskers of records take.
    pub fn with_tools<T>(
        &self,
        keys: &dyn Keys,
        wishes: &Wishes<'_>,
        work: impl FnOnce(Tools<'_>, &Scope<'_>) -> T,
    ) -> T {
        let finder = Asked { engine: &self.engine, ask: wishes.ask() };
        let plan = wishes.style.plan();
        let tools = Tools { finder: &finder, keys, plan: &plan };
        let scope = Scope { patient: wishes.patient, days_max: SHIFT_DAYS_MAX, ..Scope::on(wishes.today) };
        work(tools, &scope)
    }
}

/// Byte ranges of a text as ranges of Unicode code points, which is how offsets are told outside. The ranges must be ascending.
#[must_use]
pub fn in_characters(text: &str, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut places = text.char_indices().map(|(place, _)| place).chain([text.len()]).enumerate().peekable();
    let mut character_at = |byte: usize| {
        while let Some((index, place)) = places.peek().copied() {
            if place >= byte {
                return index;
            }
            places.next();
        }
        0
    };
    ranges.into_iter().map(|range| character_at(range.start)..character_at(range.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_characters() {
        let text = "Dr. Zoë 🙂 Ünal";
        let byte = |part: &str| text.find(part).unwrap();
        let ranges = [byte("Zoë")..byte("Zoë") + "Zoë".len(), byte("Ünal")..text.len()];
        assert_eq!(in_characters(text, ranges), [4..7, 10..14]);
        assert!(in_characters("", []).is_empty());
    }

    #[test]
    fn names_lead_back() {
        for profile in Profile::ALL {
            assert_eq!(Profile::named(profile.as_str()), Some(profile));
        }
        for tier in Tier::ALL {
            assert_eq!(Tier::named(tier.as_str()), Some(tier));
        }
        for style in Style::ALL {
            assert_eq!(Style::named(style.as_str()), Some(style));
        }
        assert_eq!(Profile::named("none"), None);
    }
}
