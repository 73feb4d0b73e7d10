//! The key ring over a disk that fails at each of its steps.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::clock::SeededRandom;
use crate::fault::{self, FaultDisk};
use crate::seal::{self, SealError, Sealed};

const TENANT: TenantId = TenantId::DEFAULT;
const DIR: &str = "/data/keys";

#[derive(Default)]
struct Acknowledged {
    created: bool,
    tenant: bool,
    durable: Vec<(KeyId, Sealed)>,
    shredded: Vec<KeyId>,
    /// A shred was begun and not acknowledged.
    doubtful: Option<KeyId>,
    /// Both roots may be the right one while a rotation is under way.
    roots: Vec<u64>,
}

fn root(seed: u64) -> RootKey {
    RootKey::generate(&SeededRandom::new(seed))
}

fn open(disk: &FaultDisk, seed: u64) -> Result<KeyRing, KeyError> {
    let random = Arc::new(SeededRandom::new(disk.steps() + 100));
    KeyRing::open(Arc::new(disk.clone()), Path::new(DIR), root(seed), random)
}

fn load(disk: &FaultDisk) -> Acknowledged {
    let mut done = Acknowledged { roots: vec![1], ..Acknowledged::default() };
    // An error ends the load, as it ends the process.
    let _ = run(disk, &mut done);
    done
}

fn run(disk: &FaultDisk, done: &mut Acknowledged) -> Result<(), KeyError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let ring = KeyRing::create(shared, Path::new(DIR), root(1), Arc::new(SeededRandom::new(5)))?;
    done.created = true;
    draw(&ring, 3, done)?;
    ring.create_tenant(TenantId(7))?;
    done.tenant = true;
    shred(&ring, 1, done)?;
    shred(&ring, 2, done)?; // the last of the file
    draw(&ring, 2, done)?;
    ring.rotate_tenant(TENANT)?;
    draw(&ring, 1, done)?;
    done.roots = vec![1, 2];
    ring.rotate_root(root(2))?;
    done.roots = vec![2];
    draw(&ring, 2, done)?;
    drop(ring);
    let ring = open(disk, 2)?;
    draw(&ring, 2, done)
}

fn draw(ring: &KeyRing, count: u8, done: &mut Acknowledged) -> Result<(), KeyError> {
    let mut drawn = Vec::new();
    for _ in 0..count {
        let id = ring.new_data_key(TENANT)?;
        drawn.push((id, seal::seal(&*ring.data_key(id)?, &[], b"value")));
    }
    ring.sync()?;
    done.durable.extend(drawn);
    Ok(())
}

fn shred(ring: &KeyRing, at: usize, done: &mut Acknowledged) -> Result<(), KeyError> {
    let id = done.durable[at].0;
    done.doubtful = Some(id);
    ring.shred(id)?;
    done.doubtful = None;
    done.shredded.push(id);
    Ok(())
}

fn check(disk: FaultDisk, done: Acknowledged) {
    disk.repair();
    let opened: Vec<_> = done.roots.iter().filter_map(|seed| open(&disk, *seed).ok()).collect();
    if !done.created {
        return;
    }
    assert_eq!(opened.len(), 1, "exactly one root key opens the ring");
    let ring = &opened[0];
    assert!(!done.tenant || ring.tenants().contains(&TenantId(7)));
    for (id, sealed) in &done.durable {
        let plain = seal::open_with(ring, &[], sealed.as_bytes());
        if done.shredded.contains(id) {
            assert!(matches!(plain, Err(SealError::Key(KeyError::KeyShredded(_)))), "{plain:?}");
        } else if done.doubtful == Some(*id) {
            let damaged =
                matches!(plain, Err(SealError::Key(KeyError::KeyShredded(_) | KeyError::Damaged { .. })));
            assert!(plain.is_ok() || damaged, "{plain:?}");
        } else {
            assert_eq!(plain.unwrap(), b"value");
        }
    }
    // It can be written on, and no id is given twice.
    let id = ring.new_data_key(TENANT).unwrap();
    assert!(done.durable.iter().all(|(durable, _)| *durable != id));
    ring.sync().unwrap();
    if let Some(id) = done.doubtful {
        ring.shred(id).unwrap();
        assert!(matches!(ring.data_key(id), Err(KeyError::KeyShredded(_))));
    }
}

#[test]
fn synced_keys_survive_a_fault_at_any_step() {
    for seed in 0..3 {
        let cases = fault::walk(seed * 10_000, load, |disk, done, _| check(disk, done));
        assert!(cases > 300, "{cases}");
    }
}
