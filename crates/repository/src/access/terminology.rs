//! Terminology operations: the library behind the door.

use std::sync::Arc;

use fhir::json::Value;
use fhir::terminology::{Library, core};
use protect::access::Interaction;

use super::Access;
use crate::body;
use crate::error::Result;
use crate::gate::Reach;
use crate::view::corrupt;

impl Access {
    /// Answers a terminology operation: `work` gets the tenant's library and, where `id` is given, the resource that the
    /// operation was called on. One audit event names `operation`.
    ///
    /// A caller who is bound to one patient's compartment, in which no terminology lies, is answered from the code sets of
    /// R4 alone.
    ///
    /// # Errors
    /// `Denied` as a read of `resource_type`; `NotFound` and `Gone` for the resource; what `work` fails of.
    pub fn terminology<T>(
        &self,
        operation: &'static str,
        resource_type: &str,
        id: Option<&str>,
        work: impl FnOnce(&dyn Library, Option<Value>) -> Result<T>,
    ) -> Result<T> {
        self.operation(Interaction::Operation, operation, resource_type, |shown| {
            let resource = match id {
                Some(id) => {
                    let found = self.current(&shown.reach, resource_type, id)?;
                    let value = body::read_json(&found.body).map_err(corrupt)?;
                    shown.add(&found);
                    Some(value)
                }
                None => None,
            };
            match shown.reach {
                Reach::All => work(self.library()?.as_ref(), resource),
                Reach::Patient(_) => work(core(), resource),
            }
        })
    }

    /// The terminology of the caller's tenant, for checks that are part of another call.
    ///
    /// # Errors
    /// `NotFound` for an unknown tenant, `Unavailable` if the index cannot be read.
    pub fn library(&self) -> Result<Arc<dyn Library>> {
        self.inner.core.terminology(self.tenant())
    }
}
