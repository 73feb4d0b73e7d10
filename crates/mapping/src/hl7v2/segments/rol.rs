//! ROL: further people around a patient or a visit, to Encounter.participant and Patient.generalPractitioner.
//!
//! Source: HL7 v2.8 chapter 15, 15.4.7 ROL; table 0443.

use compact_str::CompactString;

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;
use crate::hl7v2::types::{coded, people, time};
use crate::json::Build;

/// Adds the people of a ROL to the visit, or, if it stands with the patient, the family doctor to the patient.
pub(crate) fn role(
    context: &mut Context<'_, '_>,
    rol: Seg<'_, '_>,
    patient: &CompactString,
    encounter: Option<&CompactString>,
) {
    let code = rol.peek(3);
    let is_family_doctor = matches!(code.as_deref(), Some("PP" | "FHCP"));
    if encounter.is_none() && !is_family_doctor {
        rol.refuse("a role that has no place at the patient");
        return;
    }
    let role = rol.one(3).and_then(|node| coded::concept_in(context, &node, Some("0443")));
    let period = time::period(rol.one(5), rol.one(6), &context.zones);
    let nodes: Vec<_> = rol.all(4).collect();
    for node in nodes {
        let Some(who) = people::practitioner(context, &node) else { continue };
        match encounter {
            Some(encounter) => {
                let entry = Build::new()
                    .list("type", role.clone().into_iter().collect())
                    .maybe("period", period.clone())
                    .with("individual", who)
                    .done();
                context.add(encounter, "participant", entry);
            }
            None => context.add(patient, "generalPractitioner", who),
        }
    }
}
