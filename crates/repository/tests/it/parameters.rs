//! A tenant's own search parameters: they find what was there before them, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fhir::json::Value;
use fhir::search::query;
use repository::{Access, Options, Parts, Phase, Store};
use storage::engine::{Direction, KeyRange};
use storage::fault::FaultDisk;

use crate::fixture::{Hospital, caller, hospital, json, kind, memory_engine, parts};

/// An active SearchParameter; `more` are further members.
pub(crate) fn parameter(code: &str, base: &str, kind: &str, expression: &str) -> Value {
    with_status(code, base, kind, expression, "active")
}

fn with_status(code: &str, base: &str, kind: &str, expression: &str, status: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"SearchParameter","id":"{code}","url":"http://example.org/{code}","name":"X","status":"{status}",
            "description":"x","code":"{code}","base":["{base}"],"type":"{kind}","expression":"{expression}"}}"#
    ))
}

const EYE: &str = "Patient.extension.where(url='http://example.org/eye').value";

/// A patient with what no parameter of the standard reads.
fn person(id: &str, eye: &str, note: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Doe"}}],
            "extension":[{{"url":"http://example.org/eye","valueCode":"{eye}"}},
                {{"url":"http://example.org/note","valueString":"{note} {id}"}},
                {{"url":"http://example.org/since","valueDate":"2020-01-0{}"}},
                {{"url":"http://example.org/friend","valueReference":{{"reference":"Practitioner/{eye}"}}}}]}}"#,
        1 + note.len() % 9
    ))
}

/// The ids that a search finds, over all pages.
fn found(
    access: &Access,
    resource_type: &str,
    name: &str,
    value: &str,
) -> repository::Result<BTreeSet<String>> {
    let pairs: Vec<(String, String)> =
        [(name, value), ("_count", "1000")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let registry = access.registry()?;
    let query = query::parse(&registry, resource_type, &pairs, false, &query::Limits::default())
        .map_err(|issues| repository::Error::with_issues(repository::ErrorKind::Invalid, issues))?;
    let mut page = access.search(&query)?;
    let mut ids = BTreeSet::new();
    loop {
        ids.extend(page.entries.iter().map(|entry| entry.versioned.id.to_string()));
        let Some(next) = page.next else { return Ok(ids) };
        page = access.search_page(resource_type, &next)?;
    }
}

/// Waits until nothing is left to be done in the background.
fn settle(access: &Access) {
    let until = Instant::now() + Duration::from_secs(60);
    while access.reindexing().unwrap().iter().any(|one| one.phase != Phase::Ready) {
        assert!(Instant::now() < until, "{:?}", access.reindexing());
        std::thread::yield_now();
    }
}

/// The index is as the log says, and an index made from the log alone answers alike.
fn verify(parts: &Parts) {
    let reports =
        repository::verify(parts.log.clone(), parts.engine.clone(), parts.ring.clone(), &mut |_| {}).unwrap();
    for report in &reports {
        assert!(report.is_clean(), "{report:?}");
    }
}

/// A store whose resources stay as they are when a parameter comes.
fn without_reindexing(parts: &Parts) -> Store {
    Store::open(Parts { options: Options { reindex: false, ..parts.options.clone() }, ..parts.clone() })
        .unwrap()
}

fn rows_of(hospital: &Hospital, id: u16) -> usize {
    let (tenant, code) = (1_u32, repository::layout::PATIENT_CODE);
    let posting = repository::layout::Key::new(tenant).u16(code).u16(id).into_vec();
    let texts = repository::layout::Key::new(tenant).u16(id).into_vec();
    let count = |space, prefix: &[u8]| {
        let engine = &hospital.parts.engine;
        engine.scan(space, KeyRange::prefix(prefix), Direction::Forward).count()
    };
    count(repository::layout::POSTING, &posting) + count(repository::layout::DICTIONARY, &texts)
}

#[test]
fn a_new_parameter_finds_what_was_there_before_it() {
    let hospital = hospital();
    let access = hospital.access();
    for number in 0..700 {
        let (id, eye) = (format!("p{number}"), if number % 7 == 0 { "blue" } else { "brown" });
        access.update("Patient", &id, person(&id, eye, "Left"), None).unwrap();
    }
    assert_eq!(kind(found(&access, "Patient", "eye", "blue")), "Invalid");
    let note = "Patient.extension.where(url='http://example.org/note').value.ofType(string)";
    let since = "Patient.extension.where(url='http://example.org/since').value.ofType(date)";
    let friend = "Patient.extension.where(url='http://example.org/friend').value.ofType(Reference)";
    for (code, kind, expression) in [
        ("eye", "token", EYE),
        ("note", "string", note),
        ("since", "date", since),
        ("friend", "reference", friend),
        ("size", "number", "Patient.extension.count()"),
    ] {
        access.create("SearchParameter", parameter(code, "Patient", kind, expression), None).unwrap();
    }
    // Writes go on: one that comes, one that changes, one that goes, wherever the walk stands.
    for number in 0..60 {
        let id = |offset: usize| format!("p{}", number * 11 + offset);
        access
            .update("Patient", &format!("new{number}"), person(&format!("new{number}"), "blue", "New"), None)
            .unwrap();
        access.update("Patient", &id(1), person(&id(1), "green", "Changed"), None).unwrap();
        access.delete("Patient", &id(2), None).unwrap();
    }
    settle(&access);
    let expected = |eye: &str| -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for id in found(&access, "Patient", "name", "doe").unwrap() {
            let body = crate::fixture::body(&access.read("Patient", &id).unwrap());
            let is =
                body.get("extension").unwrap().at(0).unwrap().get("valueCode").unwrap().as_str() == Some(eye);
            all.extend(is.then_some(id));
        }
        all
    };
    for eye in ["blue", "brown", "green"] {
        assert_eq!(found(&access, "Patient", "eye", eye).unwrap(), expected(eye), "{eye}");
        assert_eq!(
            found(&access, "Patient", "friend", &format!("Practitioner/{eye}")).unwrap(),
            expected(eye)
        );
    }
    assert!(expected("blue").len() > 100);
    assert_eq!(found(&access, "Patient", "note", "changed").unwrap(), expected("green"));
    assert_eq!(found(&access, "Patient", "note:exact", "New new7").unwrap().len(), 1);
    assert_eq!(
        found(&access, "Patient", "since", "2020-01-04").unwrap().len(),
        found(&access, "Patient", "note", "new").unwrap().len()
    );
    assert_eq!(
        found(&access, "Patient", "size", "4").unwrap().len(),
        found(&access, "Patient", "name", "doe").unwrap().len()
    );
    assert_eq!(found(&access, "Patient", "eye:missing", "true").unwrap().len(), 0);
    let status = access.reindexing().unwrap();
    assert_eq!(status.len(), 5);
    assert!(status[0].resources_done > 500, "most were there before: {status:?}");
    hospital.store.close();
    verify(&hospital.parts);
    let store = Store::open(Parts { engine: memory_engine(), ..hospital.parts.clone() }).unwrap();
    let again = store.access(caller("system/*.cruds"));
    assert_eq!(found(&again, "Patient", "eye", "blue").unwrap(), expected("blue"));
}

#[test]
fn a_search_by_a_parameter_that_is_being_built_is_refused_with_its_progress() {
    let (parts, _) = parts(&FaultDisk::new(1), memory_engine()).unwrap();
    let store = without_reindexing(&parts);
    let access = store.access(caller("system/*.cruds"));
    access.update("Patient", "a", person("a", "blue", "x"), None).unwrap();
    access.create("SearchParameter", parameter("eye", "Patient", "token", EYE), None).unwrap();
    access.update("Patient", "b", person("b", "blue", "x"), None).unwrap();
    access.update("Patient", "a", person("a", "blue", "y"), None).unwrap();
    for (resource_type, name) in [
        ("Patient", "eye"),
        ("Patient", "eye:not"),
        ("Observation", "subject:Patient.eye"),
        ("Practitioner", "_has:Patient:general-practitioner:eye"),
    ] {
        let error = found(&access, resource_type, name, "blue").unwrap_err();
        assert_eq!(error.kind(), repository::ErrorKind::Unavailable, "{name}");
        assert!(error.to_string().contains("`eye`") && error.to_string().contains("of about 2"), "{error}");
    }
    assert_eq!(kind(found(&access, "Patient", "_sort", "eye")), "Unavailable");
    // A conditional step relies on a search: it is refused too.
    assert_eq!(kind(access.create("Patient", person("c", "blue", "x"), Some("eye=blue"))), "Unavailable");
    let status = access.reindexing().unwrap();
    assert_eq!((status[0].phase, status[0].resources_done, status[0].resources), (Phase::Building, 0, 2));
    store.close();
    verify(&parts);
    // The next start goes on.
    let store = Store::open(parts.clone()).unwrap();
    let access = store.access(caller("system/*.cruds"));
    settle(&access);
    assert_eq!(found(&access, "Patient", "eye", "blue").unwrap().len(), 2);
    store.close();
    verify(&parts);
}

#[test]
fn a_walk_that_is_cut_short_again_and_again_ends_where_it_should() {
    let (parts, _) = parts(&FaultDisk::new(1), memory_engine()).unwrap();
    let store = without_reindexing(&parts);
    let access = store.access(caller("system/*.cruds"));
    for number in 0..1200 {
        let id = format!("p{number}");
        access
            .update("Patient", &id, person(&id, if number % 2 == 0 { "blue" } else { "brown" }, "x"), None)
            .unwrap();
    }
    access.create("SearchParameter", parameter("eye", "Patient", "token", EYE), None).unwrap();
    store.close();
    let mut seen = BTreeSet::new();
    for round in 0.. {
        let store = Store::open(parts.clone()).unwrap();
        let access = store.access(caller("system/*.cruds"));
        let id = format!("p{}", round * 37 % 1200);
        access.update("Patient", &id, person(&id, "green", "x"), None).unwrap();
        let status = access.reindexing().unwrap()[0].clone();
        seen.insert(status.resources_done);
        store.close();
        if round % 3 == 0 {
            verify(&parts);
        }
        if status.phase == Phase::Ready {
            break;
        }
        assert!(round < 200, "it does not get on: {status:?}");
    }
    verify(&parts);
    let store = Store::open(parts).unwrap();
    let access = store.access(caller("system/*.cruds"));
    settle(&access);
    let all: usize = ["blue", "brown", "green"]
        .iter()
        .map(|eye| found(&access, "Patient", "eye", eye).unwrap().len())
        .sum();
    assert_eq!(all, 1200, "each once; stood at {seen:?}");
}

#[test]
fn a_retired_parameter_leaves_no_row_and_a_changed_one_finds_by_its_new_meaning() {
    let hospital = hospital();
    let access = hospital.access();
    for number in 0..300 {
        let id = format!("p{number}");
        access.update("Patient", &id, person(&id, "blue", "Alpha"), None).unwrap();
    }
    let note = "Patient.extension.where(url='http://example.org/note').value";
    let put = |value: Value| access.update("SearchParameter", "x", value, None);
    let make = |expression: &str, status: &str| {
        let mut value = with_status("mine", "Patient", "string", expression, status);
        value.as_object_mut().unwrap().insert("id", "x");
        value
    };
    put(make(note, "active")).unwrap();
    settle(&access);
    assert_eq!(found(&access, "Patient", "mine", "alpha").unwrap().len(), 300);
    assert!(rows_of(&hospital, 0x8000) >= 300);
    // Another text of the description is the same parameter; another expression is another one.
    let mut same = make(note, "active");
    same.as_object_mut().unwrap().insert("purpose", "another");
    put(same).unwrap();
    assert!(access.reindexing().unwrap().iter().all(|one| one.phase == Phase::Ready));
    put(make("Patient.name.family", "active")).unwrap();
    for number in 0..20 {
        let id = format!("p{}", number * 13);
        access.update("Patient", &id, person(&id, "brown", "Beta"), None).unwrap();
    }
    settle(&access);
    assert_eq!(found(&access, "Patient", "mine", "alpha").unwrap().len(), 0);
    assert_eq!(found(&access, "Patient", "mine", "doe").unwrap().len(), 300);
    assert_eq!(rows_of(&hospital, 0x8000), 0);
    put(make("Patient.name.family", "retired")).unwrap();
    assert_eq!(kind(found(&access, "Patient", "mine", "doe")), "Invalid");
    settle(&access);
    assert_eq!(rows_of(&hospital, 0x8001), 0);
    assert_eq!(access.reindexing().unwrap(), []);
    // A deletion is as good.
    put(make(note, "active")).unwrap();
    settle(&access);
    access.delete("SearchParameter", "x", None).unwrap();
    settle(&access);
    assert_eq!(rows_of(&hospital, 0x8002), 0);
    hospital.store.close();
    verify(&hospital.parts);
}

#[test]
fn a_parameter_whose_name_is_taken_or_that_cannot_be_read_is_refused() {
    let hospital = hospital();
    let access = hospital.access();
    let create = |value: Value| access.create("SearchParameter", value, None);
    create(parameter("eye", "Patient", "token", EYE)).unwrap();
    assert_eq!(kind(create(parameter("eye", "Patient", "string", "Patient.name"))), "Unprocessable");
    create(parameter("eye", "Group", "token", "Group.type")).unwrap();
    let refused = create(parameter("name", "Patient", "string", "Patient.contact.name")).unwrap_err();
    assert!(refused.issues()[0].expression.contains(&"SearchParameter.code".to_owned()), "{refused:?}");
    assert_eq!(kind(create(parameter("x", "Patient", "string", "Patient.where("))), "Unprocessable");
    // What asks for nothing is a resource like any other.
    create(with_status("y", "Patient", "string", "Patient.where(", "draft")).unwrap();
    create(parameter("gender", "Patient", "token", "Patient.gender")).unwrap();
    assert_eq!(access.reindexing().unwrap().len(), 2);
    let entry = |code: &str| {
        let value = parameter(code, "Patient", "token", "Patient.contact.gender");
        format!(r#"{{"resource":{value},"request":{{"method":"POST","url":"SearchParameter"}}}}"#)
    };
    let bundle = |one: &str, two: &str| {
        let (one, two) = (entry(one), entry(two));
        json(&format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{one},{two}]}}"#))
    };
    assert_eq!(kind(access.transaction(bundle("one", "one"))), "Unprocessable");
    access.transaction(bundle("one", "two")).unwrap();
    assert_eq!(access.reindexing().unwrap().len(), 4);
    hospital.store.close();
    verify(&hospital.parts);
}

#[test]
fn writers_that_prepared_before_a_parameter_came_are_indexed_by_it_all_the_same() {
    let hospital = hospital();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (hospital, stop) = (&hospital, &stop);
            scope.spawn(move || {
                let access = hospital.access();
                for round in 0.. {
                    let id = format!("t{thread}-{}", round % 40);
                    let eye = ["blue", "brown", "green"][(round + thread) % 3];
                    access.update("Patient", &id, person(&id, eye, "x"), None).unwrap();
                    if round % 11 == 10 {
                        access.delete("Patient", &id, None).unwrap();
                    }
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let access = hospital.access();
        for round in 0..6 {
            let expression = if round % 2 == 0 { EYE } else { "Patient.name.family" };
            let value = parameter("eye", "Patient", "token", expression);
            access.update("SearchParameter", "eye", value, None).unwrap();
            if round % 3 == 2 {
                settle(&access);
            }
        }
        access.update("SearchParameter", "eye", parameter("eye", "Patient", "token", EYE), None).unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let access = hospital.access();
    settle(&access);
    let all = found(&access, "Patient", "name", "doe").unwrap();
    let mut by_eye = BTreeSet::new();
    for eye in ["blue", "brown", "green"] {
        by_eye.extend(found(&access, "Patient", "eye", eye).unwrap());
    }
    assert_eq!(by_eye, all);
    hospital.store.close();
    verify(&hospital.parts);
    let store: Arc<Store> = Arc::new(Store::open(hospital.parts.clone()).unwrap());
    assert_eq!(found(&store.access(caller("system/*.cruds")), "Patient", "name", "doe").unwrap(), all);
}
