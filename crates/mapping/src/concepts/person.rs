//! Tables about people: sex, names, addresses, telephones, marital status.

use super::Row;

/// Table 0001 administrative sex → administrative-gender.
pub(crate) const GENDER: &[Row] = &[
    ("F", "female"),
    ("M", "male"),
    ("O", "other"),
    ("A", "other"),
    ("N", "other"),
    ("X", "other"),
    ("U", "unknown"),
];

/// Table 0200 name type → name-use.
pub(crate) const NAME_USE: &[Row] = &[
    ("L", "official"),
    ("R", "official"),
    ("D", "usual"),
    ("M", "maiden"),
    ("N", "nickname"),
    ("S", "anonymous"),
    ("MSK", "anonymous"),
    ("TEMP", "temp"),
    ("NAV", "temp"),
    ("NB", "temp"),
    ("BAD", "old"),
    ("NOUSE", "old"),
];

/// Table 0190 address type → address-use.
pub(crate) const ADDRESS_USE: &[Row] = &[
    ("H", "home"),
    ("P", "home"),
    ("B", "work"),
    ("O", "work"),
    ("C", "temp"),
    ("V", "temp"),
    ("BI", "billing"),
    ("BA", "old"),
];

/// Table 0190 address type → address-type.
pub(crate) const ADDRESS_TYPE: &[Row] = &[("M", "postal"), ("SH", "postal")];

/// Table 0201 telecommunication use → contact-point-use.
pub(crate) const TELECOM_USE: &[Row] =
    &[("PRN", "home"), ("ORN", "home"), ("VHN", "temp"), ("WPN", "work"), ("PRS", "mobile")];

/// Table 0202 telecommunication equipment → contact-point-system.
pub(crate) const TELECOM_SYSTEM: &[Row] = &[
    ("PH", "phone"),
    ("CP", "phone"),
    ("SAT", "phone"),
    ("FX", "fax"),
    ("BP", "pager"),
    ("MD", "other"),
    ("TDD", "other"),
    ("TTY", "other"),
    ("INTERNET", "email"),
    ("X.400", "email"),
];

/// Table 0002 marital status → v3-MaritalStatus.
pub(crate) const MARITAL_STATUS: &[Row] = &[
    ("A", "L"),
    ("D", "D"),
    ("I", "I"),
    ("L", "L"),
    ("M", "M"),
    ("N", "A"),
    ("P", "T"),
    ("S", "S"),
    ("T", "T"),
    ("U", "UNK"),
    ("W", "W"),
];

/// Table 0136 yes/no.
pub(crate) fn yes_no(code: &str) -> Option<bool> {
    match code.trim() {
        "Y" | "y" => Some(true),
        "N" | "n" => Some(false),
        _ => None,
    }
}
