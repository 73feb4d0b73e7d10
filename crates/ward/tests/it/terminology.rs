//! The terminology operations over HTTPS: by query and by body, on types and on stored resources, refused and allowed.

use fhir::json::Value;

use crate::support::{Answer, Client, Folder, Server, json, text};

const GENDERS: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";

fn open() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let token = folder.token();
    let server = folder.serve();
    let client = server.client(&token);
    (folder, server, client)
}

/// The value of the parameter `name` of an answer, as text.
#[track_caller]
fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let value = answer.ok();
    assert_eq!(fhir::validate::validate(&value), [], "{}", value.to_pretty());
    let list = value.get("parameter").map(Value::elements).unwrap_or_default();
    let found = list.iter().find(|one| text(one, "name") == name)?;
    let typed = found.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value"));
    typed.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The codes of an expansion.
#[track_caller]
fn codes(answer: &Answer) -> Vec<String> {
    let value = answer.ok();
    assert_eq!(fhir::validate::validate(&value), [], "{}", value.to_pretty());
    let contains = value.get("expansion").unwrap().get("contains").map(Value::elements).unwrap_or_default();
    contains.iter().map(|one| text(one, "code").to_owned()).collect()
}

fn load(client: &mut Client) {
    let system = r#"{"resourceType":"CodeSystem","id":"colours","url":"urn:colours","version":"3","status":"active","content":"complete",
        "valueSet":"urn:colours-all","concept":[{"code":"red","display":"Red","concept":[{"code":"pink","display":"Pink"}]},{"code":"blue","display":"Blue"}]}"#;
    let set = r#"{"resourceType":"ValueSet","id":"reds","url":"urn:reds","status":"active","compose":{"include":[{"system":"urn:colours",
        "filter":[{"property":"concept","op":"is-a","value":"red"}]}]}}"#;
    let map = r#"{"resourceType":"ConceptMap","id":"moods","url":"urn:moods","status":"active","group":[{"source":"urn:colours","target":"urn:mood",
        "element":[{"code":"blue","target":[{"code":"sad","equivalence":"wider"}]}]}]}"#;
    for text in [system, set, map] {
        let value = json(text.as_bytes());
        let path = format!(
            "/fhir/{}/{}",
            value.resource_type().unwrap(),
            value.get("id").unwrap().as_str().unwrap()
        );
        client.put(&path, &value).ok();
    }
}

#[test]
fn value_sets_expand() {
    let (_folder, mut server, mut client) = open();
    load(&mut client);
    let all = client.get(&format!("/fhir/ValueSet/$expand?url={GENDERS}&filter=ma&_pretty=true"));
    assert_eq!(codes(&all), ["male"]);
    assert_eq!(codes(&client.get("/fhir/ValueSet/reds/$expand")), ["red", "pink"]);
    assert_eq!(codes(&client.get("/fhir/ValueSet/$expand?url=urn:colours-all&offset=1&count=1")), ["pink"]);
    assert_eq!(
        codes(&client.get("/fhir/ValueSet/$expand?url=urn:reds&exclude-system=urn:colours")),
        Vec::<String>::new()
    );
    let inline = json(
        br#"{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"ValueSet","status":"draft",
        "compose":{"include":[{"valueSet":["urn:reds"]}],"exclude":[{"system":"urn:colours","concept":[{"code":"red"}]}]}}},
        {"name":"includeDesignations","valueBoolean":true}]}"#,
    );
    assert_eq!(codes(&client.post("/fhir/ValueSet/$expand", &inline)), ["pink"]);

    let missing = client.get("/fhir/ValueSet/$expand?url=urn:nowhere").refused(404);
    assert!(missing.contains("urn:nowhere") && missing.contains("ward package add"), "{missing}");
    client.get("/fhir/ValueSet/none/$expand").refused(404);
    client.get("/fhir/ValueSet/$expand").refused(400);
    client.get("/fhir/ValueSet/$expand?url=urn:reds&date=2020").refused(400);
    client.get("/fhir/ValueSet/$expand?url=urn:reds&count=-1").refused(400);
    client.get("/fhir/Patient/$expand?url=urn:reds").refused(404);
    client.get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/mimetypes").refused(413);
    let wrong =
        client.get("/fhir/ValueSet/$expand?url=urn:reds&check-system-version=urn:colours%7C2").refused(422);
    assert!(wrong.contains("urn:colours"), "{wrong}");
    client.get("/fhir/ValueSet/$expand?url=urn:reds&force-system-version=urn:colours%7C2").refused(404);
    server.stop();
}

#[test]
fn codes_are_validated_looked_up_compared_and_translated() {
    let (_folder, mut server, mut client) = open();
    load(&mut client);
    let mut check = |path: &str, name: &str, expected: &str| {
        assert_eq!(parameter(&client.get(path), name).as_deref(), Some(expected), "{path}");
    };
    let validate = format!(
        "/fhir/ValueSet/$validate-code?url={GENDERS}&system=http://hl7.org/fhir/administrative-gender"
    );
    check(&format!("{validate}&code=female"), "result", "true");
    check(&format!("{validate}&code=female&display=Lady"), "result", "false");
    check(&format!("{validate}&code=f"), "result", "false");
    check("/fhir/ValueSet/reds/$validate-code?code=pink", "system", "urn:colours");
    check("/fhir/CodeSystem/$validate-code?url=urn:colours&code=green", "result", "false");
    check("/fhir/CodeSystem/colours/$validate-code?code=blue", "display", "Blue");
    check("/fhir/CodeSystem/$lookup?system=urn:colours&code=pink", "display", "Pink");
    check(
        "/fhir/CodeSystem/$lookup?system=http://terminology.hl7.org/CodeSystem/v2-0001&code=F&displayLanguage=de",
        "display",
        "weiblich",
    );
    check("/fhir/CodeSystem/$subsumes?system=urn:colours&codeA=red&codeB=pink", "outcome", "subsumes");
    check("/fhir/CodeSystem/colours/$subsumes?codeA=pink&codeB=red", "outcome", "subsumed-by");
    check("/fhir/ConceptMap/$translate?url=urn:moods&system=urn:colours&code=blue", "result", "true");
    check("/fhir/ConceptMap/moods/$translate?code=red", "result", "false");
    check("/fhir/ConceptMap/$translate?system=urn:mood&code=sad&reverse=true", "result", "true");

    let concept = json(
        br#"{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:reds"},{"name":"codeableConcept","valueCodeableConcept":
        {"coding":[{"system":"urn:colours","code":"blue"},{"system":"urn:colours","code":"red"}]}}]}"#,
    );
    assert_eq!(
        parameter(&client.post("/fhir/ValueSet/$validate-code", &concept), "result").as_deref(),
        Some("true")
    );

    client.get("/fhir/CodeSystem/$lookup?system=urn:colours&code=green").refused(404);
    client.get("/fhir/CodeSystem/$lookup?code=red").refused(400);
    client.get("/fhir/CodeSystem/$lookup?system=http://snomed.info/sct&code=1").refused(404);
    client.get("/fhir/CodeSystem/$subsumes?system=urn:colours&codeA=red").refused(400);
    client.get("/fhir/ConceptMap/$translate?url=urn:none&system=urn:colours&code=red").refused(404);
    let unknown = client.get("/fhir/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/body-site&system=http://snomed.info/sct&code=1");
    assert!(unknown.refused(404).contains("snomed"), "not loaded is told apart from no");
    server.stop();
}

#[test]
fn terminology_needs_the_right_to_read_it_and_its_capabilities_do_not() {
    let folder = Folder::new();
    let few = folder.ward(&["token", "create", "--scope", "user/Patient.rs"]).good();
    let mut server = folder.serve();
    let mut client = server.client(few.trim());
    client.get(&format!("/fhir/ValueSet/$expand?url={GENDERS}")).refused(403);
    client.token = None;
    client.get(&format!("/fhir/ValueSet/$expand?url={GENDERS}")).refused(401);
    let capabilities = client.get("/fhir/metadata?mode=terminology").ok();
    assert_eq!(fhir::validate::validate(&capabilities), []);
    assert_eq!(text(&capabilities, "resourceType"), "TerminologyCapabilities");
    client.get("/fhir/metadata?mode=other").refused(400);
    server.stop();
}
