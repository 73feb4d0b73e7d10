use std::sync::atomic::{AtomicU64, Ordering};

use repository::{Effect, ErrorKind, Expected, Source};

use crate::fixture::{body, hospital, patient};

const THREADS: usize = 8;

#[test]
fn each_version_is_won_by_one_writer() {
    let hospital = hospital();
    hospital.access().update("Patient", "a", patient("a", "0"), None).unwrap();
    let won = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (hospital, won) = (&hospital, &won);
            scope.spawn(move || {
                let access = hospital.access();
                for round in 0..20 {
                    let current = access.read("Patient", "a").unwrap().version;
                    let value = patient("a", &format!("{thread}-{round}"));
                    match access.update("Patient", "a", value, Some(current)) {
                        Ok(written) => {
                            assert_eq!(written.versioned.version, current + 1);
                            won.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => assert_eq!(error.kind(), ErrorKind::PreconditionFailed),
                    }
                }
            });
        }
    });
    let last = hospital.access().read("Patient", "a").unwrap().version;
    assert_eq!(last, 1 + won.load(Ordering::SeqCst));
}

#[test]
fn a_race_of_conditional_creates_makes_one_resource() {
    let hospital = hospital();
    for round in 0..10 {
        let name = format!("name{round}");
        let query = format!("identifier=urn:mrn|{name}");
        let created = AtomicU64::new(0);
        let ids: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let written =
                            hospital.access().create("Patient", patient("x", &name), Some(&query)).unwrap();
                        created.fetch_add(u64::from(written.effect == Effect::Created), Ordering::SeqCst);
                        written.versioned.id.to_string()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(created.load(Ordering::SeqCst), 1);
        assert!(ids.iter().all(|id| *id == ids[0]));
    }
}

#[test]
fn no_patch_is_lost() {
    let hospital = hospital();
    hospital.access().update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let hospital = &hospital;
            scope.spawn(move || {
                let text =
                    format!(r#"[{{"op":"add","path":"/identifier/-","value":{{"value":"{thread}"}}}}]"#);
                for _ in 0..5 {
                    hospital.access().patch("Patient", "a", &crate::fixture::json(&text), None).unwrap();
                }
            });
        }
    });
    let read = hospital.access().read("Patient", "a").unwrap();
    assert_eq!(body(&read).get("identifier").unwrap().elements().len(), 1 + 20);
}

#[test]
fn a_message_that_comes_twice_at_once_is_applied_once() {
    let hospital = hospital();
    let source =
        Source { message_identity: b"same".to_vec(), archive_digest: Vec::new(), channel: "adt".into() };
    let committed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (hospital, source, committed) = (&hospital, &source, &committed);
            scope.spawn(move || {
                let id = format!("p{thread}");
                let value = patient(&id, "Alpha");
                let change = repository::Change::Put { value, expected: Expected::Absent };
                let applied = hospital.access().apply(vec![change], source).unwrap();
                let first = matches!(applied, repository::Applied::Committed(_));
                committed.fetch_add(u64::from(first), Ordering::SeqCst);
            });
        }
    });
    assert_eq!(committed.load(Ordering::SeqCst), 1);
    assert_eq!(hospital.store.position(), 2);
}
