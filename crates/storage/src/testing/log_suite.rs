//! What every log must do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite stops at the first surprise")]

use crate::fault::Chance;
use crate::log::{Log, LogError, ReadLimit, Seq};
use crate::seal::Sealed;

/// Runs the behaviour suite on logs made by `make`, each new and empty.
pub fn log_suite(make: impl Fn() -> Box<dyn Log>) {
    an_empty_log_begins_with_record_one(make().as_ref());
    records_come_back_in_order(make().as_ref());
    a_writer_who_counts_wrong_loses(make().as_ref());
    nothing_appended_changes_nothing(make().as_ref());
    a_record_too_long_is_refused(make().as_ref());
    reads_stop_at_their_limits(make().as_ref());
    any_split_of_reads_gives_the_same(make().as_ref());
    racing_writers_lose_nothing_and_repeat_nothing(make().as_ref());
}

/// Runs the suite of logs that survive: `make` makes a new, empty place and returns what opens the log in it, again and again
/// (the suite drops one before it opens the next).
pub fn log_reopen_suite(make: impl Fn() -> Box<dyn Fn() -> Box<dyn Log>>) {
    records_survive_reopening(make().as_ref());
    an_empty_log_reopens_empty(make().as_ref());
}

fn payload(seed: u64, bytes: usize) -> Sealed {
    let mut chance = Chance::new(seed);
    Sealed::from_bytes((0..bytes).map(|_| chance.next() as u8).collect())
}

/// All records, by reads of this limit.
fn read_all(log: &dyn Log, limit: ReadLimit) -> Vec<(Seq, Sealed)> {
    let mut all: Vec<(Seq, Sealed)> = Vec::new();
    loop {
        let from = all.last().map_or(Seq::ZERO, |(seq, _)| seq.next());
        let page = log.read(from, limit).unwrap();
        assert!(page.len() <= limit.records_max);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn assert_numbered(records: &[(Seq, Sealed)]) {
    for (index, (seq, _)) in records.iter().enumerate() {
        assert_eq!(*seq, Seq::FIRST.plus(index as u64), "records are numbered from 1 without gaps");
    }
}

/// Appends batches of random count and length, and returns all records.
fn fill(log: &dyn Log, seed: u64, batches: usize) -> Vec<Sealed> {
    let mut chance = Chance::new(seed);
    let mut all = Vec::new();
    for _ in 0..batches {
        let count = 1 + chance.below(6);
        let batch: Vec<_> = (0..count)
            .map(|_| {
                let long = chance.below(10) == 0;
                let bytes = chance.below(if long { 20_000 } else { 300 });
                payload(chance.next(), bytes)
            })
            .collect();
        let next = log.next();
        assert_eq!(log.append(next, &batch).unwrap(), next);
        assert_eq!(log.next(), next.plus(count as u64));
        all.extend(batch);
    }
    all
}

fn an_empty_log_begins_with_record_one(log: &dyn Log) {
    assert_eq!(log.next(), Seq::FIRST);
    for from in [0, 1, 2, u64::MAX] {
        assert!(log.read(Seq(from), ReadLimit::default()).unwrap().is_empty());
    }
}

fn records_come_back_in_order(log: &dyn Log) {
    let written = fill(log, 1, 60);
    let read = read_all(log, ReadLimit::default());
    assert_numbered(&read);
    assert_eq!(read.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), written);
}

fn a_writer_who_counts_wrong_loses(log: &dyn Log) {
    log.append(Seq::FIRST, &[payload(1, 10), payload(2, 0)]).unwrap();
    for wrong in [0, 1, 2, 4, u64::MAX] {
        match log.append(Seq(wrong), &[payload(3, 10)]) {
            Err(LogError::LostRace { next }) => assert_eq!(next, Seq(3)),
            other => panic!("a wrong number was answered with {other:?}"),
        }
    }
    assert_eq!(read_all(log, ReadLimit::default()).len(), 2);
    log.append(Seq(3), &[payload(3, 10)]).unwrap();
}

fn nothing_appended_changes_nothing(log: &dyn Log) {
    assert_eq!(log.append(Seq::FIRST, &[]).unwrap(), Seq::FIRST);
    assert!(matches!(log.append(Seq(9), &[]), Err(LogError::LostRace { next: Seq::FIRST })));
    assert_eq!(log.next(), Seq::FIRST);
}

fn a_record_too_long_is_refused(log: &dyn Log) {
    // One allocation of zeros that is never touched.
    let long = Sealed::from_bytes(vec![0; crate::log::RECORD_BYTES_MAX + 1]);
    assert!(matches!(log.append(Seq::FIRST, &[payload(1, 5), long]), Err(LogError::TooLarge { .. })));
    assert_eq!(log.next(), Seq::FIRST, "no record of a refused batch stays");
    log.append(Seq::FIRST, &[payload(1, 5)]).unwrap();
}

fn reads_stop_at_their_limits(log: &dyn Log) {
    let batch: Vec<_> = (0..10).map(|index| payload(index, 100)).collect();
    log.append(Seq::FIRST, &batch).unwrap();
    let count =
        |records_max, bytes_max| log.read(Seq(3), ReadLimit { records_max, bytes_max }).unwrap().len();
    assert_eq!(count(100, 1_000_000), 8);
    assert_eq!(count(3, 1_000_000), 3);
    assert_eq!(count(100, 300), 3);
    assert_eq!(count(100, 399), 3);
    assert_eq!(count(100, 1), 1, "the first record is given even if it is too long");
    assert_eq!(count(0, 1_000_000), 0);
    assert_eq!(log.read(Seq(11), ReadLimit::default()).unwrap().len(), 0);
}

fn any_split_of_reads_gives_the_same(log: &dyn Log) {
    let written = fill(log, 2, 40);
    for (records_max, bytes_max) in [(1, 1), (3, 1_000_000), (1_000, 700), (7, 5_000), (100, 100_000)] {
        let read = read_all(log, ReadLimit { records_max, bytes_max });
        assert_numbered(&read);
        assert!(read.iter().map(|(_, record)| record).eq(&written));
    }
    for from in 1..=written.len() {
        let one = log.read(Seq(from as u64), ReadLimit { records_max: 1, bytes_max: 1 }).unwrap();
        assert_eq!(one, [(Seq(from as u64), written[from - 1].clone())]);
    }
}

fn racing_writers_lose_nothing_and_repeat_nothing(log: &dyn Log) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 40;
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let mut next = log.next();
                for index in 0..EACH {
                    let record = Sealed::from_bytes([writer.to_be_bytes(), index.to_be_bytes()].concat());
                    loop {
                        match log.append(next, std::slice::from_ref(&record)) {
                            Ok(seq) => {
                                next = seq.next();
                                break;
                            }
                            Err(LogError::LostRace { next: really }) => next = really,
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            });
        }
    });
    let read = read_all(log, ReadLimit::default());
    assert_numbered(&read);
    assert_eq!(read.len() as u64, WRITERS * EACH);
    for writer in 0..WRITERS {
        let own: Vec<_> = read
            .iter()
            .filter_map(|(_, record)| record.as_bytes().strip_prefix(writer.to_be_bytes().as_slice()))
            .map(<[u8]>::to_vec)
            .collect();
        assert!(
            own.into_iter().eq((0..EACH).map(|index| index.to_be_bytes().to_vec())),
            "in the writer's order"
        );
    }
}

fn records_survive_reopening(open: &dyn Fn() -> Box<dyn Log>) {
    let mut written = Vec::new();
    for round in 0..6 {
        let log = open();
        assert_eq!(log.next(), Seq::FIRST.plus(written.len() as u64));
        let read = read_all(log.as_ref(), ReadLimit::default());
        assert_numbered(&read);
        assert!(read.iter().map(|(_, record)| record).eq(&written));
        written.extend(fill(log.as_ref(), round, 12));
    }
}

fn an_empty_log_reopens_empty(open: &dyn Fn() -> Box<dyn Log>) {
    for _ in 0..3 {
        an_empty_log_begins_with_record_one(open().as_ref());
    }
}
