//! Cheap slices of bytes.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

/// Immutable bytes that are cheap to clone: up to 20 bytes live inline, longer ones in shared memory. Keys and
/// values go through an engine as they are, without a copy.
///
/// `Debug` prints the length alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(fjall::Slice);

impl Bytes {
    /// The parts one after another, with one allocation at most.
    pub fn concat(parts: &[&[u8]]) -> Self {
        match parts {
            [one] => Self::from(*one),
            _ => Self::from(parts.concat()),
        }
    }

    pub(super) fn from_inner(inner: fjall::Slice) -> Self {
        Self(inner)
    }

    pub(super) fn into_inner(self) -> fjall::Slice {
        self.0
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self(fjall::Slice::from([].as_slice()))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(fjall::Slice::from(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(bytes: &[u8; N]) -> Self {
        Self(fjall::Slice::from(bytes.as_slice()))
    }
}

impl<const N: usize> From<[u8; N]> for Bytes {
    fn from(bytes: [u8; N]) -> Self {
        Self(fjall::Slice::from(bytes.as_slice()))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(fjall::Slice::from(bytes))
    }
}

impl From<&Vec<u8>> for Bytes {
    fn from(bytes: &Vec<u8>) -> Self {
        Self(fjall::Slice::from(bytes.as_slice()))
    }
}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Bytes({})", self.len())
    }
}
