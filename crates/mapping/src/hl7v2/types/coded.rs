//! CWE, CNE, CE, IS and ID: codes to CodeableConcept, Coding and code.
//!
//! Source: HL7 v2.8 chapter 2A CWE: code, text, system, three times (1-3, 4-6, 10-12), versions 7, 8, 13, original text 9.

use compact_str::CompactString;
use fhir::json::Value;

use crate::concepts::{Row, find, systems};
use crate::hl7v2::context::Context;
use crate::hl7v2::reader::Node;
use crate::json::Build;

/// Where the three codings of a CWE stand: code, text, system, version.
const CODINGS: [(u32, u32, u32, u32); 3] = [(1, 2, 3, 7), (4, 5, 6, 8), (10, 11, 12, 13)];

/// Whether a text can be a FHIR code: no white space around it, single spaces inside.
pub(crate) fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.split(' ').all(|word| !word.is_empty())
        && !text.contains(|character: char| character.is_whitespace() && character != ' ')
}

/// The URI of a coding system as the sender names it, by the well-known names and then the source's own.
fn system_uri(context: &Context<'_, '_>, name: &str) -> Option<CompactString> {
    systems::uri(name).or_else(|| context.source.code_systems.get(name).map(|uri| uri.as_str().into()))
}

/// A CodeableConcept. `table` is the HL7 table that codes without a named system come from, e.g. `0007`.
pub(crate) fn concept_in(
    context: &Context<'_, '_>,
    node: &Node<'_, '_>,
    table: Option<&str>,
) -> Option<Value> {
    let mut codings = Vec::new();
    let mut first_text = None;
    for (code_at, text_at, system_at, version_at) in CODINGS {
        let display = node.get(text_at);
        if first_text.is_none() {
            first_text.clone_from(&display);
        }
        let Some(code) = node.peek_part(code_at) else { continue };
        if !is_code(&code) {
            node.get(code_at);
            first_text.get_or_insert(code);
            continue;
        }
        node.get(code_at);
        codings.push(coding(context, node, code, display, (system_at, version_at), table));
    }
    let text = node.get(9).or(first_text);
    Build::new().list("coding", codings).maybe("text", text).some()
}

fn coding(
    context: &Context<'_, '_>,
    node: &Node<'_, '_>,
    code: CompactString,
    display: Option<CompactString>,
    (system_at, version_at): (u32, u32),
    table: Option<&str>,
) -> Value {
    let named = node.peek_part(system_at);
    let system = match &named {
        Some(name) => {
            let uri = system_uri(context, name);
            match (&uri, node.part(system_at)) {
                (Some(_), Some(part)) => drop(part.text()),
                (None, Some(part)) => {
                    part.refuse("coding system with no known URI; the source can be given one")
                }
                (_, None) => {}
            }
            uri
        }
        None => table.and_then(systems::table),
    };
    let version = system.as_ref().and_then(|_| node.get(version_at));
    Build::new()
        .maybe("system", system)
        .maybe("version", version)
        .with("code", code)
        .maybe("display", display)
        .done()
}

/// A CodeableConcept whose codes always name their system, or have none.
pub(crate) fn concept(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<Value> {
    concept_in(context, node, None)
}

/// A code of a FHIR value set by a table; what the table does not know is not taken, and noted.
pub(crate) fn mapped(node: &Node<'_, '_>, table: &[Row]) -> Option<&'static str> {
    let code = node.peek_part(1).and_then(|code| find(table, &code));
    if code.is_some() {
        node.get(1);
        // The text and the system of a code that became a FHIR code say nothing more.
        node.ignore("said by the code");
    } else {
        node.refuse("code with no counterpart in FHIR's value set");
    }
    code
}

/// The code and the system that identify a concept in a key: the first code with its system, else the text. Not taken.
pub(crate) fn key(node: &Node<'_, '_>) -> Option<CompactString> {
    let code = node.peek_part(1).map(|code| {
        let mut key = node.peek_part(3).unwrap_or_default();
        key.push('|');
        key.push_str(&code);
        key
    });
    code.or_else(|| node.peek_part(2)).or_else(|| node.peek_part(4)).or_else(|| node.peek_part(9))
}

/// A CodeableConcept with a description from elsewhere as its text.
pub(crate) fn with_text(concept: Option<Value>, text: Option<CompactString>) -> Option<Value> {
    match (concept, text) {
        (Some(Value::Object(mut concept)), Some(text)) => {
            concept.insert("text", text);
            Some(Value::Object(concept))
        }
        (None, Some(text)) => Some(Build::new().with("text", text).done()),
        (concept, _) => concept,
    }
}
