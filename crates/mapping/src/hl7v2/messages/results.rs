//! ORU, OUL, ORM, OML, OMG: orders with their results and specimens.
//!
//! All of them are rows of OBR groups; they differ in where the specimen and the ORC stand, and in whether there is a
//! report to make.

use compact_str::CompactString;

use crate::hl7v2::MapError;
use crate::hl7v2::context::Context;
use crate::hl7v2::events::Family;
use crate::hl7v2::messages::{adt, first, patient_groups};
use crate::hl7v2::reader::Seg;
use crate::hl7v2::segments::obx::Around;
use crate::hl7v2::segments::orc::OrderKeys;
use crate::hl7v2::segments::pv1::VisitSegments;
use crate::hl7v2::segments::ties::Group;
use crate::hl7v2::segments::{obr, obx, orc, pid, pv1, spm};

/// An OBX with its comments.
pub(crate) struct Line<'r, 'm> {
    pub(crate) obx: Seg<'r, 'm>,
    pub(crate) notes: Vec<Seg<'r, 'm>>,
}

/// An SPM with its comments and its own observations.
pub(crate) struct SpecimenGroup<'r, 'm> {
    pub(crate) spm: Seg<'r, 'm>,
    pub(crate) notes: Vec<Seg<'r, 'm>>,
    pub(crate) lines: Vec<Line<'r, 'm>>,
}

/// An OBR with everything that belongs to it.
pub(crate) struct Order<'r, 'm> {
    pub(crate) orc: Option<Seg<'r, 'm>>,
    pub(crate) obr: Seg<'r, 'm>,
    pub(crate) timing: Option<Seg<'r, 'm>>,
    pub(crate) notes: Vec<Seg<'r, 'm>>,
    pub(crate) lines: Vec<Line<'r, 'm>>,
    /// Places in the group's list of specimens.
    pub(crate) specimens: Vec<usize>,
}

#[derive(Default)]
struct Orders<'r, 'm> {
    orders: Vec<Order<'r, 'm>>,
    specimens: Vec<SpecimenGroup<'r, 'm>>,
}

/// Maps a message of orders or results.
///
/// # Errors
/// [`MapError`] if there is no order or the patient cannot be told.
pub(crate) fn map(context: &mut Context<'_, '_>) -> Result<(), MapError> {
    let groups = patient_groups(context);
    if groups.is_empty() {
        return Err(MapError::NoPatient);
    }
    if !context.reader.segments().any(|segment| segment.name() == "OBR") {
        return Err(MapError::NoOrder);
    }
    for group in &groups {
        patient_group(context, group)?;
    }
    Ok(())
}

fn patient_group(context: &mut Context<'_, '_>, group: &[Seg<'_, '_>]) -> Result<(), MapError> {
    let pid = first(group, "PID").ok_or(MapError::NoPatient)?;
    let patient = pid::patient(context, pid, first(group, "PD1"))?;
    let segments = first(group, "PV1").map(|pv1| VisitSegments { pid, pv1, pv2: first(group, "PV2") });
    let encounter = segments.and_then(|segments| pv1::encounter(context, segments, &patient));
    // Diagnoses and the like behind an order belong to the order, which has no place for them yet.
    let orders_start = group
        .iter()
        .position(|segment| matches!(segment.name(), "ORC" | "OBR" | "SPM"))
        .unwrap_or(group.len());
    let around = group.get(..orders_start).unwrap_or_default();
    adt::around_patient(context, around, &patient, encounter.as_ref());

    let parsed = collect(context, group);
    let around = Around { patient, encounter };
    let mut specimen_keys: Vec<Option<CompactString>> = vec![None; parsed.specimens.len()];
    let mut results = Group::default();
    for order in &parsed.orders {
        map_order(context, order, &parsed.specimens, &mut specimen_keys, &around, &mut results);
    }
    Ok(())
}

fn map_order(
    context: &mut Context<'_, '_>,
    order: &Order<'_, '_>,
    specimen_groups: &[SpecimenGroup<'_, '_>],
    specimen_keys: &mut [Option<CompactString>],
    around: &Around,
    results: &mut Group,
) {
    let keys = OrderKeys::read(context, order, around);
    let mut specimens = Vec::new();
    for at in &order.specimens {
        let (Some(group), Some(known)) = (specimen_groups.get(*at), specimen_keys.get_mut(*at)) else {
            continue;
        };
        if known.is_none() {
            let key = spm::specimen(context, group, &keys, &around.patient);
            for line in obx::texts_joined(&group.lines) {
                obx::observation(
                    context,
                    &line,
                    obx::Owner::Specimen { keys: &keys, specimen: &key },
                    around,
                    results,
                );
            }
            *known = Some(key);
        }
        specimens.extend(known.clone());
    }
    if specimens.is_empty() {
        specimens.extend(spm::specimen_of_obr(context, order.obr, &keys, &around.patient));
    }
    let request = orc::service_request(context, order, &keys, around, &specimens);
    let owner = obx::Owner::Order { order, keys: &keys, request: &request, specimens: &specimens };
    let start = results.len();
    for line in obx::texts_joined(&order.lines) {
        obx::observation(context, &line, owner, around, results);
    }
    results.tie(context, order.obr, start, &around.patient);
    let observations = results.since(start);
    if context.event.family == Family::Result {
        obr::report(context, order, &keys, around, &request, &specimens, &observations);
    } else {
        for observation in observations {
            context.add(&request, "supportingInfo", crate::json::reference(&observation));
        }
    }
}

/// Observations that stand in a message without an order (ADT: weight at admission).
pub(crate) fn observations_alone(
    context: &mut Context<'_, '_>,
    group: &[Seg<'_, '_>],
    patient: &CompactString,
    encounter: Option<&CompactString>,
) {
    let mut lines: Vec<Line<'_, '_>> = Vec::new();
    let mut is_last = false;
    for segment in group {
        match segment.name() {
            "OBX" => lines.push(Line { obx: *segment, notes: Vec::new() }),
            "NTE" if is_last => {
                if let Some(line) = lines.last_mut() {
                    line.notes.push(*segment);
                }
            }
            _ => {}
        }
        is_last = matches!(segment.name(), "OBX") || (is_last && segment.name() == "NTE");
    }
    let around = Around { patient: patient.clone(), encounter: encounter.cloned() };
    let mut results = Group::default();
    for line in obx::texts_joined(&lines) {
        obx::observation(context, &line, obx::Owner::Nobody, &around, &mut results);
    }
}

/// What the last segment was, to which an NTE belongs.
enum Last {
    Order,
    Line,
    Specimen,
    SpecimenLine,
    Other,
}

/// Sorts the segments of a patient into orders and specimens.
fn collect<'r, 'm>(context: &Context<'r, 'm>, group: &[Seg<'r, 'm>]) -> Orders<'r, 'm> {
    // In OUL^R22 and R23 a specimen leads its orders; elsewhere it follows them.
    let specimen_leads = matches!(context.event.code, "R22" | "R23") || (context.event.code == "O33");
    let mut found = Orders::default();
    let mut pending_orc: Option<(Seg<'r, 'm>, Vec<Seg<'r, 'm>>)> = None;
    let mut last = Last::Other;
    for segment in group {
        match segment.name() {
            "ORC" => {
                let behind_obr = specimen_leads || context.event.code == "R24";
                match found
                    .orders
                    .last_mut()
                    .filter(|order| behind_obr && order.orc.is_none() && order.lines.is_empty())
                {
                    Some(order) => {
                        order.orc = Some(*segment);
                        last = Last::Order;
                    }
                    None => {
                        pending_orc = Some((*segment, Vec::new()));
                        last = Last::Other;
                    }
                }
            }
            "OBR" => {
                let (orc, notes) =
                    pending_orc.take().map_or((None, Vec::new()), |(orc, notes)| (Some(orc), notes));
                let leading = if specimen_leads { found.specimens.len().checked_sub(1) } else { None };
                let specimens = leading.into_iter().collect();
                found.orders.push(Order {
                    orc,
                    obr: *segment,
                    timing: None,
                    notes,
                    lines: Vec::new(),
                    specimens,
                });
                last = Last::Order;
            }
            "TQ1" => {
                if let Some(order) = found.orders.last_mut() {
                    order.timing.get_or_insert(*segment);
                }
            }
            "SPM" => {
                found.specimens.push(SpecimenGroup { spm: *segment, notes: Vec::new(), lines: Vec::new() });
                let at = found.specimens.len() - 1;
                if !specimen_leads && let Some(order) = found.orders.last_mut() {
                    order.specimens.push(at);
                }
                last = Last::Specimen;
            }
            "OBX" => {
                let line = Line { obx: *segment, notes: Vec::new() };
                let of_specimen = matches!(last, Last::Specimen | Last::SpecimenLine);
                match (found.specimens.last_mut().filter(|_| of_specimen), found.orders.last_mut()) {
                    (Some(specimen), _) => {
                        specimen.lines.push(line);
                        last = Last::SpecimenLine;
                    }
                    (None, Some(order)) => {
                        order.lines.push(line);
                        last = Last::Line;
                    }
                    (None, None) => last = Last::Other,
                }
            }
            "NTE" => {
                let owner = match last {
                    Last::Order => found.orders.last_mut().map(|order| &mut order.notes),
                    Last::Line => found
                        .orders
                        .last_mut()
                        .and_then(|order| order.lines.last_mut())
                        .map(|line| &mut line.notes),
                    Last::Specimen => found.specimens.last_mut().map(|specimen| &mut specimen.notes),
                    Last::SpecimenLine => found
                        .specimens
                        .last_mut()
                        .and_then(|specimen| specimen.lines.last_mut())
                        .map(|line| &mut line.notes),
                    Last::Other => pending_orc.as_mut().map(|(_, notes)| notes),
                };
                if let Some(notes) = owner {
                    notes.push(*segment);
                }
            }
            // These stand between an order and its comments and results without being either.
            "PRT" | "TQ2" | "CTD" | "SID" | "TCD" | "SAC" | "INV" => {}
            "PID" | "PD1" | "PV1" | "PV2" | "NK1" => last = Last::Other,
            _ => {}
        }
    }
    found
}
