//! Messages of several connections, dealt with at once.

use ingest::Outcome;
use storage::fault::FaultDisk;

use crate::fixture::{adt, cause, channels, is_committed, on, told};

/// Outcomes of messages that are dealt with together on a fresh store.
fn together(messages: &[Vec<u8>]) -> (crate::fixture::Bench, Vec<Outcome>) {
    let bench = on(&FaultDisk::new(1), channels()).unwrap();
    let channel = bench.channel("adt");
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let received = bench.ingest.receive_hl7v2_together(&channel, &messages);
    let outcomes = received.into_iter().map(|received| received.outcome).collect();
    (bench, outcomes)
}

#[test]
fn each_of_them_is_committed_for_itself_and_answered_in_order() {
    let bench = on(&FaultDisk::new(1), channels()).unwrap();
    let channel = bench.channel("adt");
    let messages: Vec<Vec<u8>> = (0..12).map(|at| adt(&format!("C{at}"), &at.to_string(), "Alpha")).collect();
    let all: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let received = bench.ingest.receive_hl7v2_together(&channel, &all);
    assert_eq!(received.len(), 12);
    for (at, received) in received.iter().enumerate() {
        assert!(is_committed(&received.outcome), "{:?}", received.outcome);
        let (code, control_id, _) = told(&received.answers[0]);
        assert_eq!((code.as_str(), control_id), ("AA", format!("C{at}")));
    }
    bench.check();
}

#[test]
fn what_is_wrong_with_one_costs_the_others_nothing() {
    let (bench, outcomes) = together(&[
        adt("C1", "1", "Alpha"),
        b"this is no message".to_vec(),
        adt("C2", "2", "Beta"),
        adt("C1", "1", "Alpha"),
        adt("C3", "1", "Gamma"),
    ]);
    assert!(is_committed(&outcomes[0]));
    assert_eq!(cause(&outcomes[1]), "unreadable");
    assert!(is_committed(&outcomes[2]));
    assert_eq!(outcomes[3], Outcome::Unchanged, "the same message twice among them");
    assert!(is_committed(&outcomes[4]), "a later message of the same patient is joined with the first");
    assert_eq!(bench.aside().len(), 1);
    let patients = bench.history().into_iter().filter(|version| version.resource_type == "Patient");
    assert_eq!(patients.map(|version| version.version).max(), Some(2));
    bench.check();
}

#[test]
fn together_they_take_fewer_writes() {
    let steps = |together: bool| {
        let disk = FaultDisk::new(1);
        let bench = on(&disk, channels()).unwrap();
        let channel = bench.channel("adt");
        // What all messages share (the sender's device) is there beforehand.
        assert!(is_committed(&bench.send("adt", &adt("C", "first", "Alpha"))));
        let messages: Vec<Vec<u8>> =
            (0..10).map(|at| adt(&format!("C{at}"), &format!("m{at}"), "Beta")).collect();
        let all: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let before = disk.steps();
        if together {
            bench.ingest.receive_hl7v2_together(&channel, &all);
        } else {
            all.iter().for_each(|message| drop(bench.ingest.receive_hl7v2(&channel, message)));
        }
        disk.steps() - before
    };
    let (one_by_one, at_once) = (steps(false), steps(true));
    assert!(at_once * 4 < one_by_one, "{at_once} steps instead of {one_by_one}");
}
