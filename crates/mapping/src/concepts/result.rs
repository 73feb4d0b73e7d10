//! Tables about results.

use super::Row;

/// Table 0085 observation result status → observation-status.
pub(crate) const OBSERVATION_STATUS: &[Row] = &[
    ("A", "amended"),
    ("B", "amended"),
    ("C", "corrected"),
    ("D", "entered-in-error"),
    ("W", "entered-in-error"),
    ("F", "final"),
    ("U", "final"),
    ("V", "final"),
    ("N", "final"),
    ("O", "registered"),
    ("I", "registered"),
    ("P", "preliminary"),
    ("R", "preliminary"),
    ("S", "preliminary"),
    ("X", "cancelled"),
];

/// Table 0123 result status → diagnostic-report-status.
pub(crate) const REPORT_STATUS: &[Row] = &[
    ("O", "registered"),
    ("I", "registered"),
    ("S", "registered"),
    ("N", "registered"),
    ("A", "partial"),
    ("R", "partial"),
    ("P", "preliminary"),
    ("M", "preliminary"),
    ("F", "final"),
    ("C", "corrected"),
    ("X", "cancelled"),
];

/// The codes of table 0078 that v3-ObservationInterpretation holds with the same meaning.
pub(crate) const INTERPRETATION: &[&str] = &[
    "<", ">", "A", "AA", "B", "CAR", "D", "DET", "E", "EX", "EXP", "H", "HH", "HU", "I", "IE", "IND", "L",
    "LL", "LU", "N", "NCL", "ND", "NEG", "NR", "NS", "POS", "R", "RR", "S", "SDD", "SYN-R", "SYN-S", "U",
    "UNE", "W", "WR",
];

/// The system of [`INTERPRETATION`].
pub(crate) const INTERPRETATION_SYSTEM: &str =
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

/// Table 0136 specimen availability → specimen-status.
pub(crate) const SPECIMEN_STATUS: &[Row] = &[("Y", "available"), ("N", "unavailable")];
