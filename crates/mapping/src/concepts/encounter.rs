//! Tables about visits.

use super::Row;

/// The system of encounter classes.
pub(crate) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Table 0004 patient class → v3-ActCode, with its display.
pub(crate) const CLASS: &[(&str, &str, &str)] = &[
    ("E", "EMER", "emergency"),
    ("I", "IMP", "inpatient encounter"),
    ("O", "AMB", "ambulatory"),
    ("P", "PRENC", "pre-admission"),
    ("OBS", "OBSENC", "observation encounter"),
    ("V", "VR", "virtual"),
];

/// Table 0116 bed status → v2-0116, which FHIR uses as it is.
pub(crate) const BED_STATUS: &[Row] =
    &[("C", "C"), ("H", "H"), ("O", "O"), ("U", "U"), ("K", "K"), ("I", "I")];
