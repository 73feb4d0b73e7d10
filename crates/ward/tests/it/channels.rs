//! MLLP conversations: both acknowledgement modes, what a frame may not be, and many messages on one connection.

use std::time::Duration;

use formats::hl7v2::mllp::frame;
use testkit::canary;

use crate::support::line::{adt, code, field};
use crate::support::{Client, Folder, Line, Server, names};

fn open() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let token = folder.token();
    let server = folder.serve();
    let client = server.client(&token);
    (folder, server, client)
}

fn found(client: &mut Client, mrn: &str) -> usize {
    names(&client.search(&format!("Patient?identifier=urn:oid:2.999.10.1|{mrn}"))).len()
}

/// The message with MSH-15 and MSH-16.
fn enhanced(message: &[u8], accept: &str, application: &str) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    text.replacen("|P|2.5.1\r", &format!("|P|2.5.1|||{accept}|{application}\r"), 1).into_bytes()
}

#[test]
fn an_acknowledgement_names_the_message_and_comes_after_the_commit() {
    let (_folder, mut server, mut client) = open();
    let mut line = server.line("adt");
    line.write(&adt("A28", "C-1", "M1", "Oak")).unwrap();
    let answer = line.read().unwrap();
    assert_eq!((code(&answer).as_str(), field(&answer, "MSA-2").as_str()), ("AA", "C-1"));
    assert_eq!(field(&answer, "MSH-9.1"), "ACK");
    assert_eq!((field(&answer, "MSH-5"), field(&answer, "MSH-6")), ("ADT".to_owned(), "NORTH".to_owned()));
    assert_eq!(found(&mut client, "M1"), 1, "what is acknowledged is found at once");
    assert_eq!(line.send(&adt("A28", "C-1", "M1", "Oak")), "AA", "a duplicate is accepted");
    assert_eq!(found(&mut client, "M1"), 1);

    line.write(&adt("Z99", "C-2", "M2", "Elm")).unwrap();
    let answer = line.read().unwrap();
    assert_eq!((code(&answer).as_str(), field(&answer, "MSA-2").as_str()), ("AR", "C-2"));
    assert!(!field(&answer, "ERR-3.1").is_empty() && field(&answer, "ERR-4") == "E", "{answer:?}");
    assert_eq!(line.send(b"this is no message"), "AR");
    let no_patient = adt("A28", "C-3", "", "Ash");
    assert_eq!(line.send(&no_patient), "AE");
    assert_eq!(line.send(&adt("A28", "C-4", "M4", "Yew")), "AA", "the connection goes on");
    server.stop();
}

#[test]
fn enhanced_mode_answers_what_is_asked_for_and_nothing_else() {
    let (_folder, mut server, mut client) = open();
    let mut line = server.line("adt");
    let good = |number: usize| adt("A28", &format!("E-{number}"), &format!("E{number}"), "Oak");
    let bad = |number: usize| adt("Z99", &format!("E-{number}"), &format!("E{number}"), "Oak");
    let mut check = |message: Vec<u8>, accept: &str, application: &str, expected: &[&str]| {
        line.write(&enhanced(&message, accept, application)).unwrap();
        let codes: Vec<String> = expected.iter().map(|_| code(&line.read().unwrap())).collect();
        assert_eq!(codes, expected, "{accept} {application}");
    };
    check(good(1), "AL", "AL", &["CA", "AA"]);
    check(good(2), "AL", "NE", &["CA"]);
    check(good(3), "NE", "AL", &["AA"]);
    check(good(4), "NE", "NE", &[]);
    check(good(5), "AL", "ER", &["CA"]);
    check(good(6), "ER", "SU", &["AA"]);
    check(good(7), "", "AL", &["AA"]);
    check(bad(8), "AL", "ER", &["CA", "AR"]);
    check(bad(9), "AL", "SU", &["CA"]);
    check(bad(10), "SU", "AL", &["CA", "AR"]);
    check(good(11), "AL", "", &["CA"]);
    // Nothing more was said than was asked for: the next answer belongs to the next question.
    line.write(&good(12)).unwrap();
    assert_eq!(field(&line.read().unwrap(), "MSA-2"), "E-12");
    for number in 1..=7 {
        assert_eq!(found(&mut client, &format!("E{number}")), 1, "{number}");
    }
    server.stop();
}

#[test]
fn junk_and_broken_frames_cost_nothing_but_themselves() {
    let (_folder, mut server, mut client) = open();
    let mut line = server.line("adt");
    line.raw(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(line.send(&adt("A28", "J-1", "J1", "Oak")), "AA");
    line.raw(b"\r\n\0\0 \r\n").unwrap();
    assert_eq!(line.send(&adt("A28", "J-2", "J2", "Oak")), "AA");
    // A frame that is never ended, then a whole one.
    line.raw(&[b"\x0b".as_slice(), &adt("A28", "J-3", "J3", "Oak")].concat()).unwrap();
    line.write(&adt("A28", "J-4", "J4", "Oak")).unwrap();
    assert_eq!(field(&line.read().unwrap(), "MSA-2"), "J-4");
    // An empty frame is answered, as anything else in a frame.
    line.write(b"").unwrap();
    assert_eq!(code(&line.read().unwrap()), "AR");
    // Over the channel's limit of 200,000 bytes: dropped, and the line lives.
    let long = adt("A28", "J-5", "J5", &"x".repeat(300_000));
    line.write(&long).unwrap();
    line.write(&adt("A28", "J-6", "J6", "Oak")).unwrap();
    let mut answer = line.read().unwrap();
    if field(&answer, "MSA-2") != "J-6" {
        assert_eq!(code(&answer), "AR", "an over-long message may be told so");
        answer = line.read().unwrap();
    }
    assert_eq!((code(&answer).as_str(), field(&answer, "MSA-2").as_str()), ("AA", "J-6"));
    // Byte by byte.
    for byte in frame(&adt("A28", "J-7", "J7", "Oak")) {
        line.raw(&[byte]).unwrap();
    }
    assert_eq!(field(&line.read().unwrap(), "MSA-2"), "J-7");
    for (mrn, count) in [("J1", 1), ("J2", 1), ("J3", 0), ("J4", 1), ("J5", 0), ("J6", 1), ("J7", 1)] {
        assert_eq!(found(&mut client, mrn), count, "{mrn}");
    }
    server.stop();
}

#[test]
fn many_messages_in_one_write_are_answered_one_by_one_in_order() {
    let (_folder, mut server, mut client) = open();
    let mut line = server.line("adt");
    let all: Vec<u8> = (0..25)
        .flat_map(|number| frame(&adt("A28", &format!("B-{number}"), &format!("B{number}"), "Oak")))
        .collect();
    line.raw(&all).unwrap();
    for number in 0..25 {
        let answer = line.read().unwrap();
        assert_eq!((code(&answer), field(&answer, "MSA-2")), ("AA".to_owned(), format!("B-{number}")));
    }
    assert!(line.is_silent_for(Duration::from_millis(200)), "one answer a message");
    assert_eq!(names(&client.search("Patient?name=Oak&_count=100")).len(), 25);
    server.stop();
}

#[test]
fn several_connections_and_a_plaintext_channel_work_side_by_side() {
    let (_folder, mut server, mut client) = open();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let mut line = match sender {
                0 => Line::plain(server.channel("plain")).unwrap(),
                _ => server.line("adt"),
            };
            scope.spawn(move || {
                for number in 0..8 {
                    let name = format!("S{sender}N{number}");
                    assert_eq!(line.send(&adt("A28", &name, &name, "Elm")), "AA");
                }
            });
        }
    });
    assert_eq!(names(&client.search("Patient?name=Elm&_count=100")).len(), 32);
    server.stop();
}

#[test]
fn a_message_by_https_is_answered_with_its_acknowledgement() {
    let (_folder, mut server, mut client) = open();
    let answer = client.call("POST", "/channels/post", &[], &canary::admission());
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/hl7-v2"));
    assert!(String::from_utf8_lossy(&answer.body).contains("\rMSA|AA|CANARY1"));
    let wish = [("accept", "application/json")];
    let answer = client.call("POST", "/channels/post", &wish, &canary::admission());
    assert_eq!(answer.body.as_ref(), br#"{"outcome":"unchanged"}"#);
    let answer = client.call("POST", "/channels/post", &wish, &canary::bundle());
    assert!(answer.body.starts_with(br#"{"outcome":"committed""#), "{answer:?}");
    // Any channel's settings can be had this way: so `ward ingest --channel adt` goes through a running server.
    assert_eq!(client.call("POST", "/channels/adt", &wish, &adt("A28", "H-1", "H1", "Oak")).status, 200);
    client.call("POST", "/channels/nobody", &[], &canary::admission()).refused(404);
    client.call("POST", "/channels/post", &[], &vec![b'x'; 2_000_001]).refused(413);
    server.stop();
}
