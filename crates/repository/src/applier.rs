//! From a record to index rows: the one function that commit, replay and rebuild share.
//!
//! It depends on the records before it and on nothing else, so an index rebuilt from the log has the same bytes as the
//! one that grew by commits.

use compact_str::CompactString;
use fhir::search::custom::Wish;
use storage::engine::Batch;

use crate::body::Payload;
use crate::codec::{Malformed, Reader, put_varint};
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::numbers::Numbers;
use crate::parameters::{self, Parameters};
use crate::record::{Placeholder, Record, Step};
use crate::reindex::{Item, Prepared};
use crate::row::{Head, Row};
use crate::search::{self, Postings, SearchError, TermChange, Terms};
use crate::types::Effect;
use crate::view::{View, corrupt};

/// The terms of a version, and the ids of the patients whose compartment it is in.
pub(crate) type Indexed = (Terms, Vec<CompactString>);

/// What one operation does to the index, beyond what stands in the record.
pub(crate) struct Delta<'a> {
    /// The row that it supersedes.
    pub(crate) old_row: Option<&'a Row>,
    /// What that row was found by; `None` for a deletion.
    pub(crate) old: Option<&'a Indexed>,
    /// What the new version is found by.
    pub(crate) new: Option<(&'a Terms, &'a [CompactString])>,
}

/// Whether references that nobody named before get numbers that go into the record, or late ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The record is being made.
    Commit,
    /// The record was read from the log.
    Replay,
}

/// The state that turning records into rows needs.
pub(crate) struct Applier {
    pub(crate) numbers: Numbers,
    pub(crate) postings: Postings,
}

impl Applier {
    /// Adds the rows of `record`, which is or will be number `seq` of the log, to the batch. In [`Mode::Commit`] new
    /// placeholders are added to the record.
    pub(crate) fn apply(
        &mut self,
        batch: &mut Batch,
        view: &View,
        seq: u64,
        record: &mut Record,
        deltas: &[Delta<'_>],
        mode: Mode,
    ) -> Result<()> {
        if mode == Mode::Replay {
            self.take_allocations(batch, view, record);
        }
        let Record { operations, placeholders, time_ms, .. } = record;
        for (at, (operation, delta)) in operations.iter().zip(deltas).enumerate() {
            let row = Head {
                version: operation.version,
                seq,
                time_ms: *time_ms,
                deleted: operation.deleted,
                sealed: &operation.sealed,
            };
            let (code, number) = (operation.type_code, operation.number);
            if let Some(old) = delta.old_row {
                let key = layout::version_key(view.tenant, number, old.version);
                batch.put(layout::VERSION, key, old.to_vec());
            }
            batch.put(layout::CURRENT, layout::current_key(view.tenant, code, number), row.to_vec());
            let created = delta.old_row.is_none_or(|old| old.deleted);
            let change =
                ChangeRow { number, version: row.version, time_ms: *time_ms, created, deleted: row.deleted };
            let operation_number = u32::try_from(at).map_err(|_| corrupt(Malformed))?;
            let key = layout::change_key(view.tenant, code, seq, operation_number);
            batch.put(layout::CHANGE, key, change.to_vec());
            self.index(batch, view, (code, number, *time_ms), delta, placeholders, mode)?;
        }
        self.take_parameters(batch, view, seq, record)?;
        if !record.origin.message_identity.is_empty() {
            let hash = view.message_hash(&record.origin.message_identity);
            let mut value = Vec::new();
            put_varint(&mut value, seq);
            put_varint(&mut value, record.time_ms.cast_unsigned());
            batch.put(layout::MESSAGE, layout::message_key(view.tenant, &hash), value);
        }
        Ok(())
    }

    /// What new versions of SearchParameters make of the tenant's own. A record with some stands alone in its batch.
    fn take_parameters(&self, batch: &mut Batch, view: &View, seq: u64, record: &Record) -> Result<()> {
        let code = layout::SEARCH_PARAMETER_CODE;
        let mut changed = record.operations.iter().filter(|operation| operation.type_code == code).peekable();
        if changed.peek().is_none() {
            return Ok(());
        }
        let mut parameters = Parameters::clone(view.parameters()?);
        let written: Vec<u16> = record.operations.iter().map(|operation| operation.type_code).collect();
        let is_empty = |code| Ok(!written.contains(&code) && is_empty(view, code)?);
        for operation in changed {
            let payload = view.payload(code, operation.number, operation.version, &operation.sealed);
            let wish = match payload {
                // Records from before parameters were checked may hold what cannot be offered.
                Ok(Payload::Body(body)) => {
                    let value = body.value().map_err(corrupt)?;
                    parameters::wish(&parameters, &value).unwrap_or(Wish::Nothing)
                }
                Ok(Payload::Deleted(_)) => Wish::Nothing,
                Err(error) if error.kind() == ErrorKind::Gone => Wish::Nothing,
                Err(error) => return Err(error),
            };
            parameters.take((operation.number, operation.version, seq), wish, &is_empty)?;
        }
        batch.put(layout::APPLIED, layout::parameters_key(view.tenant), parameters.to_vec());
        Ok(())
    }

    /// Adds the rows of a step of reindexing, or takes them away. The record stands alone in its batch.
    pub(crate) fn step(
        &mut self,
        batch: &mut Batch,
        view: &View,
        record: &mut Record,
        prepared: &Prepared,
        mode: Mode,
    ) -> Result<()> {
        let Prepared { step, items, .. } = prepared;
        let parameters = view.parameters()?;
        let Some(own) = parameters.numbered(step.parameter) else { return Err(corrupt(Malformed)) };
        let mut done = 0;
        for item in items {
            // What was written since has its rows already.
            if view.version_of(step.type_code, item.number)? != Some(item.version) {
                continue;
            }
            done += 1;
            self.patch(batch, view, (step, own.entry.is_retiring()), item, &mut record.placeholders, mode)?;
        }
        let mut parameters = Parameters::clone(parameters);
        parameters
            .advance(step.parameter, (step.type_code, step.until), done, &|code| is_empty(view, code))?;
        if parameters.numbered(step.parameter).is_none() {
            self.postings.forget_texts(view.reader.as_ref(), batch, (view.tenant, step.parameter))?;
        }
        batch.put(layout::APPLIED, layout::parameters_key(view.tenant), parameters.to_vec());
        Ok(())
    }

    fn patch(
        &mut self,
        batch: &mut Batch,
        view: &View,
        (step, retiring): (&Step, bool),
        item: &Item,
        placeholders: &mut Vec<Placeholder>,
        mode: Mode,
    ) -> Result<()> {
        let Self { numbers, postings } = self;
        let mut added = Batch::new();
        let mut failure = None;
        let mut number_of = |type_code: u16, id: &str| {
            number_or_placeholder(numbers, &mut added, view, type_code, id, placeholders, mode)
        };
        let patients =
            item.patients.iter().map(|id| number_of(layout::PATIENT_CODE, id)).collect::<Result<Vec<_>>>()?;
        let side = Some(search::Indexed { terms: &item.terms, updated_ms: 0, patients: &patients });
        let change = TermChange {
            tenant: view.tenant,
            codes: &view.keys.codes,
            type_code: step.type_code,
            number: item.number,
            old: side.filter(|_| retiring),
            new: side.filter(|_| !retiring),
        };
        let patched =
            postings.patch(view.reader.as_ref(), batch, &change, step.parameter, &mut |type_code, id| {
                number_of(type_code, id).map_err(|error| {
                    failure = Some(error);
                    SearchError::Corrupt
                })
            });
        if let Some(error) = failure {
            return Err(error);
        }
        patched.map_err(Error::from)?;
        batch.append(added);
        Ok(())
    }

    /// The number of a patient that a record being made is about.
    pub(crate) fn patient_number(
        &mut self,
        batch: &mut Batch,
        view: &View,
        id: &str,
        placeholders: &mut Vec<Placeholder>,
    ) -> Result<u64> {
        number_or_placeholder(
            &mut self.numbers,
            batch,
            view,
            layout::PATIENT_CODE,
            id,
            placeholders,
            Mode::Commit,
        )
    }

    /// Numbers and keys that the record gave out.
    fn take_allocations(&mut self, batch: &mut Batch, view: &View, record: &Record) {
        for Placeholder { type_code, id, number } in &record.placeholders {
            self.numbers.take(batch, view.tenant, &view.id_hash(*type_code, id), *number);
        }
        for operation in record.operations.iter().filter(|operation| operation.version == 1) {
            let hash = view.id_hash(operation.type_code, &operation.id);
            self.numbers.take(batch, view.tenant, &hash, operation.number);
        }
        for key in &record.patient_keys {
            self.numbers.take_patient_key(batch, view.tenant, key.patient, key.key);
        }
    }

    fn index(
        &mut self,
        batch: &mut Batch,
        view: &View,
        place: (u16, u64, i64),
        delta: &Delta<'_>,
        placeholders: &mut Vec<Placeholder>,
        mode: Mode,
    ) -> Result<()> {
        let Self { numbers, postings } = self;
        let (type_code, number, time_ms) = place;
        // The batch is lent to the postings meanwhile, so rows of new numbers are gathered beside it.
        let mut added = Batch::new();
        let mut failure = None;
        let mut number_of = |type_code: u16, id: &str| {
            number_or_placeholder(numbers, &mut added, view, type_code, id, placeholders, mode)
        };
        let mut of_patients = |ids: &[CompactString]| -> Result<Vec<u64>> {
            ids.iter().map(|id| number_of(layout::PATIENT_CODE, id)).collect()
        };
        let old_patients = of_patients(delta.old.map_or(&[], |(_, ids)| ids.as_slice()))?;
        let new_patients = of_patients(delta.new.map_or(&[], |(_, ids)| ids))?;
        let old_ms = delta.old_row.map_or(0, |row| row.time_ms);
        // Of a parameter that is being built the old version may have no rows: then those of the new one are all new.
        let old_seq = delta.old_row.map_or(0, |row| row.seq);
        let missing = view.parameters()?.without_rows(type_code, number, old_seq);
        let cut = delta.old.filter(|_| !missing.is_empty()).map(|(terms, _)| terms.clone().without(&missing));
        let change = TermChange {
            tenant: view.tenant,
            codes: &view.keys.codes,
            type_code,
            number,
            old: delta.old.map(|(terms, _)| search::Indexed {
                terms: cut.as_ref().unwrap_or(terms),
                updated_ms: old_ms,
                patients: &old_patients,
            }),
            new: delta.new.map(|(terms, _)| search::Indexed {
                terms,
                updated_ms: time_ms,
                patients: &new_patients,
            }),
        };
        let replaced = postings.replace(view.reader.as_ref(), batch, &change, &mut |type_code, id| {
            number_of(type_code, id).map_err(|error| {
                failure = Some(error);
                SearchError::Corrupt
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        replaced.map_err(Error::from)?;
        batch.append(added);
        Ok(())
    }

    /// Ends a batch: new texts, counts and counters go in.
    pub(crate) fn finish(&mut self, batch: &mut Batch, reader: &dyn storage::engine::Reader) -> Result<()> {
        self.postings.finish(reader, batch)?;
        self.numbers.write(batch);
        Ok(())
    }
}

/// Whether a type has no resources that could need rows.
fn is_empty(view: &View, type_code: u16) -> Result<bool> {
    Ok(search::count(view.reader.as_ref(), view.tenant, type_code)? == 0)
}

/// The number of a reference's target; a target that was never seen gets one, so that it keeps it when it comes.
fn number_or_placeholder(
    numbers: &mut Numbers,
    batch: &mut Batch,
    view: &View,
    type_code: u16,
    id: &str,
    placeholders: &mut Vec<Placeholder>,
    mode: Mode,
) -> Result<u64> {
    let hash = view.id_hash(type_code, id);
    if let Some(number) = numbers.get(view, &hash)? {
        return Ok(number);
    }
    if mode == Mode::Replay {
        return Ok(numbers.allocate_late(batch, view.tenant, &hash));
    }
    let number = numbers.allocate(batch, view.tenant, &hash);
    placeholders.push(Placeholder { type_code, id: id.into(), number });
    Ok(number)
}

/// The value of a `change` row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeRow {
    pub(crate) number: u64,
    pub(crate) version: u64,
    pub(crate) time_ms: i64,
    pub(crate) created: bool,
    pub(crate) deleted: bool,
}

impl ChangeRow {
    fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        out.push(u8::from(self.created) | u8::from(self.deleted) << 1);
        put_varint(&mut out, self.number);
        put_varint(&mut out, self.version);
        put_varint(&mut out, self.time_ms.cast_unsigned());
        out
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let mut fields = || {
            let flags = reader.byte()?;
            Ok(Self {
                created: flags & 1 == 1,
                deleted: flags & 2 == 2,
                number: reader.varint()?,
                version: reader.varint()?,
                time_ms: reader.varint()?.cast_signed(),
            })
        };
        fields().map_err(|error: Malformed| corrupt(error))
    }

    pub(crate) fn effect(self) -> Effect {
        if self.deleted {
            Effect::Deleted
        } else if self.created {
            Effect::Created
        } else {
            Effect::Updated
        }
    }
}
