//! A member's name with a memory of where it was last found.

use std::sync::atomic::{AtomicU64, Ordering};

use compact_str::CompactString;

/// The name of an element in an expression.
///
/// Beside the name stands the last answer of the type model for it (a type and what the name means there), so that the
/// same expression over many resources of one type looks nothing up. The memory is a hint: it never changes a result,
/// and two expressions with the same name are equal whatever they remember.
#[derive(Debug)]
pub(crate) struct Member {
    name: CompactString,
    memory: AtomicU64,
}

impl Member {
    pub(super) const fn new(name: CompactString) -> Self {
        Self { name, memory: AtomicU64::new(u64::MAX) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What was remembered for `key`.
    pub(super) fn recall(&self, key: u32) -> Option<u32> {
        let memory = self.memory.load(Ordering::Relaxed);
        ((memory >> 32) as u32 == key).then_some(memory as u32)
    }

    /// Remembers `answer` for `key`, which must not be `u32::MAX`.
    pub(super) fn remember(&self, key: u32, answer: u32) {
        self.memory.store(u64::from(key) << 32 | u64::from(answer), Ordering::Relaxed);
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
