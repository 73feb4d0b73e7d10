//! ORC, OBR and TQ1: what was ordered, to ServiceRequest, and how an order is told apart.
//!
//! The placer numbers an order when it writes it, the filler when it takes it on; both are known only later. So a request
//! is keyed by the placer's number with its authority, and by the code, because several OBR may share a placer number; the
//! filler's number stands in where there is no placer's. Results are keyed by the filler's number, which is one order's
//! alone.
//!
//! Source: HL7 v2.8 chapter 4, 4.5.1 ORC, 4.5.3 OBR, 4.5.4 TQ1; tables 0038, 0119.

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::concepts::{find, order};
use crate::hl7v2::context::Context;
use crate::hl7v2::events::Family;
use crate::hl7v2::messages::results::Order;
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::segments::nte;
use crate::hl7v2::segments::obx::Around;
use crate::hl7v2::types::{coded, identifier, people, time};
use crate::intent::{Intent, Mode};
use crate::json::Build;

/// The numbers of an order and the keys made of them.
pub(crate) struct OrderKeys {
    /// Keys the ServiceRequest.
    pub(crate) request: CompactString,
    /// Keys the DiagnosticReport.
    pub(crate) report: CompactString,
    /// Keys observations, together with their code and sub-id.
    pub(crate) results: CompactString,
    /// Both numbers, as FHIR shows them.
    pub(crate) identifiers: Vec<Value>,
}

impl OrderKeys {
    /// Reads the numbers of an order; ORC stands in for OBR.
    pub(crate) fn read(context: &mut Context<'_, '_>, order: &Order<'_, '_>, around: &Around) -> Self {
        let number = |context: &Context<'_, '_>, field: u32, kind: &str, scope: &str| {
            let of = |segment: Seg<'_, '_>| {
                segment.one(field).and_then(|node| identifier::ei(context, &node, Some(kind), scope))
            };
            // Both are read, so that both are accounted for.
            let (own, from_orc) = (of(order.obr), order.orc.and_then(of));
            own.or(from_orc)
        };
        let placer = number(context, 2, "PLAC", "placer order");
        let filler = number(context, 3, "FILL", "filler order");
        let code = order.obr.one(4).and_then(|node| coded::key(&node)).unwrap_or_default();
        let time = order.obr.peek(7).unwrap_or_default();
        let control_id = context.reader.message().control_id().unwrap_or_default();
        // An order without any number is the same as long as patient, code and time are.
        let bare = || {
            let when = if time.is_empty() { control_id.as_ref() } else { time.as_str() };
            format_compact!("unnumbered|{}|{code}|{when}", around.patient)
        };
        let placer_key = placer.as_ref().map(|number| number.key.clone());
        let filler_key = filler.as_ref().map(|number| number.key.clone());
        let request = match (&placer_key, &filler_key) {
            (Some(placer), _) => format_compact!("placer {placer}|{code}"),
            (None, Some(filler)) => format_compact!("filler {filler}|{code}"),
            (None, None) => bare(),
        };
        let report = match (&filler_key, &placer_key) {
            (Some(filler), _) => format_compact!("filler {filler}|{code}"),
            (None, Some(placer)) => format_compact!("placer {placer}|{code}"),
            (None, None) => bare(),
        };
        let results =
            filler_key.as_ref().map_or_else(|| report.clone(), |filler| format_compact!("filler {filler}"));
        let numbered = |context: &mut Context<'_, '_>, key: CompactString| match context.ordinal(&key) {
            0 => key,
            more => format_compact!("{key}|again {more}"),
        };
        let request = numbered(context, format_compact!("request {request}"));
        let report = numbered(context, format_compact!("report {report}"));
        let identifiers = placer.into_iter().chain(filler).map(identifier::shown).collect();
        Self { request, report, results, identifiers }
    }
}

/// Wants the ServiceRequest of an order; gives `ServiceRequest/id`.
pub(crate) fn service_request(
    context: &mut Context<'_, '_>,
    order: &Order<'_, '_>,
    keys: &OrderKeys,
    around: &Around,
    specimens: &[CompactString],
) -> CompactString {
    let Order { orc, obr, .. } = order;
    let id = context.id("ServiceRequest", &[&keys.request]);
    let (status, is_guess) = status(order);
    let requester = requester(context, *orc, *obr);
    let requisition = orc
        .and_then(|orc| orc.one(4))
        .and_then(|node| identifier::ei(context, &node, Some("PGN"), "placer group"))
        .map(identifier::shown);
    let reasons: Vec<Value> = obr.all(31).filter_map(|node| coded::concept(context, &node)).collect();
    let intent = obr.one(11).and_then(|node| {
        let found = find(order::INTENT, &node.peek()?);
        if found.is_some() {
            node.text();
        }
        found
    });
    let is_new = orc.is_some_and(|orc| orc.peek(1).as_deref() == Some("NW"));
    let authored = orc
        .filter(|_| is_new)
        .and_then(|orc| orc.one(9))
        .and_then(|node| time::date_time(&node, &context.zones));
    let wanted = order
        .timing
        .and_then(|timing| timing.one(7))
        .or_else(|| obr.one(6))
        .and_then(|node| time::date_time(&node, &context.zones));
    let resource = Build::resource("ServiceRequest", &id)
        .list("identifier", keys.identifiers.clone())
        .maybe("requisition", requisition)
        .with("status", status)
        .with("intent", intent.unwrap_or("order"))
        .maybe("priority", priority(order))
        .maybe("code", code(context, *obr))
        .with("subject", people::to(&around.patient))
        .maybe("encounter", around.encounter.as_ref().map(people::to))
        .maybe("occurrenceDateTime", wanted)
        .maybe("authoredOn", authored)
        .maybe("requester", requester)
        .list("reasonCode", reasons)
        .list("specimen", specimens.iter().map(people::to).collect())
        .list("note", nte::annotation(&order.notes).into_iter().collect())
        .done();
    let mode =
        if orc.is_some() || context.event.family == Family::Order { Mode::Snapshot } else { Mode::Mention };
    let time = context.time.clone();
    let defaults = if is_guess { vec!["status"] } else { Vec::new() };
    context.want(Intent { defaults, ..Intent::new(resource, mode, time) })
}

/// The code of OBR-4.
pub(crate) fn code(context: &Context<'_, '_>, obr: Seg<'_, '_>) -> Option<Value> {
    obr.one(4).and_then(|node| coded::concept(context, &node))
}

/// ORC-5, the order's status, else what ORC-1 does to it; else a guess from the result's status.
fn status(order: &Order<'_, '_>) -> (&'static str, bool) {
    let result_final = matches!(order.obr.peek(25).as_deref(), Some("F" | "C"));
    let guess = if result_final { "completed" } else { "active" };
    let Some(orc) = order.orc else { return (guess, true) };
    let control = orc.peek(1);
    let take = |field: u32, table| {
        let found = find(table, &orc.peek(field)?);
        if found.is_some() {
            orc.text(field);
        }
        found
    };
    let by_control = take(1, order::CONTROL_STATUS);
    let by_status = take(5, order::ORDER_STATUS);
    if control.as_deref() == Some("SC") || control.as_deref() == Some("SR") {
        // "Status changed": ORC-5 says to what.
        orc.text(1);
    }
    match (by_status, by_control) {
        (Some(status), _) => (status, false),
        // Observations follow, but they need not be all.
        (None, Some("completed"))
            if control.as_deref() == Some("RE") && order.obr.has(25) && !result_final =>
        {
            ("active", false)
        }
        (None, Some(status)) => (status, false),
        (None, None) => (guess, true),
    }
}

/// TQ1-9, else OBR-5, else the sixth part of the old OBR-27 and ORC-7.
fn priority(order: &Order<'_, '_>) -> Option<&'static str> {
    let take = |node: Node<'_, '_>| {
        let found = find(order::PRIORITY, &node.peek()?);
        if found.is_some() {
            node.text();
        }
        found
    };
    let from_timing = order.timing.and_then(|timing| timing.one(9)).and_then(take);
    let from_obr = order.obr.one(5).and_then(take);
    let old = order.obr.one(27).and_then(|node| node.part(6)).and_then(take);
    let older = order.orc.and_then(|orc| orc.one(7)).and_then(|node| node.part(6)).and_then(take);
    from_timing.or(from_obr).or(old).or(older)
}

/// OBR-16 or ORC-12, the ordering provider. All are wanted, the first is the requester.
fn requester(context: &mut Context<'_, '_>, orc: Option<Seg<'_, '_>>, obr: Seg<'_, '_>) -> Option<Value> {
    let nodes: Vec<Node<'_, '_>> = obr.all(16).chain(orc.into_iter().flat_map(|orc| orc.all(12))).collect();
    let mut first = None;
    for node in nodes {
        let who = people::practitioner(context, &node);
        if first.is_none() {
            first = who;
        }
    }
    first
}
