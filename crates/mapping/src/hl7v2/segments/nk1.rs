//! NK1: next of kin and other related people, to RelatedPerson.
//!
//! Source: HL7 v2.8 chapter 3, 3.4.5 NK1.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::person;
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;
use crate::hl7v2::segments::pid;
use crate::hl7v2::types::{coded, contact, identifier, name, people, time};
use crate::intent::{Intent, Mode};
use crate::json::Build;

/// Wants the RelatedPerson of an NK1. It is the same person as long as its identifier, or its name and relationship, are.
pub(crate) fn related_person(context: &mut Context<'_, '_>, nk1: Seg<'_, '_>, patient: &CompactString) {
    let line = nk1.one(2).or_else(|| nk1.one(30)).and_then(|node| name::display(&node, name::XPN));
    let relation = nk1.one(3).and_then(|node| coded::key(&node)).unwrap_or_default();
    if line.is_none() && !nk1.has(33) {
        nk1.refuse("a related person without name and identifier");
        return;
    }
    let identifiers: Vec<_> =
        nk1.all(33).filter_map(|node| identifier::cx(context, &node, None, "related person")).collect();
    let key = match identifiers.first() {
        Some(identifier) => identifier.key.clone(),
        None => format_compact!("{}|{relation}", line.unwrap_or_default().to_lowercase()),
    };
    let id = context.id("RelatedPerson", &[patient, &key]);
    let security = nk1.one(37).and_then(|node| pid::social_security(&node));
    let identifiers: Vec<Value> = identifiers.into_iter().chain(security).map(identifier::shown).collect();
    let relationships: Vec<Value> = [(3, "0063"), (7, "0131")]
        .into_iter()
        .filter_map(|(field, table)| coded::concept_in(context, &nk1.one(field)?, Some(table)))
        .collect();
    let names: Vec<Value> = nk1
        .all(2)
        .chain(nk1.all(30))
        .filter_map(|node| name::human_name(context, &node, name::XPN))
        .collect();
    let addresses: Vec<Value> =
        nk1.all(4).chain(nk1.all(32)).filter_map(|node| contact::address(context, &node)).collect();
    let mut points = contact::all_contact_points(nk1.all(5), Some("home"));
    points.extend(contact::all_contact_points(nk1.all(6), Some("work")));
    for field in [31, 40, 41] {
        for point in contact::all_contact_points(nk1.all(field), None) {
            if !points.contains(&point) {
                points.push(point);
            }
        }
    }
    let language = nk1.one(20).and_then(|node| coded::concept_in(context, &node, Some("0296")));
    let communication = language.map(|language| Build::new().with("language", language).done());
    let resource = Build::resource("RelatedPerson", &id)
        .list("identifier", identifiers)
        .with("active", true)
        .with("patient", people::to(patient))
        .list("relationship", relationships)
        .list("name", names)
        .list("telecom", points)
        .maybe("gender", nk1.one(15).and_then(|node| coded::mapped(&node, person::GENDER)))
        .maybe("birthDate", nk1.one(16).and_then(|node| time::date(&node)))
        .list("address", addresses)
        .maybe("period", time::period(nk1.one(8), nk1.one(9), &context.zones))
        .list("communication", communication.into_iter().collect())
        .done();
    let intent = Intent::new(resource, Mode::Snapshot, context.time.clone());
    context.want(Intent { defaults: vec!["active"], ..intent });
}
