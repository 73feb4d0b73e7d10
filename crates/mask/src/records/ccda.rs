//! C-CDA documents, by path.
//!
//! Names, addresses, telecoms, ids and times are masked wherever they stand (header or entry); section narratives are searched as
//! one text each; bodies in base 64 are decoded and searched, or go; all other text and telling attributes are searched.
//! Comments and instructions go, a document type is refused. The walk is a stream of events over the bytes, twice: once to
//! learn who is in the document, once to write.
//!
//! Source: HL7 CDA R2 (2005) and C-CDA R2.1.

mod place;
mod write;

use std::borrow::Cow;

use super::inspect::{Inspector, Scope, Tools};
use super::near::Near;
use super::seal;
use crate::transform::Tally;
use write::Walk;

/// What distinguishes this version's rules in a seal.
const FINGERPRINT: &str = "ccda 1";

/// What a masked document begins with, up to the seal.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?ward-mask ";

/// What stands behind the seal.
const HEAD_END: &str = "?>\n";

/// Longer documents are refused.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// Elements within each other.
const DEPTH_MAX: usize = 200;

/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 200;

/// A masked document.
#[derive(Clone, Debug)]
pub struct MaskedDocument {
    /// The document, UTF-8.
    pub bytes: Vec<u8>,
    /// What was done.
    pub tally: Tally,
}

/// Why a document could not be masked. It holds nothing of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CcdaError {
    /// Too many bytes.
    #[error("the document is longer than {DOCUMENT_BYTES_MAX} bytes")]
    TooLong,
    /// Too many levels.
    #[error("the document is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// An element with too many attributes.
    #[error("an element has more than {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
    /// Bytes in a character set that is not read here.
    #[error("the document is neither UTF-8 nor, as it would have to say, ISO 8859-1")]
    CharacterSet,
    /// No well-formed XML.
    #[error("the document is not well-formed XML")]
    Malformed,
    /// A document type declaration, which could name files and grow without bound.
    #[error("the document has a document type declaration")]
    DocumentType,
    /// XML, but no CDA.
    #[error("the root element is not `ClinicalDocument`")]
    NotCda,
}

/// Masks a document. One that these keys masked before comes back as it is.
///
/// Dates shift by `scope.patient`; without it by the extension (else the root) of the first id of `recordTarget`.
///
/// # Errors
/// [`CcdaError`].
pub fn mask(input: &[u8], tools: Tools<'_>, scope: &Scope<'_>) -> Result<MaskedDocument, CcdaError> {
    if input.len() > DOCUMENT_BYTES_MAX {
        return Err(CcdaError::TooLong);
    }
    let text = decoded(input)?;
    if sealed_body(&text, tools).is_some() {
        return Ok(MaskedDocument { bytes: input.to_vec(), tally: Tally::default() });
    }
    let key = |patient: Option<&str>| match (scope.patient, patient) {
        (Some(patient), _) | (None, Some(patient)) => patient.to_owned(),
        (None, None) => format!("file|{}", scope.file),
    };
    let mut learner =
        Walk::learn(Inspector::new(tools, Near::default(), scope.shift(tools.keys, &key(None))));
    learner.run(&text)?;
    let (near, patient) = learner.learnt();
    let shift = scope.shift(tools.keys, &key(patient.as_deref()));
    let mut writer = Walk::write(Inspector::new(tools, near, shift));
    writer.run(&text)?;
    let (body, tally) = writer.written();
    let seal = seal::seal(tools.keys, FINGERPRINT, body.as_bytes());
    Ok(MaskedDocument { bytes: format!("{HEAD}{seal}{HEAD_END}{body}").into_bytes(), tally })
}

/// What follows our seal, if it holds.
fn sealed_body<'t>(text: &'t str, tools: Tools<'_>) -> Option<&'t str> {
    let (found, body) = text.strip_prefix(HEAD)?.split_once(HEAD_END)?;
    seal::verifies(tools.keys, FINGERPRINT, body.as_bytes(), found).then_some(body)
}

fn decoded(input: &[u8]) -> Result<Cow<'_, str>, CcdaError> {
    if let Ok(text) = std::str::from_utf8(input) {
        return Ok(Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)));
    }
    let head: String = input.iter().take(200).map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
    let declaration = head.split("?>").next().unwrap_or("");
    if !declaration.contains("iso-8859-1") && !declaration.contains("windows-1252") {
        return Err(CcdaError::CharacterSet);
    }
    Ok(Cow::Owned(input.iter().map(|byte| char::from(*byte)).collect()))
}
