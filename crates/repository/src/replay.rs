//! From the log to the index: what `open` does for the tail, and a rebuild for everything.

use std::collections::HashSet;
use std::sync::Arc;

use storage::engine::{Batch, Engine, Reader};
use storage::log::{ReadLimit, Seq};
use storage::seal::{self, Sealed};

use crate::applier::{Applier, Delta, Indexed, Mode};
use crate::body::Payload;
use crate::codec::{self, put_varint};
use crate::core::Core;
use crate::error::{ErrorKind, Result};
use crate::layout;
use crate::prepare;
use crate::record::{Operation, Record};
use crate::reindex;
use crate::row::Row;
use crate::view::{View, corrupt, engine};

/// Operations gathered into one batch during a replay.
const BATCH_OPERATIONS_MAX: usize = 1024;

/// How far an index or a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The number of the next record to apply.
    pub(crate) next: Seq,
    /// Time of the newest record applied, milliseconds since 1970 UTC.
    pub(crate) time_ms: i64,
}

/// Puts the position into a batch.
pub(crate) fn write_position(batch: &mut Batch, next: Seq, time_ms: i64) {
    let mut value = Vec::with_capacity(12);
    put_varint(&mut value, next.0);
    put_varint(&mut value, time_ms.cast_unsigned());
    batch.put(layout::APPLIED, layout::applied_key(), value);
}

/// Where an index stands; a new one stands before the first record.
pub(crate) fn read_position(reader: &dyn Reader) -> Result<Position> {
    let Some(value) = reader.get(layout::APPLIED, &layout::applied_key()).map_err(engine)? else {
        return Ok(Position { next: Seq::FIRST, time_ms: 0 });
    };
    let mut fields = codec::Reader::new(&value);
    let next = Seq(fields.varint().map_err(corrupt)?);
    Ok(Position { next, time_ms: fields.varint().map_err(corrupt)?.cast_signed() })
}

/// Whether an index has the layout that this Ward reads and writes; an empty one can take it.
pub(crate) fn fits(reader: &dyn Reader) -> Result<bool> {
    match reader.get(layout::APPLIED, &layout::layout_key()).map_err(engine)? {
        Some(value) => Ok(codec::Reader::new(&value).varint().is_ok_and(|found| found == layout::LAYOUT)),
        // Before there was a number, an index began with its position.
        None => Ok(read_position(reader)?.next == Seq::FIRST),
    }
}

/// Writes the number of the layout into an index that has none.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if the index has another layout.
pub(crate) fn take_layout(index: &dyn Engine) -> Result<()> {
    if !fits(index)? {
        return Err(corrupt("the index has another layout: rebuild it"));
    }
    if index.contains(layout::APPLIED, &layout::layout_key()).map_err(engine)? {
        return Ok(());
    }
    let mut value = Vec::with_capacity(2);
    put_varint(&mut value, layout::LAYOUT);
    let mut batch = Batch::new();
    batch.put(layout::APPLIED, layout::layout_key(), value);
    index.write(batch).map_err(engine)
}

/// Applies the records from `from` up to the end of the log, or up to but not including `until`.
///
/// `progress` is told the next position after each batch.
pub(crate) fn replay(
    core: &Arc<Core>,
    applier: &mut Applier,
    from: Seq,
    until: Option<Seq>,
    progress: &mut dyn FnMut(Position),
) -> Result<Position> {
    let mut work = Work { core, applier, batch: Batch::new(), touched: HashSet::new(), operations: 0 };
    let mut position = Position { next: from, time_ms: read_position(core.engine.as_ref())?.time_ms };
    loop {
        let records = core.log.read(position.next, ReadLimit::default()).map_err(corrupt)?;
        let mut ended = records.is_empty();
        for (seq, sealed) in records {
            if until.is_some_and(|until| seq >= until) {
                ended = true;
                break;
            }
            position.time_ms = work.apply(seq, &sealed, position)?;
            position.next = seq.next();
        }
        work.flush(position)?;
        progress(position);
        if ended {
            return Ok(position);
        }
    }
}

struct Work<'a> {
    core: &'a Arc<Core>,
    applier: &'a mut Applier,
    batch: Batch,
    touched: HashSet<(u32, u64)>,
    operations: usize,
}

impl Work<'_> {
    /// Adds one record; what it supersedes must be in the index, so a record that meets the batch flushes it first.
    fn apply(&mut self, seq: Seq, sealed: &Sealed, before: Position) -> Result<i64> {
        let aad = [&b"record"[..], &seq.0.to_be_bytes()];
        let opened = seal::open_with(&self.core.ring, &aad, sealed.as_bytes()).map_err(corrupt)?;
        let mut record = Record::read(&opened).map_err(corrupt)?;
        // What such a record does depends on the state before it, whole, and what follows on the state after it.
        let alone = record.step.is_some()
            || record.operations.iter().any(|operation| operation.type_code == layout::SEARCH_PARAMETER_CODE);
        if alone {
            self.flush(before)?;
        }
        let ids: Vec<_> =
            record.operations.iter().map(|operation| (record.tenant, operation.number)).collect();
        if self.operations + ids.len() > BATCH_OPERATIONS_MAX
            || ids.iter().any(|id| self.touched.contains(id))
        {
            self.flush(before)?;
        }
        self.operations += ids.len();
        self.touched.extend(ids);
        let view = self.core.view(record.tenant)?;
        let sides: Vec<Sides> =
            record.operations.iter().map(|operation| sides(&view, operation)).collect::<Result<_>>()?;
        let deltas: Vec<Delta<'_>> = sides
            .iter()
            .map(|sides| Delta {
                old_row: sides.old_row.as_ref(),
                old: sides.old.as_ref(),
                new: sides.new.as_ref().map(|(terms, patients)| (terms, patients.as_slice())),
            })
            .collect();
        self.applier.apply(&mut self.batch, &view, seq.0, &mut record, &deltas, Mode::Replay)?;
        if let Some(step) = record.step {
            let prepared = match view.parameters()?.numbered(step.parameter) {
                Some(own) => reindex::gather(&view, own, step, None)?,
                None => return Err(corrupt("a step of a search parameter that is not there")),
            };
            self.applier.step(&mut self.batch, &view, &mut record, &prepared, Mode::Replay)?;
        }
        if alone {
            self.flush(Position { next: seq.next(), time_ms: record.time_ms })?;
        }
        Ok(record.time_ms)
    }

    fn flush(&mut self, position: Position) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.applier.finish(&mut batch, self.core.engine.as_ref())?;
        write_position(&mut batch, position.next, position.time_ms);
        self.core.engine.write(batch).map_err(engine)?;
        self.touched.clear();
        self.operations = 0;
        Ok(())
    }
}

/// What an operation takes out of the index and puts in.
struct Sides {
    old_row: Option<Row>,
    old: Option<Indexed>,
    new: Option<Indexed>,
}

fn sides(view: &View, operation: &Operation) -> Result<Sides> {
    let (code, number) = (operation.type_code, operation.number);
    let old_row = if operation.version == 1 { None } else { view.row(code, number)? };
    let old = match &old_row {
        Some(row) => indexed(view, (code, number, row.version), &row.sealed, prepare::index_old)?,
        None => None,
    };
    let new = indexed(view, (code, number, operation.version), &operation.sealed, prepare::index)?;
    Ok(Sides { old_row, old, new })
}

/// The terms of a sealed version; `None` for a deletion and for what was erased.
fn indexed(
    view: &View,
    (code, number, version): (u16, u64, u64),
    sealed: &[u8],
    index: impl Fn(&View, u16, &fhir::json::Value) -> Result<Indexed>,
) -> Result<Option<Indexed>> {
    match view.payload(code, number, version, sealed) {
        Ok(Payload::Body(body)) => {
            let value = body.value().map_err(corrupt)?;
            Ok(Some(index(view, code, &value)?))
        }
        Ok(Payload::Deleted(_)) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}
