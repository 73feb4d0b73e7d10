//! What a rule does with an element.

use fhir::json::Value;
use fhir::path::Expression;

/// A method with its settings.
#[derive(Debug)]
pub(super) enum Method {
    Keep,
    Redact,
    ShiftDate,
    Hash,
    Encrypt,
    Inspect,
    Surrogate,
    Substitute(Value),
    Perturb(Noise),
    Generalize(Vec<Case>, OtherValues),
}

/// How much a number changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Noise {
    /// The width of the range around the number.
    pub(super) span: f64,
    /// Whether the span is a part of the number itself.
    pub(super) is_proportional: bool,
    /// Decimals of the result.
    pub(super) decimals: Option<u8>,
}

/// A condition on a value, and what the value becomes where it holds.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) condition: Expression,
    pub(super) result: Expression,
}

/// What values become that fit no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtherValues {
    Redact,
    Keep,
}

impl Method {
    /// Whether ids stay what they are under it.
    pub(super) fn keeps(&self) -> bool {
        matches!(self, Self::Keep | Self::Inspect | Self::ShiftDate)
    }
}
