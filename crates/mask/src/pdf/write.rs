//! A PDF of pictures: a catalogue, pages, and for each page one picture that fills it.
//!
//! Source: ISO 32000-2, 7.5 (structure), 8.9 (images). Nothing else is written: no information dictionary, no metadata, no
//! identifier, so that equal pictures give equal files.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::PdfError;
use crate::image::Raster;

/// Most bytes of a file: places in the table of objects have ten digits, and a result stands in memory whole.
const BYTES_MAX: usize = 1 << 30;
/// Number of the catalogue, and of the list of pages.
const CATALOGUE: usize = 1;
const LIST: usize = 2;
/// Objects of a page: itself, what draws it, its picture.
const OBJECTS_EACH: usize = 3;

/// A file that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Where the pages' objects begin, in the order of their numbers from `LIST + 1`.
    starts: Vec<usize>,
}

impl Writer {
    /// Adds a page of that size in points, filled by a picture.
    ///
    /// # Errors
    /// [`PdfError::Write`] if the file becomes too large.
    pub(super) fn add(&mut self, picture: &Raster, (width, height): (f32, f32)) -> Result<(), PdfError> {
        if self.bytes.is_empty() {
            // The second line says that bytes above 127 follow. Source: 7.5.2.
            self.bytes.extend(b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n");
        }
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        let packed = packed.write_all(picture.pixels()).and_then(|()| packed.finish());
        let packed = packed.map_err(|_| PdfError::Write)?;
        let number = LIST + 1 + self.starts.len();
        let page = format!(
            "<< /Type /Page /Parent {LIST} 0 R /MediaBox [0 0 {width} {height}] /Contents {} 0 R /Resources << /XObject << /P {} 0 R >> >> >>",
            number + 1,
            number + 2
        );
        self.object(page.as_bytes());
        let drawn = format!("{width} 0 0 {height} 0 0 cm /P Do");
        self.stream("", drawn.as_bytes());
        let colours = if picture.is_grey() { "DeviceGray" } else { "DeviceRGB" };
        let about = format!(
            "/Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace /{colours} /BitsPerComponent 8 /Filter /FlateDecode ",
            picture.width(),
            picture.height()
        );
        self.stream(&about, &packed);
        if self.bytes.len() > BYTES_MAX { Err(PdfError::Write) } else { Ok(()) }
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let pages = self.starts.len() / OBJECTS_EACH;
        let kids: Vec<String> =
            (0..pages).map(|page| format!("{} 0 R", LIST + 1 + page * OBJECTS_EACH)).collect();
        let catalogue = self.bytes.len();
        let text = format!("{CATALOGUE} 0 obj\n<< /Type /Catalog /Pages {LIST} 0 R >>\nendobj\n");
        self.bytes.extend(text.into_bytes());
        let list = self.bytes.len();
        let text =
            format!("{LIST} 0 obj\n<< /Type /Pages /Count {pages} /Kids [{}] >>\nendobj\n", kids.join(" "));
        self.bytes.extend(text.into_bytes());
        let table = self.bytes.len();
        let count = self.starts.len() + LIST + 1;
        let mut text = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for start in [catalogue, list].into_iter().chain(std::mem::take(&mut self.starts)) {
            text.push_str(&format!("{start:010} 00000 n \n"));
        }
        text.push_str(&format!(
            "trailer\n<< /Size {count} /Root {CATALOGUE} 0 R >>\nstartxref\n{table}\n%%EOF\n"
        ));
        self.bytes.extend(text.into_bytes());
        self.bytes
    }

    fn object(&mut self, content: &[u8]) {
        let number = LIST + 1 + self.starts.len();
        self.starts.push(self.bytes.len());
        self.bytes.extend(format!("{number} 0 obj\n").into_bytes());
        self.bytes.extend(content);
        self.bytes.extend(b"\nendobj\n");
    }

    fn stream(&mut self, about: &str, content: &[u8]) {
        let head = format!("<< {about}/Length {} >>\nstream\n", content.len());
        self.object(&[head.as_bytes(), content, b"\nendstream"].concat());
    }
}
