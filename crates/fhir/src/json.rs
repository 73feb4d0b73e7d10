//! JSON as FHIR needs it: decimals keep the digits they were written with (`1.00` stays `1.00`), members keep their order,
//! and a member named twice is refused rather than silently lost.
//!
//! [`parse`] reads under [`Limits`], [`Value::write_to`] writes compact text; one undoes the other. Not for streaming: a
//! document is read whole.
//!
//! Source: RFC 8259; FHIR R4 section 2.6.2 (JSON representation) and 2.24.0.1 (decimal precision).

mod convert;
mod number;
mod object;
mod parse;
mod write;

use std::fmt;

use compact_str::CompactString;

pub use crate::json_object;
pub use convert::{array, object};
pub use number::Number;
pub use object::Object;
pub use parse::{JsonError, JsonErrorKind, Limits, parse};

#[cfg(test)]
mod tests;

/// One JSON value.
///
/// `==` compares exactly as written: numbers by their text, objects with their order. `Debug` shows the shape and the
/// member names but masks strings and numbers, since they may be about a patient.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its literal.
    Number(Number),
    /// A string, unescaped.
    String(CompactString),
    /// An array.
    Array(Vec<Value>),
    /// An object, in written order.
    Object(Object),
}

impl Value {
    /// The member `key`, if this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The member `key` for change, if this is an object that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.as_object_mut()?.get_mut(key)
    }

    /// The element at `index` (from 0), if this is an array that has it.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&Value> {
        self.as_array()?.get(index)
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The number, if this is one.
    #[must_use]
    pub fn as_number(&self) -> Option<&Number> {
        if let Value::Number(number) = self { Some(number) } else { None }
    }

    /// The number as an integer, if this is one, is written without fraction and exponent, and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.to_i64()
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(elements) = self { Some(elements) } else { None }
    }

    /// The elements for change, if this is an array.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        if let Value::Array(elements) = self { Some(elements) } else { None }
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// The members for change, if this is an object.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The `resourceType`, if this is an object that names one.
    #[must_use]
    pub fn resource_type(&self) -> Option<&str> {
        self.get("resourceType")?.as_str()
    }

    /// The value as a list: an array's elements, else the value itself as the only one.
    #[must_use]
    pub fn elements(&self) -> &[Value] {
        match self {
            Value::Array(elements) => elements,
            other => std::slice::from_ref(other),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Number(number) => number.fmt(f),
            Value::String(text) => write!(f, "<string of {} bytes>", text.len()),
            Value::Array(elements) => f.debug_list().entries(elements).finish(),
            Value::Object(object) => object.fmt(f),
        }
    }
}
