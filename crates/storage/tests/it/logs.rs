//! Logs through the behaviour suite, through every fault, and damaged.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use storage::disk::{Disk, OpenMode, RealDisk};
use storage::fault::{self, Fault, FaultDisk};
use storage::log::{FileLog, FileLogOptions, Log, LogError, MemoryLog, ReadLimit, Seq};
use storage::seal::Sealed;
use storage::testing::{log_reopen_suite, log_suite};

const DIR: &str = "/data/log";

/// Segments so short that a load goes through several.
const SHORT: FileLogOptions = FileLogOptions { tenant: 1, partition: 0, segment_bytes_max: 600 };

fn open(disk: &FaultDisk, options: FileLogOptions) -> Result<FileLog, LogError> {
    FileLog::open(Arc::new(disk.clone()), Path::new(DIR), options)
}

fn record(index: u64) -> Sealed {
    // Lengths from 0 to 200, contents that name the record.
    let bytes = (index * 37 % 201) as usize;
    Sealed::from_bytes(index.to_be_bytes().iter().copied().cycle().take(bytes).collect())
}

fn records(from: u64, count: u64) -> Vec<Sealed> {
    (from..from + count).map(record).collect()
}

fn read_all(log: &dyn Log) -> Vec<(Seq, Sealed)> {
    let mut all: Vec<(Seq, Sealed)> = Vec::new();
    loop {
        let from = all.last().map_or(Seq::ZERO, |(seq, _)| seq.next());
        let page = log.read(from, ReadLimit { records_max: 7, bytes_max: 1000 }).unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// All records are there once, in order, each with its content.
fn assert_records(log: &dyn Log, count: u64) {
    let all = read_all(log);
    assert_eq!(all.len() as u64, count);
    for (index, (seq, content)) in all.iter().enumerate() {
        assert_eq!(*seq, Seq::FIRST.plus(index as u64));
        assert_eq!(*content, record(seq.0));
    }
    assert_eq!(log.next(), Seq::FIRST.plus(count));
}

/// Appends `batches` batches of 1 to 4 records.
fn load(log: &dyn Log, batches: u64) -> u64 {
    for batch in 0..batches {
        let next = log.next();
        log.append(next, &records(next.0, 1 + batch % 4)).unwrap();
    }
    log.next().0 - 1
}

#[test]
fn the_log_in_memory_passes_the_suite() {
    log_suite(|| Box::new(MemoryLog::new()));
}

#[test]
fn the_log_on_files_passes_the_suites_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    let place = || {
        count.set(count.get() + 1);
        folder.path().join(count.get().to_string())
    };
    let options = |segment_bytes_max| FileLogOptions { segment_bytes_max, ..FileLogOptions::default() };
    for segment_bytes_max in [1, 5_000, 64 << 20] {
        let options = options(segment_bytes_max);
        log_suite(|| Box::new(FileLog::open(Arc::new(RealDisk), &place(), options).unwrap()));
    }
    log_reopen_suite(|| {
        let path = place();
        Box::new(move || Box::new(FileLog::open(Arc::new(RealDisk), &path, options(5_000)).unwrap()))
    });
}

#[test]
fn the_log_on_files_passes_the_suites_on_a_disk_that_could_fail() {
    let options = FileLogOptions { segment_bytes_max: 5_000, ..FileLogOptions::default() };
    log_suite(|| Box::new(open(&FaultDisk::new(1), options).unwrap()));
    log_reopen_suite(|| {
        let disk = FaultDisk::new(2);
        Box::new(move || Box::new(open(&disk, options).unwrap()))
    });
}

/// What a writer knows after a load under faults.
#[derive(Default)]
struct Known {
    /// Records acknowledged.
    acknowledged: u64,
    /// The most that may be there: an append whose fate is unknown may have stayed.
    possible: u64,
}

/// Opens the log, appends, closes, opens again and appends, whatever happens on the way.
fn load_under_faults(disk: &FaultDisk) -> Known {
    let mut known = Known::default();
    for _ in 0..2 {
        let Ok(log) = open(disk, SHORT) else { continue };
        let found = log.next().0 - 1;
        assert!(
            (known.acknowledged..=known.possible).contains(&found),
            "{found} records at a second opening"
        );
        known = Known { acknowledged: found, possible: found };
        for batch in 0..7 {
            let next = log.next();
            let batch = records(next.0, 1 + batch % 4);
            match log.append(next, &batch) {
                Ok(_) => {
                    known.acknowledged = next.0 - 1 + batch.len() as u64;
                    known.possible = known.acknowledged;
                    assert_records(&log, known.acknowledged);
                }
                Err(LogError::Full(_)) => {
                    // As before: the writer may go on.
                    assert_eq!(log.next(), next);
                    assert_records(&log, known.acknowledged);
                }
                Err(LogError::Io(_)) => {
                    known.possible = next.0 - 1 + batch.len() as u64;
                    let refused = log.append(next, &batch);
                    assert!(matches!(refused, Err(LogError::Poisoned)), "{refused:?}");
                    assert!(matches!(log.read(Seq::FIRST, ReadLimit::default()), Err(LogError::Poisoned)));
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    known
}

#[test]
fn after_a_fault_at_any_step_every_acknowledged_record_is_there_once() {
    let mut cases = 0;
    for seed in [1, 1_000_000, 2_000_000] {
        cases += fault::walk(seed, load_under_faults, |disk, known, case| {
            let found = {
                let log =
                    open(&disk, SHORT).unwrap_or_else(|error| panic!("{case}: it does not open: {error}"));
                let found = log.next().0 - 1;
                assert!((known.acknowledged..=known.possible).contains(&found), "{case}: {found} records");
                assert_records(&log, found);
                log.verify(&mut |_, _| {}).unwrap();
                log.append(Seq(found + 1), &records(found + 1, 3)).unwrap();
                found
            };
            // What a reader saw after the restart is never lost by the next power loss.
            let log = open(&disk.crash(), SHORT).unwrap();
            assert_records(&log, found + 3);
        });
    }
    eprintln!("{cases} cases");
    assert!(cases > 500);
}

#[test]
fn a_fault_during_recovery_is_recovered_from_too() {
    // A disk with a torn tail: a load whose power went.
    for seed in 0..40 {
        let broken = || {
            let disk = FaultDisk::new(seed);
            disk.plan(20 + seed, Fault::PowerLoss);
            let known = load_under_faults(&disk);
            (disk.crash(), known)
        };
        let steps = {
            let (disk, _) = broken();
            drop(open(&disk, SHORT));
            disk.steps()
        };
        for step in 1..=steps {
            for fault in Fault::ALL {
                let (disk, known) = broken();
                disk.plan(step, fault);
                let seen = open(&disk, SHORT).map(|log| log.next().0 - 1);
                let log = open(&disk.crash(), SHORT).unwrap();
                let found = log.next().0 - 1;
                assert!(
                    (known.acknowledged..=known.possible).contains(&found),
                    "seed {seed} step {step} {fault:?}"
                );
                if let Ok(seen) = seen {
                    assert_eq!(seen, found, "seed {seed} step {step} {fault:?}: what was seen is lost");
                }
                assert_records(&log, found);
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    for seed in 0..30 {
        let disk = FaultDisk::new(seed);
        let log = open(&disk, SHORT).unwrap();
        let before = load(&log, 9);
        disk.plan(disk.steps() + 1, Fault::StaysFull);
        for _ in 0..3 {
            let refused = log.append(log.next(), &records(before + 1, 4));
            assert!(matches!(refused, Err(LogError::Full(_))), "{refused:?}");
        }
        assert_records(&log, before);
        disk.repair();
        let after = load(&log, 4);
        drop(log);
        assert_records(&open(&disk.crash(), SHORT).unwrap(), after);
    }
}

#[test]
fn a_second_opener_is_refused() {
    let disk = FaultDisk::new(1);
    let log = open(&disk, SHORT).unwrap();
    assert!(matches!(open(&disk, SHORT), Err(LogError::Locked)));
    drop(log);
    open(&disk, SHORT).unwrap();
}

#[test]
fn a_log_of_another_tenant_or_partition_is_refused() {
    let disk = FaultDisk::new(1);
    load(&open(&disk, SHORT).unwrap(), 3);
    for options in [FileLogOptions { tenant: 2, ..SHORT }, FileLogOptions { partition: 1, ..SHORT }] {
        assert!(matches!(open(&disk, options), Err(LogError::Foreign { .. })));
    }
    open(&disk, SHORT).unwrap();
}

fn segments(disk: &FaultDisk) -> Vec<std::path::PathBuf> {
    disk.files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "log")).collect()
}

#[test]
fn damage_before_the_last_batch_is_named_and_never_cut_away() {
    let disk = FaultDisk::new(1);
    let options = FileLogOptions { segment_bytes_max: 3_000, ..SHORT };
    let count = load(&open(&disk, options).unwrap(), 30);
    let segments = segments(&disk);
    assert!(segments.len() > 2);
    let lens: Vec<_> = segments.iter().map(|path| disk.len(path).unwrap() as usize).collect();
    for (index, path) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        // The last batch of all cannot be told from a torn tail.
        let end = if is_last { lens[index].saturating_sub(700) } else { lens[index] };
        for offset in (0..end).step_by(13) {
            disk.damage(path, |bytes| bytes[offset] ^= 0x10).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let outcome = open(&disk, options).and_then(|log| log.verify(&mut |_, _| {}));
            match outcome {
                Err(LogError::Corrupt { segment, offset_bytes, .. }) => {
                    assert_eq!(segment, name);
                    assert!(offset_bytes <= offset as u64 && offset as u64 - offset_bytes < 300);
                }
                // Header fields are behind the header's checksum, so they too are damage and nothing else.
                other => panic!("a flipped bit at {offset} of {name} was answered with {other:?}"),
            }
            disk.damage(path, |bytes| bytes[offset] ^= 0x10).unwrap();
        }
    }
    assert_records(&open(&disk, options).unwrap(), count);
}

#[test]
fn a_missing_segment_is_named() {
    let disk = FaultDisk::new(1);
    load(&open(&disk, SHORT).unwrap(), 12);
    let segments = segments(&disk);
    let bytes = storage::disk::read(&disk, &segments[1], 1 << 20).unwrap();
    disk.remove(&segments[1]).unwrap();
    let log = open(&disk, SHORT).unwrap();
    assert!(matches!(log.verify(&mut |_, _| {}), Err(LogError::Corrupt { .. })));
    assert!(matches!(log.read(Seq::FIRST, ReadLimit::default()), Err(LogError::Corrupt { .. })));
    drop(log);
    disk.open(&segments[1], OpenMode::CreateNew).unwrap().write_at(0, &bytes).unwrap();
    open(&disk, SHORT).unwrap().verify(&mut |_, _| {}).unwrap();
    disk.remove(&segments[0]).unwrap();
    assert!(matches!(open(&disk, SHORT), Err(LogError::Corrupt { .. })));
}

#[test]
fn two_swapped_segments_are_noticed() {
    let disk = FaultDisk::new(1);
    load(&open(&disk, SHORT).unwrap(), 12);
    let segments = segments(&disk);
    disk.rename(&segments[0], Path::new("/data/log/x")).unwrap();
    disk.rename(&segments[1], &segments[0]).unwrap();
    disk.rename(Path::new("/data/log/x"), &segments[1]).unwrap();
    let log = open(&disk, SHORT).unwrap();
    assert!(matches!(log.verify(&mut |_, _| {}), Err(LogError::Foreign { .. })));
}

#[test]
fn verify_counts_what_is_there_and_tells_its_progress() {
    let disk = FaultDisk::new(1);
    let log = open(&disk, SHORT).unwrap();
    let count = load(&log, 12);
    let mut told = Vec::new();
    let report = log.verify(&mut |done, total| told.push((done, total))).unwrap();
    assert_eq!(report.records, count);
    assert_eq!(report.segments as usize, segments(&disk).len());
    assert_eq!(told.last(), Some(&(report.bytes, report.bytes)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any tail behind the durable records, be it zeros, noise or a part of a record, is cut on opening.
    #[test]
    fn any_tail_is_cut(seed in any::<u64>(), batches in 1u64..8, tail in prop::collection::vec(any::<u8>(), 1..600)) {
        let disk = FaultDisk::new(seed);
        let options = FileLogOptions { segment_bytes_max: 1 << 20, ..SHORT };
        let count = load(&open(&disk, options).unwrap(), batches);
        disk.damage(&segments(&disk)[0], |bytes| bytes.extend_from_slice(&tail)).unwrap();
        let log = open(&disk, options).unwrap();
        assert_records(&log, count);
        let after = load(&log, 3);
        drop(log);
        assert_records(&open(&disk.crash(), options).unwrap(), after);
    }

    /// A log cut at any byte opens with the records that are whole.
    #[test]
    fn a_cut_log_is_a_prefix(seed in any::<u64>(), batches in 1u64..8, cut in any::<prop::sample::Index>()) {
        let disk = FaultDisk::new(seed);
        let options = FileLogOptions { segment_bytes_max: 1 << 20, ..SHORT };
        let count = load(&open(&disk, options).unwrap(), batches);
        let path = segments(&disk)[0].clone();
        let len = disk.len(&path).unwrap() as usize;
        let cut = cut.index(len + 1);
        disk.damage(&path, |bytes| bytes.truncate(cut)).unwrap();
        let log = open(&disk, options).unwrap();
        let found = log.next().0 - 1;
        prop_assert!(found <= count);
        prop_assert!(cut < len || found == count);
        assert_records(&log, found);
    }

    /// No bytes in a segment make the reader panic, and none are taken for records.
    #[test]
    fn no_bytes_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let disk = FaultDisk::new(1);
        drop(open(&disk, SHORT).unwrap());
        disk.damage(&segments(&disk)[0], |file| *file = bytes.clone()).unwrap();
        if let Ok(log) = open(&disk, SHORT) {
            prop_assert_eq!(log.next(), Seq::FIRST);
        }
    }
}

/// Bytes as the documentation shows them: 16 a line, hexadecimal, with their offset.
fn hex_lines(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .enumerate()
        .map(|(line, chunk)| {
            let hex: Vec<_> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:04x}  {}\n", line * 16, hex.join(" "))
        })
        .collect()
}

#[test]
fn the_layout_is_that_of_the_worked_example() {
    let disk = FaultDisk::new(1);
    let log = open(&disk, FileLogOptions { tenant: 1, ..FileLogOptions::default() }).unwrap();
    let batch = [Sealed::from_bytes(vec![0xAA, 0xBB, 0xCC]), Sealed::from_bytes(Vec::new())];
    log.append(Seq::FIRST, &batch).unwrap();
    let bytes = storage::disk::read(&disk, &segments(&disk)[0], 1000).unwrap();
    let lines = hex_lines(&bytes);
    let page = include_str!("../../../../docs/internals/log.md");
    assert!(page.contains(&lines), "the example should be:\n{lines}");
}
