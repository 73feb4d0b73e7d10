//! Table 0074 diagnostic service section → the observation category that search and viewers go by.

use super::Row;

/// The system of [`CATEGORY`].
pub(crate) const CATEGORY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Table 0074 → observation-category.
pub(crate) const CATEGORY: &[Row] = &[
    ("LAB", "laboratory"),
    ("BG", "laboratory"),
    ("BLB", "laboratory"),
    ("CG", "laboratory"),
    ("CH", "laboratory"),
    ("CP", "laboratory"),
    ("GE", "laboratory"),
    ("HM", "laboratory"),
    ("IMM", "laboratory"),
    ("MB", "laboratory"),
    ("MCB", "laboratory"),
    ("MYC", "laboratory"),
    ("OSL", "laboratory"),
    ("SP", "laboratory"),
    ("SR", "laboratory"),
    ("TX", "laboratory"),
    ("VR", "laboratory"),
    ("CT", "imaging"),
    ("CUS", "imaging"),
    ("NMR", "imaging"),
    ("NMS", "imaging"),
    ("OUS", "imaging"),
    ("RAD", "imaging"),
    ("RUS", "imaging"),
    ("RX", "imaging"),
    ("VUS", "imaging"),
    ("XRC", "imaging"),
];
