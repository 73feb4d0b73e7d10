//! HL7 v2 text: segments and the parts that several messages share.

use formats::hl7v2::{Charset, Delimiters, escape};

use crate::moment::Moment;
use crate::names::Letters;
use crate::person::Person;

/// A segment that is filled by field number.
pub(crate) struct Segment {
    name: &'static str,
    fields: Vec<String>,
}

impl Segment {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// Sets a field, counted from 1, to text that is already escaped.
    pub(crate) fn set(mut self, number: usize, value: impl Into<String>) -> Self {
        if self.fields.len() < number {
            self.fields.resize(number, String::new());
        }
        if let Some(field) = self.fields.get_mut(number.saturating_sub(1)) {
            *field = value.into();
        }
        self
    }

    pub(crate) fn line(&self) -> String {
        format!("{}|{}", self.name, self.fields.join("|"))
    }
}

/// Text made fit for a field.
pub(crate) fn escaped(text: &str) -> String {
    escape(text, &Delimiters::default()).into_owned()
}

/// What a header needs.
pub(crate) struct Header<'a> {
    pub(crate) application: &'a str,
    pub(crate) facility: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) control_id: &'a str,
    pub(crate) sent: Moment,
    pub(crate) version: &'a str,
    pub(crate) letters: Letters,
}

/// The header and segments as bytes. Senders whose text is ASCII leave MSH-18 out; accented names go out in 8859/1 on every
/// second control id, else in UTF-8.
pub(crate) fn message(header: &Header<'_>, segments: &[Segment]) -> Vec<u8> {
    let old = header.control_id.bytes().last().is_some_and(|byte| byte % 2 == 0);
    let (named, charset) = match header.letters {
        Letters::Ascii => ("", Charset::UTF_8),
        Letters::Latin if old => ("8859/1", Charset::LATIN_1),
        _ => ("UNICODE UTF-8", Charset::UTF_8),
    };
    let mut first = Segment::new("MSH")
        .set(1, "^~\\&")
        .set(2, header.application)
        .set(3, header.facility)
        .set(4, "HUB")
        .set(5, "WARD")
        .set(6, header.sent.v2())
        .set(8, header.kind)
        .set(9, header.control_id)
        .set(10, "P")
        .set(11, header.version);
    if !named.is_empty() {
        first = first.set(17, named);
    }
    let mut text = String::new();
    for segment in std::iter::once(&first).chain(segments) {
        text.push_str(&segment.line());
        text.push('\r');
    }
    charset.encode(&text).into_owned()
}

/// A medical record number as CX.
pub(crate) fn mrn(number: &str) -> String {
    format!("{number}^^^NORTH&2.999.10.1&ISO^MR")
}

/// PID with the hospital's view of a person.
pub(crate) fn patient(person: &Person, identifiers: String) -> Segment {
    let name = |text: &str| escaped(text);
    let mut home = match &person.telephone {
        Some(last) => format!("(555)555-{last}^PRN^PH^^^555^555{last}"),
        None => String::new(),
    };
    if let Some(email) = &person.email {
        home = format!("{home}~^NET^Internet^{email}");
    }
    let address =
        format!("{}^^{}^ZZ^{}^^H", escaped(&person.street), escaped(&person.town), person.postal_code);
    let mut segment = Segment::new("PID")
        .set(1, "1")
        .set(3, identifiers)
        .set(5, format!("{}^{}^{}^^^^L", name(&person.family), name(&person.given), name(&person.middle)))
        .set(7, person.birth.v2_date())
        .set(8, person.sex.to_string())
        .set(11, address)
        .set(13, home)
        .set(15, "en^English^ISO639");
    if let Some(deceased) = person.deceased {
        segment = segment.set(29, deceased.v2()).set(30, "Y");
    }
    segment
}
