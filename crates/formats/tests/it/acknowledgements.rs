use formats::hl7v2::ack::{Ack, AckCode, AckError, AckStamp, ErrorCode, Severity, build};
use formats::hl7v2::{AckCondition, Message};

use crate::{message, read};

const STAMP: AckStamp<'_> =
    AckStamp { time: "20260102030405+0000", control_id: "W1", application: "WARD", facility: "HUB" };

fn rejected() -> Ack {
    let error = AckError {
        location: Some("PID[2]-3[2].4".parse().unwrap()),
        code: ErrorCode::RequiredFieldMissing,
        text: "no assigning authority | add one\nthen resend".to_owned(),
        severity: Severity::Error,
    };
    Ack { code: AckCode::AE, error: Some(error) }
}

fn lines(request: Option<&Message>, ack: &Ack) -> Vec<String> {
    let bytes = build(request, ack, &STAMP);
    let text = String::from_utf8(bytes).unwrap();
    text.strip_suffix('\r').unwrap().split('\r').map(str::to_owned).collect()
}

#[test]
fn success_mirrors_the_header() {
    let request = message(
        "MSH|^~\\&|LAB^1.2^ISO|NORTH|HUBAPP|HUBFAC|2026||ADT^A01^ADT_A01|C\\F\\1|T|2.5.1||||||UNICODE UTF-8\r",
    );
    let expected = [
        "MSH|^~\\&|HUBAPP|HUBFAC|LAB^1.2^ISO|NORTH|20260102030405+0000||ACK^A01^ACK|W1|T|2.5.1||||||UNICODE UTF-8",
        "MSA|AA|C\\F\\1",
    ];
    assert_eq!(lines(Some(&request), &Ack::accept(AckCode::AA)), expected);
}

#[test]
fn an_error_takes_the_shape_of_the_version() {
    let request = |version: &str| message(&format!("MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|{version}\r"));
    let new = lines(Some(&request("2.5")), &rejected());
    assert_eq!(new[0], "MSH|^~\\&|C|D|A|B|20260102030405+0000||ACK^A01^ACK|W1|P|2.5");
    assert_eq!(new[1], "MSA|AE|1");
    let text = "no assigning authority \\F\\ add one\\X0A\\then resend";
    assert_eq!(new[2], format!("ERR||PID^2^3^2^4|101^Required field missing^HL70357|E||||{text}"));
    let old = lines(Some(&request("2.3.1")), &rejected());
    assert_eq!(old[0], "MSH|^~\\&|C|D|A|B|20260102030405+0000||ACK^A01|W1|P|2.3.1");
    assert_eq!(old[1], format!("MSA|AE|1|{text}|||101^Required field missing^HL70357"));
    assert_eq!(old[2], "ERR|PID^2^3^101&Required field missing&HL70357");
    let oldest = lines(Some(&request("2.1")), &rejected());
    assert_eq!(oldest[0], "MSH|^~\\&|C|D|A|B|20260102030405+0000||ACK|W1|P|2.1");
    assert_eq!(oldest[1], format!("MSA|AE|1|{text}"));
}

#[test]
fn odd_delimiters_are_kept_and_our_text_is_escaped_for_them() {
    let request = message("MSH*:-!+*A*B*C*D*2026**ADT:A01*1*P*2.6\r");
    let mut ack = rejected();
    ack.error.as_mut().unwrap().text = "a*b:c".to_owned();
    let answer = lines(Some(&request), &ack);
    assert_eq!(answer[0], "MSH*:-!+*C*D*A*B*20260102030405!T!0000**ACK:A01:ACK*W1*P*2.6");
    assert_eq!(answer[2], "ERR**PID:2:3:2:4*101:Required field missing:HL70357*E****a!F!b!S!c");
}

#[test]
fn a_request_that_could_not_be_read_is_answered_all_the_same() {
    let ack = Ack { code: AckCode::AR, ..rejected() };
    let answer = lines(None, &ack);
    assert_eq!(answer[0], "MSH|^~\\&|WARD|HUB|||20260102030405+0000||ACK^^ACK|W1|P|2.5.1");
    assert_eq!(answer[1], "MSA|AR");
    assert!(answer[2].starts_with("ERR||PID^2^3"));
}

#[test]
fn an_error_without_a_place_has_an_empty_one() {
    let mut ack = rejected();
    ack.error.as_mut().unwrap().location = None;
    assert!(lines(None, &ack)[2].starts_with("ERR|||101^Required"));
}

#[test]
fn the_answer_is_in_the_requests_character_set() {
    let request = read(b"MSH|^~\\&|M\xFC|B|C|D|2026||ADT^A01|1|P|2.5||||||8859/1\r").message;
    let bytes = build(Some(&request), &Ack::accept(AckCode::CA), &STAMP);
    assert!(bytes.windows(2).any(|pair| pair == b"M\xFC"));
    let answer = read(&bytes);
    assert_eq!(answer.problems, []);
    assert_eq!(answer.message.receiving_application().unwrap(), "Mü");
    assert_eq!(answer.message.get("MSA-1").unwrap(), "CA");
}

#[test]
fn enhanced_mode_says_when_answers_are_wanted() {
    let plain = message("MSH|^~\\&|A\r");
    assert!(!plain.is_enhanced_mode());
    let enhanced = message("MSH|^~\\&|A||||||||||||AL|ER\r");
    assert!(enhanced.is_enhanced_mode());
    assert_eq!(enhanced.accept_acknowledgement(), Some(AckCondition::Always));
    let application = enhanced.application_acknowledgement().unwrap();
    assert!(application.wants(false) && !application.wants(true));
}
