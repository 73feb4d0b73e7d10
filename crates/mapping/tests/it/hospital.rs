//! The synthetic hospital's feeds, in the order of their arrival.

use formats::hl7v2::{ParseOptions, parse};
use mapping::hl7v2::map;
use testkit::{Expected, Hospital, Payload};

use crate::support::*;

#[test]
fn every_message_of_the_synthetic_hospital_is_mapped_or_refused_as_expected() {
    let hospital = Hospital::new(7, 40);
    let source = source();
    let mut store = Store::default();
    let (mut mapped_count, mut refused) = (0, 0);
    for delivery in hospital.deliveries() {
        let Payload::Hl7v2(bytes) = &delivery.payload else { continue };
        let is_refused = matches!(delivery.expected, Expected::Refused(_));
        let message = parse(bytes, &ParseOptions::default()).map(|parsed| parsed.message);
        let Ok(Ok(mapped)) = message.map(|message| map(&message, &source)) else {
            assert!(is_refused, "{} was refused", delivery.about);
            refused += 1;
            continue;
        };
        assert!(!is_refused, "{} was not refused: {:?}", delivery.about, delivery.expected);
        check(&mapped);
        let writes = store.apply(&mapped);
        if delivery.expected == Expected::Duplicate {
            assert_eq!(writes, 0, "{} wrote something the second time", delivery.about);
        }
        if delivery.expected == Expected::Late {
            let changed = |kind: &str| mapped.intents.iter().any(|intent| intent.key().0 == kind);
            assert!(writes <= mapped.intents.len() && changed("Provenance"), "{}", delivery.about);
        }
        let lost = mapped.report.unmapped.iter().map(|entry| entry.location.to_string()).collect::<Vec<_>>();
        assert!(lost.len() < 12, "{} loses {lost:?}", delivery.about);
        mapped_count += 1;
    }
    assert!(mapped_count > 200 && refused > 0, "{mapped_count} mapped, {refused} refused");
    let showcase = hospital.showcase();
    let found = store.with_identifier("Patient", &showcase.mrn);
    assert!(!found.is_empty(), "the person of the showcase is there");
    let corrected =
        store.all("Observation").into_iter().filter(|one| at(one, "status") == "corrected").count();
    assert!(corrected > 0, "corrections arrived");
}
