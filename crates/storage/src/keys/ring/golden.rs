//! The files of a key folder and of an archive, byte for byte: a change of these hashes is a change of the format, which
//! needs a new version number and a reader for the old one.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::archive::{Archive, ArchiveOptions};
use crate::clock::SeededRandom;
use crate::fault::FaultDisk;
use crate::keys::sha256;
use crate::seal;

#[test]
fn files_are_those_of_version_1() {
    let disk = FaultDisk::new(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let root = RootKey::generate(&SeededRandom::new(1));
    let random = Arc::new(SeededRandom::new(2));
    let ring = KeyRing::create(Arc::clone(&shared), Path::new("/keys"), root, random).unwrap();
    let ids: Vec<_> = (0..3).map(|_| ring.new_data_key(TenantId::DEFAULT).unwrap()).collect();
    ring.sync().unwrap();
    ring.shred(ids[1]).unwrap();
    let sealed = seal::seal(&ring.data_key(ids[0]).unwrap(), &[b"place"], b"plain");
    let object = seal::chunked::seal(&ring.data_key(ids[2]).unwrap(), &[b"place"], b"plain");
    let options = ArchiveOptions::default();
    let archive = Archive::open(shared, Path::new("/archive"), &ring, TenantId::DEFAULT, options).unwrap();
    archive.put_noted(b"x", b"note").unwrap();
    let file = |path: &str| disk::read(&disk, Path::new(path), 1 << 20).unwrap();
    let found = [
        ("ring", file("/keys/ring")),
        ("data-1-0", file("/keys/data-1-0")),
        ("sealed", sealed.into_bytes()),
        ("object", object),
        ("pack", file("/archive/pack-00000000")),
    ]
    .map(|(name, bytes)| format!("{name} {} {}", bytes.len(), &hex::encode(sha256(&bytes))[..16]));
    assert_eq!(found, EXPECTED);
}

const EXPECTED: [&str; 5] = [
    "ring 320 8524b986d3f18a7a",
    "data-1-0 256 f02c6aa88807a959",
    "sealed 47 29729c7694ec08b3",
    "object 48 fd9e396d4be7f7d8",
    "pack 120 3721e2a3870d0339",
];
