use formats::hl7v2::batch::{BatchProblem, Piece, split};

fn found(input: &[u8]) -> (Vec<(usize, String)>, Vec<BatchProblem>) {
    let (mut messages, mut problems) = (Vec::new(), Vec::new());
    for piece in split(input) {
        match piece {
            Piece::Message { offset, bytes } => {
                assert!(input[offset..].starts_with(bytes));
                messages.push((offset, String::from_utf8_lossy(bytes).into_owned()));
            }
            Piece::Problem(problem) => problems.push(problem),
        }
    }
    (messages, problems)
}

#[test]
fn a_whole_batch_file_gives_its_messages() {
    for end in ["\r", "\n", "\r\n"] {
        let lines = [
            "FHS|^~\\&|A",
            "BHS|^~\\&|A",
            "MSH|^~\\&|1",
            "PID|1",
            "MSH|^~\\&|2",
            "PID|2",
            "BTS|2",
            "FTS|1",
            "",
        ];
        let (messages, problems) = found(lines.join(end).as_bytes());
        assert_eq!(problems, []);
        let texts: Vec<&str> = messages.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, [format!("MSH|^~\\&|1{end}PID|1"), format!("MSH|^~\\&|2{end}PID|2")]);
    }
}

#[test]
fn messages_one_after_another_need_no_batch_segments() {
    let (messages, problems) = found(b"\xEF\xBB\xBFMSH|^~\\&|1\rPID|1\r\rMSH*:-!+*2\r");
    assert_eq!(problems, []);
    assert_eq!(messages, [(3, "MSH|^~\\&|1\rPID|1".to_owned()), (21, "MSH*:-!+*2".to_owned())]);
}

#[test]
fn saved_mllp_frames_are_messages() {
    let (messages, problems) = found(b"\x0BMSH|^~\\&|1\rPID|1\r\x1C\r\x0BMSH|^~\\&|2\r\x1C\r");
    assert_eq!(problems, []);
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].1, "MSH|^~\\&|1\rPID|1");
}

#[test]
fn counts_that_are_wrong_are_reported() {
    let (messages, problems) = found(b"FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|1\rBTS|3\rFTS|2\r");
    assert_eq!(messages.len(), 1);
    let expected = [
        BatchProblem::Count { offset: 29, told: 3, found: 1 },
        BatchProblem::Count { offset: 35, told: 2, found: 1 },
    ];
    assert_eq!(problems, expected);
}

#[test]
fn trailers_and_headers_without_each_other_are_reported() {
    let (_, problems) = found(b"BHS|^~\\&\rMSH|^~\\&|1\rPID|1\r");
    assert_eq!(problems, [BatchProblem::NoTrailer { offset: 0 }]);
    let (_, problems) = found(b"MSH|^~\\&|1\rBTS|7\r");
    let count = BatchProblem::Count { offset: 11, told: 7, found: 1 };
    assert_eq!(problems, [BatchProblem::NoHeader { offset: 11 }, count]);
    let (_, problems) = found(b"BHS|^~\\&\rBHS|^~\\&\rBTS\r");
    assert_eq!(problems, [BatchProblem::NoTrailer { offset: 0 }]);
}

#[test]
fn lines_of_no_message_are_junk() {
    let (messages, problems) = found(b"hello\nworld\nMSH|^~\\&|1\r");
    assert_eq!(messages.len(), 1);
    assert_eq!(problems, [BatchProblem::Junk { offset: 0, length_bytes: 11 }]);
    assert_eq!(found(b"PID|1\r").1, [BatchProblem::Junk { offset: 0, length_bytes: 5 }]);
    assert_eq!(found(b" \r\n"), (vec![], vec![]));
}
