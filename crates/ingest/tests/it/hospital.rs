//! The synthetic hospital: what is expected of each delivery, and that order between patients does not matter.

use std::collections::BTreeMap;

use ingest::Outcome;
use proptest::prelude::*;
use testkit::{Delivery, Expected, Hospital};

use crate::fixture::{Bench, bench, is_committed};

fn deliver(bench: &Bench, delivery: &Delivery) -> Outcome {
    bench.send(delivery.feed.as_str(), delivery.payload.bytes())
}

#[test]
fn every_delivery_ends_as_expected() {
    for seed in [1, 2, 3] {
        let bench = bench();
        let (mut versions, mut refused) = (0, 0);
        let hospital = Hospital::new(seed, 12);
        for delivery in hospital.deliveries() {
            let outcome = deliver(&bench, delivery);
            let now = bench.versions();
            let about =
                format!("seed {seed}, {} of patient {}: {outcome:?}", delivery.about, delivery.patient);
            match delivery.expected {
                Expected::Committed => assert!(is_committed(&outcome), "{about}"),
                Expected::Duplicate => {
                    assert_eq!(outcome, Outcome::Unchanged, "{about}");
                    assert_eq!(now, versions, "{about}");
                }
                Expected::Late => assert!(outcome.is_success(), "{about}"),
                Expected::Refused(_) => {
                    refused += 1;
                    assert!(matches!(outcome, Outcome::Quarantined(_)), "{about}");
                    assert_eq!(now, versions, "{about}");
                }
            }
            versions = now;
        }
        assert!(refused > 0 || seed != 1);
        bench.check();
        replays_end_in_one_state(&bench);
    }
}

/// A second replay of everything ends in the state of the first.
///
/// The first may change something: what a laboratory mentions of a patient has no time of its own, so it fills again what
/// a later message had cleared.
fn replays_end_in_one_state(bench: &Bench) {
    let quarantined = bench.aside().len();
    let replay = || {
        for name in ["adt", "lab", "fhir"] {
            bench.ingest.replay_all(&bench.channel(name), &mut |_| {}).unwrap();
        }
        state(bench)
    };
    let first = replay();
    let second = replay();
    let changed: Vec<_> = first.iter().filter(|(key, old)| second.get(*key) != Some(*old)).collect();
    assert!(changed.is_empty() && first.len() == second.len(), "a second replay changed {changed:#?}");
    assert_eq!(bench.aside().len(), quarantined);
}

/// Every current resource, by type and id, without `meta`: times of writing, and which channel wrote last.
fn state(bench: &Bench) -> BTreeMap<String, String> {
    let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for entry in bench.history() {
        let key = format!("{}/{}", entry.resource_type, entry.id);
        let mut value = crate::fixture::json(&entry.body);
        if let Some(object) = value.as_object_mut() {
            object.remove("meta");
        }
        let known = newest.entry(key).or_insert((0, String::new()));
        if entry.version > known.0 {
            *known = (entry.version, String::from_utf8(value.to_vec()).unwrap());
        }
    }
    newest.into_iter().map(|(key, (_, text))| (key, text)).collect()
}

/// Deliveries in another order, that of each patient kept.
fn mixed(deliveries: &[Delivery], picks: &[u16]) -> Vec<Delivery> {
    let mut waiting: BTreeMap<u64, std::collections::VecDeque<&Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        waiting.entry(delivery.patient).or_default().push_back(delivery);
    }
    let mut order = Vec::new();
    let mut picks = picks.iter().cycle();
    while !waiting.is_empty() {
        let nth = usize::from(*picks.next().unwrap()) % waiting.len();
        let patient = *waiting.keys().nth(nth).unwrap();
        let queue = waiting.get_mut(&patient).unwrap();
        order.extend(queue.pop_front().cloned());
        if queue.is_empty() {
            waiting.remove(&patient);
        }
    }
    order
}

/// Only v2: bundles make the server draw ids.
fn v2(seed: u64) -> Vec<Delivery> {
    let all = Hospital::new(seed, 4).into_deliveries();
    all.into_iter().filter(|delivery| matches!(delivery.payload, testkit::Payload::Hl7v2(_))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_of_patients_ends_in_the_state_of_one_after_another(
        seed in 0_u64..1000,
        picks in prop::collection::vec(any::<u16>(), 1..64),
    ) {
        let deliveries = v2(seed);
        let (one, other) = (bench(), bench());
        deliveries.iter().for_each(|delivery| drop(deliver(&one, delivery)));
        mixed(&deliveries, &picks).iter().for_each(|delivery| drop(deliver(&other, delivery)));
        prop_assert_eq!(state(&one), state(&other));
        prop_assert_eq!(one.aside().len(), other.aside().len());
    }
}

#[test]
fn patients_on_connections_of_their_own_end_in_the_state_of_one_after_another() {
    for seed in [5, 6] {
        let deliveries = v2(seed);
        let (one, other) = (bench(), bench());
        deliveries.iter().for_each(|delivery| drop(deliver(&one, delivery)));
        std::thread::scope(|scope| {
            for patient in 0..4 {
                let (deliveries, other) = (&deliveries, &other);
                scope.spawn(move || {
                    for delivery in deliveries.iter().filter(|delivery| delivery.patient == patient) {
                        let outcome = deliver(other, delivery);
                        assert!(outcome.is_kept(), "{outcome:?}");
                    }
                });
            }
        });
        assert_eq!(state(&one), state(&other), "seed {seed}");
        other.check();
    }
}
