//! OBX: observations.
//!
//! An observation is the same as long as its filler order, OBX-3 and OBX-4 are: a correction is a new version of it. What
//! ties observations together (OBX-4, OBR-26 with OBR-29) becomes `hasMember` and `derivedFrom`, without which a
//! susceptibility would not say of which organism.
//!
//! Source: HL7 v2.8 chapter 7, 7.4.2 OBX.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::{find, result, section};
use crate::hl7v2::context::Context;
use crate::hl7v2::messages::results::{Line, Order};
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::segments::nte;
use crate::hl7v2::segments::obr::{self, unknown_code};
use crate::hl7v2::segments::orc::OrderKeys;
use crate::hl7v2::segments::ties::{Group, Member};
use crate::hl7v2::types::quantity::{self, Unit};
use crate::hl7v2::types::{coded, contact, identifier, people, time, value};
use crate::intent::{Intent, Mode};
use crate::json::{Build, coding, concept, extension, reference};

const ANALYSED: &str = "http://hl7.org/fhir/StructureDefinition/observation-analysis-date-time";

/// Whose observations these are.
pub(crate) struct Around {
    /// `Patient/id`.
    pub(crate) patient: CompactString,
    /// `Encounter/id`.
    pub(crate) encounter: Option<CompactString>,
}

/// What an observation hangs on.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a, 'r, 'm> {
    /// An order.
    Order {
        order: &'a Order<'r, 'm>,
        keys: &'a OrderKeys,
        request: &'a CompactString,
        specimens: &'a [CompactString],
    },
    /// A specimen (its volume, its quality).
    Specimen { keys: &'a OrderKeys, specimen: &'a CompactString },
    /// Only the patient.
    Nobody,
}

/// One observation's lines: one OBX, or the OBX segments that are lines of one text.
pub(crate) struct Joined<'a, 'r, 'm> {
    head: &'a Line<'r, 'm>,
    more: &'a [Line<'r, 'm>],
}

/// Puts the lines of a text that was sent as one OBX a line together: TX or FT, the same OBX-3 and status, one behind the
/// other, and OBX-4 the same or only counting the lines.
pub(crate) fn texts_joined<'a, 'r, 'm>(lines: &'a [Line<'r, 'm>]) -> Vec<Joined<'a, 'r, 'm>> {
    let mut all = Vec::with_capacity(lines.len());
    let mut rest = lines;
    while let Some((head, behind)) = rest.split_first() {
        let mut previous = head;
        let mut count = 0;
        for next in behind {
            if !continues(previous.obx, next.obx) {
                break;
            }
            previous = next;
            count += 1;
        }
        let (more, behind) = behind.split_at_checked(count).unwrap_or((&[], behind));
        all.push(Joined { head, more });
        rest = behind;
    }
    all
}

fn continues(one: Seg<'_, '_>, next: Seg<'_, '_>) -> bool {
    let is_text = |segment: Seg<'_, '_>| matches!(segment.peek(2).as_deref(), Some("TX" | "FT"));
    let same = |field: u32| one.raw(field) == next.raw(field);
    let number = |segment: Seg<'_, '_>| segment.peek(4).and_then(|text| text.parse::<u32>().ok());
    let counts = || number(one).zip(number(next)).is_some_and(|(one, next)| one.checked_add(1) == Some(next));
    is_text(one) && is_text(next) && one.has(3) && same(3) && same(11) && (same(4) || counts())
}

/// Wants the Observation of an OBX and notes it in `group`.
pub(crate) fn observation(
    context: &mut Context<'_, '_>,
    joined: &Joined<'_, '_, '_>,
    owner: Owner<'_, '_, '_>,
    around: &Around,
    group: &mut Group,
) {
    let obx = joined.head.obx;
    let code_node = obx.one(3);
    if code_node.is_none() && !obx.has(5) {
        obx.refuse("an observation without name and value");
        return;
    }
    let code_key = code_node.and_then(|node| coded::key(&node)).unwrap_or_default();
    let sub_id = obx.one(4).map(|node| CompactString::from(node.whole().trim())).unwrap_or_default();
    let id = observation_id(context, obx, owner, around, &code_key, &sub_id);
    let code = code_node.and_then(|node| coded::concept(context, &node)).unwrap_or_else(unknown_code);
    let status_node = obx.one(11);
    let status =
        status_node.and_then(|node| coded::mapped(&node, result::OBSERVATION_STATUS)).unwrap_or("unknown");
    let unit = Unit::read(context, obx.one(6));
    let performers = performers(context, obx);
    let identifiers: Vec<Value> = obx
        .one(21)
        .and_then(|node| identifier::ei(context, &node, Some("FILL"), "observation"))
        .map(identifier::shown)
        .into_iter()
        .collect();
    let analysed = obx.one(19).and_then(|node| time::date_time(&node, &context.zones));
    let analysed = analysed.map(|text| extension(ANALYSED, "valueDateTime", text));
    let mut build = Build::resource("Observation", &id)
        .list("extension", sub_identifier(obx, &sub_id).into_iter().chain(analysed).collect())
        .list("identifier", identifiers);
    if let Owner::Order { request, .. } = owner {
        build = build.with("basedOn", vec![people::to(request)]);
    }
    build = build
        .with("status", status)
        .list("category", category(owner).into_iter().chain(kind_of_observation(context, obx)).collect())
        .with("code", code.clone())
        .with("subject", people::to(&around.patient))
        .maybe("encounter", around.encounter.as_ref().map(people::to));
    build = effective(context, obx, owner, build).list("performer", performers);
    let is_not_asked = status_node.and_then(|node| node.peek()).as_deref() == Some("N");
    build = with_value(context, joined, &code, &unit, build);
    if is_not_asked && !has_value(&build) {
        let system = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
        build = build.with("dataAbsentReason", concept(system, "not-asked", None));
    }
    let interpretations: Vec<Value> = obx.all(8).filter_map(|node| interpretation(context, &node)).collect();
    let notes: Vec<Seg<'_, '_>> =
        std::iter::once(joined.head).chain(joined.more).flat_map(|line| line.notes.iter().copied()).collect();
    let range = obx.one(7).map(|node| node.whole()).filter(|text| !text.trim().is_empty());
    let range = range.map(|text| quantity::reference_range(&text, &unit));
    let device = obx.one(18).and_then(|node| identifier::ei(context, &node, None, "device"));
    let device = device
        .map(|number| Build::new().with("type", "Device").with("identifier", number.json.done()).done());
    let specimen = match owner {
        Owner::Order { specimens: [only], .. } => Some(people::to(only)),
        Owner::Specimen { specimen, .. } => Some(people::to(specimen)),
        _ => None,
    };
    let resource = build
        .list("interpretation", interpretations)
        .list("note", nte::annotation(&notes).into_iter().collect())
        .maybe("bodySite", obx.one(20).and_then(|node| coded::concept(context, &node)))
        .maybe("method", obx.one(17).and_then(|node| coded::concept(context, &node)))
        .maybe("specimen", specimen)
        .maybe("device", device)
        .list("referenceRange", range.into_iter().collect())
        .done();
    let key = context.want(Intent::new(resource, Mode::Replace, context.time.clone()));
    let order = results_key(owner).unwrap_or_default();
    group.push(Member { key, order, code: code_key, sub_id });
}

fn results_key(owner: Owner<'_, '_, '_>) -> Option<CompactString> {
    match owner {
        Owner::Order { keys, .. } => Some(keys.results.clone()),
        Owner::Specimen { .. } | Owner::Nobody => None,
    }
}

fn observation_id(
    context: &mut Context<'_, '_>,
    obx: Seg<'_, '_>,
    owner: Owner<'_, '_, '_>,
    around: &Around,
    code: &str,
    sub_id: &str,
) -> CompactString {
    let order = match owner {
        Owner::Order { keys, .. } => keys.results.clone(),
        Owner::Specimen { keys, specimen } => format_compact!("{}|of {specimen}", keys.results),
        Owner::Nobody => {
            let visit = around.encounter.as_deref().unwrap_or_default();
            format_compact!("{}|{visit}|{}", around.patient, obx.peek(14).unwrap_or_default())
        }
    };
    // Two results of one name in one order are told apart by their order.
    let again = match context.ordinal(&format_compact!("observation {order}|{code}|{sub_id}")) {
        0 => CompactString::default(),
        more => format_compact!("{more}"),
    };
    context.id("Observation", &[&order, code, sub_id, &again])
}

/// OBX-4 itself, so that no grouping is lost to what is made of it.
fn sub_identifier(obx: Seg<'_, '_>, sub_id: &CompactString) -> Option<Value> {
    let node = obx.one(4).filter(|_| !sub_id.is_empty())?;
    let mut parts = Vec::new();
    if node.has(2) || node.has(3) || node.has(4) {
        // OG: original text, group, sequence, identifier.
        parts.extend(node.peek_part(1).map(|text| extension("original-sub-identifier", "valueString", text)));
        for (at, name) in [(2, "group"), (3, "sequence")] {
            let number = node.peek_part(at).and_then(|text| quantity::number(&text));
            parts.extend(number.map(|number| extension(name, "valueDecimal", number)));
        }
        parts.extend(node.peek_part(4).map(|text| extension("identifier", "valueString", text)));
    } else {
        parts.push(extension("original-sub-identifier", "valueString", sub_id.clone()));
    }
    let url = "http://hl7.org/fhir/StructureDefinition/observation-v2-subid";
    (!parts.is_empty()).then(|| Build::new().with("url", url).with("extension", parts).done())
}

/// OBR-24 of the order, as an observation category.
fn category(owner: Owner<'_, '_, '_>) -> Option<Value> {
    let Owner::Order { order, .. } = owner else { return None };
    let code = find(section::CATEGORY, &order.obr.peek(24)?)?;
    Some(concept(section::CATEGORY_SYSTEM, code, None))
}

/// OBX-29, what sort of observation it is (a result, an answer, a goal), in its own table.
fn kind_of_observation(context: &Context<'_, '_>, obx: Seg<'_, '_>) -> Option<Value> {
    obx.one(29).and_then(|node| coded::concept_in(context, &node, Some("0936")))
}

/// OBX-14, else the order's OBR-7.
fn effective(context: &Context<'_, '_>, obx: Seg<'_, '_>, owner: Owner<'_, '_, '_>, build: Build) -> Build {
    if let Some(text) = obx.one(14).and_then(|node| time::date_time(&node, &context.zones)) {
        return build.with("effectiveDateTime", text);
    }
    match owner {
        Owner::Order { order, .. } => obr::effective(context, order.obr, build),
        Owner::Specimen { .. } | Owner::Nobody => build,
    }
}

/// OBX-16 who observed, OBX-23 (with OBX-24) or OBX-15 where.
fn performers(context: &mut Context<'_, '_>, obx: Seg<'_, '_>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for node in obx.all(16) {
        all.extend(people::practitioner(context, &node));
    }
    let laboratory = obx.one(23).and_then(|node| people::organization(context, &node));
    if let Some(key) = &laboratory {
        if let Some(address) = obx.one(24).and_then(|node| contact::address(context, &node)) {
            context.add(key, "address", address);
        }
        all.push(reference(key));
    }
    let producer = obx.one(15).and_then(|node| producer(context, &node));
    all.extend(producer.filter(|key| Some(key) != laboratory.as_ref()).map(|key| reference(&key)));
    all
}

/// OBX-15: a code for the laboratory, and its name.
fn producer(context: &mut Context<'_, '_>, node: &Node<'_, '_>) -> Option<CompactString> {
    let (code, name) = (node.get(1), node.get(2));
    let system = node.get(3);
    let identifier = code.map(|code| {
        let authority = system.map(|name| identifier::Authority { system: None, name: Some(name) });
        identifier::build(context, &code, authority.as_ref(), None, "laboratory")
    });
    people::named_organization(context, name, identifier)
}

/// OBX-8: the common codes in FHIR's own system, others as the sender names them.
fn interpretation(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    let code = node.peek_part(1);
    let known = code.as_deref().filter(|code| result::INTERPRETATION.contains(code));
    let is_table = node.peek_part(3).is_none_or(|system| matches!(system.as_str(), "HL70078" | "0078" | "L"));
    match known.filter(|_| is_table) {
        Some(code) => {
            let display = node.get(2);
            node.take();
            let coding = coding(result::INTERPRETATION_SYSTEM, code, display.as_deref());
            Some(Build::new().with("coding", vec![coding]).done())
        }
        None => coded::concept_in(context, node, Some("0078")),
    }
}

fn has_value(build: &Build) -> bool {
    build.has("component") || build.keys().any(|name| name.starts_with("value"))
}

/// OBX-5: a text of all lines, one value, or a component for each repetition.
fn with_value(
    context: &Context<'_, '_>,
    joined: &Joined<'_, '_, '_>,
    code: &Value,
    unit: &Unit,
    build: Build,
) -> Build {
    let obx = joined.head.obx;
    let kind = obx.peek(2).unwrap_or_default();
    if value::is_known(&kind) {
        obx.text(2);
    } else {
        obx.refuse_field(2, "value type with no FHIR counterpart; the value is kept as text");
    }
    if obx.deletes(5) {
        return build;
    }
    if value::is_text(&kind) {
        let text = whole_text(joined);
        let blank = text.trim().is_empty();
        return if blank { build } else { build.with("valueString", text) };
    }
    let nodes: Vec<Node<'_, '_>> = obx.all(5).collect();
    let mut values: Vec<value::Valued> =
        nodes.iter().filter_map(|node| value::value(context, &kind, node, unit)).collect();
    if values.len() > 1 {
        let component = |valued: value::Valued| place(Build::new().with("code", code.clone()), valued).done();
        return build.with("component", values.into_iter().map(component).collect::<Vec<_>>());
    }
    match values.pop() {
        Some(valued) => place(build, valued),
        None => build,
    }
}

/// Puts a value into its element; an Attachment goes to the extensions.
fn place(build: Build, valued: value::Valued) -> Build {
    if valued.name == "extension" {
        build.push("extension", valued.value)
    } else {
        build.with(valued.name, valued.value)
    }
}

/// All lines of a text: repetitions and segments alike, blank ones kept inside.
fn whole_text(joined: &Joined<'_, '_, '_>) -> CompactString {
    let head = joined.head.obx;
    let mut text = CompactString::default();
    for (number, line) in std::iter::once(joined.head).chain(joined.more).enumerate() {
        if number > 0 {
            text.push('\n');
            for field in 2..=25 {
                if field != 5 && (field == 4 || line.obx.raw(field) == head.raw(field)) {
                    line.obx.ignore(field, "as in the first line of the text");
                }
            }
        }
        for (number, node) in line.obx.lines(5).enumerate() {
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&node.whole());
        }
    }
    text.trim_end().into()
}
