//! What must hold for any bytes at all. The fuzz targets include this file too.
#![allow(unreachable_pub, reason = "the fuzz targets include this file too")]

use formats::hl7v2::ack::{Ack, AckCode, AckError, AckStamp, ErrorCode, Severity, build};
use formats::hl7v2::batch::{Piece, split};
use formats::hl7v2::mllp::{FrameEvent, FrameReader, frame, take_frame};
use formats::hl7v2::{Charset, Limits, Message, ParseOptions, escape, parse, parse_header, unescape, write};

/// Reads `input` as a message and as a file, walks every view, writes it and answers it.
pub fn check_message(input: &[u8]) {
    let limits =
        Limits { message_bytes_max: 1 << 20, segments_max: 2_000, fields_max: 500, repetitions_max: 500 };
    let options = ParseOptions { limits, default_charset: Charset::UTF_8 };
    check_split(input);
    let _ = parse_header(input, &options);
    let Ok(parsed) = parse(input, &options) else {
        return;
    };
    let message = &parsed.message;
    assert!(parsed.problems.len() <= 101);
    assert_eq!(message.segment_at(0).map(|segment| segment.name()), Some("MSH"));
    check_views(message);
    check_written(message, &options);
    check_answer(message);
}

fn check_views(message: &Message) {
    let mut leaves = 0;
    for (location, text) in message.leaves() {
        leaves += 1;
        assert_eq!(
            location.to_string().parse::<formats::hl7v2::Location>().unwrap().to_string(),
            location.to_string()
        );
        assert!(location.covers(&location));
        // The first leaf of a place is what the path gives.
        if leaves < 200 {
            assert_eq!(message.at(&location).unwrap_or_default(), text);
        }
    }
    let delimiters = message.delimiters();
    for segment in message.segments() {
        assert!(!segment.raw().ends_with(['\r', '\n']));
        assert!(segment.field(segment.fields_count() + 1).is_none());
        for field in segment.fields() {
            let escaped = escape(field.raw(), delimiters);
            if delimiters.escape.is_some() {
                assert_eq!(unescape(&escaped, delimiters, Charset::UTF_8), field.raw());
            }
        }
        for note in message.notes_of(segment.index()) {
            assert_eq!(
                message.owner_of_note(note.index()).is_some(),
                segment.name() != "NTE" || segment.index() > 0
            );
        }
    }
}

/// Parsing what was written gives the same segments, where the character set can write all that was read.
fn check_written(message: &Message, options: &ParseOptions) {
    let names_charset = message.segment("MSH").is_some_and(|header| header.field(18).is_some());
    if message.charset() != Charset::UTF_8 || names_charset {
        return;
    }
    let bytes = write(message);
    // Regular line ends can only make a message longer by the last one.
    let limits = Limits { message_bytes_max: usize::MAX, ..options.limits };
    let again = parse(&bytes, &ParseOptions { limits, ..*options }).unwrap().message;
    assert_eq!(again.segments().count(), message.segments().count());
    for (left, right) in message.segments().zip(again.segments()) {
        assert_eq!(left.raw(), right.raw());
        assert_eq!(left.location(), right.location());
    }
    assert_eq!(write(&again), bytes);
}

fn check_answer(message: &Message) {
    let error = AckError {
        location: message.leaves().last().map(|(location, _)| location),
        code: ErrorCode::DataType,
        text: "a|b^c~d\\e&f\rg".to_owned(),
        severity: Severity::Error,
    };
    let ack = Ack { code: AckCode::AE, error: Some(error) };
    let stamp = AckStamp { time: "20260101", control_id: "1", application: "W", facility: "H" };
    let bytes = build(Some(message), &ack, &stamp);
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    let answer = parse(&bytes, &ParseOptions { limits, ..ParseOptions::default() }).unwrap().message;
    assert_eq!(answer.get("MSA-1").as_deref(), Some("AE"));
    let names: Vec<&str> = answer.segments().map(|segment| segment.name()).collect();
    assert_eq!(names, ["MSH", "MSA", "ERR"]);
}

/// The pieces of a file are in order, do not overlap and are parts of the file.
fn check_split(input: &[u8]) {
    let mut end = 0;
    for piece in split(input) {
        if let Piece::Message { offset, bytes } = piece {
            assert!(offset >= end && !bytes.is_empty());
            end = offset + bytes.len();
            assert_eq!(input.get(offset..end), Some(bytes));
        }
    }
}

/// Feeds `input` to a frame reader whole and in pieces of `chunk_bytes`: the messages must be the same.
pub fn check_frames(input: &[u8], chunk_bytes: usize) {
    let limit_bytes = 64;
    let whole = messages(input, input.len().max(1), limit_bytes);
    assert_eq!(messages(input, chunk_bytes.max(1), limit_bytes), whole);
    let mut rest = input;
    while let Ok(Some((message, length))) = take_frame(rest, limit_bytes) {
        assert_eq!(rest.get(..length), Some(frame(message).as_slice()));
        rest = rest.get(length..).unwrap_or(&[]);
    }
}

fn messages(input: &[u8], chunk_bytes: usize, limit_bytes: usize) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new(limit_bytes);
    let mut messages = Vec::new();
    for chunk in input.chunks(chunk_bytes) {
        reader.push(chunk);
        while let Some(event) = reader.next_event() {
            if let FrameEvent::Message(message) = event {
                assert!(message.len() <= limit_bytes);
                messages.push(message);
            }
        }
        assert!(reader.pending_bytes() <= limit_bytes + 2 + chunk_bytes);
    }
    messages
}
