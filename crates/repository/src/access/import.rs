//! A batch of lines of an import: each puts a resource under its own id; a line that cannot be taken costs the others
//! nothing.

use std::collections::HashMap;

use compact_str::CompactString;
use fhir::json::{self, Value};
use protect::access::Interaction;

use super::write::{Sketch, admit_draft};
use super::{Access, check_id, type_code};
use crate::body::BODY_BYTES_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{self, Reach, Shown};
use crate::prepare::{Done, Draft};
use crate::types::Effect;
use crate::view::View;

/// One line of an input.
#[derive(Clone, Debug)]
pub(crate) struct ImportLine {
    /// Its number, from 1.
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct ImportDone {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    /// Lines that were not taken, each with its number.
    pub(crate) refused: Vec<(u64, Error)>,
}

impl Access {
    /// Puts the resources of some lines, in one transaction. References may lead to what comes later. Of an id that stands
    /// twice among the lines the last counts. Content that is stored already makes no version.
    ///
    /// # Errors
    /// `Unavailable` and others that are not the lines' fault: then nothing is known of any.
    pub(crate) fn import(&self, lines: &[ImportLine], resource_type: Option<&str>) -> Result<ImportDone> {
        let deed = (Interaction::Operation, resource_type, "import");
        gate::recorded(&self.inner, &self.caller, deed, Ok(Reach::All), |shown| {
            let mut done = ImportDone::default();
            match self.import_together(lines, resource_type, &mut done, shown) {
                Err(error) if is_theirs(&error) => {
                    // The transaction is refused for one of them: each goes by itself, so that it alone is.
                    done = ImportDone::default();
                    for line in lines {
                        let alone = std::slice::from_ref(line);
                        match self.import_together(alone, resource_type, &mut done, shown) {
                            Err(error) if is_theirs(&error) => done.refused.push((line.number, error)),
                            other => other?,
                        }
                    }
                }
                other => other?,
            }
            Ok(done)
        })
    }

    fn import_together(
        &self,
        lines: &[ImportLine],
        resource_type: Option<&str>,
        done: &mut ImportDone,
        shown: &mut Shown,
    ) -> Result<()> {
        let position = self.inner.position();
        let view = self.view()?;
        let mut reaches = HashMap::new();
        let mut drafts: Vec<Draft> = Vec::with_capacity(lines.len());
        let mut places: HashMap<[u8; 16], usize> = HashMap::with_capacity(lines.len());
        for line in lines {
            match self.import_draft(&view, &line.bytes, resource_type, &mut reaches) {
                Ok(draft) => match places.get(&draft.id_hash).and_then(|at| drafts.get_mut(*at)) {
                    Some(earlier) => *earlier = draft,
                    None => {
                        places.insert(draft.id_hash, drafts.len());
                        drafts.push(draft);
                    }
                },
                Err(error) if is_theirs(&error) => done.refused.push((line.number, error)),
                Err(error) => return Err(error),
            }
        }
        if drafts.is_empty() {
            return Ok(());
        }
        let sketches: Vec<Sketch> = drafts.iter().map(Sketch::without_body).collect();
        let written: Vec<Done> = self.submit(view, position, drafts, Vec::new(), self.origin())?;
        for (sketch, one) in sketches.into_iter().zip(written) {
            match one.effect {
                Effect::Created => done.created += 1,
                Effect::Updated => done.updated += 1,
                _ => done.unchanged += 1,
            }
            shown.wrote(&sketch.written(one)?);
        }
        Ok(())
    }

    fn import_draft(
        &self,
        view: &View,
        bytes: &[u8],
        resource_type: Option<&str>,
        reaches: &mut HashMap<CompactString, Reach>,
    ) -> Result<Draft> {
        let limits = json::Limits { bytes_max: BODY_BYTES_MAX, ..json::Limits::default() };
        let value = json::parse(bytes, &limits)
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("the line is not JSON: {error}")))?;
        let name = CompactString::from(value.resource_type().unwrap_or_default());
        if resource_type.is_some_and(|expected| expected != name) {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the resource is not of the type that the input names",
            ));
        }
        let code = type_code(&name).map_err(|_| {
            Error::new(ErrorKind::Unprocessable, "has a `resourceType` that R4 does not know")
        })?;
        if !reaches.contains_key(&name) {
            reaches.insert(name.clone(), self.caller.decide(Interaction::Update, Some(&name))?);
        }
        let id = CompactString::from(value.get("id").and_then(Value::as_str).unwrap_or_default());
        check_id(&id)?;
        self.check(&name, &value)?;
        let draft = Draft::new(view, code, &id, self.content(view, code, &id, value)?)?;
        admit_draft(reaches.get(&name).unwrap_or(&Reach::All), &draft)?;
        Ok(draft)
    }
}

/// Whether a refusal is about what a line says.
fn is_theirs(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Internal | ErrorKind::Corrupt)
}
