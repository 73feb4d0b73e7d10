//! What the header says: who sent what to whom, when, and how it wants to be answered.

use std::borrow::Cow;

use super::message::Message;
use super::structure::structure_of;

/// Code, event and structure of a message: `ADT`, `A04`, `ADT_A01`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageType {
    /// MSH-9.1.
    pub code: String,
    /// MSH-9.2, or EVN-1 where that is missing; may be empty (v2.1).
    pub event: String,
    /// By table 0354; where the table does not know the pair, MSH-9.3; where that is missing, `code_event`.
    pub structure: String,
}

/// When an acknowledgement is wanted (table 0155).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCondition {
    /// `AL`
    Always,
    /// `NE`
    Never,
    /// `ER`: only for an error or a rejection.
    OnError,
    /// `SU`: only for success.
    OnSuccess,
}

impl AckCondition {
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "AL" => Self::Always,
            "NE" => Self::Never,
            "ER" => Self::OnError,
            "SU" => Self::OnSuccess,
            _ => return None,
        })
    }

    /// Whether an answer that tells of success or failure is wanted.
    pub fn wants(self, success: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnError => !success,
            Self::OnSuccess => success,
        }
    }
}

impl Message {
    /// The first leaf of a header field, unescaped; `None` if absent, empty or `""`.
    pub fn header(&self, field: u32) -> Option<Cow<'_, str>> {
        self.segment_at(0)?.value(field)
    }

    /// Code, event and structure. `None` if MSH-9 names no code.
    pub fn message_type(&self) -> Option<MessageType> {
        let field = self.segment_at(0)?.field(9)?.first();
        let code = field.part(1)?.trim().to_owned();
        let event = field
            .part(2)
            .or_else(|| self.get("EVN-1"))
            .map(|event| event.trim().to_owned())
            .unwrap_or_default();
        let named = || field.part(3).map(|structure| structure.trim().to_owned());
        let structure = match structure_of(&code, &event) {
            Some(structure) => structure.to_owned(),
            None => named()
                .unwrap_or_else(|| if event.is_empty() { code.clone() } else { format!("{code}_{event}") }),
        };
        Some(MessageType { code, event, structure })
    }

    /// MSH-3, sending application (its first component).
    pub fn sending_application(&self) -> Option<Cow<'_, str>> {
        self.header(3)
    }

    /// MSH-4, sending facility (its first component).
    pub fn sending_facility(&self) -> Option<Cow<'_, str>> {
        self.header(4)
    }

    /// MSH-5, receiving application (its first component).
    pub fn receiving_application(&self) -> Option<Cow<'_, str>> {
        self.header(5)
    }

    /// MSH-6, receiving facility (its first component).
    pub fn receiving_facility(&self) -> Option<Cow<'_, str>> {
        self.header(6)
    }

    /// MSH-7, date and time of the message, as written.
    pub fn message_time(&self) -> Option<Cow<'_, str>> {
        self.header(7)
    }

    /// MSH-10, message control id.
    pub fn control_id(&self) -> Option<Cow<'_, str>> {
        self.header(10)
    }

    /// MSH-11, processing id: `P`, `T` or `D`.
    pub fn processing_id(&self) -> Option<Cow<'_, str>> {
        self.header(11)
    }

    /// MSH-12, version: `2.5.1`.
    pub fn version(&self) -> Option<Cow<'_, str>> {
        self.header(12)
    }

    /// MSH-12 as a pair to compare: 2.5.1 is `(2, 5)`. A version that cannot be read counts as 2.5.
    pub fn version_number(&self) -> (u32, u32) {
        let version = self.version().unwrap_or_default();
        let mut parts = version.trim().split('.').map(|part| part.parse::<u32>().ok());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor)) => (major, minor),
            _ => (2, 5),
        }
    }

    /// MSH-15, when an accept acknowledgement is wanted; `None` if not valued or not a code of table 0155.
    pub fn accept_acknowledgement(&self) -> Option<AckCondition> {
        AckCondition::of_code(self.header(15)?.trim())
    }

    /// MSH-16, when an application acknowledgement is wanted; as [`Message::accept_acknowledgement`].
    pub fn application_acknowledgement(&self) -> Option<AckCondition> {
        AckCondition::of_code(self.header(16)?.trim())
    }

    /// Whether the sender works in enhanced acknowledgement mode: MSH-15 or MSH-16 is valued.
    ///
    /// Source: HL7 v2.8 chapter 2, 2.9.
    pub fn is_enhanced_mode(&self) -> bool {
        self.header(15).is_some() || self.header(16).is_some()
    }
}
