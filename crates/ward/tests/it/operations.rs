//! Operations over real TLS: what each answers, and what it refuses.

use fhir::json::{Value, array, object};

use crate::support::https::FHIR;
use crate::support::{Folder, text};

fn parameters(list: impl IntoIterator<Item = Value>) -> Vec<u8> {
    object([("resourceType", Value::from("Parameters")), ("parameter", array(list))]).to_vec()
}

#[test]
fn labels_are_put_on_and_taken_off_in_new_versions() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let basic =
        object([("resourceType", Value::from("Basic")), ("code", object([("text", Value::from("x"))]))]);
    let made = client.post("/fhir/Basic", &basic).ok();
    let path = format!("/fhir/Basic/{}", text(&made, "id"));
    let tag = |code: &str| object([("system", Value::from("urn:s")), ("code", Value::from(code))]);
    let meta = |codes: &[&str]| {
        let meta = object([("tag", array(codes.iter().map(|code| tag(code))))]);
        parameters([object([("name", Value::from("meta")), ("valueMeta", meta)])])
    };
    let added = client.call("POST", &format!("{path}/$meta-add"), &[FHIR], &meta(&["a", "b", "a"])).ok();
    assert_eq!(text(&added, "parameter.0.valueMeta.tag.1.code"), "b");
    assert_eq!(text(&added, "parameter.0.valueMeta.versionId"), "2");
    let again = client.call("POST", &format!("{path}/$meta-add"), &[FHIR], &meta(&["a"])).ok();
    assert_eq!(text(&again, "parameter.0.valueMeta.versionId"), "2", "nothing new makes no version");
    client.call("POST", &format!("{path}/$meta-delete"), &[FHIR], &meta(&["a"])).ok();
    let now = client.get(&format!("{path}/$meta")).ok();
    assert_eq!(text(&now, "parameter.0.valueMeta.tag.0.code"), "b");
    let before = client.get(&format!("{path}/_history/1/$meta")).ok();
    assert_eq!(text(&before, "parameter.0.valueMeta.versionId"), "1");
    assert_eq!(
        client.get("/fhir/Basic?_tag=urn:s|b&_summary=count").ok().get("total"),
        Some(&Value::from(1))
    );

    client.call("POST", &format!("{path}/$meta-add"), &[FHIR], &parameters([])).refused(400);
    client.call("POST", &format!("{path}/$meta-add"), &[FHIR], b"{}").refused(400);
    client.get(&format!("{path}/$meta?a=b")).refused(400);
    client.get(&format!("{path}/_history/9/$meta")).refused(404);
    client.call("POST", "/fhir/Basic/none/$meta-add", &[FHIR], &meta(&["a"])).refused(404);
    server.stop();
}

#[test]
fn graphql_picks_elements_and_follows_references() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let patient = object([
        ("resourceType", Value::from("Patient")),
        ("id", Value::from("p")),
        ("name", array([object([("family", Value::from("Oak"))])])),
    ]);
    let flag = object([
        ("resourceType", Value::from("Flag")),
        ("id", Value::from("f")),
        ("status", Value::from("active")),
        ("code", object([("text", Value::from("x"))])),
        ("subject", object([("reference", Value::from("Patient/p"))])),
    ]);
    client.put("/fhir/Patient/p", &patient).ok();
    client.put("/fhir/Flag/f", &flag).ok();
    let query = "{FlagList(patient: \"p\"){status subject{resource{... on Patient{name{family}}}}}}";
    let body = object([("query", Value::from(query))]).to_vec();
    let answer = client.call("POST", "/fhir/$graphql", &[("content-type", "application/json")], &body);
    assert_eq!(answer.status, 200);
    assert_eq!(
        std::str::from_utf8(&answer.body).unwrap(),
        r#"{"data":{"FlagList":[{"status":"active","subject":{"resource":{"name":[{"family":"Oak"}]}}}]}}"#
    );
    let back = "/fhir/Patient/p/$graphql?query=%7BFlagList(_reference:%20patient)%7Bid%7D%7D";
    assert_eq!(client.get(back).body.as_ref(), br#"{"data":{"FlagList":[{"id":"f"}]}}"#);
    let broken = client.get("/fhir/$graphql?query=%7BPatient(id:%20%22none%22)%7Bid%7D%7D");
    assert!(String::from_utf8_lossy(&broken.body).contains("\"errors\""), "{broken:?}");
    client.get("/fhir/$graphql").refused(400);
    client.get("/fhir/$graphql?query=%7B").refused(400);
    client.get("/fhir/Patient/none/$graphql?query=%7Bid%7D").refused(404);
    server.stop();
}
