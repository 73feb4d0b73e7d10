//! The way back, for whom it is allowed.

use super::shift::{DateShift, ShiftOptions};
use super::{id_cipher, sealed_value};
use crate::Keys;

/// Undoes what can be undone. Holding one is holding the right to re-identify: a caller demands a permission before it makes
/// one, and records that it did.
pub struct Reversal<'k> {
    keys: &'k dyn Keys,
}

impl<'k> Reversal<'k> {
    /// The way back under these keys.
    #[must_use]
    pub fn new(keys: &'k dyn Keys) -> Self {
        Self { keys }
    }

    /// The id that [`IdCipher::encrypt`](super::IdCipher::encrypt) was given. `None` for a format that it refuses. There is no check: what was never
    /// encrypted gives another id of the same format.
    #[must_use]
    pub fn id(&self, domain: &str, id: &str) -> Option<String> {
        id_cipher::decrypt(self.keys, domain, id)
    }

    /// The value that the method `encrypt` was given; `None` if these keys did not encrypt it.
    #[must_use]
    pub fn value(&self, sealed: &str) -> Option<String> {
        sealed_value::decrypt(self.keys, sealed)
    }

    /// The shift that takes shifted dates of `scope` back. Dates that became the cap year stay what they are.
    #[must_use]
    pub fn dates(&self, scope: &str, options: &ShiftOptions) -> DateShift {
        DateShift::derive(self.keys, scope, options).reversed()
    }
}
