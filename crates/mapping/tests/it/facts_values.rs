//! One test for each fact about v2 values that cheap converters get wrong (7 to 19).

use mapping::hl7v2::Zone;

use crate::support::*;

const NOW: &str = "20240301080000+0100";

#[test]
fn fact_07_a_comment_belongs_to_the_segment_before_it() {
    let note = |text: &str| segment("NTE", &[(1, "1"), (3, text)]);
    let text = format!(
        "{}{}{}{}{}{}{}{}{}",
        header("ORU^R01", NOW),
        pid("P1^^^HOSP^MR", &[]),
        note("of the patient"),
        segment("ORC", &[(1, "RE"), (3, "F1^LAB")]),
        note("of the order"),
        segment("OBR", &[(3, "F1^LAB"), (4, "CBC^Blood count^L"), (25, "F")]),
        note("of the request"),
        obx("NM", "A^a^L", "1", &[]) + &note("of a") + &note("still of a"),
        obx("NM", "B^b^L", "2", &[]) + &note("of b"),
    );
    let mapped = mapped(&text);
    let request = only(&mapped, "ServiceRequest");
    assert_eq!(at(request, "note.0.text"), "of the order\nof the request");
    let observations = intents(&mapped, "Observation");
    assert_eq!(at(&observations[0].resource, "note.0.text"), "of a\nstill of a");
    assert_eq!(at(&observations[1].resource, "note.0.text"), "of b");
    let unmapped: Vec<String> =
        mapped.report.unmapped.iter().map(|entry| entry.location.to_string()).collect();
    assert!(unmapped.contains(&"NTE-3".to_owned()), "the patient's comment is reported: {unmapped:?}");
}

#[test]
fn fact_08_an_offset_comes_from_the_time_then_the_message_then_the_zone_else_only_the_day_is_kept() {
    let birth = |time: &str, sent: &str, zone: Option<&str>| {
        let mut source = source();
        source.zone = zone.map(|name| Zone::named(name).unwrap());
        let text = adt("A08", sent, &[pid("P1^^^HOSP^MR", &[(29, time)])]);
        at(only(&mapped_with(&text, &source), "Patient"), "deceasedDateTime")
    };
    let vienna = Some("Europe/Vienna");
    assert_eq!(birth("20240702100000-0500", "20240702110000+0300", vienna), "2024-07-02T10:00:00-05:00");
    assert_eq!(birth("20240702100000", "20240702110000+0300", vienna), "2024-07-02T10:00:00+03:00");
    assert_eq!(birth("20240702100000", "20240702110000", vienna), "2024-07-02T10:00:00+02:00");
    assert_eq!(birth("20240102100000", "20240702110000", vienna), "2024-01-02T10:00:00+01:00");
    assert_eq!(birth("20240702100000", "20240702110000", None), "2024-07-02");
}

#[test]
fn fact_09_precision_is_kept_and_only_minutes_and_seconds_are_filled() {
    let birth = |time: &str| {
        let text = adt("A08", NOW, &[pid("P1^^^HOSP^MR", &[(7, time), (29, time)])]);
        let mapped = mapped(&text);
        let patient = only(&mapped, "Patient");
        (at(patient, "birthDate"), at(patient, "deceasedDateTime"))
    };
    let both = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(birth("1970"), both("1970"));
    assert_eq!(birth("197005"), both("1970-05"));
    assert_eq!(birth("19700512"), both("1970-05-12"));
    assert_eq!(birth("197005122205"), ("1970-05-12".to_owned(), "1970-05-12T22:05:00+01:00".to_owned()));
    assert_eq!(birth("1970051222"), ("1970-05-12".to_owned(), "1970-05-12T22:00:00+01:00".to_owned()));
    assert_eq!(birth("19700512220501.1230").1, "1970-05-12T22:05:01.1230+01:00");
}

#[test]
fn fact_10_the_senders_offset_is_kept() {
    let observation = observed("NM", "1", &[(14, "20240301233000-0800")]);
    assert_eq!(at(&observation, "effectiveDateTime"), "2024-03-01T23:30:00-08:00");
}

#[test]
fn fact_11_the_value_type_rules_the_value() {
    let cases = [
        ("NM", "4.20", "valueQuantity.value", "4.20"),
        ("CE", "A^alpha^L", "valueCodeableConcept.coding.0.display", "alpha"),
        ("CWE", "260373001^Detected^SCT", "valueCodeableConcept.coding.0.system", "http://snomed.info/sct"),
        ("IS", "Y", "valueCodeableConcept.coding.0.code", "Y"),
        ("ST", "clear & bright", "valueString", "clear & bright"),
        ("FT", "two\\.br\\lines", "valueString", "two\nlines"),
        ("DT", "20240229", "valueDateTime", "2024-02-29"),
        ("TS", "20240229101500", "valueDateTime", "2024-02-29T10:15:00+01:00"),
        ("TM", "1015", "valueTime", "10:15:00"),
        ("DR", "20240101^20240131", "valuePeriod.end", "2024-01-31"),
        ("NR", "3.5^5", "valueRange.low.value", "3.5"),
        ("NA", "1^2^3.0", "valueSampledData.data", "1 2 3.0"),
        ("ED", "^AP^PDF^Base64^JVBERi0=", "extension.0.valueAttachment.contentType", "application/pdf"),
        ("ED", "^TEXT^plain^A^hi", "extension.0.valueAttachment.data", "aGk="),
        (
            "RP",
            "https://pacs.example/1^^IM^JPEG",
            "extension.0.valueAttachment.url",
            "https://pacs.example/1",
        ),
        ("", "kept", "valueString", "kept"),
        ("QQ", "kept^too", "valueString", "kept^too"),
        ("DT", "yesterday", "valueString", "yesterday"),
    ];
    for (kind, value, path, expected) in cases {
        assert_eq!(at(&observed(kind, value, &[]), path), expected, "{kind} {value}");
    }
}

#[test]
fn fact_11_an_unknown_value_type_is_reported() {
    let mapped = mapped(&oru(NOW, &[], &[obx("QQ", "X1^Test^L", "kept", &[])]));
    assert!(mapped.report.unmapped.iter().any(|entry| entry.location.to_string() == "OBX-2"));
}

#[test]
fn fact_12_sn_becomes_comparator_ratio_or_range() {
    let unit = [(6, "mg/dL")];
    let cases = [
        (">^100", "valueQuantity.comparator", ">"),
        (">^100", "valueQuantity.value", "100"),
        ("^182", "valueQuantity.value", "182"),
        ("=^182", "valueQuantity.comparator", ""),
        ("^1^:^128", "valueRatio.denominator.value", "128"),
        ("1^:^128", "valueRatio.numerator.value", "1"),
        ("^10^-^20", "valueRange.high.value", "20"),
        ("10^-^20", "valueRange.low.value", "10"),
        ("^2^+", "valueString", "2 + mg/dL"),
        ("<>^3", "valueString", "<> 3 mg/dL"),
    ];
    for (value, path, expected) in cases {
        assert_eq!(at(&observed("SN", value, &unit), path), expected, "{value} {path}");
    }
}

#[test]
fn fact_12_a_number_that_is_none_does_not_vanish() {
    assert_eq!(at(&observed("NM", "<5", &[]), "valueQuantity.comparator"), "<");
    assert_eq!(at(&observed("NM", "1,000", &[(6, "mg")]), "valueString"), "1,000 mg");
    assert_eq!(at(&observed("NM", "POS", &[]), "valueString"), "POS");
}

#[test]
fn fact_13_every_repetition_of_a_value_is_kept() {
    let several = observed("CE", "A^alpha^L~B^beta^L", &[]);
    assert_eq!(at(&several, "component.0.valueCodeableConcept.coding.0.code"), "A");
    assert_eq!(at(&several, "component.1.valueCodeableConcept.coding.0.code"), "B");
    assert_eq!(at(&several, "component.1.code.text"), "Test");
    assert_eq!(at(&observed("TX", "one~two", &[]), "valueString"), "one\ntwo");
}

#[test]
fn fact_14_ucum_only_if_the_sender_says_so_or_the_unit_is_known() {
    let quantity = |unit: &str| {
        let observation = observed("NM", "1", &[(6, unit)]);
        let part = |name: &str| at(&observation, &format!("valueQuantity.{name}"));
        (part("unit"), part("system"), part("code"))
    };
    let ucum = "http://unitsofmeasure.org";
    let expected =
        |unit: &str, system: &str, code: &str| (unit.to_owned(), system.to_owned(), code.to_owned());
    assert_eq!(quantity("{Ct}^cycles^UCUM"), expected("cycles", ucum, "{Ct}"));
    assert_eq!(quantity("mg/dl"), expected("mg/dl", ucum, "mg/dL"));
    assert_eq!(quantity("Einheiten"), expected("Einheiten", "", ""));
    assert_eq!(quantity("x^mystery^L^mL^mL^UCUM"), expected("mystery", ucum, "mL"));
}

#[test]
fn fact_15_reference_range_has_its_text_always_and_its_bounds_where_certain() {
    let range = |text: &str| {
        let observation = observed("NM", "1", &[(7, text)]);
        let part = |name: &str| at(&observation, &format!("referenceRange.0.{name}"));
        assert_eq!(part("text"), text);
        (part("low.value"), part("high.value"))
    };
    let expected = |low: &str, high: &str| (low.to_owned(), high.to_owned());
    assert_eq!(range("3.5-5.1"), expected("3.5", "5.1"));
    assert_eq!(range("<5"), expected("", "5"));
    assert_eq!(range("-2-2"), expected("-2", "2"));
    assert_eq!(range("neg"), expected("", ""));
}

#[test]
fn fact_16_an_identifier_is_its_value_with_its_authority() {
    let number = |cx: &str| {
        let mapped = mapped(&adt("A08", NOW, &[pid(cx, &[])]));
        let patient = only(&mapped, "Patient");
        let part = |name: &str| at(patient, &format!("identifier.0.{name}"));
        (part("system"), part("assigner.display"), at(patient, "id"))
    };
    assert_eq!(number("1^^^&1.2.36.7&ISO^MR").0, "urn:oid:1.2.36.7");
    let uuid = "0a1b2c3d-0000-4000-8000-00000000000A";
    assert_eq!(number(&format!("1^^^&{uuid}&UUID^MR")).0, format!("urn:uuid:{}", uuid.to_lowercase()));
    assert_eq!(number("1^^^HOSP^MR").0, "urn:oid:2.999.1", "configured");
    assert_eq!((number("1^^^OTHER^MR").0, number("1^^^OTHER^MR").1), (String::new(), "OTHER".to_owned()));
    let ids = ["1^^^HOSP^MR", "1^^^OTHER^MR", "1^^^&1.2.36.7&ISO^MR", "1"].map(|cx| number(cx).2);
    for (at, id) in ids.iter().enumerate() {
        assert!(ids[..at].iter().all(|other| other != id), "one value, four patients");
    }
    assert_eq!(number("1^^^HOSP^MR").2, number("1^^^HOSP").2, "the type is not part of the key");
}

#[test]
fn fact_16_an_account_is_no_patient_number_and_pid_19_is_an_ssn() {
    let patient = [pid("P1^^^HOSP^MR", &[(18, "A7^^^HOSP"), (19, "123-45-6789")])];
    let visit = [segment("PV1", &[(2, "I"), (19, "V1^^^HOSP")])];
    let mapped = mapped(&adt("A01", NOW, &[patient, visit].concat()));
    let values: Vec<String> =
        (0..3).map(|i| at(only(&mapped, "Patient"), &format!("identifier.{i}.value"))).collect();
    assert_eq!(values, ["P1", "123456789", ""]);
    assert_eq!(at(only(&mapped, "Patient"), "identifier.1.system"), "http://hl7.org/fhir/sid/us-ssn");
    assert_eq!(at(only(&mapped, "Encounter"), "identifier.1.value"), "A7");
    let only_account = adt("A01", NOW, &[pid("", &[(18, "A7^^^HOSP")])]);
    assert!(refusal(&only_account).to_string().contains("PID-3"));
}

#[test]
fn fact_17_one_number_is_one_telecom_and_home_differs_from_work() {
    let telecom = |fields: &[(usize, &str)]| {
        let mapped = mapped(&adt("A08", NOW, &[pid("P1^^^HOSP^MR", fields)]));
        at(only(&mapped, "Patient"), "telecom")
    };
    assert_eq!(
        telecom(&[(13, "(316)555-1^PRN^PH^^43^316^5551^9")]),
        r#"[{"system":"phone","value":"+43 316 5551 x9","use":"home"}]"#
    );
    assert_eq!(
        telecom(&[(13, "5551"), (14, "5552")]),
        concat!(
            r#"[{"system":"phone","value":"5551","use":"home"},"#,
            r#"{"system":"phone","value":"5552","use":"work"}]"#
        )
    );
    assert_eq!(
        telecom(&[(13, "^NET^Internet^anna@example.org")]),
        r#"[{"system":"email","value":"anna@example.org","use":"home"}]"#
    );
    assert_eq!(
        telecom(&[(13, "^PRS^CP^^^^^^^^^+436601")]),
        r#"[{"system":"phone","value":"+436601","use":"mobile"}]"#
    );
}

#[test]
fn fact_18_names_keep_use_second_names_and_the_parts_of_the_surname() {
    let name = "van den Berg&van den&Berg^Anna^Berta Clara^^Dr^^L~Bergi^Anna^^^^^N";
    let mapped = mapped(&adt("A08", NOW, &[pid("P1^^^HOSP^MR", &[(5, name)])]));
    let patient = only(&mapped, "Patient");
    assert_eq!(at(patient, "name.0.use"), "official");
    assert_eq!(at(patient, "name.0.family"), "van den Berg");
    assert_eq!(at(patient, "name.0._family.extension.1.valueString"), "Berg");
    assert_eq!(at(patient, "name.0.given"), r#"["Anna","Berta Clara"]"#);
    assert_eq!(at(patient, "name.1.use"), "nickname");
    assert_eq!(at(patient, "name.1.family"), "Bergi");
}

#[test]
fn fact_19_death_and_multiple_birth_say_the_more_exact_thing_only() {
    let patient = |fields: &[(usize, &str)]| {
        let mapped = mapped(&adt("A08", NOW, &[pid("P1^^^HOSP^MR", fields)]));
        let patient = only(&mapped, "Patient");
        ["deceasedDateTime", "deceasedBoolean", "multipleBirthInteger", "multipleBirthBoolean"]
            .map(|name| at(patient, name))
    };
    assert_eq!(patient(&[(30, "N")]), ["", "false", "", ""]);
    assert_eq!(patient(&[(29, "20240301"), (30, "Y")]), ["2024-03-01", "", "", ""]);
    assert_eq!(patient(&[(24, "N"), (25, "2")]), ["", "", "2", ""]);
    assert_eq!(patient(&[(24, "Y")]), ["", "", "", "true"]);
}
