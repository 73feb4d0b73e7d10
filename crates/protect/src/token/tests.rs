use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use storage::clock::{ManualClock, SeededRandom, SystemRandom};
use storage::disk::{self, Disk, RealDisk};
use storage::fault::{self, FaultDisk};
use storage::keys::{KeyRing, RootKey};

use super::*;
use crate::access::ActorKind;

struct Setting {
    folder: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    ring: KeyRing,
    clock: Arc<ManualClock>,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let random = Arc::new(SystemRandom);
        let root = RootKey::generate(random.as_ref());
        let ring = KeyRing::create(Arc::clone(&disk), &folder.path().join("keys"), root, random).unwrap();
        Self { folder, disk, ring, clock: Arc::new(ManualClock::new(1_000_000)) }
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }

    fn store(&self) -> TokenStore {
        TokenStore::open(
            Arc::clone(&self.disk),
            self.dir(),
            &self.ring,
            Arc::clone(&self.clock) as _,
            Arc::new(SystemRandom),
        )
        .unwrap()
    }
}

fn spec(expires_ms: Option<i64>) -> TokenSpec {
    TokenSpec {
        scopes: Scopes::parse("system/*.rs").unwrap(),
        actor: Actor { kind: ActorKind::System, id: "loader".into(), display: "A loader".into() },
        tenant: TenantId::DEFAULT,
        purpose: Purpose::Operations,
        masked: None,
        expires_ms,
    }
}

#[test]
fn a_token_works_until_it_expires_or_is_revoked() {
    let setting = Setting::new();
    let store = setting.store();
    let (id, text) = store.create(spec(Some(1_500_000))).unwrap();
    assert!(text.starts_with(&format!("ward_{id}_")));
    let grant = store.verify(&text).unwrap();
    assert_eq!((grant.token, grant.spec), (id, spec(Some(1_500_000))));
    setting.clock.set(1_500_000);
    assert!(matches!(store.verify(&text), Err(TokenError::Expired)));
    setting.clock.set(1_400_000);
    store.revoke(id).unwrap();
    assert!(matches!(store.verify(&text), Err(TokenError::Revoked)));
    assert!(matches!(store.revoke(TokenId(1)), Err(TokenError::NotFound(_))));
}

#[test]
fn tokens_survive_a_restart_and_other_texts_are_unknown() {
    let setting = Setting::new();
    let (_, text) = setting.store().create(spec(None)).unwrap();
    let store = setting.store();
    assert!(store.verify(&text).is_ok());
    let mut other = text.clone().into_bytes();
    let last = other.len() - 2;
    other[last] = if other[last] == b'A' { b'B' } else { b'A' };
    for wrong in
        [&String::from_utf8(other).unwrap(), "", "ward_", "ward_0000000000000000_", &text[..text.len() - 1]]
    {
        assert!(matches!(store.verify(wrong), Err(TokenError::Unknown)), "{wrong}");
    }
}

#[test]
fn what_another_process_made_is_good_at_once_and_what_it_revoked_ends_within_a_second() {
    let setting = Setting::new();
    let (server, command) = (setting.store(), setting.store());
    let (id, text) = command.create(spec(None)).unwrap();
    assert!(server.verify(&text).is_ok());
    command.revoke(id).unwrap();
    setting.clock.advance(1000);
    assert!(matches!(server.verify(&text), Err(TokenError::Revoked)));
    let (_, other) = server.create(spec(None)).unwrap();
    assert_eq!(command.list().unwrap().len(), 2);
    assert!(command.verify(&other).is_ok());
}

#[test]
fn neither_secret_nor_actor_stands_in_the_file() {
    let setting = Setting::new();
    let (_, text) = setting.store().create(spec(None)).unwrap();
    let bytes = disk::read(setting.disk.as_ref(), &setting.dir().join("tokens"), 1 << 20).unwrap();
    let secret = text.rsplit_once('_').map(|(_, secret)| secret.to_owned()).unwrap();
    for word in ["loader", "system/", &secret] {
        assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()));
    }
}

#[test]
fn a_token_that_grants_nothing_is_refused() {
    let store = Setting::new().store();
    let empty = TokenSpec { scopes: Scopes::default(), ..spec(None) };
    assert!(matches!(store.create(empty), Err(TokenError::NoScopes)));
}

#[test]
fn taking_the_file_away_ends_all_tokens() {
    let setting = Setting::new();
    let store = setting.store();
    let (_, text) = store.create(spec(None)).unwrap();
    setting.disk.remove(&setting.dir().join("tokens")).unwrap();
    setting.clock.advance(1000);
    assert!(matches!(store.verify(&text), Err(TokenError::Unknown)));
}

#[test]
fn what_was_acknowledged_survives_a_fault_at_any_step() {
    let ring_disk = Arc::new(FaultDisk::new(0));
    let root = RootKey::generate(&SeededRandom::new(1));
    let ring = KeyRing::create(ring_disk, Path::new("/keys"), root, Arc::new(SeededRandom::new(2))).unwrap();
    let open = |disk: &FaultDisk| {
        let clock = Arc::new(ManualClock::new(disk.steps() as i64));
        let random = Arc::new(SeededRandom::new(3));
        TokenStore::open(Arc::new(disk.clone()), Path::new("/data"), &ring, clock, random)
    };
    // Token by token whether it is known to be good or to be revoked; those in doubt are left out.
    let load = |disk: &FaultDisk| -> HashMap<String, bool> {
        let mut known = HashMap::new();
        let Ok(store) = open(disk) else { return known };
        for number in 0..4 {
            let Ok((id, text)) = store.create(spec(None)) else { continue };
            known.insert(text.clone(), true);
            if number % 2 == 0 {
                known.remove(&text);
                if store.revoke(id).is_ok() {
                    known.insert(text, false);
                }
            }
        }
        known
    };
    fault::walk(1, load, |disk, known, _| {
        disk.repair();
        let store = open(&disk).unwrap();
        for (text, good) in known {
            match store.verify(&text) {
                Ok(_) => assert!(good),
                Err(TokenError::Revoked) => assert!(!good),
                Err(other) => panic!("{other}"),
            }
        }
        store.create(spec(None)).unwrap();
    });
}
