//! AL1 and IAM: allergies, to AllergyIntolerance.
//!
//! Source: HL7 v2.8 chapter 3, 3.4.6 AL1 and 3.4.7 IAM.

use compact_str::CompactString;
use fhir::json::Value;

use crate::concepts::{allergy, find};
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::types::{coded, identifier, people, time};
use crate::intent::{Intent, Mode};
use crate::json::{Build, concept};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

/// Wants the AllergyIntolerance of an AL1 or IAM. It is the same allergy as long as IAM-7 or the substance is.
pub(crate) fn allergy(context: &mut Context<'_, '_>, segment: Seg<'_, '_>, patient: &CompactString) {
    let is_iam = segment.name() == "IAM";
    let Some(substance) = segment.one(3).filter(|node| coded::key(node).is_some()) else {
        segment.refuse("an allergy without substance");
        return;
    };
    let own =
        segment.one(7).filter(|_| is_iam).and_then(|node| identifier::ei(context, &node, None, "allergy"));
    let key = own.as_ref().map(|own| own.key.clone()).or_else(|| coded::key(&substance)).unwrap_or_default();
    let id = context.id("AllergyIntolerance", &[patient, &key]);
    let code = coded::concept(context, &substance);
    let kind = segment.one(2).and_then(|node| node.peek_part(1));
    let category = kind.as_deref().and_then(|code| find(allergy::CATEGORY, code));
    let type_code = kind.as_deref().and_then(|code| find(allergy::KIND, code));
    if let Some(node) = segment.one(2) {
        if category.is_some() || type_code.is_some() {
            node.get(1);
            node.ignore("said by the code");
        } else {
            node.refuse("code with no counterpart in FHIR's value set");
        }
    }
    let is_deleted = is_iam && segment.peek(6).as_deref() == Some("D");
    let verification = if is_deleted {
        Some("entered-in-error")
    } else {
        segment.one(17).filter(|_| is_iam).and_then(|node| coded::mapped(&node, allergy::VERIFICATION))
    };
    if is_iam && segment.has(6) {
        segment.text(6);
        segment.ignore(6, "said by the code");
    }
    let is_error = verification == Some("entered-in-error");
    let reactions = reactions(context, segment, is_iam);
    // A severity belongs to a reaction; without one it is how much is at stake.
    let criticality = if reactions.is_empty() {
        segment.one(4).and_then(|node| coded::mapped(&node, allergy::CRITICALITY))
    } else {
        None
    };
    let onset =
        segment.one(if is_iam { 11 } else { 6 }).and_then(|node| time::date_time(&node, &context.zones));
    let recorded = segment.one(13).filter(|_| is_iam).and_then(|node| time::date_time(&node, &context.zones));
    let onset_text = segment.one(12).filter(|_| is_iam && onset.is_none()).and_then(|node| node.text());
    let identifiers: Vec<Value> = own.map(identifier::shown).into_iter().collect();
    // An allergy entered in error has no clinical status (ait-2).
    let clinical = (!is_error).then(|| concept(CLINICAL, "active", None));
    let resource = Build::resource("AllergyIntolerance", &id)
        .list("identifier", identifiers)
        .maybe("clinicalStatus", clinical)
        .maybe("verificationStatus", verification.map(|code| concept(VERIFICATION, code, None)))
        .maybe("type", type_code)
        .list("category", category.map(Value::from).into_iter().collect())
        .maybe("criticality", criticality)
        .maybe("code", code)
        .with("patient", people::to(patient))
        .maybe("onsetDateTime", onset)
        .maybe("onsetString", onset_text)
        .maybe("recordedDate", recorded)
        .list("reaction", reactions)
        .done();
    let clears = if is_error { vec!["clinicalStatus"] } else { Vec::new() };
    let intent = Intent::new(resource, Mode::Snapshot, context.time.clone());
    context.want(Intent { clears, ..intent });
}

/// AL1-5 is text, IAM-5 coded; both repeat.
fn reactions(context: &Context<'_, '_>, segment: Seg<'_, '_>, is_iam: bool) -> Vec<Value> {
    let manifestation = |node: Node<'_, '_>| {
        if is_iam {
            return coded::concept(context, &node);
        }
        let text = node.whole();
        let text = text.trim();
        (!text.is_empty()).then(|| Build::new().with("text", text).done())
    };
    let manifestations: Vec<Value> = segment.all(5).filter_map(manifestation).collect();
    if manifestations.is_empty() {
        return Vec::new();
    }
    let severity = segment.one(4).and_then(|node| coded::mapped(&node, allergy::SEVERITY));
    vec![Build::new().with("manifestation", manifestations).maybe("severity", severity).done()]
}
