//! An export at work: type by type, part by part, file by file.

use std::collections::BTreeMap;

use fhir::json;
use fhir::json_object;
use fhir::outcome::{IssueType, Outcome};
use protect::access::Interaction;
use storage::engine::{Direction, KeyRange};

use super::FILE_BYTES_MAX;
use super::drive::{self, Standing, Whose};
use super::spec::{Part, Position, Spec};
use crate::applier::ChangeRow;
use crate::body::{BODY_BYTES_MAX, Payload};
use crate::error::{Error, ErrorKind};
use crate::events;
use crate::finding;
use crate::gate;
use crate::jobs::{FileRole, FileWriter, JobFile, Stop, Ticket};
use crate::layout;
use crate::row::{Head, Row};
use crate::search::clause::{Clause, Probe};
use crate::search::{Search, SearchLimits, Subset, subset};
use crate::veil::MaskedView;
use crate::view::{View, corrupt, engine};

/// Resources between two looks whether to go on.
const LOOK_EVERY: u64 = 256;

/// Does what is left of an export.
pub(super) fn run(ticket: &Ticket<'_>, spec: &Spec) -> Result<(), Stop> {
    let at = Position::read(&ticket.checkpoint()).ok_or_else(|| corrupt("a checkpoint does not read"))?;
    let files = ticket.files();
    let next_number = files.iter().map(|file| file.number + 1).max().unwrap_or(0);
    let mut run = Run { ticket, spec, files, next_number, open: BTreeMap::new(), at, looked: 0, whose: None };
    while let Some(code) = spec.types.get(run.at.types).copied() {
        run.of_type(code)?;
        run.close()?;
        let done = Position { types: run.at.types + 1, lines: run.at.lines, ..Position::default() };
        run.at = done;
        run.save()?;
    }
    Ok(())
}

struct Run<'r, 's> {
    ticket: &'r Ticket<'s>,
    spec: &'r Spec,
    files: Vec<JobFile>,
    next_number: u32,
    open: BTreeMap<FileRole, FileWriter>,
    at: Position,
    looked: u64,
    /// Worked out once.
    whose: Option<Whose>,
}

/// What does not change while a type is exported.
struct OfType<'t> {
    view: &'t View,
    code: u16,
    name: &'static str,
    whose: &'t Whose,
    elements: Option<Subset>,
    masked: Option<&'t MaskedView<'t>>,
}

impl Run<'_, '_> {
    fn of_type(&mut self, code: u16) -> Result<(), Stop> {
        let (inner, caller) = (self.ticket.inner(), self.ticket.caller());
        let view = inner.core.snapshot(caller.tenant.0)?;
        let name = layout::type_name(code).unwrap_or_default();
        let reach = caller.decide(Interaction::SearchType, Some(name))?;
        let whose = match self.whose.take() {
            Some(whose) => whose,
            None => drive::patients(&view, caller, self.spec)?,
        };
        let within = whose.within(&view, &reach)?;
        self.whose = Some(whose);
        let masked = MaskedView::of(inner, caller, &view)?;
        let of = OfType {
            view: &view,
            code,
            name,
            whose: &within,
            elements: self.elements(name),
            masked: masked.as_ref(),
        };
        let own = self.spec.options.filters.iter().filter(|(filtered, _)| filtered == name);
        let filters = own.map(|(_, query)| {
            let filter = finding::parse(&view, name, query)?;
            of.masked.map_or(Ok(filter.clone()), |masked| masked.admit(&filter))
        });
        let filters = filters.collect::<Result<Vec<_>, Error>>()?;
        let bounds = finding::bounds(&view, caller, Some((code, &reach)))?;
        // It may take as long as it takes; only what it holds in memory is bounded.
        let limits = SearchLimits { steps_max: u64::MAX, ..SearchLimits::default() };
        let base = inner.options.base_url.as_deref();
        finding::with_limits(&view, &bounds, &limits, (inner.clock.now_ms(), base), |search| {
            let filters = filters.iter().map(|query| search.compile(code, &query.criteria));
            let filters: Vec<Vec<Clause>> = filters.collect::<Result<_, _>>()?;
            Ok(self.parts(&of, search, &filters))
        })??;
        // Every masking stands in the audit log.
        if let Some(masked) = masked.as_ref().filter(|masked| masked.count() > 0) {
            let deed = (Interaction::Operation, Some(name), "export");
            gate::recorded_in_view(inner, caller, deed, Ok(reach), |shown| {
                masked.note(shown);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn elements(&self, name: &str) -> Option<Subset> {
        let wanted =
            self.spec.options.elements.iter().filter(|(of, _)| of.as_deref().is_none_or(|of| of == name));
        let elements: Vec<_> = wanted.map(|(_, element)| element.as_str().into()).collect();
        (!elements.is_empty()).then_some(Subset::Elements(elements))
    }

    fn parts(&mut self, of: &OfType<'_>, search: &Search<'_>, filters: &[Vec<Clause>]) -> Result<(), Stop> {
        let begin = self.at;
        for part in Part::ALL.into_iter().filter(|part| *part >= begin.part) {
            let after = begin.place.filter(|_| part == begin.part);
            self.at = Position { part, place: after, ..self.at };
            match part {
                Part::Standing => self.standing(of, after, search, filters)?,
                Part::Changed => self.changed(of, after)?,
                Part::Deleted if self.spec.options.since_ms.is_some() => self.deleted(of, after)?,
                Part::Deleted => {}
            }
        }
        Ok(())
    }

    /// What has not changed since the cut.
    fn standing(
        &mut self,
        of: &OfType<'_>,
        after: Option<(u64, u64)>,
        search: &Search<'_>,
        filters: &[Vec<Clause>],
    ) -> Result<(), Stop> {
        let mut standing = Standing::open(of.view, of.code, of.whose, after);
        while let Some(found) = standing.next()? {
            self.look(of)?;
            let head = Head::read(&found.row).map_err(corrupt)?;
            if head.seq >= self.spec.cut || head.deleted || !self.in_time(head.time_ms) {
                continue;
            }
            if !filters.is_empty() && !passes(search, filters, of.code, found.number)? {
                continue;
            }
            let row = Row::read(&found.row).map_err(corrupt)?;
            self.write(of, found.number, &row)?;
            self.turn(found.place)?;
        }
        Ok(())
    }

    /// What has changed since the cut, as it stood then: found by the first change after it.
    ///
    /// Filters are not asked: the index knows the newer version. So too much may be here, never too little.
    fn changed(&mut self, of: &OfType<'_>, after: Option<(u64, u64)>) -> Result<(), Stop> {
        let prefix = layout::Key::new(of.view.tenant).u16(of.code).into_vec();
        let start = layout::change_key(of.view.tenant, of.code, self.spec.cut, 0);
        let range = match after.and_then(place_of) {
            Some((seq, operation)) => {
                let last = layout::change_key(of.view.tenant, of.code, seq, operation);
                KeyRange::prefix_after(&prefix, &last)
            }
            None => KeyRange::prefix_from(&prefix, &start),
        };
        for row in of.view.reader.scan(layout::CHANGE, range, Direction::Forward) {
            let (key, value) = row.map_err(engine)?;
            self.look(of)?;
            let change = ChangeRow::read(&value)?;
            let Some(before) = change.version.checked_sub(1).filter(|version| *version > 0) else { continue };
            let row = of.view.row_of_version(of.code, change.number, before)?;
            // The others are not the first change of their resource.
            let Some(row) = row.filter(|row| row.seq < self.spec.cut && self.in_time(row.time_ms)) else {
                continue;
            };
            if row.deleted {
                if self.spec.options.since_ms.is_some() {
                    self.write_deletion(of, change.number, &row)?;
                }
            } else if self.belongs(of, change.number, &row)? {
                self.write(of, change.number, &row)?;
            }
            self.turn(read_place(&key)?)?;
        }
        Ok(())
    }

    /// What was deleted between `_since` and the cut, newest first.
    fn deleted(&mut self, of: &OfType<'_>, after: Option<(u64, u64)>) -> Result<(), Stop> {
        let prefix = layout::Key::new(of.view.tenant).u16(of.code).into_vec();
        let (seq, operation) = after.and_then(place_of).unwrap_or((self.spec.cut, 0));
        let end = layout::change_key(of.view.tenant, of.code, seq, operation);
        let range = KeyRange::prefix_before(&prefix, &end);
        for row in of.view.reader.scan(layout::CHANGE, range, Direction::Reverse) {
            let (key, value) = row.map_err(engine)?;
            self.look(of)?;
            let change = ChangeRow::read(&value)?;
            if self.spec.options.since_ms.is_some_and(|since| change.time_ms < since) {
                break;
            }
            if !change.deleted || !self.in_time(change.time_ms) {
                continue;
            }
            let row = of.view.row(of.code, change.number)?;
            if let Some(row) = row.filter(|row| row.version == change.version) {
                self.write_deletion(of, change.number, &row)?;
                self.turn(read_place(&key)?)?;
            }
        }
        Ok(())
    }

    fn in_time(&self, time_ms: i64) -> bool {
        let options = &self.spec.options;
        options.since_ms.is_none_or(|since| time_ms >= since)
            && options.until_ms.is_none_or(|until| time_ms <= until)
    }

    fn belongs(&self, of: &OfType<'_>, number: u64, row: &Row) -> Result<bool, Stop> {
        if *of.whose == Whose::Everything {
            return Ok(true);
        }
        match of.view.body(of.code, number, row) {
            Ok(Some(body)) => Ok(of.whose.holds(of.view, &body.value().map_err(corrupt)?)?),
            Ok(None) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Gone => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&mut self, of: &OfType<'_>, number: u64, row: &Row) -> Result<(), Stop> {
        let mut body = match of.view.versioned(of.code, number, row) {
            Ok(versioned) => match of.masked.map(|masked| masked.show(&versioned)).transpose() {
                Ok(masked) => masked.unwrap_or(versioned).body,
                // What cannot be masked is told as an error, and not shown.
                Err(error) if error.kind() == ErrorKind::Internal => return self.write_error(of, &error),
                Err(error) => return Err(error.into()),
            },
            // Its key was destroyed: there is nothing left to export.
            Err(error) if error.kind() == ErrorKind::Gone => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Corrupt => return self.write_error(of, &error),
            Err(error) => return Err(error.into()),
        };
        if let Some(elements) = &of.elements {
            let limits = json::Limits { bytes_max: BODY_BYTES_MAX, ..json::Limits::default() };
            body = subset(json::parse(&body, &limits).map_err(corrupt)?, elements).to_vec();
        }
        self.at.lines += 1;
        self.line(FileRole::Output, of.name, &body)
    }

    /// A Bundle that names what is gone (Bulk Data 2.0, "deleted").
    fn write_deletion(&mut self, of: &OfType<'_>, number: u64, row: &Row) -> Result<(), Stop> {
        // Whose it was says the version before.
        if *of.whose != Whose::Everything {
            let before = row.version.checked_sub(1);
            let before =
                before.map(|version| of.view.row_of_version(of.code, number, version)).transpose()?;
            let Some(before) = before.flatten() else { return Ok(()) };
            if !self.belongs(of, number, &before)? {
                return Ok(());
            }
        }
        let payload = of.view.payload(of.code, number, row.version, &row.sealed);
        let Ok(Payload::Deleted(id)) = payload else { return Ok(()) };
        let id = match of.masked {
            Some(masked) => masked.shown_id(of.name, &id)?.unwrap_or_default(),
            None => id.to_string(),
        };
        let request = json_object! { "method": "DELETE", "url": format!("{}/{id}", of.name) };
        let bundle = json_object! {
            "resourceType": "Bundle", "type": "transaction", "entry": vec![json_object! { "request": request }],
        };
        self.line(FileRole::Deleted, "Bundle", &bundle.to_vec())
    }

    fn write_error(&mut self, of: &OfType<'_>, error: &Error) -> Result<(), Stop> {
        tracing::error!(
            internal = error.internal_text().unwrap_or_default(),
            "a resource could not be exported"
        );
        let text = format!("a resource of type {} could not be read", of.name);
        let outcome = Outcome::error(IssueType::Exception, text).to_json().to_vec();
        self.line(FileRole::Error, "OperationOutcome", &outcome)
    }

    fn line(&mut self, role: FileRole, name: &str, line: &[u8]) -> Result<(), Stop> {
        if !self.open.contains_key(&role) {
            let writer = self.ticket.writer(self.next_number, role, name)?;
            self.next_number += 1;
            self.open.insert(role, writer);
        }
        match self.open.get_mut(&role) {
            Some(writer) => writer.line(line),
            None => Ok(()),
        }
    }

    /// Begins new files when one is full; `place` is what was written last.
    fn turn(&mut self, place: (u64, u64)) -> Result<(), Stop> {
        if self.open.values().all(|writer| writer.bytes() < FILE_BYTES_MAX) {
            return Ok(());
        }
        self.close()?;
        self.at.place = Some(place);
        self.save()
    }

    fn close(&mut self) -> Result<(), Stop> {
        for (role, writer) in std::mem::take(&mut self.open) {
            let file = writer.finish()?;
            if role == FileRole::Output {
                events::exported(file.count);
            }
            self.files.push(file);
        }
        Ok(())
    }

    fn save(&self) -> Result<(), Stop> {
        // A type with nothing in it needs no checkpoint: to look at it again costs less.
        if self.files.len() == self.ticket.files().len() {
            return self.ticket.check();
        }
        self.ticket.save(self.at.to_json(), &self.files, &self.told())
    }

    fn told(&self) -> String {
        format!("{} resources in {} files", self.at.lines, self.files.len())
    }

    fn look(&mut self, of: &OfType<'_>) -> Result<(), Stop> {
        self.looked += 1;
        if self.looked.is_multiple_of(LOOK_EVERY) {
            self.ticket.check()?;
            if self.looked.is_multiple_of(LOOK_EVERY * 64) {
                self.ticket.tell(&format!("{}, at {}", self.told(), of.name));
            }
        }
        Ok(())
    }
}

fn passes(search: &Search<'_>, filters: &[Vec<Clause>], code: u16, number: u64) -> Result<bool, Stop> {
    for clauses in filters {
        if search.all_hold(clauses, &mut Probe::new(code, number)).map_err(Error::from)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Record and operation of a change's key.
fn read_place(key: &[u8]) -> Result<(u64, u64), Stop> {
    let operation = key.last_chunk::<4>().map(|operation| u64::from(u32::from_be_bytes(*operation)));
    let place = layout::read_change_key(key).zip(operation).map(|((_, _, seq), operation)| (seq, operation));
    place.ok_or_else(|| corrupt("a change's key is too short").into())
}

fn place_of((seq, operation): (u64, u64)) -> Option<(u64, u32)> {
    Some((seq, u32::try_from(operation).ok()?))
}
