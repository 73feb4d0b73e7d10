//! MSH and EVN: who sent the message and when, and the message's Provenance.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::hl7v2::MessageIdentity;
use crate::hl7v2::context::Context;
use crate::hl7v2::events::{Family, Joins, Visit};
use crate::hl7v2::types::identifier::Authority;
use crate::hl7v2::types::time::Stamp;
use crate::hl7v2::types::{coded, identifier, people, time};
use crate::json::{Build, coding, concept};

/// Sets zones, default authority and source time from MSH and EVN.
pub(crate) fn read(context: &mut Context<'_, '_>) {
    let reader = context.reader;
    let header = reader.segment("MSH");
    let sent = header.and_then(|header| header.peek(7)).as_deref().and_then(Stamp::parse);
    context.zones.message = sent.as_ref().and_then(|stamp| stamp.offset);
    context.zones.zone = context.source.zone.as_ref().map(|zone| zone.0.clone());
    let facility = [4, 3].into_iter().find_map(|field| {
        let node = header?.one(field)?;
        identifier::authority(context, &node, 1).as_ref().and_then(Authority::key)
    });
    context.facility = facility.unwrap_or_else(|| format_compact!("channel {}", context.source.channel));
    let recorded = reader.segment("EVN").and_then(|event| event.peek(2)).as_deref().and_then(Stamp::parse);
    // EVN-2 says when the event was recorded, MSH-7 only when the message was written.
    let stamp = recorded.filter(Stamp::has_clock).or(sent);
    context.time = stamp.and_then(|stamp| stamp.source_time(&context.zones));
}

/// Wants the Provenance of the message, with everything wanted so far as its target.
pub(crate) fn provenance(context: &mut Context<'_, '_>, identity: &MessageIdentity) {
    let reader = context.reader;
    let header = reader.segment("MSH");
    let event = reader.segment("EVN");
    let targets: Vec<Value> = context.keys().iter().map(people::to).collect();
    if let Some(header) = header {
        for field in [7, 9, 10] {
            if let Some(node) = header.one(field) {
                node.take();
            }
        }
    }
    let agent = author(context);
    let operator = event.and_then(|event| event.one(5)).and_then(|node| people::practitioner(context, &node));
    let mut agents = vec![agent];
    agents.extend(operator.map(|who| {
        Build::new().with("type", concept(PARTICIPANT, "enterer", Some("Enterer"))).with("who", who).done()
    }));
    let zones = &context.zones;
    let recorded = event
        .and_then(|event| event.one(2))
        .and_then(|node| time::instant(&node, zones))
        .or_else(|| header?.peek(7).as_deref().and_then(Stamp::parse)?.instant(zones));
    let occurred = event.and_then(|event| event.one(6)).and_then(|node| time::date_time(&node, zones));
    let reasons = event.map(|event| event.all(4).collect::<Vec<_>>()).unwrap_or_default();
    let reason: Vec<Value> =
        reasons.iter().filter_map(|node| coded::concept_in(context, node, Some("0062"))).collect();
    let id = context.id(
        "Provenance",
        &[
            &identity.sending_application,
            &identity.sending_facility,
            &identity.message_type,
            &identity.control_id,
            &identity.time,
            if identity.control_id.is_empty() { reader.message().raw() } else { "" },
        ],
    );
    let control_id = CompactString::from(identity.control_id.trim());
    let what = Build::new()
        .maybe("identifier", (!control_id.is_empty()).then(|| Build::new().with("value", control_id).done()))
        .with("display", format_compact!("HL7 v2 message {}", identity.message_type))
        .done();
    let absent = recorded.is_none().then(unknown);
    let resource = Build::resource("Provenance", &id)
        .list("target", targets)
        .maybe("occurredDateTime", occurred)
        .maybe("recorded", recorded)
        .maybe("_recorded", absent)
        .list("reason", reason)
        .with("activity", activity(context))
        .with("agent", agents)
        .with("entity", vec![Build::new().with("role", "source").with("what", what).done()])
        .done();
    // A Provenance is written once and never changes.
    context.mention(resource);
}

const PARTICIPANT: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// A required element whose value the sender did not give.
pub(crate) fn unknown() -> Value {
    let reason = Build::new()
        .with("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason")
        .with("valueCode", "unknown")
        .done();
    Build::new().with("extension", vec![reason]).done()
}

fn author(context: &mut Context<'_, '_>) -> Value {
    let reader = context.reader;
    let header = reader.segment("MSH");
    let application =
        header.and_then(|header| header.one(3)).and_then(|node| identifier::authority(context, &node, 1));
    let responsible =
        header.and_then(|header| header.one(22)).and_then(|node| people::organization(context, &node));
    let facility =
        header.and_then(|header| header.one(4)).and_then(|node| people::organization_of_hd(context, &node));
    let application = application.and_then(|authority| authority.name.or(authority.system));
    let display = application.unwrap_or_else(|| CompactString::from(context.source.channel.as_str()));
    let organization = responsible.or(facility);
    let who = Build::new().maybe("reference", organization).with("display", display).done();
    Build::new().with("type", concept(PARTICIPANT, "author", Some("Author"))).with("who", who).done()
}

fn activity(context: &Context<'_, '_>) -> Value {
    let event = &context.event;
    let (code, display) = match (event.family, event.joins, event.visit) {
        (_, Joins::Deletes, _) | (_, _, Visit::Becomes("entered-in-error")) => ("NULLIFY", "nullify"),
        (_, Joins::Adds, _) | (_, _, Visit::Opens(_)) => ("CREATE", "create"),
        (Family::Adt, ..) => ("UPDATE", "revise"),
        (Family::Result | Family::Order, ..) => ("UPDATE", "revise"),
    };
    let operation = coding("http://terminology.hl7.org/CodeSystem/v3-DataOperation", code, Some(display));
    let trigger = coding("http://terminology.hl7.org/CodeSystem/v2-0003", event.code, None);
    Build::new().with("coding", vec![operation, trigger]).done()
}
