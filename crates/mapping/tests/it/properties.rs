//! Whatever stands in the fields, the result is sound.

use formats::hl7v2::{ParseOptions, parse};
use mapping::hl7v2::map;
use mapping::{Resolution, resolve};
use proptest::prelude::*;

use crate::support::*;

/// Pieces of values, good and bad.
const PIECES: &[&str] = &[
    "",
    "\"\"",
    "A",
    "L",
    "MR",
    "D",
    "F",
    "X",
    "Y",
    "N",
    "1",
    "2",
    "-3",
    "007",
    "1,5",
    "<5",
    ">=",
    "1.1",
    "<",
    "a b",
    " ",
    "  x ",
    "two  spaces",
    "\u{1}",
    "\t",
    "20240301",
    "202403011030",
    "20240301103000.5+0100",
    "20241399",
    "1970",
    "HOSP",
    "1.2.3.4",
    "ISO",
    "UUID",
    "0a1b2c3d-0000-4000-8000-00000000000a",
    "http://x y",
    "http://example.org/a",
    "LN",
    "SCT",
    "UCUM",
    "99LOCAL",
    "HL70001",
    "NW",
    "SC",
    "RE",
    "NM",
    "SN",
    "CE",
    "TX",
    "ED",
    "RP",
    "DR",
    "NA",
    "NR",
    "TM",
    "Base64",
    "JVBERi0=",
    "not base64!",
    "anna@example.org",
    "NET",
    "CP",
    "\\F\\",
    "\\X0D\\",
    "\\.br\\",
    "é",
    "日本",
    "2106-3",
    "SEL",
    "P",
    "I",
    "Muster",
];

const SEGMENTS: &[&str] = &[
    "PD1", "PV1", "PV2", "NK1", "IN1", "AL1", "IAM", "DG1", "MRG", "ORC", "OBR", "OBX", "OBX", "OBX", "NTE",
    "SPM", "TQ1", "PID", "ZXX", "PR1",
];

fn value() -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len()).prop_map(|at| PIECES[at].to_owned());
    let component = prop_oneof![6 => piece.clone(), 1 => (piece.clone(), piece.clone(), piece).prop_map(|(a, b, c)| format!("{a}&{b}&{c}"))];
    let repetition = prop::collection::vec(component, 1..7).prop_map(|parts| parts.join("^"));
    prop_oneof![8 => repetition.clone(), 1 => (repetition.clone(), repetition).prop_map(|(a, b)| format!("{a}~{b}"))]
}

fn any_segment() -> impl Strategy<Value = String> {
    let fields = prop::collection::vec((1_usize..52, value()), 0..25);
    ((0..SEGMENTS.len()), fields, any::<bool>()).prop_map(|(name, fields, named)| {
        let name = SEGMENTS[name];
        // Half of them speak of the same visit, order, result, so that states meet.
        let known: &[(usize, &str)] = match name {
            "PV1" => &[(19, "V1^^^HOSP")],
            "OBR" => &[(3, "F1^LAB"), (4, "C")],
            "OBX" => &[(3, "X"), (4, "")],
            "AL1" | "IAM" | "DG1" | "PR1" => &[(3, "X"), (7, "")],
            "MRG" => &[(1, "P2^^^HOSP^MR"), (5, "V2^^^HOSP")],
            _ => &[],
        };
        let known = if named { known } else { &[] };
        let mut all: Vec<(usize, &str)> = known.to_vec();
        all.extend(
            fields
                .iter()
                .filter(|(number, _)| known.iter().all(|(own, _)| own != number))
                .map(|(number, value)| (*number, value.as_str())),
        );
        segment(name, &all)
    })
}

const EVENTS: &[&str] = &[
    "ADT^A01", "ADT^A02", "ADT^A03", "ADT^A08", "ADT^A11", "ADT^A13", "ADT^A17", "ADT^A23", "ADT^A24",
    "ADT^A28", "ADT^A29", "ADT^A37", "ADT^A40", "ADT^A42", "ADT^A45", "ADT^A47", "ADT^A60", "ORU^R01",
    "ORU^R01", "OUL^R22", "OUL^R24", "OML^O21", "ORM^O01",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_fields_give_a_sound_result_or_a_refusal(
        event in 0..EVENTS.len(),
        time in prop_oneof![Just("20240301080000+0100"), Just("20240301080000"), Just("bad"), Just("")],
        patient in prop::collection::vec((1_usize..40, value()), 0..20),
        segments in prop::collection::vec(any_segment(), 0..12),
    ) {
        let mut fields: Vec<(usize, &str)> = vec![(3, "P1^^^HOSP^MR")];
        fields.extend(patient.iter().filter(|(number, _)| *number != 3).map(|(number, value)| (*number, value.as_str())));
        let text = format!("{}{}{}", header(EVENTS[event], time), segment("PID", &fields), segments.concat()).replace('\n', "\r");
        let message = parse(text.as_bytes(), &ParseOptions::default()).unwrap().message;
        if let Ok(mapped) = map(&message, &source()) {
            let problems = problems(&mapped);
            prop_assert!(problems.is_empty(), "{:?}\n{}", problems, text.replace('\r', "\n"));
            prop_assert_eq!(mapped.report.leaves(), message.leaves().count());
            let again = map(&message, &source()).unwrap();
            prop_assert_eq!(mapping::bundle(&mapped).to_vec(), mapping::bundle(&again).to_vec());
            for intent in &mapped.intents {
                let Resolution::Put(first) = resolve(None, intent) else { panic!("nothing put") };
                prop_assert!(matches!(resolve(Some(&first), intent), Resolution::Unchanged), "{}", first.to_pretty());
            }
        }
    }

    #[test]
    fn joined_states_stay_valid_and_a_message_received_twice_changes_nothing(
        messages in prop::collection::vec(
            (0..EVENTS.len(), prop::collection::vec((1_usize..40, value()), 0..12), prop::collection::vec(any_segment(), 0..6)),
            2..4,
        ),
    ) {
        let mut store = Store::default();
        for (number, (event, patient, segments)) in messages.iter().enumerate() {
            let mut fields: Vec<(usize, &str)> = vec![(3, "P1^^^HOSP^MR")];
            fields.extend(patient.iter().filter(|(number, _)| *number != 3).map(|(number, value)| (*number, value.as_str())));
            let time = format!("2024030{}080000+0100", number + 1);
            let text = format!("{}{}{}", header(EVENTS[*event], &time), segment("PID", &fields), segments.concat()).replace('\n', "\r");
            let message = parse(text.as_bytes(), &ParseOptions::default()).unwrap().message;
            if let Ok(mapped) = map(&message, &source()) {
                store.apply(&mapped);
                prop_assert_eq!(store.apply(&mapped), 0, "{}", text.replace('\r', "\n"));
            }
        }
    }

    #[test]
    fn states_in_any_order_end_with_the_newest(order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle(), twice in 0_usize..4) {
        let messages: Vec<String> = (0..4)
            .map(|day| adt("A08", &format!("2024030{}080000+0100", day + 1), &[pid("P1^^^HOSP^MR", &[(11, &format!("Street {day}"))])]))
            .collect();
        let mut store = Store::default();
        for at in order.iter().chain([&twice]) {
            store.receive(&messages[*at]);
        }
        prop_assert_eq!(at(store.only("Patient"), "address.0.line.0"), "Street 3");
    }
}
