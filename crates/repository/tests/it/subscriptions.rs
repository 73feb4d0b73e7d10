//! The feed of changes, and which of them are events for whom.

use fhir::json::Value;
use protect::access::Scopes;
use repository::{
    Access, Caller, Definition, Effect, PayloadContent, Place, Plan, Store, SubscriptionState,
    SubscriptionStatus, change_topic, layout,
};
use storage::engine::MemoryEngine;
use storage::keys::TenantId;

use crate::fixture::{Hospital, body, caller, family, hospital, json, kind, observation, patient};

const TENANT: TenantId = TenantId::DEFAULT;

fn subscription(id: &str, criteria: &str, filters: &[&str]) -> Value {
    let filters: Vec<String> = filters
        .iter()
        .map(|filter| {
            format!(
                r#"{{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria","valueString":"{filter}"}}"#
            )
        })
        .collect();
    let extras = if filters.is_empty() {
        String::new()
    } else {
        format!(r#""_criteria":{{"extension":[{}]}},"#, filters.join(","))
    };
    json(&format!(
        r#"{{"resourceType":"Subscription","id":"{id}","status":"requested","reason":"test","criteria":"{criteria}",{extras}
        "channel":{{"type":"websocket","payload":"application/fhir+json"}}}}"#
    ))
}

fn definition(access: &Access, criteria: &str, filters: &[&str]) -> Definition {
    Definition::read(&access.registry().unwrap(), &subscription("s", criteria, filters)).unwrap()
}

fn plan(access: &Access, criteria: &str, filters: &[&str]) -> Plan {
    access.subscription_plan(&definition(access, criteria, filters)).unwrap()
}

/// All events so far, as `effect Type/id version`.
fn events(access: &Access, plan: &Plan) -> Vec<String> {
    let (mut place, mut all) = (Place::default(), Vec::new());
    loop {
        // Small stretches, so that every test goes over their seams.
        let found = access.subscription_events(plan, place, 3, 2).unwrap();
        let numbered: Vec<_> = found.events.iter().map(|event| (1, *event)).collect();
        for told in access.notification(&numbered, PayloadContent::IdOnly, usize::MAX).unwrap() {
            let name = told.versioned.map(|versioned| versioned.path()).unwrap_or_default();
            all.push(format!("{:?} {name} {}", told.event.effect, told.event.version));
        }
        place = found.next;
        if found.at_end {
            return all;
        }
    }
}

fn as_patient(hospital: &Hospital, id: &str, scopes: &str) -> Access {
    let caller = Caller {
        launch_patient: Some(id.to_owned()),
        masked: None,
        scopes: Scopes::parse(scopes).unwrap(),
        ..caller(scopes)
    };
    hospital.store.access(caller)
}

#[test]
fn the_feed_gives_every_version_once_in_the_order_of_commits_from_any_place() {
    let hospital = hospital();
    let access = hospital.access();
    let commits = hospital.store.commits();
    for round in 0..4 {
        access.update("Patient", "p", patient("p", &format!("F{round}")), None).unwrap();
        access
            .update("Observation", &format!("o{round}"), observation(&format!("o{round}"), "p"), None)
            .unwrap();
    }
    access.delete("Observation", "o0", None).unwrap();
    assert!(commits.has_changed().unwrap());
    let read =
        |types: Option<&[u16]>, from: Place, limit: usize| hospital.store.changes(TENANT, types, from, limit);
    let whole = read(None, Place::default(), 100).unwrap();
    assert!(whole.at_end);
    assert_eq!(whole.next, Place::of(hospital.store.position()));
    let short: Vec<_> = whole
        .changes
        .iter()
        .map(|change| (layout::type_name(change.type_code).unwrap(), change.version, change.effect))
        .collect();
    assert_eq!(short.len(), 9);
    assert_eq!(short[0], ("Patient", 1, Effect::Created));
    assert_eq!(short[1], ("Observation", 1, Effect::Created));
    assert_eq!(short[2], ("Patient", 2, Effect::Updated));
    assert_eq!(short[8], ("Observation", 2, Effect::Deleted));
    assert!(whole.changes.is_sorted_by_key(|change| change.place));
    for limit in 1..5 {
        let (mut place, mut pieces) = (Place::default(), Vec::new());
        loop {
            let piece = read(None, place, limit).unwrap();
            pieces.extend(piece.changes);
            place = piece.next;
            if piece.at_end {
                break;
            }
        }
        assert_eq!(pieces, whole.changes, "limit {limit}");
    }
    let patients = read(Some(&[layout::PATIENT_CODE]), Place::default(), 100).unwrap();
    assert_eq!(patients.changes.len(), 4);
    assert!(read(None, whole.next, 10).unwrap().changes.is_empty());
    let from = whole.changes[3].place;
    assert_eq!(read(None, from, 100).unwrap().changes, whole.changes[3..]);
}

#[test]
fn a_search_tells_of_what_it_found_at_the_time_whatever_came_later() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Muster"), None).unwrap();
    access.update("Patient", "b", patient("b", "Other"), None).unwrap();
    access.update("Patient", "a", patient("a", "Other"), None).unwrap();
    access.update("Patient", "b", patient("b", "Muster"), None).unwrap();
    access.delete("Patient", "b", None).unwrap();
    let plan = plan(&access, "Patient?family=Muster", &[]);
    assert_eq!(events(&access, &plan), ["Created Patient/a 1", "Updated Patient/b 2"]);
}

#[test]
fn the_topic_of_a_type_tells_of_every_change_and_filters_narrow_it() {
    let hospital = hospital();
    let access = hospital.access();
    for id in ["p", "q"] {
        access.update("Patient", id, patient(id, "F"), None).unwrap();
    }
    access.update("Observation", "o", observation("o", "p"), None).unwrap();
    access.update("Observation", "o2", observation("o2", "q"), None).unwrap();
    access.delete("Observation", "o", None).unwrap();
    access.delete("Observation", "o2", None).unwrap();
    let topic = change_topic("Observation");
    let all = [
        "Created Observation/o 1",
        "Created Observation/o2 1",
        "Deleted Observation/o 2",
        "Deleted Observation/o2 2",
    ];
    assert_eq!(events(&access, &plan(&access, &topic, &[])), all);
    let narrowed = plan(&access, &topic, &["Observation?subject=Patient/p"]);
    assert_eq!(events(&access, &narrowed), ["Created Observation/o 1", "Deleted Observation/o 2"]);
}

const ADMITTED: &str = r#"{"resourceType":"Basic","id":"t","code":{"coding":[{"system":"http://hl7.org/fhir/fhir-types","code":"SubscriptionTopic"}]},
"extension":[
 {"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic.url","valueUri":"http://h.example/topics/complete"},
 {"url":"http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.resourceTrigger","extension":[
  {"url":"resource","valueUri":"http://hl7.org/fhir/StructureDefinition/Encounter"},
  {"url":"supportedInteraction","valueCode":"create"},{"url":"supportedInteraction","valueCode":"update"},
  {"url":"queryCriteria","extension":[
   {"url":"previous","valueString":"status:not=finished"},{"url":"resultForCreate","valueCode":"test-passes"},
   {"url":"current","valueString":"status=finished"},{"url":"resultForDelete","valueCode":"test-fails"},
   {"url":"requireBoth","valueBoolean":true}]}]},
 {"url":"http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.canFilterBy","extension":[
  {"url":"resource","valueUri":"Encounter"},{"url":"filterParameter","valueString":"subject"}]}]}"#;

fn encounter(id: &str, status: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"Encounter","id":"{id}","status":"{status}","class":{{"code":"IMP"}},"subject":{{"reference":"Patient/p"}}}}"#
    ))
}

#[test]
fn a_stored_topic_compares_the_version_before_with_the_new_one() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "p", patient("p", "F"), None).unwrap();
    access.update("Basic", "t", json(ADMITTED), None).unwrap();
    for (id, status) in [("e", "planned"), ("e", "finished"), ("f", "finished"), ("g", "planned")] {
        access.update("Encounter", id, encounter(id, status), None).unwrap();
    }
    let mut again = encounter("e", "finished");
    again.as_object_mut().unwrap().insert("language", "de");
    access.update("Encounter", "e", again, None).unwrap();
    access.delete("Encounter", "e", None).unwrap();
    let topic = "http://h.example/topics/complete";
    let both = plan(&access, topic, &["Encounter?subject=Patient/p"]);
    assert_eq!(events(&access, &both), ["Updated Encounter/e 2", "Created Encounter/f 1"]);
    let other = access.subscription_plan(&definition(&access, topic, &["Encounter?status=finished"]));
    assert_eq!(kind(other), "Unprocessable");
    let unknown = access.subscription_plan(&definition(&access, "http://h.example/topics/none", &[]));
    assert_eq!(kind(unknown), "Unprocessable");
}

#[test]
fn a_stored_topic_may_ask_by_an_expression_as_well() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "p", patient("p", "F"), None).unwrap();
    let path =
        "(%previous.id.empty() or (%previous.status != 'finished')) and (%current.status = 'finished')";
    let with = |text: &str, path: &str| {
        let part = format!(r#"{{"url":"fhirPathCriteria","valueString":"{path}"}},{{"url":"queryCriteria""#);
        text.replace(r#"{"url":"queryCriteria""#, &part)
    };
    access.update("Basic", "t", json(&with(ADMITTED, path)), None).unwrap();
    // The same without queryCriteria, and one that cannot be read.
    let start = ADMITTED
        .find(
            r#",
  {"url":"queryCriteria""#,
        )
        .unwrap();
    let end = ADMITTED
        .find(
            r#"]},
 {"url":"http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.canFilterBy""#,
        )
        .unwrap();
    let alone = |id: &str, path: &str| {
        let part = format!(r#",{{"url":"fhirPathCriteria","valueString":"{path}"}}"#);
        let text = format!("{}{part}{}", &ADMITTED[..start], &ADMITTED[end..]);
        json(
            &text
                .replace(r#""id":"t""#, &format!(r#""id":"{id}""#))
                .replace("topics/complete", &format!("topics/{id}")),
        )
    };
    access.update("Basic", "alone", alone("alone", path), None).unwrap();
    access.update("Basic", "wrong", alone("wrong", "%current.status ="), None).unwrap();
    for (id, status) in [("e", "planned"), ("e", "finished"), ("f", "finished"), ("g", "planned")] {
        access.update("Encounter", id, encounter(id, status), None).unwrap();
    }
    access.delete("Encounter", "e", None).unwrap();
    for topic in ["http://h.example/topics/complete", "http://h.example/topics/alone"] {
        let plan = plan(&access, topic, &["Encounter?subject=Patient/p"]);
        assert_eq!(events(&access, &plan), ["Updated Encounter/e 2", "Created Encounter/f 1"], "{topic}");
    }
    let wrong = access.subscription_plan(&definition(&access, "http://h.example/topics/wrong", &[]));
    assert_eq!(kind(wrong), "Unprocessable");
}

#[test]
fn who_is_limited_to_a_patient_hears_of_that_patient_alone() {
    let hospital = hospital();
    let access = hospital.access();
    for id in ["p", "q"] {
        access.update("Patient", id, patient(id, "F"), None).unwrap();
    }
    access.update("Observation", "mine", observation("mine", "p"), None).unwrap();
    access.update("Observation", "theirs", observation("theirs", "q"), None).unwrap();
    // It moves to the other patient, and back.
    access.update("Observation", "mine", observation("mine", "q"), None).unwrap();
    access.update("Observation", "mine", observation("mine", "p"), None).unwrap();
    access.delete("Observation", "mine", None).unwrap();
    access.delete("Observation", "theirs", None).unwrap();
    let limited = as_patient(&hospital, "p", "patient/Observation.rs");
    let expected = ["Created Observation/mine 1", "Updated Observation/mine 3", "Deleted Observation/mine 4"];
    for (criteria, filters, count) in [
        (change_topic("Observation"), &[][..], 3),
        (change_topic("Observation"), &["Observation?code=8867-4"][..], 3),
        ("Observation?code=8867-4".to_owned(), &[], 2),
        // A chain must not say what the patient cannot read: they have no right to Patient.
        ("Observation?subject:Patient.family=F".to_owned(), &[], 0),
    ] {
        let plan = plan(&limited, &criteria, filters);
        assert_eq!(events(&limited, &plan), expected[..count], "{criteria} {filters:?}");
    }
    let theirs = plan(&access, &change_topic("Observation"), &["Observation?subject=Patient/q"]);
    let found = access.subscription_events(&theirs, Place::default(), 100, 100).unwrap();
    let numbered: Vec<_> = found.events.iter().map(|event| (1, *event)).collect();
    assert!(!numbered.is_empty());
    for content in [PayloadContent::IdOnly, PayloadContent::FullResource] {
        let told = limited.notification(&numbered, content, usize::MAX).unwrap();
        assert!(told.iter().all(|told| told.versioned.is_none()), "{told:?}");
    }
    let none = as_patient(&hospital, "p", "patient/Patient.rs");
    assert_eq!(kind(none.subscription_plan(&definition(&none, "Observation?code=x", &[]))), "Denied");
}

/// The claim that makes subscriptions trustworthy: they say what a search says.
#[test]
fn an_event_is_what_a_search_right_after_the_commit_finds() {
    let hospital = hospital();
    let access = hospital.access();
    let queries = [
        "Patient?family=muster",
        "Patient?family:exact=Muster",
        "Patient?family:contains=ust",
        "Patient?family:missing=true",
        "Patient?identifier=urn:mrn|Muster",
        "Patient?gender=female",
        "Patient?gender:not=female",
        "Patient?birthdate=1980",
        "Patient?birthdate=ge1980-05",
        "Patient?birthdate=lt1980",
        "Patient?_id=a,c",
        "Patient?_lastUpdated=gt2000",
        "Patient?general-practitioner=Practitioner/x",
        "Patient?general-practitioner:missing=false",
        "Patient?_has:Observation:subject:code=8867-4",
        "Patient?family=muster&gender=female",
        "Patient?organization.name=Clinic",
        "Patient?name=mus,oth",
        "Patient?deceased=true",
    ];
    access
        .update(
            "Organization",
            "x",
            json(r#"{"resourceType":"Organization","id":"x","name":"Clinic"}"#),
            None,
        )
        .unwrap();
    access.update("Observation", "o", observation("o", "b"), None).unwrap();
    let variants = [
        r#""name":[{"family":"Muster"}],"gender":"female","birthDate":"1980-05-17""#,
        r#""identifier":[{"system":"urn:mrn","value":"Muster"}],"birthDate":"1979""#,
        r#""name":[{"family":"muster"},{"family":"Other"}],"gender":"male","managingOrganization":{"reference":"Organization/x"}"#,
        r#""generalPractitioner":[{"reference":"Practitioner/x"}],"deceasedBoolean":true,"name":[{"given":["Custer"]}]"#,
        r#""name":[{"family":"Never seen before"}],"birthDate":"1980-06-01","gender":"female""#,
    ];
    let plans: Vec<Plan> = queries.iter().map(|query| plan(&access, query, &[])).collect();
    let mut compared = 0;
    for round in 0..3 {
        for (at, id) in ["a", "b", "c"].into_iter().enumerate() {
            let variant = variants[(at + round * 2) % variants.len()];
            let value = json(&format!(r#"{{"resourceType":"Patient","id":"{id}",{variant}}}"#));
            let before = Place::of(hospital.store.position());
            access.update("Patient", id, value, None).unwrap();
            for (query, plan) in queries.iter().zip(&plans) {
                let (name, search) = query.split_once('?').unwrap();
                let pairs: Vec<(String, String)> = search
                    .split('&')
                    .map(|pair| {
                        pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap()
                    })
                    .collect();
                let registry = access.registry().unwrap();
                let parsed = fhir::search::query::parse(
                    &registry,
                    name,
                    &pairs,
                    false,
                    &fhir::search::query::Limits::default(),
                );
                let page = access.search(&parsed.unwrap()).unwrap();
                let finds = page.entries.iter().any(|entry| entry.versioned.id == id);
                let told = access.subscription_events(plan, before, 10, 10).unwrap().events;
                assert_eq!(!told.is_empty(), finds, "{query} on {variant}");
                compared += usize::from(finds);
            }
        }
    }
    assert!(compared > 30, "only {compared} matches: the comparison says little");
}

#[test]
fn the_owner_of_a_subscription_is_its_writer_whoever_sets_its_status() {
    let hospital = hospital();
    let owner = Caller {
        token: Some("0011223344556677".to_owned()),
        ..caller("system/Subscription.cruds system/Observation.rs")
    };
    let access = hospital.store.access(owner);
    access.update("Subscription", "s", subscription("s", "Observation?code=x", &[]), None).unwrap();
    let own = hospital.access_with("system/Subscription.cruds");
    own.set_subscription_status("s", 1, SubscriptionStatus::Active, None).unwrap();
    let failed = own.set_subscription_status("s", 2, SubscriptionStatus::Error, Some("no answer")).unwrap();
    assert_eq!(body(&failed.versioned).get("error").and_then(Value::as_str), Some("no answer"));
    assert_eq!(kind(own.set_subscription_status("s", 2, SubscriptionStatus::Off, None)), "Conflict");
    let check = |store: &Store| {
        let all = store.subscriptions(TENANT).unwrap();
        let [one] = all.as_slice() else { panic!("{all:?}") };
        let owner = one.owner.as_ref().unwrap();
        assert_eq!(owner.token.as_deref(), Some("0011223344556677"));
        assert_eq!(owner.scopes.to_string(), "system/Subscription.cruds system/Observation.rs");
        assert_eq!((one.version, one.id.as_str()), (3, "s"));
        let definition = one.definition.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(definition.status, SubscriptionStatus::Error);
        assert_eq!(store.subscription(TENANT, one.number).unwrap().map(|one| one.version), Some(3));
    };
    check(&hospital.store);
    // The log alone says so, too.
    hospital.store.close();
    let engine = std::sync::Arc::new(MemoryEngine::new(layout::SPACES).unwrap());
    check(&Store::open(repository::Parts { engine, ..hospital.parts.clone() }).unwrap());
}

#[test]
fn a_subscription_that_cannot_be_served_is_refused_with_its_place() {
    let hospital = hospital();
    let access = hospital.access();
    let put = |value: Value| access.update("Subscription", "s", value, None);
    for (criteria, filters) in [
        ("Observation?nothing=1", &[][..]),
        ("Nothing?code=1", &[]),
        ("Observation?code=1&_sort=date", &[]),
        ("Observation?code=1&_include=Observation:subject", &[]),
        ("urn:ward:subscription-topic:Nothing", &[]),
        ("urn:ward:subscription-topic:Observation", &["Patient?name=a"]),
        ("urn:ward:subscription-topic:Observation", &["Observation?nothing=1"]),
        ("Observation?code=1", &["Observation?code=1"]),
    ] {
        let refused = put(subscription("s", criteria, filters)).unwrap_err();
        assert_eq!(format!("{:?}", refused.kind()), "Unprocessable", "{criteria}");
        let place = refused.issues()[0].expression.first().map(String::as_str).unwrap_or_default();
        assert!(place.starts_with("Subscription.criteria"), "{criteria}: {place}");
    }
    let with = |channel: &str| {
        let text = r#"{"resourceType":"Subscription","id":"s","status":"requested","reason":"r","criteria":"Observation?code=x","channel":CHANNEL}"#;
        put(json(&text.replace("CHANNEL", channel)))
    };
    for channel in [
        r#"{"type":"email","endpoint":"mailto:a@b.example"}"#,
        r#"{"type":"rest-hook"}"#,
        r#"{"type":"websocket","endpoint":"https://a.example"}"#,
        r#"{"type":"rest-hook","endpoint":"https://a.example","payload":"text/plain"}"#,
        r#"{"type":"rest-hook","endpoint":"https://a.example","header":["Host: b.example"]}"#,
        r#"{"type":"rest-hook","endpoint":"https://a.example","header":["no colon"]}"#,
    ] {
        assert_eq!(kind(with(channel)), "Unprocessable", "{channel}");
    }
    assert!(
        with(r#"{"type":"rest-hook","endpoint":"https://a.example","header":["Authorization: Bearer x"]}"#)
            .is_ok()
    );
    let limited = hospital.access_with("system/Subscription.cruds");
    let denied = limited.update("Subscription", "s2", subscription("s2", "Observation?code=x", &[]), None);
    assert_eq!(kind(denied), "Denied");
}

#[test]
fn a_state_is_kept_and_forgotten() {
    let store = hospital().store;
    assert_eq!(store.subscription_state("s").unwrap(), None);
    let mut state = SubscriptionState::begin(Place::of(3));
    state.version = 2;
    store.keep_subscription_state("s", &state).unwrap();
    assert_eq!(store.subscription_state("s").unwrap(), Some(state));
    assert_eq!(store.subscription_states().unwrap(), ["s"]);
    store.forget_subscription_state("s").unwrap();
    assert_eq!(store.subscription_state("s").unwrap(), None);
}

#[test]
fn what_is_told_in_full_is_the_version_that_was_committed_and_is_audited() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "p", patient("p", "First"), None).unwrap();
    access.update("Patient", "p", patient("p", "Second"), None).unwrap();
    let plan = plan(&access, &change_topic("Patient"), &[]);
    let found = access.subscription_events(&plan, Place::default(), 10, 10).unwrap();
    let numbered: Vec<_> = (5..).zip(found.events).collect();
    let told = access.notification(&numbered, PayloadContent::FullResource, usize::MAX).unwrap();
    let families: Vec<_> = told.iter().map(|told| family(told.versioned.as_ref().unwrap())).collect();
    assert_eq!(families, ["First", "Second"]);
    assert_eq!(told[1].number, 6);
    assert_eq!(access.notification(&numbered, PayloadContent::FullResource, 1).unwrap().len(), 1);
    assert!(
        access
            .notification(&numbered, PayloadContent::Empty, usize::MAX)
            .unwrap()
            .iter()
            .all(|told| told.versioned.is_none())
    );
}
