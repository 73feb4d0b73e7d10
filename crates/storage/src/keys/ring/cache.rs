//! Keys kept ready: two generations in each of some shards, so that keys in use stay and memory is bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::keys::DataKey;

const SHARDS: u64 = 16;

/// A bounded map from position to key.
pub(super) struct Cache {
    shards: Vec<Mutex<Shard>>,
    /// Moves on with each shredded key, so that a key read before is not put in after.
    generation: AtomicU64,
}

struct Shard {
    young: HashMap<u64, Arc<DataKey>>,
    old: HashMap<u64, Arc<DataKey>>,
    young_max: usize,
}

impl Cache {
    pub(super) fn new(keys_max: usize) -> Self {
        let young_max = (keys_max / SHARDS as usize / 2).max(1);
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new(), young_max });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), generation: AtomicU64::new(0) }
    }

    fn shard(&self, position: u64) -> Option<&Mutex<Shard>> {
        self.shards.get((position % SHARDS) as usize)
    }

    pub(super) fn get(&self, position: u64) -> Option<Arc<DataKey>> {
        let mut shard = self.shard(position)?.lock();
        if let Some(key) = shard.young.get(&position) {
            return Some(Arc::clone(key));
        }
        let key = shard.old.remove(&position)?;
        shard.insert(position, Arc::clone(&key));
        Some(key)
    }

    /// To be asked before the file is read.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Keeps a key unless some key was shredded since `generation`.
    pub(super) fn put(&self, position: u64, key: &Arc<DataKey>, generation: u64) {
        if let Some(shard) = self.shard(position) {
            let mut shard = shard.lock();
            if self.generation() == generation {
                shard.insert(position, Arc::clone(key));
            }
        }
    }

    pub(super) fn forget(&self, position: u64) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        if let Some(shard) = self.shard(position) {
            let mut shard = shard.lock();
            shard.young.remove(&position);
            shard.old.remove(&position);
        }
    }
}

impl Shard {
    fn insert(&mut self, position: u64, key: Arc<DataKey>) {
        if self.young.len() >= self.young_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(position, key);
    }
}
