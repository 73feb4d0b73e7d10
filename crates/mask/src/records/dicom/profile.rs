//! The profile's options, and what they make of the table.

use formats::dicom::{Tag, Vr, keyword_of, vr_of};

use super::table::{Basic, basic};

/// What happens with dates and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dates {
    /// As the basic profile has it: emptied or removed.
    #[default]
    Remove,
    /// Retain Longitudinal Temporal Information with Modified Dates: moved by the days handed in; times of day stay.
    Shift,
    /// Retain Longitudinal Temporal Information with Full Dates.
    Keep,
}

/// A private attribute that is known to be safe: its creator, its group, and the low byte of its element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafePrivate {
    /// What stands in the element that reserves the block.
    pub creator: String,
    /// An odd group.
    pub group: u16,
    /// The element's number within its block.
    pub element: u8,
}

/// Options of the Basic Application Level Confidentiality Profile. Source: PS3.15, E.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DicomOptions {
    /// Clean Pixel Data: text is read off and filled, overlays' too. On unless turned off, as no header says reliably whether
    /// there is text.
    pub clean_pixels: bool,
    /// Clean Descriptors: descriptions and comments stay, without what the finder finds in them.
    pub clean_descriptors: bool,
    /// Clean Structured Content: the content of reports stays, item by item, cleaned.
    pub clean_structured_content: bool,
    /// Clean Graphics: overlays and annotations stay, cleaned.
    pub clean_graphics: bool,
    /// Dates and times.
    pub dates: Dates,
    /// Retain Patient Characteristics: age, sex, size, weight and the like stay.
    pub retain_patient_characteristics: bool,
    /// Retain Device Identity.
    pub retain_device_identity: bool,
    /// Retain Institution Identity.
    pub retain_institution_identity: bool,
    /// Retain UIDs.
    pub retain_uids: bool,
    /// Retain Safe Private: these private attributes stay.
    pub safe_private: Vec<SafePrivate>,
    /// Patient's name and ID become a keyed pseudonym, so that one patient's files stay together; else they are emptied.
    pub pseudonyms: bool,
}

impl Default for DicomOptions {
    /// The basic profile with pixels cleaned and pseudonyms.
    fn default() -> Self {
        Self {
            clean_pixels: true,
            clean_descriptors: false,
            clean_structured_content: false,
            clean_graphics: false,
            dates: Dates::Remove,
            retain_patient_characteristics: false,
            retain_device_identity: false,
            retain_institution_identity: false,
            retain_uids: false,
            safe_private: Vec::new(),
            pseudonyms: true,
        }
    }
}

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Remove,
    Empty,
    Dummy,
    Keep,
    /// Text: what is found is taken out. Sequences: item by item.
    Clean,
    Uid,
    Shift,
    /// Patient's name and ID.
    Pseudonym,
}

/// Retained as characteristics. Source: PS3.15, table E.1-1, column "Rtn. Pat. Chars. Opt.".
const CHARACTERISTICS: [(u16, u16); 13] = [
    (0x0010, 0x0040),
    (0x0010, 0x1010),
    (0x0010, 0x1020),
    (0x0010, 0x1030),
    (0x0010, 0x2110),
    (0x0010, 0x2160),
    (0x0010, 0x2161),
    (0x0010, 0x2162),
    (0x0010, 0x21A0),
    (0x0010, 0x21C0),
    (0x0010, 0x2203),
    (0x0038, 0x0500),
    (0x0040, 0x0012),
];

/// Retained as device identity. Source: the same, column "Rtn. Dev. Id. Opt.".
const DEVICES: [(u16, u16); 22] = [
    (0x0008, 0x1010),
    (0x0018, 0x1000),
    (0x0018, 0x1002),
    (0x0018, 0x1004),
    (0x0018, 0x1005),
    (0x0018, 0x1007),
    (0x0018, 0x1008),
    (0x0018, 0x700A),
    (0x0040, 0x0001),
    (0x0040, 0x0010),
    (0x0040, 0x0011),
    (0x0040, 0x0241),
    (0x0040, 0x0242),
    (0x0040, 0x4025),
    (0x0040, 0x4027),
    (0x0040, 0x4028),
    (0x0040, 0x4030),
    (0x0050, 0x0020),
    (0x300A, 0x00B2),
    (0x300A, 0x0216),
    (0x3008, 0x0105),
    (0x3010, 0x002D),
];

/// Retained as institution identity. Source: the same, column "Rtn. Inst. Id. Opt.".
const INSTITUTIONS: [(u16, u16); 9] = [
    (0x0008, 0x0080),
    (0x0008, 0x0081),
    (0x0008, 0x0082),
    (0x0008, 0x1040),
    (0x0008, 0x1041),
    (0x0012, 0x0030),
    (0x0012, 0x0031),
    (0x0012, 0x0060),
    (0x0012, 0x0081),
];

/// Parts of keywords of what Clean Descriptors is about. Source: the same, column "Clean Desc. Opt.".
const DESCRIPTORS: [&str; 15] = [
    "Description",
    "Comment",
    "Reason",
    "History",
    "ProtocolName",
    "Diagnos",
    "InterpretationText",
    "Impressions",
    "Agent",
    "MedicalAlerts",
    "Allergies",
    "SpecialNeeds",
    "PatientState",
    "Instruction",
    "PreMedication",
];

const BIRTH: [u16; 4] = [0x0030, 0x0032, 0x0033, 0x0034];

impl DicomOptions {
    /// What becomes of a standard attribute, by the table, the options and, beyond the table, its representation.
    pub(super) fn action(&self, tag: Tag) -> Action {
        let Some(vr) = vr_of(tag) else { return Action::Remove };
        let key = (tag.group, tag.element);
        if self.pseudonyms && (tag == super::PATIENT_NAME || tag == super::PATIENT_ID) {
            return Action::Pseudonym;
        }
        // Commands, media directories and digital signatures make no sense on a changed data set.
        if matches!(tag.group, 0x0000 | 0x0002 | 0x0004 | 0xFFFA | 0xFFFC) {
            return Action::Remove;
        }
        if self.retain_patient_characteristics && CHARACTERISTICS.contains(&key)
            || self.retain_device_identity && DEVICES.contains(&key)
            || self.retain_institution_identity && INSTITUTIONS.contains(&key)
        {
            return if vr == Vr::SQ
                || is_free_text(vr) && self.retain_patient_characteristics && CHARACTERISTICS.contains(&key)
            {
                Action::Clean
            } else {
                Action::Keep
            };
        }
        match basic(tag) {
            Some(found) => self.listed(tag, vr, found),
            None => self.unlisted(tag, vr),
        }
    }

    fn listed(&self, tag: Tag, vr: Vr, found: Basic) -> Action {
        let keyword = keyword_of(tag).unwrap_or_default();
        if matches!(vr, Vr::DA | Vr::DT | Vr::TM) && !(tag.group == 0x0010 && BIRTH.contains(&tag.element)) {
            match self.dates {
                Dates::Keep => return Action::Keep,
                Dates::Shift => return Action::Shift,
                Dates::Remove => {}
            }
        }
        let is_structured =
            matches!((tag.group, tag.element), (0x0040, 0xA730 | 0xA160 | 0x0555 | 0x0610 | 0x0440));
        let is_graphic = matches!(tag.group, 0x0070) || matches!(tag.group, 0x6000..=0x60FF);
        if self.clean_structured_content && is_structured || self.clean_graphics && is_graphic {
            return if matches!(vr, Vr::PN) { Action::Dummy } else { Action::Clean };
        }
        let is_descriptor = DESCRIPTORS.iter().any(|part| keyword.contains(part));
        if self.clean_descriptors && is_descriptor && (is_free_text(vr) || vr == Vr::SQ) {
            return Action::Clean;
        }
        match found {
            Basic::Dummy => Action::Dummy,
            Basic::Empty => Action::Empty,
            Basic::Remove => Action::Remove,
            Basic::Uid if self.retain_uids => Action::Keep,
            Basic::Uid if vr == Vr::SQ => Action::Clean,
            Basic::Uid => Action::Uid,
        }
    }

    /// The table is about what is known to tell who it is. Beyond it, the representation says what might.
    fn unlisted(&self, tag: Tag, vr: Vr) -> Action {
        match (tag.group, vr) {
            // An overlay without its data is of no use.
            (0x6000..=0x60FF, _) if !self.clean_graphics => Action::Remove,
            (_, Vr::PN) => Action::Empty,
            (_, Vr::AE) if !self.retain_device_identity => Action::Empty,
            (_, Vr::DA | Vr::DT) => match self.dates {
                Dates::Keep => Action::Keep,
                Dates::Shift => Action::Shift,
                Dates::Remove => Action::Empty,
            },
            (_, Vr::UI) if !self.retain_uids => Action::Uid,
            (_, Vr::SQ) => Action::Clean,
            (_, vr) if is_free_text(vr) || vr == Vr::CS => Action::Clean,
            (_, Vr::UN) => Action::Remove,
            _ => Action::Keep,
        }
    }
}

/// Whether a representation may hold anything someone types.
pub(super) fn is_free_text(vr: Vr) -> bool {
    matches!(vr, Vr::LO | Vr::LT | Vr::SH | Vr::ST | Vr::UC | Vr::UR | Vr::UT)
}
