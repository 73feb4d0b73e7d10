//! Data keys: what seals bytes. See [`crate::seal`] for how.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::KeyId;
use super::crypto::{Gcm, NONCE_BYTES, Secret};
use crate::clock::Random;

/// Random bytes that tell the keys of two objects apart.
pub(crate) const SALT_BYTES: usize = 16;
/// Seals under one sub-key before the next is drawn. With random 96-bit nonces NIST SP 800-38D (8.3) allows 2^32.
const SEALS_PER_EPOCH: u64 = 1 << 31;
/// Sub-keys of a general key kept ready; each start of Ward makes one.
const EPOCHS_READY: usize = 64;

/// A data key, ready for use. It wipes itself when dropped and prints nothing.
///
/// A patient's key seals directly (epoch 0): it never comes near the 2^32 seals that random nonces allow. A general key
/// seals the log and the audit log and would pass that bound in some days; so it seals under sub-keys, derived by HKDF
/// from itself and a random 32-bit epoch which is drawn at each start and after every 2^31 seals. The epoch stands in the
/// header of what was sealed.
pub struct DataKey {
    id: KeyId,
    random: Arc<dyn Random>,
    secret: Secret,
    kind: Kind,
}

enum Kind {
    Direct(Gcm),
    Epochs(Epochs),
}

struct Epochs {
    seals: AtomicU64,
    current: RwLock<(u32, Arc<Gcm>)>,
    ready: RwLock<Vec<(u32, Arc<Gcm>)>>,
}

impl DataKey {
    pub(crate) fn direct(id: KeyId, secret: Secret, random: Arc<dyn Random>) -> Self {
        let kind = Kind::Direct(Gcm::new(&secret));
        Self { id, random, secret, kind }
    }

    pub(crate) fn with_epochs(id: KeyId, secret: Secret, random: Arc<dyn Random>) -> Self {
        let current = RwLock::new(new_epoch(&secret, random.as_ref()));
        let epochs = Epochs { seals: AtomicU64::new(0), current, ready: RwLock::new(Vec::new()) };
        Self { id, random, secret, kind: Kind::Epochs(epochs) }
    }

    /// The key's name, as it stands in the header of what it sealed.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn draw_nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce);
        nonce
    }

    pub(crate) fn draw_salt(&self) -> [u8; SALT_BYTES] {
        let mut salt = [0; SALT_BYTES];
        self.random.fill(&mut salt);
        salt
    }

    /// A key for one object alone.
    pub(crate) fn object_key(&self, salt: &[u8; SALT_BYTES]) -> Gcm {
        Gcm::new(&self.secret.derive(&[b"object", salt]))
    }

    /// Calls `work` with the epoch and sub-key to seal one value with.
    pub(crate) fn for_sealing<T>(&self, work: impl FnOnce(u32, &Gcm) -> T) -> T {
        match &self.kind {
            Kind::Direct(gcm) => work(0, gcm),
            Kind::Epochs(epochs) => {
                let count = epochs.seals.fetch_add(1, Ordering::Relaxed);
                if count > 0 && count.is_multiple_of(SEALS_PER_EPOCH) {
                    *epochs.current.write() = new_epoch(&self.secret, self.random.as_ref());
                }
                let (epoch, gcm) = {
                    let current = epochs.current.read();
                    (current.0, Arc::clone(&current.1))
                };
                work(epoch, &gcm)
            }
        }
    }

    /// Calls `work` with the sub-key of an epoch, if this key has such epochs.
    pub(crate) fn for_opening<T>(&self, epoch: u32, work: impl FnOnce(&Gcm) -> T) -> Option<T> {
        match &self.kind {
            Kind::Direct(gcm) => (epoch == 0).then(|| work(gcm)),
            Kind::Epochs(_) if epoch == 0 => None,
            Kind::Epochs(epochs) => {
                let gcm = epochs.get(&self.secret, epoch);
                Some(work(&gcm))
            }
        }
    }
}

impl Epochs {
    fn get(&self, secret: &Secret, epoch: u32) -> Arc<Gcm> {
        {
            let current = self.current.read();
            if current.0 == epoch {
                return Arc::clone(&current.1);
            }
        }
        if let Some((_, gcm)) = self.ready.read().iter().find(|(ready, _)| *ready == epoch) {
            return Arc::clone(gcm);
        }
        let gcm = Arc::new(sub_key(secret, epoch));
        let mut ready = self.ready.write();
        if ready.len() >= EPOCHS_READY {
            ready.remove(0);
        }
        ready.push((epoch, Arc::clone(&gcm)));
        gcm
    }
}

fn new_epoch(secret: &Secret, random: &dyn Random) -> (u32, Arc<Gcm>) {
    let mut drawn = [0; 4];
    random.fill(&mut drawn);
    let epoch = u32::from_be_bytes(drawn).max(1); // 0 means "no sub-key"
    (epoch, Arc::new(sub_key(secret, epoch)))
}

fn sub_key(secret: &Secret, epoch: u32) -> Gcm {
    Gcm::new(&secret.derive(&[b"seal epoch", &epoch.to_be_bytes()]))
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({:x})", self.id.0)
    }
}
