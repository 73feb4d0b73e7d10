//! SPM, and OBR-15 of older versions: specimens.
//!
//! Source: HL7 v2.8 chapter 7, 7.4.3 SPM; tables 0487 and 0490.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::result;
use crate::hl7v2::context::Context;
use crate::hl7v2::messages::results::SpecimenGroup;
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::segments::nte;
use crate::hl7v2::segments::orc::OrderKeys;
use crate::hl7v2::types::quantity::{self, Unit};
use crate::hl7v2::types::{coded, identifier, people, time};
use crate::json::Build;

/// Wants the Specimen of an SPM; gives `Specimen/id`.
pub(crate) fn specimen(
    context: &mut Context<'_, '_>,
    group: &SpecimenGroup<'_, '_>,
    keys: &OrderKeys,
    patient: &CompactString,
) -> CompactString {
    let spm = group.spm;
    // SPM-2 is a pair: the placer's and the filler's number.
    let pair = spm.one(2);
    let placer = pair
        .and_then(|node| node.part(1))
        .and_then(|part| identifier::ei(context, &part, Some("PLAC"), "specimen"));
    let filler = pair
        .and_then(|node| node.part(2))
        .and_then(|part| identifier::ei(context, &part, Some("FILL"), "specimen"));
    let accession = spm.one(30).and_then(|node| identifier::cx(context, &node, Some("ACSN"), "accession"));
    let number = filler.as_ref().or(placer.as_ref()).map(|number| number.key.clone());
    let key = number.unwrap_or_else(|| {
        let kind = spm.one(4).and_then(|node| coded::key(&node)).unwrap_or_default();
        format_compact!("{}|{}|{kind}", keys.results, spm.peek(1).unwrap_or_default())
    });
    let id = context.id("Specimen", &[&key]);
    let others = spm.all(31).filter_map(|node| identifier::cx(context, &node, None, "specimen"));
    let identifiers: Vec<Value> =
        placer.into_iter().chain(filler).chain(others).map(identifier::shown).collect();
    let kind = spm.one(4).and_then(|node| coded::concept_in(context, &node, Some("0487")));
    let conditions: Vec<Value> =
        spm.all(24).filter_map(|node| coded::concept_in(context, &node, Some("0493"))).collect();
    let container = container(context, spm);
    let mut notes: Vec<Value> = nte::annotation(&group.notes).into_iter().collect();
    notes.extend(
        spm.all(14).filter_map(|node| node.text()).map(|text| Build::new().with("text", text).done()),
    );
    let resource = Build::resource("Specimen", &id)
        .list("identifier", identifiers)
        .maybe("accessionIdentifier", accession.map(identifier::shown))
        .maybe("status", spm.one(20).and_then(|node| coded::mapped(&node, result::SPECIMEN_STATUS)))
        .maybe("type", kind)
        .with("subject", people::to(patient))
        .maybe("receivedTime", spm.one(18).and_then(|node| time::date_time(&node, &context.zones)))
        .maybe("collection", collection(context, spm))
        .list("container", container.into_iter().collect())
        .list("condition", conditions)
        .list("note", notes)
        .done();
    context.snapshot(resource)
}

fn collection(context: &Context<'_, '_>, spm: Seg<'_, '_>) -> Option<Value> {
    let when = spm.one(17);
    let build = match when {
        // DR: from, to.
        Some(node) if node.has(2) => {
            Build::new().maybe("collectedPeriod", time::period(node.part(1), node.part(2), &context.zones))
        }
        Some(node) => {
            let part = node.part(1);
            Build::new()
                .maybe("collectedDateTime", part.and_then(|part| time::date_time(&part, &context.zones)))
        }
        None => Build::new(),
    };
    let amount = spm.one(12).and_then(|node| amount(context, &node));
    let method = spm.one(7).and_then(|node| coded::concept_in(context, &node, Some("0488")));
    let site = spm.one(8).and_then(|node| coded::concept(context, &node));
    build.maybe("quantity", amount).maybe("method", method).maybe("bodySite", site).some()
}

/// CQ: number and unit.
fn amount(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    let number = quantity::number(&node.peek_part(1)?)?;
    node.get(1);
    Some(Unit::read(context, node.part(2)).quantity(number))
}

fn container(context: &Context<'_, '_>, spm: Seg<'_, '_>) -> Option<Value> {
    let kind = spm.one(27).and_then(|node| coded::concept(context, &node));
    let additive = spm.one(6).and_then(|node| coded::concept_in(context, &node, Some("0371")));
    Build::new().maybe("type", kind).maybe("additiveCodeableConcept", additive).some()
}

/// Wants the Specimen of OBR-15 (SPS: type, additives, text, site, side, method), with OBR-7, 8, 9, 10 and 14; `None` if
/// OBR-15 is empty.
pub(crate) fn specimen_of_obr(
    context: &mut Context<'_, '_>,
    obr: Seg<'_, '_>,
    keys: &OrderKeys,
    patient: &CompactString,
) -> Option<CompactString> {
    let source = obr.one(15)?;
    let id = context.id("Specimen", &["of order", &keys.results]);
    let kind = source.part(1).and_then(|part| coded::concept_in(context, &part, Some("0070")));
    let site = source.part(4).and_then(|part| coded::concept_in(context, &part, Some("0163")));
    let method = source.part(6).and_then(|part| coded::concept(context, &part));
    let text = source.get(3);
    let collector = obr.one(10).and_then(|node| people::practitioner(context, &node));
    let amount = obr.one(9).and_then(|node| amount(context, &node));
    let collection = Build::new().maybe("collector", collector);
    let collection = if obr.has(8) {
        collection.maybe("collectedPeriod", time::period(obr.one(7), obr.one(8), &context.zones))
    } else {
        collection
            .maybe("collectedDateTime", obr.one(7).and_then(|node| time::date_time(&node, &context.zones)))
    };
    let resource = Build::resource("Specimen", &id)
        .maybe("type", kind)
        .with("subject", people::to(patient))
        .maybe("receivedTime", obr.one(14).and_then(|node| time::date_time(&node, &context.zones)))
        .maybe(
            "collection",
            collection.maybe("quantity", amount).maybe("method", method).maybe("bodySite", site).some(),
        )
        .list("note", text.map(|text| Build::new().with("text", text).done()).into_iter().collect())
        .done();
    Some(context.snapshot(resource))
}
