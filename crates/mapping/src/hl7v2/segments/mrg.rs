//! MRG: what a merge replaces. PID survives, MRG is replaced; nothing is deleted.
//!
//! The replaced patient stays as a resource, inactive, with a link to the survivor and its identifiers marked old; the
//! survivor carries them too, so that either number finds the record. Clinical data stays where it was written and is
//! reached through the link.
//!
//! Source: HL7 v2.8 chapter 3, 3.4.11 MRG and 3.3.40 A40; FHIR R4 Patient.link.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::hl7v2::MapError;
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;
use crate::hl7v2::segments::{pid, pv1};
use crate::hl7v2::types::identifier::{self, Identifier};
use crate::hl7v2::types::{name, people};
use crate::intent::{Intent, Mode};
use crate::json::{Build, coding, extension};

/// Joins the patient of MRG-1 into `survivor` (`Patient/id`).
///
/// # Errors
/// [`MapError::NothingToMerge`] if MRG-1 and MRG-4 are empty.
pub(crate) fn patients(
    context: &mut Context<'_, '_>,
    mrg: Seg<'_, '_>,
    survivor: &CompactString,
) -> Result<(), MapError> {
    // MRG-4 is the patient id of versions before 2.3.1.
    let prior: Vec<Identifier> = mrg
        .all(1)
        .chain(mrg.all(4))
        .filter_map(|node| identifier::cx(context, &node, None, pid::SCOPE))
        .collect();
    let id = pid::patient_id(context, &prior).ok_or(MapError::NothingToMerge { place: "MRG-1" })?;
    let replaced = format_compact!("Patient/{id}");
    if replaced == *survivor {
        // Only numbers of one patient changed.
        return Ok(());
    }
    let names: Vec<Value> =
        mrg.all(7).filter_map(|node| name::human_name(context, &node, name::XPN)).collect();
    let old: Vec<Value> =
        prior.into_iter().map(|identifier| identifier.json.with("use", "old").done()).collect();
    for identifier in &old {
        context.add(survivor, "identifier", identifier.clone());
    }
    context.add(survivor, "link", link(&replaced, "replaces"));
    if let Some(intent) = context.intent_mut(survivor) {
        // A survivor is in use, also if an earlier merge went the other way.
        intent.defaults.retain(|element| *element != "active");
    }
    let resource = Build::resource("Patient", &id)
        .with("identifier", old)
        .with("active", false)
        .list("name", names)
        .with("link", vec![link(survivor, "replaced-by")])
        .done();
    let intent = Intent::new(resource, Mode::Link, context.time.clone());
    context.want(intent);
    Ok(())
}

/// A link of Patient.link.
pub(crate) fn link(other: &CompactString, kind: &str) -> Value {
    Build::new().with("other", people::to(other)).with("type", kind).done()
}

/// Joins the visit of MRG-5 into `survivor` (`Encounter/id`).
///
/// # Errors
/// [`MapError::NothingToMerge`] if MRG-5 is empty.
pub(crate) fn visits(
    context: &mut Context<'_, '_>,
    mrg: Seg<'_, '_>,
    survivor: &CompactString,
) -> Result<(), MapError> {
    const ASSOCIATED: &str = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter";
    let number = mrg.one(5).and_then(|node| identifier::cx(context, &node, Some("VN"), pv1::SCOPE));
    let number = number.ok_or(MapError::NothingToMerge { place: "MRG-5" })?;
    let id = pv1::id_of_number(context, &number);
    let replaced = format_compact!("Encounter/{id}");
    if replaced == *survivor {
        return Ok(());
    }
    let old = number.json.with("use", "old").done();
    context.add(survivor, "identifier", old.clone());
    context.add(survivor, "extension", extension(ASSOCIATED, "valueReference", people::to(&replaced)));
    let resource = Build::resource("Encounter", &id)
        .with("extension", vec![extension(ASSOCIATED, "valueReference", people::to(survivor))])
        .with("identifier", vec![old])
        .with("status", "entered-in-error")
        .with("class", coding("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", Some("unknown")))
        .done();
    let intent = Intent::new(resource, Mode::Snapshot, context.time.clone());
    context.want(Intent { defaults: vec!["class"], ..intent });
    Ok(())
}

/// Moves the visit of MRG-5 to `patient` where the message has no PV1 that names it.
pub(crate) fn move_visit(context: &mut Context<'_, '_>, mrg: Seg<'_, '_>, patient: &CompactString) {
    let Some(number) = mrg.one(5).and_then(|node| identifier::cx(context, &node, Some("VN"), pv1::SCOPE))
    else {
        return;
    };
    let id = pv1::id_of_number(context, &number);
    let resource = Build::resource("Encounter", &id)
        .with("identifier", vec![number.json.done()])
        .with("status", "unknown")
        .with("class", coding("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", Some("unknown")))
        .with("subject", people::to(patient))
        .done();
    let intent = Intent::new(resource, Mode::Snapshot, context.time.clone());
    context.want(Intent { defaults: vec!["class", "status"], ..intent });
}
