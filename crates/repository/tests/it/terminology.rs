//! The terminology of a store: stored resources before R4's own, fresh after each commit, within the caller's rights.

use std::fmt::Write as _;
use std::sync::Arc;

use fhir::terminology::{Library, Terminology};
use repository::Error;

use crate::fixture::{Hospital, hospital, json, kind};

const GENDERS: &str = "http://hl7.org/fhir/administrative-gender";

fn put(hospital: &Hospital, text: &str) {
    let value = json(text);
    let (name, id) =
        (value.resource_type().unwrap().to_owned(), value.get("id").unwrap().as_str().unwrap().to_owned());
    hospital.access().update(&name, &id, value, None).unwrap();
}

fn system(id: &str, version: &str, code: &str) -> String {
    format!(
        r#"{{"resourceType":"CodeSystem","id":"{id}","url":"urn:s","version":"{version}","status":"active","content":"complete",
        "valueSet":"urn:s-all","concept":[{{"code":"{code}"}}]}}"#
    )
}

fn library(hospital: &Hospital) -> Arc<dyn Library> {
    hospital.store.terminology().unwrap()
}

fn has(library: &dyn Library, version: Option<&str>, code: &str) -> bool {
    library.code_system("urn:s", version).is_some_and(|system| system.concept(code).is_some())
}

#[test]
fn every_commit_is_seen_and_the_newest_version_counts() {
    let hospital = hospital();
    let before = library(&hospital);
    assert!(before.code_system("urn:s", None).is_none());
    put(&hospital, &system("a", "1.9", "old"));
    put(&hospital, &system("b", "1.10", "new"));
    assert!(before.code_system("urn:s", None).is_none(), "a library sees one state");
    let after = library(&hospital);
    assert!(
        has(&*after, None, "new") && has(&*after, Some("1.9"), "old") && !has(&*after, Some("1.9"), "new")
    );
    assert!(after.code_system("urn:s", Some("2")).is_none());
    assert_eq!(Terminology::new(&*after).codes("urn:s-all").unwrap().len(), 1);
    put(&hospital, &system("b", "1.10", "mended"));
    assert!(has(&*library(&hospital), None, "mended"));
    assert!(has(&*after, None, "new"), "what was read stays as it was");
    hospital.access().delete("CodeSystem", "b", None).unwrap();
    assert!(has(&*library(&hospital), None, "old"));
}

#[test]
fn stored_resources_go_before_those_of_r4_and_descriptions_do_not() {
    let hospital = hospital();
    let genders = |content: &str, id: &str| {
        format!(
            r#"{{"resourceType":"CodeSystem","id":"{id}","url":"{GENDERS}","status":"active","content":"{content}","concept":[{{"code":"x"}}]}}"#
        )
    };
    put(&hospital, &genders("not-present", "a"));
    assert!(library(&hospital).code_system(GENDERS, None).unwrap().concept("male").is_some());
    put(&hospital, &genders("complete", "b"));
    assert!(library(&hospital).code_system(GENDERS, None).unwrap().concept("male").is_none());
}

#[test]
fn supplements_and_maps_are_found() {
    let hospital = hospital();
    let own = library(&hospital).concept_maps().len();
    put(&hospital, r#"{"resourceType":"ConceptMap","id":"m","url":"urn:m","status":"active"}"#);
    put(
        &hospital,
        r#"{"resourceType":"CodeSystem","id":"s","url":"urn:s-de","status":"active","content":"supplement","supplements":"urn:s|1"}"#,
    );
    let library = library(&hospital);
    assert_eq!(library.concept_maps().len(), own + 1);
    assert_eq!(library.supplements("urn:s").len(), 1);
    assert!(library.code_system("urn:s-de", None).is_none());
}

#[test]
fn terminology_is_asked_for_as_its_types_are_read() {
    let hospital = hospital();
    put(&hospital, &system("a", "1", "old"));
    let ask = |scopes: &str, id: Option<&str>| -> Result<bool, Error> {
        hospital.access_with(scopes).terminology("lookup", "CodeSystem", id, |library, resource| {
            assert_eq!(resource.is_some(), id.is_some());
            Ok(has(library, None, "old"))
        })
    };
    assert_eq!(ask("system/CodeSystem.r", None), Ok(true));
    assert_eq!(ask("user/*.r", Some("a")), Ok(true));
    assert_eq!(kind(ask("system/Patient.r", None)), "Denied");
    assert_eq!(kind(ask("system/CodeSystem.r", Some("none"))), "NotFound");
}

#[test]
fn a_large_code_system_is_stored_and_asked() {
    let hospital = hospital();
    let mut concepts = String::new();
    for at in 0..30_000 {
        let separator = if at == 0 { "" } else { "," };
        let _ = write!(
            concepts,
            r#"{separator}{{"code":"{at}-{}","display":"Substance {at} in Serum or Plasma","#,
            at % 10
        );
        let _ = write!(
            concepts,
            r#""property":[{{"code":"parent","valueCode":"{}-{}"}}]}}"#,
            at / 10,
            at / 10 % 10
        );
    }
    put(
        &hospital,
        &format!(
            r#"{{"resourceType":"CodeSystem","id":"big","url":"urn:big","status":"active","content":"complete","valueSet":"urn:big-all","concept":[{concepts}]}}"#
        ),
    );
    let library = library(&hospital);
    let terminology = Terminology::new(&*library);
    assert_eq!(terminology.member_of("urn:big-all", None, "29999-9"), Ok(true));
    assert_eq!(
        terminology.above("urn:big", "29999-9").unwrap(),
        ["0-0", "2-2", "29-9", "299-9", "2999-9", "29999-9"]
    );
    assert!(terminology.below("urn:big", "0-0").is_err(), "more than one answer may have");
    assert_eq!(terminology.below("urn:big", "10-0").unwrap().len(), 1 + 10 + 100 + 1000);
}
