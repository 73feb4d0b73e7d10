//! IN1: insurance, to Coverage and the insurer's Organization.
//!
//! Source: HL7 v2.8 chapter 6, 6.5.6 IN1.

use compact_str::CompactString;
use fhir::json::Value;

use crate::concepts::Row;
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;
use crate::hl7v2::types::{coded, contact, identifier, name, people, time};
use crate::intent::{Intent, Mode};
use crate::json::{Build, concept};

/// Table 0063 relationship → subscriber-relationship.
const RELATIONSHIP: &[Row] = &[
    ("SEL", "self"),
    ("SPO", "spouse"),
    ("CHD", "child"),
    ("PAR", "parent"),
    ("DOM", "common"),
    ("OTH", "other"),
];

const CLASS: &str = "http://terminology.hl7.org/CodeSystem/coverage-class";

/// Wants the Coverage of an IN1. Without an insurer there is none, as FHIR demands a payor.
pub(crate) fn coverage(context: &mut Context<'_, '_>, in1: Seg<'_, '_>, patient: &CompactString) {
    if !in1.has(3) && !in1.has(4) {
        in1.refuse("an insurance without insurer");
        return;
    }
    let number = in1.one(3).and_then(|node| identifier::cx(context, &node, None, "insurer"));
    let named = in1.one(4);
    let payor = match (number, named) {
        (Some(number), named) => {
            let name = named.and_then(|node| node.get(1));
            people::named_organization(context, name, Some(number))
        }
        (None, Some(node)) => people::organization(context, &node),
        (None, None) => None,
    };
    let Some(payor) = payor else {
        in1.refuse("an insurance without insurer");
        return;
    };
    if let Some(address) = in1.one(5).and_then(|node| contact::address(context, &node)) {
        context.add(&payor, "address", address);
    }
    for point in contact::all_contact_points(in1.all(7), Some("work")) {
        context.add(&payor, "telecom", point);
    }
    let policy = in1.text(36);
    let plan = in1.one(2).and_then(|node| node.get(1));
    let plan_name = in1.one(2).and_then(|node| node.get(2)).or_else(|| in1.text(35));
    let number = policy.clone().or_else(|| plan.clone()).or_else(|| in1.peek(1)).unwrap_or_default();
    let id = context.id("Coverage", &[patient, &payor, &number]);
    let relationship = in1.one(17).and_then(|node| coded::mapped(&node, RELATIONSHIP));
    let is_self = relationship == Some("self");
    let subscriber = if is_self {
        if let Some(node) = in1.one(16) {
            node.ignore("the patient is the insured");
        }
        Some(people::to(patient))
    } else {
        in1.one(16)
            .and_then(|node| name::take_display(&node, name::XPN))
            .map(|line| Build::new().with("display", line).done())
    };
    let holder =
        in1.one(11).and_then(|node| node.get(1)).map(|line| Build::new().with("display", line).done());
    let subscriber_id = in1.one(49).and_then(|node| node.get(1)).or_else(|| policy.clone());
    let classes: Vec<Value> = [
        class("plan", plan.clone().or_else(|| plan_name.clone()), plan_name.clone()),
        class("group", in1.text(8), in1.one(9).and_then(|node| node.get(1))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let kind = in1.one(15).and_then(|node| coded::concept_in(context, &node, Some("0086")));
    let order =
        in1.peek(22).and_then(|text| text.parse::<i64>().ok()).filter(|order| (1..100).contains(order));
    if order.is_some() {
        in1.text(22);
    }
    let identifiers: Vec<Value> =
        policy.map(|value| Build::new().with("value", value).done()).into_iter().collect();
    let relationship = relationship
        .map(|code| concept("http://terminology.hl7.org/CodeSystem/subscriber-relationship", code, None));
    let resource = Build::resource("Coverage", &id)
        .list("identifier", identifiers)
        .with("status", "active")
        .maybe("type", kind)
        .maybe("policyHolder", holder)
        .maybe("subscriber", subscriber)
        .maybe("subscriberId", subscriber_id)
        .with("beneficiary", people::to(patient))
        .maybe("relationship", relationship)
        .maybe("period", time::period(in1.one(12), in1.one(13), &context.zones))
        .with("payor", vec![people::to(&payor)])
        .list("class", classes)
        .maybe("order", order)
        .done();
    let intent = Intent::new(resource, Mode::Snapshot, context.time.clone());
    context.want(Intent { defaults: vec!["status"], ..intent });
}

fn class(kind: &str, value: Option<CompactString>, name: Option<CompactString>) -> Option<Value> {
    let value = value.or_else(|| name.clone())?;
    Some(
        Build::new().with("type", concept(CLASS, kind, None)).with("value", value).maybe("name", name).done(),
    )
}
