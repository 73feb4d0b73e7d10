use std::path::Path;

use super::*;
use crate::clock::SeededRandom;
use crate::fault::FaultDisk;
use crate::keys::RootKey;

const DIR: &str = "/data/shelf";

/// The ring stands on a disk of its own, which does not fail.
pub(super) fn ring() -> KeyRing {
    let disk = Arc::new(FaultDisk::new(0));
    let random = Arc::new(SeededRandom::new(5));
    KeyRing::create(disk, Path::new("/keys"), RootKey::generate(&SeededRandom::new(1)), random).unwrap()
}

pub(super) fn open(disk: &FaultDisk, ring: &KeyRing) -> Result<Shelf, ShelfError> {
    Shelf::open(Arc::new(disk.clone()), Path::new(DIR), ring, TenantId::DEFAULT)
}

#[test]
fn a_value_is_what_was_put_last_and_gone_when_removed() {
    let (disk, ring) = (FaultDisk::new(1), ring());
    let shelf = open(&disk, &ring).unwrap();
    assert_eq!(shelf.get("job", "a").unwrap(), None);
    assert_eq!(shelf.list("job").unwrap(), Vec::<String>::new());
    for (key, value) in [("a", "one"), ("b", ""), ("a", "two")] {
        shelf.put("job", key, value.as_bytes()).unwrap();
    }
    shelf.put("cursor", "a", b"three").unwrap();
    drop(shelf);
    let shelf = open(&disk, &ring).unwrap();
    assert_eq!(shelf.get("job", "a").unwrap().as_deref(), Some(b"two".as_slice()));
    assert_eq!(shelf.get("job", "b").unwrap().as_deref(), Some(b"".as_slice()));
    assert_eq!(shelf.get("cursor", "a").unwrap().as_deref(), Some(b"three".as_slice()));
    assert_eq!(shelf.list("job").unwrap(), ["a", "b"]);
    shelf.remove("job", "a").unwrap();
    shelf.remove("job", "a").unwrap();
    assert_eq!(shelf.get("job", "a").unwrap(), None);
    assert_eq!(shelf.list("job").unwrap(), ["b"]);
}

#[test]
fn a_long_value_goes_through_as_a_stream_and_is_seen_only_when_finished() {
    let (disk, ring) = (FaultDisk::new(1), ring());
    let shelf = open(&disk, &ring).unwrap();
    shelf.put("file", "x", b"old").unwrap();
    let piece: Vec<u8> = (0..=255).cycle().take(70_001).collect();
    let mut writer = shelf.writer("file", "x").unwrap();
    for _ in 0..40 {
        writer.write_all(&piece).unwrap();
    }
    assert_eq!(shelf.get("file", "x").unwrap().as_deref(), Some(b"old".as_slice()));
    assert_eq!(writer.finish().unwrap(), 40 * 70_001);
    let mut read = Vec::new();
    shelf.reader("file", "x").unwrap().unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(read, piece.repeat(40));
    drop(shelf.writer("file", "x").unwrap());
    assert_eq!(disk.files().len(), 1, "the value alone: {:?}", disk.files());
}

#[test]
fn bounds_are_kept() {
    let (disk, ring) = (FaultDisk::new(1), ring());
    let shelf = open(&disk, &ring).unwrap();
    assert!(matches!(open(&disk, &ring), Err(ShelfError::Locked)));
    for kind in ["", "Job", "../job", "a/b", &"k".repeat(KIND_BYTES_MAX + 1)] {
        assert!(matches!(shelf.put(kind, "a", b""), Err(ShelfError::Kind)), "{kind}");
        assert!(matches!(shelf.get(kind, "a"), Err(ShelfError::Kind)), "{kind}");
    }
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    assert!(matches!(shelf.put("job", &long, b""), Err(ShelfError::TooLong { .. })));
    shelf.put("job", &long[1..], b"").unwrap();
    assert_eq!(shelf.list("job").unwrap(), [&long[1..]]);
    let huge = vec![0; VALUE_BYTES_MAX + 1];
    assert!(matches!(shelf.put("job", "huge", &huge), Err(ShelfError::TooLong { .. })));
    let mut writer = shelf.writer("job", "huge").unwrap();
    writer.write_all(&huge).unwrap();
    writer.finish().unwrap();
    assert!(matches!(shelf.get("job", "huge"), Err(ShelfError::TooLong { .. })));
}

#[test]
fn neither_keys_nor_values_stand_readable_on_the_disk() {
    let (disk, ring) = (FaultDisk::new(1), ring());
    let shelf = open(&disk, &ring).unwrap();
    shelf.put("job", "Patient/canary-7", b"Canaria").unwrap();
    for path in disk.files() {
        assert!(!path.to_string_lossy().contains("canary"));
        let bytes = crate::disk::read(&disk, &path, 1 << 20).unwrap();
        for word in [b"canary-7".as_slice(), b"Canaria"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word));
        }
    }
}

#[test]
fn altered_cut_and_swapped_files_do_not_open() {
    let (disk, ring) = (FaultDisk::new(1), ring());
    let shelf = open(&disk, &ring).unwrap();
    shelf.put("job", "a", b"one").unwrap();
    shelf.put("job", "b", b"one").unwrap();
    let path = |key: &str| Path::new(DIR).join("job").join(shelf.name("job", key));
    let a = crate::disk::read(&disk, &path("a"), 1 << 20).unwrap();
    disk.damage(&path("b"), |bytes| *bytes = a.clone()).unwrap();
    assert!(matches!(shelf.get("job", "b"), Err(ShelfError::Seal(_))));
    for len in 0..a.len() {
        disk.damage(&path("a"), |bytes| *bytes = a[..len].to_vec()).unwrap();
        assert!(shelf.get("job", "a").is_err(), "cut to {len}");
    }
    disk.damage(&path("a"), |bytes| {
        bytes.clone_from(&a);
        bytes[40] ^= 1;
    })
    .unwrap();
    assert!(matches!(shelf.get("job", "a"), Err(ShelfError::Seal(_))));
}
