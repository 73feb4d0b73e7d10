//! OBR: the report on what was found, to DiagnosticReport.
//!
//! Source: HL7 v2.8 chapter 4, 4.5.3 OBR; tables 0074, 0123.

use compact_str::CompactString;
use fhir::json::Value;

use crate::concepts::{find, result};
use crate::hl7v2::context::Context;
use crate::hl7v2::messages::results::Order;
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::segments::obx::Around;
use crate::hl7v2::segments::orc::{self, OrderKeys};
use crate::hl7v2::types::{coded, people, time};
use crate::intent::{Intent, Mode};
use crate::json::Build;

/// Wants the DiagnosticReport of an order with its observations (`Observation/id`).
pub(crate) fn report(
    context: &mut Context<'_, '_>,
    order: &Order<'_, '_>,
    keys: &OrderKeys,
    around: &Around,
    request: &CompactString,
    specimens: &[CompactString],
    observations: &[CompactString],
) {
    let obr = order.obr;
    let id = context.id("DiagnosticReport", &[&keys.report]);
    let status = obr.one(25).and_then(|node| coded::mapped(&node, result::REPORT_STATUS));
    let section = obr.one(24).and_then(|node| coded::concept_in(context, &node, Some("0074")));
    let code = orc::code(context, obr).unwrap_or_else(unknown_code);
    let interpreters: Vec<Node<'_, '_>> = obr.all(32).chain(obr.all(33)).collect();
    let interpreters: Vec<Value> =
        interpreters.iter().filter_map(|node| people::practitioner_of_ndl(context, node)).collect();
    let issued = obr.one(22).and_then(|node| time::instant(&node, &context.zones));
    let build = Build::resource("DiagnosticReport", &id)
        .list("identifier", keys.identifiers.clone())
        .with("basedOn", vec![people::to(request)])
        .with("status", status.unwrap_or_else(|| status_of_results(order)))
        .list("category", section.into_iter().collect())
        .with("code", code)
        .with("subject", people::to(&around.patient))
        .maybe("encounter", around.encounter.as_ref().map(people::to));
    let resource = effective(context, obr, build)
        .maybe("issued", issued)
        .list("resultsInterpreter", interpreters)
        .list("specimen", specimens.iter().map(people::to).collect())
        .list("result", observations.iter().map(people::to).collect())
        .done();
    let intent = Intent::new(resource, Mode::Replace, context.time.clone());
    context.want(intent);
}

/// A code is required; an OBR that names none says so.
pub(crate) fn unknown_code() -> Value {
    Build::new().with("text", "unknown").done()
}

/// OBR-7 to OBR-8.
pub(crate) fn effective(context: &Context<'_, '_>, obr: Seg<'_, '_>, build: Build) -> Build {
    if obr.has(8) {
        return build.maybe("effectivePeriod", time::period(obr.one(7), obr.one(8), &context.zones));
    }
    build.maybe("effectiveDateTime", obr.one(7).and_then(|node| time::date_time(&node, &context.zones)))
}

/// OBR-25 is missing: final if all results are, else not known.
fn status_of_results(order: &Order<'_, '_>) -> &'static str {
    let is_final = |code: Option<CompactString>| {
        code.and_then(|code| find(result::OBSERVATION_STATUS, &code)) == Some("final")
    };
    let all_final = !order.lines.is_empty() && order.lines.iter().all(|line| is_final(line.obx.peek(11)));
    if all_final { "final" } else { "unknown" }
}
