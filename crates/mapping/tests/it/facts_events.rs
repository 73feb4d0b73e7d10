//! One test for each fact about v2 events that cheap converters get wrong (4 and 21 to 28).

use fhir::json::Value;

use crate::support::*;

fn visit(number: &str, fields: &[(usize, &str)]) -> String {
    let mut all = vec![(2, "I"), (3, "W1^R1^B1^HOSP"), (19, number)];
    all.retain(|(number, _)| fields.iter().all(|(own, _)| own != number));
    all.extend_from_slice(fields);
    segment("PV1", &all)
}

fn anna(fields: &[(usize, &str)]) -> String {
    pid("P1^^^HOSP^MR", fields)
}

#[test]
fn fact_04_two_quote_marks_delete_and_nothing_changes_nothing() {
    let mut store = Store::default();
    store.receive(&adt(
        "A08",
        "20240301080000+0100",
        &[anna(&[(7, "19700512"), (8, "F"), (13, "5551"), (14, "5552")])],
    ));
    store.receive(&adt("A08", "20240301090000+0100", &[anna(&[(7, ""), (8, "\"\""), (13, "\"\"")])]));
    let patient = store.only("Patient");
    assert_eq!(at(patient, "birthDate"), "1970-05-12");
    assert_eq!(at(patient, "gender"), "");
    assert_eq!(at(patient, "telecom"), r#"[{"system":"phone","value":"5552","use":"work"}]"#);
    store.receive(&adt("A08", "20240301100000+0100", &[anna(&[(13, "5553"), (14, "\"\"")])]));
    assert_eq!(at(store.only("Patient"), "telecom"), r#"[{"system":"phone","value":"5553","use":"home"}]"#);
    assert!(store.resources.values().all(|value| !value.to_string().contains("\\\"\\\"")));
}

#[test]
fn fact_21_a_replayed_snapshot_changes_nothing_and_an_older_one_never_overwrites_a_newer() {
    let mut store = Store::default();
    let first = adt("A08", "20240301080000+0100", &[anna(&[(11, "Old street^^Graz")])]);
    let second = adt("A08", "20240302080000+0100", &[anna(&[(11, "New street^^Graz")])]);
    store.receive(&second);
    assert_eq!(store.receive(&second), 0);
    store.receive(&first);
    assert_eq!(at(store.only("Patient"), "address.0.line.0"), "New street");
    assert_eq!(store.receive(&first), 0, "only the first time its Provenance is new");
}

#[test]
fn fact_21_what_a_late_result_mentions_does_not_fill_in_what_was_cleared() {
    let mut store = Store::default();
    store.receive(&adt("A08", "20240302080000+0100", &[anna(&[(13, "\"\"")])]));
    let result = |time: &str| {
        oru(time, &[], &[obx("NM", "A^a^L", "1", &[])])
            .replace(&pid("P1^^^HOSP^MR", &[]), &anna(&[(13, "5551")]))
    };
    store.receive(&result("20240301080000+0100"));
    assert_eq!(at(store.only("Patient"), "telecom"), "", "the result is older than the deletion");
    store.receive(&result("20240303080000+0100"));
    assert_eq!(at(store.only("Patient"), "telecom.0.value"), "5551", "a newer one tells what is missing");
}

#[test]
fn fact_22_a_discharge_closes_the_visit_and_cancellations_undo() {
    let mut store = Store::default();
    let mut send = |event: &str, hour: u32, fields: &[(usize, &str)]| {
        store.receive(&adt(
            event,
            &format!("20240301{hour:02}0000+0100"),
            &[anna(&[]), visit("V1^^^HOSP", fields)],
        ));
        let encounter = store.only("Encounter").clone();
        (at(&encounter, "status"), encounter)
    };
    assert_eq!(send("A01", 8, &[(44, "20240301080000+0100")]).0, "in-progress");
    let (_, moved) = send("A02", 9, &[(3, "W2^R1^B1^HOSP"), (6, "W1^R1^B1^HOSP")]);
    assert_eq!(at(&moved, "location.0.status"), "completed");
    assert_eq!(at(&moved, "location.1.status"), "active");
    let (_, back) = send("A12", 10, &[]);
    assert_eq!(at(&back, "location.0.status"), "active");
    assert_eq!(at(&back, "location.1.status"), "", "the transfer never was");
    let (status, closed) = send("A03", 11, &[(45, "20240301110000+0100"), (36, "01")]);
    assert_eq!(
        (status.as_str(), at(&closed, "period.end").as_str()),
        ("finished", "2024-03-01T11:00:00+01:00")
    );
    let (status, open) = send("A13", 12, &[]);
    assert_eq!((status.as_str(), at(&open, "period.end").as_str()), ("in-progress", ""));
    assert_eq!(at(&open, "hospitalization.dischargeDisposition"), "");
    assert_eq!(at(&open, "period.start"), "2024-03-01T08:00:00+01:00");
    assert_eq!(send("A11", 13, &[]).0, "cancelled");
}

#[test]
fn fact_04_a_doctor_who_is_not_named_stays_and_one_who_is_deleted_goes() {
    let mut store = Store::default();
    let mut send = |hour: u32, fields: &[(usize, &str)]| {
        store.receive(&adt(
            "A08",
            &format!("20240301{hour:02}0000+0100"),
            &[anna(&[]), visit("V1^^^HOSP", fields)],
        ));
        let encounter = store.only("Encounter").clone();
        let role = |at_: usize| at(&encounter, &format!("participant.{at_}.type.0.coding.0.code"));
        [role(0), role(1), role(2)]
    };
    assert_eq!(send(8, &[(7, "D1^Arzt"), (17, "D2^Huber")]), ["ATND", "ADM", ""]);
    assert_eq!(send(9, &[(9, "D3^Maier")]), ["ATND", "ADM", "CON"]);
    assert_eq!(send(10, &[(7, "\"\"")]), ["ADM", "CON", ""]);
}

#[test]
fn fact_22_visits_without_a_number_are_not_merged() {
    let mut store = Store::default();
    let account = [(18, "A7^^^HOSP")];
    let day = |day: &str| format!("{day}080000+0100");
    for (event, when, admitted) in
        [("A01", "20240301", "20240301"), ("A03", "20240303", "20240301"), ("A01", "20240401", "20240401")]
    {
        let admitted = day(admitted);
        store.receive(&adt(event, &day(when), &[anna(&account), visit("", &[(44, &admitted)])]));
    }
    let statuses: Vec<String> =
        store.all("Encounter").iter().map(|encounter| at(encounter, "status")).collect();
    assert_eq!(statuses.len(), 2, "two admissions under one account");
    assert!(statuses.contains(&"finished".to_owned()) && statuses.contains(&"in-progress".to_owned()));
    // PV1-51 says that PV1 tells of the account: its number is no visit.
    store.receive(&adt(
        "A08",
        &day("20240402"),
        &[anna(&account), visit("A7^^^HOSP", &[(51, "A"), (44, &day("20240401"))])],
    ));
    assert_eq!(store.all("Encounter").len(), 2);
    // Nothing tells which visit this is: no guess, and the report says so.
    let mapped = mapped(&adt("A08", &day("20240403"), &[anna(&[]), visit("", &[])]));
    assert!(intents(&mapped, "Encounter").is_empty());
    assert!(mapped.report.unmapped.iter().any(|entry| entry.location.to_string() == "PV1-2"));
}

fn merge(time: &str, survivor: &str, replaced: &str) -> String {
    adt("A40", time, &[pid(survivor, &[]), segment("MRG", &[(1, replaced)])])
}

fn links(store: &Store, number: &str, id_of: &str) -> (String, String) {
    let patients = store.all("Patient");
    let patient = patients.iter().find(|patient| at(patient, "id") == id_of).unwrap();
    let _ = number;
    (at(patient, "active"), at(patient, "link.0.type"))
}

fn id_of(number: &str) -> String {
    at(only(&mapped(&adt("A08", "20200101000000+0100", &[pid(number, &[])])), "Patient"), "id")
}

#[test]
fn fact_23_a_merge_links_both_patients_and_keeps_every_number() {
    let (one, two) = ("P1^^^HOSP^MR", "P2^^^HOSP^MR");
    let mut store = Store::default();
    store.receive(&adt("A01", "20240301080000+0100", &[pid(one, &[]), visit("V1^^^HOSP", &[])]));
    store.receive(&adt("A01", "20240301080000+0100", &[pid(two, &[(8, "F")]), visit("V2^^^HOSP", &[])]));
    let merged = merge("20240302080000+0100", one, two);
    store.receive(&merged);
    assert_eq!(store.receive(&merged), 0, "a repeated merge changes nothing");
    assert_eq!(links(&store, one, &id_of(one)), ("true".to_owned(), "replaces".to_owned()));
    assert_eq!(links(&store, two, &id_of(two)), ("false".to_owned(), "replaced-by".to_owned()));
    let found = store.with_identifier("Patient", "P2");
    assert_eq!(found.len(), 2, "the old number finds both records");
    for patient in found {
        let identifiers = patient.get("identifier").unwrap().elements();
        let old = identifiers.iter().find(|identifier| at(identifier, "value") == "P2").unwrap();
        assert_eq!(at(old, "use"), "old");
        assert_eq!(at(old, "type.coding.0.code"), "MR");
    }
    let visit = store.with_identifier("Encounter", "V2")[0];
    assert_eq!(
        at(visit, "subject.reference"),
        format!("Patient/{}", id_of(two)),
        "its data stays where it was"
    );
    // An update that still arrives under the old number does not bring the patient back.
    store.receive(&adt("A08", "20240303080000+0100", &[pid(two, &[(8, "F")])]));
    assert_eq!(links(&store, two, &id_of(two)), ("false".to_owned(), "replaced-by".to_owned()));
}

#[test]
fn fact_23_a_reversed_merge_turns_the_links_round() {
    let (one, two) = ("P1^^^HOSP^MR", "P2^^^HOSP^MR");
    let mut store = Store::default();
    let reversed = merge("20240303080000+0100", two, one);
    store.receive(&merge("20240302080000+0100", one, two));
    store.receive(&reversed);
    for _ in 0..2 {
        assert_eq!(links(&store, two, &id_of(two)), ("true".to_owned(), "replaces".to_owned()));
        assert_eq!(links(&store, one, &id_of(one)), ("false".to_owned(), "replaced-by".to_owned()));
        // The first merge arriving once more, late, is past.
        store.receive(&merge("20240302080000+0100", one, two));
    }
    // A merge that arrives before what it merges was last updated is still a merge.
    let mut store = Store::default();
    store.receive(&adt("A08", "20240305080000+0100", &[pid(two, &[])]));
    store.receive(&merge("20240302080000+0100", one, two));
    assert_eq!(links(&store, two, &id_of(two)), ("false".to_owned(), "replaced-by".to_owned()));
}

#[test]
fn fact_23_a_merge_that_names_nothing_is_refused() {
    let text = adt("A40", "20240302080000+0100", &[anna(&[]), segment("MRG", &[(7, "Muster^Anna")])]);
    assert!(refusal(&text).to_string().contains("MRG-1"));
}

#[test]
fn fact_24_a_deletion_marks_and_never_removes() {
    let mut store = Store::default();
    store.receive(&adt("A01", "20240301080000+0100", &[anna(&[]), visit("V1^^^HOSP", &[])]));
    store.receive(&adt("A23", "20240302080000+0100", &[anna(&[]), visit("V1^^^HOSP", &[])]));
    assert_eq!(at(store.only("Encounter"), "status"), "entered-in-error");
    assert_eq!(at(store.only("Patient"), "active"), "true");
    store.receive(&adt("A29", "20240303080000+0100", &[anna(&[])]));
    assert_eq!(at(store.only("Patient"), "active"), "false");
    assert_eq!(at(store.only("Patient"), "name.0.family"), "Muster");
    let nullified =
        store.all("Provenance").iter().filter(|p| at(p, "activity.coding.0.code") == "NULLIFY").count();
    assert_eq!(nullified, 2);
    store.receive(&adt("A28", "20240304080000+0100", &[anna(&[])]));
    assert_eq!(at(store.only("Patient"), "active"), "true");
}

#[test]
fn fact_25_a_correction_is_the_same_observation_again() {
    let mut store = Store::default();
    let mut send = |hour: u32, status: &str, value: &str, flag: &str, report: &str| {
        let line = obx("NM", "GLU^Glucose^L", value, &[(8, flag), (11, status)]);
        store.receive(&oru(&format!("20240301{hour:02}0000+0100"), &[(25, report)], &[line]));
        (store.only("Observation").clone(), at(store.only("DiagnosticReport"), "status"))
    };
    let (first, report) = send(8, "P", "200", "H", "P");
    assert_eq!((at(&first, "status"), report), ("preliminary".to_owned(), "preliminary".to_owned()));
    let (second, report) = send(9, "F", "200", "H", "F");
    assert_eq!((at(&second, "status"), report), ("final".to_owned(), "final".to_owned()));
    let (third, report) = send(10, "C", "100", "", "C");
    assert_eq!((at(&third, "status"), report), ("corrected".to_owned(), "corrected".to_owned()));
    assert_eq!(at(&third, "valueQuantity.value"), "100");
    assert_eq!(at(&third, "interpretation"), "", "the flag of the wrong value is gone");
    let (late, _) = send(8, "P", "200", "H", "P");
    assert_eq!(at(&late, "status"), "corrected", "an older state does not come back");
    let (wrong, _) = send(11, "W", "", "", "C");
    assert_eq!(
        (at(&wrong, "status"), at(&wrong, "valueQuantity.value")),
        ("entered-in-error".to_owned(), "100".to_owned())
    );
    assert_eq!(at(&send(12, "D", "", "", "C").0, "status"), "entered-in-error");
    assert_eq!(at(&send(13, "X", "", "", "X").0, "status"), "cancelled");
}

#[test]
fn fact_26_susceptibilities_are_tied_to_their_organism() {
    let culture = [
        segment("OBR", &[(3, "F1^LAB"), (4, "CULT^Culture^L"), (25, "F")]),
        obx("CE", "ORG^Organism^L", "ECOLI^E. coli^L", &[(4, "1")]),
        obx("NM", "CNT^Count^L", "100000", &[(4, "1.1")]),
        obx("CE", "ORG^Organism^L", "KLEB^Klebsiella^L", &[(4, "2")]),
        segment(
            "OBR",
            &[
                (3, "F2^LAB"),
                (4, "SUSC^Susceptibility^L"),
                (25, "F"),
                (26, "ORG&Organism&L^2^KLEB"),
                (29, "^F1&LAB"),
            ],
        ),
        obx("ST", "AMP^Ampicillin^L", "resistant", &[]),
    ];
    let head = format!("{}{}", header("ORU^R01", "20240301080000+0100"), anna(&[]));
    let mapped = mapped(&format!("{head}{}", culture.concat()));
    let all = intents(&mapped, "Observation");
    let key = |at: usize| format!("Observation/{}", all[at].key().1);
    assert_eq!(all.len(), 4);
    assert_eq!(at(&all[3].resource, "derivedFrom.0.reference"), key(2), "the second organism, not the first");
    assert_eq!(at(&all[2].resource, "hasMember.0.reference"), key(3));
    assert_eq!(at(&all[0].resource, "hasMember.0.reference"), key(1), "1.1 belongs to 1");
    assert_eq!(at(&all[1].resource, "extension.0.extension.0.valueString"), "1.1");

    // The susceptibility alone, in a later message, points to the same organism.
    let later = crate::support::mapped(&format!("{head}{}", culture[4..].concat()));
    let ampicillin = intents(&later, "Observation")
        .into_iter()
        .find(|i| at(&i.resource, "code.text") == "Ampicillin")
        .unwrap();
    assert_eq!(at(&ampicillin.resource, "derivedFrom.0.reference"), key(2));
}

#[test]
fn fact_27_order_control_acts_on_one_request_keyed_with_its_namespace() {
    let mut store = Store::default();
    let order = |control: &str, placer: &str, filler: &str, code: &str| {
        segment("ORC", &[(1, control), (2, placer), (3, filler)])
            + &segment("OBR", &[(2, placer), (3, filler), (4, code)])
    };
    let mut send = |hour: u32, orders: &[String]| {
        let head = header("OML^O21^OML_O21", &format!("20240301{hour:02}0000+0100"));
        store.receive(&format!("{head}{}{}", anna(&[]), orders.concat()));
        let mut all: Vec<(String, String)> =
            store.all("ServiceRequest").iter().map(|r| (at(r, "code.text"), at(r, "status"))).collect();
        all.sort();
        all
    };
    let pair = |code: &str, status: &str| (code.to_owned(), status.to_owned());
    let (glu, na) = ("GLU^Glucose^L", "NA^Sodium^L");
    let both = [order("NW", "7^WARD", "", glu), order("NW", "7^WARD", "", na)];
    assert_eq!(
        send(8, &both),
        [pair("Glucose", "active"), pair("Sodium", "active")],
        "one placer number, two requests"
    );
    assert_eq!(
        send(9, &[order("DC", "7^WARD", "", na)]),
        [pair("Glucose", "active"), pair("Sodium", "revoked")]
    );
    assert_eq!(send(10, &[order("RE", "7^WARD", "9^LAB", glu)])[0], pair("Glucose", "completed"));
    assert_eq!(send(11, &[order("NW", "7^CLINIC", "", glu)]).len(), 3, "another namespace, another order");
    for (control, status) in [("CA", "revoked"), ("XO", "active"), ("HD", "on-hold")] {
        let all = send(12, &[order(control, "7^CLINIC", "", glu)]);
        assert!(all.contains(&pair("Glucose", status)), "{control}");
    }
    let changed = segment("ORC", &[(1, "SC"), (2, "7^CLINIC"), (5, "CM")])
        + &segment("OBR", &[(2, "7^CLINIC"), (4, glu)]);
    assert!(send(13, &[changed]).iter().all(|(code, status)| code != "Glucose" || status == "completed"));
}

#[test]
fn fact_28_lines_of_one_text_are_one_report() {
    let line = |number: &str, text: &str| obx("TX", "RAD^Report^L", text, &[(1, number), (4, "")]);
    let lines = [
        line("1", "Chest."),
        line("2", ""),
        line("3", "No infiltrate."),
        obx("TX", "IMP^Impression^L", "Normal.", &[]),
    ];
    let mapped = mapped(&oru("20240301080000+0100", &[], &lines));
    let texts: Vec<String> =
        intents(&mapped, "Observation").iter().map(|intent| at(&intent.resource, "valueString")).collect();
    assert_eq!(texts, ["Chest.\n\nNo infiltrate.", "Normal."]);
    let report = only(&mapped, "DiagnosticReport");
    assert_eq!(report.get("result").map(Value::elements).map(<[Value]>::len), Some(2));
}
