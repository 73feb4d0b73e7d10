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
        let success = outcome.is_success();
        let (accept, application) = match request.filter(|message| message.is_enhanced_mode()) {
            None => (false, true),
            Some(message) => (
                message.accept_acknowledgement().is_some_and(|condition| condition.wants(outcome.is_kept())),
                message.application_acknowledgement().is_some_and(|condition| condition.wants(success)),
            ),
        };
        let mut answers = Vec::new();
        if accept {
            let code = if outcome.is_kept() { AckCode::CA } else { AckCode::CE };
            answers.push(self.one(request, &Ack { code, error: None }, now_ms));
        }
        if application {
            answers.push(self.one(request, &application_ack(outcome), now_ms));
        }
        answers
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
