//! The shelf over a disk that fails at each of its steps.

use std::collections::BTreeMap;

use super::tests::{open, ring};
use super::*;
use crate::fault::{self, FaultDisk};

/// What may stand under each key: after an acknowledged call its outcome alone, after a failed one the outcome too.
type Allowed = BTreeMap<String, Vec<Option<Vec<u8>>>>;

fn note(allowed: &mut Allowed, key: &str, value: Option<Vec<u8>>, done: bool) {
    let outcomes = allowed.entry(key.to_owned()).or_insert_with(|| vec![None]);
    if done {
        outcomes.clear();
    }
    outcomes.push(value);
}

/// Puts, replaces, removes and streams, and starts anew in between; goes on after errors, as a job does.
fn load(ring: &KeyRing, disk: &FaultDisk) -> Allowed {
    let mut allowed = Allowed::new();
    for run in 0..3u8 {
        let Ok(shelf) = open(disk, ring) else { continue };
        for key in ["a", "b", "c"] {
            let value = format!("{key} of run {run}").into_bytes();
            let done = shelf.put("job", key, &value).is_ok();
            note(&mut allowed, key, Some(value), done);
        }
        let done = shelf.remove("job", "b").is_ok();
        note(&mut allowed, "b", None, done);
        let long = vec![run; 150_000];
        let done = shelf.writer("job", "long").and_then(|mut writer| {
            for piece in long.chunks(7_777) {
                writer.write_all(piece)?;
            }
            writer.finish()
        });
        note(&mut allowed, "long", Some(long), done.is_ok());
    }
    allowed
}

#[test]
fn what_was_acknowledged_survives_a_fault_at_any_step_and_nothing_is_ever_torn() {
    let ring = ring();
    for seed in 0..3 {
        let cases = fault::walk(
            seed * 10_000,
            |disk| load(&ring, disk),
            |disk, allowed, _| {
                disk.repair();
                let shelf = open(&disk, &ring).unwrap();
                let mut listed = Vec::new();
                for (key, outcomes) in &allowed {
                    let found = shelf.get("job", key).unwrap();
                    assert!(outcomes.contains(&found), "`{key}` is none of {} outcomes", outcomes.len());
                    listed.extend(found.map(|_| key.clone()));
                }
                assert_eq!(shelf.list("job").unwrap(), listed);
                shelf.put("job", "after", b"after").unwrap();
                drop(shelf);
                let left =
                    disk.files().iter().filter(|file| file.to_string_lossy().ends_with(".tmp")).count();
                assert_eq!(left, 0);
                assert_eq!(open(&disk, &ring).unwrap().get("job", "after").unwrap().unwrap(), b"after");
            },
        );
        assert!(cases > 300, "{cases}");
    }
}
