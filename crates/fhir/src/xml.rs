//! FHIR in XML, as the same [`Value`](crate::json::Value) that JSON gives.
//!
//! [`parse`] reads a resource, [`write()`] writes one; what one takes apart the other puts together, literals, order of
//! repeats, ids and extensions of primitives included. The definitions say which child is a list, a primitive or a resource;
//! what they do not know is refused with its place. A narrative's `div` is kept as written.
//!
//! Document types, and with them entities of the sender's making, are refused. Not for: other XML, validation beyond what
//! is needed to find the JSON form.
//!
//! Source: FHIR R4 2.6.1 (XML representation), XML 1.0, Namespaces in XML 1.0.

mod read;
mod write;

pub use read::parse;
pub use write::{Layout, write};

/// The namespace of FHIR elements.
pub const NAMESPACE: &str = "http://hl7.org/fhir";

/// The namespace of a narrative's `div`.
pub const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// What was wrong with a text, and where. It names elements, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}{}", at(.path))]
pub struct XmlError {
    /// What was wrong.
    pub kind: XmlErrorKind,
    /// Where it stands in the resource, such as `Patient.name.given`; empty outside any element.
    pub path: String,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" (in `{path}`)") }
}

/// The causes of an [`XmlError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// The text is longer than its bound.
    #[error("XML is longer than {0} bytes")]
    TooLong(usize),
    /// More levels than the bound.
    #[error("XML is nested deeper than {0} levels")]
    TooDeep(usize),
    /// More elements than the bound.
    #[error("XML has more than {0} elements and attributes")]
    TooMany(usize),
    /// The bytes are not UTF-8.
    #[error("XML is not UTF-8")]
    NotUtf8,
    /// The text ends too early, tags do not match, or a character cannot stand here.
    #[error("XML is not well formed")]
    Malformed,
    /// A document type declaration.
    #[error("a document type declaration is not taken; leave out `<!DOCTYPE`")]
    DocumentType,
    /// An entity other than the five of XML and character references.
    #[error("an entity that XML does not define; write the character itself or its number")]
    Entity,
    /// The root is not of FHIR's namespace.
    #[error("an element outside `http://hl7.org/fhir`; declare it with `xmlns`")]
    Namespace,
    /// The `div` of a narrative is not of XHTML's namespace.
    #[error("a narrative's `div` has to declare `xmlns=\"http://www.w3.org/1999/xhtml\"`")]
    NotXhtml,
    /// The root or the content of a `resource` is no resource type of R4.
    #[error("an element that is no resource type of FHIR R4")]
    NoResource,
    /// A child that the definitions do not know here.
    #[error("an element that is not known here")]
    UnknownElement,
    /// An attribute that cannot stand here.
    #[error("an attribute that is not known here")]
    UnknownAttribute,
    /// Text between elements.
    #[error("text between elements; a value stands in the attribute `value`")]
    Text,
    /// An element that may stand once stands again.
    #[error("an element that may stand only once stands again")]
    Repeated,
    /// A `value` that is no number or boolean where one is needed.
    #[error("a `value` that is not a {0}")]
    NotA(&'static str),
    /// An element without value, id or content.
    #[error("an element without content")]
    Empty,
    /// Something follows the root element.
    #[error("unexpected content after the root element")]
    TrailingContent,
}

/// Why a value cannot be written as XML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The value is no object with the `resourceType` of R4.
    #[error("it is no resource of FHIR R4")]
    NoResource,
    /// A member that the definitions do not know.
    #[error("`{0}` is not known to FHIR R4")]
    Unknown(String),
    /// A member whose JSON form is not that of its type.
    #[error("`{0}` does not have the form of its type")]
    Form(String),
}

#[cfg(test)]
mod tests;
