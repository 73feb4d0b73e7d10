//! Requests that cannot be: each is answered with its status and an OperationOutcome (the client looks at every one), and
//! the server goes on.

use fhir::json::{Value, object};

use crate::support::folder::CONFIG;
use crate::support::https::FHIR;
use crate::support::{Folder, at, resources, text};

#[test]
fn paths_methods_and_media_types_that_are_not_there() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    for path in [
        "/",
        "/nothing",
        "/fhir/Patient/1/2/3/4",
        "/fhir/Nonsense",
        "/fhir/Nonsense/1",
        "/fhir/patient/1",
        "/fhir/Patient/nobody",
        "/channels",
    ] {
        client.get(path).refused(404);
    }
    let weird = client.get("/fhir/Patient/no%20id%0A");
    assert!(matches!(weird.status.as_u16(), 400 | 404), "{weird:?}");
    client.get("/fhir/%FF").refused(400);
    for (method, path) in [
        ("DELETE", "/fhir"),
        ("PUT", "/fhir"),
        ("POST", "/fhir/Patient/1"),
        ("POST", "/fhir/metadata"),
        ("DELETE", "/fhir/_history"),
        ("PUT", "/fhir/Patient/1/_history/1"),
        ("GET", "/channels/post"),
        ("TRACE", "/fhir/Patient"),
        ("POST", "/healthz"),
    ] {
        client.call(method, path, &[], &[]).refused(405);
    }
    let body = object([("resourceType", Value::from("Patient"))]).to_vec();
    for (method, path, kind) in [
        ("POST", "/fhir/Patient", "text/turtle"),
        ("POST", "/fhir/Patient", "text/plain"),
        ("PUT", "/fhir/Patient/1", "application/x-www-form-urlencoded"),
        ("PATCH", "/fhir/Patient/1", "application/xml-patch+xml"),
        ("POST", "/fhir", "text/csv"),
        ("POST", "/fhir/Patient/_search", "application/json"),
    ] {
        client.call(method, path, &[("content-type", kind)], &body).refused(415);
    }
    server.stop();
}

#[test]
fn bodies_that_are_no_fhir_are_refused_with_their_place() {
    let folder = Folder::with(&CONFIG.replace("2000000", "100000"));
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let mut post =
        |body: &[u8], status: u16| client.call("POST", "/fhir/Patient", &[FHIR], body).refused(status);
    assert!(post(b"", 400).contains("empty"));
    assert!(post(b"{\"resourceType\":\"Patient\",\n \"active\":tru}", 400).contains("line 2"));
    post(b"{\"resourceType\":\"Patient\"", 400);
    post(b"{\"resourceType\":\"Patient\"}}", 400);
    post(b"{\"resourceType\":\"Patient\",\"active\":true,\"active\":false}", 400);
    post(b"{\"resourceType\":\"Patient\",\"id\":\"\xFF\xFE\"}", 400);
    post(b"{\"resourceType\":\"Patient\",\"language\":\"\\ud800\"}", 400);
    post(b"[]", 400);
    post(b"\"Patient\"", 400);
    post(b"{}", 400);
    post(b"{\"resourceType\":\"Nonsense\"}", 400);
    post(b"{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"a\"}}", 400);
    post(&[b"{\"resourceType\":\"Patient\",\"extension\":".as_slice(), &b"[".repeat(40_000)].concat(), 400);
    post(&[b"{\"a\":".repeat(10_000), b"1".to_vec(), b"}".repeat(10_000)].concat(), 400);
    post(&vec![b' '; 100_001], 413);
    post(
        format!("{{\"resourceType\":\"Patient\",\"language\":\"{}\"}}", "x".repeat(100_000)).as_bytes(),
        413,
    );

    let wrong =
        br#"{"resourceType":"Patient","birthDate":"someday","gender":"tree","nonsense":1,"name":"Oak"}"#;
    let answer = client.call("POST", "/fhir/Patient", &[FHIR], wrong);
    answer.refused(422);
    let outcome = answer.json();
    let places: Vec<&str> = outcome
        .get("issue")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|issue| text(issue, "expression.0"))
        .collect();
    for place in ["Patient.birthDate", "Patient.gender", "Patient.name"] {
        assert!(places.contains(&place), "{place} in {places:?}");
    }
    assert!(!String::from_utf8_lossy(&answer.body).contains("someday"));
    let other = br#"{"resourceType":"Patient","id":"b"}"#;
    client.call("PUT", "/fhir/Patient/a", &[FHIR], other).refused(400);
    client
        .call("PUT", "/fhir/Patient/a_b", &[FHIR], br#"{"resourceType":"Patient","id":"a_b"}"#)
        .refused(400);
    let long = "x".repeat(65);
    let long_id = format!("{{\"resourceType\":\"Patient\",\"id\":\"{long}\"}}");
    client.call("PUT", &format!("/fhir/Patient/{long}"), &[FHIR], long_id.as_bytes()).refused(400);
    // After all of this it still works, and nothing came in.
    assert_eq!(at(&client.search("Patient"), "entry"), None);
    server.stop();
}

#[test]
fn searches_that_cannot_be_answered_are_refused_or_told() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    client.post("/fhir/Patient", &object([("resourceType", Value::from("Patient"))])).ok();
    for query in [
        "Patient?nonsense=1",
        "Patient?name:nonsense=a",
        "Patient?birthdate=yesterday",
        "Patient?birthdate=xx2020",
        "Observation?value-quantity=heavy",
        "Patient?_sort=nonsense",
        "Patient?_include=nonsense",
        "Patient?general-practitioner.nonsense=a",
        "Patient?name=%FF",
        "Patient?_total=maybe",
        "Patient?_summary=maybe",
    ] {
        client.get(&format!("/fhir/{query}")).refused(400);
    }
    let lenient = [("prefer", "handling=lenient")];
    let answer = client.call("GET", "/fhir/Patient?nonsense=1&active:missing=true", &lenient, &[]).ok();
    let own = at(&answer, "link.0").map(|link| text(link, "url").to_owned()).unwrap();
    assert!(own.contains("active") && !own.contains("nonsense"), "the own link names what was used: {own}");
    let told = resources(&answer);
    assert!(told.iter().any(|one| text(one, "resourceType") == "Patient"));
    let long = "x".repeat(20_000);
    client.get(&format!("/fhir/Patient?name={long}")).refused(414);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert!(
        client
            .call("POST", "/fhir/Patient/_search", &form, format!("name={}", long.repeat(30)).as_bytes())
            .status
            .is_client_error()
    );
    client.call("POST", "/fhir/Patient/_search", &form, b"name=\xFF").refused(400);
    let many = vec!["a"; 10_001].join(",");
    client.call("POST", "/fhir/Patient/_search", &form, format!("name={many}").as_bytes()).refused(400);
    let many = vec!["name=a"; 200].join("&");
    client.get(&format!("/fhir/Patient?{many}")).refused(400);
    client.call("GET", "/fhir/Patient", &[("x-purpose-of-use", "FUN")], &[]).refused(400);
    assert_eq!(client.call("GET", "/fhir/Patient", &[("x-purpose-of-use", "HOPERAT")], &[]).status, 200);
    server.stop();
}
