//! Erasing a patient: nothing of the record opens again, nobody else's is touched.

use fhir::search::{Registry, query};

use crate::fixture::{hospital, json, memory_engine, observation, patient};

fn kind<T>(result: repository::Result<T>) -> String {
    format!("{:?}", result.err().map(|error| error.kind()))
}

#[test]
fn an_erased_record_is_deleted_and_its_key_destroyed() {
    let hospital = hospital();
    let access = hospital.access();
    for id in ["a", "b"] {
        access.update("Patient", id, patient(id, "Muster"), None).unwrap();
        access.update("Patient", id, patient(id, "Beispiel"), None).unwrap();
    }
    for at in 0..700 {
        access.update("Observation", &format!("a{at}"), observation(&format!("a{at}"), "a"), None).unwrap();
    }
    access.update("Observation", "ob", observation("ob", "b"), None).unwrap();
    let shared = r#"{"resourceType":"Appointment","id":"s","status":"booked","participant":[
        {"actor":{"reference":"Patient/b"},"status":"accepted"},{"actor":{"reference":"Patient/a"},"status":"accepted"}]}"#;
    access.update("Appointment", "s", json(shared), None).unwrap();

    let erased = access.erase("a").unwrap();
    assert!(erased.verified && erased.key.is_some());
    assert_eq!(
        erased.deleted.iter().map(|(name, count)| (*name, *count)).collect::<Vec<_>>(),
        [("Observation", 700), ("Patient", 1)]
    );
    assert_eq!(erased.kept.get("Appointment"), Some(&1));
    assert_eq!(kind(access.read("Patient", "a")), "Some(Gone)");
    assert_eq!(kind(access.vread("Patient", "a", 1)), "Some(Gone)");
    assert_eq!(kind(access.vread("Observation", "a7", 1)), "Some(Gone)");
    assert!(access.read("Patient", "b").is_ok() && access.read("Observation", "ob").is_ok());
    assert!(access.read("Appointment", "s").is_ok());
    let query = query::parse(
        Registry::base(),
        "Observation",
        &[("_count".to_owned(), "1000".to_owned())],
        true,
        &query::Limits::default(),
    );
    assert_eq!(access.search(&query.unwrap()).unwrap().entries.len(), 1);

    let again = access.erase("a").unwrap();
    assert!(
        again.verified && again.deleted.is_empty(),
        "erasing again finishes what was left and finds nothing"
    );
    // The patient may come again, as a new record under a new key.
    access.update("Patient", "a", patient("a", "Neu"), None).unwrap();
    assert!(access.read("Patient", "a").is_ok());
    assert_eq!(kind(access.vread("Patient", "a", 1)), "Some(Gone)");

    // An index made from the log has no trace of the erased texts, and opens.
    let parts = hospital.parts.clone();
    repository::rebuild(parts.log, memory_engine(), parts.ring, &mut |_| {}).unwrap();
}

#[test]
fn erasing_needs_the_right_to_delete_every_type() {
    let hospital = hospital();
    hospital.access().update("Patient", "a", patient("a", "Muster"), None).unwrap();
    for scopes in ["system/*.rs", "system/Patient.cruds", "patient/*.cruds"] {
        assert_eq!(kind(hospital.access_with(scopes).erase("a")), "Some(Denied)", "{scopes}");
    }
    assert_eq!(kind(hospital.access().erase("none")), "Some(NotFound)");
    assert!(hospital.access().read("Patient", "a").is_ok());
}
