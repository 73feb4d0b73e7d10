//! PID and PD1: the patient.
//!
//! Source: HL7 v2.8 chapter 3, 3.4.2 PID and 3.4.10 PD1.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::{Row, find, person};
use crate::hl7v2::MapError;
use crate::hl7v2::context::Context;
use crate::hl7v2::events::{Family, Joins};
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::types::identifier::{IDENTIFIER_TYPE, Identifier};
use crate::hl7v2::types::{coded, contact, identifier, name, people, time};
use crate::intent::{Intent, Mode, Retain};
use crate::json::{Build, concept, extension};

/// The scope of patient numbers whose authority is not named.
pub(crate) const SCOPE: &str = "patient";

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Wants the Patient of a PID (with PD1, if there is one); gives `Patient/id`.
///
/// # Errors
/// [`MapError::NoPatientIdentifier`].
pub(crate) fn patient(
    context: &mut Context<'_, '_>,
    pid: Seg<'_, '_>,
    pd1: Option<Seg<'_, '_>>,
) -> Result<CompactString, MapError> {
    let identifiers = identifiers(context, pid);
    let id = patient_id(context, &identifiers).ok_or(MapError::NoPatientIdentifier { place: "PID-3" })?;
    let is_snapshot = context.event.family == Family::Adt;
    let mut clears = Vec::new();
    let mut retains = Vec::new();

    let birth = pid.one(7).and_then(|node| time::stamp(&node));
    let birth_time = birth.as_ref().and_then(|stamp| stamp.instant(&context.zones));
    let birth_time = birth_time.map(|text| {
        Build::new()
            .with(
                "extension",
                vec![extension(&format_compact!("{BASE}patient-birthTime"), "valueDateTime", text)],
            )
            .done()
    });
    let names: Vec<Value> =
        pid.all(5).chain(pid.all(9)).filter_map(|node| name::human_name(context, &node, name::XPN)).collect();
    let practitioners = pd1.map(|pd1| general_practitioners(context, pd1)).unwrap_or_default();
    let mut build = Build::resource("Patient", &id)
        .list("extension", extensions(context, pid))
        .list("identifier", identifiers.into_iter().map(identifier::shown).collect())
        .with("active", context.event.joins != Joins::Deletes)
        .list("name", names)
        .list("telecom", telecom(pid, &mut retains))
        .maybe("gender", pid.one(8).and_then(|node| coded::mapped(&node, person::GENDER)))
        .maybe("birthDate", birth.map(|stamp| stamp.date()))
        .maybe("_birthDate", birth_time);
    build = deceased(context, pid, build);
    build = build
        .list("address", addresses(context, pid))
        .maybe("maritalStatus", pid.one(16).and_then(|node| marital_status(context, &node)));
    build = multiple_birth(pid, build);
    let language = pid.one(15).and_then(|node| coded::concept_in(context, &node, Some("0296")));
    let communication = language.map(|language| Build::new().with("language", language).done());
    let resource = build
        .list("communication", communication.into_iter().collect())
        .list("generalPractitioner", practitioners)
        .done();

    for (field, element) in DELETIONS {
        if pid.deletes(*field) {
            clears.push(*element);
        }
    }
    let says_active = matches!(context.event.joins, Joins::Deletes | Joins::Adds);
    let defaults = if says_active { Vec::new() } else { vec!["active"] };
    let (mode, source_time) =
        (if is_snapshot { Mode::Snapshot } else { Mode::Mention }, context.time.clone());
    let intent = Intent { clears, defaults, retains, ..Intent::new(resource, mode, source_time) };
    Ok(context.want(intent))
}

/// Fields whose `""` deletes an element; a URL is the extension of that URL.
const DELETIONS: &[(u32, &str)] = &[
    (5, "name"),
    (6, "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"),
    (7, "birthDate"),
    (8, "gender"),
    (11, "address"),
    (15, "communication"),
    (16, "maritalStatus"),
    (17, "http://hl7.org/fhir/StructureDefinition/patient-religion"),
    (23, "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"),
    (24, "multipleBirth[x]"),
    (29, "deceased[x]"),
    (30, "deceased[x]"),
];

/// PID-3, then PID-2 and PID-4 of older versions, PID-19 and PID-20.
fn identifiers(context: &Context<'_, '_>, pid: Seg<'_, '_>) -> Vec<Identifier> {
    let mut found: Vec<Identifier> = Vec::new();
    let mut add = |identifier: Option<Identifier>| {
        // The same number under the same authority is one identifier, wherever it stands.
        if let Some(identifier) = identifier
            && found.iter().all(|known| known.key != identifier.key)
        {
            found.push(identifier);
        }
    };
    for field in [3, 2, 4] {
        for node in pid.all(field) {
            add(identifier::cx(context, &node, None, SCOPE));
        }
    }
    add(pid.one(19).and_then(|node| social_security(&node)));
    add(pid.one(20).and_then(|node| licence(context, &node)));
    found
}

/// An SSN, written without dashes as its system wants it; nine digits, or else it is some other country's number.
pub(crate) fn social_security(node: &Node<'_, '_>) -> Option<Identifier> {
    let text = node.text()?;
    let digits: CompactString = text.chars().filter(|character| *character != '-').collect();
    let is_ssn = digits.len() == 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (system, value) =
        if is_ssn { (Some("http://hl7.org/fhir/sid/us-ssn"), digits) } else { (None, text) };
    let key = format_compact!("{}|{value}", system.unwrap_or("social security"));
    let json = Build::new()
        .with("type", concept(IDENTIFIER_TYPE, "SS", None))
        .maybe("system", system)
        .with("value", value);
    Some(Identifier { json, key, kind: Some("SS".into()), assigned: system.is_some() })
}

/// DLN: number, issuing state, expiry.
fn licence(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<Identifier> {
    let value = node.get(1)?;
    let state = node.get(2);
    let end = node.part(3).and_then(|node| time::date_time(&node, &context.zones));
    let key = format_compact!("licence {}|{value}", state.as_deref().unwrap_or_default());
    let json = Build::new()
        .with("type", concept(IDENTIFIER_TYPE, "DL", None))
        .with("value", value)
        .maybe("period", end.map(|end| Build::new().with("end", end).done()))
        .maybe("assigner", state.map(|state| Build::new().with("display", state).done()));
    Some(Identifier { json, key, kind: Some("DL".into()), assigned: true })
}

/// The id of the patient that a list of identifiers names: by the medical record number if one is marked so, else by the
/// first that is not an insurance, tax or licence number. One whose authority is named goes before one without.
pub(crate) fn patient_id(context: &Context<'_, '_>, identifiers: &[Identifier]) -> Option<CompactString> {
    let rank = |identifier: &Identifier| {
        let kind = match identifier.kind.as_deref() {
            Some("MR" | "MRN") => 0,
            Some("PI" | "PT" | "EPI" | "EI" | "PE" | "U") | None => 1,
            Some(
                "SS" | "SB" | "NI" | "NH" | "DL" | "PPN" | "MC" | "MA" | "HC" | "SN" | "AN" | "VN" | "ACSN",
            ) => 3,
            Some(_) => 2,
        };
        (kind, !identifier.assigned)
    };
    let best = identifiers.iter().min_by_key(|identifier| rank(identifier))?;
    // An account or visit number is no patient.
    if matches!(best.kind.as_deref(), Some("AN" | "VN" | "ACSN")) {
        return None;
    }
    Some(context.id("Patient", &[&best.key]))
}

fn extensions(context: &Context<'_, '_>, pid: Seg<'_, '_>) -> Vec<Value> {
    let mut all = Vec::new();
    let url = |name: &str| format_compact!("{BASE}{name}");
    if let Some(maiden) = pid.one(6).and_then(|node| node.part(1)?.text()) {
        all.push(extension(&url("patient-mothersMaidenName"), "valueString", maiden));
    }
    if let Some(religion) = pid.one(17).and_then(|node| coded::concept_in(context, &node, Some("0006"))) {
        all.push(extension(&url("patient-religion"), "valueCodeableConcept", religion));
    }
    if let Some(place) = pid.text(23) {
        all.push(extension(
            &url("patient-birthPlace"),
            "valueAddress",
            Build::new().with("text", place).done(),
        ));
    }
    for (field, name, table) in [(26, "patient-citizenship", "0171"), (28, "patient-nationality", "0212")] {
        for node in pid.all(field) {
            if let Some(code) = coded::concept_in(context, &node, Some(table)) {
                let inner = extension("code", "valueCodeableConcept", code);
                all.push(Build::new().with("url", url(name)).with("extension", vec![inner]).done());
            }
        }
    }
    all.extend(race_like(pid, 10, "us-core-race", RACES));
    all.extend(race_like(pid, 22, "us-core-ethnicity", ETHNICITIES));
    all
}

/// The categories of the US census that US Core counts; the rest are detail.
const RACES: &[Row] = &[
    ("1002-5", "1002-5"),
    ("2028-9", "2028-9"),
    ("2054-5", "2054-5"),
    ("2076-8", "2076-8"),
    ("2106-3", "2106-3"),
];
const ETHNICITIES: &[Row] = &[("2135-2", "2135-2"), ("2186-5", "2186-5"), ("H", "2135-2"), ("N", "2186-5")];

/// PID-10 and PID-22 where they hold the US codes; other countries' codes have no common element and stay unmapped.
fn race_like(pid: Seg<'_, '_>, field: u32, name: &str, categories: &[Row]) -> Option<Value> {
    const CDC: &str = "urn:oid:2.16.840.1.113883.6.238";
    let mut inner = Vec::new();
    let mut text = CompactString::default();
    for node in pid.all(field) {
        let Some(code) = node.peek_part(1) else { continue };
        let category = find(categories, &code);
        let is_detail = code.len() == 6
            && code
                .bytes()
                .enumerate()
                .all(|(at, byte)| if at == 4 { byte == b'-' } else { byte.is_ascii_digit() });
        if category.is_none() && !is_detail {
            node.refuse("not a code of the US census, which is the only one with a common FHIR element");
            continue;
        }
        let display = node.get(2);
        let coding = crate::json::coding(CDC, category.unwrap_or(&code), display.as_deref());
        node.take();
        let part = if category.is_some() { "ombCategory" } else { "detailed" };
        if part == "ombCategory" && name == "us-core-ethnicity" && !inner.is_empty() {
            continue;
        }
        inner.push(extension(part, "valueCoding", coding));
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(display.as_deref().unwrap_or(&code));
    }
    if inner.is_empty() {
        return None;
    }
    inner.push(extension("text", "valueString", text));
    let url = format_compact!("http://hl7.org/fhir/us/core/StructureDefinition/{name}");
    Some(Build::new().with("url", url).with("extension", inner).done())
}

/// PID-13 home, PID-14 work, PID-40 whatever it says. A field that is empty leaves the numbers of its kind as they are.
fn telecom(pid: Seg<'_, '_>, retains: &mut Vec<Retain>) -> Vec<Value> {
    let mut points = contact::all_contact_points(pid.all(13), Some("home"));
    points.extend(contact::all_contact_points(pid.all(14), Some("work")));
    let others = contact::all_contact_points(pid.all(40), None);
    let (home, work) = (pid.has(13) || pid.deletes(13), pid.has(14) || pid.deletes(14));
    if others.is_empty() && home != work {
        retains.push(Retain { element: "telecom", member: "use", value: "work", except: work });
    }
    if others.is_empty() && home && work && points.is_empty() {
        // Both say "delete": nothing of the list stays.
        retains.push(Retain { element: "telecom", member: "use", value: "", except: false });
    }
    for point in others {
        if !points.contains(&point) {
            points.push(point);
        }
    }
    points
}

fn addresses(context: &Context<'_, '_>, pid: Seg<'_, '_>) -> Vec<Value> {
    let mut addresses: Vec<Value> = pid.all(11).filter_map(|node| contact::address(context, &node)).collect();
    // PID-12 is the county of the only address, if that names none.
    if let ([Value::Object(only)], Some(county)) = (addresses.as_mut_slice(), pid.one(12))
        && !only.contains_key("district")
        && let Some(text) = county.text()
    {
        only.insert("district", text);
    }
    addresses
}

/// PID-29, the time of death, wins over PID-30, the indicator; `N` in PID-30 is a "no" and not a date.
fn deceased(context: &Context<'_, '_>, pid: Seg<'_, '_>, build: Build) -> Build {
    if let Some(text) = pid.one(29).and_then(|node| time::date_time(&node, &context.zones)) {
        pid.ignore(30, "PID-29 says more");
        return build.with("deceasedDateTime", text);
    }
    let indicator = pid.one(30).and_then(|node| {
        let truth = person::yes_no(&node.peek()?);
        if truth.is_some() {
            node.text();
        }
        truth
    });
    build.maybe("deceasedBoolean", indicator)
}

/// PID-25, the order of birth, wins over PID-24, the indicator.
fn multiple_birth(pid: Seg<'_, '_>, build: Build) -> Build {
    let order =
        pid.peek(25).and_then(|text| text.parse::<i64>().ok()).filter(|order| (1..100).contains(order));
    if let Some(order) = order {
        pid.text(25);
        pid.ignore(24, "PID-25 says more");
        return build.with("multipleBirthInteger", order);
    }
    let indicator = pid.peek(24).and_then(|text| person::yes_no(&text));
    if indicator.is_some() {
        pid.text(24);
    }
    build.maybe("multipleBirthBoolean", indicator)
}

/// The FHIR status with the sender's own code beside it.
fn marital_status(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    let code = node.peek_part(1).and_then(|code| find(person::MARITAL_STATUS, &code));
    let own = coded::concept_in(context, node, Some("0002"))?;
    let Some(code) = code else { return Some(own) };
    let system = match code {
        "UNK" => "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
        _ => "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
    };
    let mut codings = vec![crate::json::coding(system, code, None)];
    codings.extend(own.get("coding").map(Value::elements).unwrap_or_default().iter().cloned());
    Some(Build::new().with("coding", codings).maybe("text", own.get("text").cloned()).done())
}

/// PD1-3, the primary facility, and PD1-4, the primary care provider.
fn general_practitioners(context: &mut Context<'_, '_>, pd1: Seg<'_, '_>) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for node in pd1.all(4) {
        all.extend(people::practitioner(context, &node));
    }
    for node in pd1.all(3) {
        all.extend(people::organization(context, &node).map(|key| people::to(&key)));
    }
    all
}
