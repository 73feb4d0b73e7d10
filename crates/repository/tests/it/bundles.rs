use fhir::json::Value;
use repository::Access;

use crate::fixture::{body, family, hospital, json, kind, observation, patient};

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
