//! The capability statement: whatever it lists is tried, and what the registries have is listed.

use std::collections::BTreeSet;

use fhir::json::Value;
use fhir::search::{Kind, Parameter, Registry};

use crate::support::{Client, Folder, text};

/// A value that a parameter of a kind takes.
fn value(kind: Kind, parameter: Option<&Parameter>) -> String {
    match kind {
        Kind::Number => "1".to_owned(),
        Kind::Date => "2020".to_owned(),
        Kind::Quantity => "1%7C%7Cg".to_owned(),
        Kind::Uri => "urn:a".to_owned(),
        Kind::Reference => {
            let target = parameter.and_then(|found| found.targets.first());
            format!("{}/1", target.map_or("Patient", |target| target.as_ref()))
        }
        Kind::Composite => {
            let parts: Option<Vec<String>> =
                parameter.map(|found| found.components.iter().map(|part| value(part.kind, None)).collect());
            parts.unwrap_or_default().join("$")
        }
        Kind::String | Kind::Token | Kind::Special => "a".to_owned(),
    }
}

/// Parameters with a form of their own.
fn special(name: &str) -> Option<&'static str> {
    Some(match name {
        "near" => "1%7C1%7C1%7Ckm",
        "_filter" => "_id%20eq%20a",
        "_list" => "a",
        "_text" | "_content" => "word",
        _ => return None,
    })
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).map(Value::elements).unwrap_or_default()
}

fn asked(client: &mut Client, path: &str) {
    let answer = client.get(path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
}

#[test]
fn every_entry_of_the_capability_statement_works() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let statement = client.get("/fhir/metadata").ok();
    let rest = statement.get("rest").unwrap().at(0).unwrap();
    let mut tried = 0;
    for resource in list(rest, "resource") {
        let name = text(resource, "type");
        let registered = Registry::base().parameters(name);
        let mut told = BTreeSet::new();
        for parameter in list(resource, "searchParam") {
            let code = text(parameter, "name");
            told.insert(code.to_owned());
            let known = registered.iter().find(|known| known.code.as_str() == code);
            let kind = Kind::from_code(text(parameter, "type")).unwrap();
            let value = special(code).map_or_else(|| value(kind, known.map(|known| &**known)), str::to_owned);
            asked(&mut client, &format!("/fhir/{name}?{code}={value}"));
            tried += 1;
        }
        for parameter in registered.iter().filter(|known| known.is_offered()) {
            assert!(told.contains(parameter.code.as_str()), "{name}.{} is not told", parameter.code);
        }
        for (member, query) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
            for include in list(resource, member) {
                asked(&mut client, &format!("/fhir/{name}?{query}={}", include.as_str().unwrap()));
                tried += 1;
            }
        }
        operations(&mut client, resource, &format!("/fhir/{name}"));
    }
    operations(&mut client, rest, "/fhir");
    for parameter in list(rest, "searchParam") {
        for value in text(parameter, "documentation").split(" | ") {
            asked(&mut client, &format!("/fhir?{}={value}", text(parameter, "name")));
            asked(&mut client, &format!("/fhir/Medication?{}={value}", text(parameter, "name")));
            tried += 1;
        }
    }
    assert!(tried > 2000, "{tried}");
    server.stop();
}

/// An operation that is told has to be there: its path is known, whatever it says to being asked for nothing.
fn operations(client: &mut Client, of: &Value, base: &str) {
    for operation in list(of, "operation") {
        let name = text(operation, "name");
        let at_type = client.call("POST", &format!("{base}/${name}"), &[], &[]).status.as_u16();
        let at_one = client.call("POST", &format!("{base}/none/${name}"), &[], &[]).status.as_u16();
        let is_there = |status: u16| !matches!(status, 404 | 405) && status < 500;
        // Of one resource that is not there, an operation says 404 too; its path still takes the method.
        assert!(is_there(at_type) || at_one != 405, "{base} ${name}: {at_type}, {at_one}");
    }
}
