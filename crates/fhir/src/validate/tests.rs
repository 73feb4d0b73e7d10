use proptest::prelude::*;

use super::*;
use crate::json::{Limits, parse};

/// The issues of `resource` as `code place` lines.
fn issues(resource: &str) -> Vec<String> {
    let value = parse(resource.as_bytes(), &Limits::default()).expect(resource);
    validate(&value)
        .iter()
        .map(|issue| format!("{} {}", issue.code.as_str(), issue.expression.join(",")))
        .collect()
}

fn check(resource: &str, expected: &[&str]) {
    assert_eq!(issues(resource), expected, "{resource}");
}

fn patient(members: &str) -> String {
    format!("{{\"resourceType\":\"Patient\",{members}}}")
}

fn observation(members: &str) -> String {
    format!("{{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{{\"text\":\"x\"}},{members}}}")
}

#[test]
fn a_valid_resource_has_no_issues() {
    check(r#"{"resourceType":"Patient"}"#, &[]);
    check(
        &patient(
            r#""id":"a","meta":{"profile":["http://example.org/p"],"lastUpdated":"2024-01-01T00:00:00Z"},
            "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
            "active":true,"birthDate":"1970-02","_birthDate":{"extension":[{"url":"http://e.org/t","valueTime":"10:00:00"}]},
            "name":[{"use":"official","given":["A","B"],"_given":[null,{"id":"g"}]}],"deceasedDateTime":"2024-01-01T00:00:00.5+01:00",
            "multipleBirthInteger":2,"contact":[{"gender":"female"}]"#,
        ),
        &[],
    );
}

#[test]
fn resource_types_must_be_known() {
    check("[]", &["structure Resource"]);
    check("{}", &["structure Resource"]);
    check(r#"{"resourceType":"DomainResource"}"#, &["structure Resource"]);
    check(r#"{"resourceType":"patient"}"#, &["structure Resource"]);
    check(r#"{"resourceType":5}"#, &["structure Resource"]);
    check(&patient(r#""contained":[{"resourceType":"HumanName"}]"#), &["structure Patient.contained[0]"]);
}

#[test]
fn unknown_elements_are_refused_at_every_level() {
    check(&patient(r#""animal":{}"#), &["structure Patient.animal"]);
    check(&patient(r#""name":[{"text":"a"},{"first":"a"}]"#), &["structure Patient.name[1].first"]);
    check(
        &patient(r#""contact":[{"resourceType":"Patient","gender":"male"}]"#),
        &["structure Patient.contact[0].resourceType"],
    );
    check(&patient(r#""_name":[{"id":"a"}]"#), &["structure Patient.name"]);
    check(&patient(r#""deceased":true"#), &["structure Patient.deceased"]);
    check(&patient(r#""deceasedString":"x""#), &["structure Patient.deceasedString"]);
    // A name that could be anything is not repeated.
    check(&patient(r#""Jane Doe":1"#), &["structure Patient"]);
}

#[test]
fn cardinality_decides_between_value_and_array() {
    check(&patient(r#""active":[true]"#), &["structure Patient.active"]);
    check(&patient(r#""name":{"text":"a"}"#), &["structure Patient.name"]);
    check(&patient(r#""name":[]"#), &["structure Patient.name"]);
    check(&patient(r#""name":null"#), &["structure Patient.name"]);
    check(&patient(r#""name":[null]"#), &["structure Patient.name[0]"]);
    check(&patient(r#""active":null"#), &["structure Patient.active"]);
    check(r#"{"resourceType":"Observation"}"#, &["required Observation.status", "required Observation.code"]);
    check(&patient(r#""link":[{"type":"seealso"}]"#), &["required Patient.link[0].other"]);
    // Only an extension is enough to be there.
    check(
        r#"{"resourceType":"Observation","_status":{"extension":[{"url":"u","valueCode":"x"}]},"code":{"text":"x"}}"#,
        &[],
    );
}

#[test]
fn a_choice_has_one_type() {
    check(&observation(r#""valueString":"a","_valueString":{"id":"x"}"#), &[]);
    check(&observation(r#""valueString":"a","valueInteger":1"#), &["structure Observation.value"]);
    check(
        &observation(r#""valueString":"a","_valueInteger":{"extension":[{"url":"u","valueCode":"x"}]}"#),
        &["structure Observation.value"],
    );
    check(&observation(r#""valueQuantity":{"value":"5"}"#), &["structure Observation.value.value"]);
    check(&observation(r#""effectiveDateTime":"yesterday""#), &["value Observation.effective"]);
}

#[test]
fn primitives_have_their_json_type_and_form() {
    check(&patient(r#""active":"true""#), &["structure Patient.active"]);
    check(&patient(r#""birthDate":"1970-13""#), &["value Patient.birthDate"]);
    check(&patient(r#""id":"a_b""#), &["value Patient.id"]);
    check(&patient(r#""name":[{"given":["a",""]}]"#), &["value Patient.name[0].given[1]"]);
    check(&patient(r#""multipleBirthInteger":1.5"#), &["value Patient.multipleBirth"]);
}

#[test]
fn nulls_stand_only_in_arrays_of_primitives_beside_an_extension() {
    check(&patient(r#""name":[{"given":["a",null]}]"#), &["structure Patient.name[0].given[1]"]);
    check(
        &patient(r#""name":[{"given":[null],"_given":[{"extension":[{"url":"u","valueCode":"x"}]}]}]"#),
        &[],
    );
    check(&patient(r#""name":[{"given":[null],"_given":[null]}]"#), &["structure Patient.name[0].given[0]"]);
    check(
        &patient(r#""name":[{"given":["a"],"_given":[{"nonsense":1}]}]"#),
        &["structure Patient.name[0].given[0].nonsense"],
    );
    check(&patient(r#""_birthDate":"x""#), &["structure Patient.birthDate"]);
}

#[test]
fn empty_and_hollow_elements_are_refused() {
    check(&patient(r#""maritalStatus":{}"#), &["invariant Patient.maritalStatus"]);
    check(&patient(r#""maritalStatus":{"id":"a"}"#), &["invariant Patient.maritalStatus"]);
    check(&patient(r#""_birthDate":{}"#), &["invariant Patient.birthDate"]);
    check(&patient(r#""contact":[{}]"#), &["invariant Patient.contact[0]"]);
}

#[test]
fn an_extension_has_a_value_or_extensions() {
    check(&patient(r#""extension":[{"url":"u"}]"#), &["invariant Patient.extension[0]"]);
    check(&patient(r#""extension":[{"valueCode":"a"}]"#), &["required Patient.extension[0].url"]);
    check(
        &patient(r#""extension":[{"url":"u","valueCode":"a","extension":[{"url":"v","valueCode":"b"}]}]"#),
        &["invariant Patient.extension[0]"],
    );
    check(
        &patient(
            r#""extension":[{"url":"u","extension":[{"url":"v","_valueCode":{"extension":[{"url":"w","valueUri":"b"}]}}]}]"#,
        ),
        &[],
    );
}

#[test]
fn codes_of_required_bindings_are_checked() {
    check(&patient(r#""gender":"F""#), &["code-invalid Patient.gender"]);
    let condition = |status: &str| {
        format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/a"}},"clinicalStatus":{status}}}"#
        )
    };
    let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    check(&condition(&format!(r#"{{"coding":[{{"system":"{system}","code":"active"}}]}}"#)), &[]);
    check(
        &condition(&format!(r#"{{"coding":[{{"code":"x"}},{{"system":"{system}","code":"active"}}]}}"#)),
        &[],
    );
    check(
        &condition(&format!(r#"{{"coding":[{{"system":"{system}","code":"old"}}]}}"#)),
        &["code-invalid Condition.clinicalStatus"],
    );
    check(&condition(r#"{"coding":[{"code":"active"}]}"#), &["code-invalid Condition.clinicalStatus"]);
    check(&condition(r#"{"text":"active"}"#), &["code-invalid Condition.clinicalStatus"]);
    check(&condition(r#"{"extension":[{"url":"u","valueCode":"unknown"}]}"#), &[]);
}

#[test]
fn resources_within_resources_are_checked_with_their_place() {
    check(
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},{"resource":{"resourceType":"Patient","name":[{"nick":"a"}]}}]}"#,
        &["structure Bundle.entry[1].resource.name[0].nick"],
    );
    check(
        r#"{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":{"resourceType":"Patient","id":"?"}}]}]}"#,
        &["value Parameters.parameter[0].part[0].resource.id"],
    );
    let contained = |members: &str| {
        patient(&format!(
            r#""contained":[{{"resourceType":"Group","type":"person","actual":true{members}}}]"#
        ))
    };
    check(&contained(""), &[]);
    check(&contained(r#","contained":[{"resourceType":"Patient"}]"#), &["invariant Patient.contained[0]"]);
    check(&contained(r#","meta":{"versionId":"1"}"#), &["invariant Patient.contained[0]"]);
    check(&contained(r#","meta":{"security":[{"code":"R"}]}"#), &["invariant Patient.contained[0]"]);
}

#[test]
fn repeated_parts_are_checked_as_what_they_repeat() {
    let item = |inner: &str| {
        format!(
            r#"{{"resourceType":"Questionnaire","status":"draft","item":[{{"linkId":"1","type":"group","item":[{{"linkId":"2","type":"group","item":[{inner}]}}]}}]}}"#
        )
    };
    check(&item(r#"{"linkId":"3","type":"display"}"#), &[]);
    check(&item(r#"{"type":"display"}"#), &["required Questionnaire.item[0].item[0].item[0].linkId"]);
}

#[test]
fn issues_stop_at_a_bound_and_hold_no_value() {
    let names = vec![r#"{"given":["Zebulon",""],"family":["Zebulon"],"period":"Zebulon"}"#; 1000].join(",");
    let value = parse(patient(&format!("\"name\":[{names}]")).as_bytes(), &Limits::default()).unwrap();
    let issues = validate(&value);
    assert_eq!(issues.len(), ISSUES_MAX);
    assert!(!format!("{issues:?}").contains("Zebulon"));
}

#[test]
fn too_deep_nesting_is_an_issue_and_no_overflow() {
    let mut value = crate::json_object! { "url": "u", "valueCode": "a" };
    for _ in 0..200 {
        value = crate::json_object! { "url": "u", "extension": vec![value] };
    }
    let issues = validate(&crate::json_object! { "resourceType": "Patient", "extension": vec![value] });
    assert_eq!(issues.len(), 1);
}

proptest! {
    #[test]
    fn no_json_panics_the_validator(
        names in prop::collection::vec(prop::sample::select(vec![
            "resourceType", "id", "_id", "name", "_name", "given", "_given", "extension", "url", "valueString", "_valueString",
            "contained", "entry", "resource", "item", "", "_", "__id", "text", "div", "status",
        ]), 1..12),
        leaves in prop::collection::vec(prop::sample::select(vec!["\"Patient\"", "\"Bundle\"", "null", "1", "[]", "{}", "[null]", "\"\""]), 12),
        shapes in prop::collection::vec(0..3, 12),
    ) {
        let mut text = String::from("\"Questionnaire\"");
        for ((name, leaf), shape) in names.iter().zip(&leaves).zip(&shapes) {
            text = match shape {
                0 => format!("{{\"resourceType\":\"Patient\",\"x{name}\":{leaf},\"{name}\":{text}}}").replace("\"xresourceType\"", "\"y\""),
                1 => format!("[{text},{leaf}]"),
                _ => format!("{{\"{name}\":[{text}]}}"),
            };
        }
        if let Ok(value) = parse(text.as_bytes(), &Limits::default()) {
            prop_assert!(validate(&value).len() <= ISSUES_MAX);
        }
    }
}
