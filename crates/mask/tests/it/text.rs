//! The text engine: what counts and what does not, in every way of writing.

use mask::{AllowList, Ask, Engine, Entity, Kind, Known, Profile, Recogniser, RecogniserError, Tier};
use proptest::prelude::*;

use crate::support::cases;

fn find(text: &str) -> Vec<Entity> {
    Engine::new().find(text, &Ask::default())
}

/// The texts that were found, with their kinds.
fn found(text: &str) -> Vec<(Kind, String)> {
    find(text).into_iter().map(|entity| (entity.kind, text[entity.range].to_owned())).collect()
}

fn hides(text: &str, kind: Kind, value: &str) {
    let all = found(text);
    assert!(all.iter().any(|(k, t)| *k == kind && t.contains(value)), "{text:?}: {all:?}");
}

fn leaves(text: &str) {
    assert_eq!(found(text), [], "{text:?}");
}

#[test]
fn dates_are_found_in_every_written_style() {
    for date in [
        "03/14/2026",
        "3/4/26",
        "2026-03-14",
        "14.03.2026",
        "March 14, 2026",
        "March 14th 2026",
        "14 March 2026",
        "14th of March, 2026",
        "Nov 29",
        "29 Nov",
        "14-Mar-2026",
        "15mar2026",
        "03/14",
        "12/2025",
        "March 2026",
        "Sept. 2025",
        "May '25",
        "20260314",
        "2026-03-14T08:15:00Z",
        "3 de mayo de 2025",
        "le 7 août 2025",
    ] {
        let text = format!("She was seen on {date} for a cough.");
        let all = found(&text);
        assert!(
            all.iter()
                .any(|(kind, t)| *kind == Kind::Date && date.ends_with(t.trim_start_matches("le "))
                    || t == date),
            "{date}: {all:?}"
        );
    }
}

#[test]
fn dates_are_found_as_they_are_spoken_and_jotted_down() {
    for (text, date) in [
        ("seen Tues 10/14 at eight", "Tues 10/14"),
        ("on Saturday, 7 Feb she fell", "Saturday, 7 Feb"),
        ("comes Monday the 16th", "Monday the 16th"),
        ("the dressing came off on the 17th.", "the 17th"),
        ("photo off\n3/6 0910 pt resting", "3/6"),
        ("cough since 2/16, no fever", "2/16"),
        ("wkup 3.2.26, clear", "3.2.26"),
        ("session 26 FEB 26, one hour", "26 FEB 26"),
        ("born 2019 Nov 02", "2019 Nov 02"),
        ("low mood since Labor Day after a move", "Labor Day"),
        ("by Thanksgiving, she hopes", "Thanksgiving"),
        ("worse since late september, at night", "september"),
        ("operated march third twenty twenty six, stable", "march third twenty twenty six"),
        ("date of birth nine twelve fifty one, a pleasant man", "nine twelve fifty one"),
    ] {
        hides(text, Kind::Date, date);
    }
}

#[test]
fn years_measures_and_scores_are_no_dates() {
    for text in [
        "MoCA 12/30, Apgar 6/9.",
        "Nodes 2/14 and cores 5/14 were positive.",
        "Firmware 3.2.26 was installed.",
        "3.2.11 Handling of specimens",
        "By the 5th toe there is a callus.",
        "She may first try one tablet.",
        "Diagnosed in 2019 with gout.",
        "BP 120/80, pulse 72.",
        "Strength 5/5 in both legs.",
        "Pain is 3/10 today.",
        "Vision 20/20.",
        "Apgar scores were 8 and 9.",
        "The ratio was 1.5 to 2.5.",
        "Take 1-2 tablets.",
        "Version 2.10 of the form.",
    ] {
        leaves(text);
    }
}

#[test]
fn ages_over_89_are_found_and_younger_ones_are_not() {
    for text in [
        "This 93-year-old man",
        "She is 91 years old.",
        "A 90 y/o woman",
        "aged 102",
        "Pt is in her nineties.",
        "a ninety-two-year-old man",
        "94yo F",
        "resident (95/F)",
        "Her grandmother is 96 and well.",
        "He lived to 103.",
        r#"{"age":94}"#,
    ] {
        assert!(found(text).iter().any(|(kind, _)| *kind == Kind::Age), "{text}");
    }
    for text in [
        "This 89-year-old man",
        "aged 7",
        "in his eighties",
        "BP 94 over 60",
        "SpO2 93%",
        "HR is 96.",
        "T 98 F.",
    ] {
        leaves(text);
    }
}

#[test]
fn numbers_are_found_by_their_check_digits_and_by_the_words_before_them() {
    for (text, kind, value) in [
        ("SSN: 219-09-9999", Kind::Ssn, "219-09-9999"),
        ("MRN 48213", Kind::Mrn, "48213"),
        ("medical record number is XK-2291", Kind::Mrn, "XK-2291"),
        ("her insurance is QT-889201", Kind::HealthPlan, "QT-889201"),
        ("MBI 1EG4-TE5-MK73", Kind::HealthPlan, "1EG4-TE5-MK73"),
        ("NPI 1234567893", Kind::License, "1234567893"),
        ("DEA AB1234563", Kind::License, "AB1234563"),
        ("VIN 1M8GDM9AXKP042788", Kind::Vehicle, "1M8GDM9AXKP042788"),
        ("paid with 4111 1111 1111 1111", Kind::Account, "4111 1111 1111 1111"),
        ("IBAN DE89370400440532013000", Kind::Account, "DE89370400440532013000"),
        ("serial number SN-4471-22", Kind::Device, "4471-22"),
        ("call (555) 014-2230 x12", Kind::Phone, "(555) 014-2230 x12"),
        ("Tel. +49 30 901820", Kind::Phone, "+49 30 901820"),
        ("fax 555-014-2231", Kind::Fax, "555-014-2231"),
        ("write to ann.lee@mail.example.org", Kind::Email, "ann.lee@mail.example.org"),
        ("see https://portal.example.org/p/17?x=2", Kind::Url, "https://portal.example.org/p/17?x=2"),
        ("from 192.168.17.4", Kind::Ip, "192.168.17.4"),
        ("from 192.168.17.4\n\n.5 mg", Kind::Ip, "192.168.17.4"),
        ("from...192.168.17.4", Kind::Ip, "192.168.17.4"),
        ("host 2001:db8::8a2e:370:7334", Kind::Ip, "2001:db8::8a2e:370:7334"),
        ("MAC 00:1b:44:11:3a:b7", Kind::Ip, "00:1b:44:11:3a:b7"),
        ("Springfield, IL 62704", Kind::Zip, "62704"),
        ("pager 2-7745", Kind::Phone, "2-7745"),
        ("bleep 2217, any time", Kind::Phone, "2217"),
        ("x 46120", Kind::Phone, "46120"),
        (
            "my number is five oh four, five five five, oh one nine three",
            Kind::Phone,
            "five oh four, five five five, oh one nine three",
        ),
        ("drug store 555-0187", Kind::Phone, "555-0187"),
        ("NI no. QQ 12 34 56 C", Kind::Id, "QQ 12 34 56 C"),
        ("policy GTX 0048821-9", Kind::HealthPlan, "GTX 0048821-9"),
        ("health plan #: W2918 44071 01", Kind::HealthPlan, "W2918 44071 01"),
        ("SSN ending 4410", Kind::Ssn, "4410"),
    ] {
        let all = found(text);
        assert!(
            all.iter().any(|(k, t)| *k == kind && t.contains(value))
                || all.iter().any(|(k, t)| kind == Kind::Zip && *k == Kind::Location && t.contains(value)),
            "{text}: {all:?}"
        );
    }
}

#[test]
fn codes_and_doses_are_left_alone() {
    for text in [
        "ICD-10 E11.9 and CPT 99213.",
        "Heparin 5000 units.",
        "Codes E11.621 and K50.812, G3P1011.",
        "Ulcer of 3.1x2.0x0.2 cm, walk x 30 days.",
        "Platelets 150-1000 and range 200-1200.",
        "LDL 131 mg/dL, range 70-99.",
        "Version 4.17.192.168.1 of the viewer.",
        "COVID-19 and HbA1c 7.1%.",
        "HER2 positive, IL-6 raised.",
        "trial NCT01234567",
        "Platelets 250,000.",
        "Rocephin 1 g IV q24h.",
        "GCS 15, NIHSS 4.",
        "T2 hyperintensity at L4-5.",
    ] {
        leaves(text);
    }
}

#[test]
fn streets_and_facilities_are_found() {
    for (text, value) in [
        ("She lives at 1207 N Calloway Terrace, Apt 4B.", "1207 N Calloway Terrace, Apt 4B"),
        ("Address: 12 rue des Tilleuls", "12 rue des Tilleuls"),
        ("Wohnhaft in der Lindenstrasse 14", "Lindenstrasse 14"),
        ("PO Box 1174", "PO Box 1174"),
        ("home port USS COLE DDG 67, FPO AP 96601", "USS COLE DDG 67, FPO AP 96601"),
        ("seen at Saint Brendan's Hospital", "Saint Brendan's Hospital"),
        ("transferred from Quarry Hill Medical Center", "Quarry Hill Medical Center"),
    ] {
        hides(text, Kind::Location, value);
    }
    // An address does not run on over an empty line.
    leaves("uss report:\n\n12 mg daily");
    assert_eq!(found("on 2 p.\n\nBox 3"), [(Kind::Location, "Box 3".to_owned())]);
}

#[test]
fn eponyms_and_drugs_need_a_person() {
    for text in [
        "Foley catheter removed; Jackson-Pratt drain in place.",
        "History of Parkinson disease, Crohn's disease and Down syndrome.",
        "Swan-Ganz catheter placed. Apgar 9. Braden score 18.",
        "Started Lasix and Coumadin.",
        "Hodgkin lymphoma, Graves disease.",
    ] {
        leaves(text);
    }
    hides("Mr. Foley was seen today.", Kind::Name, "Foley");
    hides("Dr. Parkinson will follow.", Kind::Name, "Parkinson");
}

#[test]
fn who_signs_is_found_by_credentials_and_employers_go_with_the_names() {
    hides("Discussed at length.\nA. Wickliffe, LMSW", Kind::Name, "A. Wickliffe");
    hides("Signed:\nPeregrine Ashby MD", Kind::Name, "Peregrine Ashby");
    for text in ["Baltimore, MD", "Discussed with the RN.", "CONTINUE PT AND OT."] {
        assert!(!found(text).iter().any(|(kind, _)| *kind == Kind::Name), "{text}: {:?}", found(text));
    }
    let text = "He works as a welder at Brannock Boiler Works and smokes.";
    assert!(
        find(text).iter().any(|entity| entity.range.contains(&text.find("Brannock").unwrap())),
        "{:?}",
        find(text)
    );
}

#[test]
fn headings_and_sentences_are_no_facilities_and_streets() {
    for text in ["PALLIATIVE CARE", "Home Health Aide", "WOUND CARE:", "5 other days. Per Dr orders."] {
        assert!(!found(text).iter().any(|(kind, _)| *kind == Kind::Location), "{text}: {:?}", found(text));
    }
}

#[test]
fn a_name_found_once_is_found_everywhere() {
    let text =
        "Patient: Wanda Brzezicka\n\nThe cough has gone. brzezicka feels well; Brzezicka's lungs are clear.";
    let names: Vec<_> = found(text).into_iter().filter(|(kind, _)| *kind == Kind::Name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn letters_in_disguise_hide_nothing() {
    for name in [
        "Ma\u{200b}ria Kowal\u{200d}ska",
        "\u{41c}aria Kowalska",
        "\u{ff2d}aria Ｋｏｗａｌｓｋａ",
        "Mari\u{301}a\u{a0}Kowalska",
        "Maria\u{2009}Ko\u{ad}walska",
    ] {
        hides(&format!("Patient: \u{202e}{name}\u{202c}, stable"), Kind::Name, name);
    }
    hides("SSN: 219\u{2011}09\u{2011}9999", Kind::Ssn, "9999");
    hides("SSN: ２１９-０９-９９９９", Kind::Ssn, "９９９９");
}

#[test]
fn names_and_streets_are_found_in_writing_without_capitals() {
    let scan = |text: &str| Engine::new().find(text, &Ask { tier: Tier::Scan, ..Ask::default() });
    for (text, kind, values) in [
        ("患者王芳，女，高血压病史十年。", Kind::Name, &["王芳"][..]),
        ("氏名：佐藤花子　担当医：鈴木一郎先生", Kind::Name, &["佐藤花子", "鈴木一郎"]),
        ("昨日、田中様は高血圧の治療のため来院した。", Kind::Name, &["田中"]),
        ("환자 김민수 님이 내원하였다.", Kind::Name, &["김민수"]),
        ("ул. Ленина, д. 12, Москва", Kind::Location, &["ул. Ленина, д. 12"]),
        ("כתובת: רחוב הרצל 12", Kind::Location, &["רחוב הרצל 12"]),
        ("出生日期1985年3月15日，", Kind::Date, &["1985年3月15日"]),
        ("住院2024年1月2日至2024年2月3日。", Kind::Date, &["2024年1月2日至2024年2月3日"]),
        ("3月14日に受診", Kind::Date, &["3月14日"]),
        ("1985年3月15日病历号12345678", Kind::Id, &["1985年3月15日病历号12345678"]),
        ("マイナンバー 1234 5678 9012 有効", Kind::Id, &["1234 5678 9012"]),
    ] {
        let found: Vec<_> = scan(text).into_iter().filter(|entity| entity.kind == kind).collect();
        let texts: Vec<&str> = found.iter().map(|entity| &text[entity.range.clone()]).collect();
        assert_eq!(texts, values, "{text}");
    }
    for text in [
        "患者教育和随访计划",
        "高血圧の治療を続ける。",
        "何时复查由医生决定。",
        "3个月后复查",
        "고혈압 병력 있음",
    ] {
        assert_eq!(scan(text), [], "{text}");
    }
}

#[test]
fn a_text_that_was_masked_is_left_as_it_is() {
    leaves("[NAME] was seen at [LOCATION] on [DATE], MRN [MRN], call [PHONE_2]. Dr. [NAME] agrees.");
}

#[test]
fn a_limited_data_set_keeps_dates_and_towns() {
    let text = "Ms. Okonjo of 14 Quarry Lane, Springfield, IL 62704 was seen on 03/14/2026.";
    let ask = Ask { profile: Profile::LimitedDataset, ..Ask::default() };
    let kinds: Vec<_> = Engine::new().find(text, &ask).into_iter().map(|entity| entity.kind).collect();
    assert!(kinds.contains(&Kind::Name) && kinds.contains(&Kind::Location), "{kinds:?}");
    assert!(!kinds.contains(&Kind::Date) && !kinds.contains(&Kind::Zip), "{kinds:?}");
}

#[test]
fn known_people_are_found_in_every_way_of_writing() {
    let patient = br#"{"resourceType":"Patient","name":[{"family":"Oyelaran-Smythe","given":["Robert","Ignatius"]}],"birthDate":"1951-06-07",
        "identifier":[{"type":{"text":"MRN"},"value":"QF204518"}],"telecom":[{"system":"phone","value":"(555) 014-2230"},
        {"system":"email","value":"bob.oyelaran@mail.example.org"}],"address":[{"line":["9 Farthing Mews"],"city":"Nether Wallop","postalCode":"98117"}],
        "contact":[{"name":{"family":"Quennell","given":["Ada"]}}]}"#;
    let known = Known::from_patient(&fhir::json::parse(patient, &fhir::json::Limits::default()).unwrap());
    let ask = Ask { tier: Tier::Record, known: Some(&known), ..Ask::default() };
    for (text, value) in [
        ("smythe rests", "smythe"),
        ("Bob walked", "Bob"),
        ("SMYTHE, R.", "SMYTHE"),
        ("spoke with Quennel today", "Quennel"),
        ("Quennell² and others¹ reported", "Quennell"),
        ("logged in as 2smythe51", "smythe"),
        ("spoke with Queennell today", "Queennell"),
        ("signed R.O.", "R.O"),
        ("no. qf 204518", "qf 204518"),
        ("record 204518 was pulled", "204518"),
        ("ring 0142230", "0142230"),
        ("ring +1 555.014.2230", "555.014.2230"),
        ("born 7.6.51", "7.6.51"),
        ("born 06071951", "06071951"),
        ("born on the 7th June", "7th June"),
        ("at 9 farthing mews", "9 farthing mews"),
        ("lives in nether wallop", "nether wallop"),
        ("zip 98117", "98117"),
        ("BOB.OYELARAN at work", "BOB.OYELARAN"),
    ] {
        let all: Vec<_> =
            Engine::new().find(text, &ask).into_iter().map(|entity| text[entity.range].to_owned()).collect();
        assert!(all.iter().any(|t| t.contains(value)), "{text}: {all:?}");
    }
}

#[test]
fn recognisers_and_allow_lists_of_the_users_are_obeyed() {
    let own = Recogniser::new("badge", r"\bB-\d{3}\b", &["badge"], Kind::Id).unwrap();
    let engine =
        Engine::new().with_recognisers(vec![own]).with_allow_list(AllowList::new(["Mercy General Hospital"]));
    let text = "badge B-123 was left at Mercy General Hospital. Grade B-123.";
    let all = engine.find("badge B-123 was found", &Ask::default());
    assert!(all.iter().any(|entity| entity.reason == mask::Reason::Custom("badge".into())), "{all:?}");
    assert!(
        engine.find(text, &Ask::default()).iter().all(|entity| !text[entity.range.clone()].contains("Mercy"))
    );
    assert!(matches!(Recogniser::new("bad", "(", &[], Kind::Id), Err(RecogniserError::Pattern { .. })));
}

#[test]
fn a_long_text_is_searched_in_windows_and_names_travel_between_them() {
    let filler = "The lungs are clear and the abdomen is soft. ".repeat(14_000);
    let text = format!(
        "Zdzislawowa slept well. {filler}\nPatient: Zdzislawowa Kurek\n{filler} zdzislawowa was discharged."
    );
    let all = find(&text);
    let places: Vec<_> = all
        .iter()
        .filter(|entity| text[entity.range.clone()].to_lowercase().contains("zdzislawowa"))
        .collect();
    assert_eq!(places.len(), 3, "{places:?}");
    assert!(all.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
}

/// Text with letters of many scripts, odd blanks, digits and signs.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,12}",
        "[A-Za-z]{1,9}",
        "[0-9]{1,10}[-/. ]?",
        Just("\u{200b}".to_owned()),
        Just(" Dr. ".to_owned()),
        Just("\n".to_owned()),
        Just("@".to_owned()),
        Just("MRN: ".to_owned()),
        Just("[NAME] ".to_owned()),
        Just("ﷺ½ßİ".to_owned()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_text_gives_ascending_entities_on_character_boundaries(text in any_text()) {
        for tier in [Tier::Scan, Tier::Full] {
            let all = Engine::new().find(&text, &Ask { tier, profile: Profile::MaxRecall, known: None });
            let mut end = 0;
            for entity in all {
                prop_assert!(entity.range.start >= end && entity.range.start < entity.range.end);
                prop_assert!(text.get(entity.range.clone()).is_some());
                prop_assert!((0.0..=1.0).contains(&entity.score));
                end = entity.range.end;
            }
        }
    }

    #[test]
    fn no_planted_identifier_survives_the_record_tier(
        given in "[A-Z][a-z]{4,8}", family in "[A-Z][a-z]{5,9}", mrn in "[A-Z]{2}[0-9]{6}", before in any_text(), after in any_text(),
    ) {
        let mut builder = Known::builder();
        builder.name(&format!("{given} {family}")).number(Kind::Mrn, &mrn);
        let known = builder.build();
        let text = format!("{before} \n{given} X{family}Q {family}, no. {mrn} \n{after}");
        let text = text.replace(&format!("X{family}Q"), &format!("{given} {family}"));
        let all = Engine::new().find(&text, &Ask { tier: Tier::Record, known: Some(&known), ..Ask::default() });
        for needle in [&family, &mrn] {
            for (start, _) in text.match_indices(needle.as_str()) {
                // Within a longer word it is another word.
                let whole = !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '\'' || c == '’')
                    && !text[start + needle.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '\'' || c == '’');
                let clean = !text[start + needle.len()..].starts_with(|c: char| !c.is_ascii()) && !text[..start].ends_with(|c: char| !c.is_ascii());
                let covered = (start..start + needle.len()).all(|place| all.iter().any(|entity| entity.range.contains(&place)));
                prop_assert!(covered || !whole || !clean, "{needle} in {text:?}");
            }
        }
    }
}

#[test]
fn a_bracket_or_quote_around_an_identifier_stays() {
    for (text, value) in [
        ("Pt (MRN 00482913) was seen.", "00482913"),
        ("She (MRN: 00482913), stable", "00482913"),
        ("\"MRN 00482913\" was on the label", "00482913"),
        ("Call (415) 555-0132 now", "(415) 555-0132"),
    ] {
        let all = found(text);
        assert!(all.iter().any(|(_, found)| found == value), "{text:?}: {all:?}");
    }
}
