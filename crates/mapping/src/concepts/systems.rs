//! Table 0396: short names of coding systems to URIs.

use compact_str::{CompactString, format_compact};

use super::Row;

const SYSTEMS: &[Row] = &[
    ("LN", "http://loinc.org"),
    ("LOINC", "http://loinc.org"),
    ("SCT", "http://snomed.info/sct"),
    ("SNOMED", "http://snomed.info/sct"),
    ("SNOMED-CT", "http://snomed.info/sct"),
    ("SNOMEDCT", "http://snomed.info/sct"),
    ("UCUM", "http://unitsofmeasure.org"),
    ("RXNORM", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    ("NDC", "http://hl7.org/fhir/sid/ndc"),
    ("CVX", "http://hl7.org/fhir/sid/cvx"),
    ("MVX", "http://terminology.hl7.org/CodeSystem/MVX"),
    ("I9", "http://hl7.org/fhir/sid/icd-9-cm"),
    ("I9C", "http://hl7.org/fhir/sid/icd-9-cm"),
    ("I9CDX", "http://hl7.org/fhir/sid/icd-9-cm"),
    ("ICD9", "http://hl7.org/fhir/sid/icd-9-cm"),
    ("I10", "http://hl7.org/fhir/sid/icd-10"),
    ("ICD10", "http://hl7.org/fhir/sid/icd-10"),
    ("ICD-10", "http://hl7.org/fhir/sid/icd-10"),
    ("I10C", "http://hl7.org/fhir/sid/icd-10-cm"),
    ("ICD10CM", "http://hl7.org/fhir/sid/icd-10-cm"),
    ("ICD-10-CM", "http://hl7.org/fhir/sid/icd-10-cm"),
    ("C4", "http://www.ama-assn.org/go/cpt"),
    ("CPT", "http://www.ama-assn.org/go/cpt"),
    ("CDCREC", "urn:oid:2.16.840.1.113883.6.238"),
    ("ISO639", "urn:iso:std:iso:639"),
    ("ISO3166", "urn:iso:std:iso:3166"),
    ("ATC", "http://www.whocc.no/atc"),
    ("DCM", "http://dicom.nema.org/resources/ontology/DCM"),
];

/// The URI of a coding system's short name: a well-known one, an HL7 table (`HL70001`), or a URI already.
pub(crate) fn uri(name: &str) -> Option<CompactString> {
    if let Some(uri) = super::find(SYSTEMS, name) {
        return Some(uri.into());
    }
    if let Some(number) = name.strip_prefix("HL7") {
        let number = number.trim_start_matches(['_', '-', ' ']);
        return table(number);
    }
    let is_uri = ["http://", "https://", "urn:"].iter().any(|scheme| name.starts_with(scheme));
    (is_uri && !name.contains(char::is_whitespace)).then(|| name.into())
}

/// The URI of an HL7 v2 table by its number, e.g. `0001`.
pub(crate) fn table(number: &str) -> Option<CompactString> {
    let short = !number.is_empty() && number.len() <= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    short.then(|| format_compact!("http://terminology.hl7.org/CodeSystem/v2-{number:0>4}"))
}
