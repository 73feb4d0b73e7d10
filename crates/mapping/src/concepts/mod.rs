//! Concept maps: HL7 v2 tables to FHIR codes, as plain tables of ours.
//!
//! A code that is in no table gives `None`; the caller then keeps the sender's text or leaves the place unmapped, it never
//! guesses.

pub(crate) mod allergy;
pub(crate) mod encounter;
pub(crate) mod order;
pub(crate) mod person;
pub(crate) mod result;
pub(crate) mod section;
pub(crate) mod systems;
pub(crate) mod units;

/// One row of a table: the v2 code and the FHIR code.
pub(crate) type Row = (&'static str, &'static str);

/// Looks a code up, upper and lower case being the same.
pub(crate) fn find(table: &[Row], code: &str) -> Option<&'static str> {
    table.iter().find(|(from, _)| from.eq_ignore_ascii_case(code.trim())).map(|(_, to)| *to)
}
