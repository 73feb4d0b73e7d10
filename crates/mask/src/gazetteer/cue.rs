//! What a word tells about its neighbours.

/// Kinds of cues, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cue(pub(crate) u32);

impl Cue {
    pub(crate) const NONE: Self = Self(0);
    /// `Dr`, `Mrs`.
    pub(crate) const TITLE: Self = Self(1);
    /// `MD`, `RN`.
    pub(crate) const CREDENTIAL: Self = Self(1 << 1);
    /// `daughter`.
    pub(crate) const RELATIVE: Self = Self(1 << 2);
    /// `patient`, `surgeon`.
    pub(crate) const ROLE: Self = Self(1 << 3);
    /// `Name`, `Attending`, before a colon.
    pub(crate) const LABEL: Self = Self(1 << 4);
    /// `hospital`, `clinic`.
    pub(crate) const FACILITY: Self = Self(1 << 5);
    /// `medical`, `center`: with others a facility.
    pub(crate) const FACILITY_PART: Self = Self(1 << 6);
    /// `street`, `lane`, and rarer ones.
    pub(crate) const STREET: Self = Self(1 << 7);
    /// Those of them that hardly mean anything else.
    pub(crate) const STREET_SURE: Self = Self(1 << 8);
    /// `rue`, `via`: before the street's name.
    pub(crate) const STREET_HEAD: Self = Self(1 << 9);
    /// `weg`, `utca`: behind it, as a word or as the end of one.
    pub(crate) const STREET_TAIL: Self = Self(1 << 10);
    /// `apt`, `suite`.
    pub(crate) const UNIT: Self = Self(1 << 11);
    /// `Inc`, `GmbH`.
    pub(crate) const ORG_TAIL: Self = Self(1 << 12);
    /// `phone`, `call`.
    pub(crate) const PHONE: Self = Self(1 << 13);
    /// `fax`.
    pub(crate) const FAX: Self = Self(1 << 14);
    /// `SSN`, and the words of other countries for such numbers.
    pub(crate) const SSN: Self = Self(1 << 15);
    /// `MRN`, `chart`.
    pub(crate) const MRN: Self = Self(1 << 16);
    /// `medical`, `record`: together or with `number`.
    pub(crate) const MRN_WORD: Self = Self(1 << 17);
    /// `insurance`, `policy`.
    pub(crate) const PLAN: Self = Self(1 << 18);
    /// `account`, `card`.
    pub(crate) const ACCOUNT: Self = Self(1 << 19);
    /// `license`, `NPI`.
    pub(crate) const LICENSE: Self = Self(1 << 20);
    /// `serial`, `UDI`.
    pub(crate) const DEVICE: Self = Self(1 << 21);
    /// `VIN`, `plate`.
    pub(crate) const VEHICLE: Self = Self(1 << 22);
    /// `zip`, `postcode`.
    pub(crate) const ZIP: Self = Self(1 << 23);
    /// `number`, `id`.
    pub(crate) const ID_WORD: Self = Self(1 << 24);
    /// `ICD`, `CPT`: what follows is a code of a catalogue, not of a person.
    pub(crate) const CODE: Self = Self(1 << 25);
    /// `mg`, `days`: what stands before is an amount.
    pub(crate) const DOSE: Self = Self(1 << 26);
    /// `on`, `since`.
    pub(crate) const DATE_WORD: Self = Self(1 << 27);
    /// `BP`, `strength`: what follows is a measure.
    pub(crate) const NOT_DATE: Self = Self(1 << 28);

    pub(crate) fn has(self, cues: Self) -> bool {
        self.0 & cues.0 != 0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The cue of a section of `terms.txt`.
    pub(super) fn named(section: &str) -> Self {
        match section {
            "title" => Self::TITLE,
            "credential" => Self::CREDENTIAL,
            "relative" => Self::RELATIVE,
            "role" => Self::ROLE,
            "label" => Self::LABEL,
            "facility" => Self::FACILITY,
            "facilitypart" => Self::FACILITY_PART,
            "street" => Self::STREET,
            "streetsure" => Self::STREET_SURE,
            "streethead" => Self::STREET_HEAD,
            "streettail" => Self::STREET_TAIL,
            "unit" => Self::UNIT,
            "orgtail" => Self::ORG_TAIL,
            "phone" => Self::PHONE,
            "fax" => Self::FAX,
            "ssn" => Self::SSN,
            "mrn" => Self::MRN,
            "mrnword" => Self::MRN_WORD,
            "plan" => Self::PLAN,
            "account" => Self::ACCOUNT,
            "license" => Self::LICENSE,
            "device" => Self::DEVICE,
            "vehicle" => Self::VEHICLE,
            "zip" => Self::ZIP,
            "idword" => Self::ID_WORD,
            "code" => Self::CODE,
            "dose" => Self::DOSE,
            "dateword" => Self::DATE_WORD,
            "notdate" => Self::NOT_DATE,
            _ => Self::NONE,
        }
    }
}
