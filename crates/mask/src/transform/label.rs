//! What stands in place of what was hidden: `[NAME]`, or `[NAME-K7QX2MPA]` where the same name must stay recognisable.

use std::ops::Range;

use super::pseudonym::{base32, tag_of, verifies_tag};
use crate::{Keys, Kind};

/// How many letters a tag has.
const TAG_LENGTH: usize = 8;

/// How long a label or tag is at most, brackets included.
const LABEL_BYTES_MAX: usize = 24;

/// The word for a kind in labels and reports.
#[must_use]
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => "NAME",
        Kind::Date => "DATE",
        Kind::Age => "AGE",
        Kind::Location => "LOCATION",
        Kind::Zip => "ZIP",
        Kind::Organization => "ORGANIZATION",
        Kind::Phone => "PHONE",
        Kind::Fax => "FAX",
        Kind::Email => "EMAIL",
        Kind::Url => "URL",
        Kind::Ip => "IP",
        Kind::Ssn => "SSN",
        Kind::Mrn => "MRN",
        Kind::HealthPlan => "HEALTHPLAN",
        Kind::Account => "ACCOUNT",
        Kind::License => "LICENSE",
        Kind::Vehicle => "VEHICLE",
        Kind::Device => "DEVICE",
        Kind::Id => "ID",
    }
}

/// All kinds, in the order of their declaration.
pub const KINDS: [Kind; 19] = [
    Kind::Name,
    Kind::Date,
    Kind::Age,
    Kind::Location,
    Kind::Zip,
    Kind::Organization,
    Kind::Phone,
    Kind::Fax,
    Kind::Email,
    Kind::Url,
    Kind::Ip,
    Kind::Ssn,
    Kind::Mrn,
    Kind::HealthPlan,
    Kind::Account,
    Kind::License,
    Kind::Vehicle,
    Kind::Device,
    Kind::Id,
];

/// The kind of that name, as [`kind_name`] writes it.
#[must_use]
pub fn kind_named(name: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind_name(*kind) == name)
}

/// `[NAME]`.
#[must_use]
pub fn label(kind: Kind) -> String {
    format!("[{}]", kind_name(kind))
}

/// `[NAME-K7QX2MPA]`: the same text of the same kind always gets the same letters.
pub fn tag(keys: &dyn Keys, kind: Kind, text: &str) -> String {
    let name = kind_name(kind);
    format!("[{name}-{}]", tag_of(keys, name, &text.trim().to_lowercase()))
}

/// Where labels and tags of ours stand in a text. A tag counts only if its letters are ones that these keys give, so that
/// nobody can hide a name in one.
pub(crate) fn labels_in(keys: &dyn Keys, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices('[') {
        let length = text.bytes().skip(start + 1).take(LABEL_BYTES_MAX).position(|byte| byte == b']');
        let Some(inside) = length.and_then(|length| text.get(start + 1..start + 1 + length)) else {
            continue;
        };
        let (name, letters) = match inside.split_once('-') {
            Some((name, letters)) => (name, Some(letters)),
            None => (inside, None),
        };
        let is_ours = name.len() <= 12
            && kind_named(name).is_some()
            && letters.is_none_or(|letters| {
                letters.len() == TAG_LENGTH
                    && letters.bytes().all(base32::is_upper_letter)
                    && verifies_tag(keys, name, letters)
            });
        if is_ours {
            found.push(start..start + inside.len() + 2);
        }
    }
    found
}
