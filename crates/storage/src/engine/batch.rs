//! Operations that are applied together.

use super::{Bytes, EngineError, KEY_BYTES_MAX, Space, VALUE_BYTES_MAX};

/// One operation of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a value, over one that may be there.
    Put(Bytes, Bytes),
    /// Removes a key, which may be absent.
    Delete(Bytes),
}

impl Operation {
    /// The key that it writes or removes.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Operations that [`super::Engine::write`] applies all at once, in order: the last one on a key wins.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    operations: Vec<(Space, Operation)>,
    bytes: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for `operations`.
    pub fn with_capacity(operations: usize) -> Self {
        Self { operations: Vec::with_capacity(operations), bytes: 0 }
    }

    /// Adds a put.
    pub fn put(&mut self, space: Space, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), value.into());
        self.bytes += key.len() + value.len();
        self.operations.push((space, Operation::Put(key, value)));
    }

    /// Adds a delete.
    pub fn delete(&mut self, space: Space, key: impl Into<Bytes>) {
        let key = key.into();
        self.bytes += key.len();
        self.operations.push((space, Operation::Delete(key)));
    }

    /// Adds the operations of another batch after these.
    pub fn append(&mut self, mut other: Self) {
        self.bytes += other.bytes;
        self.operations.append(&mut other.operations);
    }

    /// Count of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The operations in their order.
    pub fn operations(&self) -> impl Iterator<Item = &(Space, Operation)> {
        self.operations.iter()
    }

    pub(super) fn into_operations(self) -> Vec<(Space, Operation)> {
        self.operations
    }

    /// Refuses what no engine could apply, before any of it is applied.
    pub(super) fn check(&self, spaces_count: usize) -> Result<(), EngineError> {
        for (space, operation) in &self.operations {
            if usize::from(space.0) >= spaces_count {
                return Err(EngineError::UnknownSpace(space.0));
            }
            let (key, value_len) = match operation {
                Operation::Put(key, value) => (key, value.len()),
                Operation::Delete(key) => (key, 0),
            };
            for (what, len_bytes, limit_bytes) in
                [("key", key.len(), KEY_BYTES_MAX), ("value", value_len, VALUE_BYTES_MAX)]
            {
                if len_bytes > limit_bytes {
                    return Err(EngineError::TooLarge { what, len_bytes, limit_bytes });
                }
            }
        }
        Ok(())
    }
}
