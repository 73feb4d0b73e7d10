//! `$everything`: the whole record, each resource once, nothing of anybody else.

use std::collections::BTreeSet;

use fhir::json::Value;
use repository::{Access, EverythingOptions, SearchMode, SearchPage};

use crate::fixture::{Hospital, NOW_MS, caller, hospital, json, kind, observation, patient};

fn resource(kind: &str, id: &str, rest: &str) -> Value {
    json(&format!(r#"{{"resourceType":"{kind}","id":"{id}",{rest}}}"#))
}

/// Patients `a` and `b` with visits; what both refer to; what nobody refers to.
fn clinic() -> Hospital {
    let hospital = hospital();
    let access = hospital.access();
    let put = |value: Value| {
        let (kind, id) = (
            value.resource_type().unwrap().to_owned(),
            value.get("id").unwrap().as_str().unwrap().to_owned(),
        );
        access.update(&kind, &id, value, None).unwrap();
    };
    put(resource("Organization", "top", r#""name":"Top""#));
    put(resource("Organization", "ward", r#""name":"Ward","partOf":{"reference":"Organization/top"}"#));
    put(resource("Organization", "elsewhere", r#""name":"Elsewhere""#));
    put(resource(
        "Location",
        "bed",
        r#""name":"Bed","managingOrganization":{"reference":"Organization/ward"}"#,
    ));
    put(resource("Practitioner", "p", r#""name":[{"family":"Curie"}]"#));
    put(resource("Practitioner", "q", r#""name":[{"family":"Other"}]"#));
    for id in ["a", "b"] {
        put(patient(id, id));
        let subject = format!(r#""subject":{{"reference":"Patient/{id}"}}"#);
        put(resource(
            "Encounter",
            &format!("visit-{id}"),
            &format!(
                r#""status":"finished","class":{{"code":"AMB"}},{subject},"period":{{"start":"2020-03-01","end":"2020-03-02"}},
               "participant":[{{"individual":{{"reference":"Practitioner/p"}}}}],"location":[{{"location":{{"reference":"Location/bed"}}}}]"#
            ),
        ));
        for number in 0..7 {
            let mut one = observation(&format!("{id}{number}"), id);
            let object = one.as_object_mut().unwrap();
            object.insert("effectiveDateTime", format!("20{:02}-01-01", 10 + number).as_str());
            if number < 2 {
                object.insert("encounter", json(&format!(r#"{{"reference":"Encounter/visit-{id}"}}"#)));
            }
            put(one);
        }
        put(resource(
            "Condition",
            &format!("flu-{id}"),
            &format!(
                r#"{subject},"encounter":{{"reference":"Encounter/visit-{id}"}},"asserter":{{"reference":"Practitioner/p"}}"#
            ),
        ));
        put(resource(
            "AllergyIntolerance",
            &format!("nuts-{id}"),
            &format!(r#""patient":{{"reference":"Patient/{id}"}},"recordedDate":"2011-05-05""#),
        ));
    }
    hospital
}

fn names(page: &SearchPage) -> Vec<String> {
    page.entries.iter().map(|entry| entry.versioned.path()).collect()
}

fn all(access: &Access, kind: &str, id: &str, options: &EverythingOptions) -> Vec<String> {
    let mut page = access.everything(kind, id, options).unwrap();
    let mut found = names(&page);
    while let Some(token) = page.next.clone() {
        page = access.everything_page(kind, id, &token).unwrap();
        found.extend(names(&page));
    }
    found
}

const OF_A: [&str; 15] = [
    "Patient/a",
    "AllergyIntolerance/nuts-a",
    "Condition/flu-a",
    "Encounter/visit-a",
    "Observation/a0",
    "Observation/a1",
    "Observation/a2",
    "Observation/a3",
    "Observation/a4",
    "Observation/a5",
    "Observation/a6",
    "Location/bed",
    "Organization/top",
    "Organization/ward",
    "Practitioner/p",
];

#[test]
fn a_patients_everything_is_the_compartment_and_what_it_refers_to_and_nothing_else() {
    let hospital = clinic();
    let page = hospital.access().everything("Patient", "a", &EverythingOptions::default()).unwrap();
    assert_eq!(names(&page), OF_A);
    let modes: Vec<bool> = page.entries.iter().map(|entry| entry.mode == SearchMode::Match).collect();
    assert_eq!(modes.iter().filter(|is_match| **is_match).count(), 11);
    assert_eq!((page.next, page.issues.len()), (None, 0));
}

#[test]
fn pages_of_any_size_join_to_the_whole_while_others_write() {
    let hospital = clinic();
    let access = hospital.access();
    for count in 1..=16 {
        let options = EverythingOptions { count: Some(count), ..EverythingOptions::default() };
        assert_eq!(all(&access, "Patient", "a", &options), OF_A, "{count}");
    }
    let options = EverythingOptions { count: Some(4), ..EverythingOptions::default() };
    let first = access.everything("Patient", "a", &options).unwrap();
    access
        .update(
            "Condition",
            "flu-a",
            resource("Condition", "flu-a", r#""subject":{"reference":"Patient/a"}"#),
            None,
        )
        .unwrap();
    access.delete("Observation", "a6", None).unwrap();
    let mut found = names(&first);
    let mut next = first.next;
    while let Some(token) = next {
        let page = access.everything_page("Patient", "a", &token).unwrap();
        found.extend(names(&page));
        next = page.next;
    }
    let mut expected: BTreeSet<&str> = OF_A.into();
    expected.remove("Observation/a6");
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    assert_eq!(found.len(), expected.len(), "none twice");
}

#[test]
fn options_narrow_by_type_time_of_care_and_time_of_change() {
    let hospital = clinic();
    let access = hospital.access();
    let all = |options: EverythingOptions| all(&access, "Patient", "a", &options);
    let types = vec!["Practitioner".into(), "Condition".into()];
    let found = all(EverythingOptions { types, ..EverythingOptions::default() });
    assert_eq!(found, ["Condition/flu-a", "Practitioner/p"]);
    let day = |text| fhir::search::date::range(text).unwrap();
    let found = all(EverythingOptions {
        start_ms: Some(day("2011-01-01").0),
        end_ms: Some(day("2012").1),
        ..EverythingOptions::default()
    });
    // What bears no date of care stays: the patient and a condition without onset.
    assert_eq!(
        found,
        [
            "Patient/a",
            "AllergyIntolerance/nuts-a",
            "Condition/flu-a",
            "Observation/a1",
            "Observation/a2",
            "Practitioner/p",
        ]
    );
    hospital.clock.advance(60_000);
    access
        .update(
            "Practitioner",
            "p",
            resource("Practitioner", "p", r#""name":[{"family":"Curie"}],"active":true"#),
            None,
        )
        .unwrap();
    access.update("Observation", "a3", observation("a3", "a"), None).unwrap();
    let found = all(EverythingOptions { since_ms: Some(NOW_MS), ..EverythingOptions::default() });
    assert_eq!(found, ["Observation/a3", "Practitioner/p"]);
}

#[test]
fn an_encounters_everything_is_what_belongs_to_it() {
    let hospital = clinic();
    let found = all(&hospital.access(), "Encounter", "visit-b", &EverythingOptions::default());
    assert_eq!(
        found,
        [
            "Encounter/visit-b",
            "Condition/flu-b",
            "Observation/b0",
            "Observation/b1",
            "Location/bed",
            "Organization/top",
            "Organization/ward",
            "Patient/b",
            "Practitioner/p",
        ]
    );
}

#[test]
fn another_patients_resources_are_never_drawn_in() {
    let hospital = clinic();
    let access = hospital.access();
    let mut linked = patient("a", "a");
    let link = json(r#"[{"other":{"reference":"Patient/b"},"type":"seealso"}]"#);
    linked.as_object_mut().unwrap().insert("link", link);
    access.update("Patient", "a", linked, None).unwrap();
    let mut stray = observation("a0", "a");
    let focus = json(r#"[{"reference":"Observation/b3"}]"#);
    stray.as_object_mut().unwrap().insert("derivedFrom", focus);
    access.update("Observation", "a0", stray, None).unwrap();
    let found = all(&access, "Patient", "a", &EverythingOptions::default());
    assert!(found.iter().all(|name| !name.contains("/b") || name == "Location/bed"), "{found:?}");
}

#[test]
fn bounds_of_the_caller_hold_as_in_a_search() {
    let hospital = clinic();
    let options = EverythingOptions::default();
    let some = hospital.access_with("system/Patient.rs system/Condition.rs system/Organization.s");
    assert_eq!(
        all(&some, "Patient", "a", &options),
        ["Patient/a", "Condition/flu-a", "Organization/top", "Organization/ward",]
    );
    let none = hospital.access_with("system/Condition.rs");
    assert_eq!(kind(none.everything("Patient", "a", &options)), "Denied");
    let mut own = caller("patient/*.rs");
    own.launch_patient = Some("a".to_owned());
    let own = hospital.store.access(own);
    assert_eq!(all(&own, "Patient", "a", &options), OF_A[..11], "what is nobody's is not in a compartment");
    assert_eq!(kind(own.everything("Patient", "b", &options)), "NotFound");
    assert_eq!(kind(own.everything("Encounter", "visit-b", &options)), "NotFound");
}

#[test]
fn what_is_not_there_and_tokens_of_others_are_refused() {
    let hospital = clinic();
    let access = hospital.access();
    let options = EverythingOptions { count: Some(2), ..EverythingOptions::default() };
    assert_eq!(kind(access.everything("Patient", "nobody", &options)), "NotFound");
    assert_eq!(kind(access.everything("Observation", "a0", &options)), "Invalid");
    let token = access.everything("Patient", "a", &options).unwrap().next.unwrap();
    assert_eq!(kind(access.everything_page("Patient", "b", &token)), "Invalid");
    assert_eq!(kind(access.everything_page("Patient", "a", &token[1..])), "Invalid");
    let mut other = caller("system/*.cruds");
    other.actor.id = "other".to_owned();
    assert_eq!(kind(hospital.store.access(other).everything_page("Patient", "a", &token)), "Invalid");
    access.delete("Patient", "b", None).unwrap();
    assert_eq!(kind(access.everything("Patient", "b", &options)), "Gone");
    let types = vec!["Nonsense".into()];
    assert_eq!(kind(access.everything("Patient", "a", &EverythingOptions { types, ..options })), "NotFound");
}
