//! What Ward does with the rights of an administrator over everything: scans for leaks, objects of the archive. What is shown
//! here is no resource, so events say in words what was done.

use fhir::json::{self, Value};
use protect::access::Interaction;

use super::Access;
use crate::body::BODY_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{Standing, Whose};
use crate::gate::{self, Reach};
use crate::row::Row;
use crate::types::Versioned;
use crate::view::corrupt;

impl Access {
    /// Does a deed that concerns no single resource, if the caller may do it everywhere. `work` also says for the audit log what it
    /// did, in words that hold nothing of a patient; `what` says what it is.
    ///
    /// # Errors
    /// `Denied` unless the caller may do it for the whole tenant; what `work` says; `Unavailable` if the event could not be
    /// written, and then nothing is shown.
    pub fn deed<T>(
        &self,
        interaction: Interaction,
        what: &str,
        work: impl FnOnce() -> Result<(T, String)>,
    ) -> Result<T> {
        let decided = self.everywhere(interaction);
        gate::recorded(&self.inner, &self.caller, (interaction, None, what), decided, |shown| {
            let (done, note) = work()?;
            shown.note = note;
            Ok(done)
        })
    }

    /// Hands the current resources of a type to `each`, in the order of their numbers: those behind `after`, at most `count_max`, and
    /// until it says `false`. Gives the number to go on behind; `None` at the end. What was erased is passed over. One audit event, with the count.
    ///
    /// # Errors
    /// `Denied` to those who may not do everything, `NotFound` for an unknown type, `Corrupt`, `Unavailable`.
    pub fn scan(
        &self,
        resource_type: &str,
        after: Option<u64>,
        count_max: usize,
        each: &mut dyn FnMut(&Versioned, Value) -> bool,
    ) -> Result<Option<u64>> {
        let decided = self.everywhere(Interaction::Scan);
        let deed = (Interaction::Scan, Some(resource_type), "store");
        gate::recorded(&self.inner, &self.caller, deed, decided, |shown| {
            let code = super::type_code(resource_type)?;
            let view = self.inner.core.snapshot(self.tenant())?;
            let whose = Whose::Everything;
            let mut standing = Standing::open(&view, code, &whose, after.map(|number| (number, 0)));
            let limits = json::Limits { bytes_max: BODY_BYTES_MAX, ..json::Limits::default() };
            let (mut count, mut last) = (0, None);
            let mut wants = true;
            while wants && count < count_max {
                let Some(found) = standing.next()? else {
                    last = None;
                    break;
                };
                count += 1;
                last = Some(found.number);
                let row = Row::read(&found.row).map_err(corrupt)?;
                if row.deleted {
                    continue;
                }
                match view.versioned(code, found.number, &row) {
                    Ok(versioned) => {
                        let value = json::parse(&versioned.body, &limits).map_err(corrupt)?;
                        wants = each(&versioned, value);
                    }
                    Err(error) if error.kind() == ErrorKind::Gone => {}
                    Err(error) => return Err(error),
                }
            }
            shown.note = format!("{count} looked at");
            Ok(last)
        })
    }

    /// Decides an interaction with everything of the tenant.
    fn everywhere(&self, interaction: Interaction) -> Result<Reach> {
        match self.caller.decide(interaction, None)? {
            Reach::All => Ok(Reach::All),
            Reach::Patient(_) => {
                let text = format!("`{}` needs rights over the whole tenant", interaction.code());
                Err(Error::new(ErrorKind::Denied, text))
            }
        }
    }
}
