use formats::hl7v2::mllp::{FrameEvent, FrameReader, frame};
use formats::hl7v2::{Charset, Delimiters, escape, unescape};
use proptest::prelude::*;

use crate::invariants::{check_frames, check_message};
use crate::message;

/// Text that is full of what the parser cares about.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b"|"[..],
        b"^",
        b"~",
        b"\\",
        b"&",
        b"\r",
        b"\n",
        b"\r\n",
        b"\rOBX|",
        b"\nPID|",
        b"\rNTE",
        b"\rMSH|^~\\&",
        b"\\X0D\\",
        b"\\X",
        b"\\.br\\",
        b"\\F\\",
        b"\"\"",
        b"8859/1",
        b"\x1B$B",
        b"\xC3\xA4",
        b"\xFF",
        b"\x1C\r",
        b"\x0B",
        b"AB1",
        b"x",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_message(&bytes);
    }

    #[test]
    fn parsing_what_was_written_is_the_identity(tail in tricky(), header in prop::sample::select(vec![
        &b"MSH|^~\\&|A"[..], b"MSH|^~\\&#|A|B\r", b"MSH|^~\\&|\n", b"MSH|", b"MSH|^~", b"MSH|^~\\&|A|||||||||||||||",
    ])) {
        check_message(&[header, &tail].concat());
    }

    #[test]
    fn unescape_undoes_escape(text in "\\PC*|[|^~\\\\&#\r\n\t\"a-z]*") {
        for delimiters in [Delimiters::default(), Delimiters { truncation: Some(b'#'), ..Delimiters::default() }] {
            let escaped = escape(&text, &delimiters);
            prop_assert_eq!(unescape(&escaped, &delimiters, Charset::UTF_8), text.as_str());
        }
    }

    #[test]
    fn an_escaped_text_comes_back_from_its_field(text in "[|^~\\\\&#\r\n\t\" a-zä]{1,30}") {
        let escaped = escape(&text, &Delimiters::default()).into_owned();
        let message = message(&format!("MSH|^~\\&|A\rNTE|1||{escaped}|x^y\rPID|1\r"));
        prop_assert_eq!(message.get("NTE-3").unwrap(), text.as_str());
        prop_assert_eq!(message.get("NTE-4.2").unwrap(), "y");
    }

    #[test]
    fn frames_survive_any_cutting(
        messages in prop::collection::vec(prop::collection::vec(0x20u8..0x7F, 0..50), 0..6),
        sizes in prop::collection::vec(1usize..20, 1..10),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let mut reader = FrameReader::new(50);
        let mut found = Vec::new();
        let mut rest = stream.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            reader.push(chunk);
            rest = after;
            while let Some(event) = reader.next_event() {
                match event {
                    FrameEvent::Message(message) => found.push(message),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
        prop_assert_eq!(found, messages);
        prop_assert_eq!(reader.pending_bytes(), 0);
    }

    #[test]
    fn broken_streams_give_the_same_messages_however_cut(bytes in tricky(), size in 1usize..20) {
        check_frames(&bytes, size);
    }
}
