use std::sync::Arc;

use super::*;
use crate::clock::{SeededRandom, SystemRandom};
use crate::disk::{OpenMode, RealDisk};
use crate::seal;

struct Setting {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    root: RootKey,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setting = Self {
            dir: folder.path().join("keys"),
            _folder: folder,
            disk: Arc::new(RealDisk),
            root: RootKey::generate(&SystemRandom),
        };
        drop(setting.create().unwrap());
        setting
    }

    fn create(&self) -> Result<KeyRing, KeyError> {
        KeyRing::create(Arc::clone(&self.disk), &self.dir, self.root.clone(), Arc::new(SystemRandom))
    }

    fn open_with(&self, root: &RootKey) -> Result<KeyRing, KeyError> {
        KeyRing::open(Arc::clone(&self.disk), &self.dir, root.clone(), Arc::new(SystemRandom))
    }

    fn open(&self) -> KeyRing {
        self.open_with(&self.root).unwrap()
    }

    fn append(&self, file: &str, bytes: &[u8]) {
        let file = self.disk.open(&self.dir.join(file), OpenMode::Write).unwrap();
        file.append(bytes).unwrap();
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        disk::read(self.disk.as_ref(), &self.dir.join(file), 1 << 30).unwrap()
    }
}

const TENANT: TenantId = TenantId::DEFAULT;

fn sealed(ring: &KeyRing, id: KeyId, plain: &[u8]) -> seal::Sealed {
    seal::seal(&ring.data_key(id).unwrap(), &[b"place"], plain)
}

fn opened(ring: &KeyRing, sealed: &seal::Sealed) -> Result<Vec<u8>, seal::SealError> {
    seal::open_with(ring, &[b"place"], sealed.as_bytes())
}

#[test]
fn keys_survive_a_restart() {
    let setting = Setting::new();
    let ring = setting.open();
    let ids: Vec<_> = (0..100).map(|_| ring.new_data_key(TENANT).unwrap()).collect();
    let values: Vec<_> = ids.iter().map(|id| sealed(&ring, *id, &id.0.to_be_bytes())).collect();
    let general = sealed(&ring, KeyId::general(TENANT), b"general");
    let hash = ring.index_key(TENANT).unwrap().keyed_hash16(&[b"term"]);
    ring.sync().unwrap();
    let ring = setting.open();
    for (id, value) in ids.iter().zip(&values) {
        assert_eq!(opened(&ring, value).unwrap(), id.0.to_be_bytes());
    }
    assert_eq!(opened(&ring, &general).unwrap(), b"general");
    assert_eq!(ring.index_key(TENANT).unwrap().keyed_hash16(&[b"term"]), hash);
    assert_ne!(ring.index_key(TenantId::SYSTEM).unwrap().keyed_hash16(&[b"term"]), hash);
}

#[test]
fn a_key_that_was_not_synced_gives_its_id_to_the_next() {
    let setting = Setting::new();
    let ring = setting.open();
    let lost = ring.new_data_key(TENANT).unwrap();
    let value = sealed(&ring, lost, b"x");
    drop(ring);
    let ring = setting.open();
    assert!(matches!(ring.data_key(lost), Err(KeyError::UnknownKey(_))));
    assert_eq!(ring.new_data_key(TENANT).unwrap(), lost);
    assert!(opened(&ring, &value).is_err());
}

#[test]
fn a_torn_tail_is_cut() {
    for torn in [&[1, 0, 0][..], &[0; 64], &[1; 64], &[0xAB; 64 * 5 + 7]] {
        let setting = Setting::new();
        let ring = setting.open();
        let id = ring.new_data_key(TENANT).unwrap();
        let value = sealed(&ring, id, b"x");
        ring.sync().unwrap();
        drop(ring);
        setting.append("data-1-0", torn);
        let ring = setting.open();
        assert_eq!(opened(&ring, &value).unwrap(), b"x");
        assert_eq!(setting.bytes("data-1-0").len(), 2 * 64);
        assert_eq!(ring.new_data_key(TENANT).unwrap().0, id.0 + 1);
    }
}

#[test]
fn a_shredded_key_is_gone_and_its_id_is_never_given_again() {
    let setting = Setting::new();
    let ring = setting.open();
    let ids: Vec<_> = (0..3).map(|_| ring.new_data_key(TENANT).unwrap()).collect();
    let values: Vec<_> = ids.iter().map(|id| sealed(&ring, *id, b"x")).collect();
    ring.sync().unwrap();
    let before = setting.bytes("data-1-0");
    for (position, id) in [(1, ids[0]), (3, ids[2])] {
        ring.shred(id).unwrap();
        ring.shred(id).unwrap();
        let after = setting.bytes("data-1-0");
        let slot = |bytes: &[u8]| bytes[position * 64..(position + 1) * 64].to_vec();
        assert_ne!(slot(&before), slot(&after));
        assert!(slot(&after)[1..].iter().all(|byte| *byte == 0));
    }
    for ring in [&ring, &setting.open()] {
        for (at, value) in values.iter().enumerate() {
            match opened(ring, value) {
                Ok(plain) => assert_eq!((at, plain.as_slice()), (1, b"x".as_slice())),
                Err(seal::SealError::Key(KeyError::KeyShredded(id))) => assert_eq!(id, ids[at].0),
                Err(other) => panic!("{other}"),
            }
        }
        assert!(ring.new_data_key(TENANT).unwrap().0 > ids[2].0);
    }
    assert!(matches!(ring.shred(KeyId::general(TENANT)), Err(KeyError::General(_))));
    assert!(matches!(ring.shred(KeyId(ids[2].0 + 1000)), Err(KeyError::UnknownKey(_))));
}

#[test]
fn rotation_of_root_and_tenant_keys_leaves_data_as_it_is() {
    let setting = Setting::new();
    let ring = setting.open();
    let ids: Vec<_> = (0..2500).map(|_| ring.new_data_key(TENANT).unwrap()).collect();
    let values: Vec<_> = ids.iter().map(|id| sealed(&ring, *id, &id.0.to_be_bytes())).collect();
    let general = sealed(&ring, KeyId::general(TENANT), b"general");
    ring.shred(ids[7]).unwrap();
    let waiting = ring.new_data_key(TENANT).unwrap();
    let value = sealed(&ring, waiting, b"waiting");
    let old_slots = setting.bytes("data-1-0");
    ring.rotate_tenant(TENANT).unwrap();
    let new_root = RootKey::generate(&SystemRandom);
    ring.rotate_root(new_root.clone()).unwrap();
    assert!(matches!(setting.open_with(&setting.root), Err(KeyError::WrongRoot)));
    assert!(!setting.disk.exists(&setting.dir.join("data-1-0")).unwrap());
    let new_slots = setting.bytes("data-1-1");
    assert!(
        !new_slots
            .chunks(64)
            .skip(1)
            .zip(old_slots.chunks(64).skip(1))
            .any(|(new, old)| new == old && new[0] == 1)
    );
    for ring in [&ring, &setting.open_with(&new_root).unwrap()] {
        for (at, (id, value)) in ids.iter().zip(&values).enumerate() {
            match opened(ring, value) {
                Ok(plain) => assert_eq!(plain, id.0.to_be_bytes()),
                Err(error) => assert!(at == 7, "{error}"),
            }
        }
        assert_eq!(opened(ring, &general).unwrap(), b"general");
        assert_eq!(opened(ring, &value).unwrap(), b"waiting");
    }
}

#[test]
fn the_wrong_root_key_and_a_damaged_ring_are_told_apart() {
    let setting = Setting::new();
    assert!(matches!(setting.create(), Err(KeyError::Exists)));
    assert!(matches!(setting.open_with(&RootKey::generate(&SystemRandom)), Err(KeyError::WrongRoot)));
    let bytes = setting.bytes("ring");
    for at in 28..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        disk::write_durably(setting.disk.as_ref(), &setting.dir.join("ring"), &other).unwrap();
        assert!(matches!(setting.open_with(&setting.root), Err(KeyError::Damaged { .. })), "byte {at}");
    }
    let empty = tempfile::tempdir().unwrap();
    let random = Arc::new(SystemRandom);
    let absent = KeyRing::open(Arc::new(RealDisk), empty.path(), setting.root.clone(), random);
    assert!(matches!(absent, Err(KeyError::Absent)));
}

#[test]
fn a_key_moved_to_another_place_in_its_file_does_not_open() {
    let setting = Setting::new();
    let ring = setting.open();
    let (one, two) = (ring.new_data_key(TENANT).unwrap(), ring.new_data_key(TENANT).unwrap());
    ring.sync().unwrap();
    drop(ring);
    let mut bytes = setting.bytes("data-1-0");
    bytes.append(&mut bytes[128..192].to_vec());
    bytes[64..192].rotate_left(64);
    disk::write_durably(setting.disk.as_ref(), &setting.dir.join("data-1-0"), &bytes).unwrap();
    let ring = setting.open();
    for id in [one, two] {
        assert!(matches!(ring.data_key(id), Err(KeyError::Damaged { .. } | KeyError::UnknownKey(_))));
    }
}

#[test]
fn tenants_are_made_once_and_kept_apart() {
    let setting = Setting::new();
    let ring = setting.open();
    let other = TenantId(9);
    ring.create_tenant(other).unwrap();
    assert!(matches!(ring.create_tenant(other), Err(KeyError::TenantNumber(9))));
    assert!(matches!(ring.create_tenant(TenantId(1 << 24)), Err(KeyError::TenantNumber(_))));
    let id = ring.new_data_key(other).unwrap();
    assert_eq!(id.tenant(), other);
    ring.sync().unwrap();
    let ring = setting.open();
    assert_eq!(ring.tenants(), [TenantId::SYSTEM, TENANT, other]);
    assert!(ring.data_key(id).is_ok());
    assert!(matches!(ring.new_data_key(TenantId(10)), Err(KeyError::UnknownTenant(10))));
}

#[test]
fn no_key_stands_readable_in_any_file_or_debug_text() {
    let setting = Setting::new();
    let ring = setting.open();
    let id = ring.new_data_key(TENANT).unwrap();
    ring.sync().unwrap();
    let shown = format!("{ring:?} {:?} {:?} {:?}", ring.data_key(id), ring.index_key(TENANT), setting.root);
    assert!(shown.contains("RootKey(..)") && shown.contains("IndexKey(..)"), "{shown}");
    let secret = setting.root.to_key_file();
    let raw = hex::decode(secret.trim()).unwrap();
    for file in ["ring", "data-1-0", "data-0-0"] {
        let bytes = setting.bytes(file);
        assert!(!bytes.windows(raw.len()).any(|window| window == raw));
    }
}

#[test]
fn many_threads_may_draw_use_and_sync_keys() {
    let setting = Setting::new();
    let options = RingOptions { cached_keys_max: 64 };
    let ring = KeyRing::open_with(
        Arc::clone(&setting.disk),
        &setting.dir,
        setting.root.clone(),
        Arc::new(SeededRandom::new(1)),
        options,
    )
    .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let ring = &ring;
            scope.spawn(move || {
                let mut values = Vec::new();
                for round in 0..200 {
                    let id = ring.new_data_key(TENANT).unwrap();
                    values.push(sealed(ring, id, &[thread, round]));
                    if round % 50 == 0 {
                        ring.sync().unwrap();
                    }
                }
                for (round, value) in values.iter().enumerate() {
                    assert_eq!(opened(ring, value).unwrap(), [thread, round as u8]);
                }
            });
        }
    });
}

#[test]
fn a_passphrase_file_opens_with_its_passphrase_only() {
    let setting = Setting::new();
    let path = setting.dir.join("root.age");
    setting.root.write(setting.disk.as_ref(), &path, Some(("correct horse", 2))).unwrap();
    let root = RootKey::read(setting.disk.as_ref(), &path, Some("correct horse")).unwrap();
    assert!(setting.open_with(&root).is_ok());
    let wrong = RootKey::read(setting.disk.as_ref(), &path, Some("wrong horse"));
    assert!(matches!(wrong, Err(KeyError::Passphrase)));
    let plain = setting.dir.join("root.key");
    setting.root.write(setting.disk.as_ref(), &plain, None).unwrap();
    assert!(setting.open_with(&RootKey::read(setting.disk.as_ref(), &plain, None).unwrap()).is_ok());
    for wrong in [&b""[..], b"abc", &[b'z'; 64], &[b'0'; 63]] {
        assert!(matches!(RootKey::from_key_file(wrong), Err(KeyError::KeyFile)));
    }
}
