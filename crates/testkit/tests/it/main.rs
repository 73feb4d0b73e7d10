//! Tests of the synthetic hospital.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    reason = "tests may stop at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fhir::json::{Limits, Value, parse as parse_json};
use formats::hl7v2::{ParseOptions, parse};
use testkit::{Broken, Expected, Feed, Hospital, Payload, canary};

fn hospital() -> Hospital {
    Hospital::new(20_261_122, 60)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert_eq!(hospital().deliveries(), hospital().deliveries());
    assert_ne!(Hospital::new(1, 5).deliveries(), Hospital::new(2, 5).deliveries());
}

#[test]
fn good_messages_are_read_without_problems() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for delivery in hospital().deliveries() {
        let Payload::Hl7v2(bytes) = &delivery.payload else { continue };
        if matches!(delivery.expected, Expected::Refused(_)) {
            continue;
        }
        let parsed = parse(bytes, &ParseOptions::default()).unwrap();
        assert_eq!(parsed.problems, []);
        let message = &parsed.message;
        let kind = message.message_type().unwrap();
        assert!(message.get("PID-3.1").is_some() && message.get("PID-5.1.1").is_some());
        assert!(message.control_id().is_some() && message.message_time().is_some());
        *kinds.entry(format!("{} {}", delivery.feed.as_str(), kind.event)).or_default() += 1;
    }
    for kind in [
        "adt A01", "adt A02", "adt A03", "adt A04", "adt A08", "adt A11", "adt A28", "adt A31", "adt A40",
        "lab R01",
    ] {
        assert!(kinds.contains_key(kind), "{kind} is missing: {kinds:?}");
    }
}

#[test]
fn names_survive_their_character_sets() {
    let mut sets = BTreeSet::new();
    for delivery in Hospital::new(3, 300).deliveries() {
        let Payload::Hl7v2(bytes) = &delivery.payload else { continue };
        if matches!(delivery.expected, Expected::Refused(_)) {
            continue;
        }
        let message = parse(bytes, &ParseOptions::default()).unwrap().message;
        sets.insert(message.header(18).unwrap_or_default().into_owned());
        let family = message.get("PID-5.1").unwrap();
        assert!(!family.contains('\u{FFFD}') && !family.contains('?') && !family.contains('Ã'), "mangled");
    }
    assert_eq!(sets, ["", "8859/1", "UNICODE UTF-8"].map(str::to_owned).into());
}

#[test]
fn every_kind_of_outcome_occurs() {
    let mut broken = BTreeSet::new();
    for delivery in Hospital::new(4, 200).deliveries() {
        if let Expected::Refused(kind) = delivery.expected {
            broken.insert(kind);
            let refused = match &delivery.payload {
                Payload::FhirBundle(bytes) => match parse_json(bytes, &Limits::default()) {
                    Err(_) => kind == Broken::NotJson,
                    Ok(_) => kind == Broken::InvalidResource,
                },
                Payload::Hl7v2(bytes) => match parse(bytes, &ParseOptions::default()) {
                    Err(_) => matches!(kind, Broken::NoHeader | Broken::BadDelimiters),
                    Ok(parsed) => match parsed.message.message_type() {
                        None => kind == Broken::NoMessageType,
                        Some(kind_found) if kind_found.event == "Z99" => kind == Broken::UnknownEvent,
                        Some(_) => parsed.message.get("PID-3").is_none(),
                    },
                },
            };
            assert!(refused, "{kind:?}");
        }
    }
    assert_eq!(broken.len(), 8, "{broken:?}");
    let counts = Hospital::new(4, 200).counts();
    assert!(
        counts.duplicates > 0 && counts.late > 0 && counts.messages > 1000 && counts.bundles > 50,
        "{counts:?}"
    );
}

#[test]
fn some_updates_clear_a_field() {
    let hospital = Hospital::new(6, 100);
    let clearing = hospital.deliveries().iter().filter(|delivery| delivery.about == "A08").any(|delivery| {
        let parsed = parse(delivery.payload.bytes(), &ParseOptions::default());
        parsed.is_ok_and(|parsed| {
            parsed
                .message
                .segment("PID")
                .and_then(|patient| patient.field(13))
                .is_some_and(|field| field.is_null())
        })
    });
    assert!(clearing);
}

#[test]
fn a_duplicate_follows_its_original_and_equals_it() {
    let hospital = hospital();
    let mut seen = HashSet::new();
    for delivery in hospital.deliveries() {
        let bytes = delivery.payload.bytes().to_vec();
        if delivery.expected == Expected::Duplicate {
            assert!(seen.contains(&bytes));
        }
        seen.insert(bytes);
    }
}

#[test]
fn control_ids_name_one_message_each() {
    let mut seen: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for delivery in hospital().deliveries() {
        let Payload::Hl7v2(bytes) = &delivery.payload else { continue };
        let Ok(parsed) = parse(bytes, &ParseOptions::default()) else { continue };
        let id = parsed.message.control_id().unwrap().into_owned();
        assert_eq!(seen.entry(id).or_insert_with(|| bytes.clone()), bytes);
    }
}

#[test]
fn a_late_message_tells_an_older_state_than_one_before_it() {
    let hospital = Hospital::new(5, 100);
    let late = hospital.deliveries().iter().position(|delivery| delivery.expected == Expected::Late).unwrap();
    let recorded = |index: usize| {
        let message =
            parse(hospital.deliveries()[index].payload.bytes(), &ParseOptions::default()).unwrap().message;
        message.get("EVN-2").unwrap().into_owned()
    };
    let patient = hospital.deliveries()[late].patient;
    let newer = (0..late)
        .filter(|index| {
            let delivery = &hospital.deliveries()[*index];
            delivery.patient == patient && delivery.about == "A08" && delivery.expected == Expected::Committed
        })
        .any(|index| recorded(index) > recorded(late));
    assert!(newer);
}

#[test]
fn bundles_are_valid_and_their_references_lead_somewhere() {
    let mut types = BTreeSet::new();
    for delivery in hospital().deliveries() {
        let Payload::FhirBundle(bytes) = &delivery.payload else { continue };
        if matches!(delivery.expected, Expected::Refused(_)) {
            continue;
        }
        check_bundle(bytes, &mut types);
    }
    for kind in [
        "Patient",
        "Encounter",
        "Observation",
        "Condition",
        "AllergyIntolerance",
        "MedicationRequest",
        "Immunization",
        "DocumentReference",
    ] {
        assert!(types.contains(kind), "{kind} is missing");
    }
}

fn check_bundle(bytes: &[u8], types: &mut BTreeSet<String>) {
    let bundle = parse_json(bytes, &Limits::default()).unwrap();
    assert!(fhir::validate::validate(&bundle).is_empty(), "{:?}", fhir::validate::validate(&bundle));
    let mut targets = BTreeSet::new();
    for entry in bundle.get("entry").and_then(Value::as_array).unwrap() {
        let resource = entry.get("resource").unwrap();
        assert!(fhir::validate::validate(resource).is_empty(), "{:?}", fhir::validate::validate(resource));
        types.insert(resource.get("resourceType").and_then(Value::as_str).unwrap().to_owned());
        if let Some(url) = entry.get("fullUrl").and_then(Value::as_str) {
            assert!(targets.insert(url.to_owned()), "a uuid occurs twice");
        }
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for part in text.split("\"reference\":\"").skip(1) {
        assert!(targets.contains(part.split('"').next().unwrap()));
    }
}

#[test]
fn the_showcase_is_known_to_every_feed() {
    for seed in 0..10 {
        let hospital = Hospital::new(seed, 2);
        let showcase = hospital.showcase();
        let feeds: BTreeSet<Feed> = hospital
            .deliveries()
            .iter()
            .filter(|delivery| String::from_utf8_lossy(delivery.payload.bytes()).contains(&showcase.mrn))
            .map(|delivery| delivery.feed)
            .collect();
        assert_eq!(feeds.len(), 3, "seed {seed}");
        assert!(!showcase.loinc.is_empty());
    }
}

#[test]
fn the_canary_is_in_each_of_its_payloads_and_readable() {
    for bytes in [canary::admission(), canary::update(), canary::result()] {
        let parsed = parse(&bytes, &ParseOptions::default()).unwrap();
        assert_eq!(parsed.problems, []);
        assert_eq!(parsed.message.get("PID-3.1").unwrap(), canary::MRN);
    }
    check_bundle(&canary::bundle(), &mut BTreeSet::new());
    let all = [canary::admission(), canary::update(), canary::result(), canary::bundle()].concat();
    let all = String::from_utf8(all).unwrap();
    for string in canary::STRINGS {
        assert!(all.contains(string), "{string}");
    }
}
