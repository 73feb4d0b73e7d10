//! What is found: a stretch of text that may tell who someone is.

use std::ops::Range;

/// Kinds of identifiers, after the eighteen of 45 CFR 164.514(b)(2)(i).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A person's name or initials, also a relative's, an employer's or a clinician's.
    Name,
    /// A date more exact than a year that relates to a person.
    Date,
    /// An age over 89.
    Age,
    /// A street, city, county, facility or other place smaller than a state.
    Location,
    /// A postal code.
    Zip,
    /// An organisation.
    Organization,
    /// A telephone number.
    Phone,
    /// A fax number.
    Fax,
    /// An e-mail address.
    Email,
    /// A web address.
    Url,
    /// An IP or MAC address.
    Ip,
    /// A social security or other national person number.
    Ssn,
    /// A medical record number.
    Mrn,
    /// A health plan beneficiary number.
    HealthPlan,
    /// An account, card or bank number.
    Account,
    /// A certificate or licence number, NPI and DEA included.
    License,
    /// A vehicle identifier or plate.
    Vehicle,
    /// A device identifier or serial number.
    Device,
    /// Any other identifying number or code.
    Id,
}

/// Why a stretch was taken for an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is known of this patient or of someone near.
    Known,
    /// The pattern of this name matched.
    Pattern(&'static str),
    /// It stands in the list of this name.
    Gazetteer(&'static str),
    /// The words around it say so; the cue.
    Context(&'static str),
    /// The tagger took it for one.
    Tagger,
    /// The same text was found elsewhere in the document.
    Propagated,
    /// A recogniser of the user's, by its name.
    Custom(String),
}

/// A stretch of text that may tell who someone is.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// First byte and the byte behind the last, both on character boundaries of the text that was searched.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// How sure the engine is, 0 to 1.
    pub score: f32,
    /// Why.
    pub reason: Reason,
}
