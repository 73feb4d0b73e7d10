//! Terminology resources read for evaluation, kept while there is room.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use fhir::profile::StructureDefinition;
use fhir::terminology::{CodeSystem, ConceptMap, ValueSet};
use parking_lot::Mutex;

/// Memory that resources which were read for evaluation may take together; what was not used for longest goes first. One
/// that is larger than all the room is read anew for each answer.
pub const LOADED_BYTES_MAX: usize = 512 << 20;

/// Tenant, type code, resource number, version of the row.
pub(super) type Place = (u32, u16, u64, u64);

/// A resource, read.
#[derive(Clone)]
pub(crate) enum One {
    CodeSystem(Arc<CodeSystem>),
    ValueSet(Arc<ValueSet>),
    ConceptMap(Arc<ConceptMap>),
    StructureDefinition(Arc<StructureDefinition>),
}

impl One {
    fn bytes(&self) -> usize {
        match self {
            Self::CodeSystem(one) => one.memory_bytes(),
            Self::ValueSet(one) => one.memory_bytes(),
            Self::ConceptMap(one) => one.memory_bytes(),
            Self::StructureDefinition(one) => one.memory_bytes(),
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Loaded(Mutex<State>);

#[derive(Default)]
struct State {
    slots: HashMap<Place, Slot>,
    bytes: usize,
    turn: u64,
}

#[derive(Default)]
struct Slot {
    /// Filled by whoever comes first; others wait for that reading instead of doing it again.
    one: Arc<OnceLock<Option<One>>>,
    bytes: usize,
    used: u64,
}

impl Loaded {
    /// What stands at `place`, read by `read` if it is not there. A failure is not kept.
    pub(super) fn get(&self, place: Place, read: impl FnOnce() -> Option<One>) -> Option<One> {
        let cell = {
            let mut state = self.0.lock();
            state.turn += 1;
            let turn = state.turn;
            let slot = state.slots.entry(place).or_default();
            slot.used = turn;
            Arc::clone(&slot.one)
        };
        let mut is_new = false;
        let one = cell.get_or_init(|| {
            is_new = true;
            read()
        });
        if is_new {
            self.0.lock().settle(place, one.as_ref(), LOADED_BYTES_MAX);
        }
        one.clone()
    }
}

impl State {
    /// Counts a resource that was just read, and makes room for it.
    fn settle(&mut self, place: Place, one: Option<&One>, room: usize) {
        let Some(one) = one else {
            self.slots.remove(&place);
            return;
        };
        let bytes = one.bytes();
        if let Some(slot) = self.slots.get_mut(&place) {
            slot.bytes = bytes;
            self.bytes += bytes;
        }
        while self.bytes > room {
            // Slots without a size are being read by somebody.
            let settled = self.slots.iter().filter(|(_, slot)| slot.bytes > 0);
            let Some(oldest) = settled.min_by_key(|(_, slot)| slot.used).map(|(place, _)| *place) else {
                return;
            };
            if let Some(slot) = self.slots.remove(&oldest) {
                self.bytes -= slot.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fhir::json_object;

    use super::*;

    fn set(at: u64) -> One {
        let value = json_object! { "resourceType": "ValueSet", "url": format!("urn:{at}") };
        One::ValueSet(Arc::new(ValueSet::read(&value).unwrap()))
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let bytes = set(0).bytes();
        let mut state = State::default();
        for at in 0..5 {
            state.slots.insert((1, 1, at, 1), Slot { used: at, ..Slot::default() });
            state.settle((1, 1, at, 1), Some(&set(at)), 3 * bytes);
        }
        let mut kept: Vec<u64> = state.slots.keys().map(|place| place.2).collect();
        kept.sort_unstable();
        assert_eq!((kept, state.bytes), (vec![2, 3, 4], 3 * bytes));
    }

    #[test]
    fn a_failed_reading_is_tried_again() {
        let loaded = Loaded::default();
        assert!(loaded.get((1, 1, 1, 1), || None).is_none());
        assert!(loaded.get((1, 1, 1, 1), || Some(set(1))).is_some());
        assert!(loaded.get((1, 1, 1, 1), || None).is_some(), "it is kept");
    }
}
