//! Acknowledgements in the shape of the request's version.

use std::borrow::Cow;

use super::delimiters::Delimiters;
use super::escape::escape;
use super::location::Location;
use super::message::Message;

/// MSA-1, table 0008.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckCode {
    /// `AA`: application accept (original mode, or the application's answer in enhanced mode).
    AA,
    /// `AE`: application error.
    AE,
    /// `AR`: application reject.
    AR,
    /// `CA`: commit accept (enhanced mode: the message is safely stored).
    CA,
    /// `CE`: commit error.
    CE,
    /// `CR`: commit reject.
    CR,
}

impl AckCode {
    /// The code as MSA-1 carries it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AA => "AA",
            Self::AE => "AE",
            Self::AR => "AR",
            Self::CA => "CA",
            Self::CE => "CE",
            Self::CR => "CR",
        }
    }

    /// Whether it tells of success.
    pub fn is_accept(self) -> bool {
        matches!(self, Self::AA | Self::CA)
    }
}

/// Table 0357, message error condition codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 100
    SegmentSequence,
    /// 101
    RequiredFieldMissing,
    /// 102
    DataType,
    /// 103
    TableValueNotFound,
    /// 200
    UnsupportedMessageType,
    /// 201
    UnsupportedEventCode,
    /// 202
    UnsupportedProcessingId,
    /// 203
    UnsupportedVersion,
    /// 204
    UnknownKeyIdentifier,
    /// 205
    DuplicateKeyIdentifier,
    /// 206
    RecordLocked,
    /// 207
    ApplicationInternal,
}

impl ErrorCode {
    /// Code and text of table 0357.
    pub fn code_and_text(self) -> (&'static str, &'static str) {
        match self {
            Self::SegmentSequence => ("100", "Segment sequence error"),
            Self::RequiredFieldMissing => ("101", "Required field missing"),
            Self::DataType => ("102", "Data type error"),
            Self::TableValueNotFound => ("103", "Table value not found"),
            Self::UnsupportedMessageType => ("200", "Unsupported message type"),
            Self::UnsupportedEventCode => ("201", "Unsupported event code"),
            Self::UnsupportedProcessingId => ("202", "Unsupported processing id"),
            Self::UnsupportedVersion => ("203", "Unsupported version id"),
            Self::UnknownKeyIdentifier => ("204", "Unknown key identifier"),
            Self::DuplicateKeyIdentifier => ("205", "Duplicate key identifier"),
            Self::RecordLocked => ("206", "Application record locked"),
            Self::ApplicationInternal => ("207", "Application internal error"),
        }
    }
}

/// ERR-4, table 0516.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// `E`
    Error,
    /// `W`
    Warning,
    /// `I`
    Information,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "E",
            Self::Warning => "W",
            Self::Information => "I",
        }
    }
}

/// What was wrong with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckError {
    /// Where, if it can be told.
    pub location: Option<Location>,
    /// What kind.
    pub code: ErrorCode,
    /// What happened and what to do, for a person. No values of the message: acknowledgements are logged by senders.
    pub text: String,
    /// How bad.
    pub severity: Severity,
}

/// An answer to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// MSA-1.
    pub code: AckCode,
    /// Fills ERR, if any.
    pub error: Option<AckError>,
}

impl Ack {
    /// An answer that tells of success.
    pub fn accept(code: AckCode) -> Self {
        Self { code, error: None }
    }
}

/// What the answer's own header needs and only the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckStamp<'a> {
    /// MSH-7: now, as `YYYYMMDDHHMMSS[.SSS][+ZZZZ]`.
    pub time: &'a str,
    /// MSH-10: a control id of our own, at most 199 characters (20 before v2.7).
    pub control_id: &'a str,
    /// MSH-3 where the request did not name its receiver.
    pub application: &'a str,
    /// MSH-4 where the request did not name its receiver.
    pub facility: &'a str,
}

/// Builds an acknowledgement.
///
/// `request` is the message that is answered, or as much of it as [`parse_header`](super::parse_header) could read, or
/// `None` if not even that. Sender and receiver are swapped; delimiters, character set (MSH-18), processing id and version are the request's.
/// MSH-9 and ERR take the shape of that version: ERR-1 up to 2.4, ERR-2 to ERR-8 from 2.5 on. The result has no MLLP frame.
///
/// Source: HL7 v2.8 chapter 2, 2.9, 2.14.5 (ERR), 2.14.8 (MSA); v2.4 chapter 2, 2.16.5.
pub fn build(request: Option<&Message>, ack: &Ack, stamp: &AckStamp<'_>) -> Vec<u8> {
    let writer = Writer {
        request,
        delimiters: request.map_or_else(Delimiters::default, |request| *request.delimiters()),
    };
    let mut text = writer.header(stamp);
    writer.msa(ack, &mut text);
    if let Some(error) = &ack.error {
        writer.err(error, &mut text);
    }
    match request {
        Some(request) => request.charset().encode(&text).into_owned(),
        None => text.into_bytes(),
    }
}

struct Writer<'a> {
    request: Option<&'a Message>,
    delimiters: Delimiters,
}

impl<'a> Writer<'a> {
    /// A header field of the request as it was written, so that it needs no new escaping. Delimiters are the same.
    fn raw(&self, field: u32) -> &'a str {
        let field = self.request.and_then(|request| request.segment_at(0)?.field(field));
        // A line that was read as going on with MSH must not break the answer.
        field.map(|field| field.raw()).filter(|raw| !raw.contains(['\r', '\n'])).unwrap_or("")
    }

    fn escaped<'b>(&self, text: &'b str) -> Cow<'b, str> {
        escape(text, &self.delimiters)
    }

    fn version(&self) -> (u32, u32) {
        self.request.map_or((2, 5), Message::version_number)
    }

    fn segment(&self, name: &str, fields: &[Cow<'_, str>], text: &mut String) {
        let used = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
        text.push_str(name);
        for field in fields.iter().take(used) {
            text.push(char::from(self.delimiters.field));
            text.push_str(field);
        }
        text.push('\r');
    }

    /// Components joined, trailing empty ones left out.
    fn composite(&self, parts: &[&str], delimiter: u8) -> String {
        let used = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        parts.get(..used).unwrap_or(&[]).join(char::from(delimiter).to_string().as_str())
    }

    fn header(&self, stamp: &AckStamp<'_>) -> String {
        let or = |raw: &'a str, fallback: &'a str| -> Cow<'a, str> {
            if raw.is_empty() { self.escaped(fallback) } else { Cow::Borrowed(raw) }
        };
        let raw = |field: u32| Cow::Borrowed(self.raw(field));
        let application: Cow<'_, str> =
            if self.raw(5).is_empty() { self.escaped(stamp.application) } else { raw(5) };
        let facility: Cow<'_, str> =
            if self.raw(6).is_empty() { self.escaped(stamp.facility) } else { raw(6) };
        let encoding = Cow::Owned(self.delimiters.encoding_characters());
        let fields = [
            encoding,
            application,
            facility,
            raw(3),
            raw(4),
            self.escaped(stamp.time),
            Cow::Borrowed(""),
            self.message_type(),
            self.escaped(stamp.control_id),
            or(self.raw(11), "P"),
            or(self.raw(12), "2.5.1"),
            Cow::Borrowed(""),
            Cow::Borrowed(""),
            Cow::Borrowed(""),
            Cow::Borrowed(""),
            Cow::Borrowed(""),
            raw(18),
        ];
        let mut text = String::new();
        self.segment("MSH", &fields, &mut text);
        text
    }

    /// `ACK` before 2.3, `ACK^A01` before 2.4, `ACK^A01^ACK` since.
    fn message_type(&self) -> Cow<'static, str> {
        let event = self.request.and_then(Message::message_type).map(|kind| kind.event).unwrap_or_default();
        let event = self.escaped(&event);
        let structure = if self.version() >= (2, 4) { "ACK" } else { "" };
        match self.version() {
            (2, 0..=2) => Cow::Borrowed("ACK"),
            _ => Cow::Owned(self.composite(&["ACK", &event, structure], self.delimiters.component)),
        }
    }

    fn msa(&self, ack: &Ack, text: &mut String) {
        let error = ack.error.as_ref();
        let old = self.version() < (2, 5);
        // MSA-3 and MSA-6 were where errors stood; later versions withdrew them in favour of ERR.
        let note = error.filter(|_| old).map_or(Cow::Borrowed(""), |error| self.escaped(&error.text));
        let condition = match error.filter(|_| old && self.version() >= (2, 3)) {
            Some(error) => {
                let (code, name) = error.code.code_and_text();
                Cow::Owned(self.composite(&[code, name, "HL70357"], self.delimiters.component))
            }
            None => Cow::Borrowed(""),
        };
        let nothing = || Cow::Borrowed("");
        let fields = [
            Cow::Borrowed(ack.code.as_str()),
            Cow::Borrowed(self.raw(10)),
            note,
            nothing(),
            nothing(),
            condition,
        ];
        self.segment("MSA", &fields, text);
    }

    fn err(&self, error: &AckError, text: &mut String) {
        let (code, name) = error.code.code_and_text();
        let number = |number: u32| if number == 0 { String::new() } else { number.to_string() };
        let place = error.location.map(|place| {
            let numbers =
                [place.occurrence, place.field, place.repetition, place.component, place.subcomponent];
            (place.segment.to_string(), numbers.map(number))
        });
        let (segment, [occurrence, field, repetition, component, subcomponent]) = place.unwrap_or_default();
        if self.version() < (2, 5) {
            let subcomponents = self.delimiters.subcomponent.unwrap_or(b'&');
            let coded = self.composite(&[code, name, "HL70357"], subcomponents);
            let location = [segment.as_str(), &occurrence, &field, &coded];
            let joined = location.join(char::from(self.delimiters.component).to_string().as_str());
            self.segment("ERR", &[Cow::Owned(joined)], text);
            return;
        }
        let location = [segment.as_str(), &occurrence, &field, &repetition, &component, &subcomponent];
        let fields = [
            Cow::Borrowed(""),
            Cow::Owned(self.composite(&location, self.delimiters.component)),
            Cow::Owned(self.composite(&[code, name, "HL70357"], self.delimiters.component)),
            Cow::Borrowed(error.severity.as_str()),
            Cow::Borrowed(""),
            Cow::Borrowed(""),
            Cow::Borrowed(""),
            self.escaped(&error.text),
        ];
        self.segment("ERR", &fields, text);
    }
}
