//! PDF files: each page as a picture, masked as one, and a file of these pictures alone.
//!
//! [`show`] turns pages into pixels with a library that reads files of strangers; whoever calls it bounds its time and memory
//! (`ward` gives it a process of its own). [`mask_pages`] takes pages from wherever they come. What comes out has no text, no
//! metadata, no attachments, no forms and no scripts, for none of the input's bytes are carried over.

mod error;
mod letters;
mod show;
mod write;

use std::fmt;

pub use error::PdfError;
pub use show::show;

use crate::image::{ImageAsk, MaskedImage, Raster, Reader, mask_canvas};

/// Pixels of an inch of the page: letters of six points are seventeen pixels high, which the reader reads well.
const DOTS_PER_INCH: f32 = 200.0;
/// Points of an inch, PDF's unit. Source: ISO 32000-2, 8.3.2.3.
const POINTS_PER_INCH: f32 = 72.0;

/// Bounds of one file.
#[derive(Clone, Copy, Debug)]
pub struct PdfLimits {
    /// Most bytes of the file.
    pub bytes_max: usize,
    /// Most pages.
    pub pages_max: usize,
    /// Most pixels of a page.
    pub pixels_max: u64,
    /// Most bytes of a page's text that are looked at.
    pub text_bytes_max: usize,
}

impl Default for PdfLimits {
    /// 64 MiB, 500 pages, 40 million pixels (a page of A1 at 200 dots an inch), 1 MiB.
    fn default() -> Self {
        Self { bytes_max: 64 << 20, pages_max: 500, pixels_max: 40_000_000, text_bytes_max: 1 << 20 }
    }
}

/// A page as it is seen.
#[derive(Clone, PartialEq)]
pub struct PdfPage {
    /// Its pixels, on white.
    pub raster: Raster,
    /// Width and height in points.
    pub points: (f32, f32),
    /// What its letters say, as far as the file tells; empty for a scanned page.
    pub text: String,
}

// Its text tells who it is about, so only its size is printed.
impl fmt::Debug for PdfPage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PdfPage({:?}, {} bytes of text)", self.raster, self.text.len())
    }
}

/// Pages, one by one; after an error there are no more.
pub type Pages<'a> = Box<dyn Iterator<Item = Result<PdfPage, PdfError>> + 'a>;

/// Shows the pages of files, within bounds of time and memory.
pub trait PageSource: fmt::Debug + Send + Sync {
    /// The pages of one file.
    ///
    /// # Errors
    /// [`PdfError`]; each page may fail on its own, too.
    fn pages(&self, file: &[u8]) -> Result<Pages<'_>, PdfError>;
}

/// Masks pages as pictures and writes them as a PDF of pictures. What the page's own text tells is looked for on the picture
/// too, with letters mixed up, since reading pixels is less sure than reading letters.
///
/// # Errors
/// [`PdfError`]; never a page that was not masked.
pub fn mask_pages(
    pages: Pages<'_>,
    reader: Option<&Reader>,
    ask: &ImageAsk<'_>,
) -> Result<MaskedImage, PdfError> {
    let mut file = write::Writer::default();
    let mut done = Vec::new();
    for (page, number) in pages.zip(1..) {
        let PdfPage { mut raster, points, text } = page?;
        let mut known = ask.known.clone();
        for entity in (ask.find)(&text) {
            known.add_found(entity.kind, text.get(entity.range).unwrap_or_default());
        }
        let ask = ImageAsk { known: &known, ..*ask };
        let filled = mask_canvas(reader, &mut raster, &ask);
        done.push(filled.map_err(|source| PdfError::Page { page: number, source })?);
        file.add(&raster, points)?;
    }
    if done.is_empty() {
        return Err(PdfError::Broken);
    }
    Ok(MaskedImage { bytes: file.finish(), pages: done })
}
