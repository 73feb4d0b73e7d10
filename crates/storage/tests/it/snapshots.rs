//! Snapshots: what is copied comes back, and nothing altered does.

use std::path::Path;
use std::sync::Arc;

use storage::clock::SeededRandom;
use storage::disk::{self, Disk};
use storage::engine::{
    Batch, Direction, Engine, EngineError, FjallEngine, FjallOptions, KeyRange, MemoryEngine, Reader, Space,
};
use storage::fault::{self, FaultDisk};
use storage::keys::{DataKey, KeyRing, RootKey, TenantId};
use storage::log::Seq;
use storage::snapshot::{self, Place, SnapshotError};
use storage::testing::SUITE_SPACES;

const PATH: &str = "/data/snapshot";

fn key(seed: u64) -> Arc<DataKey> {
    let random = Arc::new(SeededRandom::new(seed));
    let root = RootKey::generate(random.as_ref());
    let ring = KeyRing::create(Arc::new(FaultDisk::new(1)), Path::new("/keys"), root, random).unwrap();
    ring.general_key(TenantId::DEFAULT).unwrap()
}

fn disk(seed: u64) -> FaultDisk {
    let disk = FaultDisk::new(seed);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk
}

fn place<'a>(disk: &'a FaultDisk, key: &'a DataKey) -> Place<'a> {
    Place { disk, path: Path::new(PATH), key, additional: &[b"tenant 1", b"partition 0"] }
}

fn filled(pairs: u32) -> MemoryEngine {
    let engine = MemoryEngine::new(&SUITE_SPACES).unwrap();
    let mut batch = Batch::new();
    for index in 0..pairs {
        let space = Space((index % 3) as u8);
        batch.put(space, index.to_be_bytes(), vec![index as u8; (index % 300) as usize]);
    }
    engine.write(batch).unwrap();
    engine
}

fn content(reader: &dyn Reader) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    (0..SUITE_SPACES.len() as u8)
        .flat_map(|space| {
            reader.scan(Space(space), KeyRange::all(), Direction::Forward).map(move |pair| {
                let (key, value) = pair.unwrap();
                (space, key.to_vec(), value.to_vec())
            })
        })
        .collect()
}

#[test]
fn what_was_copied_comes_back_and_later_writes_do_not() {
    let (disk, key) = (disk(1), key(1));
    for pairs in [0, 1, 30_000] {
        let engine = filled(pairs);
        let frozen = engine.snapshot();
        let mut later = Batch::new();
        later.put(Space(0), b"later", b"x");
        engine.write(later).unwrap();
        let mut told = 0;
        let made =
            snapshot::create(place(&disk, &key), frozen.as_ref(), &SUITE_SPACES, Seq(77), &mut |_| told += 1)
                .unwrap();
        assert_eq!((made.applied, made.pairs()), (Seq(77), u64::from(pairs)));
        assert_eq!(made.file_bytes, disk.len(Path::new(PATH)).unwrap());
        assert!(told > pairs / 10_000);
        assert_eq!(snapshot::verify(place(&disk, &key), &mut |_| {}).unwrap(), made);
        // Spaces are matched by name, not by place.
        let mut turned = SUITE_SPACES;
        turned.reverse();
        let back = MemoryEngine::new(&SUITE_SPACES).unwrap();
        assert_eq!(snapshot::restore(place(&disk, &key), &back, &mut |_| {}).unwrap(), made);
        assert_eq!(content(&back), content(frozen.as_ref()));
        let back = MemoryEngine::new(&turned).unwrap();
        snapshot::restore(place(&disk, &key), &back, &mut |_| {}).unwrap();
        assert_eq!(back.get(Space(3), &0u32.to_be_bytes()).unwrap().is_some(), pairs > 0);
    }
}

#[test]
fn an_altered_cut_or_foreign_snapshot_is_refused() {
    let (disk, own) = (disk(1), key(1));
    snapshot::create(place(&disk, &own), &filled(2_000), &SUITE_SPACES, Seq(1), &mut |_| {}).unwrap();
    let path = Path::new(PATH);
    let whole = disk::read(&disk, path, 1 << 30).unwrap();
    let verify = |key: &DataKey| snapshot::verify(place(&disk, key), &mut |_| {});
    for at in (0..whole.len()).step_by(whole.len() / 50) {
        disk.damage(path, |bytes| bytes[at] ^= 1).unwrap();
        assert!(matches!(verify(&own), Err(SnapshotError::Seal(_))), "flipped at {at}");
        disk.damage(path, |bytes| *bytes = whole[..at].to_vec()).unwrap();
        assert!(matches!(verify(&own), Err(SnapshotError::Seal(_))), "cut at {at}");
        disk.damage(path, |bytes| *bytes = whole.clone()).unwrap();
    }
    disk.damage(path, |bytes| bytes.push(0)).unwrap();
    assert!(matches!(verify(&own), Err(SnapshotError::Seal(_))));
    disk.damage(path, |bytes| *bytes = whole.clone()).unwrap();
    assert!(matches!(verify(&key(2)), Err(SnapshotError::Seal(_))));
    let elsewhere = Place { additional: &[b"tenant 2"], ..place(&disk, &own) };
    assert!(matches!(snapshot::verify(elsewhere, &mut |_| {}), Err(SnapshotError::Seal(_))));
    verify(&own).unwrap();
}

#[test]
fn a_restore_wants_an_empty_engine_with_the_same_spaces() {
    let (disk, key) = (disk(1), key(1));
    snapshot::create(place(&disk, &key), &filled(10), &SUITE_SPACES, Seq(1), &mut |_| {}).unwrap();
    let full = snapshot::restore(place(&disk, &key), &filled(1), &mut |_| {});
    assert!(matches!(full, Err(SnapshotError::NotEmpty)));
    let lacking = MemoryEngine::new(&SUITE_SPACES[..2]).unwrap();
    let lacking = snapshot::restore(place(&disk, &key), &lacking, &mut |_| {});
    assert!(matches!(lacking, Err(SnapshotError::Space(name)) if name == "postings"));
}

#[test]
fn after_a_fault_at_any_step_the_old_or_the_new_snapshot_is_whole() {
    let key = key(1);
    let (old, new) = (filled(10), filled(4_000));
    let cases = fault::walk(
        1,
        |disk| {
            disk.create_dir_all(Path::new("/data")).ok()?;
            snapshot::create(place(disk, &key), &old, &SUITE_SPACES, Seq(1), &mut |_| {}).ok()?;
            Some(snapshot::create(place(disk, &key), &new, &SUITE_SPACES, Seq(2), &mut |_| {}).is_ok())
        },
        |disk, acknowledged, case| {
            let Some(is_new) = acknowledged else { return };
            let found = snapshot::verify(place(&disk, &key), &mut |_| {})
                .unwrap_or_else(|error| panic!("{case}: {error}"))
                .applied;
            assert!(found == Seq(2) || (found == Seq(1) && !is_new), "{case}");
        },
    );
    assert!(cases > 50);
}

#[test]
fn a_filled_engine_takes_the_place_of_the_old_one_only_when_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let options = FjallOptions::default();
    let old = FjallEngine::open(&path, &SUITE_SPACES, options).unwrap();
    let mut batch = Batch::new();
    batch.put(Space(0), b"old", b"1");
    old.write(batch).unwrap();
    drop(old);
    let failed = FjallEngine::fill(&path, &SUITE_SPACES, options, |engine| {
        engine.write(Batch::new())?;
        Err::<(), _>(EngineError::Poisoned)
    });
    assert!(matches!(failed, Err(EngineError::Poisoned)));
    let old = FjallEngine::open(&path, &SUITE_SPACES, options).unwrap();
    assert!(old.contains(Space(0), b"old").unwrap());
    drop(old);
    let (disk, key) = (disk(1), key(1));
    let source = filled(3_000);
    snapshot::create(place(&disk, &key), &source, &SUITE_SPACES, Seq(5), &mut |_| {}).unwrap();
    let (engine, report) = FjallEngine::fill(&path, &SUITE_SPACES, options, |engine| {
        snapshot::restore(place(&disk, &key), engine, &mut |_| {})
    })
    .unwrap();
    assert_eq!(report.applied, Seq(5));
    assert_eq!(content(&engine), content(&source));
    drop(engine);
    let engine = FjallEngine::open(&path, &SUITE_SPACES, options).unwrap();
    assert_eq!(content(&engine), content(&source));
}
