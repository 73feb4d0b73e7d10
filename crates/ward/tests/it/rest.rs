//! Every FHIR interaction once, over real TLS, with its headers.

use fhir::json::{Value, array, object};

use crate::support::https::FHIR;
use crate::support::{Answer, Client, Folder, Server, names, number, resources, text};

const SYSTEM: &str = "urn:oid:2.999.77";

fn open() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let token = folder.token();
    let server = folder.serve();
    let client = server.client(&token);
    (folder, server, client)
}

fn patient(value: &str, family: &str) -> Value {
    object([
        ("resourceType", Value::from("Patient")),
        ("identifier", array([object([("system", Value::from(SYSTEM)), ("value", Value::from(value))])])),
        ("name", array([object([("family", Value::from(family))])])),
    ])
}

fn with_id(mut resource: Value, id: &str) -> Value {
    resource.as_object_mut().unwrap().insert("id", Value::from(id));
    resource
}

/// `[base]/Patient/ID/_history/VERSION` in `Location`, whole.
#[track_caller]
fn located(answer: &Answer, path: &str, version: u64) {
    assert_eq!(answer.header("location"), format!("https://ward.example{path}/_history/{version}"));
    assert_eq!(answer.version(), version);
    assert!(answer.header("last-modified").ends_with(" GMT"), "{answer:?}");
}

#[test]
fn one_resource_goes_through_its_whole_life() {
    let (_folder, mut server, mut client) = open();
    let created = client.post("/fhir/Patient", &patient("1", "Oak"));
    assert_eq!(created.status, 201);
    let first = created.ok();
    let path = format!("/fhir/Patient/{}", text(&first, "id"));
    located(&created, &path, 1);
    assert_eq!(text(&first, "meta.versionId"), "1");
    assert!(text(&first, "meta.lastUpdated").ends_with('Z'), "{}", first.to_pretty());

    let read = client.get(&path);
    assert_eq!((read.version(), read.body.as_ref()), (1, created.body.as_ref()));
    let head = client.call("HEAD", &path, &[], &[]);
    assert_eq!((head.status.as_u16(), head.version(), head.body.len()), (200, 1, 0));
    assert_eq!(head.header("content-length"), read.body.len().to_string());

    let same = client.put(&path, &first);
    assert_eq!((same.status.as_u16(), same.version()), (200, 1), "the same content makes no version");
    let mut changed = first.clone();
    changed.as_object_mut().unwrap().insert("active", Value::from(true));
    let updated = client.put(&path, &changed);
    assert_eq!(updated.status, 200);
    located(&updated, &path, 2);

    let patch =
        br#"[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/active","value":false}]"#;
    let kind = ("content-type", "application/json-patch+json");
    let patched = client.call("PATCH", &path, &[kind, ("if-match", "W/\"2\"")], patch);
    assert_eq!((patched.status.as_u16(), patched.version()), (200, 3));
    assert_eq!(patched.ok().get("active"), Some(&Value::from(false)));
    client.call("PATCH", &path, &[kind], patch).refused(422);
    client.call("PATCH", &path, &[kind], br#"[{"op":"frobnicate","path":"/a"}]"#);

    let second = client.get(&format!("{path}/_history/2"));
    assert_eq!(second.body, updated.body, "vread gives what the update answered");
    let deleted = client.call("DELETE", &path, &[], &[]);
    assert_eq!((deleted.status.as_u16(), deleted.version()), (204, 4));
    client.get(&path).refused(410);
    client.get(&format!("{path}/_history/4")).refused(410);
    assert_eq!(client.get(&format!("{path}/_history/3")).status, 200);
    client.get(&format!("{path}/_history/5")).refused(404);
    client.get(&format!("{path}/_history/first")).refused(404);
    let again = client.call("DELETE", &path, &[], &[]);
    assert_eq!(again.status, 204, "what is gone can be deleted again");
    assert!(names(&client.search(&format!("Patient?identifier={SYSTEM}|1"))).is_empty());

    let history = client.get(&format!("{path}/_history")).ok();
    assert_eq!(text(&history, "type"), "history");
    assert_eq!(number(&history, "total"), Some(4));
    let entries = history.get("entry").and_then(Value::as_array).unwrap();
    let methods: Vec<_> = entries.iter().map(|entry| text(entry, "request.method")).collect();
    assert_eq!(methods, ["DELETE", "PUT", "PUT", "PUT"], "newest first");
    assert_eq!(entries[0].get("resource"), None);

    let back = client.put(&path, &with_id(patient("1", "Oak"), text(&first, "id")));
    assert_eq!((back.status.as_u16(), back.version()), (201, 5), "an update brings it back");
    server.stop();
}

#[test]
fn a_resource_is_patched_by_fhirpath_in_json_and_xml() {
    let (_folder, mut server, mut client) = open();
    let path =
        format!("/fhir/Patient/{}", text(&client.post("/fhir/Patient", &patient("1", "Oak")).ok(), "id"));
    let part = |name: &str, value: &str| format!(r#"{{"name":"{name}",{value}}}"#);
    let patch = format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{},{},{}]}}]}}"#,
        part("type", r#""valueCode":"replace""#),
        part("path", r#""valueString":"Patient.name[0].family""#),
        part("value", r#""valueString":"Ash""#),
    );
    let json = [("content-type", "application/fhir+json")];
    let patched = client.call("PATCH", &path, &json, patch.as_bytes()).ok();
    assert_eq!(text(&patched, "name.0.family"), "Ash");
    let xml = [("content-type", "application/fhir+xml")];
    let patch = br#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
        <part><name value="type"/><valueCode value="delete"/></part>
        <part><name value="path"/><valueString value="Patient.name"/></part></parameter></Parameters>"#;
    let patched = client.call("PATCH", &path, &xml, patch).ok();
    assert_eq!(patched.get("name"), None, "an empty list does not stay");
    client.call("PATCH", &path, &json, br#"{"resourceType":"Patient"}"#).refused(422);
    server.stop();
}

#[test]
fn histories_of_a_type_and_of_all_name_every_version() {
    let (_folder, mut server, mut client) = open();
    for (id, family) in [("a", "Oak"), ("b", "Elm"), ("a", "Ash")] {
        client.put(&format!("/fhir/Patient/{id}"), &with_id(patient(id, family), id)).ok();
    }
    let basic = object([
        ("resourceType", Value::from("Basic")),
        ("id", Value::from("x")),
        ("code", object([("text", Value::from("note"))])),
    ]);
    client.put("/fhir/Basic/x", &basic).ok();
    client.call("DELETE", "/fhir/Patient/b", &[], &[]);
    let kind = client.get("/fhir/Patient/_history").ok();
    assert_eq!(kind.get("entry").and_then(Value::as_array).unwrap().len(), 4);
    let all = client.get("/fhir/_history").ok();
    assert_eq!(all.get("entry").and_then(Value::as_array).unwrap().len(), 5);
    let future = client.get("/fhir/_history?_since=2999-01-01T00:00:00Z").ok();
    assert_eq!(future.get("entry"), None);
    client.get("/fhir/_history?_since=yesterday").refused(400);
    client.get("/fhir/_history?_count=many").refused(400);
    client.get("/fhir/_history?name=Oak").refused(400);
    client.get("/fhir/Patient/nobody/_history").refused(404);
    server.stop();
}

#[test]
fn conditions_in_headers_are_kept() {
    let (_folder, mut server, mut client) = open();
    let path = "/fhir/Patient/a";
    let body = with_id(patient("1", "Oak"), "a");
    let created = client.put(path, &body);
    assert_eq!((created.status.as_u16(), created.version()), (201, 1), "an update creates");
    located(&created, path, 1);

    let unchanged = client.call("GET", path, &[("if-none-match", "W/\"1\"")], &[]);
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len(), unchanged.version()), (304, 0, 1));
    assert_eq!(client.call("GET", path, &[("if-none-match", "W/\"7\"")], &[]).status, 200);
    let modified = created.header("last-modified").to_owned();
    assert_eq!(client.call("GET", path, &[("if-modified-since", &modified)], &[]).status, 304);
    let long_ago = ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(client.call("GET", path, &[long_ago], &[]).status, 200);

    let changed = with_id(patient("1", "Elm"), "a").to_vec();
    client.call("PUT", path, &[FHIR, ("if-match", "W/\"9\"")], &changed).refused(412);
    client.call("PUT", path, &[FHIR, ("if-match", "nonsense")], &changed).refused(400);
    client.call("DELETE", path, &[("if-match", "W/\"9\"")], &[]).refused(412);
    let matched = client.call("PUT", path, &[FHIR, ("if-match", "W/\"1\"")], &changed);
    assert_eq!((matched.status.as_u16(), matched.version()), (200, 2));
    let deleted = client.call("DELETE", path, &[("if-match", "W/\"2\"")], &[]);
    assert_eq!(deleted.status, 204);
    server.stop();
}

#[test]
fn conditional_interactions_act_on_one_match_and_refuse_several() {
    let (_folder, mut server, mut client) = open();
    let condition = format!("identifier={SYSTEM}|1");
    let none_exist = [FHIR, ("if-none-exist", condition.as_str())];
    let body = patient("1", "Oak").to_vec();
    let made = client.call("POST", "/fhir/Patient", &none_exist, &body);
    assert_eq!(made.status, 201);
    let found = client.call("POST", "/fhir/Patient", &none_exist, &body);
    assert_eq!(
        (found.status.as_u16(), found.header("location")),
        (200, made.header("location")),
        "{found:?}"
    );

    let by_condition = format!("/fhir/Patient?{condition}");
    let updated = client.put(&by_condition, &patient("1", "Elm"));
    assert_eq!((updated.status.as_u16(), updated.version()), (200, 2));
    let created = client.put(&format!("/fhir/Patient?identifier={SYSTEM}|2"), &patient("2", "Ash"));
    assert_eq!((created.status.as_u16(), created.version()), (201, 1));
    let patch = [("content-type", "application/json-patch+json")];
    let add = br#"[{"op":"add","path":"/active","value":true}]"#;
    assert_eq!(client.call("PATCH", &by_condition, &patch, add).version(), 3);
    client.call("PATCH", &format!("/fhir/Patient?identifier={SYSTEM}|9"), &patch, add).refused(404);

    client.post("/fhir/Patient", &patient("1", "Yew")).ok();
    client.call("POST", "/fhir/Patient", &none_exist, &body).refused(412);
    client.put(&by_condition, &patient("1", "Fir")).refused(412);
    client.call("PATCH", &by_condition, &patch, add).refused(412);
    client.call("DELETE", &by_condition, &[], &[]).refused(412);
    let gone = client.call("DELETE", &format!("/fhir/Patient?identifier={SYSTEM}|2"), &[], &[]);
    assert_eq!(gone.status, 204);
    let nothing = client.call("DELETE", &format!("/fhir/Patient?identifier={SYSTEM}|2"), &[], &[]);
    assert!(matches!(nothing.status.as_u16(), 204 | 404), "{nothing:?}");
    // Without a criterion, a condition would mean everything.
    assert!(client.call("DELETE", "/fhir/Patient", &[], &[]).status.is_client_error());
    assert!(client.put("/fhir/Patient", &patient("1", "Fir")).status.is_client_error());
    assert_eq!(names(&client.search("Patient")).len(), 2);
    server.stop();
}

#[test]
fn preferences_and_formats_shape_the_answer() {
    let (_folder, mut server, mut client) = open();
    let body = patient("1", "Oak").to_vec();
    let minimal = client.call("POST", "/fhir/Patient", &[FHIR, ("prefer", "return=minimal")], &body);
    assert_eq!((minimal.status.as_u16(), minimal.body.len(), minimal.version()), (201, 0, 1));
    let outcome = client.call("POST", "/fhir/Patient", &[FHIR, ("prefer", "return=OperationOutcome")], &body);
    assert_eq!(text(&outcome.ok(), "resourceType"), "OperationOutcome");
    let path = minimal.header("location").strip_prefix("https://ward.example").unwrap().to_owned();
    let path = path.strip_suffix("/_history/1").unwrap();

    for format in ["json", "application/json", "application/fhir%2Bjson"] {
        assert_eq!(client.get(&format!("{path}?_format={format}")).status, 200, "{format}");
    }
    client.get(&format!("{path}?_format=ttl")).refused(406);
    client.call("GET", "/fhir/Patient", &[("accept", "text/turtle")], &[]).refused(406);
    let over = [("accept", "application/fhir+xml")];
    assert_eq!(client.call("GET", &format!("{path}?_format=json"), &over, &[]).status, 200, "`_format` wins");
    let pretty = client.get(&format!("{path}?_pretty=true"));
    assert!(pretty.body.contains(&b'\n'));
    assert_eq!(pretty.json(), client.get(path).json());
    server.stop();
}

#[test]
fn bodies_are_packed_and_unpacked_where_that_is_asked_for() {
    let (_folder, mut server, mut client) = open();
    let pack = |bytes: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, bytes).unwrap();
        gzip.finish().unwrap()
    };
    let packed = [FHIR, ("content-encoding", "gzip")];
    let long = "Oak".repeat(2000);
    let made = client.call("POST", "/fhir/Patient", &packed, &pack(&patient("1", &long).to_vec()));
    assert_eq!(made.status, 201);
    let path = format!("/fhir/Patient/{}", text(&made.ok(), "id"));
    let answer = client.call("GET", &path, &[("accept-encoding", "gzip")], &[]);
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.header("vary").to_ascii_lowercase().contains("accept-encoding"), "{answer:?}");
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(answer.body.as_ref()), &mut plain).unwrap();
    assert_eq!(plain, client.get(&path).body);

    client.call("POST", "/fhir/Patient", &packed, b"this is not gzip").refused(400);
    client.call("POST", "/fhir/Patient", &[FHIR, ("content-encoding", "br")], b"{}").refused(415);
    // A small body that unpacks to far more than a body may hold.
    let bomb = pack(&vec![b' '; 64 * 1024 * 1024]);
    client.call("POST", "/fhir/Patient", &packed, &bomb).refused(413);
    server.stop();
}

#[test]
fn batches_and_transactions_answer_entry_by_entry() {
    let (_folder, mut server, mut client) = open();
    let request =
        |method: &str, url: &str| object([("method", Value::from(method)), ("url", Value::from(url))]);
    let bundle = |kind: &str, entries: Vec<Value>| {
        object([
            ("resourceType", Value::from("Bundle")),
            ("type", Value::from(kind)),
            ("entry", Value::from(entries)),
        ])
    };
    let uuid = "urn:uuid:0d9b4a3e-6a52-4b0e-9d6b-6f8f3c2d1a01";
    let observation = object([
        ("resourceType", Value::from("Observation")),
        ("status", Value::from("final")),
        ("code", object([("text", Value::from("weight"))])),
        ("subject", object([("reference", Value::from(uuid))])),
    ]);
    let transaction = bundle(
        "transaction",
        vec![
            object([("resource", observation), ("request", request("POST", "Observation"))]),
            object([
                ("fullUrl", Value::from(uuid)),
                ("resource", patient("1", "Oak")),
                ("request", request("POST", "Patient")),
            ]),
            object([("request", request("GET", &format!("Patient?identifier={SYSTEM}|1")))]),
        ],
    );
    let answer = client.post("/fhir", &transaction).ok();
    assert_eq!(text(&answer, "type"), "transaction-response");
    let status =
        |answer: &Value, entry: usize| text(answer, &format!("entry.{entry}.response.status")).to_owned();
    assert!(status(&answer, 0).starts_with("201") && status(&answer, 1).starts_with("201"));
    assert!(status(&answer, 2).starts_with("200"));
    let found =
        client.search(&format!("Observation?subject.identifier={SYSTEM}|1&_include=Observation:subject"));
    let found = resources(&found);
    assert_eq!(text(found[0], "subject.reference"), format!("Patient/{}", text(found[1], "id")));

    // One entry that cannot be refuses the whole.
    let torn = bundle(
        "transaction",
        vec![
            object([("resource", patient("7", "Elm")), ("request", request("POST", "Patient"))]),
            object([("request", request("DELETE", "Nonsense/1"))]),
        ],
    );
    assert!(client.post("/fhir", &torn).status.is_client_error());
    assert!(names(&client.search(&format!("Patient?identifier={SYSTEM}|7"))).is_empty());
    let mut batch = torn;
    batch.as_object_mut().unwrap().insert("type", Value::from("batch"));
    let answer = client.post("/fhir/", &batch).ok();
    assert_eq!(text(&answer, "type"), "batch-response");
    assert!(
        status(&answer, 0).starts_with("201") && status(&answer, 1).starts_with('4'),
        "{}",
        answer.to_pretty()
    );

    client.post("/fhir", &bundle("collection", vec![])).refused(400);
    client.post("/fhir", &patient("1", "Oak")).refused(400);
    server.stop();
}

#[test]
fn searches_by_get_and_by_form_find_the_same() {
    let (_folder, mut server, mut client) = open();
    for (value, family) in [("1", "Oak Tree"), ("2", "Elm"), ("3", "Oakley")] {
        client.post("/fhir/Patient", &patient(value, family)).ok();
    }
    let by_url = client.search("Patient?name=Oak&_sort=family&_total=accurate");
    assert_eq!((text(&by_url, "type"), number(&by_url, "total")), ("searchset", Some(2)));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let mut search = |path: &str, body: &str| client.call("POST", path, &form, body.as_bytes()).ok();
    let by_form = search("/fhir/Patient/_search", "name=Oak&_sort=family&_total=accurate");
    assert_eq!(by_form.get("entry"), by_url.get("entry"));
    let by_both = search("/fhir/Patient/_search?name=Oak", "_sort=family&_total=accurate");
    assert_eq!(by_both.get("entry"), by_url.get("entry"));
    let escaped = search("/fhir/Patient/_search", &format!("identifier={}", "urn%3Aoid%3A2.999.77%7C2"));
    assert_eq!(names(&escaped).len(), 1);
    let spaced = search("/fhir/Patient/_search", "family:exact=Oak+Tree");
    assert_eq!(names(&spaced).len(), 1);
    for entry in by_url.get("entry").and_then(Value::as_array).unwrap() {
        assert_eq!(text(entry, "search.mode"), "match");
        let name = format!("https://ward.example/fhir/Patient/{}", text(entry, "resource.id"));
        assert_eq!(text(entry, "fullUrl"), name);
    }
    let summary = client.search("Patient?_summary=count");
    assert_eq!((number(&summary, "total"), summary.get("entry")), (Some(3), None));
    let elements = client.search("Patient?_elements=name");
    assert!(
        resources(&elements).iter().all(|one| one.get("identifier").is_none() && one.get("name").is_some())
    );
    let explained = client.search("Patient?name=Oak&__explain=true");
    assert!(resources(&explained).iter().any(|one| text(one, "resourceType") == "OperationOutcome"));
    server.stop();
}
