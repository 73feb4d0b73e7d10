//! PL: where a patient is, to Location.
//!
//! One Location for the most exact place that is named (bed, room, ward). Its id is made of all levels, so that bed 1 of two
//! rooms are two places.
//!
//! Source: HL7 v2.8 chapter 2A PL.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::{encounter, find};
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::hl7v2::types::identifier;
use crate::json::{Build, coding, concept};

const PHYSICAL_TYPE: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";

/// Levels from wide to exact: part of the PL, code of location-physical-type, its display.
const LEVELS: [(u32, &str, &str); 5] =
    [(7, "bu", "Building"), (8, "lvl", "Level"), (1, "wa", "Ward"), (2, "ro", "Room"), (3, "bd", "Bed")];

/// The Location of a PL; gives `Type/id`. `bed_status` is PV1-40, if the place is the present one.
pub(crate) fn location(
    context: &mut Context<'_, '_>,
    node: &Node<'_, '_>,
    bed_status: Option<Node<'_, '_>>,
) -> Option<CompactString> {
    let levels = LEVELS.map(|(at, code, display)| (node.get(at), code, display));
    let exact = levels.iter().rev().find(|(text, _, _)| text.is_some());
    let description = node.get(9);
    let facility = node.part(4).and_then(|part| identifier::authority(context, &part, 1));
    let kind = match exact {
        Some((_, code, display)) => concept(PHYSICAL_TYPE, code, Some(display)),
        None => {
            // Only a facility or a free description.
            if facility.is_none() && description.is_none() {
                return None;
            }
            concept(PHYSICAL_TYPE, "si", Some("Site"))
        }
    };
    let owner =
        facility.as_ref().and_then(identifier::Authority::key).unwrap_or_else(|| context.facility.clone());
    let text = |at: usize| levels.get(at).and_then(|(text, _, _)| text.as_deref()).unwrap_or_default();
    let free = if exact.is_some() { "" } else { description.as_deref().unwrap_or_default() };
    let id = context.id("Location", &[&owner, text(0), text(1), text(2), text(3), text(4), free]);
    let name = name_of(levels.iter().filter_map(|(text, _, _)| text.as_deref()))
        .or_else(|| description.clone())
        .or_else(|| facility.as_ref().and_then(|facility| facility.name.clone()));
    let managing = facility.and_then(|facility| facility.name);
    let status = bed_status.and_then(|node| {
        find(encounter::BED_STATUS, &node.peek()?).and_then(|code| node.text().map(|_| code))
    });
    let resource = Build::resource("Location", &id)
        .maybe(
            "operationalStatus",
            status.map(|code| coding("http://terminology.hl7.org/CodeSystem/v2-0116", code, None)),
        )
        .maybe("name", name)
        .maybe("description", description)
        .with("mode", "instance")
        .with("physicalType", kind)
        .maybe("managingOrganization", managing.map(|name| Build::new().with("display", name).done()))
        .done();
    Some(context.mention(resource))
}

fn name_of<'a>(levels: impl Iterator<Item = &'a str>) -> Option<CompactString> {
    let mut name = CompactString::default();
    for level in levels {
        name = if name.is_empty() { level.into() } else { format_compact!("{name} / {level}") };
    }
    (!name.is_empty()).then_some(name)
}

/// An entry of Encounter.location.
pub(crate) fn entry(location: &CompactString, status: &str) -> Value {
    Build::new().with("location", crate::json::reference(location)).with("status", status).done()
}
