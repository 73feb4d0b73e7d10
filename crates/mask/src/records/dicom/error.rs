//! How masking DICOM fails.

use formats::dicom::{DicomError, Tag};

use crate::image::ImageError;

/// Why a file was not masked. Nothing is given out with it, and no message carries a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DicomMaskError {
    /// The file could not be read, or its pixels not decoded.
    #[error(transparent)]
    Format(#[from] DicomError),
    /// The pixels could not be cleaned.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A DICOMDIR: it points into files by byte, and is made anew from masked files.
    #[error("a media directory (DICOMDIR) is not masked: make it anew from the masked files")]
    Directory,
    /// Pixels of floating point numbers cannot be looked at.
    #[error("{tag}: pixels of this kind cannot be cleaned")]
    Pixels {
        /// The attribute.
        tag: Tag,
    },
    /// An identifier of the original is still in the result.
    #[error("the value of {tag} is still in the result")]
    Remains {
        /// Whose value.
        tag: Tag,
    },
}
