use formats::hl7v2::mllp::{FrameError, FrameEvent, FrameReader, frame, take_frame};

fn events(limit_bytes: usize, chunks: &[&[u8]]) -> (Vec<FrameEvent>, Option<FrameEvent>) {
    let mut reader = FrameReader::new(limit_bytes);
    let mut events = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        while let Some(event) = reader.next_event() {
            events.push(event);
        }
    }
    (events, reader.finish())
}

fn message(bytes: &[u8]) -> FrameEvent {
    FrameEvent::Message(bytes.to_vec())
}

#[test]
fn a_whole_frame_is_taken_and_a_part_waits() {
    assert_eq!(take_frame(b"\x0Bab\x1C\x0D\x0Bc", 10), Ok(Some((&b"ab"[..], 5))));
    for part in [&b""[..], b"\x0B", b"\x0Bab", b"\x0Bab\x1C"] {
        assert_eq!(take_frame(part, 2), Ok(None), "{part:?}");
    }
    assert_eq!(take_frame(b"xab", 10), Err(FrameError::NoStart));
    assert_eq!(take_frame(b"\x0Babc\x1C\x0D", 2), Err(FrameError::TooLong { limit_bytes: 2 }));
    assert_eq!(take_frame(b"\x0Babcd", 2), Err(FrameError::TooLong { limit_bytes: 2 }));
    assert_eq!(take_frame(&frame(b""), 0), Ok(Some((&b""[..], 3))));
}

#[test]
fn an_end_byte_alone_is_data() {
    assert_eq!(events(10, &[b"\x0Ba\x1Cb\x1C\x0D"]), (vec![message(b"a\x1Cb")], None));
}

#[test]
fn junk_between_frames_is_reported_and_line_ends_are_not() {
    let (found, rest) = events(10, &[b"GET\x0Ba\x1C\x0D\r\n\x0Bb\x1C\x0D"]);
    assert_eq!(found, [FrameEvent::Junk { count: 3 }, message(b"a"), message(b"b")]);
    assert_eq!(rest, None);
}

#[test]
fn a_frame_that_never_ended_is_dropped_at_the_next_start() {
    let (found, _) = events(100, &[b"\x0BMSH|one", b"\x0BMSH|two\x1C\x0D"]);
    assert_eq!(found, [FrameEvent::Unended { count: 7 }, message(b"MSH|two")]);
    let (found, rest) = events(100, &[b"\x0BMSH|one\x0Bvertical tab\x1C\x0D\x0Bz"]);
    assert_eq!(found, [message(b"MSH|one\x0Bvertical tab")]);
    assert_eq!(rest, Some(FrameEvent::Unended { count: 2 }));
}

#[test]
fn a_frame_over_the_limit_is_dropped_and_the_next_one_read() {
    for size in [1, 2, 3, 7, 1000] {
        let stream = [frame(&[b'x'; 40]), frame(b"ok"), frame(&[b'y'; 10])].concat();
        let chunks: Vec<&[u8]> = stream.chunks(size).collect();
        let (found, _) = events(10, &chunks);
        assert_eq!(
            found,
            [FrameEvent::TooLong { limit_bytes: 10 }, message(b"ok"), message(&[b'y'; 10])],
            "{size}"
        );
    }
}

#[test]
fn a_stream_without_end_holds_no_more_than_the_limit() {
    let mut reader = FrameReader::new(1000);
    reader.push(b"\x0B");
    for _ in 0..1000 {
        reader.push(&[b'x'; 100]);
        while reader.next_event().is_some() {}
        assert!(reader.pending_bytes() <= 1002);
    }
}

#[test]
fn debug_of_an_event_shows_no_message() {
    assert_eq!(format!("{:?}", message(b"SECRET")), "Message(6 bytes)");
}
