use std::collections::HashMap;
use std::sync::Arc;

use fhir::json::{self, Limits, Value};

use super::source::{Found, Source};
use super::*;

struct Few(HashMap<String, Resource>);

impl Source for Few {
    fn read(&self, resource_type: &str, id: &str) -> Result<Resource, String> {
        self.0.get(&format!("{resource_type}/{id}")).cloned().ok_or_else(|| "not found".to_owned())
    }

    fn search(&self, resource_type: &str, pairs: &[(String, String)]) -> Result<Found, String> {
        let mut keys: Vec<_> = self.0.keys().filter(|key| key.starts_with(resource_type)).collect();
        keys.sort();
        let wanted = pairs.iter().find(|(name, _)| name == "subject").map(|(_, value)| value.as_str());
        let entries = keys.into_iter().map(|key| self.0[key].clone()).filter(|one| {
            wanted.is_none_or(|wanted| {
                one.get("subject").and_then(|subject| subject.get("reference")).and_then(Value::as_str)
                    == Some(wanted)
            })
        });
        let entries: Vec<_> = entries.map(|one| (one, "match")).collect();
        Ok(Found {
            total: Some(entries.len() as u64),
            entries,
            next: Some("token".to_owned()),
            previous: None,
        })
    }

    fn page(&self, _: &str, _: &str) -> Result<Found, String> {
        Ok(Found::default())
    }
}

fn few() -> Few {
    let all = [
        r#"{"resourceType":"Patient","id":"p","active":true,"birthDate":"1970","_birthDate":{"id":"b"},
            "name":[{"use":"official","family":"Oak","given":["A","B"]},{"use":"nickname","given":["C"]}],
            "telecom":[{"system":"phone","rank":2},{"system":"email","rank":1}]}"#,
        r#"{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},
            "performer":[{"reference":"Practitioner/x"},{"display":"nobody"}],"valueQuantity":{"value":1.50,"unit":"g"}}"#,
    ];
    Few(all
        .iter()
        .map(|text| {
            let value = json::parse(text.as_bytes(), &Limits::default()).unwrap();
            let key =
                format!("{}/{}", value.resource_type().unwrap(), value.get("id").unwrap().as_str().unwrap());
            (key, Arc::new(value))
        })
        .collect())
}

fn answered(query: &str, focus: Option<&str>) -> Value {
    let few = few();
    let asked = Asked { query: query.to_owned(), ..Asked::default() };
    let document = asked.parse().unwrap();
    let operation = asked.operation(&document).unwrap();
    let run = Run::new(&few, &document.fragments, asked.variables(operation).unwrap());
    run.answer(&operation.selection_set.node, focus.map(|key| &few.0[key]))
}

#[track_caller]
fn data(query: &str, focus: Option<&str>, wanted: &str) {
    let answer = answered(query, focus);
    assert!(answer.get("errors").is_none(), "{answer}");
    assert_eq!(answer.get("data").unwrap().to_string(), wanted, "{query}");
}

#[track_caller]
fn fails(query: &str, said: &str) {
    let answer = answered(query, Some("Patient/p"));
    let errors = answer.get("errors").map(ToString::to_string).unwrap_or_default();
    assert!(errors.contains(said), "{query}: {answer}");
}

#[test]
fn fields_are_picked_with_aliases_arguments_and_fragments() {
    let patient = Some("Patient/p");
    data("{id birthDate born: birthDate}", patient, r#"{"id":"p","birthDate":"1970","born":"1970"}"#);
    data(
        "{resourceType __typename gender}",
        patient,
        r#"{"resourceType":"Patient","__typename":"Patient","gender":null}"#,
    );
    data(
        "{name{family given}}",
        patient,
        r#"{"name":[{"family":"Oak","given":["A","B"]},{"family":null,"given":["C"]}]}"#,
    );
    data("{name(use: official){family}}", patient, r#"{"name":[{"family":"Oak"}]}"#);
    data("{name(_offset: 1, _count: 1){given}}", patient, r#"{"name":[{"given":["C"]}]}"#);
    data("{name(fhirpath: \"given.count() = 2\"){family}}", patient, r#"{"name":[{"family":"Oak"}]}"#);
    data("{name @first {given(_count: 1)}}", patient, r#"{"name":{"given":["A"]}}"#);
    data("{telecom(rank: 1){system}}", patient, r#"{"telecom":[{"system":"email"}]}"#);
    data("{_birthDate{id}}", patient, r#"{"_birthDate":{"id":"b"}}"#);
    data(
        "{...F name{given}} fragment F on Patient {name{family}}",
        patient,
        r#"{"name":[{"family":"Oak","given":["A","B"]},{"family":null,"given":["C"]}]}"#,
    );
    data("{... on Patient{id} ... on Observation{status}}", patient, r#"{"id":"p"}"#);
    data(
        "query($a: Boolean = false){id @include(if: $a) active @skip(if: false)}",
        patient,
        r#"{"active":true}"#,
    );
}

#[test]
fn references_are_followed_forwards_and_backwards() {
    data(
        "{Patient(id: p){birthDate}}".replace("p)", "\"p\")").as_str(),
        None,
        r#"{"Patient":{"birthDate":"1970"}}"#,
    );
    data(
        "{ObservationList{subject{resource{... on Patient{birthDate}}} valueQuantity{value}}}",
        None,
        r#"{"ObservationList":[{"subject":{"resource":{"birthDate":"1970"}},"valueQuantity":{"value":1.50}}]}"#,
    );
    data(
        "{ObservationList(_reference: subject){status}}",
        Some("Patient/p"),
        r#"{"ObservationList":[{"status":"final"}]}"#,
    );
    data(
        "{PatientConnection{count next edges{mode resource{id}}}}",
        None,
        r#"{"PatientConnection":{"count":1,"next":"token","edges":[{"mode":"match","resource":{"id":"p"}}]}}"#,
    );
    data(
        "{performer{resource(optional: true){__typename}}}",
        Some("Observation/o"),
        r#"{"performer":[{"resource":null},{"resource":null}]}"#,
    );
    data(
        "{subject{resource(type: Group){__typename}}}",
        Some("Observation/o"),
        r#"{"subject":{"resource":null}}"#,
    );
    let broken = answered("{performer{resource{__typename}}}", Some("Observation/o"));
    assert!(broken.get("errors").is_some(), "{broken}");
}

#[test]
fn a_field_that_cannot_be_answered_is_null_and_says_why() {
    fails("{nme}", "`nme` is not known to Patient");
    fails("{name}", "needs a selection");
    fails("{birthDate{year}}", "no selection");
    fails("{birthDate(a: 1)}", "takes no arguments");
    fails("{name(period: 1){family}}", "no plain element");
    fails("{name(fhirpath: \"1 +\"){family}}", "fhirpath");
    fails("{id @flatten}", "@flatten");
    fails("{ObservationList{status}}", "_reference");
    fails("{...A} fragment A on Patient {...B} fragment B on Patient {...A}", "nested too deeply");
    fails("{...A}", "not there");
}

#[test]
fn what_is_no_query_is_refused() {
    let refused = |query: &str| Asked { query: query.to_owned(), ..Asked::default() }.parse().is_err();
    assert!(
        refused("{")
            && refused("")
            && refused("{a(")
            && refused(&"{a".repeat(100_000))
            && refused(&"[".repeat(60_000))
    );
    let asked = Asked { query: "mutation{a}".to_owned(), ..Asked::default() };
    assert!(asked.operation(&asked.parse().unwrap()).is_err());
    assert_eq!(
        depth(
            r#"{a(b: "{{{\"{{") #{{{{
        {c}}"#
        ),
        2
    );
    assert_eq!(depth("{a(b: \"\"\"{{{\" {\"\"\") {c}}"), 2);
}
