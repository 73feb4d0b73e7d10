//! Documents inside of records: text, HTML, XML and RTF are decoded, masked and encoded again; everything else goes.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::inspect::Inspector;
use super::{markup, rtf};

/// Longer documents are taken out, not read.
pub(super) const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// Padding may be left out: what is in the field counts, not how well it was written.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a document holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Html,
    Xml,
    Rtf,
}

/// A masked document.
pub(super) struct Document {
    /// Its bytes, UTF-8.
    pub(super) bytes: Vec<u8>,
    /// Its type as it now is.
    pub(super) content_type: String,
}

/// Masks a document in base 64. `None` if it is of no type that can be read, is too long, or is not what it says it is; it must
/// then be taken out.
pub(super) fn mask_base64(inspector: &mut Inspector<'_>, content_type: &str, data: &str) -> Option<Document> {
    mask(inspector, content_type, &from_base64(data)?)
}

/// The text of a document.
pub(crate) struct Text {
    /// The text; of rich text its words alone.
    pub(crate) text: String,
    /// Whether it is HTML or XML.
    pub(crate) is_markup: bool,
}

/// The text of a document in base 64, for whoever only looks. `None` as for [`mask_base64`].
pub(crate) fn text_of_base64(content_type: &str, data: &str) -> Option<Text> {
    let bytes = from_base64(data)?;
    let (form, _) = form_of(content_type)?;
    let text = decoded(content_type, &bytes)?;
    match form {
        Form::Text => Some(Text { text, is_markup: false }),
        Form::Html | Form::Xml => Some(Text { text, is_markup: true }),
        Form::Rtf => Some(Text { text: rtf::text_of(&text)?, is_markup: false }),
    }
}

fn from_base64(data: &str) -> Option<Vec<u8>> {
    if data.len() / 4 * 3 > DOCUMENT_BYTES_MAX {
        return None;
    }
    let data: String = data.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    LENIENT.decode(data).ok()
}

/// Bytes in base 64.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Masks the bytes of a document. As [`mask_base64`].
pub(super) fn mask(inspector: &mut Inspector<'_>, content_type: &str, bytes: &[u8]) -> Option<Document> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return None;
    }
    let (form, media_type) = form_of(content_type)?;
    let text = decoded(content_type, bytes)?;
    let masked = match form {
        Form::Text => inspector.text(&text).into_owned(),
        Form::Html => markup::mask(inspector, &text, false),
        Form::Xml => {
            let masked = markup::mask(inspector, &text, true);
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{masked}")
        }
        Form::Rtf => rtf::document(&inspector.text(&rtf::text_of(&text)?)),
    };
    let content_type = if form == Form::Text || form == Form::Html {
        format!("{media_type};charset=utf-8")
    } else {
        media_type
    };
    Some(Document { bytes: masked.into_bytes(), content_type })
}

fn form_of(content_type: &str) -> Option<(Form, String)> {
    let media_type = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let form = match media_type.as_str() {
        "text/plain" | "text/markdown" | "text/x-markdown" => Form::Text,
        "text/html" | "application/xhtml+xml" | "text/x-hl7-text+xml" => Form::Html,
        "text/xml" | "application/xml" | "application/hl7-v3+xml" | "application/hl7-cda+xml" => Form::Xml,
        "text/rtf" | "application/rtf" | "text/richtext" => Form::Rtf,
        _ => return None,
    };
    Some((form, media_type))
}

fn decoded(content_type: &str, bytes: &[u8]) -> Option<String> {
    let charset = content_type
        .split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
    match charset.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii") => match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.trim_start_matches('\u{feff}').to_owned()),
            // Nothing was said, and it is no UTF-8: then nearly always Latin 1. A zero byte means that it is no text.
            Err(_) if charset.is_none() && !bytes.contains(&0) => Some(latin_1(bytes)),
            Err(_) => None,
        },
        Some("iso-8859-1" | "latin1" | "windows-1252") => Some(latin_1(bytes)),
        Some(_) => None,
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
