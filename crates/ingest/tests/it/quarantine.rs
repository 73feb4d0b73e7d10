//! What is kept but not committed: each cause, its way out, and that it survives.

use ingest::{Outcome, ReplayError};
use storage::fault::FaultDisk;

use crate::fixture::{
    adt, adt_with, bench, cause, channels, is_committed, observation, on, patient, plain, told,
};

fn v2(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(adt("C1", "1", "Alpha")).unwrap();
    assert!(text.contains(from));
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn each_cause_has_its_word_and_its_answer() {
    for (message, expected, code) in [
        (b"".to_vec(), "unreadable", "AR"),
        (b"\x00\xFF\x17 junk".to_vec(), "unreadable", "AR"),
        (v2("MSH|^~\\&", "MSH|^^^&"), "unreadable", "AR"),
        (v2("ADT^A08^ADT_A01", "ADT^Z99"), "unsupported", "AR"),
        (v2("ADT^A08^ADT_A01", ""), "incomplete", "AE"),
        (v2("PID|1||1^^^NORTH&2.999.10.1&ISO^MR", "ZPD|"), "incomplete", "AE"),
        (v2("1^^^NORTH&2.999.10.1&ISO^MR", ""), "incomplete", "AE"),
    ] {
        let bench = bench();
        let received = bench.ingest.receive_hl7v2(&bench.channel("adt"), &message);
        let shown = String::from_utf8_lossy(&message).into_owned();
        assert_eq!(cause(&received.outcome), expected, "{shown}");
        assert!(matches!(received.outcome, Outcome::Quarantined(_)));
        let (told_code, _, words) = told(&received.answers[0]);
        assert_eq!(told_code, code, "{shown}");
        assert!(words.starts_with("kept in quarantine: "), "{words}");
        assert_eq!(bench.aside(), [("adt".to_owned(), expected)]);
        assert_eq!(bench.versions(), 0);
    }
}

#[test]
fn several_messages_in_one_are_refused_whole() {
    let bench = bench();
    let both = [adt("C1", "1", "Alpha"), adt("C2", "2", "Beta")].concat();
    let received = bench.ingest.receive_hl7v2(&bench.channel("adt"), &both);
    assert_eq!(cause(&received.outcome), "unreadable");
    assert_eq!(told(&received.answers[0]).0, "AR");
    assert_eq!(bench.versions(), 0);
}

#[test]
fn fhir_has_the_same_causes() {
    let transaction =
        |entry: &str| format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entry}]}}"#);
    let conditional = transaction(
        r#"{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier=a|b"}},"request":{"method":"POST","url":"Observation"}}"#,
    );
    for (text, expected) in [
        (r#"{"resourceType":"Patient""#.to_owned(), "unreadable"),
        (r#"{"name":"x"}"#.to_owned(), "unreadable"),
        ("[1]".to_owned(), "unreadable"),
        (r#"{"resourceType":"Wizard","id":"x"}"#.to_owned(), "invalid"),
        (r#"{"resourceType":"Patient","id":"x","mood":"good"}"#.to_owned(), "invalid"),
        (r#"{"resourceType":"Patient","id":"not an id"}"#.to_owned(), "invalid"),
        (r#"{"resourceType":"Bundle","type":"collection","entry":[]}"#.to_owned(), "incomplete"),
        (conditional, "unresolved"),
        (observation("o", "nobody"), "unresolved"),
    ] {
        let bench = bench();
        let outcome = bench.send("fhir", text.as_bytes());
        assert_eq!(cause(&outcome), expected, "{text}");
        assert_eq!(bench.aside(), [("fhir".to_owned(), expected)]);
        assert_eq!(bench.versions(), 0);
    }
}

#[test]
fn a_message_over_the_limit_is_refused_and_not_kept() {
    let mut small = plain("small");
    small.message_bytes_max = 500;
    let bench = on(&FaultDisk::new(1), vec![small]).unwrap();
    let long = adt("C1", "1", &"A".repeat(600));
    let received = bench.ingest.receive_hl7v2(&bench.channel("small"), &long);
    assert!(matches!(received.outcome, Outcome::Refused(_)));
    let (code, id, words) = told(&received.answers[0]);
    assert_eq!((code.as_str(), id.as_str()), ("AR", "C1"));
    assert!(words.contains("over 500 bytes"), "{words}");
    let enhanced = adt_with("C2", "1", &"A".repeat(600), "2.5.1", "|||AL|AL");
    let answers = bench.ingest.receive_hl7v2(&bench.channel("small"), &enhanced).answers;
    let codes: Vec<String> = answers.iter().map(|answer| told(answer).0).collect();
    assert_eq!(codes, ["CR"], "after the refusal nothing more is to be expected");
    assert_eq!((bench.aside().len(), bench.archive.len()), (0, 0));
}

#[test]
fn the_list_survives_a_restart_and_is_oldest_first() {
    let disk = FaultDisk::new(1);
    let sent = [b"junk".to_vec(), v2("ADT^A08^ADT_A01", "ADT^Z99")];
    let before = {
        let bench = on(&disk, channels()).unwrap();
        sent.iter().for_each(|message| assert!(bench.send("adt", message).is_kept()));
        bench.send("lab", b"junk");
        bench.ingest.quarantined(None)
    };
    assert_eq!(before.len(), 3);
    let bench = on(&disk.crash(), channels()).unwrap();
    assert_eq!(bench.ingest.quarantined(None), before);
    assert_eq!(bench.ingest.quarantined(Some("lab")).len(), 1);
    // What is there already stays as it is.
    bench.send("adt", &sent[0]);
    assert_eq!(bench.ingest.quarantined(None), before);
}

#[test]
fn a_channel_set_up_better_lets_its_quarantine_through() {
    // The sender writes Latin-1 and does not say so.
    let mut message = adt("C1", "1", "Alpha");
    message.extend_from_slice(b"NTE|1||caf\xE9\r");
    let unknown = v2("ADT^A08^ADT_A01", "ADT^Z99");
    let mut small = plain("adt");
    small.message_bytes_max = 4000;
    let disk = FaultDisk::new(1);
    {
        let bench = on(&disk, vec![small]).unwrap();
        let resource = format!(r#"{{"resourceType":"Basic","code":{{"text":"{}"}}}}"#, "x".repeat(3000));
        assert!(is_committed(&bench.send("adt", resource.as_bytes())));
        assert!(!bench.send("adt", &unknown).is_success());
        assert!(!bench.send("adt", observation("o", "late").as_bytes()).is_success());
        assert!(is_committed(&bench.send("adt", patient("late", "Alpha").as_bytes())));
        assert_eq!(bench.aside().len(), 2);
    }
    let bench = on(&disk.kill(), vec![plain("adt")]).unwrap();
    let mut outcomes = Vec::new();
    bench
        .ingest
        .replay_quarantined(&bench.channel("adt"), &mut |outcome| outcomes.push(cause(outcome)))
        .unwrap();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["committed", "unsupported"]);
    assert_eq!(bench.aside(), [("adt".to_owned(), "unsupported")]);
    assert!(bench.access().read("Observation", "o").is_ok());
    bench.check();
}

#[test]
fn a_replay_maps_with_the_zone_and_authorities_of_now_and_only_once() {
    let message = adt("C1", "1", "Alpha");
    let text = String::from_utf8(message).unwrap();
    let message = text
        .replace("1^^^NORTH&2.999.10.1&ISO^MR", "1^^^NORTH&2.999.10.1&ISO^MR~77^^^PLAN^SB")
        .replace(
            "PV1|1|N",
            "PV1|1|I|||||||||||||||||V1^^^NORTH&2.999.10.1&ISO|||||||||||||||||||||||||20260102030405",
        )
        .into_bytes();
    let disk = FaultDisk::new(1);
    let before = {
        let bench = on(&disk, vec![plain("adt")]).unwrap();
        assert!(is_committed(&bench.send("adt", &message)));
        bench.versions()
    };
    let mut better = plain("adt");
    better.zone = Some("Europe/Berlin".to_owned());
    better.authorities.insert("PLAN".to_owned(), "urn:oid:2.999.77".to_owned());
    let bench = on(&disk.kill(), vec![better]).unwrap();
    // Delivered again it is known, and nothing happens.
    assert_eq!(bench.send("adt", &message), Outcome::Unchanged);
    let replay = || {
        let mut words = Vec::new();
        bench.ingest.replay_all(&bench.channel("adt"), &mut |outcome| words.push(outcome.word())).unwrap();
        (words, bench.versions())
    };
    let (words, after) = replay();
    assert_eq!(words, ["committed"]);
    assert!(after > before, "the new zone and authority change what is stored");
    assert_eq!(replay(), (vec!["unchanged"], after), "a replay that says nothing new makes no version");
    let newest = bench.history().into_iter().find(|version| version.resource_type == "Patient").unwrap();
    let newest = String::from_utf8(newest.body).unwrap();
    assert!(newest.contains("urn:oid:2.999.77"), "the authority is the one of now");
    bench.check();
}

#[test]
fn a_quarantined_message_that_the_archive_lacks_stops_the_replay_with_a_word() {
    let disk = FaultDisk::new(1);
    {
        let bench = on(&disk, channels()).unwrap();
        bench.send("adt", b"junk");
    }
    let disk = disk.kill();
    for path in disk.files() {
        if path.starts_with("/archive") {
            storage::disk::Disk::remove(&disk, &path).unwrap();
        }
    }
    let bench = on(&disk, channels()).unwrap();
    let stopped = bench.ingest.replay_quarantined(&bench.channel("adt"), &mut |_| {});
    assert!(matches!(stopped, Err(ReplayError::Missing)));
}
