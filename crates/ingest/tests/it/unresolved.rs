//! References to what is not there: refused at the door, kept, and taken when the target has come.

use fhir::outcome::IssueType;
use ingest::{Outcome, Run};

use crate::fixture::{Bench, bench, cause, is_committed, observation, patient};

fn reason(outcome: &Outcome) -> String {
    let Outcome::Quarantined(reason) = outcome else { panic!("{outcome:?}") };
    reason.text.clone()
}

fn collection(entries: &[String]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| format!(r#"{{"resource":{entry}}}"#)).collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
}

fn transaction(entries: &[(String, &str)]) -> String {
    let entry = |(resource, url): &(String, &str)| {
        format!(r#"{{"resource":{resource},"request":{{"method":"PUT","url":"{url}"}}}}"#)
    };
    let entries: Vec<String> = entries.iter().map(entry).collect();
    format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","))
}

#[test]
fn the_reason_names_the_place_and_no_value() {
    let bench = bench();
    for (text, place) in [
        (observation("o", "secret1"), "Observation.subject: "),
        (collection(&[patient("a", "A"), observation("o", "secret1")]), "Observation.subject: "),
        (
            transaction(&[(patient("a", "A"), "Patient/a"), (observation("o", "secret1"), "Observation/o")]),
            "Bundle.entry[1].resource.subject: ",
        ),
        (
            r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"performer":[{"display":"x"},{"reference":"Practitioner/secret1/_history/3"}]}"#.to_owned(),
            "Observation.performer[1]: ",
        ),
        (
            r##"{"resourceType":"Patient","id":"p","contained":[{"resourceType":"Basic","id":"c","code":{"text":"x"},"subject":{"reference":"Patient/secret1"}}],"extension":[{"url":"http://a.example/b","valueReference":{"reference":"#c"}}]}"##.to_owned(),
            "Patient.contained[0].subject: ",
        ),
    ] {
        let outcome = bench.send("fhir", text.as_bytes());
        assert_eq!(cause(&outcome), "unresolved", "{text}");
        let reason = reason(&outcome);
        assert_eq!(reason, format!("{place}refers to a resource that is not there"));
    }
    assert_eq!(bench.versions(), 0, "nothing of a refused message is stored");
}

#[test]
fn what_comes_along_stands_already_or_lies_elsewhere_is_no_reason() {
    let bench = bench();
    for text in [
        collection(&[observation("o1", "a"), patient("a", "A")]),
        transaction(&[(observation("o2", "b"), "Observation/o2"), (patient("b", "B"), "Patient/b")]),
        observation("o3", "a"),
        observation("o4", "a").replace("Patient/a", "Patient/a/_history/1"),
        observation("o5", "a").replace("Patient/a", "http://elsewhere.example/fhir/Patient/x"),
        observation("o6", "a").replace(r#""reference":"Patient/a""#, r#""identifier":{"value":"x"}"#),
    ] {
        let outcome = bench.send("fhir", text.as_bytes());
        assert!(is_committed(&outcome), "{outcome:?} {text}");
    }
    bench.check();
}

#[test]
fn a_deleted_target_is_not_there_and_one_deleted_by_the_message_neither() {
    let bench = bench();
    bench.send("fhir", patient("a", "A").as_bytes());
    bench.send("fhir", patient("b", "B").as_bytes());
    bench.access().delete("Patient", "a", None).unwrap();
    assert_eq!(cause(&bench.send("fhir", observation("o", "a").as_bytes())), "unresolved");
    let both = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[
        {{"request":{{"method":"DELETE","url":"Patient/b"}}}},
        {{"resource":{},"request":{{"method":"PUT","url":"Observation/o"}}}}]}}"#,
        observation("o", "b")
    );
    assert_eq!(cause(&bench.send("fhir", both.as_bytes())), "unresolved");
    assert!(bench.access().read("Patient", "b").is_ok());
}

#[test]
fn a_rest_client_may_still_write_what_leads_nowhere_and_a_feed_may_then_go_on_with_it() {
    let bench = bench();
    let read = |text: &str| crate::fixture::json(text.as_bytes());
    bench.access().update("Observation", "o", read(&observation("o", "nobody")), None).unwrap();
    let changed = observation("o", "nobody").replace("Pulse", "Heart rate");
    assert!(is_committed(&bench.send("fhir", changed.as_bytes())), "the feed did not bring the reference");
    let another = changed.replace("nobody", "noone");
    assert_eq!(cause(&bench.send("fhir", another.as_bytes())), "unresolved");
}

#[test]
fn the_store_says_not_found_with_the_place() {
    let bench = bench();
    let source = repository::Source {
        message_identity: b"m".to_vec(),
        archive_digest: Vec::new(),
        channel: "fhir".into(),
    };
    let value = crate::fixture::json(observation("o", "x").as_bytes());
    let change = repository::Change::Put { value, expected: repository::Expected::Any };
    let error = bench.access().apply(vec![change], &source).unwrap_err();
    assert_eq!(error.kind(), repository::ErrorKind::NotFound);
    let issue = &error.issues()[0];
    assert_eq!(
        (issue.code, issue.expression.as_slice()),
        (IssueType::NotFound, &["Observation.subject".to_owned()][..])
    );
}

fn run(bench: &Bench, files: &[String]) -> ingest::files::Tally {
    let folder = tempfile::tempdir().unwrap();
    let channel = bench.channel("fhir");
    let mut deliver = |bytes: &[u8]| bench.ingest.receive(&channel, bytes).outcome;
    let mut run = Run::new(1 << 20, &mut deliver);
    for (number, text) in files.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, text).unwrap();
        assert!(run.take(&path).stopped.is_none());
    }
    run.finish()
}

#[test]
fn the_order_of_files_and_lines_does_not_matter() {
    let encounter = r#"{"resourceType":"Encounter","id":"e","status":"planned","class":{"code":"AMB"},"subject":{"reference":"Patient/p"}}"#;
    let report = r#"{"resourceType":"DiagnosticReport","id":"d","status":"final","code":{"text":"x"},"encounter":{"reference":"Encounter/e"}}"#;
    let files = [
        format!("{report}\n{}\n", observation("lost", "never")),
        encounter.to_owned(),
        format!("{}\n{}\n", observation("o", "p"), patient("p", "Alpha")),
    ];
    let bench = bench();
    let tally = run(&bench, &files);
    assert_eq!((tally.files, tally.messages), (3, 5));
    assert_eq!((tally.committed, tally.unchanged, tally.quarantined, tally.failed), (4, 0, 1, 0));
    assert_eq!(tally.resources, 4);
    assert_eq!(bench.aside(), [("fhir".to_owned(), "unresolved")]);
    let again = run(&bench, &files);
    assert_eq!((again.committed, again.unchanged, again.quarantined), (0, 4, 1));
    assert_eq!(bench.versions(), 4);
    bench.check();
}

#[test]
fn a_target_deleted_while_messages_refer_to_it_leaves_no_reference_from_a_later_commit() {
    for round in 0..8 {
        let bench = bench();
        bench.send("fhir", patient("a", "A").as_bytes());
        let (outcome, deleted) = std::thread::scope(|scope| {
            let feed = scope.spawn(|| bench.send("fhir", observation("o", "a").as_bytes()));
            let client = scope.spawn(|| bench.access().delete("Patient", "a", None));
            (feed.join().unwrap(), client.join().unwrap())
        });
        let deleted = deleted.unwrap();
        match cause(&outcome) {
            "committed" => {
                let observation = bench.access().read("Observation", "o").unwrap();
                assert!(
                    observation.last_updated_ms <= deleted.versioned.last_updated_ms,
                    "round {round}: committed after its target was deleted"
                );
            }
            other => assert_eq!(other, "unresolved"),
        }
    }
}
