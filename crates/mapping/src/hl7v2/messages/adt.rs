//! ADT: patient administration.

use crate::hl7v2::MapError;
use crate::hl7v2::context::Context;
use crate::hl7v2::messages::{first, patient_groups};
use crate::hl7v2::segments::pv1::VisitSegments;
use crate::hl7v2::segments::{pid, pv1};

/// Maps an ADT message of any event.
///
/// # Errors
/// [`MapError`] if the patient cannot be told.
pub(crate) fn map(context: &mut Context<'_, '_>) -> Result<(), MapError> {
    let groups = patient_groups(context);
    if groups.is_empty() {
        return Err(MapError::NoPatient);
    }
    for group in &groups {
        let Some(pid) = first(group, "PID") else { continue };
        let patient = pid::patient(context, pid, first(group, "PD1"))?;
        if let Some(pv1) = first(group, "PV1") {
            let segments = VisitSegments { pid, pv1, pv2: first(group, "PV2") };
            pv1::encounter(context, segments, &patient);
        }
    }
    Ok(())
}
