//! Resource numbers and patients' keys: who has which, and the next one to give out. Owned by the committer.

use std::collections::HashMap;
use std::hash::Hash;

use storage::engine::Batch;

use crate::codec::{Malformed, Reader, put_varint};
use crate::error::Result;
use crate::layout;
use crate::view::{View, corrupt, engine};

/// Ids kept in memory; a generation holds half. About 100 bytes each.
const IDS_CACHED: usize = 400_000;
const PATIENTS_CACHED: usize = 100_000;

/// Numbers given out during a replay to targets that the record does not name (a newer Ward may find more references
/// than the one that wrote it) begin here, far from those in records.
pub(crate) const LATE_FIRST: u64 = 1 << 62;

/// A bounded map of two generations: what was not used since the last turn is forgotten.
struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation_max: usize,
}

impl<K: Hash + Eq + Copy, V: Copy> Cache<K, V> {
    fn new(entries_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation_max: entries_max / 2 }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.put(*key, value);
        Some(value)
    }

    fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

/// The allocation state.
pub(crate) struct Numbers {
    next: u64,
    late: u64,
    ids: Cache<(u32, [u8; 16]), u64>,
    patient_keys: Cache<(u32, u64), u64>,
}

impl Numbers {
    /// Reads the counters of an index; a new index begins at 1.
    pub(crate) fn open(reader: &dyn storage::engine::Reader) -> Result<Self> {
        let stored = reader.get(layout::APPLIED, &layout::numbers_key()).map_err(engine)?;
        let (next, late) = match stored {
            Some(value) => read_counters(&value).map_err(corrupt)?,
            None => (1, LATE_FIRST),
        };
        Ok(Self { next, late, ids: Cache::new(IDS_CACHED), patient_keys: Cache::new(PATIENTS_CACHED) })
    }

    /// Puts the counters into a batch.
    pub(crate) fn write(&self, batch: &mut Batch) {
        let mut value = Vec::with_capacity(20);
        put_varint(&mut value, self.next);
        put_varint(&mut value, self.late);
        batch.put(layout::APPLIED, layout::numbers_key(), value);
    }

    /// The number of an id, if it has one.
    pub(crate) fn get(&mut self, view: &View, hash: &[u8; 16]) -> Result<Option<u64>> {
        if let Some(number) = self.ids.get(&(view.tenant, *hash)) {
            return Ok(Some(number));
        }
        let number = view.number_of_hash(hash)?;
        if let Some(number) = number {
            self.ids.put((view.tenant, *hash), number);
        }
        Ok(number)
    }

    /// Gives the next number to an id; its row goes into the batch.
    pub(crate) fn allocate(&mut self, batch: &mut Batch, tenant: u32, hash: &[u8; 16]) -> u64 {
        let number = self.next;
        self.take(batch, tenant, hash, number);
        number
    }

    /// Gives a number of the late range to an id.
    pub(crate) fn allocate_late(&mut self, batch: &mut Batch, tenant: u32, hash: &[u8; 16]) -> u64 {
        let number = self.late;
        self.take(batch, tenant, hash, number);
        number
    }

    /// Notes a number that a record gave to an id.
    pub(crate) fn take(&mut self, batch: &mut Batch, tenant: u32, hash: &[u8; 16], number: u64) {
        if number >= LATE_FIRST {
            self.late = self.late.max(number + 1);
        } else {
            self.next = self.next.max(number + 1);
        }
        self.ids.put((tenant, *hash), number);
        let mut value = Vec::with_capacity(9);
        put_varint(&mut value, number);
        batch.put(layout::ID, layout::id_key(tenant, hash), value);
    }

    /// The data key of a patient, if one was made.
    pub(crate) fn patient_key(&mut self, view: &View, patient: u64) -> Result<Option<u64>> {
        if let Some(key) = self.patient_keys.get(&(view.tenant, patient)) {
            return Ok(Some(key));
        }
        let row = layout::patient_key_key(view.tenant, patient);
        let value = view.reader.get(layout::PATIENT_KEY, &row).map_err(engine)?;
        let Some(value) = value else { return Ok(None) };
        let key = Reader::new(&value).varint().map_err(corrupt)?;
        self.patient_keys.put((view.tenant, patient), key);
        Ok(Some(key))
    }

    /// Notes the data key of a patient.
    pub(crate) fn take_patient_key(&mut self, batch: &mut Batch, tenant: u32, patient: u64, key: u64) {
        self.patient_keys.put((tenant, patient), key);
        let mut value = Vec::with_capacity(10);
        put_varint(&mut value, key);
        batch.put(layout::PATIENT_KEY, layout::patient_key_key(tenant, patient), value);
    }
}

fn read_counters(value: &[u8]) -> std::result::Result<(u64, u64), Malformed> {
    let mut reader = Reader::new(value);
    Ok((reader.varint()?, reader.varint()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_forgets_what_is_not_used_and_stays_bounded() {
        let mut cache = Cache::new(8);
        for key in 0..100_u32 {
            cache.put(key, key);
            assert_eq!(cache.get(&0), Some(0), "in use at {key}");
            assert!(cache.young.len() + cache.old.len() <= 8);
        }
        assert_eq!(cache.get(&10), None);
        assert_eq!(cache.get(&99), Some(99));
    }
}
