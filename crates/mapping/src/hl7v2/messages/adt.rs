//! ADT: patient administration.

use compact_str::CompactString;

use crate::hl7v2::MapError;
use crate::hl7v2::context::Context;
use crate::hl7v2::events::Joins;
use crate::hl7v2::messages::{first, patient_groups, results};
use crate::hl7v2::reader::Seg;
use crate::hl7v2::segments::pv1::VisitSegments;
use crate::hl7v2::segments::{al1, dg1, in1, mrg, nk1, pid, pr1, pv1, rol};

/// Maps an ADT message of any event.
///
/// # Errors
/// [`MapError`] if the patient, or what is merged, cannot be told.
pub(crate) fn map(context: &mut Context<'_, '_>) -> Result<(), MapError> {
    let groups = patient_groups(context);
    if groups.is_empty() {
        return Err(MapError::NoPatient);
    }
    let mut patients = Vec::with_capacity(groups.len());
    for group in &groups {
        patients.push(patient_group(context, group)?);
    }
    if let [first, second] = patients.as_slice()
        && first != second
    {
        match context.event.joins {
            Joins::Links => {
                context.add(first, "link", mrg::link(second, "seealso"));
                context.add(second, "link", mrg::link(first, "seealso"));
            }
            Joins::Unlinks => {
                for (one, other) in [(first, second), (second, first)] {
                    if let Some(intent) = context.intent_mut(one) {
                        intent.unlinks.push(other.clone());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// One patient with what follows; gives `Patient/id`.
fn patient_group(context: &mut Context<'_, '_>, group: &[Seg<'_, '_>]) -> Result<CompactString, MapError> {
    let pid = first(group, "PID").ok_or(MapError::NoPatient)?;
    let patient = pid::patient(context, pid, first(group, "PD1"))?;
    let mut encounter = None;
    for (at, segment) in group.iter().enumerate() {
        if segment.name() == "PV1" {
            let pv2 = group.get(at + 1).filter(|next| next.name() == "PV2").copied();
            let pv2 = pv2.or_else(|| first(group, "PV2"));
            encounter = pv1::encounter(context, VisitSegments { pid, pv1: *segment, pv2 }, &patient);
        }
    }
    let merges: Vec<Seg<'_, '_>> = group.iter().filter(|segment| segment.name() == "MRG").copied().collect();
    let joins = context.event.joins;
    if matches!(joins, Joins::Patients) && merges.is_empty() {
        return Err(MapError::NothingToMerge { place: "MRG-1" });
    }
    for mrg in merges {
        match (joins, &encounter) {
            (Joins::Patients, _) => mrg::patients(context, mrg, &patient)?,
            (Joins::Visits, Some(encounter)) => mrg::visits(context, mrg, encounter)?,
            (Joins::VisitMoves, Some(encounter)) if mrg.has(5) => mrg::visits(context, mrg, encounter)?,
            (Joins::VisitMoves, None) => mrg::move_visit(context, mrg, &patient),
            _ => {}
        }
    }
    around_patient(context, group, &patient, encounter.as_ref());
    results::observations_alone(context, group, &patient, encounter.as_ref());
    Ok(patient)
}

/// Related people, insurance, allergies, diagnoses and procedures of a patient, and the roles of others.
pub(crate) fn around_patient(
    context: &mut Context<'_, '_>,
    group: &[Seg<'_, '_>],
    patient: &CompactString,
    encounter: Option<&CompactString>,
) {
    let mut visit = None;
    let mut owner = "";
    for segment in group {
        match segment.name() {
            "PV1" => visit = encounter,
            // A ROL behind a procedure, an insurance or an order is about that.
            "ROL" if matches!(owner, "PID" | "PD1" | "PV1" | "PV2") => {
                rol::role(context, *segment, patient, visit);
            }
            "PR1" => pr1::procedure(context, *segment, patient, encounter),
            "NK1" => nk1::related_person(context, *segment, patient),
            "IN1" => in1::coverage(context, *segment, patient),
            "AL1" | "IAM" => al1::allergy(context, *segment, patient),
            "DG1" => dg1::condition(context, *segment, patient, encounter),
            _ => {}
        }
        if !matches!(segment.name(), "ROL" | "ARV") {
            owner = segment.name();
        }
    }
}
