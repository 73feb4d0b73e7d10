//! HL7 v2 messages, made here and shared ones.

use formats::hl7v2::{Message, ParseOptions, parse};
use mask::Kind;
use mask::records::Finder;
use mask::records::hl7v2::{Hl7v2Options, ZSegments, mask};
use mask::transform::{Day, Plan, Tally};
use proptest::prelude::*;

use crate::support::{DATES, TestKeys, Words, corpus, scope, tools};

const ADT: &str = "MSH|^~\\&|ADT|GOOD HOSPITAL|LAB|OTHER|20200102030405||ADT^A01|MSG00001|P|2.5\r\
    EVN|A01|20200102030405|||99^Nurse^Nancy\r\
    PID|1||MRN12345^4^M10^GOOD HOSPITAL^MR~555-44-3333^^^SSA^SS||Quxbury^Ann^B^^Mrs^^L||19700314|F||2106-3^White^HL70005|12 Example Street^Apt 4^Anytown^MA^02139-4307^US^H||(617)555-0123^PRN^PH^a@b.example||en|M|||555443333\r\
    NK1|1|Quxbury^Bob|SPO|12 Example Street^^Anytown^MA|617-555-0199\r\
    PV1|1|I|ICU^12^A^GOOD HOSPITAL||||1234^Greenfeld^Carl^^^Dr|||MED|||||||||V987654|||||||||||||||||||||||||20200101\r\
    OBX|1|TX|8251-1^Note^LN||Mrs. Quxbury, born 03/14/1970, MRN12345, lives at 12 Example~Street; seen by Dr. Greenfeld.||||||F|||20200102\r\
    OBX|2|NM|8867-4^Heart rate^LN||72|/min|||||F\r\
    NTE|1||Call 617 555 0123 (Bob)\r\
    XYZ|something|20200305|123456789|Quxbury\r\
    ZPI|1|Quxbury\r";

fn masked_with(input: &[u8], finder: &dyn Finder, options: Hl7v2Options) -> (Message, Tally, Vec<u8>) {
    let (keys, plan) = (TestKeys(5), Plan::labels());
    let masked =
        mask(input, &ParseOptions::default(), tools(&keys, finder, &plan), &scope(), options).unwrap();
    let message = parse(&masked.bytes, &ParseOptions::default()).unwrap().message;
    (message, masked.tally, masked.bytes)
}

fn masked(input: &str) -> (Message, String) {
    let (message, _, bytes) = masked_with(input.as_bytes(), &DATES, Hl7v2Options::default());
    (message, String::from_utf8(bytes).unwrap())
}

#[test]
fn nobody_is_left_in_a_message_and_its_structure_stays() {
    let (message, text) = masked(ADT);
    for gone in [
        "Quxbury",
        "Ann",
        "Bob",
        "Greenfeld",
        "Carl",
        "Nancy",
        "MRN12345",
        "555-44",
        "555443333",
        "12 Example",
        "Anytown",
        "4307",
        "617",
        "a@b",
        "19700314",
        "03/14/1970",
        "GOOD",
        "V987654",
        "123456789",
        "ICU",
        "ZPI",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    for kept in [
        "ADT^A01",
        "|P|2.5",
        "|F||2106-3^White^HL70005|",
        "^MA^02100^US^H",
        "^PRN^PH^",
        "8867-4^Heart rate^LN||72|/min",
        "8251-1^Note^LN",
        "|MED|",
        "SPO",
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    let names: Vec<&str> = message.segments().map(|segment| segment.name()).collect();
    assert_eq!(names, ["MSH", "EVN", "PID", "NK1", "PV1", "OBX", "OBX", "NTE", "XYZ"]);
    let before = parse(ADT.as_bytes(), &ParseOptions::default()).unwrap().message;
    for (old, new) in before.segments().zip(message.segments()) {
        assert_eq!(old.fields_count(), new.fields_count(), "{}", new.name());
    }
    assert_eq!(message.get("PID-5.1").as_deref(), Some("[NAME]"));
    assert_eq!(message.get("PID-5.7").as_deref(), Some("L"));
}

#[test]
fn the_same_ids_give_the_same_pseudonyms_in_every_message() {
    let (one, _) = masked(ADT);
    let (other, _) =
        masked("MSH|^~\\&|X|Y|||20210101||ORU^R01|2|P|2.5\rPID|||MRN12345\rOBR|1|ORD-9001|FIL-9001\r");
    assert_eq!(one.get("PID-3.1"), other.get("PID-3.1"));
    assert_eq!(one.get("PID-3[2].1").map(|id| id.len()), Some(24));
    assert_ne!(other.get("OBR-2"), other.get("OBR-3"));
}

#[test]
fn dates_keep_their_distances_over_messages_of_one_patient() {
    let (one, _) = masked(ADT);
    let (other, _) =
        masked("MSH|^~\\&|X|Y|||20210101||ORU^R01|2|P|2.5\rPID|||MRN12345\rOBX|1|DT|x||20200103\r");
    let day = |text: &str| {
        Day::from_ymd(text[..4].parse().unwrap(), text[4..6].parse().unwrap(), text[6..8].parse().unwrap())
            .unwrap()
    };
    let event = day(&one.get("EVN-2").unwrap());
    assert_eq!(day(&other.get("OBX-5").unwrap()).since(event), 1);
    assert_eq!(
        day(&one.get("PID-7").unwrap()).since(event),
        Day::from_ymd(1970, 3, 14).unwrap().since(Day::from_ymd(2020, 1, 2).unwrap())
    );
    assert!(one.get("EVN-2").unwrap().ends_with("030405"));
}

#[test]
fn a_name_over_two_lines_of_a_report_is_found() {
    let finder = Words(&[("Maximilian\nMustermann", Kind::Name)]);
    let text = "MSH|^~\\&|A|B|||2020||ORU^R01|1|P|2.5\rOBX|1|TX|x||seen by Maximilian||||||F\rOBX|2|TX|x||Mustermann today\r";
    let (message, ..) = masked_with(text.as_bytes(), &finder, Hl7v2Options::default());
    assert_eq!(message.get("OBX-5").as_deref(), Some("seen by [NAME]"));
    assert_eq!(message.get("OBX[2]-5").as_deref(), Some(" today"));
}

#[test]
fn documents_in_a_message_are_searched_or_go() {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode("<p>Miller</p>");
    let finder = Words(&[("Miller", Kind::Name)]);
    let text = format!(
        "MSH|^~\\&|A|B|||2020||MDM^T02|1|P|2.5\rOBX|1|ED|x||APP^TEXT^HTML^Base64^{data}\rOBX|2|ED|x||^APPLICATION^PDF^Base64^JVBERi0=\r\
         OBX|3|ED|x||^TEXT^^A^by Miller\r"
    );
    let (message, tally, _) = masked_with(text.as_bytes(), &finder, Hl7v2Options::default());
    let shown =
        base64::engine::general_purpose::STANDARD.decode(message.get("OBX-5.5").unwrap().as_bytes()).unwrap();
    assert_eq!(shown, b"<p>[NAME]</p>");
    assert_eq!(message.get("OBX[2]-5.5").as_deref(), Some("[attachment removed]"));
    assert_eq!(message.get("OBX[3]-5.5").as_deref(), Some("by [NAME]"));
    assert_eq!(tally.removed_unread, 1);
}

#[test]
fn escapes_and_other_delimiters_stay() {
    let text =
        "MSH#*~$%#A#B###2020##ADT*A01#1#P#2.5$X0D$x\rPID###1001~1002##Qux$F$bury*Ann\rNTE#1##a $F$ b $T$ c\r";
    let (_, out) = masked(text);
    assert!(out.starts_with("MSH#*~$%#A#"), "{out}");
    assert!(out.contains("NTE#1##a $F$ b $T$ c\r"), "{out}");
    assert!(!out.contains("bury"));
}

#[test]
fn z_segments_are_searched_if_asked_for() {
    let options = Hl7v2Options { z_segments: ZSegments::Inspect };
    let (message, ..) = masked_with(ADT.as_bytes(), &DATES, options);
    assert_eq!(message.get("ZPI-2").as_deref(), Some("[NAME]"));
}

#[test]
fn a_masked_message_comes_back_as_it_is_and_a_forged_seal_does_not_help() {
    let (keys, plan) = (TestKeys(5), Plan::labels());
    let again = |input: &[u8], keys: &TestKeys| {
        mask(input, &ParseOptions::default(), tools(keys, &DATES, &plan), &scope(), Hl7v2Options::default())
            .unwrap()
            .bytes
    };
    let once = again(ADT.as_bytes(), &keys);
    assert_eq!(again(&once, &keys), once);
    assert_ne!(again(&once, &TestKeys(6)), once);
    let forged = String::from_utf8(once).unwrap().replace("SPO", "Quxbury");
    assert!(!String::from_utf8(again(forged.as_bytes(), &keys)).unwrap().contains("20200102"));
    let claimed = ADT.replace("20200102030405||ADT", "20200102030405|MASKED:AAAAAAAAAAAAAAAAAAAAAAAA|ADT");
    assert!(!String::from_utf8(again(claimed.as_bytes(), &keys)).unwrap().contains("Quxbury"));
}

/// Every file of the shared folders that begins as a message.
fn messages() -> Vec<Vec<u8>> {
    let Some(folder) = corpus("hl7v2", 470) else { return Vec::new() };
    let (mut folders, mut found) = (vec![folder], Vec::new());
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && bytes.windows(4).take(64).any(|window| window == b"MSH|")
            {
                found.push(bytes);
            }
        }
    }
    found
}

#[test]
fn no_identity_of_the_shared_messages_is_left() {
    let (keys, plan) = (TestKeys(5), Plan::labels());
    let (mut count, mut looked_for) = (0, 0);
    for bytes in messages() {
        let Ok(parsed) = parse(&bytes, &ParseOptions::default()) else { continue };
        let before = parsed.message;
        let masked = mask(
            &bytes,
            &ParseOptions::default(),
            tools(&keys, &DATES, &plan),
            &scope(),
            Hl7v2Options::default(),
        )
        .unwrap();
        let text = String::from_utf8_lossy(&masked.bytes).into_owned();
        let after = parse(&masked.bytes, &ParseOptions::default()).unwrap().message;
        let is_standard = |name: &&str| !name.starts_with('Z');
        let names = |message: &Message| {
            message
                .segments()
                .map(|segment| segment.name().to_owned())
                .filter(|name| is_standard(&name.as_str()))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&before), names(&after));
        for path in [
            "PID-5.1", "PID-5.2", "PID-3.1", "PID-11.1", "PID-13.1", "PID-19", "NK1-2.1", "PV1-7.1",
            "PV1-7.2",
        ] {
            let Some(value) = before.get(path).filter(|value| value.chars().count() >= 4) else { continue };
            looked_for += 1;
            let stands = text.match_indices(value.as_ref()).any(|(at, found)| {
                let apart = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
                apart(text[..at].chars().next_back()) && apart(text[at + found.len()..].chars().next())
            });
            assert!(!stands, "{path}, {} characters, in {:?}", value.chars().count(), before.get("MSH-9.2"));
        }
        // Another date may come to be that day; this one must not.
        let born = before.get("PID-7").filter(|born| born.len() >= 8);
        assert!(born.is_none() || born != after.get("PID-7"));
        count += 1;
    }
    eprintln!("masked {count} messages; {looked_for} identities looked for, none left");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..900) {
        let mut input = ADT.as_bytes()[..cut.min(ADT.len())].to_vec();
        input.extend(&tail);
        let (keys, plan) = (TestKeys(5), Plan::labels());
        let parsing = ParseOptions::default();
        if let Ok(once) = mask(&input, &parsing, tools(&keys, &DATES, &plan), &scope(), Hl7v2Options::default()) {
            let twice = mask(&once.bytes, &parsing, tools(&keys, &DATES, &plan), &scope(), Hl7v2Options::default());
            prop_assert!(twice.is_ok());
        }
    }
}
