//! One test or more for each numbered fact about v2 syntax.

use formats::hl7v2::{Location, structure_of};

use crate::{codes, message, read};

#[test]
fn fact_1_delimiters_come_from_msh_1_and_2() {
    let odd = message("MSH*:-!+*LAB:1.2*x\rPID*1**A:B+C!H!-D\r");
    assert_eq!(odd.get("MSH-3.2").unwrap(), "1.2");
    assert_eq!(odd.get("PID-3.2.2").unwrap(), "C");
    assert_eq!(odd.get("PID-3[2]").unwrap(), "D");
}

#[test]
fn fact_1_a_fifth_character_is_the_truncation_mark() {
    let cut = message("MSH|^~\\&#|LAB\rNTE|1||cut short#|a\\P\\b\r");
    assert_eq!(cut.delimiters().truncation, Some(b'#'));
    assert_eq!(cut.get("NTE-3").unwrap(), "cut short#");
    assert_eq!(cut.get("NTE-4").unwrap(), "a#b");
}

#[test]
fn fact_1_msh_1_counts_as_field_1_and_msh_2_is_never_split() {
    let message = message("MSH|^~\\&|APP|FAC\r");
    let header = message.segment("MSH").unwrap();
    assert_eq!(header.field(1).unwrap().text(), "|");
    assert_eq!(header.field(2).unwrap().text(), "^~\\&");
    assert_eq!(header.field(2).unwrap().repetitions().count(), 1);
    assert_eq!(header.value(3).unwrap(), "APP");
    assert_eq!(header.fields_count(), 4);
    let leaves: Vec<String> = message.leaves().map(|(place, _)| place.to_string()).collect();
    assert_eq!(leaves, ["MSH-3", "MSH-4"]);
}

#[test]
fn fact_1_delimiters_left_out_divide_nothing() {
    let short = message("MSH|^~\\|APP\rPID|1||AT&T^B\r");
    assert_eq!(short.get("PID-3").unwrap(), "AT&T");
    let shorter = message("MSH|^|APP\rPID|1||a\\F\\b~c\r");
    assert_eq!(shorter.get("PID-3").unwrap(), "a\\F\\b~c");
    let none = read(b"MSH||APP\rPID|1||a~b\r");
    assert_eq!(codes(&none), ["no-encoding-characters"]);
    assert_eq!(none.message.get("PID-3[2]").unwrap(), "b");
}

#[test]
fn fact_1_a_doubled_escape_character_counts_once() {
    let parsed = read(b"MSH|^~\\\\&|APP\rPID|1||7^^^X&1.2\\F\\\r");
    assert_eq!(codes(&parsed), ["doubled-escape-character"]);
    assert_eq!(parsed.message.get("PID-3.4.2").unwrap(), "1.2|");
}

#[test]
fn fact_2_segments_end_with_cr_lf_or_crlf() {
    for end in ["\r", "\n", "\r\n", "\r\r", "\n\n", "\r\n\r\n"] {
        let text = ["MSH|^~\\&|A", "PID|1||7", "PV1", "OBX|1|ST|||x", ""].join(end);
        let message = message(&text);
        let names: Vec<&str> = message.segments().map(|segment| segment.name()).collect();
        assert_eq!(names, ["MSH", "PID", "PV1", "OBX"], "{end:?}");
        assert_eq!(message.get("PID-3").unwrap(), "7", "{end:?}");
        assert_eq!(message.get("OBX-5").unwrap(), "x", "{end:?}");
    }
}

#[test]
fn fact_2_a_lone_lf_inside_obx_5_of_a_cr_message_is_data() {
    let message = message("MSH|^~\\&|A\rOBX|1|TX|N||one\ntwo\nTSH\n\nfour|u\rNTE|1||n\r");
    assert_eq!(message.get("OBX-5").unwrap(), "one\ntwo\nTSH\n\nfour");
    assert_eq!(message.get("OBX-6").unwrap(), "u");
    assert_eq!(message.segments().count(), 3);
}

#[test]
fn fact_2_a_line_without_a_segment_name_goes_on_with_the_segment_before() {
    let broken = read(b"MSH|^~\\&|A\nOBX|1|TX|N||one\nand two|u\nNTE|1||n\n");
    assert_eq!(codes(&broken), ["line-continued"]);
    assert_eq!(broken.problems[0].location.unwrap().to_string(), "OBX-5");
    assert_eq!(broken.message.get("OBX-5").unwrap(), "one\nand two");
    assert_eq!(broken.message.get("NTE-3").unwrap(), "n");
}

#[test]
fn fact_3_split_first_then_unescape_once() {
    let message = message("MSH|^~\\&|A\rNTE|1||a\\S\\b^c\\T\\d&e\\F\\f|x\\R\\y~z|\\E\\F\\E\\\r");
    assert_eq!(message.get("NTE-3.1").unwrap(), "a^b");
    assert_eq!(message.get("NTE-3.2.1").unwrap(), "c&d");
    assert_eq!(message.get("NTE-3.2.2").unwrap(), "e|f");
    assert_eq!(message.get("NTE-4").unwrap(), "x~y");
    assert_eq!(message.get("NTE-4[2]").unwrap(), "z");
    assert_eq!(message.get("NTE-5").unwrap(), "\\F\\", "unescaped text is not unescaped again");
}

#[test]
fn fact_3_hexadecimal_escapes_are_bytes_in_the_messages_set() {
    let utf8 = message("MSH|^~\\&|A\rNTE|1||J\\XC3B6\\rg\\X0D0A\\x\r");
    assert_eq!(utf8.get("NTE-3").unwrap(), "Jörg\r\nx");
    let latin = message("MSH|^~\\&|A|||||||||||||||8859/1\rNTE|1||J\\XF6\\rg\r");
    assert_eq!(latin.get("NTE-3").unwrap(), "Jörg");
    let unreadable = message("MSH|^~\\&|A\rNTE|1||J\\XF6\\rg\\X1\\\\X\\\\XZZ\\\r");
    assert_eq!(unreadable.get("NTE-3").unwrap(), "J\\XF6\\rg\\X1\\\\X\\\\XZZ\\");
}

#[test]
fn fact_3_layout_commands_and_highlighting() {
    let message =
        message("MSH|^~\\&|A\rNTE|1||\\H\\loud\\N\\\\.br\\a\\.sp 2\\b\\.sk3\\c\\.in+4\\d\\.fi\\\\.ce\\e\r");
    assert_eq!(message.get("NTE-3").unwrap(), "loud\na\n\nb   cd\ne");
}

#[test]
fn fact_3_unknown_escapes_stay_visible() {
    let message = message("MSH|^~\\&|A\rNTE|1||C:\\dir\\file|\\Zlocal\\|\\Q\\|50\\|\\.xx\\|\\dir\\F\\\r");
    let values: Vec<String> =
        (3..=8).map(|field| message.segment("NTE").unwrap().value(field).unwrap().into_owned()).collect();
    assert_eq!(values, ["C:\\dir\\file", "\\Zlocal\\", "\\Q\\", "50\\", "\\.xx\\", "\\dir|"]);
}

#[test]
fn fact_4_two_quote_marks_delete_and_are_never_a_value() {
    let message = message("MSH|^~\\&|A\rPID|1||7|\"\"|X^\"\"^&\"\"||\"quoted\"|\\X22\\\"\r");
    let patient = message.segment("PID").unwrap();
    assert!(patient.field(4).unwrap().is_null());
    assert_eq!(patient.value(4), None);
    assert_eq!(patient.field(4).unwrap().text(), "");
    let name = patient.field(5).unwrap().first();
    assert!(name.component(2).unwrap().is_null());
    assert_eq!(name.part(2), None);
    assert!(name.component(3).unwrap().subcomponent(2).unwrap().is_null());
    assert_eq!(patient.value(7).unwrap(), "\"quoted\"");
    assert!(!patient.field(8).unwrap().is_null());
    assert_eq!(patient.value(8).unwrap(), "\"\"");
    assert!(message.leaves().any(|(place, text)| place.to_string() == "PID-4" && text.is_empty()));
}

#[test]
fn fact_4_empty_and_missing_are_the_same() {
    let short = message("MSH|^~\\&|A\rPID|1||7^^^X\r");
    let long = message("MSH|^~\\&|A\rPID|1||7^^^X^^^|||||\r");
    for message in [short, long] {
        let patient = message.segment("PID").unwrap();
        assert!(patient.field(2).is_none() && patient.field(5).is_none() && patient.field(50).is_none());
        assert!(
            patient.field(3).unwrap().component(2).is_none()
                && patient.field(3).unwrap().component(5).is_none()
        );
        assert!(patient.field(0).is_none());
        assert_eq!(message.leaves().count(), 4);
    }
}

#[test]
fn fact_5_the_structure_comes_from_the_table() {
    let cases = [
        ("ADT^A04", "ADT_A01"),
        ("ADT^A08^ADT_A08", "ADT_A01"),
        ("ADT^A13", "ADT_A01"),
        ("ADT^A14", "ADT_A05"),
        ("ADT^A28", "ADT_A05"),
        ("ADT^A31^ADT_A01", "ADT_A05"),
        ("ADT^A07", "ADT_A06"),
        ("ADT^A10", "ADT_A09"),
        ("ADT^A11", "ADT_A09"),
        ("ADT^A40", "ADT_A39"),
        ("ADT^A41", "ADT_A39"),
        ("ADT^A42", "ADT_A39"),
        ("ORU^R01", "ORU_R01"),
        ("MDM^T06", "MDM_T02"),
        ("QBP^Q11", "QBP_Q11"),
        ("QBP^Q22^QBP_Q21", "QBP_Q21"),
    ];
    for (written, structure) in cases {
        let message = message(&format!("MSH|^~\\&|A||||2026||{written}|1|P|2.5\r"));
        assert_eq!(message.message_type().unwrap().structure, structure, "{written}");
    }
    assert_eq!(structure_of("QBP", "Q11"), None);
}

#[test]
fn fact_5_an_old_message_names_its_event_in_evn_1() {
    let message = message("MSH|^~\\&|A||||1991||ADT|1|P|2.1\rEVN|A04|1991\r");
    let kind = message.message_type().unwrap();
    assert_eq!((kind.code.as_str(), kind.event.as_str(), kind.structure.as_str()), ("ADT", "A04", "ADT_A01"));
}

#[test]
fn fact_6_msh_18_decides_how_bytes_become_text() {
    let latin = read(b"MSH|^~\\&|A|||||||||||||||8859/1\rPID|1||7||M\xFCller\r");
    assert_eq!(latin.message.get("PID-5").unwrap(), "Müller");
    assert_eq!(codes(&latin), [""; 0]);
    let utf8 = read("MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1||7||Müller\r".as_bytes());
    assert_eq!(utf8.message.get("PID-5").unwrap(), "Müller");
}

#[test]
fn fact_6_undecodable_bytes_are_reported_with_their_place() {
    let parsed = read(b"MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1||7||M\xFC\xFEller^B\rNTE|1||\xFF\r");
    assert_eq!(codes(&parsed), ["undecodable-bytes", "undecodable-bytes"]);
    let places: Vec<String> =
        parsed.problems.iter().map(|problem| problem.location.unwrap().to_string()).collect();
    assert_eq!(places, ["PID-5", "NTE-3"]);
    assert_eq!(parsed.message.get("PID-5.2").unwrap(), "B");
}

#[test]
fn fact_7_a_note_belongs_to_the_segment_before_it() {
    let text = "MSH|^~\\&|A\rPID|1\rNTE|1||p\rORC|RE\rNTE|1||o\rNTE|2||o2\rOBR|1\rNTE|1||r\rOBX|1\rNTE|1||x\rOBX|2\r";
    let message = message(text);
    let owners: Vec<(String, String)> = message
        .segments_named("NTE")
        .map(|note| {
            (
                note.value(3).unwrap().into_owned(),
                message.owner_of_note(note.index()).unwrap().location().to_string(),
            )
        })
        .collect();
    let expected = [("p", "PID"), ("o", "ORC"), ("o2", "ORC"), ("r", "OBR"), ("x", "OBX")];
    assert_eq!(owners, expected.map(|(note, owner)| (note.to_owned(), owner.to_owned())));
    let order = message.segment("ORC").unwrap();
    assert_eq!(message.notes_of(order.index()).count(), 2);
    assert_eq!(message.notes_of(message.segments().count() - 1).count(), 0);
    assert!(message.owner_of_note(order.index()).is_none());
}

#[test]
fn locations_are_read_as_they_are_written() {
    for text in ["PID", "PID-3", "PID-3.4", "PID-3[2].4.1", "OBX[3]-5", "OBX[3]-5[2]", "ZPD-1.2"] {
        assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "-3",
        "PID-",
        "PID-0",
        "PID-3.",
        "PID-3.1.1.1",
        "PID-3[",
        "PID-3[0]",
        "PID[1-3",
        "TOOLONG-1",
        "P D-1",
    ] {
        assert!(text.parse::<Location>().is_err(), "{text:?}");
    }
}

#[test]
fn a_location_covers_the_leaves_inside_it() {
    let message = message("MSH|^~\\&|A\rPID|1||7^^^X&1.2~8||N&M^G|\r");
    let covered = |place: &str| -> Vec<String> {
        let place: Location = place.parse().unwrap();
        message
            .leaves()
            .map(|(leaf, _)| leaf)
            .filter(|leaf| place.covers(leaf))
            .map(|leaf| leaf.to_string())
            .collect()
    };
    assert_eq!(covered("PID-3"), ["PID-3.1", "PID-3.4.1", "PID-3.4.2", "PID-3[2]"]);
    assert_eq!(covered("PID-3[2].1"), ["PID-3[2]"]);
    assert_eq!(covered("PID-3[2].1.1"), ["PID-3[2]"]);
    assert_eq!(covered("PID-3.4"), ["PID-3.4.1", "PID-3.4.2"]);
    assert_eq!(covered("PID-5.1.1"), ["PID-5.1.1"]);
    assert_eq!(covered("PID").len(), 8);
    assert_eq!(covered("PID-1.2"), [""; 0]);
}

#[test]
fn z_segments_are_segments_like_others() {
    let message = message("MSH|^~\\&|A\rZPD|local^x\rZ01|y\r");
    assert_eq!(message.get("ZPD-1.2").unwrap(), "x");
    assert_eq!(message.get("Z01-1").unwrap(), "y");
}

#[test]
fn debug_shows_places_and_never_text() {
    let message = message("MSH|^~\\&|A\rPID|1||SECRET^SECRET&SECRET\r");
    let field = message.segment("PID").unwrap().field(3).unwrap();
    let shown = format!(
        "{message:?} {:?} {field:?} {:?} {:?}",
        message.segment("PID").unwrap(),
        field.first(),
        field.component(2).unwrap().subcomponent(1)
    );
    assert!(!shown.contains("SECRET") && shown.contains("PID-3"), "{shown}");
}
