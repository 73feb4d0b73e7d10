//! What a sender is told, in both acknowledgement modes, and for each reason to put a message aside.

use crate::fixture::{adt_with, bench, told};

/// The answers to a message with these MSH-15 and MSH-16; `sound` or of an event that does not exist.
fn codes(modes: &str, sound: bool) -> Vec<String> {
    let bench = bench();
    let mut message = adt_with("C1", "1", "Alpha", "2.5.1", modes);
    if !sound {
        let text = String::from_utf8(message).unwrap();
        message = text.replace("ADT^A08^ADT_A01", "ADT^Z99^ADT_Z99").into_bytes();
    }
    let received = bench.ingest.receive_hl7v2(&bench.channel("adt"), &message);
    received.answers.iter().map(|answer| told(answer).0).collect()
}

#[test]
fn original_and_enhanced_mode_ask_for_what_table_0155_says() {
    for (modes, sound, expected) in [
        ("", true, vec!["AA"]),
        ("", false, vec!["AR"]),
        ("|||AL|NE", true, vec!["CA"]),
        ("|||AL|AL", true, vec!["CA", "AA"]),
        ("|||AL|AL", false, vec!["CA", "AR"]),
        ("|||NE|NE", true, vec![]),
        ("|||NE|AL", true, vec!["AA"]),
        ("|||NE|ER", true, vec![]),
        ("|||NE|ER", false, vec!["AR"]),
        ("|||NE|SU", true, vec!["AA"]),
        ("|||NE|SU", false, vec![]),
        ("|||SU|", true, vec!["CA"]),
        ("|||ER|", true, vec![]),
        ("||||SU", true, vec!["AA"]),
        // Codes that nobody knows must not leave a sender without an answer.
        ("|||XX|YY", true, vec!["AA"]),
        ("|||XX|NE", true, vec![]),
    ] {
        assert_eq!(codes(modes, sound), expected, "MSH-15 and 16 `{modes}`, sound: {sound}");
    }
}

#[test]
fn an_answer_names_the_message_and_its_sender() {
    let bench = bench();
    for version in ["2.1", "2.3", "2.5.1", "2.8"] {
        let message = adt_with("C77", version, "Alpha", version, "");
        let answer = bench.ingest.receive_hl7v2(&bench.channel("adt"), &message).answers.remove(0);
        assert_eq!(told(&answer), ("AA".to_owned(), "C77".to_owned(), String::new()), "{version}");
        let text = String::from_utf8(answer).unwrap();
        assert!(text.starts_with("MSH|^~\\&|WARD|WARD|ADT|NORTH|20261122"), "{text}");
        assert!(!text.contains("ERR"), "{text}");
    }
}

#[test]
fn an_acknowledgement_is_never_acknowledged() {
    let bench = bench();
    let ack = b"MSH|^~\\&|ADT|NORTH|WARD|WARD|20260102||ACK^A08^ACK|9|P|2.5.1\rMSA|AA|7\r";
    let received = bench.ingest.receive_hl7v2(&bench.channel("adt"), ack);
    assert_eq!(received.answers.len(), 0);
    assert_eq!(bench.aside(), [("adt".to_owned(), "unsupported")]);
}

#[test]
fn control_ids_of_answers_differ() {
    let bench = bench();
    let channel = bench.channel("adt");
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        let answer = bench.ingest.receive_hl7v2(&channel, b"junk").answers.remove(0);
        let text = String::from_utf8(answer).unwrap();
        assert!(ids.insert(text.split('|').nth(9).unwrap().to_owned()));
    }
}
