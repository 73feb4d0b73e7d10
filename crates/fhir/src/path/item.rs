//! What an evaluation gives.

use std::borrow::Cow;
use std::fmt::{self, Formatter};

use rust_decimal::Decimal;

use super::model::{TypeInfo, resource_info};
use super::temporal::{Date, DateTime, Time};
use crate::json::Value;

/// One item of a collection: an element of the resource, or a computed value.
///
/// `Debug` shows no content of elements and texts, because they may be a patient's.
#[derive(Clone, PartialEq)]
pub enum Item<'a> {
    /// An element of the resource, as it stands there.
    Node(Node<'a>),
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A decimal with the digits it was written with.
    Decimal(Decimal),
    /// A text.
    String(Cow<'a, str>),
    /// A date.
    Date(Date),
    /// A date with a time.
    DateTime(DateTime),
    /// A time of day.
    Time(Time),
    /// A number with a unit.
    Quantity(Box<Quantity<'a>>),
    /// What `type()` gives.
    Type(TypeReference),
    /// A resource that is not at hand, of which only the type is known: what `resolve()` gives for a reference out of the
    /// resource.
    Elsewhere(&'static str),
}

/// A number with a unit.
#[derive(Clone, PartialEq)]
pub struct Quantity<'a> {
    /// The number.
    pub value: Decimal,
    /// A UCUM code, or the singular name of a calendar unit; `1` for a plain number.
    pub unit: Cow<'a, str>,
    /// Whether the unit is a calendar unit by name (`year`), not a UCUM code (`a`).
    pub is_calendar: bool,
}

/// The name of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeReference {
    /// `FHIR` or `System`.
    pub namespace: &'static str,
    /// The name in it.
    pub name: &'static str,
}

/// An element of a resource.
#[derive(Clone, Copy, PartialEq)]
pub struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) companion: Option<&'a Value>,
    pub(super) ty: &'static TypeInfo,
}

impl PartialEq for TypeInfo {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<'a> Node<'a> {
    /// A resource as an element; of no known type if it does not say which it is.
    #[must_use]
    pub fn of_resource(resource: &'a Value) -> Self {
        Self { value: resource, companion: None, ty: resource_info(resource.resource_type()) }
    }

    /// An element of the type `type_name` (`HumanName`, `Patient.contact`); `None` for an unknown type.
    #[must_use]
    pub fn of_type(value: &'a Value, type_name: &str) -> Option<Self> {
        Some(Self { value, companion: None, ty: super::model::type_info(type_name)? })
    }

    /// An element whose type is known otherwise.
    pub(crate) const fn new(value: &'a Value, companion: Option<&'a Value>, ty: &'static TypeInfo) -> Self {
        Self { value, companion, ty }
    }

    /// The JSON of the element; `Null` for a primitive that has only an id or extensions.
    #[must_use]
    pub const fn value(&self) -> &'a Value {
        self.value
    }

    /// The name of its type: `HumanName`, `date`, `Patient.contact`, or `Unknown`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.ty.name
    }

    /// The id and extensions of a primitive.
    #[must_use]
    pub const fn companion(&self) -> Option<&'a Value> {
        self.companion
    }

    pub(crate) const fn type_info(&self) -> &'static TypeInfo {
        self.ty
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "{node:?}"),
            Self::Type(name) => write!(f, "Type({}.{})", name.namespace, name.name),
            Self::Elsewhere(name) => write!(f, "Elsewhere({name})"),
            other => f.write_str(other.system_name()),
        }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.ty.name)
    }
}

impl fmt::Debug for Quantity<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Quantity")
    }
}

impl Item<'_> {
    /// The name of a computed value's type in the `System` namespace; of an element, the name of its FHIR type.
    #[must_use]
    pub const fn system_name(&self) -> &'static str {
        match self {
            Self::Node(node) => node.ty.name,
            Self::Boolean(_) => "Boolean",
            Self::Integer(_) => "Integer",
            Self::Decimal(_) => "Decimal",
            Self::String(_) => "String",
            Self::Date(_) => "Date",
            Self::DateTime(_) => "DateTime",
            Self::Time(_) => "Time",
            Self::Quantity(_) => "Quantity",
            Self::Type(_) => "TypeInfo",
            Self::Elsewhere(name) => name,
        }
    }
}
