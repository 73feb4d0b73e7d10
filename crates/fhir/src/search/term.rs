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
    },
    /// A span of time in milliseconds since 1970 UTC, half open: `[low, high)`. Open ends are `i64::MIN`/`i64::MAX`.
    Date {
        /// The first millisecond.
        low_ms: i64,
        /// The first millisecond after the span.
        high_ms: i64,
    },
    /// A number with the range that its written precision stands for.
    Number {
        /// The least value that would be written like this.
        low: Decimal,
        /// The bound above it.
        high: Decimal,
        /// The number itself.
        value: Decimal,
    },
    /// A number with a unit.
    Quantity {
        /// The least value that would be written like this, or the low end of a range.
        low: Decimal,
        /// The bound above it, or the high end of a range.
        high: Decimal,
        /// The number itself (the low or only end of a range).
        value: Decimal,
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
            Self::Date { .. } => "Date",
            Self::Number { .. } => "Number",
            Self::Quantity { .. } => "Quantity",
            Self::Reference(_) => "Reference",
            Self::Uri(_) => "Uri",
            Self::Position(_) => "Position",
            Self::Composite(_) => "Composite",
        };
        write!(formatter, "Term::{name}(…)")
    }
}

impl std::fmt::Debug for ReferenceTerm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Local { .. } => "Local",
            Self::Absolute(_) => "Absolute",
            Self::Logical { .. } => "Logical",
            Self::Canonical { .. } => "Canonical",
        };
        write!(formatter, "ReferenceTerm::{name}(…)")
    }
}
