//! FHIRPath Patch.

use super::*;
use crate::json::parse;

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).expect(text)
}

const PATIENT: &str = r##"{"resourceType":"Patient","active":true,"birthDate":"1970-01-01",
  "name":[{"family":"A","given":["x","y"],"_given":[null,{"id":"g"}]},{"family":"B"}],
  "contained":[{"resourceType":"Organization","id":"o","name":"old"}],
  "managingOrganization":{"reference":"#o"},"multipleBirthInteger":2}"##;

fn operation(kind: &str, path: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    format!(
        r#"{{"name":"operation","part":[{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{more}]}}"#
    )
}

fn path_patched(operations: &[String]) -> Result<Value, Issue> {
    let patch = format!(r#"{{"resourceType":"Parameters","parameter":[{}]}}"#, operations.join(","));
    apply(json(PATIENT), &json(&patch))
}

/// What an expression gives after one operation.
fn check_path(kind: &str, path: &str, more: &str, expression: &str) {
    let doc = path_patched(&[operation(kind, path, more)]).unwrap();
    let expression = crate::path::Expression::parse(expression).unwrap();
    let found = expression.evaluate(&doc, &crate::path::Context::default()).unwrap();
    assert_eq!(found, [crate::path::Item::Boolean(true)], "{kind} {path} {more} gives {doc}");
    assert_eq!(crate::validate::validate(&doc), [], "{kind} {path} {more} gives {doc}");
}

#[test]
fn fhirpath_operations_do_as_the_standard_says() {
    let name = |name: &str| format!(r#"{{"name":"name","valueString":"{name}"}}"#);
    let value = |value: &str| format!(r#"{{"name":"value",{value}}}"#);
    let add = |path: &str, element: &str, content: &str, expression: &str| {
        check_path("add", path, &format!("{},{}", name(element), value(content)), expression);
    };
    add("Patient", "gender", r#""valueCode":"male""#, "gender = 'male'");
    add("Patient", "name", r#""valueHumanName":{"family":"C"}"#, "name.count() = 3 and name[2].family = 'C'");
    add("Patient.name[1]", "given", r#""valueString":"z""#, "name[1].given = 'z'");
    add(
        "Patient.name[0]",
        "given",
        r#""valueString":"z""#,
        "name[0].given[2] = 'z' and name[0].given[1].id = 'g'",
    );
    add("Patient", "deceased", r#""valueBoolean":true"#, "deceased = true");
    add(
        "Patient.birthDate",
        "extension",
        r#""valueExtension":{"url":"http://u","valueCode":"c"}"#,
        "birthDate.extension('http://u').value = 'c'",
    );
    add("Patient.name[0].given[0]", "id", r#""valueId":"k""#, "name[0].given.select(id).count() = 2");
    add("managingOrganization.resolve()", "alias", r#""valueString":"new""#, "contained.alias = 'new'");
    add(
        "Patient",
        "contact",
        r#""part":[{"name":"name","valueHumanName":{"family":"F"}},{"name":"relationship","valueCodeableConcept":{"text":"t"}}]"#,
        "contact.name.family = 'F' and contact.relationship.text = 't'",
    );
    check_path("delete", "Patient.name[0].given[0]", "", "name[0].given = 'y' and name[0].given.id = 'g'");
    check_path("delete", "Patient.name.where(family = 'B')", "", "name.family = 'A'");
    check_path("delete", "Patient.gender", "", "active = true");
    check_path("delete", "Patient.managingOrganization.reference", "", "managingOrganization.empty()");
    check_path(
        "replace",
        "Patient.birthDate",
        &value(r#""valueDate":"1971-01-01""#),
        "birthDate = @1971-01-01",
    );
    check_path("replace", "multipleBirth", &value(r#""valueBoolean":true"#), "multipleBirth = true");
    check_path(
        "replace",
        "name[0].given[1]",
        &value(r#""valueString":"w""#),
        "name[0].given[1] = 'w' and name.given.id.empty()",
    );
    let index = r#"{"name":"index","valueInteger":0},"#;
    check_path(
        "insert",
        "Patient.name",
        &format!("{index}{}", value(r#""valueHumanName":{"family":"0"}"#)),
        "name[0].family = '0' and name.count() = 3",
    );
    let contained = format!("{index}{}", value(r#""resource":{"resourceType":"Practitioner","id":"p"}"#));
    check_path("insert", "contained", &contained, "contained[0].id = 'p' and contained.count() = 2");
}

#[test]
fn fhirpath_operations_that_do_not_fit_are_refused() {
    let code = |kind: &str, path: &str, more: &str| {
        path_patched(&[operation(kind, path, more)]).map(drop).map_err(|i| i.code)
    };
    let value = r#"{"name":"value","valueString":"x"}"#;
    for (kind, path, more, expected) in [
        ("add", "Patient", format!(r#"{{"name":"name","valueString":"active"}},{value}"#), IssueType::Value),
        ("add", "Patient", format!(r#"{{"name":"name","valueString":"nosuch"}},{value}"#), IssueType::Value),
        (
            "add",
            "Patient",
            format!(r#"{{"name":"name","valueString":"deceased"}},{value}"#),
            IssueType::Value,
        ),
        (
            "add",
            "Patient.contact",
            format!(r#"{{"name":"name","valueString":"x"}},{value}"#),
            IssueType::Value,
        ),
        ("add", "Patient", value.to_owned(), IssueType::Invalid),
        ("replace", "Patient.gender", value.to_owned(), IssueType::Value),
        ("replace", "Patient.name", value.to_owned(), IssueType::Value),
        ("replace", "Patient", value.to_owned(), IssueType::Value),
        ("replace", "Patient.active.not()", value.to_owned(), IssueType::Value),
        ("replace", "Patient.nosuch", value.to_owned(), IssueType::Value),
        ("delete", "Patient.name", String::new(), IssueType::Value),
        ("delete", "Patient", String::new(), IssueType::Value),
        (
            "insert",
            "Patient.name",
            format!(r#"{{"name":"index","valueInteger":9}},{value}"#),
            IssueType::Value,
        ),
        (
            "insert",
            "Patient.birthDate",
            format!(r#"{{"name":"index","valueInteger":0}},{value}"#),
            IssueType::Value,
        ),
        ("insert", "Patient.name", r#"{"name":"index","valueInteger":-1}"#.to_owned(), IssueType::Invalid),
        ("move", "Patient.name", r#"{"name":"source","valueInteger":0}"#.to_owned(), IssueType::Invalid),
        ("spin", "Patient.name", String::new(), IssueType::Invalid),
        ("delete", "Patient..name", String::new(), IssueType::Invalid),
        ("delete", "Patient.name[0]", r#"{"name":"colour"}"#.to_owned(), IssueType::Invalid),
    ] {
        assert_eq!(code(kind, path, &more), Err(expected), "{kind} {path} {more}");
    }
    assert!(apply(json(PATIENT), &json(r#"{"resourceType":"Patient"}"#)).is_err());
}

#[test]
fn a_move_keeps_a_list_and_its_extensions_in_step() {
    let doc = path_patched(&[operation(
        "move",
        "Patient.name[0].given",
        r#"{"name":"source","valueInteger":1},{"name":"destination","valueInteger":0}"#,
    )])
    .unwrap();
    let name = doc.get("name").and_then(|name| name.at(0)).unwrap();
    assert_eq!(name.to_string(), r#"{"family":"A","given":["y","x"],"_given":[{"id":"g"},null]}"#);
}
