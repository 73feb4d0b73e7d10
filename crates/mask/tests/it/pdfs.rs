//! PDF files made here: pages become pictures, what tells is filled, nothing else of the file comes through, and what cannot be
//! shown is refused.

use mask::image::{ImageAsk, ImagePolicy, KnownValues, Unread};
use mask::pdf::{PdfError, PdfLimits, PdfPage, mask_pages, show};

use crate::images::{find, reader};

/// A file of these objects, the first of which is the catalogue; numbers count from 1.
fn file(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, number) in objects.iter().zip(1..) {
        table.push_str(&format!("{:010} 00000 n \n", bytes.len()));
        bytes.extend(format!("{number} 0 obj\n{object}\nendobj\n").into_bytes());
    }
    let start = bytes.len();
    bytes.extend(table.into_bytes());
    let end = format!(
        "trailer\n<< /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    bytes.extend(end.into_bytes());
    bytes
}

fn stream(content: &str) -> String {
    format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len())
}

/// A letter with a name, in a font that every reader brings along; with what must not come through: metadata, a script, an attachment.
fn letter() -> Vec<u8> {
    let text = "BT /F 18 Tf 72 700 Td (Seen: QUILLFEATHER ODALRIC) Tj 0 -40 Td (the valve is closed) Tj ET";
    file(
        &[
            "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\('QUILLFEATHER'\\)) >> /Names << /EmbeddedFiles << /Names [(a) << /F (a) /EF << /F 7 0 R >> >>] >> >> >>".to_owned(),
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>".to_owned(),
            stream(text),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
            "<< /Title (QUILLFEATHER) >>".to_owned(),
            stream("QUILLFEATHER"),
        ],
        "/Info 6 0 R",
    )
}

fn shown(file: Vec<u8>, limits: &PdfLimits) -> Result<Vec<PdfPage>, PdfError> {
    let mut pages = Vec::new();
    show(file, limits, &mut |page| {
        pages.push(page);
        true
    })?;
    Ok(pages)
}

fn masked(file: Vec<u8>, unread: Unread) -> Result<mask::image::MaskedImage, PdfError> {
    let pages = shown(file, &PdfLimits::default())?;
    let known = KnownValues::new();
    let policy = ImagePolicy { unread, ..ImagePolicy::default() };
    let ask = ImageAsk { find: &find, known: &known, regions: &[], policy };
    mask_pages(Box::new(pages.into_iter().map(Ok)), reader().filter(|_| unread == Unread::Refuse), &ask)
}

#[test]
fn a_page_is_shown_with_its_letters_and_its_text() {
    let pages = shown(letter(), &PdfLimits::default()).unwrap();
    let [page] = pages.as_slice() else { panic!("{pages:?}") };
    assert_eq!((page.raster.width(), page.raster.height(), page.raster.is_grey()), (1_700, 2_200, true));
    assert_eq!(page.points, (612.0, 792.0));
    assert_eq!(page.text, "Seen: QUILLFEATHER ODALRIC\nthe valve is closed");
    let dark = page.raster.pixels().iter().filter(|pixel| **pixel < 64).count();
    assert!((2_000..100_000).contains(&dark), "{dark}");
}

#[test]
fn what_comes_out_is_pictures_alone() {
    let masked = masked(letter(), Unread::FillTextLike).unwrap();
    let text = String::from_utf8_lossy(&masked.bytes).into_owned();
    for word in ["QUILL", "JavaScript", "/Info", "/Title", "/Font", "/Names", "/OpenAction", "/Metadata"] {
        assert!(!text.contains(word), "{word}");
    }
    let again = shown(masked.bytes, &PdfLimits::default()).unwrap();
    let page = &again[0];
    assert_eq!((page.raster.width(), page.raster.height(), page.text.as_str()), (1_700, 2_200, ""));
    assert_eq!(page.points, (612.0, 792.0));
    // Letters have soft edges: where text-like places were filled, only black and white are left.
    assert!(page.raster.pixels().iter().all(|pixel| [0, 255].contains(pixel)));
}

#[test]
fn of_a_page_that_is_read_the_name_goes_and_the_rest_stays() {
    let Some(reader) = reader() else {
        eprintln!("skipped: 1 PDF, models absent");
        return;
    };
    let masked = masked(letter(), Unread::Refuse).unwrap();
    let again = shown(masked.bytes, &PdfLimits::default()).unwrap();
    let lines = reader.read(&again[0].raster).unwrap();
    let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let text = text.join(" ");
    assert!(text.contains("valve is closed") && !text.contains("QUILL"), "{text}");
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let check = |file: Vec<u8>, limits: PdfLimits, expected: &str| {
        let outcome = shown(file, &limits).map(|pages| pages.len());
        let said = outcome.map_err(|error| error.to_string());
        assert!(said.as_ref().is_err_and(|said| said.contains(expected)), "{expected}: {said:?}");
    };
    let usual = PdfLimits::default();
    check(b"%PDF-1.7\n".to_vec(), usual, "cannot be read");
    check(b"no PDF at all".to_vec(), usual, "cannot be read");
    check(letter(), PdfLimits { bytes_max: 100, ..usual }, "more than 100 bytes");
    check(letter(), PdfLimits { pages_max: 0, ..usual }, "more than 0 pages");
    check(letter(), PdfLimits { pixels_max: 1_000, ..usual }, "page 1 has more than 1000 pixels");
    let locked = "<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) /U (bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb) >>";
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>".to_owned(),
    ];
    objects.push("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>".to_owned());
    objects.push(locked.to_owned());
    let id = "/ID [(0123456789abcdef) (0123456789abcdef)] /Encrypt 4 0 R";
    check(file(&objects, id), usual, "encrypted");
    let broken_picture = "q 200 0 0 200 100 100 cm /I Do Q";
    let picture = "<< /Type /XObject /Subtype /Image /Width 20 /Height 20 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length 4 >>\nstream\nnope\nendstream";
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>";
    let objects =
        [objects[0].clone(), objects[1].clone(), page.to_owned(), stream(broken_picture), picture.to_owned()];
    check(file(&objects, ""), usual, "page 1 has a font or a picture that cannot be shown");
}

#[test]
fn a_broken_file_is_an_error_or_a_page_and_no_panic() {
    let whole = letter();
    let small = PdfLimits { pixels_max: 4_000_000, ..PdfLimits::default() };
    for end in (0..whole.len()).step_by(211) {
        let _ = shown(whole[..end].to_vec(), &small);
    }
}

#[test]
fn without_models_a_pdf_is_refused() {
    let known = KnownValues::new();
    let ask = ImageAsk { find: &find, known: &known, regions: &[], policy: ImagePolicy::default() };
    let pages = shown(letter(), &PdfLimits::default()).unwrap();
    let outcome = mask_pages(Box::new(pages.into_iter().map(Ok)), None, &ask);
    assert!(matches!(outcome, Err(PdfError::Page { page: 1, .. })), "{outcome:?}");
    let stopped = mask_pages(Box::new([Err(PdfError::Stopped)].into_iter()), None, &ask);
    assert!(matches!(stopped, Err(PdfError::Stopped)), "{stopped:?}");
}
