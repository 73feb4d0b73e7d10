use formats::hl7v2::{Limits, ParseError, ParseOptions, parse, parse_header};

use crate::{codes, read};

fn refused(bytes: &[u8], limits: Limits) -> ParseError {
    parse(bytes, &ParseOptions { limits, ..ParseOptions::default() }).unwrap_err()
}

#[test]
fn a_message_without_a_usable_header_is_refused() {
    let none = Limits::default();
    assert_eq!(refused(b"", none), ParseError::Empty);
    assert_eq!(refused(b"\r\n \r\n\x0b\x1c", none), ParseError::Empty);
    assert_eq!(refused(b"PID|1||7\r", none), ParseError::NoHeader);
    assert_eq!(refused(b"MSH", none), ParseError::NoHeader);
    assert_eq!(refused(b"MSHA^~\\&A", none), ParseError::NoHeader);
    assert_eq!(refused(b"MSH|^^\\&|A", none), ParseError::Delimiters);
    assert_eq!(
        refused(b"MSH|^~\\^|A", none).to_string(),
        "MSH-1 and MSH-2 do not name usable, distinct delimiters"
    );
}

#[test]
fn each_limit_says_where_it_was_passed() {
    let limits = Limits { message_bytes_max: 100, segments_max: 3, fields_max: 12, repetitions_max: 3 };
    let long = format!("MSH|^~\\&|{}", "A".repeat(100));
    assert_eq!(refused(long.as_bytes(), limits), ParseError::TooLong { length_bytes: 109, limit_bytes: 100 });
    let segments = b"MSH|^~\\&|A\rPID|1\rPV1|1\rNTE|1\r";
    assert_eq!(refused(segments, limits), ParseError::TooManySegments { limit: 3, offset: 23 });
    let fields = refused(b"MSH|^~\\&|A\rPID|1||||||||||||\r", limits);
    assert_eq!(fields.to_string(), "segment PID[1] has more than 12 fields (offset 28)");
    let repetitions = refused(b"MSH|^~\\&|A\rPID|1||a~b~c~d\r", limits);
    assert_eq!(repetitions.to_string(), "field PID-3 has more than 3 repetitions (offset 23)");
    assert!(
        parse(b"MSH|^~\\&|A\rPID|1||a~b~c|a~b~c\r", &ParseOptions { limits, ..Default::default() }).is_ok()
    );
}

#[test]
fn the_header_of_a_refused_message_can_still_be_read() {
    let long = format!("MSH|^~\\&|A|B|C|D|2026||ADT^A01|77|P|2.3\r{}", "NTE|1\r".repeat(30_000));
    assert!(parse(long.as_bytes(), &ParseOptions::default()).is_err());
    let header = parse_header(long.as_bytes(), &ParseOptions::default()).unwrap();
    assert_eq!(header.control_id().unwrap(), "77");
    assert!(parse_header(b"PID|1", &ParseOptions::default()).is_none());
}

#[test]
fn what_stands_around_a_message_is_passed_over() {
    assert_eq!(codes(&read(b"\xEF\xBB\xBF\r\nMSH|^~\\&|A\r")), [""; 0]);
    assert_eq!(codes(&read(b"\x0BMSH|^~\\&|A\r\x1C\r")), [""; 0]);
    let junk = read(b"From: x\r\nMSH|^~\\&|A\r");
    assert_eq!(codes(&junk), ["junk-before-header"]);
    assert_eq!(junk.message.header(3).unwrap(), "A");
}

#[test]
fn odd_segment_names_and_second_headers_are_kept_and_reported() {
    let parsed = read(b"MSH|^~\\&|A\rpid|1\rPI|2\rLONG|3\rMSH|^~\\&|B\rPID|4\r");
    assert_eq!(codes(&parsed), ["segment-name", "segment-name", "segment-name", "second-header"]);
    assert_eq!(parsed.message.get("LONG-1").unwrap(), "3");
    assert_eq!(parsed.message.get("PID-1").unwrap(), "4");
    assert_eq!(parsed.message.get("MSH[2]-3").unwrap(), "B");
}

#[test]
fn problems_are_bounded() {
    let mut bytes = b"MSH|^~\\&|A\r".to_vec();
    for _ in 0..5000 {
        bytes.extend_from_slice(b"NTE|1||\xFF\r");
    }
    let parsed = read(&bytes);
    assert_eq!(parsed.problems.len(), 101);
    assert_eq!(codes(&parsed).last(), Some(&"more-problems"));
}
