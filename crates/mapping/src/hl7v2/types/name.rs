//! XPN (and PN): names of people.
//!
//! Source: HL7 v2.8 chapter 2A XPN, FN; table 0200.

use compact_str::CompactString;
use fhir::json::Value;

use crate::concepts::{find, person};
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::hl7v2::types::time;
use crate::json::{Build, extension};

/// Sub-parts 2 to 5 of a family name and the extension that keeps each.
const FAMILY_PARTS: [(u32, &str); 4] = [
    (2, "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix"),
    (3, "http://hl7.org/fhir/StructureDefinition/humanname-own-name"),
    (4, "http://hl7.org/fhir/StructureDefinition/humanname-partner-prefix"),
    (5, "http://hl7.org/fhir/StructureDefinition/humanname-partner-name"),
];

/// Where the parts of a name stand; XCN has an id before them.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    family: u32,
    given: u32,
    second: u32,
    suffix: u32,
    prefix: u32,
    degree: u32,
    kind: u32,
    range: Option<u32>,
    start: u32,
    end: u32,
    professional: u32,
}

/// XPN.
pub(crate) const XPN: Layout = Layout {
    family: 1,
    given: 2,
    second: 3,
    suffix: 4,
    prefix: 5,
    degree: 6,
    kind: 7,
    range: Some(10),
    start: 12,
    end: 13,
    professional: 14,
};

/// XCN, whose first part is an id.
pub(crate) const XCN: Layout = Layout {
    family: 2,
    given: 3,
    second: 4,
    suffix: 5,
    prefix: 6,
    degree: 7,
    kind: 10,
    range: None,
    start: 19,
    end: 20,
    professional: 21,
};

/// A HumanName; `None` if the node holds no name at all.
pub(crate) fn human_name(context: &Context<'_, '_>, node: &Node<'_, '_>, layout: Layout) -> Option<Value> {
    let family = node.part(layout.family);
    let surname = family.and_then(|part| part.get(1));
    let family_parts: Vec<Value> = FAMILY_PARTS
        .iter()
        .filter_map(|(number, url)| Some(extension(url, "valueString", family?.get(*number)?)))
        .collect();
    let given: Vec<Value> =
        [layout.given, layout.second].into_iter().filter_map(|at| node.get(at)).map(Value::from).collect();
    let prefix: Vec<Value> = node.get(layout.prefix).into_iter().map(Value::from).collect();
    let suffix: Vec<Value> = [layout.suffix, layout.degree, layout.professional]
        .into_iter()
        .filter_map(|at| node.get(at))
        .map(Value::from)
        .collect();
    let has_name = surname.is_some() || !given.is_empty() || !family_parts.is_empty();
    if !has_name && prefix.is_empty() && suffix.is_empty() {
        return None;
    }
    let use_code = node.part(layout.kind).and_then(|part| {
        let found = part.peek().and_then(|code| find(person::NAME_USE, &code));
        if found.is_some() {
            part.text();
        } else {
            part.refuse("name type with no counterpart in FHIR's name-use");
        }
        found
    });
    let old_range = layout.range.and_then(|at| node.part(at));
    let (start, end) = match old_range {
        Some(range) => (range.part(1), range.part(2)),
        None => (node.part(layout.start), node.part(layout.end)),
    };
    let family_extension =
        (!family_parts.is_empty()).then(|| Build::new().with("extension", family_parts).done());
    let name = Build::new()
        .maybe("use", use_code)
        .maybe("family", surname)
        .maybe("_family", family_extension)
        .list("given", given)
        .list("prefix", prefix)
        .list("suffix", suffix)
        .maybe("period", time::period(start, end, &context.zones));
    name.some()
}

/// One line for people: prefix, given names, family name, suffix. Nothing is taken.
pub(crate) fn display(node: &Node<'_, '_>, layout: Layout) -> Option<CompactString> {
    let mut line = CompactString::default();
    for at in [layout.prefix, layout.given, layout.second, layout.family, layout.suffix] {
        if let Some(text) = node.peek_part(at) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&text);
        }
    }
    (!line.is_empty()).then_some(line)
}

/// Takes the parts that [`display`] shows.
pub(crate) fn take_display(node: &Node<'_, '_>, layout: Layout) -> Option<CompactString> {
    for at in [layout.prefix, layout.given, layout.second, layout.family, layout.suffix] {
        node.get(at);
    }
    display(node, layout)
}
