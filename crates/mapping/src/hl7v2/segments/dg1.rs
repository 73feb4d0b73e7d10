//! DG1: diagnoses, to Condition and Encounter.diagnosis.
//!
//! Source: HL7 v2.8 chapter 6, 6.5.2 DG1.

use compact_str::CompactString;

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;
use crate::hl7v2::types::{coded, identifier, people, time};
use crate::json::{Build, concept};

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const ROLE: &str = "http://terminology.hl7.org/CodeSystem/diagnosis-role";

/// Wants the Condition of a DG1, tied to the visit. It is the same diagnosis as long as DG1-20, or the code within the
/// visit, is.
pub(crate) fn condition(
    context: &mut Context<'_, '_>,
    dg1: Seg<'_, '_>,
    patient: &CompactString,
    encounter: Option<&CompactString>,
) {
    let coded_key = dg1.one(3).and_then(|node| coded::key(&node));
    let text = dg1.peek(4);
    let Some(name) = coded_key.or(text) else {
        dg1.refuse("a diagnosis without code and text");
        return;
    };
    let own = dg1.one(20).and_then(|node| identifier::ei(context, &node, None, "diagnosis"));
    let visit = encounter.cloned().unwrap_or_default();
    let id = match &own {
        Some(own) => context.id("Condition", &[patient, "number", &own.key]),
        None => context.id("Condition", &[patient, &visit, &name]),
    };
    let code = dg1.one(3).and_then(|node| coded::concept(context, &node));
    let code = coded::with_text(code, dg1.text(4));
    let kind = dg1.peek(6);
    let is_deleted = dg1.peek(21).as_deref() == Some("D");
    if dg1.has(21) {
        dg1.text(21);
    }
    let verification = match kind.as_deref() {
        _ if is_deleted => Some("entered-in-error"),
        Some("W") => Some("provisional"),
        Some("F") => Some("confirmed"),
        _ => None,
    };
    let asserter = dg1.one(16).and_then(|node| people::practitioner(context, &node));
    let onset = dg1.one(5).and_then(|node| time::date_time(&node, &context.zones));
    let recorded = dg1.one(19).and_then(|node| time::date_time(&node, &context.zones));
    let resource = Build::resource("Condition", &id)
        .list("identifier", own.map(identifier::shown).into_iter().collect())
        .maybe("verificationStatus", verification.map(|code| concept(VERIFICATION, code, None)))
        .with("category", vec![concept(CATEGORY, "encounter-diagnosis", Some("Encounter Diagnosis"))])
        .maybe("code", code)
        .with("subject", people::to(patient))
        .maybe("encounter", encounter.map(people::to))
        .maybe("onsetDateTime", onset)
        .maybe("recordedDate", recorded)
        .maybe("asserter", asserter)
        .done();
    let key = context.snapshot(resource);
    if let Some(encounter) = encounter.filter(|_| !is_deleted) {
        let role = dg1.one(6).and_then(|node| match kind.as_deref() {
            Some("A") => {
                node.get(1);
                Some(concept(ROLE, "AD", Some("Admission diagnosis")))
            }
            _ => coded::concept_in(context, &node, Some("0052")),
        });
        let rank =
            dg1.peek(15).and_then(|text| text.parse::<i64>().ok()).filter(|rank| (1..1000).contains(rank));
        if rank.is_some() {
            dg1.text(15);
        }
        let entry =
            Build::new().with("condition", people::to(&key)).maybe("use", role).maybe("rank", rank).done();
        context.add(encounter, "diagnosis", entry);
    }
}
