//! HL7 v2 to FHIR R4: patient administration (ADT), results (ORU, OUL) and orders that carry the same groups.
//!
//! [`map`] is the door. A message is read through a reader that notes every piece it takes; segments have one
//! file each, data types too; `messages` knows which segments belong together.
//!
//! Where the official HL7 v2-to-FHIR tables would lose or distort something, the tests named `fact_NN` say what holds instead.

mod context;
mod events;
mod ignored;
mod messages;
mod reader;
mod segments;
mod source;
mod types;

use compact_str::CompactString;
use formats::hl7v2::Message;

use crate::Mapped;
use context::Context;
use events::Family;
use reader::Reader;

pub use source::{Digest, Source, Zone, ZoneError};
pub(crate) use types::time::fhir_range;

/// Which message this was, as its sender names it. Two messages with the same identity are the same message sent twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageIdentity {
    /// MSH-3, as written.
    pub sending_application: String,
    /// MSH-4, as written.
    pub sending_facility: String,
    /// MSH-9 as `ADT^A01`.
    pub message_type: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-7, as written: control ids are used again after some time.
    pub time: String,
}

impl MessageIdentity {
    /// Reads the identity from the header.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let raw = |number: u32| {
            let field = message.segment_at(0).and_then(|header| header.field(number));
            field.map(|field| field.raw().to_owned()).unwrap_or_default()
        };
        let message_type = message.message_type().map(|kind| format!("{}^{}", kind.code, kind.event));
        Self {
            sending_application: raw(3),
            sending_facility: raw(4),
            message_type: message_type.unwrap_or_default(),
            control_id: raw(10),
            time: raw(7),
        }
    }
}

/// Why nothing sensible could be made of a message. Such a message is kept aside for a person, never half committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// MSH-9 names no message type.
    #[error("MSH-9 names no message type")]
    NoMessageType,
    /// A message or event that is not mapped yet.
    #[error("`{message_type}` messages are not mapped yet")]
    Unsupported {
        /// As `VXU^V04`.
        message_type: CompactString,
    },
    /// No PID segment.
    #[error("the message has no PID segment")]
    NoPatient,
    /// A PID without an identifier that could say which patient it is.
    #[error("{place} holds no patient identifier")]
    NoPatientIdentifier {
        /// The field, e.g. `PID-3`.
        place: &'static str,
    },
    /// A merge that does not say which patient or visit is replaced.
    #[error("{place} is empty, so it is not known what is merged")]
    NothingToMerge {
        /// The field, e.g. `MRG-1`.
        place: &'static str,
    },
    /// An order or result message without any order.
    #[error("the message has no OBR segment")]
    NoOrder,
}

/// Maps one message: the wanted resources and the loss report.
///
/// `message` as [`formats::hl7v2::parse`] gives it; `source` says what is known about the sender. The same two always give
/// the same result. Every reference in the intents points to another of the intents.
///
/// # Errors
/// [`MapError`] if the event is not mapped or the patient cannot be told: keep the message aside.
pub fn map(message: &Message, source: &Source) -> Result<Mapped, MapError> {
    let kind = message.message_type().ok_or(MapError::NoMessageType)?;
    let event = events::find(&kind.code, &kind.event)
        .ok_or_else(|| MapError::Unsupported { message_type: name_for_people(&kind.code, &kind.event) })?;
    let reader = Reader::new(message);
    let mut context = Context::new(&reader, source, event);
    segments::header::read(&mut context);
    match event.family {
        Family::Adt => messages::adt::map(&mut context)?,
        Family::Result | Family::Order => messages::results::map(&mut context)?,
    }
    let identity = MessageIdentity::of(message);
    segments::header::provenance(&mut context, &identity);
    let intents = context.into_intents();
    Ok(Mapped { intents, report: reader.report(), identity })
}

/// The messages and events that [`map`] knows, as `ADT^A01`.
pub fn supported_messages() -> impl Iterator<Item = String> {
    events::supported()
}

/// `CODE^EVENT`, where they look like codes; foreign text is not repeated in an error.
fn name_for_people(code: &str, event: &str) -> CompactString {
    let shown = |text: &str| {
        let looks_right = text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if looks_right { CompactString::from(text) } else { CompactString::from("?") }
    };
    compact_str::format_compact!("{}^{}", shown(code), shown(event))
}
