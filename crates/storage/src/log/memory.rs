//! A log in memory.

use parking_lot::RwLock;

use super::{Log, LogError, RECORD_BYTES_MAX, ReadLimit, Seq};
use crate::seal::Sealed;

/// A log in memory, for tests and tools. Nothing of it survives.
#[derive(Debug, Default)]
pub struct MemoryLog {
    records: RwLock<Vec<Sealed>>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Log for MemoryLog {
    fn next(&self) -> Seq {
        Seq::FIRST.plus(self.records.read().len() as u64)
    }

    fn append(&self, expected: Seq, records: &[Sealed]) -> Result<Seq, LogError> {
        let mut all = self.records.write();
        let next = Seq::FIRST.plus(all.len() as u64);
        if expected != next {
            return Err(LogError::LostRace { next });
        }
        if let Some(long) = records.iter().find(|record| record.as_bytes().len() > RECORD_BYTES_MAX) {
            return Err(LogError::TooLarge { len_bytes: long.as_bytes().len() });
        }
        all.extend_from_slice(records);
        Ok(expected)
    }

    fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<(Seq, Sealed)>, LogError> {
        let from = from.max(Seq::FIRST);
        let all = self.records.read();
        let skipped = usize::try_from(from.0 - Seq::FIRST.0).unwrap_or(usize::MAX);
        let mut bytes = 0usize;
        let mut found = Vec::new();
        for (index, record) in all.iter().skip(skipped).take(limit.records_max).enumerate() {
            bytes = bytes.saturating_add(record.as_bytes().len());
            if bytes > limit.bytes_max && index > 0 {
                break;
            }
            found.push((from.plus(index as u64), record.clone()));
        }
        Ok(found)
    }
}
