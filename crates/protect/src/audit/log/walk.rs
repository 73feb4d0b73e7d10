//! The audit log over a disk that fails at each of its steps.

use std::path::Path;

use storage::clock::{ManualClock, SeededRandom};
use storage::fault::{self, FaultDisk};
use storage::keys::RootKey;

use super::tests::event;
use super::*;
use crate::audit::verify::verify;

const DIR: &str = "/data/audit";

/// The ring stands on a disk of its own, which does not fail.
fn ring() -> KeyRing {
    let disk = Arc::new(FaultDisk::new(0));
    let random = Arc::new(SeededRandom::new(5));
    KeyRing::create(disk, Path::new("/keys"), RootKey::generate(&SeededRandom::new(1)), random).unwrap()
}

fn open(disk: &FaultDisk, ring: &KeyRing) -> Result<AuditLog, AuditError> {
    let options = AuditOptions { background: false, ..AuditOptions::default() };
    AuditLog::open(Arc::new(disk.clone()), Path::new(DIR), ring, Arc::new(ManualClock::new(7)), options)
}

/// What the log said.
#[derive(Default)]
struct Said {
    /// Events that were recorded, in order. One that was refused may nevertheless be there after a restart.
    recorded: Vec<(u64, u64)>,
    /// Of these, how many were known to be durable.
    durable: usize,
}

/// Records, syncs, settles and starts anew, as servers do; an error ends a run.
fn load(ring: &KeyRing, disk: &FaultDisk, batch: u64) -> Said {
    let mut said = Said::default();
    for run in 0..3 {
        if one_run(ring, disk, run, batch, &mut said).is_err() {
            // What was recorded since the last sync may be lost: that is what a log that is not strict promises.
            said.recorded.truncate(said.durable);
        }
    }
    said
}

fn one_run(
    ring: &KeyRing,
    disk: &FaultDisk,
    run: u64,
    batch: u64,
    said: &mut Said,
) -> Result<(), AuditError> {
    let log = open(disk, ring)?;
    for step in 0..3 {
        for number in 0..batch {
            let number = run * 10_000 + step * 1000 + number;
            let receipt = log.record(&event(number))?;
            said.recorded.push((receipt.index, number));
        }
        if step == 1 {
            log.settle()?
        } else {
            log.sync()?
        };
        said.durable = said.recorded.len();
    }
    Ok(())
}

fn check(ring: &KeyRing, disk: &FaultDisk, said: &Said) {
    disk.repair();
    let dir = Path::new(DIR);
    let log = open(disk, ring).unwrap();
    let found = log.list(&Filter { limit: 100_000, ..Filter::default() }).unwrap();
    for (place, (index, number)) in said.recorded.iter().enumerate() {
        let there = found.get(*index as usize).is_some_and(|(_, found)| *found == event(*number));
        assert!(there || place >= said.durable, "a durable event is lost");
    }
    let mut numbers: Vec<_> = found.iter().map(|(_, event)| event.time_ms).collect();
    let rows = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), rows, "none twice");
    log.record(&event(99)).unwrap();
    drop(log);
    let report = verify(disk, dir, &note_key(ring).unwrap()).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.tree_size, rows as u64 + 1);
}

#[test]
fn what_was_synced_survives_a_fault_at_any_step() {
    let ring = ring();
    for (seed, batch) in [(0, 2), (100_000, 3)] {
        let cases =
            fault::walk(seed, |disk| load(&ring, disk, batch), |disk, said, _| check(&ring, &disk, &said));
        assert!(cases > 300, "{cases}");
    }
}

#[test]
fn tiles_survive_faults_too() {
    // Enough rows for full tiles; only some of the steps, for there are many.
    let ring = ring();
    let quiet = FaultDisk::new(1);
    load(&ring, &quiet, 200);
    for (at, step) in (1..=quiet.steps()).step_by(149).enumerate() {
        for fault in fault::Fault::ALL {
            let disk = FaultDisk::new(step);
            disk.plan(step, fault);
            let said = load(&ring, &disk, 200);
            let after = if at % 2 == 0 { disk.crash() } else { disk.kill() };
            check(&ring, &after, &said);
        }
    }
}
