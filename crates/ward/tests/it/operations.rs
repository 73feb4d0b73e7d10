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

#[test]
fn a_difference_of_versions_is_a_patch_that_leads_from_one_to_the_other() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let patient = |family: &str, active: bool| {
        object([
            ("resourceType", Value::from("Patient")),
            ("id", Value::from("p")),
            ("active", Value::from(active)),
            ("name", array([object([("family", Value::from(family))])])),
        ])
    };
    client.put("/fhir/Patient/p", &patient("Oak", true)).ok();
    client.put("/fhir/Patient/p", &patient("Elm", true)).ok();
    client.put("/fhir/Patient/p", &patient("Elm", false)).ok();
    let last = client.get("/fhir/Patient/p/$diff").ok();
    assert_eq!(text(&last, "parameter.0.part.1.valueString"), "Patient.active");
    let whole = client.get("/fhir/Patient/p/$diff?fromVersion=1").ok();
    assert_eq!(whole.get("parameter").unwrap().elements().len(), 2);
    let back = client.get("/fhir/$diff?from=Patient/p&to=Patient/p/_history/1").ok();
    let patched = client.call("PATCH", "/fhir/Patient/p", &[FHIR], &back.to_vec()).ok();
    assert_eq!((text(&patched, "name.0.family"), patched.get("active")), ("Oak", Some(&Value::from(true))));
    assert!(client.get("/fhir/$diff?from=Patient/p&to=Patient/p").ok().get("parameter").is_none());
    client.get("/fhir/Patient/p/$diff?fromVersion=9").refused(404);
    client.get("/fhir/Patient/p/$diff?toVersion=1").refused(400);
    client.get("/fhir/$diff?from=Patient/p").refused(400);
    server.stop();
}

#[test]
fn a_document_holds_all_that_its_composition_speaks_of_or_is_refused() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let named = |resource_type: &str, id: &str| {
        object([("resourceType", Value::from(resource_type)), ("id", Value::from(id))])
    };
    let reference = |to: &str| object([("reference", Value::from(to))]);
    let composition = |entry: &str| {
        object([
            ("resourceType", Value::from("Composition")),
            ("id", Value::from("c")),
            ("status", Value::from("final")),
            ("type", object([("text", Value::from("letter"))])),
            ("subject", reference("Patient/p")),
            ("date", Value::from("2026-01-01")),
            ("author", array([reference("Practitioner/a")])),
            ("title", Value::from("t")),
            (
                "section",
                array([object([
                    ("title", Value::from("s")),
                    (
                        "section",
                        array([object([("entry", array([reference(entry), reference("Patient/p")]))])]),
                    ),
                ])]),
            ),
        ])
    };
    client.put("/fhir/Patient/p", &named("Patient", "p")).ok();
    client.put("/fhir/Practitioner/a", &named("Practitioner", "a")).ok();
    client.put("/fhir/Organization/o", &with_name(named("Organization", "o"))).ok();
    client.put("/fhir/Composition/c", &composition("Organization/o")).ok();
    let made = client.get("/fhir/Composition/c/$document").ok();
    assert_eq!(text(&made, "type"), "document");
    let types: Vec<&str> = made
        .get("entry")
        .unwrap()
        .elements()
        .iter()
        .map(|entry| text(entry, "resource.resourceType"))
        .collect();
    assert_eq!(types, ["Composition", "Patient", "Practitioner", "Organization"]);
    let kept = client.get("/fhir/Composition/c/$document?persist=true");
    assert_eq!(kept.status, 201);
    let location = kept.header("location").strip_prefix("https://ward.example").unwrap().to_owned();
    assert_eq!(text(&client.get(&location).ok(), "type"), "document");
    client.put("/fhir/Composition/c", &composition("Organization/none")).ok();
    let hole = client.get("/fhir/Composition/c/$document").refused(422);
    assert!(hole.contains("Composition.section[0].section[0].entry[0]"), "{hole}");
    client.get("/fhir/Patient/p/$document").refused(404);
    client.get("/fhir/Composition/c/$document?graph=a").refused(400);
    server.stop();
}

fn with_name(mut organization: Value) -> Value {
    organization.as_object_mut().unwrap().insert("name", Value::from("o"));
    organization
}

#[test]
fn a_resource_is_validated_against_stored_profiles() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let profile = br#"{"resourceType":"StructureDefinition","id":"p","url":"http://example.org/p","name":"P","status":"active","kind":"resource",
      "abstract":false,"type":"Patient","derivation":"constraint","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient",
      "differential":{"element":[{"id":"Patient","path":"Patient"},{"id":"Patient.gender","path":"Patient.gender","min":1},
      {"id":"Patient.managingOrganization","path":"Patient.managingOrganization","type":[{"code":"Reference","targetProfile":["http://example.org/o"]}]}]}}"#;
    let organizations = String::from_utf8_lossy(profile)
        .replace("/p\"", "/o\"")
        .replace("\"id\":\"p\"", "\"id\":\"o\"")
        .replace("Patient", "Organization")
        .replace("gender", "telecom");
    client.call("PUT", "/fhir/StructureDefinition/p", &[FHIR], profile).ok();
    client.call("PUT", "/fhir/StructureDefinition/o", &[FHIR], organizations.as_bytes()).ok();
    let mut errors = |method: &str, path: &str, body: &str| {
        let outcome = client.call(method, path, &[FHIR], body.as_bytes()).ok();
        assert_eq!(fhir::validate::validate(&outcome), [], "{}", outcome.to_pretty());
        let issues = outcome.get("issue").map(Value::elements).unwrap_or_default();
        let errors = issues.iter().filter(|issue| text(issue, "severity") == "error");
        errors.map(|issue| text(issue, "expression.0").to_owned()).collect::<Vec<_>>()
    };
    let patient = |more: &str| format!(r#"{{"resourceType":"Patient","id":"a"{more}}}"#);
    let claims = r#","meta":{"profile":["http://example.org/p"]}"#;
    let of_type = "/fhir/Patient/$validate";
    let none: [&str; 0] = [];
    assert_eq!(errors("POST", of_type, &patient("")), none);
    assert_eq!(errors("POST", of_type, &patient(claims)), ["Patient.gender"]);
    assert_eq!(
        errors("POST", &format!("{of_type}?profile=http://example.org/p"), &patient("")),
        ["Patient.gender"]
    );
    assert_eq!(
        errors("POST", &format!("{of_type}?profile=http://example.org/p"), &patient(r#","gender":"male""#)),
        none
    );
    assert_eq!(
        errors("POST", &format!("{of_type}?profile=http://example.org/unknown"), &patient("")),
        ["Patient"]
    );
    assert_eq!(
        errors("POST", of_type, &patient(r#","nosuch":1,"birthDate":"x""#)),
        ["Patient.nosuch", "Patient.birthDate"]
    );
    assert_eq!(errors("POST", of_type, r#"{"resourceType":"Basic","code":{"text":"x"}}"#), ["Patient"]);
    let wrapped = |more: &str| {
        format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"resource","resource":{}}}{more}]}}"#,
            patient(claims)
        )
    };
    assert_eq!(errors("POST", of_type, &wrapped("")), ["Patient.gender"]);
    assert_eq!(
        errors("POST", of_type, &wrapped(r#",{"name":"mode","valueCode":"update"}"#)),
        ["Patient.gender"]
    );
    errors("PUT", "/fhir/Organization/x", r#"{"resourceType":"Organization","id":"x","name":"n"}"#);
    errors(
        "PUT",
        "/fhir/Patient/a",
        &patient(r#","gender":"male","managingOrganization":{"reference":"Organization/x"}"#),
    );
    let stored = "/fhir/Patient/a/$validate";
    assert_eq!(errors("GET", stored, ""), none);
    assert_eq!(
        errors("GET", &format!("{stored}?mode=profile&profile=http://example.org/p"), ""),
        ["Patient.managingOrganization"]
    );
    assert_eq!(errors("GET", &format!("{stored}?mode=delete"), ""), none);
    assert_eq!(
        errors("POST", &format!("{stored}?mode=update"), r#"{"resourceType":"Patient","id":"b"}"#),
        ["Patient.id"]
    );
    client.get("/fhir/Patient/none/$validate").refused(404);
    client.get(&format!("{stored}?mode=spin")).refused(400);
    client.get(&format!("{stored}?mode=profile")).refused(400);
    client.get(&format!("{stored}?colour=red")).refused(400);
    client.call("POST", of_type, &[FHIR], b"").refused(400);
    server.stop();
}

#[test]
fn the_newest_observations_of_each_kind_are_found() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let observation = |codes: &[&str], date: &str, subject: &str| {
        let coding = |code: &&str| object([("system", Value::from("urn:c")), ("code", Value::from(*code))]);
        object([
            ("resourceType", Value::from("Observation")),
            ("status", Value::from("final")),
            ("code", object([("coding", array(codes.iter().map(coding)))])),
            ("subject", object([("reference", Value::from(subject))])),
            ("effectiveDateTime", Value::from(date)),
        ])
    };
    for (codes, date, subject) in [
        (&["a"][..], "2026-01-01", "Patient/p"),
        (&["a"], "2026-01-03", "Patient/p"),
        (&["a"], "2026-01-02", "Patient/p"),
        (&["b"], "2026-01-01", "Patient/p"),
        (&["b", "c"], "2025-01-01", "Patient/p"),
        (&["c"], "2026-05-01", "Patient/p"),
        (&["a"], "2026-01-09", "Patient/q"),
    ] {
        assert_eq!(client.post("/fhir/Observation", &observation(codes, date, subject)).status, 201);
    }
    let dates = |client: &mut crate::support::Client, query: &str| -> Vec<String> {
        let found = client.get(&format!("/fhir/Observation/$lastn?{query}")).ok();
        let entries = found.get("entry").map(Value::elements).unwrap_or_default().to_vec();
        entries.iter().map(|entry| text(entry, "resource.effectiveDateTime").to_owned()).collect()
    };
    assert_eq!(dates(&mut client, "subject=Patient/p"), ["2026-05-01", "2026-01-03"]);
    assert_eq!(
        dates(&mut client, "subject=Patient/p&max=2"),
        ["2026-05-01", "2026-01-01", "2026-01-03", "2026-01-02"],
        "b and c are one kind, since one observation bears both"
    );
    assert_eq!(dates(&mut client, "subject=Patient/none"), [""; 0]);
    client.get("/fhir/Observation/$lastn").refused(400);
    client.get("/fhir/Observation/$lastn?subject=Patient/p&max=0").refused(400);
    client.get("/fhir/Observation/$lastn?subject=Patient/p&_sort=date").refused(400);
    client.get("/fhir/Patient/$lastn?name=a").refused(404);
    server.stop();
}

#[test]
fn a_purged_patient_is_gone_with_a_proof() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let patient = object([("resourceType", Value::from("Patient")), ("id", Value::from("p"))]);
    client.put("/fhir/Patient/p", &patient).ok();
    let proof = client.call("POST", "/fhir/Patient/p/$purge", &[], &[]).ok();
    assert_eq!(proof.get("parameter").unwrap().at(0).unwrap().get("valueBoolean"), Some(&Value::from(true)));
    client.get("/fhir/Patient/p").refused(410);
    client.get("/fhir/Patient/p/_history/1").refused(410);
    assert_eq!(client.call("POST", "/fhir/Patient/p/$erase", &[], &[]).status, 200);
    client.call("POST", "/fhir/Patient/none/$purge", &[], &[]).refused(404);
    client.call("POST", "/fhir/Observation/o/$purge", &[], &[]).refused(404);
    client.get("/fhir/Patient/p/$purge").refused(405);
    server.stop();
}
