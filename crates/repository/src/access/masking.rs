//! The key for masking, lent for one deed that stands in the audit log.

use protect::access::Interaction;
use storage::keys::MaskKey;

use super::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::gate;

impl Access {
    /// Lends the tenant's key for masking to `work`, which also says for the audit log what it did: kinds and counts, profile and
    /// version, never a value. `what` is masked: `text`, `fhir`. Who leads back what was masked goes through
    /// [`Access::revealing`].
    ///
    /// # Errors
    /// What `work` says; `Unavailable` if the event could not be written, and then nothing is shown.
    pub fn masking<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&std::sync::Arc<MaskKey>) -> Result<(T, String)>,
    ) -> Result<T> {
        self.with_mask_key(Interaction::Mask, what, work)
    }

    /// Lends the key for leading back what was masked with it. `work` says for the audit log what kinds it led back and how many,
    /// never a value; the event holds the purpose of use.
    ///
    /// # Errors
    /// `Denied` without the right to; else as [`Self::masking`].
    pub fn revealing<T>(
        &self,
        work: impl FnOnce(&std::sync::Arc<MaskKey>) -> Result<(T, String)>,
    ) -> Result<T> {
        self.with_mask_key(Interaction::Reveal, "reveal", work)
    }

    fn with_mask_key<T>(
        &self,
        interaction: Interaction,
        what: &'static str,
        work: impl FnOnce(&std::sync::Arc<MaskKey>) -> Result<(T, String)>,
    ) -> Result<T> {
        let decided = self.caller.decide(interaction, None);
        gate::recorded(&self.inner, &self.caller, (interaction, None, what), decided, |shown| {
            let key = self.inner.core.ring.mask_key(self.caller.tenant);
            let key = key.map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
            let (done, note) = work(&key)?;
            shown.note = note;
            Ok(done)
        })
    }
}
