//! Files of every shape into messages, and what is said of those that end too early.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use ingest::Outcome;
use ingest::files::{FileError, Taken, ingest_file};

use crate::fixture::{adt, patient};

const LIMIT: usize = 2000;

/// The messages of a file of these bytes.
fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Taken) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut messages = Vec::new();
    let taken = ingest_file(file.path(), LIMIT, &mut |bytes| {
        messages.push(bytes.to_vec());
        Outcome::Unchanged
    });
    assert_eq!(taken.tally.messages, messages.len() as u64);
    (messages, taken)
}

fn check(bytes: &[u8], expected: &[&[u8]]) {
    let (messages, taken) = read(bytes);
    assert!(taken.stopped.is_none(), "{:?}", taken.stopped);
    let shown: Vec<String> =
        messages.iter().map(|message| String::from_utf8_lossy(message).into_owned()).collect();
    let trimmed: Vec<&[u8]> = messages.iter().map(|message| message.trim_ascii()).collect();
    let expected: Vec<&[u8]> = expected.iter().map(|message| message.trim_ascii()).collect();
    assert_eq!(trimmed, expected, "{shown:?}");
    assert_eq!((taken.tally.files, taken.tally.skipped), (1, 0));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn hl7v2_stands_alone_after_another_in_batches_and_in_frames() {
    let (one, two) = (adt("C1", "1", "Alpha"), adt("C2", "2", "Beta"));
    check(&one, &[&one]);
    check(&[&one[..], b"\n\n", &two].concat(), &[&one, &two]);
    let batch = [b"FHS|^~\\&|A\rBHS|^~\\&|A\r", &one[..], &two, b"BTS|2\rFTS|1\r"].concat();
    check(&batch, &[&one, &two]);
    let framed = [b"\x0B", &one[..], b"\x1C\r\x0B", &two, b"\x1C\r"].concat();
    check(&framed, &[&one, &two]);
    check(&gzip(&batch), &[&one, &two]);
    check(&[b"\xEF\xBB\xBF", &one[..]].concat(), &[&one]);
}

#[test]
fn a_batch_that_lacks_something_says_so_and_gives_its_messages() {
    let one = adt("C1", "1", "Alpha");
    let (messages, taken) = read(&[b"BHS|^~\\&|A\r", &one[..], b"BTS|7\r"].concat());
    assert_eq!(messages.len(), 1);
    assert_eq!(taken.tally.problems.len(), 1);
    let (messages, taken) = read(&[b"BHS|^~\\&|A\r", &one[..]].concat());
    assert_eq!((messages.len(), taken.tally.problems.len()), (1, 1));
}

#[test]
fn utf16_hl7v2_is_one_message() {
    let text = String::from_utf8(adt("C1", "1", "Alpha")).unwrap();
    let wide: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let (messages, taken) = read(&wide);
    assert_eq!((messages.len(), taken.tally.files), (1, 1));
    let bench = crate::fixture::bench();
    assert!(crate::fixture::is_committed(&bench.send("adt", &messages[0])));
}

#[test]
fn json_stands_alone_pretty_or_not_and_as_lines() {
    let (one, two) = (patient("a", "Alpha"), patient("b", "Beta"));
    check(one.as_bytes(), &[one.as_bytes()]);
    check(format!("\u{FEFF}{one}").as_bytes(), &[format!("\u{FEFF}{one}").as_bytes()]);
    let pretty = "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"a\",\n  \"name\": [\n    {\n      \"family\": \"A\" } ]\n}\n";
    check(pretty.as_bytes(), &[pretty.as_bytes()]);
    let allman =
        "{\n\"resourceType\":\"Patient\",\"contact\":[\n{\"gender\":\"female\"},\n{\"gender\":\"male\"}]}";
    check(allman.as_bytes(), &[allman.as_bytes()]);
    let array = format!("[\n{one},\n{two}]");
    check(array.as_bytes(), &[array.as_bytes()]);
    let lines = format!("{one}\r\n\r\n  \n{two}\r\n{one}");
    check(lines.as_bytes(), &[one.as_bytes(), two.as_bytes(), one.as_bytes()]);
    check(&gzip(lines.as_bytes()), &[one.as_bytes(), two.as_bytes(), one.as_bytes()]);
    check(format!("\n\n{one}\n{two}").as_bytes(), &[one.as_bytes(), two.as_bytes()]);
    // Members of a gzip file follow each other, as `cat a.gz b.gz` makes it.
    let members = [gzip(format!("{one}\n").as_bytes()), gzip(two.as_bytes())].concat();
    check(&members, &[one.as_bytes(), two.as_bytes()]);
}

#[test]
fn a_broken_line_costs_its_own_message_alone() {
    let one = patient("a", "Alpha");
    let broken = &one[..20];
    for lines in [[broken, &one, &one], [&one, broken, &one], [&one, &one, broken], [&one, "oops", &one]] {
        let expected: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        check(lines.join("\n").as_bytes(), &expected);
    }
}

#[test]
fn what_is_no_format_of_ours_is_left_alone() {
    for bytes in
        [&b""[..], b"\x89PNG\r\n\x1A\n", b"Dear colleague,\nMSH is a segment.\n", b"PK\x03\x04", &gzip(b"")]
    {
        let (messages, taken) = read(bytes);
        assert!(messages.is_empty() && taken.stopped.is_none());
        assert_eq!((taken.tally.files, taken.tally.skipped), (0, 1));
    }
}

#[test]
fn a_line_over_the_limit_is_named_and_those_before_it_are_taken() {
    let one = patient("a", "Alpha");
    let long = patient("b", &"x".repeat(LIMIT));
    let (messages, taken) = read(format!("{one}\n{one}\n{long}\n{one}").as_bytes());
    assert_eq!(messages.len(), 2);
    assert!(matches!(taken.stopped, Some(FileError::LineTooLong { line: 3, bytes_max: LIMIT })));
    assert_eq!(taken.stopped.unwrap().to_string(), "line 3 is over 2000 bytes");
    // One JSON text that is too long is handed on just far enough to be refused.
    let pretty = format!("{{\n\"resourceType\":\"Patient\",\n{}}}", "\"active\":true,\n".repeat(LIMIT));
    let (messages, taken) = read(pretty.as_bytes());
    assert!(taken.stopped.is_none());
    assert!(messages[0].len() > LIMIT && messages[0].len() < LIMIT + 100);
}

#[test]
fn a_gzip_file_cut_short_gives_the_messages_before_the_cut() {
    let messages: Vec<Vec<u8>> =
        (0..400).map(|number| adt(&format!("C{number}"), &format!("{}", number * 7919), "Alpha")).collect();
    let whole = gzip(&messages.concat());
    let (found, taken) = read(&whole[..whole.len() / 2]);
    assert!(matches!(taken.stopped, Some(FileError::Read(_))));
    assert!(!found.is_empty() && found.len() < 400);
    for (found, sent) in found.iter().zip(&messages) {
        assert_eq!(found.trim_ascii(), sent.trim_ascii(), "only whole messages");
    }
    let lines: String = (0..400).map(|number| patient(&format!("p{}", number * 7919), "A") + "\n").collect();
    let whole = gzip(lines.as_bytes());
    let (found, taken) = read(&whole[..whole.len() / 2]);
    assert!(matches!(taken.stopped, Some(FileError::Read(_))));
    assert!(!found.is_empty());
    assert!(found.iter().all(|line| line.trim_ascii().ends_with(b"}]}")), "only whole lines");
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let taken = ingest_file(std::path::Path::new("/nowhere/at/all"), LIMIT, &mut |_| Outcome::Unchanged);
    assert!(matches!(taken.stopped, Some(FileError::Read(_))));
    assert_eq!(taken.tally.messages, 0);
}
