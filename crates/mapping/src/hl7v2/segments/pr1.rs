//! PR1: procedures, to Procedure.
//!
//! Source: HL7 v2.8 chapter 6, 6.5.4 PR1.

use compact_str::CompactString;

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Seg;
use crate::hl7v2::types::{coded, identifier, people, time};
use crate::intent::{Intent, Mode};
use crate::json::Build;

/// Who took part: field and role. PR1-8 to PR1-12 are of versions before 2.6, later ROL and PRT tell.
const PERFORMERS: [(u32, &str); 3] = [(11, "surgeon"), (8, "anaesthetist"), (12, "practitioner")];

/// Wants the Procedure of a PR1. It is the same procedure as long as PR1-19, or the code and the time within the visit, are.
pub(crate) fn procedure(
    context: &mut Context<'_, '_>,
    pr1: Seg<'_, '_>,
    patient: &CompactString,
    encounter: Option<&CompactString>,
) {
    let name = pr1.one(3).and_then(|node| coded::key(&node)).or_else(|| pr1.peek(4));
    let Some(name) = name else {
        pr1.refuse("a procedure without code and text");
        return;
    };
    let own = pr1.one(19).and_then(|node| identifier::ei(context, &node, None, "procedure"));
    let visit = encounter.cloned().unwrap_or_default();
    let when = pr1.peek(5).unwrap_or_default();
    let id = match &own {
        Some(own) => context.id("Procedure", &[patient, "number", &own.key]),
        None => context.id("Procedure", &[patient, &visit, &name, &when]),
    };
    let code = pr1.one(3).and_then(|node| coded::concept(context, &node));
    let text = pr1.text(4);
    let code = coded::with_text(code, text);
    let is_deleted = pr1.peek(20).as_deref() == Some("D");
    if pr1.has(20) {
        pr1.text(20);
    }
    let mut performers = Vec::new();
    for (field, role) in PERFORMERS {
        for node in pr1.all(field) {
            if let Some(who) = people::practitioner(context, &node) {
                let function = Build::new().with("text", role).done();
                performers.push(Build::new().with("function", function).with("actor", who).done());
            }
        }
    }
    let status = if is_deleted { "entered-in-error" } else { "completed" };
    let resource = Build::resource("Procedure", &id)
        .list("identifier", own.map(identifier::shown).into_iter().collect())
        .with("status", status)
        .maybe("category", pr1.one(6).and_then(|node| coded::concept_in(context, &node, Some("0230"))))
        .maybe("code", code)
        .with("subject", people::to(patient))
        .maybe("encounter", encounter.map(people::to))
        .maybe("performedDateTime", pr1.one(5).and_then(|node| time::date_time(&node, &context.zones)))
        .list("performer", performers)
        .done();
    let defaults = if is_deleted { Vec::new() } else { vec!["status"] };
    context.want(Intent { defaults, ..Intent::new(resource, Mode::Snapshot, context.time.clone()) });
}
