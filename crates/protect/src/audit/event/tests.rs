use proptest::prelude::*;

use super::*;

pub(crate) fn sample() -> Event {
    let actor = Actor { kind: ActorKind::User, id: "nurse-1".into(), display: "A nurse".into() };
    let mut event =
        Event::new(1_700_000_000_123, TenantId(1), actor, Purpose::Treatment, Interaction::SearchType);
    event.resource_type = Some("Patient".into());
    event.request_id = "r-1".into();
    event.source = "192.0.2.1".into();
    event.query_hash = Some([7; 16]);
    event.shown("Patient", "p1", 3);
    event.shown("Observation", "o1", 1 << 40);
    event
}

fn bytes(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    event.write(&mut out);
    out
}

#[test]
fn an_event_reads_back_from_its_row() {
    let event = sample();
    assert_eq!(Event::read(&bytes(&event)), Some(event));
}

#[test]
fn no_part_of_a_row_is_taken_for_a_whole_one() {
    let whole = bytes(&sample());
    for length in 0..whole.len() {
        assert_eq!(Event::read(&whole[..length]), None, "{length} bytes");
    }
}

#[test]
fn the_audit_event_has_its_required_elements() {
    let event = sample().to_fhir("a1");
    for element in ["type", "recorded", "agent", "source"] {
        assert!(event.get(element).is_some(), "{element}");
    }
    assert_eq!(event.get("recorded").and_then(Value::as_str), Some("2023-11-14T22:13:20.123Z"));
    assert_eq!(event.get("action").and_then(Value::as_str), Some("E"));
    let first = event.get("entity").and_then(|entities| entities.at(0)).and_then(|entity| entity.get("what"));
    let reference = first.and_then(|what| what.get("reference")).and_then(Value::as_str);
    assert_eq!(reference, Some("Patient/p1/_history/3"));
}

proptest! {
    #[test]
    fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::read(&bytes);
    }

    #[test]
    fn read_after_write_is_the_identity(
        time_ms in any::<i64>(), tenant in any::<u32>(), id in ".{0,40}", source in ".{0,20}",
        query_hash in any::<Option<[u8; 16]>>(), entities in prop::collection::vec((".{0,9}", ".{0,40}", any::<u64>()), 0..9),
    ) {
        let mut event = Event::new(time_ms, TenantId(tenant), Actor::system(id), Purpose::Research, Interaction::Read);
        event.source = source;
        event.query_hash = query_hash;
        for (resource_type, id, version) in entities {
            event.shown(resource_type, id, version);
        }
        prop_assert_eq!(Event::read(&bytes(&event)), Some(event));
    }
}
