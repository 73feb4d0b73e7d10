use formats::hl7v2::{Charset, ParseOptions, parse, write};

use crate::{codes, read};

fn header(charset: &str) -> Vec<u8> {
    format!("MSH|^~\\&|A|||||||||||||||{charset}\rPID|1||7||").into_bytes()
}

#[track_caller]
fn check(charset: &str, bytes: &[u8], expected: &str) {
    let parsed = read(&[header(charset).as_slice(), bytes, b"^B\r"].concat());
    assert_eq!(codes(&parsed), [""; 0], "{charset}");
    assert_eq!(parsed.message.get("PID-5.1").unwrap(), expected, "{charset}");
    assert_eq!(parsed.message.get("PID-5.2").unwrap(), "B", "{charset}");
}

#[test]
fn names_of_table_0211_are_known() {
    check("ASCII", b"Muller", "Muller");
    check("8859/1", b"M\xFCller", "Müller");
    check("8859/2", b"\xA3uk", "Łuk");
    check("8859/5", b"\xB8\xD2\xD0\xDD", "Иван");
    check("8859/7", b"\xC1\xEB\xEB\xEF", "Αλλο");
    check("8859/9", b"\xDD\xFE", "İş");
    check("8859/15", b"\xA4", "€");
    check("GB 18030-2000", b"\xC0\xEE", "李");
    check("KS X 1001", b"\xB1\xE8", "김");
    check("BIG-5", b"\xA7\xF5", "李");
    check("ISO IR14", b"\xD4\xCF\xC0\xDE", "ﾔﾏﾀﾞ");
    check("UNICODE UTF-8", "Иван".as_bytes(), "Иван");
    check("utf-8", "Иван".as_bytes(), "Иван");
    check("ISO-8859-1", b"M\xFCller", "Müller");
    check("windows-1250", b"\x8Cwi\xEAty", "Święty");
}

#[test]
fn delimiters_inside_two_byte_characters_divide_nothing() {
    // The second byte of these is 5C and 7C.
    check("BIG-5", b"\xA5\x5C\xA5\x7C", "功四");
}

#[test]
fn a_repeating_msh_18_switches_by_escape_sequences() {
    check("~ISO IR87", b"Yamada=\x1B$B;3ED\x1B(B", "Yamada=山田");
    check("ASCII~ISO IR87", b"\\M2442\\;3ED\\C2842\\", "山田");
    check("ASCII~ISO IR159", b"\x1B$(D0!\x1B(B", "丂");
    check("ASCII~KS X 1001", b"\x1B$)C\xB1\xE8", "김");
    check("8859/1~8859/5", b"\xFC\x1B-L\xB8", "üИ");
}

#[test]
fn a_lost_escape_ends_with_its_line() {
    let parsed = read(b"MSH|^~\\&|A|||||||||||||||~ISO IR87\rPID|1||7||\x1B$B;3ED\rPV1|1|I\r");
    assert_eq!(parsed.message.get("PV1-2").unwrap(), "I");
}

#[test]
fn an_absent_msh_18_means_the_sources_set() {
    let bytes = b"MSH|^~\\&|A\rPID|1||7||M\xFCller\r";
    assert_eq!(codes(&read(bytes)), ["undecodable-bytes"]);
    let options = ParseOptions { default_charset: Charset::LATIN_1, ..ParseOptions::default() };
    let parsed = parse(bytes, &options).unwrap();
    assert_eq!(parsed.message.get("PID-5").unwrap(), "Müller");
    assert_eq!(parsed.problems, []);
}

#[test]
fn an_unknown_set_is_reported_and_the_sources_set_used() {
    let parsed = read(&[header("KLINGON").as_slice(), "Ü\r".as_bytes()].concat());
    assert_eq!(codes(&parsed), ["unknown-charset"]);
    assert_eq!(parsed.problems[0].location.unwrap().to_string(), "MSH-18");
    assert_eq!(parsed.message.get("PID-5").unwrap(), "Ü");
}

#[test]
fn a_message_that_says_ascii_and_is_not_is_reported() {
    let parsed = read(&[header("ASCII").as_slice(), "Ü\r".as_bytes()].concat());
    assert_eq!(codes(&parsed), ["not-ascii"]);
    assert_eq!(parsed.problems[0].location.unwrap().to_string(), "PID-5");
    assert_eq!(parsed.message.get("PID-5").unwrap(), "Ü");
    assert_eq!(write(&parsed.message), [header("ASCII").as_slice(), "Ü\r".as_bytes()].concat());
}

#[test]
fn utf_16_is_told_by_its_mark_or_its_header() {
    let text = "MSH|^~\\&|A|||||||||||||||UNICODE UTF-16\rPID|1||7||Ивá\r";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (mark, bytes) in [(&b""[..], &little), (b"\xFF\xFE", &little), (b"", &big), (b"\xFE\xFF", &big)] {
        let parsed = read(&[mark, bytes].concat());
        assert_eq!(parsed.message.get("PID-5").unwrap(), "Ивá");
        assert_eq!(parsed.problems, []);
        assert_eq!(&write(&parsed.message), bytes);
    }
}

#[test]
fn writing_uses_the_messages_own_set() {
    let bytes = b"MSH|^~\\&|A|||||||||||||||8859/1\rPID|1||7||M\xFCller\r";
    assert_eq!(write(&read(bytes).message), bytes);
    assert_eq!(Charset::ASCII.encode("ü").as_ref(), b"?");
    assert_eq!(Charset::LATIN_1.encode("ü漢").as_ref(), b"\xFC?");
}
