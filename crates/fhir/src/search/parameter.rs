//! What a search parameter is.

use std::fmt;

use compact_str::CompactString;

/// The kind of a search parameter: how its values are written, indexed and compared (R4 3.1.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A number, compared with its implicit precision.
    Number,
    /// A date, a time or a period, compared as ranges.
    Date,
    /// Text, compared from its start without case and accents unless a modifier says otherwise.
    String,
    /// A code, an identifier, a boolean: `system|code`.
    Token,
    /// A reference to another resource.
    Reference,
    /// A number with a unit.
    Quantity,
    /// A URI, compared exactly.
    Uri,
    /// Several values that must come from the same place.
    Composite,
    /// A parameter with rules of its own; none can be searched yet.
    Special,
}

impl Kind {
    /// The kind's code in the standard, such as `token`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Composite => "composite",
            Self::Special => "special",
        }
    }

    /// Whether parameters of this kind can be searched for; the others are refused by name.
    #[must_use]
    pub const fn is_offered(self) -> bool {
        !matches!(self, Self::Special)
    }

    /// Reads the standard's code of a kind; `None` for an unknown one.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "number" => Self::Number,
            "date" => Self::Date,
            "string" => Self::String,
            "token" => Self::Token,
            "reference" => Self::Reference,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            "composite" => Self::Composite,
            "special" => Self::Special,
            _ => return None,
        })
    }
}

/// One search parameter of one resource type.
///
/// A definition that serves many types (`clinical-patient`) is one `Parameter` for each of them, all with the same
/// `id`: an index key needs the resource type beside it. Of the standard or a tenant's own: see [`super::Registry`].
pub struct Parameter {
    /// A small number that names the definition for ever; it stands in index keys.
    pub id: u16,
    /// The resource type that this parameter reads.
    pub resource_type: &'static str,
    /// The name used in requests, such as `birthdate` or `_lastUpdated`.
    pub code: CompactString,
    /// How values are written and compared.
    pub kind: Kind,
    /// The resource types a reference may point to; empty for other kinds and for "any type".
    pub targets: Vec<&'static str>,
    /// The FHIRPath expression as the standard gives it; empty where the store itself adds the term.
    pub expression: CompactString,
    /// The parts of a composite, in order; empty for other kinds.
    pub components: Vec<Component>,
}

/// One part of a composite parameter.
pub struct Component {
    /// The code of the parameter whose values this part holds.
    pub code: CompactString,
    /// The kind of the part's values.
    pub kind: Kind,
    /// The FHIRPath expression of the part, to be read from each value of the composite's own expression.
    pub expression: CompactString,
}

/// The ids of parameters that a tenant defines begin here; those of the standard are below.
pub const CUSTOM_FIRST: u16 = 0x8000;

impl Parameter {
    /// Whether it can be searched by; the others are refused by name.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.kind.is_offered() || (self.resource_type == "Location" && self.code == "near")
    }

    /// Whether a tenant defined it.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.id >= CUSTOM_FIRST
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Parameter({}.{} #{} {})", self.resource_type, self.code, self.id, self.kind.code())
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Component({} {})", self.code, self.kind.code())
    }
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.resource_type == other.resource_type
    }
}

impl Eq for Parameter {}
