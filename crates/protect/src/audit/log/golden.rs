//! The files of an audit log, byte for byte: a change of these hashes is a change of the format, which needs a new version
//! number and a reader for the old one.

use std::path::Path;

use storage::clock::{ManualClock, SeededRandom};
use storage::disk;
use storage::fault::FaultDisk;
use storage::keys::{RootKey, sha256};

use super::tests::event;
use super::*;

#[test]
fn files_are_those_of_version_1() {
    let disk = FaultDisk::new(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let root = RootKey::generate(&SeededRandom::new(1));
    let random = Arc::new(SeededRandom::new(2));
    let ring = KeyRing::create(Arc::clone(&shared), Path::new("/keys"), root, random).unwrap();
    let options = AuditOptions { background: false, ..AuditOptions::default() };
    let clock = Arc::new(ManualClock::new(1_795_312_345_678));
    let log = AuditLog::open(shared, Path::new("/audit"), &ring, clock, options).unwrap();
    for number in 0..300 {
        log.record(&event(number)).unwrap();
    }
    drop(log);
    let found = [
        "rows/00000000000000000000",
        "tile/0/000",
        "tile/0/001.p/44",
        "checkpoint",
        "checkpoints",
        "verifier",
    ]
    .map(|name| (name, disk::read(&disk, &Path::new("/audit").join(name), 1 << 20).unwrap()))
    .map(|(name, bytes)| format!("{name} {} {}", bytes.len(), &hex::encode(sha256(&bytes))[..16]));
    assert_eq!(found, EXPECTED);
}

const EXPECTED: [&str; 6] = [
    "rows/00000000000000000000 32614 b443b904b2106378",
    "tile/0/000 8192 c99c6609b70d8fed",
    "tile/0/001.p/44 1408 88b594968ca58461",
    "checkpoint 197 6285ad339606b9ee",
    "checkpoints 394 e22f13f892b52dbc",
    "verifier 68 ad82964575c42906",
];
