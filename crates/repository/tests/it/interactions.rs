use repository::{Conditions, Effect, Held, Read};

use crate::fixture::{NOW_MS, body, family, hospital, json, kind, observation, patient};

#[test]
fn what_was_put_is_read_with_its_version_and_time() {
    let hospital = hospital();
    let access = hospital.access();
    let written = access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    assert!(written.created());
    let read = access.read("Patient", "a").unwrap();
    assert_eq!(read, written.versioned);
    assert_eq!((read.version, read.last_updated_ms), (1, NOW_MS));
    let body = body(&read);
    let meta = body.get("meta").unwrap();
    assert_eq!(meta.get("versionId").unwrap().as_str(), Some("1"));
    assert_eq!(meta.get("lastUpdated").unwrap().as_str(), Some("2026-11-22T15:56:01.000Z"));
    assert_eq!(read.etag(), "W/\"1\"");
    assert_eq!(read.location(), "Patient/a/_history/1");
}

#[test]
fn a_created_resource_gets_an_id_of_ours() {
    let hospital = hospital();
    let access = hospital.access();
    let one = access.create("Patient", patient("chosen", "Alpha"), None).unwrap();
    let two = access.create("Patient", patient("chosen", "Alpha"), None).unwrap();
    assert!(one.created() && two.created());
    assert_ne!(one.versioned.id, two.versioned.id);
    assert_eq!(one.versioned.id.len(), 36);
    assert_eq!(access.read("Patient", &one.versioned.id).unwrap(), one.versioned);
    assert_eq!(kind(access.read("Patient", "chosen")), "NotFound");
}

#[test]
fn equal_content_makes_no_new_version() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    hospital.clock.advance(1000);
    let again = access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    assert_eq!(again.effect, Effect::Unchanged);
    assert_eq!((again.versioned.version, again.versioned.last_updated_ms), (1, NOW_MS));
    // What was read can be put back: the version and time in it are not content.
    let read = access.read("Patient", "a").unwrap();
    assert_eq!(access.update("Patient", "a", body(&read), None).unwrap().effect, Effect::Unchanged);
    let changed = access.update("Patient", "a", patient("a", "Beta"), None).unwrap();
    assert_eq!((changed.effect, changed.versioned.version), (Effect::Updated, 2));
}

#[test]
fn old_versions_stay_readable() {
    let hospital = hospital();
    let access = hospital.access();
    for name in ["Alpha", "Beta", "Gamma"] {
        access.update("Patient", "a", patient("a", name), None).unwrap();
    }
    for (version, name) in [(1, "Alpha"), (2, "Beta"), (3, "Gamma")] {
        assert_eq!(family(&access.vread("Patient", "a", version).unwrap()), name);
    }
    assert_eq!(kind(access.vread("Patient", "a", 4)), "NotFound");
    assert_eq!(kind(access.vread("Patient", "b", 1)), "NotFound");
}

#[test]
fn a_deleted_resource_is_gone_and_can_come_back() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let deleted = access.delete("Patient", "a", None).unwrap();
    assert_eq!((deleted.effect, deleted.versioned.version), (Effect::Deleted, 2));
    assert_eq!(kind(access.read("Patient", "a")), "Gone");
    assert_eq!(kind(access.vread("Patient", "a", 2)), "Gone");
    assert_eq!(family(&access.vread("Patient", "a", 1).unwrap()), "Alpha");
    assert_eq!(access.delete("Patient", "a", None).unwrap().effect, Effect::AlreadyDeleted);
    assert_eq!(access.delete("Patient", "never", None).unwrap().effect, Effect::AlreadyDeleted);
    let back = access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    assert_eq!((back.effect, back.versioned.version), (Effect::Created, 3));
}

#[test]
fn if_match_names_the_current_version_or_refuses() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    access.update("Patient", "a", patient("a", "Beta"), Some(1)).unwrap();
    assert_eq!(kind(access.update("Patient", "a", patient("a", "Gamma"), Some(1))), "PreconditionFailed");
    assert_eq!(kind(access.update("Patient", "new", patient("new", "Gamma"), Some(1))), "PreconditionFailed");
    assert_eq!(kind(access.delete("Patient", "a", Some(1))), "PreconditionFailed");
    assert_eq!(access.delete("Patient", "a", Some(2)).unwrap().effect, Effect::Deleted);
}

#[test]
fn a_conditional_read_tells_what_the_caller_holds() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let check = |if_none_match, if_modified_since_ms, found| {
        let if_none_match = Option::map(if_none_match, |version| Held::Versions(vec![version]));
        let conditions = Conditions { if_none_match, if_modified_since_ms };
        let read = access.read_if("Patient", "a", conditions.clone()).unwrap();
        assert_eq!(matches!(read, Read::Found(_)), found, "{conditions:?}");
    };
    check(None, None, true);
    check(Some(1), None, false);
    check(Some(2), None, true);
    check(None, Some(NOW_MS), false);
    check(None, Some(NOW_MS - 1000), true);
    check(Some(2), Some(NOW_MS), true);
}

#[test]
fn a_patch_makes_a_version_of_the_patched_content() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let patch = json(r#"[{"op":"replace","path":"/name/0/family","value":"Beta"}]"#);
    let patched = access.patch("Patient", "a", &patch, None).unwrap();
    assert_eq!((patched.versioned.version, family(&patched.versioned)), (2, "Beta".to_owned()));
    assert_eq!(kind(access.patch("Patient", "a", &patch, Some(1))), "PreconditionFailed");
    assert_eq!(kind(access.patch("Patient", "b", &patch, None)), "NotFound");
    let breaking = json(r#"[{"op":"add","path":"/unknown","value":1}]"#);
    assert_eq!(kind(access.patch("Patient", "a", &breaking, None)), "Unprocessable");
    let stolen = json(r#"[{"op":"replace","path":"/id","value":"b"}]"#);
    assert_eq!(kind(access.patch("Patient", "a", &stolen, None)), "Invalid");
}

#[test]
fn what_breaks_the_rules_is_refused_with_its_place() {
    let hospital = hospital();
    let access = hospital.access();
    let broken = json(r#"{"resourceType":"Patient","id":"a","birthDate":"yesterday"}"#);
    let error = access.update("Patient", "a", broken, None).unwrap_err();
    assert_eq!(error.issues()[0].expression, ["Patient.birthDate"]);
    assert_eq!(kind(access.update("Patient", "a", observation("a", "b"), None)), "Invalid");
    assert_eq!(kind(access.update("Patient", "b", patient("a", "Alpha"), None)), "Invalid");
    assert_eq!(kind(access.update("Patient", "a b", patient("a b", "Alpha"), None)), "Invalid");
    assert_eq!(kind(access.read("Nonsense", "a")), "NotFound");
    assert_eq!(hospital.store.position(), 1, "nothing was committed");
}

#[test]
fn scopes_decide_and_patients_see_their_own_record_only() {
    let hospital = hospital();
    let all = hospital.access();
    all.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    all.update("Patient", "b", patient("b", "Beta"), None).unwrap();
    all.update("Observation", "oa", observation("oa", "a"), None).unwrap();
    all.update("Observation", "ob", observation("ob", "b"), None).unwrap();
    let reader = hospital.access_with("system/Patient.r");
    assert!(reader.read("Patient", "a").is_ok());
    assert_eq!(kind(reader.read("Observation", "oa")), "Denied");
    assert_eq!(kind(reader.update("Patient", "a", patient("a", "Gamma"), None)), "Denied");

    let mut own = crate::fixture::caller("patient/*.cruds");
    own.launch_patient = Some("a".to_owned());
    let own = hospital.store.access(own);
    assert!(own.read("Patient", "a").is_ok());
    assert!(own.read("Observation", "oa").is_ok());
    assert_eq!(kind(own.read("Patient", "b")), "NotFound");
    assert_eq!(kind(own.read("Observation", "ob")), "NotFound");
    assert_eq!(kind(own.vread("Observation", "ob", 1)), "NotFound");
    assert_eq!(kind(own.update("Observation", "ob", observation("ob", "a"), None)), "NotFound");
    assert_eq!(kind(own.update("Observation", "oa", observation("oa", "b"), None)), "NotFound");
    assert_eq!(kind(own.delete("Observation", "ob", None)), "NotFound");
    assert!(own.update("Observation", "oc", observation("oc", "a"), None).is_ok());
    own.delete("Observation", "oc", None).unwrap();
    let history = |id: &str| {
        let target = repository::HistoryTarget::Instance("Observation".into(), id.into());
        own.history(&target, &repository::HistoryOptions::default())
    };
    assert_eq!(history("oc").unwrap().entries.len(), 1, "a deletion does not say whose it was");
    assert_eq!(kind(history("ob")), "NotFound");

    let mut foreign = crate::fixture::caller("system/*.cruds");
    foreign.home = storage::keys::TenantId(2);
    assert_eq!(kind(hospital.store.access(foreign).read("Patient", "a")), "NotFound");
}

#[test]
fn a_search_finds_what_was_written_and_not_what_was_deleted() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    access.update("Patient", "b", patient("b", "Beta"), None).unwrap();
    access.update("Observation", "oa", observation("oa", "a"), None).unwrap();
    let found = |resource_type: &str, pairs: &[(&str, &str)]| -> Vec<String> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let limits = fhir::search::query::Limits::default();
        let query =
            fhir::search::query::parse(fhir::search::Registry::base(), resource_type, &pairs, false, &limits)
                .unwrap();
        let page = access.search(&query).unwrap();
        page.entries.iter().map(|entry| entry.versioned.id.to_string()).collect()
    };
    assert_eq!(found("Patient", &[("name", "alp")]), ["a"]);
    assert_eq!(found("Patient", &[("identifier", "urn:mrn|Beta")]), ["b"]);
    assert_eq!(found("Observation", &[("subject", "Patient/a")]), ["oa"]);
    assert_eq!(found("Observation", &[("subject:Patient.name", "alpha")]), ["oa"]);
    access.update("Patient", "a", patient("a", "Gamma"), None).unwrap();
    assert_eq!(found("Patient", &[("name", "alp")]), [""; 0]);
    assert_eq!(found("Patient", &[("name", "gam")]), ["a"]);
    access.delete("Patient", "a", None).unwrap();
    assert_eq!(found("Patient", &[("name", "gam")]), [""; 0]);
}

#[test]
fn an_erased_patient_is_gone_while_the_store_goes_on() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    access.update("Patient", "b", patient("b", "Beta"), None).unwrap();
    access.update("Observation", "oa", observation("oa", "a"), None).unwrap();
    // The first key of a tenant was made for its first patient.
    let first = storage::keys::KeyId(storage::keys::KeyId::general(storage::keys::TenantId::DEFAULT).0 + 1);
    hospital.parts.ring.shred(first).unwrap();
    assert_eq!(kind(access.read("Patient", "a")), "Gone");
    assert_eq!(kind(access.read("Observation", "oa")), "Gone");
    assert!(access.read("Patient", "b").is_ok());
    assert_eq!(access.delete("Observation", "oa", None).unwrap().effect, Effect::Deleted);
    // The patient comes again: a new version under a new key.
    let again = access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    assert_eq!(again.versioned.version, 2);
    assert!(access.read("Patient", "a").is_ok());
    assert!(hospital.store.takes_writes());
}
