//! Every step of a load fails in every way; what was acknowledged is there afterwards, once and whole.

use std::sync::Arc;

use repository::{Change, Expected, HistoryOptions, HistoryTarget, Source, Store};
use storage::engine::Engine;
use storage::fault::{FaultDisk, walk};

use crate::fixture::{caller, family, json, memory_engine, observation, parts, patient};

/// What the load was told.
#[derive(Default)]
struct Told {
    /// Patient `a` has at least this many versions, `family` of version n being `n`.
    versions: u64,
    pairs: Vec<u64>,
    messages: Vec<u64>,
    engine: Option<Arc<dyn Engine>>,
}

fn pair(number: u64) -> fhir::json::Value {
    json(&format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[
        {{"resource":{},"request":{{"method":"PUT","url":"Patient/l{number}"}}}},
        {{"resource":{},"request":{{"method":"PUT","url":"Observation/r{number}"}}}}]}}"#,
        patient(&format!("l{number}"), "Left"),
        observation(&format!("r{number}"), &format!("l{number}")),
    ))
}

fn source(number: u64) -> Source {
    let identity = format!("message{number}").into_bytes();
    Source { message_identity: identity, archive_digest: Vec::new(), channel: "adt".into() }
}

fn message(number: u64) -> Vec<Change> {
    let value = patient(&format!("m{number}"), "Message");
    vec![Change::Put { value, expected: Expected::Absent }]
}

fn load(disk: &FaultDisk) -> Told {
    let mut told = Told::default();
    let engine = memory_engine();
    told.engine = Some(engine.clone());
    let Some((parts, _)) = parts(disk, engine) else { return told };
    let Ok(store) = Store::open(parts) else { return told };
    let access = store.access(caller("system/*.cruds"));
    for round in 1..=3 {
        if access
            .update("Patient", "a", patient("a", &round.to_string()), Some(round - 1).filter(|v| *v > 0))
            .is_ok()
        {
            told.versions = round;
        }
        if access.transaction(pair(round)).is_ok() {
            told.pairs.push(round);
        }
        if access.apply(message(round), &source(round)).is_ok() {
            told.messages.push(round);
        }
        if !store.takes_writes() {
            // Reads go on: what was acknowledged before is still answered.
            assert_eq!(access.read("Patient", "a").is_ok(), told.versions > 0);
        }
    }
    told
}

fn check(disk: &FaultDisk, told: &Told, engine: Arc<dyn Engine>, case: &storage::fault::Case) {
    let acknowledged = told.versions > 0 || !told.pairs.is_empty() || !told.messages.is_empty();
    let Some((parts, _)) = parts(disk, engine) else {
        assert!(!acknowledged, "keys or log do not open: {case}");
        return;
    };
    let store = Store::open(parts.clone()).expect("opens without repair by hand");
    let access = store.access(caller("system/*.cruds"));
    // None lost.
    for version in 1..=told.versions {
        assert_eq!(family(&access.vread("Patient", "a", version).unwrap()), version.to_string());
    }
    for number in 1..=3 {
        let (left, right) = (
            access.read("Patient", &format!("l{number}")),
            access.read("Observation", &format!("r{number}")),
        );
        assert_eq!(left.is_ok(), right.is_ok(), "half a transaction");
        assert!(left.is_ok() || !told.pairs.contains(&number), "pair {number} is lost");
        let there = access.read("Patient", &format!("m{number}")).is_ok();
        assert_eq!(there, access.seen(&source(number).message_identity).unwrap().is_some());
        assert!(there || !told.messages.contains(&number), "message {number} is lost");
        // None twice: what a sender repeats after the restart is not applied again.
        access.apply(message(number), &source(number)).unwrap();
        assert_eq!(access.read("Patient", &format!("m{number}")).unwrap().version, 1);
    }
    // The history counts each version once.
    if let Ok(page) =
        access.history(&HistoryTarget::Instance("Patient".into(), "a".into()), &HistoryOptions::default())
    {
        assert_eq!(page.entries.len() as u64, page.total.unwrap());
    }
    store.close();
    let reports = repository::verify(parts.log, parts.engine, parts.ring, &mut |_| {}).unwrap();
    assert!(reports.iter().all(repository::SpaceReport::is_clean), "{reports:?}");
}

#[test]
fn whatever_fails_at_whichever_step_acknowledged_writes_stay_with_the_index_lost() {
    let cases = walk(1, load, |disk, told, case| check(&disk, &told, memory_engine(), case));
    assert!(cases > 100, "{cases} cases");
}

#[test]
fn whatever_fails_at_whichever_step_acknowledged_writes_stay_with_the_index_kept() {
    let cases = walk(1_000_000, load, |disk, told, case| {
        let engine = told.engine.clone().unwrap();
        check(&disk, &told, engine, case);
    });
    assert!(cases > 100, "{cases} cases");
}
