//! Refusals, links between patients, merges of visits, and what is reported.

use crate::support::*;

#[test]
fn an_unsupported_message_is_refused_by_its_name_and_without_its_content() {
    let text = format!("{}{}", header("VXU^V04", "20240301080000"), pid("P1^^^HOSP^MR", &[]));
    assert_eq!(refusal(&text).to_string(), "`VXU^V04` messages are not mapped yet");
    let text = format!("{}{}", header("Secret name^X", "20240301080000"), pid("P1^^^HOSP^MR", &[]));
    assert!(!refusal(&text).to_string().contains("Secret"));
    assert!(refusal(&header("ADT^A01", "20240301080000")).to_string().contains("PID"));
    let no_order = format!("{}{}", header("ORU^R01", "20240301080000"), pid("P1^^^HOSP^MR", &[]));
    assert!(refusal(&no_order).to_string().contains("OBR"));
}

#[test]
fn every_supported_event_is_found_by_its_name() {
    let all: Vec<String> = mapping::hl7v2::supported_messages().collect();
    for wanted in ["ADT^A01", "ADT^A13", "ADT^A28", "ADT^A31", "ADT^A40", "ADT^A60", "ORU^R01", "OUL^R24"] {
        assert!(all.iter().any(|one| one == wanted), "{wanted}");
    }
}

#[test]
fn a_link_joins_two_patients_and_an_unlink_parts_them() {
    let both =
        |event: &str, time: &str| adt(event, time, &[pid("P1^^^HOSP^MR", &[]), pid("P2^^^HOSP^MR", &[])]);
    let mut store = Store::default();
    store.receive(&both("A24", "20240301080000+0100"));
    assert!(store.all("Patient").iter().all(|patient| at(patient, "link.0.type") == "seealso"));
    store.receive(&both("A37", "20240302080000+0100"));
    assert!(store.all("Patient").iter().all(|patient| at(patient, "link").is_empty()));
    assert_eq!(store.all("Patient").len(), 2);
}

#[test]
fn a_merged_visit_points_to_the_one_that_survives() {
    let mut store = Store::default();
    let visit = |number: &str| segment("PV1", &[(2, "I"), (19, number)]);
    let patient = pid("P1^^^HOSP^MR", &[]);
    for number in ["V1^^^HOSP", "V2^^^HOSP"] {
        store.receive(&adt("A01", "20240301080000+0100", &[patient.clone(), visit(number)]));
    }
    let segments = [patient, segment("MRG", &[(1, "P1^^^HOSP^MR"), (5, "V2^^^HOSP")]), visit("V1^^^HOSP")];
    store.receive(&adt("A42", "20240302080000+0100", &segments));
    let find = |status: &str| {
        store.all("Encounter").into_iter().find(|one| at(one, "status") == status).unwrap().clone()
    };
    let (old, survivor) = (find("entered-in-error"), find("in-progress"));
    let other = |one| at(one, "extension.0.valueReference.reference");
    assert_eq!(other(&old), format!("Encounter/{}", at(&survivor, "id")));
    assert_eq!(at(&survivor, "identifier.1.value"), "V2");
    assert_eq!(at(&survivor, "identifier.1.use"), "old");
    assert_eq!(at(&old, "class.code"), "IMP", "what was known of it stays");
}

#[test]
fn a_moved_visit_belongs_to_the_other_patient() {
    let mut store = Store::default();
    let visit = segment("PV1", &[(2, "I"), (19, "V1^^^HOSP")]);
    store.receive(&adt("A01", "20240301080000+0100", &[pid("P1^^^HOSP^MR", &[]), visit.clone()]));
    let merge = segment("MRG", &[(1, "P1^^^HOSP^MR"), (5, "V1^^^HOSP")]);
    store.receive(&adt("A45", "20240302080000+0100", &[pid("P2^^^HOSP^MR", &[]), merge, visit]));
    let moved_to = at(store.only("Encounter"), "subject.reference");
    let patient = store.with_identifier("Patient", "P2")[0];
    assert_eq!(moved_to, format!("Patient/{}", at(patient, "id")));
}

#[test]
fn a_result_never_changes_what_registration_says_of_the_patient() {
    let mut store = Store::default();
    store.receive(&adt(
        "A08",
        "20240301080000+0100",
        &[pid("P1^^^HOSP^MR", &[(5, "Muster^Anna"), (8, "F")])],
    ));
    let thin =
        oru("20240302080000+0100", &[], &[obx("NM", "A^a^L", "1", &[])]).replace("Muster^Anna", "MUSTER^A");
    store.receive(&thin);
    assert_eq!(at(store.only("Patient"), "name.0.given.0"), "Anna");
}

#[test]
fn a_local_segment_is_reported_and_no_leaf_is_forgotten() {
    let text = format!("{}\n{}", ADMIT.trim_end(), segment("ZXY", &[(2, "a^b"), (3, "c")]));
    let mapped = mapped(&text);
    let local: Vec<_> =
        mapped.report.unmapped.iter().filter(|entry| entry.location.segment.as_str() == "ZXY").collect();
    assert_eq!(local.len(), 3);
    assert!(local.iter().all(|entry| entry.reason == "local segment of the sender"));
    assert_eq!(mapped.report.leaves(), message(&text).leaves().count());
    assert!(at(&mapped.report.to_json(), "mapped").contains("PID-3.1"));
}

#[test]
fn a_message_without_times_still_maps() {
    let text = header("ADT^A01", "").replace("|C", "|X")
        + &pid("P1^^^HOSP^MR", &[])
        + &segment("PV1", &[(2, "I"), (19, "V1")]);
    let mapped = mapped(&text);
    let provenance = only(&mapped, "Provenance");
    assert_eq!(at(provenance, "recorded"), "", "no time is invented");
    assert_eq!(at(provenance, "_recorded.extension.0.valueCode"), "unknown");
}

#[test]
fn nothing_of_a_patient_shows_in_debug_output() {
    let mapped = mapped(ADMIT);
    let shown = format!("{:?}", mapped.intents);
    for secret in ["Muster", "P100", "1970", "Gasse"] {
        assert!(!shown.contains(secret), "{secret}");
    }
    for intent in &mapped.intents {
        assert!(
            intent.key().1.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && !intent.key().1.contains("p100")
        );
    }
}
