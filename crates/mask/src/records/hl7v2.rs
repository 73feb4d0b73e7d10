//! HL7 v2 messages, by segment and field.
//!
//! A table says of each field what it holds; each sort is masked by its data type. Free text (OBX-5, NTE-3, comments) is searched as
//! one text over the whole message. Fields and segments that the table does not know are searched leaf by leaf, and long
//! numbers and time stamps in them are masked whatever the search says; Z segments go unless asked for. Equal ids give equal
//! pseudonyms, so messages still join. Segments, fields, repetitions, delimiters and character set stay.
//!
//! Source: HL7 v2.8 chapters 2A (data types), 3, 4, 6, 7, 8, 9, 10.

mod table;
mod value;

use formats::hl7v2::{Message, ParseError, ParseOptions, parse};

use super::inspect::{Inspector, Scope, Tools};
use super::near::Near;
use super::seal;
use crate::transform::Tally;
use table::{Act, act_of};
use value::{Mode, Writer};

/// What distinguishes this version's rules in a seal.
const FINGERPRINT: &str = "hl7v2 1";

/// What stands before the seal in MSH-8, the field for security, "not yet further specified".
const SEAL_PREFIX: &str = "MASKED:";

/// The field of MSH that holds the seal.
const SEAL_FIELD: u32 = 8;

/// What is done with segments that no standard defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ZSegments {
    /// They go.
    #[default]
    Remove,
    /// They are searched like fields that are not known.
    Inspect,
}

/// How messages are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hl7v2Options {
    /// What is done with Z segments.
    pub z_segments: ZSegments,
}

/// A masked message.
#[derive(Clone, Debug)]
pub struct MaskedMessage {
    /// The message, in its own character set, each segment ended by CR.
    pub bytes: Vec<u8>,
    /// What was done.
    pub tally: Tally,
}

/// Masks one message (with or without its MLLP frame). One that these keys masked before comes back as it is.
///
/// Dates shift by `scope.patient`; without it by the first identifier of PID-3, else PID-2.
///
/// # Errors
/// [`ParseError`] where there is no usable MSH or a limit is passed.
pub fn mask(
    input: &[u8],
    parsing: &ParseOptions,
    tools: Tools<'_>,
    scope: &Scope<'_>,
    options: Hl7v2Options,
) -> Result<MaskedMessage, ParseError> {
    let message = parse(input, parsing)?.message;
    let unsealed = text_of(&message);
    let found = message.header(SEAL_FIELD);
    let found = found.as_deref().and_then(|text| text.strip_prefix(SEAL_PREFIX));
    if found.is_some_and(|found| seal::verifies(tools.keys, FINGERPRINT, unsealed.as_bytes(), found)) {
        return Ok(MaskedMessage { bytes: formats::hl7v2::write(&message), tally: Tally::default() });
    }
    let key = match scope.patient {
        Some(patient) => patient.to_owned(),
        None => patient_of(&message).unwrap_or_else(|| format!("file|{}", scope.file)),
    };
    let inspector = Inspector::new(tools, Near::default(), scope.shift(tools.keys, &key));
    // Once to learn who is in it and to gather its texts, once to write.
    let mut writer = Writer::new(message.delimiters(), message.charset(), inspector);
    segments(&message, &mut writer, options);
    writer.search();
    let text = segments(&message, &mut writer, options);
    let seal = seal::seal(tools.keys, FINGERPRINT, text.as_bytes());
    let sealed = with_seal(&text, message.delimiters().field, &format!("{SEAL_PREFIX}{seal}"));
    let bytes = message.charset().encode(&sealed).into_owned();
    Ok(MaskedMessage { bytes, tally: writer.inspector.tally })
}

/// All segments, each field masked as the table says.
fn segments(message: &Message, writer: &mut Writer<'_>, options: Hl7v2Options) -> String {
    let separator = char::from(message.delimiters().field);
    let mut text = String::with_capacity(message.raw().len());
    for segment in message.segments() {
        let name = segment.name();
        if name.starts_with('Z') && options.z_segments == ZSegments::Remove {
            if writer.mode == Mode::Write {
                writer.inspector.tally.removed_unread += 1;
            }
            continue;
        }
        let is_header = matches!(name, "MSH" | "FHS" | "BHS");
        writer.value_type = if name == "OBX" { segment.value(2).map(|ty| ty.into_owned()) } else { None };
        text.push_str(name);
        for number in 1..=segment.fields_count() {
            if is_header && number == 1 {
                continue;
            }
            text.push(separator);
            let Some(field) = segment.field(number) else { continue };
            let act = if is_header && number == 2 {
                text.push_str(field.raw());
                continue;
            } else if is_header && number == SEAL_FIELD {
                Act::Remove
            } else {
                act_of(name, number)
            };
            writer.is_birth_date = name == "PID" && number == 7;
            text.push_str(&writer.field(field.raw(), act));
        }
        text.push('\r');
    }
    text
}

fn patient_of(message: &Message) -> Option<String> {
    let patient = message.segment("PID")?;
    [3, 2].into_iter().find_map(|field| patient.value(field)).map(|id| id.into_owned())
}

/// The message as [`formats::hl7v2::write`] writes it, before its character set, without MSH-8.
fn text_of(message: &Message) -> String {
    let text: String = message.segments().flat_map(|segment| [segment.raw(), "\r"]).collect();
    with_seal(&text, message.delimiters().field, "")
}

/// The text with this as MSH-8; fields before it are made where there are too few.
fn with_seal(text: &str, separator: u8, seal: &str) -> String {
    let separator = char::from(separator);
    let (header, rest) = text.split_at(text.find('\r').unwrap_or(text.len()));
    let mut fields: Vec<&str> = header.split(separator).collect();
    // The name is at 0 and MSH-1 is the separator itself, so MSH-8 is at 7.
    while fields.len() < 8 && !seal.is_empty() {
        fields.push("");
    }
    if let Some(field) = fields.get_mut(7) {
        *field = seal;
    }
    let mut out = fields.join(&separator.to_string());
    out.push_str(rest);
    out
}
