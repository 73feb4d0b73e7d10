//! The index is derived: from the log alone the same rows come back.

use repository::{Change, Expected, Source, Store};
use storage::engine::{FjallEngine, FjallOptions};

use crate::fixture::{Hospital, hospital, hospital_with, json, memory_engine, observation, patient};

/// Writes of every sort.
fn live(hospital: &Hospital) {
    let access = hospital.access();
    // A reference to what comes later, and to what never comes.
    access.update("Observation", "o1", observation("o1", "later"), None).unwrap();
    access.update("Observation", "o2", observation("o2", "never"), None).unwrap();
    access.update("Patient", "later", patient("later", "Alpha"), None).unwrap();
    for round in 0..5 {
        access.update("Patient", "a", patient("a", &format!("Name{round}")), None).unwrap();
        access
            .update("Observation", "o1", observation("o1", if round % 2 == 0 { "a" } else { "later" }), None)
            .unwrap();
    }
    access.delete("Patient", "a", None).unwrap();
    access.update("Patient", "a", patient("a", "Back"), None).unwrap();
    access.delete("Observation", "o2", None).unwrap();
    // Contained resources, one type more or less with each version; what only they refer to has a number too.
    let order = |contained: &str| {
        json(&format!(
            r##"{{"resourceType":"MedicationRequest","id":"order","status":"active","intent":"order",
            "subject":{{"reference":"Patient/a"}},"medicationReference":{{"reference":"#m"}},"contained":[{contained}]}}"##
        ))
    };
    let salve = r#"{"resourceType":"Medication","id":"m","code":{"text":"salve"},"manufacturer":{"reference":"Organization/only"}}"#;
    let powder = r#"{"resourceType":"Medication","id":"n","code":{"text":"powder"}}"#;
    let device = r#"{"resourceType":"Device","id":"d","manufacturer":"Sample works"}"#;
    for contained in [format!("{salve},{powder},{device}"), powder.to_owned(), format!("{device},{salve}")] {
        access.update("MedicationRequest", "order", order(&contained), None).unwrap();
    }
    access.create("MedicationRequest", order(&format!("{salve},{powder}")), None).unwrap();
    access.delete("MedicationRequest", "order", None).unwrap();
    access.create("Patient", patient("x", "New"), Some("identifier=urn:mrn|New")).unwrap();
    let source = Source { message_identity: b"m".to_vec(), archive_digest: vec![], channel: "adt".into() };
    let change = Change::Put { value: patient("m", "Message"), expected: Expected::Absent };
    access.apply(vec![change], &source).unwrap();
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","name":[{"family":"Bundle"}]},"request":{"method":"POST","url":"Patient"}},
        {"fullUrl":"urn:uuid:2","resource":{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"urn:uuid:1"},"participant":[{"individual":{"reference":"Practitioner/p"}}]},"request":{"method":"POST","url":"Encounter"}}]}"#;
    access.transaction(json(bundle)).unwrap();
    // Several writers at once, so that runs of transactions share a batch.
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..20 {
                    let id = format!("t{thread}-{round}");
                    hospital
                        .access()
                        .update("Patient", &id, patient(&id, &format!("F{round}")), None)
                        .unwrap();
                }
            });
        }
    });
}

fn check(hospital: &Hospital) {
    let parts = &hospital.parts;
    let mut told = 0;
    let reports =
        repository::verify(parts.log.clone(), parts.engine.clone(), parts.ring.clone(), &mut |progress| {
            assert!(progress.records_done >= told && progress.records_done <= progress.records_total);
            told = progress.records_done;
        })
        .unwrap();
    assert!(told > 0);
    for report in &reports {
        assert!(report.is_clean(), "{report:?}");
    }
    let keys = |space: &str| reports.iter().find(|report| report.space == space).unwrap().keys;
    for space in
        ["applied", "current", "id", "version", "change", "posting", "compartment", "dictionary", "message"]
    {
        assert!(keys(space) > 0, "{space} is empty: the test tests nothing there");
    }
    assert!(keys("patient_key") > 2, "patients have keys of their own");
}

#[test]
fn an_index_from_the_log_has_the_same_rows() {
    let hospital = hospital();
    live(&hospital);
    check(&hospital);
}

#[test]
fn an_index_on_disk_has_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let engine =
        FjallEngine::open(&folder.path().join("index"), repository::layout::SPACES, FjallOptions::default())
            .unwrap();
    let hospital = hospital_with(std::sync::Arc::new(engine));
    live(&hospital);
    check(&hospital);
}

#[test]
fn a_changed_row_is_found() {
    let hospital = hospital();
    live(&hospital);
    let mut batch = storage::engine::Batch::new();
    let key = repository::layout::numbers_key();
    batch.put(repository::layout::APPLIED, key, vec![1, 1]);
    let stray = repository::layout::posting_key(1, 2, 3, b"term", 4);
    batch.put(repository::layout::POSTING, stray, Vec::new());
    hospital.parts.engine.write(batch).unwrap();
    let parts = &hospital.parts;
    let reports =
        repository::verify(parts.log.clone(), parts.engine.clone(), parts.ring.clone(), &mut |_| {}).unwrap();
    let report = |space: &str| reports.iter().find(|report| report.space == space).unwrap().clone();
    assert_eq!(report("applied").different, 1);
    assert_eq!(report("posting").surplus, 1);
    assert!(report("current").is_clean());
}

#[test]
fn an_index_of_another_layout_is_not_used() {
    let hospital = hospital();
    live(&hospital);
    hospital.store.close();
    let (engine, key) = (&hospital.parts.engine, repository::layout::layout_key());
    assert!(repository::index_fits(engine.as_ref()).unwrap());
    let set = |number: Option<u8>| {
        let mut batch = storage::engine::Batch::new();
        match number {
            Some(number) => batch.put(repository::layout::APPLIED, key.clone(), vec![number]),
            None => batch.delete(repository::layout::APPLIED, key.clone()),
        };
        engine.write(batch).unwrap();
    };
    // Another number; and no number, as before there was one.
    for number in [Some(127), None] {
        set(number);
        assert!(!repository::index_fits(engine.as_ref()).unwrap());
        assert!(Store::open(hospital.parts.clone()).unwrap_err().internal_text().unwrap().contains("layout"));
    }
    assert!(repository::index_fits(memory_engine().as_ref()).unwrap());
}

#[test]
fn a_store_opened_with_an_empty_index_answers_as_before() {
    let hospital = hospital();
    live(&hospital);
    let before = hospital.access().read("Patient", "a").unwrap();
    hospital.store.close();
    let parts = repository::Parts { engine: memory_engine(), ..hospital.parts.clone() };
    let store = Store::open(parts).unwrap();
    let access = store.access(crate::fixture::caller("system/*.cruds"));
    assert_eq!(access.read("Patient", "a").unwrap(), before);
    assert!(access.seen(b"m").unwrap().is_some());
    let next = access.update("Patient", "a", patient("a", "After"), None).unwrap();
    assert_eq!(next.versioned.version, before.version + 1);
}
