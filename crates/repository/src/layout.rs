//! The index layout: which space holds what, and how every key is built.
//!
//! One place only, so that the commit path, replay, search and `docs/internals/index.md` cannot disagree. Every key begins
//! with the tenant (u32) and the partition (u16), all numbers are big-endian, and no key holds readable patient data:
//! ids and terms enter as keyed hashes, references as resource numbers, ordered values as masked numbers.
//!
//! Not for: values (see `row` for `current`/`version`, `search` for dictionary and statistics).

use storage::engine::{Space, SpaceSpec, SpaceUse};

/// The spaces, in the order of their numbers; handed to the engine when it is opened.
///
/// The names are durable, and the numbers in [`APPLIED`] and so on are places in this list.
pub const SPACES: &[SpaceSpec] = &[
    SpaceSpec { name: "applied", used_for: SpaceUse::Counters },
    SpaceSpec { name: "current", used_for: SpaceUse::Bodies },
    SpaceSpec { name: "id", used_for: SpaceUse::Lookup },
    SpaceSpec { name: "version", used_for: SpaceUse::Bodies },
    SpaceSpec { name: "change", used_for: SpaceUse::Postings },
    SpaceSpec { name: "posting", used_for: SpaceUse::Postings },
    SpaceSpec { name: "compartment", used_for: SpaceUse::Postings },
    SpaceSpec { name: "dictionary", used_for: SpaceUse::Bodies },
    SpaceSpec { name: "stats", used_for: SpaceUse::Counters },
    SpaceSpec { name: "message", used_for: SpaceUse::Lookup },
    SpaceSpec { name: "patient_key", used_for: SpaceUse::Lookup },
    SpaceSpec { name: "member", used_for: SpaceUse::Lookup },
    SpaceSpec { name: "word", used_for: SpaceUse::Postings },
];

/// The log position that the index stands at, and the allocation counters.
pub const APPLIED: Space = Space(0);
/// type, resource number -> header and sealed body of the current version.
pub const CURRENT: Space = Space(1);
/// keyed hash of type/id -> resource number.
pub const ID: Space = Space(2);
/// resource number, version descending -> a superseded version (same value as `current`).
pub const VERSION: Space = Space(3);
/// type, sequence, operation -> resource number, version, time: what history of a type walks.
pub const CHANGE: Space = Space(4);
/// type, parameter, term, resource number -> nothing, or what the term's kind needs (see `search`).
pub const POSTING: Space = Space(5);
/// patient number, type, parameter, term, resource number -> nothing.
pub const COMPARTMENT: Space = Space(6);
/// parameter, term number -> sealed normalised string.
pub const DICTIONARY: Space = Space(7);
/// type, parameter -> counts for the planner.
pub const STATS: Space = Space(8);
/// keyed hash of a message identity -> sequence of the record that committed it.
pub const MESSAGE: Space = Space(9);
/// patient number -> id of the data key that seals this patient's compartment.
pub const PATIENT_KEY: Space = Space(10);
/// type, resource number -> member record: what search must know without the body. Only resources that are not deleted.
pub const MEMBER: Space = Space(11);
/// type, `_text` or `_content`, word, block of resource numbers -> which of the block's resources have the word.
pub const WORD: Space = Space(12);

/// The number of the layout: of what the rows of all spaces mean. Whoever changes the meaning of rows that stand in data
/// folders already raises it by one; an index of another number is thrown away at the next start and built anew.
pub const LAYOUT: u64 = 4;

/// The length of the tenant and partition that every key begins with.
pub const PREFIX_BYTES: usize = 6;

/// The only partition there is for now; partitioning by patient hash comes with the shared log.
pub const PARTITION: u16 = 0;

/// The type code of Patient.
pub const PATIENT_CODE: u16 = 103;

/// The type code of SearchParameter.
pub const SEARCH_PARAMETER_CODE: u16 = 123;

/// The type code of Binary.
pub const BINARY_CODE: u16 = 9;

/// The parameter number that compartment membership rows use in place of a search parameter.
pub const MEMBERSHIP: u16 = 0;

/// The bit of a type code that says "contained resources of this type": no type has it, see [`type_codes`].
const CONTAINED: u16 = 0x8000;

/// The parameter number under which a record of contained resources tells its container's type and their places in `contained`.
/// No search parameter has it.
pub const CONTAINER: u16 = 0x7FF0;

/// The type code of rows about contained resources of a type.
pub fn contained(type_code: u16) -> u16 {
    type_code | CONTAINED
}

/// Whether rows of a type code are about contained resources.
pub fn is_contained(type_code: u16) -> bool {
    type_code & CONTAINED != 0
}

/// The type itself, contained or not.
pub fn plain(type_code: u16) -> u16 {
    type_code & !CONTAINED
}

/// A key under construction: tenant and partition, then parts in the order in which they are pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// Begins a key of `tenant`.
    pub fn new(tenant: u32) -> Self {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(&tenant.to_be_bytes());
        bytes.extend_from_slice(&PARTITION.to_be_bytes());
        Self(bytes)
    }

    /// Adds a two-byte number (type code, parameter id).
    #[must_use]
    pub fn u16(mut self, part: u16) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Adds a four-byte number (dictionary term number).
    #[must_use]
    pub fn u32(mut self, part: u32) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Adds an eight-byte number (resource number, sequence).
    #[must_use]
    pub fn u64(mut self, part: u64) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Adds bytes as they are; only the last part of a key, or parts of one fixed length, may be added so.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(part);
        self
    }

    /// The finished key.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// The key so far, as a prefix to scan.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// The smallest key greater than every key that begins with `prefix`; `None` if there is no such key (all bytes 0xFF).
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xFF {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// Key of the log position, in [`APPLIED`] (tenant 0: the log is one for all tenants).
pub fn applied_key() -> Vec<u8> {
    Key::new(0).bytes(b"log").into_vec()
}

/// Key of a tenant's own search parameters, in [`APPLIED`].
pub fn parameters_key(tenant: u32) -> Vec<u8> {
    Key::new(tenant).bytes(PARAMETERS).into_vec()
}

/// The tenant of such a key.
pub fn tenant_of_parameters(key: &[u8]) -> Option<u32> {
    let (prefix, name) = key.split_at_checked(PREFIX_BYTES)?;
    let tenant = prefix.first_chunk().map(|tenant| u32::from_be_bytes(*tenant));
    tenant.filter(|_| name == PARAMETERS)
}

const PARAMETERS: &[u8] = b"parameters";

/// Key of the number of the layout, in [`APPLIED`].
pub fn layout_key() -> Vec<u8> {
    Key::new(0).bytes(b"layout").into_vec()
}

/// Key of the resource number counters, in [`APPLIED`].
pub fn numbers_key() -> Vec<u8> {
    Key::new(0).bytes(b"numbers").into_vec()
}

/// Key of a current version, in [`CURRENT`].
pub fn current_key(tenant: u32, type_code: u16, number: u64) -> Vec<u8> {
    Key::new(tenant).u16(type_code).u64(number).into_vec()
}

/// Key of a member record, in [`MEMBER`].
pub fn member_key(tenant: u32, type_code: u16, number: u64) -> Vec<u8> {
    Key::new(tenant).u16(type_code).u64(number).into_vec()
}

/// Key of an id, in [`ID`]; `hash` is the tenant's keyed hash of type and id.
pub fn id_key(tenant: u32, hash: &[u8; 16]) -> Vec<u8> {
    Key::new(tenant).bytes(hash).into_vec()
}

/// Key of a superseded version, in [`VERSION`]: newest first when scanned forwards.
pub fn version_key(tenant: u32, number: u64, version: u64) -> Vec<u8> {
    Key::new(tenant).u64(number).u64(u64::MAX - version).into_vec()
}

/// Key of a change, in [`CHANGE`].
pub fn change_key(tenant: u32, type_code: u16, seq: u64, operation: u32) -> Vec<u8> {
    Key::new(tenant).u16(type_code).u64(seq).u32(operation).into_vec()
}

/// Tenant, type code and sequence of a key of [`CHANGE`].
pub fn read_change_key(key: &[u8]) -> Option<(u32, u16, u64)> {
    let tenant = key.get(..4)?.try_into().ok()?;
    let type_code = key.get(6..8)?.try_into().ok()?;
    let seq = key.get(8..16)?.try_into().ok()?;
    Some((u32::from_be_bytes(tenant), u16::from_be_bytes(type_code), u64::from_be_bytes(seq)))
}

/// Key of a posting, in [`POSTING`].
pub fn posting_key(tenant: u32, type_code: u16, parameter: u16, term: &[u8], number: u64) -> Vec<u8> {
    Key::new(tenant).u16(type_code).u16(parameter).bytes(term).u64(number).into_vec()
}

/// Key of a compartment row, in [`COMPARTMENT`]; `parameter` is [`MEMBERSHIP`] with an empty term for mere membership.
pub fn compartment_key(
    tenant: u32,
    patient: u64,
    type_code: u16,
    parameter: u16,
    term: &[u8],
    number: u64,
) -> Vec<u8> {
    Key::new(tenant).u64(patient).u16(type_code).u16(parameter).bytes(term).u64(number).into_vec()
}

/// Key of a dictionary entry, in [`DICTIONARY`].
pub fn dictionary_key(tenant: u32, parameter: u16, term_number: u32) -> Vec<u8> {
    Key::new(tenant).u16(parameter).u32(term_number).into_vec()
}

/// Key of a statistic, in [`STATS`]; `parameter` 0 counts the resources of the type.
pub fn stats_key(tenant: u32, type_code: u16, parameter: u16) -> Vec<u8> {
    Key::new(tenant).u16(type_code).u16(parameter).into_vec()
}

/// Key of a committed message, in [`MESSAGE`].
pub fn message_key(tenant: u32, hash: &[u8; 16]) -> Vec<u8> {
    Key::new(tenant).bytes(hash).into_vec()
}

/// Key of a patient's data key, in [`PATIENT_KEY`].
pub fn patient_key_key(tenant: u32, patient: u64) -> Vec<u8> {
    Key::new(tenant).u64(patient).into_vec()
}

/// The resource number at the end of a posting or compartment key; `None` if the key is too short.
pub fn number_at_end(key: &[u8]) -> Option<u64> {
    let tail: [u8; 8] = key.get(key.len().checked_sub(8)?..)?.try_into().ok()?;
    Some(u64::from_be_bytes(tail))
}

/// The durable number of a resource type; `None` if `name` is no R4 resource type.
pub fn type_code(name: &str) -> Option<u16> {
    TYPES.binary_search(&name).ok().and_then(|at| u16::try_from(at + 1).ok())
}

/// The resource type of a durable number.
pub fn type_name(code: u16) -> Option<&'static str> {
    TYPES.get(usize::from(code).checked_sub(1)?).copied()
}

/// All codes of resource types, ascending.
pub fn type_codes() -> impl Iterator<Item = u16> {
    1..=TYPES.len() as u16
}

/// The resource types of FHIR R4, sorted. A type's code is its place here plus one: this list is durable and closed,
/// types of later FHIR releases would get a list of their own.
const TYPES: &[&str] = &[
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_codes_are_sorted_and_find_their_names() {
        assert!(TYPES.is_sorted());
        for code in type_codes() {
            assert_eq!(type_name(code).and_then(type_code), Some(code));
        }
        assert_eq!((type_code("Bundle1"), type_name(0)), (None, None));
    }

    /// These numbers stand in every data folder: changing one breaks all of them.
    #[test]
    fn type_codes_of_a_data_folder_stay() {
        assert_eq!(TYPES.len(), 146);
        assert_eq!(type_code("Account"), Some(1));
        assert_eq!(type_code("Patient"), Some(PATIENT_CODE));
        assert_eq!(type_code("Binary"), Some(BINARY_CODE));
        assert_eq!(type_code("SearchParameter"), Some(SEARCH_PARAMETER_CODE));
        assert_eq!(type_code("VisionPrescription"), Some(146));
    }

    #[test]
    fn types_of_contained_resources_are_no_types_and_no_parameter_is_called_container() {
        for code in type_codes() {
            assert!(!is_contained(code) && is_contained(contained(code)));
            assert_eq!((type_name(contained(code)), plain(contained(code))), (None, code));
        }
        for ty in fhir::definitions::resource_types() {
            let parameters = fhir::search::Registry::base().parameters(ty.name);
            assert!(parameters.iter().all(|parameter| parameter.id < CONTAINER), "{}", ty.name);
        }
    }

    #[test]
    fn a_prefix_ends_before_the_next_prefix() {
        assert_eq!(prefix_end(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(prefix_end(&[1, 0xFF]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xFF]), None);
    }

    #[test]
    fn newer_versions_stand_first() {
        assert!(version_key(1, 7, 3) < version_key(1, 7, 2));
    }
}
