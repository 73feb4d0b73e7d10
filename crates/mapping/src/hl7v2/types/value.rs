//! OBX-5 by OBX-2: the value of an observation.
//!
//! A value that does not fit its declared type is kept as text: a result must never vanish because of its type.
//!
//! Source: HL7 v2.8 chapter 7, 7.4.2 OBX; FHIR R4 Observation.value\[x\].

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::hl7v2::types::quantity::{Structured, Unit};
use crate::hl7v2::types::{coded, quantity, time};
use crate::json::Build;

/// The element of R5's Observation.value that can hold an Attachment, as R4 carries it.
const ATTACHMENT_VALUE: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value";

/// One value and the name of the element that holds it; an Attachment goes into an extension.
pub(crate) struct Valued {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
}

/// Whether a value type is running text, whose repetitions and segments are lines of one text.
pub(crate) fn is_text(kind: &str) -> bool {
    matches!(kind, "TX" | "FT" | "ST" | "GTS")
}

/// Whether a value type is known here; one that is not is kept as text.
pub(crate) fn is_known(kind: &str) -> bool {
    is_text(kind)
        || matches!(
            kind,
            "NM" | "SN"
                | "CQ"
                | "CE"
                | "CWE"
                | "CNE"
                | "CF"
                | "IS"
                | "ID"
                | "TS"
                | "DTM"
                | "DT"
                | "TM"
                | "DR"
                | "NR"
                | "NA"
                | "ED"
                | "RP"
        )
}

/// The value of one repetition of OBX-5.
pub(crate) fn value(
    context: &Context<'_, '_>,
    kind: &str,
    node: &Node<'_, '_>,
    unit: &Unit,
) -> Option<Valued> {
    let found = match kind {
        "NM" => numeric(node, unit),
        "SN" => match quantity::structured(node, unit)? {
            Structured::Value(name, value) => Some(Valued { name, value }),
            Structured::Text(text) => Some(string(with_unit(text, unit))),
        },
        "CQ" => {
            let number = node.peek_part(1).and_then(|text| quantity::number(&text));
            number.map(|number| {
                node.get(1);
                let own = Unit::read(context, node.part(2));
                let unit = if own == Unit::default() { unit } else { &own };
                Valued { name: "valueQuantity", value: unit.quantity(number) }
            })
        }
        "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => {
            coded::concept(context, node).map(|value| Valued { name: "valueCodeableConcept", value })
        }
        "TS" | "DTM" | "DT" => {
            let stamp = node.peek().as_deref().and_then(time::Stamp::parse);
            stamp.map(|stamp| {
                node.take();
                Valued { name: "valueDateTime", value: stamp.date_time(&context.zones).into() }
            })
        }
        "TM" => {
            let time = node.peek().as_deref().and_then(time::time_of_day);
            time.map(|time| {
                node.take();
                Valued { name: "valueTime", value: time.into() }
            })
        }
        "DR" => time::period(node.part(1), node.part(2), &context.zones)
            .map(|value| Valued { name: "valuePeriod", value }),
        "NR" => range(node, unit),
        "NA" => sampled(node, unit),
        "ED" => encapsulated(node),
        "RP" => pointer(node),
        _ => None,
    };
    found.or_else(|| {
        let text = node.whole();
        let text = if is_text(kind) { text } else { CompactString::from(text.trim()) };
        let text = if matches!(kind, "NM" | "NR") { with_unit(text, unit) } else { text };
        (!text.trim().is_empty()).then(|| string(text))
    })
}

/// A text value.
pub(crate) fn string(text: CompactString) -> Valued {
    Valued { name: "valueString", value: text.into() }
}

fn with_unit(text: CompactString, unit: &Unit) -> CompactString {
    match unit.text() {
        Some(unit) => format_compact!("{text} {unit}"),
        None => text,
    }
}

fn numeric(node: &Node<'_, '_>, unit: &Unit) -> Option<Valued> {
    let text = node.peek_part(1)?;
    // Anything behind the first part means that it is no plain number.
    let value = if node.has(2) {
        return None;
    } else if let Some(number) = quantity::number(&text) {
        unit.quantity(number)
    } else {
        let (comparator, number) = quantity::compared(&text)?;
        unit.compared(comparator, number)
    };
    node.get(1);
    Some(Valued { name: "valueQuantity", value })
}

fn range(node: &Node<'_, '_>, unit: &Unit) -> Option<Valued> {
    let (low, high) = (node.peek_part(1), node.peek_part(2));
    let number = |text: &Option<CompactString>| text.as_deref().map(quantity::number);
    // Each end is absent or a number.
    let (low, high) = match (number(&low), number(&high)) {
        (Some(None), _) | (_, Some(None)) | (None, None) => return None,
        (low, high) => (low.flatten(), high.flatten()),
    };
    node.get(1);
    node.get(2);
    Some(Valued { name: "valueRange", value: unit.range(low, high) })
}

/// NA: a row of numbers. FHIR wants to know the time between two of them, which NA does not say.
fn sampled(node: &Node<'_, '_>, unit: &Unit) -> Option<Valued> {
    let mut data = CompactString::default();
    for text in node.texts() {
        // A gap or anything that is no number makes it a text.
        let number = quantity::number(&text)?;
        if !data.is_empty() {
            data.push(' ');
        }
        data.push_str(number.as_str());
    }
    if data.is_empty() {
        return None;
    }
    node.take();
    let absent = Build::new()
        .with("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason")
        .with("valueCode", "unknown")
        .done();
    let value = Build::new()
        .with("origin", unit.quantity(quantity::number("0")?))
        .with("_period", Build::new().with("extension", vec![absent]).done())
        .with("dimensions", 1)
        .with("data", data)
        .done();
    Some(Valued { name: "valueSampledData", value })
}

/// ED: source, type, subtype, encoding, data.
fn encapsulated(node: &Node<'_, '_>) -> Option<Valued> {
    let data = node.part(5)?;
    let encoding = node.peek_part(4).unwrap_or_default().to_ascii_uppercase();
    let text = data.peek()?;
    let encoded = match encoding.as_str() {
        "BASE64" => base64_checked(&text)?,
        "HEX" => base64(&unhex(&text)?),
        _ => base64(text.as_bytes()),
    };
    node.get(4);
    data.text();
    let content_type = content_type(node, 2, 3);
    let attachment = Build::new().maybe("contentType", content_type).with("data", encoded).done();
    Some(attachment_value(attachment))
}

/// RP: pointer, application, type, subtype.
fn pointer(node: &Node<'_, '_>) -> Option<Valued> {
    let url = node.peek_part(1).filter(|url| !url.contains(char::is_whitespace))?;
    node.get(1);
    let content_type = content_type(node, 3, 4);
    Some(attachment_value(Build::new().maybe("contentType", content_type).with("url", url).done()))
}

fn attachment_value(attachment: Value) -> Valued {
    let extension = Build::new().with("url", ATTACHMENT_VALUE).with("valueAttachment", attachment).done();
    Valued { name: "extension", value: extension }
}

/// The MIME type from type of data (table 0191) and subtype (table 0291).
fn content_type(node: &Node<'_, '_>, kind_at: u32, subtype_at: u32) -> Option<CompactString> {
    let kind = node.get(kind_at);
    let subtype = node.get(subtype_at).map(|text| text.to_ascii_lowercase());
    let known = match subtype.as_deref() {
        Some("pdf") => Some("application/pdf"),
        Some("jpeg" | "jpg") => Some("image/jpeg"),
        Some("png") => Some("image/png"),
        Some("tiff" | "tif") => Some("image/tiff"),
        Some("gif") => Some("image/gif"),
        Some("html" | "htm") => Some("text/html"),
        Some("xml") => Some("application/xml"),
        Some("rtf") => Some("application/rtf"),
        Some("plain" | "txt") => Some("text/plain"),
        Some("x-hl7-cda-level-one") => Some("text/xml"),
        _ => None,
    };
    if let Some(known) = known {
        return Some(known.into());
    }
    let kind = kind?;
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+'))
    };
    if kind.contains('/') && !kind.contains(char::is_whitespace) {
        return Some(kind.to_ascii_lowercase());
    }
    let kind = kind.to_ascii_lowercase();
    subtype
        .filter(|subtype| token(subtype) && token(&kind))
        .map(|subtype| format_compact!("{kind}/{subtype}"))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in base 64 (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> CompactString {
    let mut text = CompactString::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4_usize {
            let code = BASE64.get((group >> (18 - 6 * place)) as usize & 63).copied().unwrap_or(b'A');
            text.push(if place <= chunk.len() { char::from(code) } else { '=' });
        }
    }
    text
}

/// The text without white space, if it is base 64.
fn base64_checked(text: &str) -> Option<CompactString> {
    let bare: CompactString = text.chars().filter(|character| !character.is_whitespace()).collect();
    let body = bare.trim_end_matches('=');
    let padding = bare.len() - body.len();
    let fits =
        bare.len().is_multiple_of(4) && padding <= 2 && body.bytes().all(|byte| BASE64.contains(&byte));
    (fits && !bare.is_empty()).then_some(bare)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().filter(|character| !character.is_whitespace()).map(|digit| digit.to_digit(16));
    let digits = digits.collect::<Option<Vec<u32>>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), expected);
        }
        assert_eq!(base64_checked("Zm9v\r\nYg==").as_deref(), Some("Zm9vYg=="));
        assert_eq!(base64_checked("Zm9*"), None);
        assert_eq!(unhex("66 6f").as_deref(), Some(b"fo".as_slice()));
    }
}
