//! How reading, decoding and writing DICOM fail. No message carries a value.

use super::Tag;

/// Why a file could not be read, or its pixels not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DicomError {
    /// Neither a file nor a bare data set of DICOM.
    #[error("not DICOM: no attribute stands at the beginning")]
    NotDicom,
    /// A value or header reaches beyond what there is.
    #[error("{tag} at byte {offset} wants {wanted} bytes, {left} are left")]
    Truncated {
        /// The attribute.
        tag: Tag,
        /// Where its header begins.
        offset: usize,
        /// Bytes it says it has.
        wanted: u64,
        /// Bytes there are.
        left: usize,
    },
    /// Two letters that name no representation.
    #[error("{tag} at byte {offset} has no known value representation")]
    BadVr {
        /// The attribute.
        tag: Tag,
        /// Where its header begins.
        offset: usize,
    },
    /// Something else stands where an item or delimiter has to.
    #[error("{tag} at byte {offset} is not expected there")]
    Unexpected {
        /// The attribute.
        tag: Tag,
        /// Where its header begins.
        offset: usize,
    },
    /// Sequences within sequences, deeper than the limit.
    #[error("{tag} at byte {offset} lies deeper than {depth_max} sequences")]
    TooDeep {
        /// The attribute.
        tag: Tag,
        /// Where its header begins.
        offset: usize,
        /// The limit.
        depth_max: usize,
    },
    /// More attributes than the limit.
    #[error("{tag} at byte {offset} is beyond the limit of {elements_max} attributes")]
    TooManyElements {
        /// The attribute.
        tag: Tag,
        /// Where its header begins.
        offset: usize,
        /// The limit.
        elements_max: usize,
    },
    /// A transfer syntax that is not read.
    #[error("transfer syntax `{uid}` is not read")]
    TransferSyntax {
        /// Its UID, as far as it is one.
        uid: String,
    },
    /// The deflated data set is broken, or longer than the limit.
    #[error("the deflated data set is broken or inflates to more than {bytes_max} bytes")]
    Deflate {
        /// The limit.
        bytes_max: usize,
    },
    /// An attribute that the pixels need is absent or out of range.
    #[error("{tag}: the pixels need it, and it is absent or not usable")]
    Attribute {
        /// The attribute.
        tag: Tag,
    },
    /// The pixels cannot be decoded.
    #[error("frame {frame} cannot be decoded: {reason}")]
    Frame {
        /// Counted from 0.
        frame: usize,
        /// What was wrong.
        reason: String,
    },
    /// The pixels take more room than the limit.
    #[error("the pixels take {bytes} bytes, more than the limit of {bytes_max}")]
    TooLarge {
        /// What they take.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
}
