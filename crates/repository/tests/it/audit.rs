//! One audit event a call, with what was shown; refusals too.

use protect::access::Interaction;
use protect::audit::{Action, Event, Filter, Outcome};
use repository::{HistoryOptions, HistoryTarget, Source};

use crate::fixture::{Hospital, hospital, json, observation, patient};

fn events(hospital: &Hospital) -> Vec<Event> {
    let events = hospital.parts.audit.list(&Filter::default()).unwrap();
    events.into_iter().map(|(_, event)| event).collect()
}

/// The one event that `call` leaves: interaction, outcome, and what was shown or written.
fn event_of(hospital: &Hospital, call: impl FnOnce()) -> (Interaction, Outcome, Vec<(Action, String)>) {
    let before = events(hospital).len();
    call();
    let new = events(hospital).split_off(before);
    let [event] = new.as_slice() else { panic!("{} events for one call", new.len()) };
    assert_eq!(
        (event.actor.id.as_str(), event.request_id.as_str(), event.source.as_str()),
        ("tester", "r", "test")
    );
    let entities = event
        .entities
        .iter()
        .map(|entity| (entity.action, format!("{}/{}/{}", entity.resource_type, entity.id, entity.version)));
    (event.interaction, event.outcome, entities.collect())
}

#[test]
fn every_call_leaves_one_event_with_what_was_shown() {
    let hospital = hospital();
    let access = hospital.access();
    let one = |path: &str, action: Action| vec![(action, path.to_owned())];
    let put = event_of(&hospital, || drop(access.update("Patient", "a", patient("a", "Alpha"), None)));
    assert_eq!(put, (Interaction::Update, Outcome::Success, one("Patient/a/1", Action::Created)));
    let read = event_of(&hospital, || drop(access.read("Patient", "a")));
    assert_eq!(read, (Interaction::Read, Outcome::Success, one("Patient/a/1", Action::Shown)));
    let vread = event_of(&hospital, || drop(access.vread("Patient", "a", 1)));
    assert_eq!(vread, (Interaction::Vread, Outcome::Success, one("Patient/a/1", Action::Shown)));
    let missing = event_of(&hospital, || drop(access.read("Patient", "nobody")));
    assert_eq!(missing, (Interaction::Read, Outcome::Refused, vec![]));
    let denied = hospital.access_with("system/Observation.r");
    let refused = event_of(&hospital, || drop(denied.read("Patient", "a")));
    assert_eq!(refused, (Interaction::Read, Outcome::Refused, vec![]));
    let history = HistoryTarget::Type("Patient".into());
    let shown = event_of(&hospital, || drop(access.history(&history, &HistoryOptions::default())));
    assert_eq!(shown, (Interaction::HistoryType, Outcome::Success, one("Patient/a/1", Action::Shown)));
    let query = fhir::search::query::parse(
        fhir::search::Registry::base(),
        "Patient",
        &[("name".to_owned(), "alpha".to_owned())],
        false,
        &fhir::search::query::Limits::default(),
    )
    .unwrap();
    let found = event_of(&hospital, || drop(access.search(&query)));
    assert_eq!(found, (Interaction::SearchType, Outcome::Success, one("Patient/a/1", Action::Shown)));
    assert!(events(&hospital).pop().unwrap().query_hash.is_some());
    let deleted = event_of(&hospital, || drop(access.delete("Patient", "a", None)));
    assert_eq!(deleted, (Interaction::Delete, Outcome::Success, one("Patient/a/2", Action::Deleted)));
}

#[test]
fn bundles_and_messages_leave_one_event_with_all_they_wrote() {
    let hospital = hospital();
    let access = hospital.access();
    for (kind, interaction) in [("transaction", Interaction::Transaction), ("batch", Interaction::Batch)] {
        let bundle = json(&format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[
            {{"resource":{},"request":{{"method":"PUT","url":"Patient/{kind}"}}}},
            {{"request":{{"method":"GET","url":"Patient/{kind}"}}}}]}}"#,
            patient(kind, "Alpha")
        ));
        let event = event_of(&hospital, || match kind {
            "batch" => drop(access.batch(bundle)),
            _ => drop(access.transaction(bundle)),
        });
        let path = format!("Patient/{kind}/1");
        let entities = vec![(Action::Created, path.clone()), (Action::Shown, path)];
        assert_eq!(event, (interaction, Outcome::Success, entities));
    }
    let change =
        repository::Change::Put { value: observation("o", "batch"), expected: repository::Expected::Any };
    let source = Source { message_identity: b"m".to_vec(), ..Source::default() };
    let event = event_of(&hospital, || drop(access.apply(vec![change], &source)));
    let entities = vec![(Action::Created, "Observation/o/1".to_owned())];
    assert_eq!(event, (Interaction::Ingest, Outcome::Success, entities));
}
