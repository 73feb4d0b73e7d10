//! Work that outlives a request, over real TLS: exports, requests answered later, restarts.

use std::time::{Duration, Instant};

use fhir::json::{self, Value, array, object};

use crate::support::https::FHIR;
use crate::support::{Answer, Client, Folder, Server, names, text};

const ASYNC: (&str, &str) = ("prefer", "respond-async");

fn open() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let token = folder.token();
    let server = folder.serve();
    let client = server.client(&token);
    (folder, server, client)
}

fn fill(client: &mut Client, patients: usize) {
    let entries = (0..patients).flat_map(|number| {
        let patient =
            object([("resourceType", Value::from("Patient")), ("id", Value::from(format!("p{number}")))]);
        let code = object([("text", Value::from("note"))]);
        let subject = object([("reference", Value::from(format!("Patient/p{number}")))]);
        let basic = object([
            ("resourceType", Value::from("Basic")),
            ("id", Value::from(format!("b{number}"))),
            ("code", code),
            ("subject", subject),
        ]);
        [patient, basic].map(|resource| {
            let url = format!("{}/{}", text(&resource, "resourceType"), text(&resource, "id"));
            let request = object([("method", Value::from("PUT")), ("url", Value::from(url))]);
            object([("resource", resource), ("request", request)])
        })
    });
    let bundle = object([
        ("resourceType", Value::from("Bundle")),
        ("type", Value::from("transaction")),
        ("entry", array(entries)),
    ]);
    client.post("/fhir", &bundle).ok();
}

/// The path of the job that a kick-off answered with.
#[track_caller]
fn job(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.header("content-location").strip_prefix("https://ward.example").unwrap().to_owned()
}

/// Asks until the job is over.
fn over(client: &mut Client, path: &str) -> Answer {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let answer = client.get(path);
        if answer.status != 202 {
            return answer;
        }
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        assert!(!answer.header("x-progress").is_empty());
        assert!(Instant::now() < until, "{answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lines(client: &mut Client, manifest: &Value, role: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    for file in manifest.get(role).map(Value::elements).unwrap() {
        let path = text(file, "url").strip_prefix("https://ward.example").unwrap();
        let answer = client.call("GET", path, &[("accept", "application/fhir+ndjson")], &[]);
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/fhir+ndjson"));
        let body = std::str::from_utf8(&answer.body).unwrap();
        let own: Vec<Value> = body
            .lines()
            .map(|line| json::parse(line.as_bytes(), &json::Limits::default()).unwrap())
            .collect();
        assert_eq!(file.get("count").and_then(Value::as_i64), Some(own.len() as i64));
        assert!(own.iter().all(|resource| resource.resource_type() == Some(text(file, "type"))));
        lines.extend(own);
    }
    lines
}

#[test]
fn an_export_is_kicked_off_watched_fetched_and_removed() {
    let (folder, mut server, mut client) = open();
    fill(&mut client, 20);
    let kicked = client.call("GET", "/fhir/$export?_type=Patient,Basic", &[ASYNC], &[]);
    let path = job(&kicked);
    let done = over(&mut client, &path);
    assert_eq!((done.status.as_u16(), done.header("content-type")), (200, "application/json"));
    assert!(done.header("expires").ends_with(" GMT"));
    let manifest = json::parse(&done.body, &json::Limits::default()).unwrap();
    assert_eq!(text(&manifest, "request"), "https://ward.example/fhir/$export?_type=Patient,Basic");
    assert_eq!(manifest.get("requiresAccessToken"), Some(&Value::from(true)));
    assert!(text(&manifest, "transactionTime").ends_with('Z'));
    assert_eq!(lines(&mut client, &manifest, "output").len(), 40);
    assert!(
        lines(&mut client, &manifest, "deleted").is_empty()
            && lines(&mut client, &manifest, "error").is_empty()
    );

    let zipped = client.call("GET", &format!("{path}/0"), &[("accept-encoding", "gzip")], &[]);
    assert_eq!(zipped.header("content-encoding"), "gzip");
    let other = folder.ward(&["token", "create", "--scope", "system/*.cruds", "--name", "other"]).good();
    let mut other = server.client(other.trim());
    other.get(&path).refused(404);
    other.get(&format!("{path}/0")).refused(404);
    other.call("DELETE", &path, &[], &[]).refused(404);
    let mut nobody = server.client("none");
    nobody.get(&path).refused(401);
    client.get(&format!("{path}/99")).refused(404);
    client.get(&format!("{path}/x")).refused(404);
    assert_eq!(client.call("DELETE", &path, &[], &[]).status, 202);
    client.get(&path).refused(404);
    client.get(&format!("{path}/0")).refused(404);
    server.stop();
}

#[test]
fn kick_offs_that_cannot_be_done_are_refused_at_once() {
    let (_folder, mut server, mut client) = open();
    fill(&mut client, 1);
    for (path, status) in [
        ("/fhir/$export?_outputFormat=text/csv", 400),
        ("/fhir/$export?includeAssociatedData=x", 400),
        ("/fhir/$export?_type=Nonsense", 400),
        ("/fhir/$export?patient=Patient/p0", 400),
        ("/fhir/Observation/$export", 404),
        ("/fhir/Group/none/$export", 404),
        ("/fhir/Patient/p0/$export", 404),
        ("/fhir/$job-status/none", 404),
    ] {
        client.call("GET", path, &[ASYNC], &[]).refused(status);
    }
    let lenient = [("prefer", "respond-async, handling=lenient")];
    let path = job(&client.call("GET", "/fhir/$export?colour=red", &lenient, &[]));
    assert_eq!(over(&mut client, &path).status, 200);
    client.call("GET", "/fhir/$export?colour=red", &[ASYNC], &[]).refused(400);
    let body = br#"{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/p0"}}]}"#;
    let path = job(&client.call("POST", "/fhir/Patient/$export", &[FHIR, ASYNC], body));
    let done = over(&mut client, &path);
    let manifest = json::parse(&done.body, &json::Limits::default()).unwrap();
    assert_eq!(lines(&mut client, &manifest, "output").len(), 2);
    server.stop();
}

#[test]
fn any_request_may_be_answered_later() {
    let (_folder, mut server, mut client) = open();
    fill(&mut client, 3);
    let answered = |client: &mut Client, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let headers: Vec<_> = headers.iter().copied().chain([ASYNC]).collect();
        let path = job(&client.call(method, path, &headers, body));
        let bundle = over(client, &path).ok();
        assert_eq!(text(&bundle, "type"), "batch-response");
        bundle.get("entry").unwrap().at(0).unwrap().clone()
    };
    let search = answered(&mut client, "GET", "/fhir/Patient?_count=5", &[], &[]);
    assert_eq!(text(&search, "response.status"), "200 OK");
    assert_eq!(names(search.get("resource").unwrap()).len(), 3);
    let patient = br#"{"resourceType":"Patient","active":true}"#;
    let created = answered(&mut client, "POST", "/fhir/Patient", &[FHIR], patient);
    assert_eq!(text(&created, "response.status"), "201 Created");
    assert!(text(&created, "response.location").contains("/fhir/Patient/"));
    let missing = answered(&mut client, "GET", "/fhir/Patient/none", &[], &[]);
    assert_eq!(text(&missing, "response.status"), "404 Not Found");
    assert_eq!(
        missing.get("response").unwrap().get("outcome").unwrap().resource_type(),
        Some("OperationOutcome")
    );
    let everything = answered(&mut client, "GET", "/fhir/Patient/p0/$everything", &[], &[]);
    assert_eq!(names(everything.get("resource").unwrap()).len(), 2);
    server.client("none").call("GET", "/fhir/Patient", &[ASYNC], &[]).refused(401);
    server.stop();
}

#[test]
fn a_finished_export_outlives_a_restart_and_one_at_work_is_done_after_it() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    fill(&mut client, 50);
    let finished = job(&client.call("GET", "/fhir/$export", &[ASYNC], &[]));
    over(&mut client, &finished);
    let begun = job(&client.call("GET", "/fhir/$export", &[ASYNC], &[]));
    server.kill();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    for path in [finished, begun] {
        let done = over(&mut client, &path);
        let manifest = json::parse(&done.body, &json::Limits::default()).unwrap();
        assert_eq!(lines(&mut client, &manifest, "output").len(), 100);
    }
    server.stop();
}

#[test]
fn what_one_server_exports_another_imports() {
    let (_folder, mut server, mut client) = open();
    fill(&mut client, 30);
    let path = job(&client.call("GET", "/fhir/$export", &[ASYNC], &[]));
    let manifest = json::parse(&over(&mut client, &path).body, &json::Limits::default()).unwrap();
    let exported = lines(&mut client, &manifest, "output");
    server.stop();

    let (_folder, mut server, mut client) = open();
    let body: String = exported.iter().map(|resource| format!("{resource}\n")).collect();
    let kind = ("content-type", "application/fhir+ndjson");
    let path =
        job(&client.call("POST", "/fhir/$import", &[kind, ASYNC], format!("{body}broken\n").as_bytes()));
    let done = json::parse(&over(&mut client, &path).body, &json::Limits::default()).unwrap();
    let counts = done.get("extension").unwrap();
    assert_eq!(counts.get("created").and_then(Value::as_i64), Some(60));
    let errors = lines(&mut client, &done, "error");
    assert_eq!(text_of(&errors), ["input 1, line 61"]);
    let again = client.get("/fhir/Patient/p7").ok();
    assert_eq!(text(&again, "meta.versionId"), "1");

    let outside = br#"{"resourceType":"Parameters","parameter":[{"name":"input","part":[{"name":"url","valueUri":"https://unlisted.example/x"}]}]}"#;
    let said = client.call("POST", "/fhir/$import", &[FHIR, ASYNC], outside).refused(400);
    assert!(said.contains("outbound.hosts"), "{said}");
    client.call("POST", "/fhir/$import", &[("content-type", "text/csv")], b"a,b").refused(415);
    server.stop();
}

fn text_of(errors: &[Value]) -> Vec<&str> {
    errors
        .iter()
        .map(|outcome| {
            outcome.get("issue").unwrap().at(0).unwrap().get("diagnostics").unwrap().as_str().unwrap()
        })
        .collect()
}
