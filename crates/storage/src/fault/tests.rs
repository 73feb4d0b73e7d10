#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

use super::*;
use crate::disk;

fn data() -> &'static Path {
    Path::new("/data")
}

fn disk_with(seed: u64) -> FaultDisk {
    let disk = FaultDisk::new(seed);
    disk.create_dir_all(data()).unwrap();
    disk
}

fn bytes(disk: &FaultDisk, name: &str) -> Option<Vec<u8>> {
    disk::read(disk, &data().join(name), 1 << 20).ok()
}

#[test]
fn what_was_synced_survives_every_crash() {
    for seed in 0..200 {
        let disk = disk_with(seed);
        let file = disk.open(&data().join("a"), OpenMode::CreateNew).unwrap();
        file.write_at(0, b"kept").unwrap();
        file.sync().unwrap();
        disk.sync_dir(data()).unwrap();
        file.append(b" lost perhaps").unwrap();
        let found = bytes(&disk.crash(), "a").unwrap();
        assert_eq!(&found[..4], b"kept", "seed {seed}");
        assert!(file.append(b"x").is_err(), "the old disk is dead");
    }
}

#[test]
fn what_was_not_synced_is_lost_torn_or_kept_apart_from_its_name() {
    let (mut absent, mut empty, mut torn, mut whole, mut holes) = (0, 0, 0, 0, 0);
    for seed in 0..400 {
        let disk = disk_with(seed);
        let file = disk.open(&data().join("a"), OpenMode::CreateNew).unwrap();
        file.write_at(0, &[7; 2000]).unwrap();
        match bytes(&disk.crash(), "a") {
            None => absent += 1,
            Some(found) if found.is_empty() => empty += 1,
            Some(found) if found.contains(&0) => holes += 1,
            Some(found) if found.len() < 2000 => torn += 1,
            Some(_) => whole += 1,
        }
    }
    assert!(
        [absent, empty, torn, whole, holes].iter().all(|count| *count > 5),
        "{absent} {empty} {torn} {whole} {holes}"
    );
}

#[test]
fn a_rename_is_never_torn() {
    for seed in 0..200 {
        let disk = disk_with(seed);
        disk::write_durably(&disk, &data().join("a"), b"old").unwrap();
        let file = disk.open(&data().join("b"), OpenMode::CreateNew).unwrap();
        file.write_at(0, b"new").unwrap();
        file.sync().unwrap();
        disk.rename(&data().join("b"), &data().join("a")).unwrap();
        let found = bytes(&disk.crash(), "a").unwrap();
        assert!(found == b"old" || found == b"new", "seed {seed}");
    }
}

#[test]
fn bytes_lost_by_a_failed_sync_stay_lost_after_a_good_one() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = disk_with(seed);
        let file = disk.open(&data().join("a"), OpenMode::CreateNew).unwrap();
        disk.sync_dir(data()).unwrap();
        file.write_at(0, b"gone?").unwrap();
        disk.plan(disk.steps() + 1, Fault::FailedSync);
        assert!(file.sync().is_err());
        assert_eq!(bytes(&disk, "a").unwrap(), b"gone?", "programs still see it");
        file.sync().unwrap();
        lost += u32::from(bytes(&disk.crash(), "a").unwrap() != b"gone?");
    }
    assert!(lost > 20);
}

#[test]
fn a_killed_process_leaves_what_it_wrote_and_no_lock() {
    let disk = disk_with(1);
    let lock = disk.lock(&data().join("lock")).unwrap();
    assert!(disk.lock(&data().join("lock")).is_err());
    let file = disk.open(&data().join("a"), OpenMode::CreateNew).unwrap();
    file.write_at(0, b"seen").unwrap();
    let after = disk.kill();
    assert_eq!(bytes(&after, "a").unwrap(), b"seen");
    after.lock(&data().join("lock")).unwrap();
    drop(lock);
}

#[test]
fn a_full_disk_refuses_what_grows_until_it_is_repaired() {
    let disk = disk_with(1);
    let file = disk.open(&data().join("a"), OpenMode::CreateNew).unwrap();
    disk.plan(disk.steps() + 1, Fault::StaysFull);
    for _ in 0..2 {
        assert_eq!(file.write_at(0, b"no room").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
    file.sync().unwrap();
    disk.repair();
    file.write_at(0, b"room").unwrap();
}

#[test]
fn folders_list_what_is_in_them_alone() {
    let disk = disk_with(1);
    disk.create_dir_all(&data().join("deep/er")).unwrap();
    disk::write_durably(&disk, &data().join("deep/b"), b"1").unwrap();
    disk::write_durably(&disk, &data().join("a"), b"12").unwrap();
    let names: Vec<_> =
        disk.list(data()).unwrap().into_iter().map(|entry| (entry.name, entry.len_bytes)).collect();
    assert_eq!(names, [("a".to_owned(), 2), ("deep".to_owned(), 0)]);
    disk.remove_dir_all(&data().join("deep")).unwrap();
    assert_eq!(disk.list(data()).unwrap().len(), 1);
    assert_eq!(disk.files(), [data().join("a")]);
}
