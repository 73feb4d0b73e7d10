//! One patient whose data are conspicuous: none of [`STRINGS`] may be found in any file, log or error of a system that has
//! loaded [`admission`], [`update`], [`result`] and [`bundle`].

use crate::clinic::Bundle;
use crate::json::{Json, object};
use crate::moment::Moment;
use crate::names::Letters;
use crate::person::Person;
use crate::random::Random;
use crate::segments::{Header, Segment, message, mrn, patient};
use crate::systems;

/// Family name.
pub const FAMILY: &str = "Zanzibarquux";
/// Given name.
pub const GIVEN: &str = "Canariella";
/// Medical record number, in [`systems::HOSPITAL`].
pub const MRN: &str = "7731415926535";
/// Street of the address.
pub const STREET: &str = "17 Flugelhorn Crescent";
/// Town of the address.
pub const TOWN: &str = "Wobblethorpe";
/// Last four digits of the telephone number; the feeds write `5550142` and `555-555-0142`.
pub const TELEPHONE_LAST: &str = "0142";
/// E-mail address.
pub const EMAIL: &str = "canariella.zanzibarquux@mail.example";
/// Text of a note, a result and a comment.
pub const NOTE: &str = "the canary walked the purple tightrope at noon";
/// What [`update`] changes the street to.
pub const STREET_NEW: &str = "4 Xylophone Mews";

/// What must be found nowhere; compare without regard to case.
pub const STRINGS: &[&str] = &[
    FAMILY,
    GIVEN,
    MRN,
    STREET,
    TOWN,
    EMAIL,
    NOTE,
    STREET_NEW,
    "5550142",
    "555-555-0142",
    "purple tightrope",
];

fn person() -> Person {
    Person {
        index: 0,
        given: GIVEN.to_owned(),
        middle: "Pip".to_owned(),
        family: FAMILY.to_owned(),
        letters: Letters::Ascii,
        sex: 'F',
        birth: Moment(-86_400 * 365 * 20),
        street: STREET.to_owned(),
        town: TOWN.to_owned(),
        postal_code: "00009".to_owned(),
        telephone: Some(TELEPHONE_LAST.to_owned()),
        email: Some(EMAIL.to_owned()),
        deceased: None,
        mrn: MRN.to_owned(),
        laboratory_number: format!("L{MRN}"),
        clinic_number: format!("C-{MRN}"),
    }
}

fn adt(trigger: &str, control_id: &str, sent: Moment, person: &Person) -> Vec<u8> {
    let kind = format!("ADT^{trigger}^ADT_A01");
    let segments = [
        Segment::new("EVN").set(1, trigger).set(2, sent.v2()),
        patient(person, mrn(&person.mrn)),
        visit(),
        Segment::new("AL1").set(1, "1").set(2, "DA").set(3, "7980^Penicillin G^RXNORM").set(5, NOTE),
    ];
    write(&kind, control_id, sent, &segments)
}

fn visit() -> Segment {
    Segment::new("PV1")
        .set(1, "1")
        .set(2, "I")
        .set(3, "4W^1^A^NORTH")
        .set(19, format!("V{MRN}^^^NORTH&2.999.10.1&ISO^VN"))
}

fn write(kind: &str, control_id: &str, sent: Moment, segments: &[Segment]) -> Vec<u8> {
    let header = Header {
        application: "ADT",
        facility: "NORTH",
        kind,
        control_id,
        sent,
        version: "2.5.1",
        letters: Letters::Ascii,
    };
    message(&header, segments)
}

/// An admission, ADT^A01.
pub fn admission() -> Vec<u8> {
    adt("A01", "CANARY1", Moment::START, &person())
}

/// An update that moves the patient to [`STREET_NEW`], ADT^A08.
pub fn update() -> Vec<u8> {
    let moved = Person { street: STREET_NEW.to_owned(), ..person() };
    adt("A08", "CANARY2", Moment::START.plus_minutes(30), &moved)
}

/// A result whose text and comment are [`NOTE`], ORU^R01.
pub fn result() -> Vec<u8> {
    let sent = Moment::START.plus_minutes(60);
    let code = "8251-1^Service comment^LN";
    let segments = [
        patient(&person(), mrn(MRN)),
        visit(),
        Segment::new("OBR").set(1, "1").set(3, "F1^LAB").set(4, code).set(7, sent.v2()).set(25, "F"),
        Segment::new("OBX").set(1, "1").set(2, "ST").set(3, code).set(5, NOTE).set(11, "F"),
        Segment::new("NTE").set(1, "1").set(3, NOTE),
    ];
    write("ORU^R01^ORU_R01", "CANARY3", sent, &segments)
}

/// The same patient from the clinic, with [`NOTE`] as a result in plain text and as an attached document: a FHIR R4
/// transaction bundle.
pub fn bundle() -> Vec<u8> {
    let person = person();
    let at = Moment::START.plus_minutes(90);
    let mut bundle = Bundle { person: &person, nth: 0, at, entries: Vec::new(), uuids: Random::new(1) };
    let organization = object! { "display": "Lakeside Family Clinic" };
    let patient = bundle.patient(true, &organization);
    let observation = object! {
        "resourceType": "Observation",
        "status": "final",
        "code": object! { "text": "Comment" },
        "subject": patient.clone(),
        "effectiveDateTime": at.fhir(),
        "valueString": NOTE,
        "note": vec![object! { "text": NOTE }],
    };
    let request = object! { "method": "POST", "url": "Observation" };
    bundle.entries.push(object! { "resource": observation, "request": request });
    let document = object! {
        "resourceType": "DocumentReference",
        "status": "current",
        "description": NOTE,
        "subject": patient,
        "content": vec![object! { "attachment": object! { "contentType": "text/plain", "title": NOTE } }],
    };
    let request = object! { "method": "POST", "url": "DocumentReference" };
    bundle.entries.push(object! { "resource": document, "request": request });
    let bundle: Json = object! { "resourceType": "Bundle", "type": "transaction", "entry": bundle.entries };
    bundle.to_bytes()
}

/// How to find the patient: `Patient?identifier=` this.
pub fn identifier() -> String {
    format!("{}|{MRN}", systems::HOSPITAL)
}
