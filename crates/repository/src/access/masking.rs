//! The key for masking, lent for one deed that stands in the audit log.

use protect::access::Interaction;
use storage::keys::MaskKey;

use super::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::gate;

impl Access {
    /// Lends the tenant's key for masking to `work`, which also says for the audit log what it did: kinds and counts, profile and
    /// version, never a value. `what` is masked: `text`, `fhir`.
    ///
    /// # Errors
    /// What `work` says; `Unavailable` if the event could not be written, and then nothing is shown.
    pub fn masking<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&std::sync::Arc<MaskKey>) -> Result<(T, String)>,
    ) -> Result<T> {
        let decided = self.caller.decide(Interaction::Mask, None);
        gate::recorded(&self.inner, &self.caller, (Interaction::Mask, None, what), decided, |shown| {
            let key = self.inner.core.ring.mask_key(self.caller.tenant);
            let key = key.map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
            let (done, note) = work(&key)?;
            shown.note = note;
            Ok(done)
        })
    }
}
