//! One tenant's keys in use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::RingOptions;
use super::cache::Cache;
use super::slots::{self, Content, SLOT_BYTES, Slot, Slots};
use super::table::TenantRecord;
use crate::clock::Random;
use crate::disk::{Disk, OpenMode};
use crate::keys::crypto::Secret;
use crate::keys::{DataKey, IndexKey, KeyError, KeyId, MaskKey, TenantId};

pub(super) struct Tenant {
    id: TenantId,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    random: Arc<dyn Random>,
    seed: Secret,
    general: Arc<DataKey>,
    index: Arc<IndexKey>,
    mask: Arc<MaskKey>,
    cache: Cache,
    /// Set while keys wait for a sync; lets a sync of nothing cost nothing.
    dirty: AtomicBool,
    /// Taken by whoever writes the file; never while `state` is held.
    writer: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    tenant_key: Secret,
    slots: Slots,
    /// Slots that are durable; new keys come after them, in `pending`.
    durable: u64,
    pending: Vec<Slot>,
    poisoned: bool,
}

impl Tenant {
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        record: &TenantRecord,
        random: Arc<dyn Random>,
        options: RingOptions,
    ) -> Result<Self, KeyError> {
        let name = slots::name(record.id, record.epoch);
        let file = disk
            .open(&dir.join(&name), OpenMode::Write)
            .map_err(|error| if missing(&error) { KeyError::Damaged { file: name } } else { error.into() })?;
        let slots = Slots::new(file, record.id, record.epoch, &record.tenant_key);
        let durable = slots.recover()?;
        let general_secret = record.seed.derive(&[b"general data key"]);
        let general = DataKey::with_epochs(KeyId::general(record.id), general_secret, Arc::clone(&random));
        Ok(Self {
            id: record.id,
            disk,
            dir: dir.to_owned(),
            general: Arc::new(general),
            index: Arc::new(IndexKey::new(record.seed.derive(&[b"index"]))),
            mask: Arc::new(MaskKey::new(&record.seed.derive(&[b"mask"]))),
            seed: record.seed.clone(),
            random,
            cache: Cache::new(options.cached_keys_max),
            dirty: AtomicBool::new(false),
            writer: Mutex::new(()),
            state: Mutex::new(State {
                tenant_key: record.tenant_key.clone(),
                slots,
                durable,
                pending: Vec::new(),
                poisoned: false,
            }),
        })
    }

    pub(super) fn id(&self) -> TenantId {
        self.id
    }

    pub(super) fn seed(&self) -> &Secret {
        &self.seed
    }

    pub(super) fn mask_key(&self) -> Arc<MaskKey> {
        Arc::clone(&self.mask)
    }

    pub(super) fn index_key(&self) -> Arc<IndexKey> {
        Arc::clone(&self.index)
    }

    pub(super) fn record(&self) -> TenantRecord {
        let state = self.state.lock();
        TenantRecord {
            id: self.id,
            epoch: state.slots.epoch,
            tenant_key: state.tenant_key.clone(),
            seed: self.seed.clone(),
        }
    }

    pub(super) fn file_name(&self) -> String {
        slots::name(self.id, self.state.lock().slots.epoch)
    }

    pub(super) fn data_key(&self, id: KeyId) -> Result<Arc<DataKey>, KeyError> {
        let position = id.position();
        if position == 0 {
            return Ok(Arc::clone(&self.general));
        }
        if let Some(key) = self.cache.get(position) {
            return Ok(key);
        }
        let generation = self.cache.generation();
        let (slots, waiting) = {
            let state = self.state.lock();
            let waiting = match position.checked_sub(state.durable) {
                None => None,
                Some(at) => {
                    let slot = usize::try_from(at).ok().and_then(|at| state.pending.get(at).copied());
                    Some(slot.ok_or(KeyError::UnknownKey(id.0))?)
                }
            };
            (state.slots.clone(), waiting)
        };
        let slot = match waiting {
            Some(slot) => slot,
            None => slots.read(position)?,
        };
        match slots.content(position, &slot) {
            Content::Key(secret) => {
                let key = Arc::new(DataKey::direct(id, secret, Arc::clone(&self.random)));
                self.cache.put(position, &key, generation);
                Ok(key)
            }
            Content::Void => Err(KeyError::UnknownKey(id.0)),
            Content::Shredded => Err(KeyError::KeyShredded(id.0)),
            Content::Damaged => Err(slots.damaged()),
        }
    }

    pub(super) fn new_data_key(&self) -> Result<KeyId, KeyError> {
        let secret = Secret::generate(self.random.as_ref());
        let generation = self.cache.generation();
        let mut state = self.state.lock();
        if state.poisoned {
            return Err(KeyError::Poisoned);
        }
        let position = state.durable + state.pending.len() as u64;
        let slot = state.slots.fill(position, &secret, self.random.as_ref());
        state.pending.push(slot);
        self.dirty.store(true, Ordering::Release);
        drop(state);
        let id = KeyId::at(self.id, position);
        let key = Arc::new(DataKey::direct(id, secret, Arc::clone(&self.random)));
        self.cache.put(position, &key, generation);
        Ok(id)
    }

    pub(super) fn has_pending(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    pub(super) fn sync(&self) -> Result<(), KeyError> {
        let _writer = self.writer.lock();
        self.sync_locked()
    }

    fn sync_locked(&self) -> Result<(), KeyError> {
        let (slots, from, bytes) = {
            let state = self.state.lock();
            if state.poisoned {
                return Err(KeyError::Poisoned);
            }
            (state.slots.clone(), state.durable, state.pending.concat())
        };
        if bytes.is_empty() {
            return Ok(());
        }
        let written = slots.write(from, &bytes).and_then(|()| slots.file.sync());
        if written.is_err() {
            // The kernel may show these keys to the next process although they will never reach the disk, and that
            // process would use them.
            let _ = slots.file.set_len(from * SLOT_BYTES as u64);
        }
        self.or_poison(written)?;
        let written = bytes.len() / SLOT_BYTES;
        let mut state = self.state.lock();
        state.pending.drain(..written);
        state.durable += written as u64;
        if state.pending.is_empty() {
            self.dirty.store(false, Ordering::Release);
        }
        Ok(())
    }

    pub(super) fn shred(&self, id: KeyId) -> Result<(), KeyError> {
        let position = id.position();
        if position == 0 {
            return Err(KeyError::General(id.0));
        }
        let _writer = self.writer.lock();
        self.sync_locked()?;
        let (slots, count) = {
            let state = self.state.lock();
            (state.slots.clone(), state.durable)
        };
        if position >= count || matches!(slots.content(position, &slots.read(position)?), Content::Void) {
            return Err(KeyError::UnknownKey(id.0));
        }
        if position + 1 == count {
            // Recovery cuts slots at the end that make no sense. Were this slot the last and its overwriting torn, its
            // id would be given to another key.
            let mut state = self.state.lock();
            if state.pending.is_empty() {
                state.pending.push(slots::void());
            }
            drop(state);
            self.sync_locked()?;
        }
        self.or_poison(slots.write(position, &slots::shredded()).and_then(|()| slots.file.sync()))?;
        self.cache.forget(position);
        Ok(())
    }

    /// Wraps the data keys with a new tenant key, in a new file; `commit` makes the new record durable.
    pub(super) fn rotate(
        &self,
        commit: impl FnOnce(&TenantRecord) -> Result<(), KeyError>,
    ) -> Result<(), KeyError> {
        let _writer = self.writer.lock();
        self.sync_locked()?;
        let mut state = self.state.lock(); // held to the end: no key may be drawn under the old tenant key
        let tenant_key = Secret::generate(self.random.as_ref());
        let epoch = state.slots.epoch.wrapping_add(1);
        let file = slots::create(self.disk.as_ref(), &self.dir, self.id, epoch)?;
        let new = Slots::new(file, self.id, epoch, &tenant_key);
        // Keys drawn between the sync and the lock wait in memory under the old wrap; they go to the file now, unsynced
        // places no record names yet, and count as durable, which the sync of the new file makes true.
        let pending = state.pending.concat();
        state.slots.write(state.durable, &pending)?;
        let count = state.durable + (pending.len() / SLOT_BYTES) as u64;
        state.slots.rewrap_to(&new, count, self.random.as_ref())?;
        self.disk.sync_dir(&self.dir)?;
        let record = TenantRecord { id: self.id, epoch, tenant_key, seed: self.seed.clone() };
        if let Err(error) = commit(&record) {
            // Nobody knows which of the two files counts after a restart: keys written to the old one may be lost.
            state.poisoned = true;
            return Err(error);
        }
        let old = slots::name(self.id, state.slots.epoch);
        state.tenant_key = record.tenant_key;
        state.slots = new;
        state.durable = count;
        state.pending.clear();
        self.dirty.store(false, Ordering::Release);
        drop(state);
        self.disk.remove(&self.dir.join(old))?;
        Ok(self.disk.sync_dir(&self.dir)?)
    }

    fn or_poison(&self, result: std::io::Result<()>) -> Result<(), KeyError> {
        if result.is_err() {
            self.state.lock().poisoned = true;
        }
        Ok(result?)
    }
}

fn missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}
