//! What a file is, by what it begins with.

use std::io::Read as _;
use std::path::Path;

use clap::ValueEnum;

/// What can be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// Text in UTF-8.
    Text,
    /// A FHIR resource or bundle in JSON.
    Fhir,
    /// One FHIR resource a line, or one JSON object a line with a member `text`.
    Ndjson,
    /// One HL7 v2 message, or a file of many.
    Hl7v2,
    /// A C-CDA document.
    Ccda,
    /// A CSV table with a header.
    Csv,
    /// PNG, JPEG or TIFF.
    Image,
    /// A PDF file.
    Pdf,
    /// A DICOM file.
    Dicom,
}

impl What {
    pub(super) const fn is_binary(self) -> bool {
        matches!(self, Self::Image | Self::Pdf | Self::Dicom)
    }
}

/// What images begin with: PNG, JPEG, TIFF of both byte orders.
const IMAGES: [&[u8]; 4] = [b"\x89PNG", b"\xFF\xD8\xFF", b"II*\0", b"MM\0*"];

/// How far into a file its PDF header may begin: readers look for it in the first kilobyte.
const PDF_HEADER_BYTES: usize = 1024;

/// Where an XML document's root element begins at the latest.
const HEAD_BYTES: usize = 4096;

/// Whether a file has pixels, by its first bytes; one that cannot be read has none.
pub(super) fn has_pixels(path: &Path) -> bool {
    let mut start = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(PDF_HEADER_BYTES as u64).read_to_end(&mut start));
    read.is_ok() && (is_dicom(&start) || is_image(&start) || is_pdf(&start))
}

/// Whether bytes begin as an image does.
fn is_image(bytes: &[u8]) -> bool {
    IMAGES.iter().any(|start| bytes.starts_with(start))
}

/// The prefix behind the preamble of 128 bytes (DICOM PS3.10, 7.1).
fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}

/// The header within the first kilobyte.
fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..PDF_HEADER_BYTES).unwrap_or(bytes);
    head.windows(5).any(|window| window == b"%PDF-")
}

/// Tells it.
pub(super) fn of(bytes: &[u8], path: &Path) -> What {
    if is_image(bytes) {
        return What::Image;
    }
    if is_dicom(bytes) {
        return What::Dicom;
    }
    if is_pdf(bytes) {
        return What::Pdf;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let start = bytes.trim_ascii_start();
    let headers: [&[u8]; 4] = [b"MSH", b"\x0BMSH", b"FHS", b"BHS"];
    if headers.iter().any(|header| start.starts_with(header)) {
        return What::Hl7v2;
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension.eq_ignore_ascii_case("ndjson") || extension.eq_ignore_ascii_case("jsonl") {
        return What::Ndjson;
    }
    if extension.eq_ignore_ascii_case("csv") {
        return What::Csv;
    }
    let head = start.get(..HEAD_BYTES).unwrap_or(start);
    if start.starts_with(b"<") && head.windows(16).any(|window| window == b"ClinicalDocument") {
        return What::Ccda;
    }
    if start.starts_with(b"{") { What::Fhir } else { What::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_before_the_name() {
        let check = |bytes: &[u8], name: &str| of(bytes, Path::new(name));
        assert_eq!(check(b"\x89PNG\r\n", "note.txt"), What::Image);
        assert_eq!(check(b"\r\nMSH|^~\\&|", "note.txt"), What::Hl7v2);
        assert_eq!(check(b"\x0BMSH|^~\\&|", "x"), What::Hl7v2);
        assert_eq!(check(b"{\"resourceType\":\"Patient\"}\n", "x.NDJSON"), What::Ndjson);
        assert_eq!(check(b"\xEF\xBB\xBF {\"resourceType\":\"Patient\"}", "x"), What::Fhir);
        assert_eq!(check(b"Seen by Dr. Lee", "x.json"), What::Text);
        assert_eq!(
            check(b"<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\">", "x"),
            What::Ccda
        );
        assert_eq!(check(&[&[0; 128][..], b"DICM"].concat(), "x.txt"), What::Dicom);
        assert_eq!(check(b"%PDF-1.7\n", "x.txt"), What::Pdf);
        assert_eq!(check(b"name,mrn\n", "x.csv"), What::Csv);
    }
}
