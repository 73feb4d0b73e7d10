//! Taking a load through each of its steps.

use std::fmt;

use super::{Fault, FaultDisk};

/// How the program comes back after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The power went: [`FaultDisk::crash`].
    Crash,
    /// The process ended and was started again: [`FaultDisk::kill`].
    Kill,
}

/// One case of a [`walk`]. Its `Display` names all that is needed to run it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Seed of the disk.
    pub seed: u64,
    /// Step of the fault.
    pub step: u64,
    /// The fault.
    pub fault: Fault,
    /// What follows it.
    pub restart: Restart,
}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "seed {}, {:?} at step {}, then {:?}", self.seed, self.fault, self.step, self.restart)
    }
}

/// Runs a load once for every step that it takes, every kind of [`Fault`] at that step and both kinds of restart; then checks
/// the disk that is left. Returns the count of cases.
///
/// `load` does the work on an empty disk and returns what was acknowledged; it must bear errors at any call, and must do the
/// same each time it is given the same answers. `check` gets the disk after the restart, what the load returned, and the
/// case. Where `check` panics, the case is written to stderr.
pub fn walk<T>(
    seed: u64,
    mut load: impl FnMut(&FaultDisk) -> T,
    mut check: impl FnMut(FaultDisk, T, &Case),
) -> u64 {
    let quiet = FaultDisk::new(seed);
    drop(load(&quiet));
    let mut cases = 0;
    for step in 1..=quiet.steps() {
        for fault in Fault::ALL {
            for restart in [Restart::Crash, Restart::Kill] {
                if fault == Fault::PowerLoss && restart == Restart::Kill {
                    continue;
                }
                let case = Case { seed: seed.wrapping_add(cases), step, fault, restart };
                let _naming = NameOnPanic(case);
                let disk = FaultDisk::new(case.seed);
                disk.plan(step, fault);
                let acknowledged = load(&disk);
                let after = match restart {
                    Restart::Crash => disk.crash(),
                    Restart::Kill => disk.kill(),
                };
                check(after, acknowledged, &case);
                cases += 1;
            }
        }
    }
    cases
}

/// Says which case it was when a test stops in it.
struct NameOnPanic(Case);

impl Drop for NameOnPanic {
    #[expect(clippy::print_stderr, reason = "for tests: the seed must reach the reader of a failed one")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fault walk stopped at: {}", self.0);
        }
    }
}
