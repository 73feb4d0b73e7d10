//! The values that a resource gives to the index.

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::near::Position;

/// One searchable value of one resource under one parameter.
///
/// Values are as the resource has them; normalising, hashing and ordering belong to the index. `Debug` shows no
/// content, because every term may be a patient's.
#[derive(Clone, PartialEq)]
pub enum Term {
    /// Raw text, not normalised.
    String(CompactString),
    /// A code with its system.
    Token {
        /// The system's URI; `None` when the resource gives none.
        system: Option<CompactString>,
        /// The code, the identifier's value, `true`/`false`, or the text of a plain string.
        code: Option<CompactString>,
        /// The display or text that goes with the code.
        text: Option<CompactString>,
        /// What sort of element it comes from.
        source: TokenSource,
    },
    /// An identifier with a code of its type: what `:of-type` asks for.
    TypedIdentifier {
        /// The system of the type's coding.
        type_system: Option<CompactString>,
        /// The code of the type's coding.
        type_code: CompactString,
        /// The identifier's value.
        value: CompactString,
    },
    /// A text beside a code, an identifier or a reference, where it is not that of one coding: what `:text` asks for.
    Label {
        /// The text.
        text: CompactString,
        /// What it stands beside.
        of: LabelOf,
    },
    /// A span of time in milliseconds since 1970 UTC, half open: `[low, high)`. Open ends are `i64::MIN`/`i64::MAX`.
    Date {
        /// The first millisecond.
        low_ms: i64,
        /// The first millisecond after the span.
        high_ms: i64,
    },
    /// A number, as exactly the number that is written.
    Number(NumberRange),
    /// A number with a unit, a range of them, or the bounds of sampled data.
    Quantity {
        /// The number.
        range: NumberRange,
        /// The unit's code system.
        system: Option<CompactString>,
        /// The unit's code.
        code: Option<CompactString>,
        /// The unit as people write it.
        unit: Option<CompactString>,
    },
    /// A reference.
    Reference(ReferenceTerm),
    /// A URI, exactly as written.
    Uri(CompactString),
    /// A place on earth.
    Position(Position),
    /// The parts of a composite that stand together, in the order of [`super::Parameter::components`].
    Composite(Vec<Term>),
}

/// What sort of element a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A Coding, a CodeableConcept, a `code` or a boolean: one of few values, which mean something.
    Coded,
    /// An Identifier.
    Identifier,
    /// A ContactPoint, a plain text, a number.
    Other,
}

/// What a [`Term::Label`] stands beside.
#[derive(Clone, PartialEq, Eq)]
pub enum LabelOf {
    /// A code.
    Concept {
        /// The code's system.
        system: Option<CompactString>,
        /// The code.
        code: CompactString,
    },
    /// A local reference.
    Target {
        /// The target's type.
        resource_type: CompactString,
        /// The target's logical id.
        id: CompactString,
    },
    /// Nothing that could be searched for by itself.
    Nothing,
}

/// The numbers that one value may stand for. A plain number has two equal ends; `Decimal::MIN` and `Decimal::MAX` are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberRange {
    /// The least.
    pub low: Decimal,
    /// The greatest.
    pub high: Decimal,
    /// Whether `low` itself is left out (`> 5`).
    pub low_is_open: bool,
    /// Whether `high` itself is left out (`< 5`).
    pub high_is_open: bool,
}

impl NumberRange {
    /// A plain number.
    #[must_use]
    pub const fn exactly(value: Decimal) -> Self {
        Self::between(value, value)
    }

    /// A range with both of its ends.
    #[must_use]
    pub const fn between(low: Decimal, high: Decimal) -> Self {
        Self { low, high, low_is_open: false, high_is_open: false }
    }
}

/// What a reference points to.
#[derive(Clone, PartialEq, Eq)]
pub enum ReferenceTerm {
    /// A resource of this server: `Type/id` or `Type/id/_history/version`.
    Local {
        /// The target's type.
        resource_type: CompactString,
        /// The target's logical id.
        id: CompactString,
        /// The version, when the reference names one.
        version: Option<CompactString>,
    },
    /// An absolute URL or URN, as written.
    Absolute(CompactString),
    /// A reference by identifier only.
    Logical {
        /// The type the reference says it has.
        resource_type: Option<CompactString>,
        /// The identifier's system.
        system: Option<CompactString>,
        /// The identifier's value.
        value: Option<CompactString>,
    },
    /// A resource contained in the same resource, by its id: `#id`.
    Contained(CompactString),
    /// A canonical URL.
    Canonical {
        /// The URL without version and fragment.
        url: CompactString,
        /// The business version after `|`.
        version: Option<CompactString>,
    },
}

impl std::fmt::Debug for Term {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::String(_) => "String",
            Self::Token { .. } => "Token",
            Self::TypedIdentifier { .. } => "TypedIdentifier",
            Self::Label { .. } => "Label",
            Self::Date { .. } => "Date",
            Self::Number(_) => "Number",
            Self::Quantity { .. } => "Quantity",
            Self::Reference(_) => "Reference",
            Self::Uri(_) => "Uri",
            Self::Position(_) => "Position",
            Self::Composite(_) => "Composite",
        };
        write!(formatter, "Term::{name}(…)")
    }
}

impl std::fmt::Debug for LabelOf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LabelOf(…)")
    }
}

impl std::fmt::Debug for ReferenceTerm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Local { .. } => "Local",
            Self::Absolute(_) => "Absolute",
            Self::Logical { .. } => "Logical",
            Self::Contained(_) => "Contained",
            Self::Canonical { .. } => "Canonical",
        };
        write!(formatter, "ReferenceTerm::{name}(…)")
    }
}
