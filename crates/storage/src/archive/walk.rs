//! The archive over a disk that fails at each of its steps.

use super::*;
use crate::clock::SeededRandom;
use crate::fault::{self, FaultDisk};
use crate::keys::RootKey;

const DIR: &str = "/data/archive";

/// The ring stands on a disk of its own, which does not fail.
fn ring() -> KeyRing {
    let disk = Arc::new(FaultDisk::new(0));
    let random = Arc::new(SeededRandom::new(5));
    KeyRing::create(disk, Path::new("/keys"), RootKey::generate(&SeededRandom::new(1)), random).unwrap()
}

fn open(disk: &FaultDisk, ring: &KeyRing) -> Result<Archive, ArchiveError> {
    let options = ArchiveOptions { pack_bytes_max: 900, ..ArchiveOptions::default() };
    Archive::open(Arc::new(disk.clone()), Path::new(DIR), ring, TenantId::DEFAULT, options)
}

fn message(number: u32) -> Vec<u8> {
    format!("message {number} ").repeat(1 + number as usize % 7).into_bytes()
}

/// Puts messages, some at once, and starts anew in between; goes on after errors, as a channel does.
fn load(ring: &KeyRing, disk: &FaultDisk) -> Vec<u32> {
    let mut acknowledged = Vec::new();
    for run in 0..3u32 {
        let Ok(archive) = open(disk, ring) else { continue };
        for number in run * 10..run * 10 + 6 {
            if archive.put(&message(number)).is_ok() {
                acknowledged.push(number);
            }
        }
        let together: Vec<_> = (run * 10 + 6..run * 10 + 9).map(message).collect();
        if archive.put_all(together.iter().map(Vec::as_slice)).is_ok() {
            acknowledged.extend(run * 10 + 6..run * 10 + 9);
        }
    }
    acknowledged
}

fn check(ring: &KeyRing, disk: &FaultDisk, acknowledged: &[u32]) {
    disk.repair();
    let archive = open(disk, ring).unwrap();
    for number in acknowledged {
        let digest = archive.digest(&message(*number));
        assert_eq!(archive.get(&digest).unwrap().expect("it was acknowledged").bytes, message(*number));
    }
    let mut seen = Vec::new();
    for object in archive.replay(0) {
        let object = object.unwrap();
        assert!((0..30).any(|number| message(number) == object.bytes), "nothing but whole messages");
        seen.push(object.digest);
    }
    let objects = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), objects, "none twice");
    let digest = archive.put(b"after").unwrap();
    drop(archive);
    assert!(open(disk, ring).unwrap().contains(&digest));
}

#[test]
fn what_was_acknowledged_survives_a_fault_at_any_step() {
    let ring = ring();
    for seed in 0..3 {
        let cases = fault::walk(
            seed * 10_000,
            |disk| load(&ring, disk),
            |disk, acknowledged, _| check(&ring, &disk, &acknowledged),
        );
        assert!(cases > 300, "{cases}");
    }
}
