//! FHIR in XML, in and out, over real TLS.

use fhir::json::{Value, array, object};
use fhir::xml;

use crate::support::{Answer, Folder, text};

const XML: &str = "application/fhir+xml";

#[track_caller]
fn read(answer: &Answer) -> Value {
    assert!(answer.header("content-type").starts_with(XML), "{answer:?}");
    xml::parse(&answer.body, &fhir::json::Limits::default()).unwrap()
}

#[test]
fn a_client_that_speaks_xml_alone_can_do_everything() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let speak = [("content-type", XML), ("accept", XML)];
    let body = br#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><family value="Oak &amp; Elm"/></name></Patient>"#;

    let created = client.call("POST", "/fhir/Patient", &speak, body);
    assert_eq!(created.status, 201);
    let made = read(&created);
    assert_eq!(text(&made, "name.0.family"), "Oak & Elm");
    let path = format!("/fhir/Patient/{}", text(&made, "id"));

    let as_json = client.get(&path).ok();
    assert_eq!(read(&client.call("GET", &path, &[("accept", XML)], &[])), as_json);
    assert_eq!(read(&client.get(&format!("{path}?_format=xml&_pretty=true"))), as_json);
    let found = read(&client.get("/fhir/Patient?family=oak&_format=xml"));
    assert_eq!(text(&found, "entry.0.resource.id"), text(&made, "id"));

    let patch = object([
        ("resourceType", Value::from("Bundle")),
        ("type", Value::from("batch")),
        (
            "entry",
            array([object([(
                "request",
                object([("method", Value::from("GET")), ("url", Value::from("Patient?family=oak"))]),
            )])]),
        ),
    ]);
    let batch = xml::write(&patch, xml::Layout::Compact).unwrap();
    let answered = read(&client.call("POST", "/fhir", &speak, &batch));
    assert_eq!(text(&answered, "entry.0.resource.type"), "searchset");
    server.stop();
}

#[test]
fn refusals_are_in_the_format_of_the_client_and_say_where() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let speak = [("content-type", XML), ("accept", XML)];
    let mut refused = |body: &[u8], status: u16, said: &str| {
        let answer = client.call("POST", "/fhir/Patient", &speak, body);
        assert_eq!(answer.status, status);
        let outcome = read(&answer);
        assert_eq!(outcome.resource_type(), Some("OperationOutcome"));
        let details = outcome.to_string();
        assert!(details.contains(said), "{details}");
    };
    refused(b"", 400, "empty");
    refused(b"<Patient", 400, "well formed");
    refused(b"{}", 400, "XML");
    refused(br#"<Patient xmlns="http://hl7.org/fhir"><nme/></Patient>"#, 400, "Patient.nme");
    refused(b"<!DOCTYPE a [<!ENTITY b \"c\">]><a/>", 400, "document type");
    refused(br#"<Patient xmlns="http://hl7.org/fhir"><birthDate value="x"/></Patient>"#, 422, "birthDate");
    let missing = client.call("GET", "/fhir/Patient/none", &[("accept", XML)], &[]);
    assert_eq!((missing.status.as_u16(), read(&missing).resource_type()), (404, Some("OperationOutcome")));
    let method = client.call("PUT", "/fhir/metadata", &[("accept", XML)], &[]);
    assert_eq!(read(&method).resource_type(), Some("OperationOutcome"));
    let statement = read(&client.call("GET", "/fhir/metadata", &[("accept", XML)], &[]));
    assert_eq!(statement.resource_type(), Some("CapabilityStatement"));
    client.call("GET", "/fhir/metadata", &[("accept", "text/turtle")], &[]).refused(406);
    server.stop();
}
