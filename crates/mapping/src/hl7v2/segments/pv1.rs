//! PV1 and PV2: the visit.
//!
//! Which visit it is decides whether a record is right: PV1-19 with its authority, else the account and the time of
//! admission, else the patient and the time of admission; an event that opens a visit may use its own time. If nothing of
//! this is there, no visit is guessed and PV1 is reported as unmapped.
//!
//! Source: HL7 v2.8 chapter 3, 3.4.3 PV1 and 3.4.4 PV2.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::encounter;
use crate::hl7v2::context::Context;
use crate::hl7v2::events::{Family, Visit};
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::types::{coded, identifier, people, places, quantity, time};
use crate::intent::{Intent, Mode};
use crate::json::{Build, coding, concept, extension};

/// The scope of visit numbers whose authority is not named.
pub(crate) const SCOPE: &str = "visit";

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// The doctors of PV1: field, code and display of v3-ParticipationType.
const DOCTORS: [(u32, &str, &str); 5] = [
    (7, "ATND", "attender"),
    (8, "REF", "referrer"),
    (9, "CON", "consultant"),
    (17, "ADM", "admitter"),
    (52, "PART", "Participation"),
];

/// The segments that tell of one visit.
#[derive(Clone, Copy)]
pub(crate) struct VisitSegments<'r, 'm> {
    pub(crate) pid: Seg<'r, 'm>,
    pub(crate) pv1: Seg<'r, 'm>,
    pub(crate) pv2: Option<Seg<'r, 'm>>,
}

/// Wants the Encounter of a PV1; gives `Encounter/id`, or `None` if it cannot be told which visit it is.
pub(crate) fn encounter(
    context: &mut Context<'_, '_>,
    segments: VisitSegments<'_, '_>,
    patient: &CompactString,
) -> Option<CompactString> {
    let VisitSegments { pid, pv1, pv2 } = segments;
    let Some(id) = visit_id(context, segments, patient) else {
        pv1.refuse("the visit cannot be told apart: no visit number, account or time of admission");
        return None;
    };
    let status = status(context, pv1);
    let class_known = pv1.one(2).map(|node| class(&node));
    let has_class = class_known.is_some();
    let mut defaults = Vec::new();
    if !has_class {
        defaults.push("class");
    }
    if status.is_guess {
        defaults.push("status");
    }
    let mut clears = Vec::new();
    let is_undischarged = context.event.code == "A13";
    if is_undischarged {
        for field in [36, 37, 45] {
            pv1.ignore(field, "the discharge it tells of is cancelled");
        }
        clears.extend(["period.end", "hospitalization.dischargeDisposition", "hospitalization.destination"]);
    }
    for (field, element) in DELETIONS {
        if pv1.deletes(*field) {
            clears.push(*element);
        }
    }
    let null_class = || coding("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", Some("unknown"));
    let admission = pv1.one(4).and_then(|node| coded::concept_in(context, &node, Some("0007")));
    let service = pv1.one(10).and_then(|node| coded::concept_in(context, &node, Some("0069")));
    let identifiers = identifiers(context, pid, pv1);
    let participants = participants(context, pv1, pv2);
    let locations = locations(context, pv1, pv2, status.code);
    let hospitalization = hospitalization(context, pv1, is_undischarged);
    let planned = pv2.map(|pv2| planned(context, pv2)).unwrap_or_default();
    let reasons: Vec<Value> =
        pv2.and_then(|pv2| pv2.one(3)).and_then(|node| coded::concept(context, &node)).into_iter().collect();
    let priority =
        pv2.and_then(|pv2| pv2.one(25)).and_then(|node| coded::concept_in(context, &node, Some("0217")));
    let resource = Build::resource("Encounter", &id)
        .list("extension", planned)
        .list("identifier", identifiers)
        .with("status", status.code)
        .with("class", class_known.unwrap_or_else(null_class))
        .list("type", admission.into_iter().collect())
        .maybe("serviceType", service)
        .maybe("priority", priority)
        .with("subject", people::to(patient))
        .list("participant", participants)
        .maybe("period", period(context, pv1, is_undischarged))
        .maybe("length", pv2.and_then(length))
        .list("reasonCode", reasons)
        .maybe("hospitalization", hospitalization)
        .list("location", locations)
        .maybe("serviceProvider", pv1.text(39).map(|name| Build::new().with("display", name).done()))
        .done();
    let is_snapshot = context.event.family == Family::Adt;
    let mode = match (is_snapshot, context.event.visit) {
        (false, _) => Mode::Mention,
        (true, Visit::Undone(_) | Visit::Restored) => Mode::Undo,
        (true, _) => Mode::Snapshot,
    };
    let source_time = context.time.clone();
    Some(context.want(Intent { clears, defaults, ..Intent::new(resource, mode, source_time) }))
}

/// Fields whose `""` deletes an element.
const DELETIONS: &[(u32, &str)] = &[
    (4, "type"),
    (7, "participant=ATND"),
    (8, "participant=REF"),
    (9, "participant=CON"),
    (17, "participant=ADM"),
    (52, "participant=PART"),
    (10, "serviceType"),
    (14, "hospitalization.admitSource"),
    (36, "hospitalization.dischargeDisposition"),
    (37, "hospitalization.destination"),
    (38, "hospitalization.dietPreference"),
    (44, "period.start"),
    (45, "period.end"),
];

/// The id of the visit. PV1-51 `A` says that PV1 tells of an account, so PV1-19 is no visit then.
fn visit_id(
    context: &Context<'_, '_>,
    segments: VisitSegments<'_, '_>,
    patient: &CompactString,
) -> Option<CompactString> {
    let VisitSegments { pid, pv1, .. } = segments;
    let is_account = pv1.peek(51).as_deref() == Some("A");
    if pv1.has(51) {
        pv1.text(51);
    }
    if !is_account
        && let Some(number) = pv1.one(19).and_then(|node| identifier::cx(context, &node, None, SCOPE))
    {
        return Some(context.id("Encounter", &["visit", &number.key]));
    }
    let admitted =
        pv1.peek(44).as_deref().and_then(time::Stamp::parse).map(|stamp| stamp.date_time(&context.zones));
    let account = pid.one(18).and_then(|node| identifier::cx(context, &node, None, "account"));
    if let (Some(account), Some(admitted)) = (&account, &admitted) {
        return Some(context.id("Encounter", &["account", &account.key, admitted]));
    }
    if let Some(admitted) = admitted {
        return Some(context.id("Encounter", &["admission", patient, &admitted]));
    }
    let opens = matches!(context.event.visit, Visit::Opens(_));
    let time = context.time.as_ref().filter(|_| opens)?;
    Some(context.id("Encounter", &["event", patient, &time.text]))
}

struct Status {
    code: &'static str,
    is_guess: bool,
}

/// The visit's status: what the event says; else "finished" if PV1-45 tells of a discharge; else a guess that never
/// replaces what is known.
fn status(context: &Context<'_, '_>, pv1: Seg<'_, '_>) -> Status {
    let is_preadmit = pv1.peek(2).as_deref() == Some("P");
    // With a pending discharge PV1-45 is only expected.
    let discharged = pv1.has(45) && context.event.code != "A16";
    match context.event.visit {
        Visit::Opens(_) if discharged => Status { code: "finished", is_guess: false },
        Visit::Opens(code) => Status { code, is_guess: false },
        Visit::Becomes(code) | Visit::Undone(code) => Status { code, is_guess: false },
        Visit::Keeps if discharged && context.event.family == Family::Adt => {
            Status { code: "finished", is_guess: false }
        }
        Visit::Keeps | Visit::Restored if is_preadmit => Status { code: "planned", is_guess: true },
        Visit::Keeps | Visit::Restored if discharged => Status { code: "finished", is_guess: true },
        Visit::Keeps | Visit::Restored if context.event.family == Family::Adt => {
            Status { code: "in-progress", is_guess: true }
        }
        Visit::Keeps | Visit::Restored => Status { code: "unknown", is_guess: true },
    }
}

/// PV1-2: the codes with a v3-ActCode counterpart, else the sender's own in table 0004.
fn class(node: &Node<'_, '_>) -> Value {
    let code = node.get(1).unwrap_or_default();
    node.ignore("said by the code");
    match encounter::CLASS.iter().find(|(from, _, _)| from.eq_ignore_ascii_case(&code)) {
        Some((_, code, display)) => coding(encounter::ACT_CODE, code, Some(display)),
        None if coded::is_code(&code) => coding("http://terminology.hl7.org/CodeSystem/v2-0004", &code, None),
        None => Build::new().with("display", if code.is_empty() { "unknown".into() } else { code }).done(),
    }
}

/// PV1-19 visit number, PV1-50 alternate visit id, PID-18 account number.
fn identifiers(context: &Context<'_, '_>, pid: Seg<'_, '_>, pv1: Seg<'_, '_>) -> Vec<Value> {
    let visit = pv1.one(19).and_then(|node| identifier::cx(context, &node, Some("VN"), SCOPE));
    let alternate = pv1.all(50).filter_map(|node| identifier::cx(context, &node, None, SCOPE));
    let account = pid.one(18).and_then(|node| identifier::cx(context, &node, Some("AN"), "account"));
    visit.into_iter().chain(alternate).chain(account).map(identifier::shown).collect()
}

/// PV1-44 to PV1-45; a discharge whose PV1-45 is empty ends when the event occurred.
fn period(context: &Context<'_, '_>, pv1: Seg<'_, '_>, is_undischarged: bool) -> Option<Value> {
    let start = pv1.one(44).and_then(|node| time::date_time(&node, &context.zones));
    let end =
        pv1.one(45).filter(|_| !is_undischarged).and_then(|node| time::date_time(&node, &context.zones));
    let end = end.or_else(|| {
        let event = context.reader.segment("EVN").filter(|_| context.event.code == "A03")?;
        let occurred = event.peek(6).or_else(|| event.peek(2))?;
        Some(time::Stamp::parse(&occurred)?.date_time(&context.zones))
    });
    Build::new().maybe("start", start).maybe("end", end).some()
}

fn participants(context: &mut Context<'_, '_>, pv1: Seg<'_, '_>, pv2: Option<Seg<'_, '_>>) -> Vec<Value> {
    let mut all = Vec::new();
    let mut add = |context: &mut Context<'_, '_>, node: &Node<'_, '_>, code: &str, display: &str| {
        if let Some(who) = people::practitioner(context, node) {
            let kind = concept(PARTICIPATION, code, Some(display));
            all.push(Build::new().with("type", vec![kind]).with("individual", who).done());
        }
    };
    for (field, code, display) in DOCTORS {
        for node in pv1.all(field) {
            add(context, &node, code, display);
        }
    }
    for node in pv2.into_iter().flat_map(|pv2| pv2.all(13)) {
        add(context, &node, "REF", "referrer");
    }
    all
}

/// PV1-3 where the patient is, PV1-6 was, PV1-11 is for now, PV1-42 shall be, PV2-1 was to be.
fn locations(
    context: &mut Context<'_, '_>,
    pv1: Seg<'_, '_>,
    pv2: Option<Seg<'_, '_>>,
    status: &str,
) -> Vec<Value> {
    let present = match status {
        "planned" => "planned",
        "finished" => "completed",
        _ => "active",
    };
    let mut all: Vec<Value> = Vec::new();
    let mut seen: Vec<CompactString> = Vec::new();
    let bed_status = pv1.one(40);
    let fields =
        [(pv1.one(3), present), (pv1.one(11), present), (pv1.one(6), "completed"), (pv1.one(42), "reserved")];
    let pending = pv2.and_then(|pv2| pv2.one(1)).filter(|_| context.event.code != "A26");
    for (node, status) in fields.into_iter().chain([(pending, "planned")]) {
        let Some(node) = node else { continue };
        let bed_status = bed_status.filter(|_| seen.is_empty());
        if let Some(key) = places::location(context, &node, bed_status)
            && !seen.contains(&key)
        {
            all.push(places::entry(&key, status));
            seen.push(key);
        }
    }
    all
}

fn hospitalization(context: &Context<'_, '_>, pv1: Seg<'_, '_>, is_undischarged: bool) -> Option<Value> {
    let concept = |field: u32, table: &str| {
        pv1.one(field).and_then(|node| coded::concept_in(context, &node, Some(table)))
    };
    let concepts = |field: u32, table: &str| {
        pv1.all(field).filter_map(|node| coded::concept_in(context, &node, Some(table))).collect::<Vec<_>>()
    };
    let preadmission = pv1.one(5).and_then(|node| identifier::cx(context, &node, None, "preadmission"));
    // DLD: the place discharged to is a code of the hospital's own.
    let destination = pv1.one(37).filter(|_| !is_undischarged).and_then(|node| {
        let place = node.part(1)?;
        let text = place.get(2).or_else(|| place.get(1))?;
        place.get(1);
        Some(Build::new().with("display", text).done())
    });
    let disposition = if is_undischarged { None } else { concept(36, "0112") };
    Build::new()
        .maybe("preAdmissionIdentifier", preadmission.map(identifier::shown))
        .maybe("admitSource", concept(14, "0023"))
        .maybe("reAdmission", concept(13, "0092"))
        .list("dietPreference", concepts(38, "0114"))
        .list("specialCourtesy", concepts(16, "0099"))
        .list("specialArrangement", concepts(15, "0009"))
        .maybe("destination", destination)
        .maybe("dischargeDisposition", disposition)
        .some()
}

/// PV2-8 and PV2-9, the expected times, as R5's elements; PV2-38, how the patient came.
fn planned(context: &Context<'_, '_>, pv2: Seg<'_, '_>) -> Vec<Value> {
    let mut all = Vec::new();
    for (field, name) in [(8, "plannedStartDate"), (9, "plannedEndDate")] {
        if let Some(text) = pv2.one(field).and_then(|node| time::date_time(&node, &context.zones)) {
            let url =
                format_compact!("http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.{name}");
            all.push(extension(&url, "valueDateTime", text));
        }
    }
    let arrival = pv2.one(38).and_then(|node| coded::concept_in(context, &node, Some("0430")));
    if let Some(coding) = arrival.as_ref().and_then(|arrival| arrival.get("coding")?.at(0)) {
        all.push(extension(
            "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival",
            "valueCoding",
            coding.clone(),
        ));
    }
    all
}

/// PV2-11, days in hospital.
fn length(pv2: Seg<'_, '_>) -> Option<Value> {
    let number = pv2.peek(11).and_then(|text| quantity::number(&text))?;
    pv2.text(11);
    let days =
        Build::new().with("value", number).with("unit", "d").with("system", "http://unitsofmeasure.org");
    Some(days.with("code", "d").done())
}

/// The id of the visit that a CX names; for a merge.
pub(crate) fn id_of_number(context: &Context<'_, '_>, number: &identifier::Identifier) -> CompactString {
    context.id("Encounter", &["visit", &number.key])
}
