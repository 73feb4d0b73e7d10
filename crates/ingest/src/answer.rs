//! Acknowledgements: what the sender of an HL7 v2 message is told.
//!
//! Source: HL7 v2.8 chapter 2, 2.9 (original and enhanced mode); table 0008, table 0357.

use std::sync::atomic::{AtomicU64, Ordering};

use formats::hl7v2::Message;
use formats::hl7v2::ack::{Ack, AckCode, AckError, AckStamp, ErrorCode, Severity, build as build_ack};
use jiff::Timestamp;

use crate::outcome::Outcome;
use crate::quarantine::Cause;

/// Makes the control ids of our own acknowledgements.
pub(crate) struct Answers {
    prefix: String,
    next: AtomicU64,
}

impl Answers {
    /// `started_ms` makes ids differ from those of earlier runs.
    pub(crate) fn new(started_ms: i64) -> Self {
        Self { prefix: format!("W{started_ms:x}"), next: AtomicU64::new(1) }
    }

    /// The acknowledgements that the sender of `request` waits for, in order of sending; none if it wants none.
    pub(crate) fn to(&self, request: Option<&Message>, outcome: &Outcome, now_ms: i64) -> Vec<Vec<u8>> {
        // An acknowledgement of an acknowledgement would never end.
        if request.and_then(Message::message_type).is_some_and(|kind| kind.code == "ACK") {
            return Vec::new();
        }
        let wanted =
            request.map(|message| (message.accept_acknowledgement(), message.application_acknowledgement()));
        let (kept, success) = (outcome.is_kept(), outcome.is_success());
        let (accept, application) = match wanted {
            // Codes that table 0155 lacks say nothing: a sender must not wait for ever because of them.
            None | Some((None, None)) => (false, true),
            Some((accept, application)) => (
                accept.is_some_and(|condition| condition.wants(kept)),
                application.is_some_and(|condition| condition.wants(success)),
            ),
        };
        let mut answers = Vec::new();
        if accept {
            answers.push(self.one(request, &accept_ack(outcome), now_ms));
        }
        // Once the message itself is refused no application will answer it.
        if application && (kept || !accept) {
            answers.push(self.one(request, &application_ack(outcome), now_ms));
        }
        answers
    }

    /// The answer to a frame of which nothing was read.
    pub(crate) fn unread(&self, outcome: &Outcome, now_ms: i64) -> Vec<u8> {
        self.one(None, &application_ack(outcome), now_ms)
    }

    fn one(&self, request: Option<&Message>, ack: &Ack, now_ms: i64) -> Vec<u8> {
        let time = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let time = time.strftime("%Y%m%d%H%M%S+0000").to_string();
        // Twenty characters is the bound before v2.7.
        let control_id = format!("{}{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed));
        let control_id = control_id.get(..control_id.len().min(20)).unwrap_or_default();
        let stamp = AckStamp { time: &time, control_id, application: "WARD", facility: "WARD" };
        build_ack(request, ack, &stamp)
    }
}

/// Whether the message is kept, which is all that an accept acknowledgement says.
fn accept_ack(outcome: &Outcome) -> Ack {
    let code = match outcome {
        Outcome::Refused(_) => AckCode::CR,
        Outcome::Failed { .. } => AckCode::CE,
        _ => return Ack::accept(AckCode::CA),
    };
    Ack { code, ..application_ack(outcome) }
}

fn application_ack(outcome: &Outcome) -> Ack {
    match outcome {
        Outcome::Committed { .. } | Outcome::Unchanged => Ack::accept(AckCode::AA),
        Outcome::Quarantined(reason) => {
            let (code, error) = match reason.cause {
                Cause::Unreadable => (AckCode::AR, ErrorCode::SegmentSequence),
                Cause::Unsupported => (AckCode::AR, ErrorCode::UnsupportedMessageType),
                Cause::Incomplete => (AckCode::AE, ErrorCode::RequiredFieldMissing),
                Cause::Invalid => (AckCode::AE, ErrorCode::DataType),
                Cause::Unresolved => (AckCode::AE, ErrorCode::UnknownKeyIdentifier),
                Cause::TooLarge | Cause::Denied => (AckCode::AR, ErrorCode::ApplicationInternal),
            };
            refused(code, error, format!("kept in quarantine: {}", reason.text))
        }
        Outcome::Refused(reason) => refused(AckCode::AR, ErrorCode::ApplicationInternal, reason.text.clone()),
        Outcome::Failed { text } => refused(AckCode::AE, ErrorCode::ApplicationInternal, text.clone()),
    }
}

fn refused(code: AckCode, error: ErrorCode, text: String) -> Ack {
    Ack { code, error: Some(AckError { location: None, code: error, text, severity: Severity::Error }) }
}
