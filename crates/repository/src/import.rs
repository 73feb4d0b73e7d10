//! `$import`: resources in lines, put under their own ids, from inputs that are read as streams, packed with gzip or not.
//!
//! Lines are taken in batches by a few threads, a transaction each; what is done up to a line is a checkpoint. After a crash
//! the import goes on behind it, and what was done between is found unchanged: content that is stored already makes no
//! version. A line that is refused stands in a file of errors, with its place.
//!
//! References may lead forward, and to what never comes. Of an id that stands twice in an import both lines are taken,
//! within a batch in their order, between batches in any.

mod gzip;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use fhir::json::{self, Value};
use fhir::json_object;
use parking_lot::Mutex;
use protect::access::Interaction;

use crate::access::{Access, ImportDone, ImportLine};
use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::gate::Caller;
use crate::jobs::{FileRole, JobFile, Jobs, Runner, Stop, Ticket};
use crate::layout;
use crate::prepare::RESOURCE_BYTES_MAX;

/// Inputs of one import.
const INPUTS_MAX: usize = 10_000;
/// Lines of a batch.
const BATCH_LINES_MAX: usize = 512;
/// Bytes of a batch, but for a line that has more of its own.
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Batches between two checkpoints.
const CHECKPOINT_BATCHES: u32 = 16;
/// Bytes of errors that a checkpoint may hold before they become a file.
const PENDING_BYTES_MAX: usize = 256 * 1024;
/// Threads that take batches.
const THREADS_MAX: usize = 4;

/// Where an input is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportInput {
    /// A URL, or another name that the [`Inputs`] understand.
    pub place: String,
    /// The type of its resources; others are refused. `None` for any.
    pub resource_type: Option<String>,
}

/// Opens inputs of imports.
pub trait Inputs: Send + Sync {
    /// Begins to read an input, from its first byte.
    ///
    /// # Errors
    /// The import fails with this.
    fn open(&self, place: &str) -> Result<Box<dyn Read + Send>>;
}

impl Jobs {
    /// Begins an import, and gives the id of its job.
    ///
    /// # Errors
    /// `Denied` for a type that the caller may not write, or if there is none that he may; `Invalid` for unknown types or
    /// no input, `TooCostly` for too many; as [`Jobs::begin`].
    pub fn import(&self, caller: &Caller, inputs: &[ImportInput], request: &str) -> Result<String> {
        self.begin(caller, "import", request, || plan(caller, inputs))
    }

    /// Begins an import of lines that are handed in now, and are kept with the job.
    ///
    /// # Errors
    /// As [`Self::import`].
    pub fn import_lines(&self, caller: &Caller, mut lines: impl Read, request: &str) -> Result<String> {
        let id = self.draw_id();
        let input = ImportInput { place: own_place(&id), resource_type: None };
        let spec = plan(caller, &[input]);
        if spec.is_ok() {
            let mut writer = self.shelf().writer(super::jobs::FILES, &input_key(&id))?;
            std::io::copy(&mut lines, &mut writer)
                .map_err(|error| Error::internal(ErrorKind::Unavailable, error))?;
            writer.finish()?;
        }
        // A refusal too leaves an audit event.
        let begun = self.begin_as(caller, (id.clone(), "import"), request, || spec);
        if begun.is_err() {
            self.shelf().remove(super::jobs::FILES, &input_key(&id))?;
        }
        begun
    }
}

const OWN: &str = "shelf:";

fn own_place(id: &str) -> String {
    format!("{OWN}{id}")
}

fn input_key(id: &str) -> String {
    format!("{id}/in")
}

fn plan(caller: &Caller, inputs: &[ImportInput]) -> Result<Value> {
    if inputs.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "an import needs an `input`"));
    }
    if inputs.len() > INPUTS_MAX {
        return Err(Error::new(
            ErrorKind::TooCostly,
            format!("one import takes at most {INPUTS_MAX} inputs"),
        ));
    }
    for input in inputs {
        match &input.resource_type {
            Some(name) => {
                if layout::type_code(name).is_none() {
                    return Err(Error::new(
                        ErrorKind::Invalid,
                        "an input's `type` is no resource type of FHIR R4",
                    ));
                }
                caller.decide(Interaction::Update, Some(name))?;
            }
            None => {
                let may = |code| caller.decide(Interaction::Update, layout::type_name(code)).is_ok();
                if !layout::type_codes().any(may) {
                    return Err(Error::new(ErrorKind::Denied, "no scope grants an update on any type"));
                }
            }
        }
    }
    let inputs = inputs.iter().map(|input| {
        let name = input.resource_type.as_deref().map_or(Value::Null, Value::from);
        json::array([Value::from(input.place.as_str()), name])
    });
    Ok(json_object! { "inputs": json::array(inputs) })
}

/// Does imports.
pub struct Importer {
    inputs: Arc<dyn Inputs>,
}

impl std::fmt::Debug for Importer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Importer(..)")
    }
}

impl Importer {
    /// An importer that reads from these; register it for the kind `import`.
    pub fn new(inputs: Arc<dyn Inputs>) -> Self {
        Self { inputs }
    }

    fn open(&self, ticket: &Ticket<'_>, place: &str) -> Result<Box<dyn Read + Send>> {
        let Some(id) = place.strip_prefix(OWN) else { return self.inputs.open(place) };
        let reader = ticket.shelf().reader(super::jobs::FILES, &input_key(id))?;
        reader
            .map(|reader| Box::new(reader) as Box<dyn Read + Send>)
            .ok_or_else(|| Error::internal(ErrorKind::Corrupt, "the lines of an import are gone"))
    }
}

/// How far an import is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    /// Inputs done.
    inputs: usize,
    /// Lines done of the next.
    lines: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    /// Lines for the next file of errors.
    pending: String,
}

impl Position {
    fn to_json(&self) -> Value {
        json_object! {
            "inputs": self.inputs, "lines": self.lines, "created": self.created, "updated": self.updated,
            "unchanged": self.unchanged, "refused": self.refused, "pending": self.pending.as_str(),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        if value.is_null() {
            return Some(Self::default());
        }
        let number = |name: &str| u64::try_from(value.get(name)?.as_i64()?).ok();
        Some(Self {
            inputs: usize::try_from(number("inputs")?).ok()?,
            lines: number("lines")?,
            created: number("created")?,
            updated: number("updated")?,
            unchanged: number("unchanged")?,
            refused: number("refused")?,
            pending: value.get("pending")?.as_str()?.to_owned(),
        })
    }

    fn told(&self) -> String {
        let done = self.created + self.updated + self.unchanged;
        format!("{done} resources taken, {} lines refused, input {}", self.refused, self.inputs + 1)
    }
}

impl Runner for Importer {
    fn run(&self, ticket: &Ticket<'_>) -> Result<(), Stop> {
        let unread = || Stop::Failed(Error::internal(ErrorKind::Corrupt, "an import's job does not read"));
        let spec = ticket.spec();
        let inputs = spec.get("inputs").map(Value::elements).unwrap_or_default();
        let at = Position::read(&ticket.checkpoint()).ok_or_else(unread)?;
        let mut run = Run { ticket, at, files: ticket.files(), since_checkpoint: 0 };
        while let Some(input) = inputs.get(run.at.inputs) {
            let place = input.at(0).and_then(Value::as_str).ok_or_else(unread)?;
            let reader = gzip::unpacked(self.open(ticket, place)?).map_err(broken)?;
            run.take(reader, input.at(1).and_then(Value::as_str))?;
            run.at.inputs += 1;
            run.at.lines = 0;
            run.write_errors()?;
            run.save()?;
        }
        let (at, time_ms) = (&run.at, ticket.inner().clock.now_ms());
        ticket.set_result(json_object! {
            "transactionTime": crate::body::instant(time_ms),
            "extension": json_object! {
                "created": at.created, "updated": at.updated, "unchanged": at.unchanged, "refused": at.refused,
            },
        });
        Ok(())
    }
}

struct Batch {
    number: u64,
    /// The number of its last line.
    last: u64,
    lines: Vec<ImportLine>,
    /// Lines that are not even handed on, each with its number.
    refused: Vec<(u64, Error)>,
}

/// A batch that is out, and what became of it.
struct Out {
    last: u64,
    done: Option<ImportDone>,
}

struct Run<'r, 's> {
    ticket: &'r Ticket<'s>,
    at: Position,
    files: Vec<JobFile>,
    since_checkpoint: u32,
}

impl Run<'_, '_> {
    /// Takes the lines of one input behind those that are done.
    fn take(&mut self, reader: Box<dyn Read + Send>, resource_type: Option<&str>) -> Result<(), Stop> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, THREADS_MAX);
        let (send, receive) = sync_channel::<Batch>(threads);
        let (answer, answers) = channel();
        let receive = Mutex::new(receive);
        let access = Access::new(Arc::clone(self.ticket.inner()), self.ticket.caller().clone());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (answer, receive, access) = (answer.clone(), &receive, &access);
                scope.spawn(move || work(receive, &answer, access, resource_type));
            }
            drop(answer);
            self.feed(reader, send, &answers, threads * 2)
        })
    }

    fn feed(
        &mut self,
        reader: Box<dyn Read + Send>,
        send: SyncSender<Batch>,
        answers: &Receiver<(u64, Result<ImportDone>)>,
        out_max: usize,
    ) -> Result<(), Stop> {
        let mut lines = Lines { reader: BufReader::with_capacity(1 << 18, reader), number: 0 };
        let (mut out, mut first, mut next) = (VecDeque::<Out>::new(), 0_u64, 0_u64);
        let mut ended = false;
        loop {
            while !ended && out.len() < out_max {
                let Some(batch) = lines.batch(next, self.at.lines)? else {
                    ended = true;
                    break;
                };
                out.push_back(Out { last: batch.last, done: None });
                next += 1;
                if send.send(batch).is_err() {
                    return Err(Stop::Failed(Error::internal(
                        ErrorKind::Internal,
                        "an import's thread ended",
                    )));
                }
            }
            if out.is_empty() {
                return Ok(());
            }
            let Ok((number, done)) = answers.recv() else {
                return Err(Stop::Failed(Error::internal(ErrorKind::Internal, "an import's thread ended")));
            };
            let place = usize::try_from(number - first).unwrap_or(usize::MAX);
            if let Some(one) = out.get_mut(place) {
                one.done = Some(done?);
            }
            while let Some(Out { last, done: Some(done) }) = out.pop_front_if(|one| one.done.is_some()) {
                first += 1;
                self.count(last, done);
                self.since_checkpoint += 1;
            }
            if self.since_checkpoint >= CHECKPOINT_BATCHES {
                if self.at.pending.len() > PENDING_BYTES_MAX {
                    self.write_errors()?;
                }
                self.save()?;
            } else {
                self.ticket.check()?;
            }
        }
    }

    fn count(&mut self, last: u64, done: ImportDone) {
        events::imported(done.created, done.updated, done.unchanged, done.refused.len() as u64);
        self.at.lines = last;
        self.at.created += done.created;
        self.at.updated += done.updated;
        self.at.unchanged += done.unchanged;
        done.refused.iter().for_each(|(line, error)| self.note(*line, error));
    }

    /// Notes a line that was refused: an OperationOutcome that says where it stands.
    fn note(&mut self, line: u64, error: &Error) {
        self.at.refused += 1;
        let mut outcome = error.outcome();
        for issue in &mut outcome.issues {
            issue.diagnostics = Some(format!("input {}, line {line}", self.at.inputs + 1));
        }
        self.at.pending.push_str(&outcome.to_json().to_string());
        self.at.pending.push('\n');
    }

    fn write_errors(&mut self) -> Result<(), Stop> {
        if self.at.pending.is_empty() {
            return Ok(());
        }
        let number = self.files.iter().map(|file| file.number + 1).max().unwrap_or(0);
        let mut writer = self.ticket.writer(number, FileRole::Error, "OperationOutcome")?;
        for line in self.at.pending.lines() {
            writer.line(line.as_bytes())?;
        }
        self.files.push(writer.finish()?);
        self.at.pending.clear();
        Ok(())
    }

    fn save(&mut self) -> Result<(), Stop> {
        self.since_checkpoint = 0;
        self.ticket.save(self.at.to_json(), &self.files, &self.at.told())
    }
}

fn work(
    receive: &Mutex<Receiver<Batch>>,
    answer: &Sender<(u64, Result<ImportDone>)>,
    access: &Access,
    resource_type: Option<&str>,
) {
    loop {
        let next = receive.lock().recv();
        let Ok(batch) = next else { return };
        let mut done = access.import(&batch.lines, resource_type);
        if let Ok(done) = &mut done {
            done.refused.extend(batch.refused);
        }
        if answer.send((batch.number, done)).is_err() {
            return;
        }
    }
}

/// The lines of an input, in batches.
struct Lines<R> {
    reader: BufReader<R>,
    /// Lines read so far.
    number: u64,
}

impl<R: Read> Lines<R> {
    /// The next batch of lines behind `done`; `None` at the end.
    fn batch(&mut self, number: u64, done: u64) -> Result<Option<Batch>, Stop> {
        let (mut lines, mut bytes, mut refused) = (Vec::new(), 0, Vec::new());
        while lines.len() < BATCH_LINES_MAX && bytes < BATCH_BYTES_MAX {
            let mut line = Vec::new();
            let limit = RESOURCE_BYTES_MAX as u64 + 2;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut line).map_err(broken)?;
            if read == 0 {
                break;
            }
            self.number += 1;
            let too_long = read as u64 == limit && !line.ends_with(b"\n");
            if too_long {
                self.skip_line()?;
            }
            if self.number <= done || line.trim_ascii().is_empty() {
                continue;
            }
            if too_long {
                let text = format!("the line is over {RESOURCE_BYTES_MAX} bytes");
                refused.push((self.number, Error::new(ErrorKind::TooCostly, text)));
                continue;
            }
            bytes += line.len();
            lines.push(ImportLine { number: self.number, bytes: line });
        }
        let some = !lines.is_empty() || !refused.is_empty();
        Ok(some.then_some(Batch { number, last: self.number, lines, refused }))
    }

    fn skip_line(&mut self) -> Result<(), Stop> {
        loop {
            let buffer = self.reader.fill_buf().map_err(broken)?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let (count, found) = end.map_or((buffer.len(), buffer.is_empty()), |at| (at + 1, true));
            self.reader.consume(count);
            if found {
                return Ok(());
            }
        }
    }
}

fn broken(error: std::io::Error) -> Stop {
    Stop::Failed(match gzip::Unfit::of(&error) {
        Some(unfit) => Error::new(ErrorKind::Invalid, unfit.to_string()),
        None => Error::internal(ErrorKind::Unavailable, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], done: u64) -> (Vec<(u64, usize)>, Vec<u64>) {
        let mut lines = Lines { reader: BufReader::new(input), number: 0 };
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        loop {
            let Some(batch) = lines.batch(0, done).unwrap() else { return (found, refused) };
            refused.extend(batch.refused.iter().map(|(line, _)| *line));
            found.extend(batch.lines.iter().map(|line| (line.number, line.bytes.trim_ascii().len())));
        }
    }

    #[test]
    fn lines_are_counted_whatever_stands_in_them() {
        assert_eq!(lines(b"", 0), (vec![], vec![]));
        assert_eq!(lines(b"aa\n\n  \r\nbbb", 0), (vec![(1, 2), (4, 3)], vec![]));
        assert_eq!(lines(b"aa\n\n  \r\nbbb\n", 1), (vec![(4, 3)], vec![]));
        let mut input = b"a\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', RESOURCE_BYTES_MAX * 2));
        input.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&input, 0), (vec![(1, 1), (3, 1)], vec![2]));
    }

    #[test]
    fn a_checkpoint_reads_as_it_was_written() {
        let position =
            Position { inputs: 1, lines: 7, refused: 2, pending: "{}\n".to_owned(), ..Position::default() };
        assert_eq!(Position::read(&position.to_json()), Some(position));
        assert_eq!(Position::read(&Value::Null), Some(Position::default()));
        assert_eq!(Position::read(&Value::from(1)), None);
    }
}
