//! How masking a PDF fails. No message carries anything of the file.

use crate::image::ImageError;

/// Why a PDF was not masked. Nothing is given out with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PdfError {
    /// Nothing is there to show pages with.
    #[error("PDF files cannot be shown here")]
    NoSource,
    /// It is encrypted, and does not open without a password.
    #[error("the PDF is encrypted: it opens only with a password, or in a way that is not read")]
    Encrypted,
    /// It is no PDF, it has no page, or its structure cannot be followed.
    #[error("the PDF cannot be read")]
    Broken,
    /// More bytes than the limit.
    #[error("the PDF has more than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// More pages than the limit.
    #[error("the PDF has more than {pages_max} pages")]
    TooManyPages {
        /// The limit.
        pages_max: usize,
    },
    /// A page is larger than the limit.
    #[error("page {page} has more than {pixels_max} pixels at 200 dots an inch")]
    TooManyPixels {
        /// Its number, from 1.
        page: u32,
        /// The limit.
        pixels_max: u64,
    },
    /// Part of a page cannot be shown; a picture without it would not say that something is missing.
    #[error("page {page} has a font or a picture that cannot be shown")]
    Incomplete {
        /// Its number, from 1.
        page: u32,
    },
    /// Showing it took too long, took too much memory, or broke down.
    #[error("the PDF cannot be shown within the bounds of time and memory")]
    Stopped,
    /// A page could not be masked.
    #[error("page {page} cannot be masked")]
    Page {
        /// Its number, from 1.
        page: u32,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// The masked pages cannot be written.
    #[error("the masked pages are too large for one PDF")]
    Write,
}
