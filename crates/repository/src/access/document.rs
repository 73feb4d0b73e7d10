//! `$document`: a Composition with all that it refers to (R4 composition-operation-document.html).

use std::collections::HashSet;

use compact_str::CompactString;
use fhir::json::{self, Value};
use protect::access::Interaction;

use super::{Access, type_code};
use crate::body::BODY_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Versioned;
use crate::view::corrupt;

/// Resources of one document.
const PARTS_MAX: usize = 2000;
/// Sections within each other.
const SECTIONS_MAX: usize = 32;

/// What a document is put together from.
#[derive(Clone, Debug)]
pub struct Document {
    /// A new UUID for the document's identifier.
    pub identifier: CompactString,
    /// Now, as a FHIR instant.
    pub timestamp: String,
    /// The Composition, then the rest, each once, in the order in which they are referred to.
    pub parts: Vec<Versioned>,
}

impl Access {
    /// The parts of the document of a Composition: its subject, encounter, authors, attesters, custodian, events and the
    /// entries of all sections.
    ///
    /// # Errors
    /// As [`Self::read`]; `Unprocessable` with the place of a reference that leads nowhere or beyond the caller's reach,
    /// because a document with a hole must not be handed out; `TooCostly` beyond two thousand parts.
    pub fn document(&self, id: &str) -> Result<Document> {
        self.operation(Interaction::Operation, "document", "Composition", |shown| {
            let composition = self.current(&shown.reach, "Composition", id)?;
            let limits = json::Limits { bytes_max: BODY_BYTES_MAX, ..json::Limits::default() };
            let value = json::parse(&composition.body, &limits).map_err(corrupt)?;
            let mut parts = vec![composition];
            let mut seen = HashSet::from([format!("Composition/{id}")]);
            for (place, reference) in references(&value)? {
                let local = local(&reference, self.inner.options.base_url.as_deref());
                if reference.starts_with('#') || local.is_some_and(|local| !seen.insert(local.to_owned())) {
                    continue;
                }
                if parts.len() == PARTS_MAX {
                    let text = format!("the document has more than {PARTS_MAX} parts");
                    return Err(Error::new(ErrorKind::TooCostly, text));
                }
                parts.push(self.part(local, &place)?);
            }
            parts.iter().for_each(|part| shown.add(part));
            let timestamp = crate::body::instant(self.inner.clock.now_ms());
            Ok(Document { identifier: self.new_id(), timestamp, parts })
        })
    }

    fn part(&self, local: Option<&str>, place: &str) -> Result<Versioned> {
        let hole = || {
            let text = format!(
                "`{place}` refers to what is not there, or not for you: the document would have a hole"
            );
            Error::new(ErrorKind::Unprocessable, text)
        };
        let (resource_type, id) = local.and_then(|local| local.split_once('/')).ok_or_else(hole)?;
        type_code(resource_type).map_err(|_| hole())?;
        let reach = self.caller.decide(Interaction::Read, Some(resource_type)).map_err(|_| hole())?;
        self.current(&reach, resource_type, id).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::Gone | ErrorKind::Denied => hole(),
            _ => error,
        })
    }
}

/// `Type/id` of a reference to this server, a version left out.
fn local<'r>(reference: &'r str, base: Option<&str>) -> Option<&'r str> {
    let own = base.and_then(|base| reference.strip_prefix(base)?.strip_prefix('/'));
    let path = own.unwrap_or(reference);
    let path = path.split("/_history/").next().unwrap_or(path);
    (!path.contains(':') && path.split('/').count() == 2).then_some(path)
}

/// The references that make a document, each with its place.
fn references(composition: &Value) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut add = |place: String, value: Option<&Value>| {
        if let Some(reference) = value.and_then(|value| value.get("reference")).and_then(Value::as_str) {
            found.push((place, reference.to_owned()));
        }
    };
    let list = |value: Option<&Value>| -> Vec<Value> {
        value.map(|value| value.elements().to_vec()).unwrap_or_default()
    };
    for name in ["subject", "encounter", "custodian"] {
        add(format!("Composition.{name}"), composition.get(name));
    }
    for (at, author) in list(composition.get("author")).iter().enumerate() {
        add(format!("Composition.author[{at}]"), Some(author));
    }
    for (at, attester) in list(composition.get("attester")).iter().enumerate() {
        add(format!("Composition.attester[{at}].party"), attester.get("party"));
    }
    for (at, event) in list(composition.get("event")).iter().enumerate() {
        for (inner, detail) in list(event.get("detail")).iter().enumerate() {
            add(format!("Composition.event[{at}].detail[{inner}]"), Some(detail));
        }
    }
    let mut open: Vec<(String, Value, usize)> = Vec::new();
    for (at, section) in list(composition.get("section")).into_iter().enumerate().rev() {
        open.push((format!("Composition.section[{at}]"), section, 1));
    }
    while let Some((place, section, depth)) = open.pop() {
        if depth > SECTIONS_MAX {
            let text = format!("its sections are nested deeper than {SECTIONS_MAX} levels");
            return Err(Error::new(ErrorKind::TooCostly, text));
        }
        for (at, author) in list(section.get("author")).iter().enumerate() {
            add(format!("{place}.author[{at}]"), Some(author));
        }
        add(format!("{place}.focus"), section.get("focus"));
        for (at, entry) in list(section.get("entry")).iter().enumerate() {
            add(format!("{place}.entry[{at}]"), Some(entry));
        }
        for (at, inner) in list(section.get("section")).into_iter().enumerate().rev() {
            open.push((format!("{place}.section[{at}]"), inner, depth + 1));
        }
    }
    Ok(found)
}
