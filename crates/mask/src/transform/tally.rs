//! What a masking did, in numbers: no values, so that it can stand in an audit event.

use std::collections::BTreeMap;

use crate::Kind;

/// What was done with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Method {
    /// Taken out.
    Redact,
    /// A label, a tag or other characters in its place.
    Label,
    /// Another of its kind in its place.
    Surrogate,
    /// A pseudonym in its place.
    Hash,
    /// Encrypted, so that it can be brought back.
    Encrypt,
    /// A date moved.
    ShiftDate,
    /// Less exact: a year, an age of 90, three digits of a ZIP code.
    Generalize,
    /// A number changed by chance.
    Perturb,
    /// A fixed value in its place.
    Substitute,
}

impl Method {
    /// The name for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Label => "label",
            Self::Surrogate => "surrogate",
            Self::Hash => "hash",
            Self::Encrypt => "encrypt",
            Self::ShiftDate => "shift-date",
            Self::Generalize => "generalize",
            Self::Perturb => "perturb",
            Self::Substitute => "substitute",
        }
    }
}

/// How many things of which kind were masked, and by which method. It never holds a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: BTreeMap<Kind, u64>,
    methods: BTreeMap<Method, u64>,
    /// Texts that were looked through.
    pub texts: u64,
    /// Attachments, elements or segments that could not be read and were taken out whole.
    pub removed_unread: u64,
}

impl Tally {
    /// Notes one thing.
    pub fn add(&mut self, kind: Kind, method: Method) {
        *self.kinds.entry(kind).or_default() += 1;
        *self.methods.entry(method).or_default() += 1;
    }

    /// Adds up two tallies.
    pub fn join(&mut self, other: &Self) {
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
        for (method, count) in &other.methods {
            *self.methods.entry(*method).or_default() += count;
        }
        self.texts += other.texts;
        self.removed_unread += other.removed_unread;
    }

    /// How many of each kind, in the order of [`Kind`].
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.kinds.iter().map(|(kind, count)| (*kind, *count))
    }

    /// How many by each method.
    pub fn methods(&self) -> impl Iterator<Item = (Method, u64)> {
        self.methods.iter().map(|(method, count)| (*method, *count))
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.methods.values().sum()
    }
}
