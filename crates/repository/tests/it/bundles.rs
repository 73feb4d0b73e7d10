use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fhir::json::Value;
use repository::{Access, Parts, Store};
use storage::fault::FaultDisk;
use storage::log::{Log, LogError, ReadLimit, Seq};
use storage::seal::Sealed;

use crate::fixture::{
    Hospital, body, family, hospital, json, kind, memory_engine, observation, parts, patient,
};

fn bundle(kind: &str, entries: &[&str]) -> Value {
    json(&format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(",")))
}

fn entry(full_url: &str, method: &str, url: &str, resource: Option<&Value>) -> String {
    let resource = resource.map(|value| format!(r#","resource":{value}"#)).unwrap_or_default();
    format!(r#"{{"fullUrl":"{full_url}"{resource},"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

fn statuses(response: &Value) -> Vec<String> {
    let entries = response.get("entry").map(Value::elements).unwrap_or_default();
    let status =
        |entry: &Value| entry.get("response")?.get("status")?.as_str().map(|status| status[..3].to_owned());
    entries.iter().map(|entry| status(entry).unwrap()).collect()
}

fn location(response: &Value, at: usize) -> String {
    let location = response.get("entry").unwrap().at(at).unwrap().get("response").unwrap().get("location");
    location.unwrap().as_str().unwrap().split("/_history").next().unwrap().to_owned()
}

fn read(access: &Access, path: &str) -> Value {
    let (resource_type, id) = path.split_once('/').unwrap();
    body(&access.read(resource_type, id).unwrap())
}

#[test]
fn references_to_entries_become_references_to_what_they_became() {
    let hospital = hospital();
    let access = hospital.access();
    let mut o = observation("ignored", "x");
    let subject = o.as_object_mut().unwrap().get_mut("subject").unwrap();
    subject.as_object_mut().unwrap().insert("reference", "urn:uuid:1");
    let list = json(
        r#"{"resourceType":"Provenance","target":[{"reference":"urn:uuid:2"}],"recorded":"2026-01-01T00:00:00Z","policy":["urn:uuid:1"],"agent":[{"who":{"reference":"http://example.org/fhir/Patient/p9"}}],"entity":[{"role":"source","what":{"identifier":{"system":"urn:x","value":"urn:uuid:1"},"reference":"Patient/p9"}}]}"#,
    );
    let response = access
        .transaction(bundle(
            "transaction",
            &[
                &entry("urn:uuid:3", "POST", "Provenance", Some(&list)),
                &entry("urn:uuid:2", "POST", "Observation", Some(&o)),
                &entry("urn:uuid:1", "POST", "Patient", Some(&patient("p", "Alpha"))),
                &entry("http://example.org/fhir/Patient/p9", "POST", "Patient", Some(&patient("p9", "Beta"))),
            ],
        ))
        .unwrap();
    assert_eq!(statuses(&response), ["201", "201", "201", "201"]);
    let (provenance, o, p, p9) =
        (location(&response, 0), location(&response, 1), location(&response, 2), location(&response, 3));
    let text = read(&access, &o).to_string();
    assert!(text.contains(&format!(r#""reference":"{p}""#)), "{text}");
    let text = read(&access, &provenance).to_string();
    assert!(text.contains(&format!(r#""target":[{{"reference":"{o}"}}]"#)), "{text}");
    assert!(text.contains(&format!(r#""policy":["{p}"]"#)), "{text}");
    assert!(text.contains(&format!(r#""who":{{"reference":"{p9}"}}"#)), "{text}");
    assert!(text.contains(&format!(r#""reference":"{p9}"}}}}]"#)), "{text}");
    assert!(text.contains(r#""value":"urn:uuid:1""#), "an identifier's value is no link: {text}");
}

#[test]
fn conditional_references_are_found_in_the_store_or_in_the_bundle() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "stored", patient("stored", "Alpha"), None).unwrap();
    let with_subject = |reference: &str| {
        let mut o = observation("o", "x");
        let subject = o.as_object_mut().unwrap().get_mut("subject").unwrap();
        subject.as_object_mut().unwrap().insert("reference", reference);
        o
    };
    let response = access
        .transaction(bundle(
            "transaction",
            &[
                &entry(
                    "urn:uuid:1",
                    "POST",
                    "Observation",
                    Some(&with_subject("Patient?identifier=urn:mrn|Alpha")),
                ),
                &entry(
                    "urn:uuid:2",
                    "POST",
                    "Observation",
                    Some(&with_subject("Patient?identifier=urn:mrn|Beta")),
                ),
                &entry("urn:uuid:3", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
            ],
        ))
        .unwrap();
    let subject = |path: &str| read(&access, path).get("subject").unwrap().to_string();
    assert_eq!(subject(&location(&response, 0)), r#"{"reference":"Patient/stored"}"#);
    assert_eq!(subject(&location(&response, 1)), r#"{"reference":"Patient/b"}"#);
    let missing = with_subject("Patient?identifier=urn:mrn|Nobody");
    let failing = bundle("transaction", &[&entry("urn:uuid:1", "POST", "Observation", Some(&missing))]);
    let error = access.transaction(failing).unwrap_err();
    assert_eq!(format!("{:?}", error.kind()), "PreconditionFailed");
    assert_eq!(error.issues()[0].expression, ["Bundle.entry[0]"]);
    let unknown = with_subject("urn:uuid:nowhere");
    let failing = bundle("transaction", &[&entry("urn:uuid:1", "POST", "Observation", Some(&unknown))]);
    assert_eq!(kind(access.transaction(failing)), "Unprocessable");
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let before = hospital.store.position();
    let broken = json(r#"{"resourceType":"Patient","birthDate":"yesterday"}"#);
    let refused = [
        bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                &entry("urn:uuid:2", "POST", "Patient", Some(&broken)),
            ],
        ),
        bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                &entry("urn:uuid:2", "PUT", "Patient/b", Some(&patient("b", "Gamma"))),
            ],
        ),
        bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                r#"{"resource":{"resourceType":"Patient","id":"a","active":true},"request":{"method":"PUT","url":"Patient/a","ifMatch":"W/\"7\""}}"#,
            ],
        ),
        bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                &entry("urn:uuid:2", "DELETE", "Patient", None),
            ],
        ),
        bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                &entry("urn:uuid:1", "PUT", "Patient/c", Some(&patient("c", "Gamma"))),
            ],
        ),
        bundle("batch", &[]),
    ];
    let kinds: Vec<String> = refused.into_iter().map(|bundle| kind(access.transaction(bundle))).collect();
    assert_eq!(kinds, ["Unprocessable", "Invalid", "PreconditionFailed", "Invalid", "Invalid", "Invalid"]);
    assert_eq!(hospital.store.position(), before, "one record a transaction, none for a refused one");
    assert_eq!(kind(access.read("Patient", "b")), "NotFound");
}

#[test]
fn the_order_of_work_is_delete_post_put_get_and_answers_keep_their_places() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let before = hospital.store.position();
    let response = access
        .transaction(bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "GET", "Patient?name=beta", None),
                &entry("urn:uuid:2", "GET", "Patient/b", None),
                &entry("urn:uuid:3", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                &entry("urn:uuid:4", "POST", "Patient", Some(&patient("x", "Gamma"))),
                &entry("urn:uuid:5", "DELETE", "Patient/a", None),
                &entry("urn:uuid:6", "GET", "Patient/a", None),
            ],
        ))
        .unwrap();
    assert_eq!(statuses(&response), ["200", "200", "201", "201", "204", "410"]);
    assert_eq!(hospital.store.position(), before + 1);
    let found = response.get("entry").unwrap().at(0).unwrap().get("resource").unwrap();
    assert_eq!(found.get("total").unwrap().as_i64(), Some(1));
    assert_eq!(response.get("type").unwrap().as_str(), Some("transaction-response"));
    assert_eq!(fhir::validate::validate(&response), []);
}

#[test]
fn conditional_creates_in_a_transaction_link_to_what_is_there() {
    let hospital = hospital();
    let access = hospital.access();
    let mut o = observation("o", "x");
    let subject = o.as_object_mut().unwrap().get_mut("subject").unwrap();
    subject.as_object_mut().unwrap().insert("reference", "urn:uuid:1");
    let load = || {
        let p = patient("p", "Alpha");
        let create = format!(
            r#"{{"fullUrl":"urn:uuid:1","resource":{p},"request":{{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:mrn|Alpha"}}}}"#
        );
        access.transaction(bundle(
            "transaction",
            &[&create, &entry("urn:uuid:2", "POST", "Observation", Some(&o))],
        ))
    };
    let (one, two) = (load().unwrap(), load().unwrap());
    assert_eq!(
        (statuses(&one), statuses(&two)),
        (vec!["201".into(), "201".into()], vec!["200".into(), "201".into()])
    );
    assert_eq!(location(&one, 0), location(&two, 0));
    let subject = read(&access, &location(&two, 1)).get("subject").unwrap().to_string();
    assert_eq!(subject, format!(r#"{{"reference":"{}"}}"#, location(&one, 0)));
}

#[test]
fn entries_of_a_batch_stand_for_themselves() {
    let hospital = hospital();
    let access = hospital.access();
    let broken = json(r#"{"resourceType":"Patient","birthDate":"yesterday"}"#);
    let patch = r#"{"resource":{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9uYW1lLzAvZmFtaWx5IiwidmFsdWUiOiJEZWx0YSJ9XQ=="},"request":{"method":"PATCH","url":"Patient/b"}}"#;
    let by_path = r#"{"resource":{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"active"},{"name":"value","valueBoolean":true}]}]},"request":{"method":"PATCH","url":"Patient/b"}}"#;
    access.update("Patient", "b", patient("b", "Beta"), None).unwrap();
    let response = access
        .batch(bundle(
            "batch",
            &[
                &entry("urn:uuid:1", "POST", "Patient", Some(&broken)),
                &entry("urn:uuid:2", "POST", "Patient", Some(&patient("x", "Alpha"))),
                patch,
                by_path,
                &entry("urn:uuid:3", "GET", "Patient/nobody", None),
                &entry("urn:uuid:4", "DELETE", "Patient?identifier=urn:mrn|Nobody", None),
            ],
        ))
        .unwrap();
    assert_eq!(statuses(&response), ["422", "201", "200", "200", "404", "204"]);
    let patched = access.read("Patient", "b").unwrap();
    assert_eq!(family(&patched), "Delta");
    assert_eq!(fhir::validate::validate(&response), []);
}

#[test]
fn entries_of_a_transaction_need_their_own_rights() {
    let hospital = hospital();
    let writer = hospital.access_with("system/Patient.cu");
    let two = bundle(
        "transaction",
        &[
            &entry("urn:uuid:1", "PUT", "Patient/a", Some(&patient("a", "Alpha"))),
            &entry("urn:uuid:2", "PUT", "Observation/o", Some(&observation("o", "a"))),
        ],
    );
    assert_eq!(kind(writer.transaction(two)), "Denied");
    let one =
        bundle("transaction", &[&entry("urn:uuid:1", "PUT", "Patient/a", Some(&patient("a", "Alpha")))]);
    assert!(writer.transaction(one).is_ok());
}

/// A log that counts its appends.
struct Counting {
    log: Arc<dyn Log>,
    appends: Arc<AtomicU64>,
}

impl Log for Counting {
    fn next(&self) -> Seq {
        self.log.next()
    }

    fn append(&self, expected: Seq, records: &[Sealed]) -> Result<Seq, LogError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.log.append(expected, records)
    }

    fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<(Seq, Sealed)>, LogError> {
        self.log.read(from, limit)
    }
}

fn counted_hospital() -> (Hospital, Arc<AtomicU64>) {
    let (parts, clock) = parts(&FaultDisk::new(1), memory_engine()).unwrap();
    let appends = Arc::new(AtomicU64::new(0));
    let log = Arc::new(Counting { log: parts.log.clone(), appends: appends.clone() });
    let parts = Parts { log, ..parts };
    let store = Store::open(parts.clone()).unwrap();
    (Hospital { store, parts, clock }, appends)
}

#[test]
fn entries_of_a_batch_share_one_write_to_the_log_and_fail_each_for_itself() {
    let (hospital, appends) = counted_hospital();
    let access = hospital.access();
    let broken = json(r#"{"resourceType":"Patient","birthDate":"yesterday"}"#);
    let mut entries: Vec<String> = (0..40)
        .map(|at| entry(&format!("urn:uuid:{at}"), "POST", "Patient", Some(&patient("x", &format!("F{at}")))))
        .collect();
    entries.insert(7, entry("urn:uuid:x", "POST", "Patient", Some(&broken)));
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let response = access.batch(bundle("batch", &entries)).unwrap();
    let statuses = statuses(&response);
    assert_eq!(statuses.iter().filter(|status| *status == "201").count(), 40);
    assert_eq!(statuses[7], "422");
    assert_eq!(appends.load(Ordering::SeqCst), 1, "one write and one fsync");
    assert_eq!(hospital.store.position(), 41, "and yet each entry is a transaction of its own");
}

#[test]
fn entries_of_a_batch_see_what_those_before_them_did() {
    let hospital = hospital();
    let access = hospital.access();
    let create = |url: &str| {
        entry(url, "POST", "Patient", Some(&patient("x", "Alpha")))
            .replace(r#""url":"Patient""#, r#""url":"Patient","ifNoneExist":"identifier=urn:mrn|Alpha""#)
    };
    let response = access
        .batch(bundle(
            "batch",
            &[
                &create("urn:uuid:1"),
                &create("urn:uuid:2"),
                &entry("urn:uuid:3", "PUT", "Patient/b", Some(&patient("b", "Beta"))),
                &entry("urn:uuid:4", "PUT", "Patient/b", Some(&patient("b", "Gamma"))),
                &entry("urn:uuid:5", "PUT", "Patient/b", Some(&patient("b", "Gamma"))),
                &entry("urn:uuid:6", "PUT", "Patient?identifier=urn:mrn|Gamma", Some(&patient("b", "Delta"))),
                &entry("urn:uuid:7", "GET", "Patient/b", None),
            ],
        ))
        .unwrap();
    assert_eq!(statuses(&response), ["201", "200", "201", "200", "200", "200", "200"]);
    assert_eq!(location(&response, 0), location(&response, 1), "one patient for both");
    let read = access.read("Patient", "b").unwrap();
    assert_eq!((read.version, family(&read).as_str()), (3, "Delta"));
    let note =
        |at: usize| response.get("entry").unwrap().at(at).unwrap().get("response").unwrap().get("outcome");
    assert!(note(1).unwrap().to_string().contains("informational"), "says that it was there already");
    assert!(note(4).unwrap().to_string().contains("no new version"), "says that nothing changed");
    assert!(note(3).is_none());
}

#[test]
fn identical_content_in_a_transaction_makes_no_version_and_the_answer_says_so() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let put = |family: &str| entry("urn:uuid:1", "PUT", "Patient/a", Some(&patient("a", family)));
    let response = access.transaction(bundle("transaction", &[&put("Alpha")])).unwrap();
    let answer = response.get("entry").unwrap().at(0).unwrap().get("response").unwrap();
    assert_eq!(statuses(&response), ["200"]);
    assert_eq!(answer.get("etag").unwrap().as_str(), Some("W/\"1\""));
    assert!(answer.get("outcome").unwrap().to_string().contains("no new version"));
    let response = access.transaction(bundle("transaction", &[&put("Beta")])).unwrap();
    let answer = response.get("entry").unwrap().at(0).unwrap().get("response").unwrap();
    assert_eq!(answer.get("etag").unwrap().as_str(), Some("W/\"2\""));
    assert!(answer.get("outcome").is_none());
}

#[test]
fn entries_may_refer_to_each_other_in_a_circle() {
    let hospital = hospital();
    let access = hospital.access();
    let linked = |other: &str| {
        json(&format!(
            r#"{{"resourceType":"Patient","link":[{{"type":"seealso","other":{{"reference":"{other}"}}}}],"text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{other}\">the other</a> urn:uuid:text</div>"}}}}"#
        ))
    };
    let response = access
        .transaction(bundle(
            "transaction",
            &[
                &entry("urn:uuid:one", "POST", "Patient", Some(&linked("urn:uuid:two"))),
                &entry("urn:uuid:two", "POST", "Patient", Some(&linked("urn:uuid:one"))),
            ],
        ))
        .unwrap();
    let (one, two) = (location(&response, 0), location(&response, 1));
    for (path, other) in [(&one, &two), (&two, &one)] {
        let text = read(&access, path).to_string();
        assert!(text.contains(&format!(r#""reference":"{other}""#)), "{text}");
        assert!(text.contains(&format!(r#"<a href=\"{other}\">"#)), "links of the narrative too: {text}");
        assert!(text.contains("urn:uuid:text</div>"), "but not its words: {text}");
    }
}

#[test]
fn references_to_one_version_stay_so() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "old", patient("old", "Alpha"), None).unwrap();
    let about = |reference: &str| {
        json(&format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"subject":{{"reference":"{reference}"}}}}"#
        ))
    };
    let response = access
        .transaction(bundle(
            "transaction",
            &[
                &entry("urn:uuid:1", "POST", "Patient", Some(&patient("x", "Beta"))),
                &entry("urn:uuid:2", "POST", "Observation", Some(&about("urn:uuid:1/_history/7"))),
                &entry("urn:uuid:3", "POST", "Observation", Some(&about("Patient/old/_history/1"))),
            ],
        ))
        .unwrap();
    let subject = |at| read(&access, &location(&response, at)).get("subject").unwrap().to_string();
    let made = location(&response, 0);
    assert_eq!(subject(1), format!(r#"{{"reference":"{made}/_history/1"}}"#), "the version made just now");
    assert_eq!(subject(2), r#"{"reference":"Patient/old/_history/1"}"#);
}

#[test]
fn two_entries_of_a_transaction_that_create_on_one_condition_are_refused() {
    let hospital = hospital();
    let create = |url: &str| {
        entry(url, "POST", "Patient", Some(&patient("x", "Alpha")))
            .replace(r#""url":"Patient""#, r#""url":"Patient","ifNoneExist":"identifier=urn:mrn|Alpha""#)
    };
    let twice = bundle("transaction", &[&create("urn:uuid:1"), &create("urn:uuid:2")]);
    let error = hospital.access().transaction(twice).unwrap_err();
    assert_eq!(error.issues()[0].expression, ["Bundle.entry[1]"]);
    assert_eq!(hospital.store.position(), 1);
}
