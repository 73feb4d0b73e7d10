//! The log record: one transaction, all of it, in the form that is sealed and appended.
//!
//! The record alone rebuilds the index: numbers and keys that were allocated stand in it. Layout in
//! `docs/internals/record.md`. Bodies inside are sealed a second time, under their patient's key, and are copied into the
//! index as they are.

use compact_str::CompactString;

use crate::codec::{Malformed, Reader, put_bytes, put_id, put_varint};

const FORMAT: u8 = 1;
/// The form with a grant behind the archive digest: only of records that write a Subscription.
const FORMAT_WITH_GRANT: u8 = 2;
/// As [`FORMAT`], and a step of reindexing at the end.
const FORMAT_WITH_STEP: u8 = 3;

/// Who did it, why, and what brought it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Kind and id of the actor (`User/ada`).
    pub(crate) actor: CompactString,
    /// Purpose of use code (v3 PurposeOfUse).
    pub(crate) purpose: CompactString,
    /// Request id, as in the audit event.
    pub(crate) request_id: CompactString,
    /// Identity of the source message; empty if none.
    pub(crate) message_identity: Vec<u8>,
    /// Digest of the archived message; empty if none.
    pub(crate) archive_digest: Vec<u8>,
    /// Channel; empty if none.
    pub(crate) channel: CompactString,
    /// The rights of who wrote a Subscription (see `subscriptions`); empty in other records.
    pub(crate) grant: Vec<u8>,
}

/// A resource number given to an id that is not written by this record: a reference pointed at it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    /// Type code.
    pub(crate) type_code: u16,
    /// Logical id.
    pub(crate) id: CompactString,
    /// The number.
    pub(crate) number: u64,
}

/// A data key made for a patient by this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PatientKey {
    /// The patient's resource number.
    pub(crate) patient: u64,
    /// The key.
    pub(crate) key: u64,
}

/// One operation: a new version of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Type code.
    pub(crate) type_code: u16,
    /// Logical id.
    pub(crate) id: CompactString,
    /// Resource number.
    pub(crate) number: u64,
    /// The version made.
    pub(crate) version: u64,
    /// It is a deletion.
    pub(crate) deleted: bool,
    /// Sealed payload (see `body`), a tombstone's too. Its header names the data key.
    pub(crate) sealed: Vec<u8>,
}

/// A step of reindexing: the rows of one search parameter, for resources of one type by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The parameter.
    pub(crate) parameter: u16,
    /// Type code.
    pub(crate) type_code: u16,
    /// The first resource number.
    pub(crate) from: u64,
    /// The first number that is left for later; `u64::MAX` at the end of the type.
    pub(crate) until: u64,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Tenant.
    pub(crate) tenant: u32,
    /// Commit time, milliseconds since 1970 UTC; never less than that of the record before.
    pub(crate) time_ms: i64,
    /// Who, why, from what.
    pub(crate) origin: Origin,
    /// Numbers given out to ids that do not exist yet.
    pub(crate) placeholders: Vec<Placeholder>,
    /// Keys made.
    pub(crate) patient_keys: Vec<PatientKey>,
    /// The operations, in the order of the transaction.
    pub(crate) operations: Vec<Operation>,
    /// A step of reindexing; such a record has no operations.
    pub(crate) step: Option<Step>,
}

impl Record {
    /// The bytes to seal.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let bodies: usize = self.operations.iter().map(|operation| operation.sealed.len() + 48).sum();
        let mut out = Vec::with_capacity(bodies + 128);
        // A step is nobody's Subscription.
        let has_grant = self.step.is_none() && !self.origin.grant.is_empty();
        out.push(match &self.step {
            Some(_) => FORMAT_WITH_STEP,
            None if has_grant => FORMAT_WITH_GRANT,
            None => FORMAT,
        });
        put_varint(&mut out, u64::from(self.tenant));
        put_varint(&mut out, self.time_ms.cast_unsigned());
        let origin = &self.origin;
        for text in [&origin.actor, &origin.purpose, &origin.request_id, &origin.channel] {
            put_bytes(&mut out, text.as_bytes());
        }
        put_bytes(&mut out, &origin.message_identity);
        put_bytes(&mut out, &origin.archive_digest);
        if has_grant {
            put_bytes(&mut out, &origin.grant);
        }
        put_varint(&mut out, self.placeholders.len() as u64);
        for placeholder in &self.placeholders {
            put_varint(&mut out, u64::from(placeholder.type_code));
            put_id(&mut out, &placeholder.id);
            put_varint(&mut out, placeholder.number);
        }
        put_varint(&mut out, self.patient_keys.len() as u64);
        for key in &self.patient_keys {
            put_varint(&mut out, key.patient);
            put_varint(&mut out, key.key);
        }
        put_varint(&mut out, self.operations.len() as u64);
        for operation in &self.operations {
            put_varint(&mut out, u64::from(operation.type_code) << 1 | u64::from(operation.deleted));
            put_id(&mut out, &operation.id);
            put_varint(&mut out, operation.number);
            put_varint(&mut out, operation.version);
            put_bytes(&mut out, &operation.sealed);
        }
        if let Some(step) = &self.step {
            put_varint(&mut out, u64::from(step.parameter));
            put_varint(&mut out, u64::from(step.type_code));
            put_varint(&mut out, step.from);
            put_varint(&mut out, step.until);
        }
        out
    }

    /// Reads opened record bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let (has_grant, has_step) = match reader.byte()? {
            FORMAT => (false, false),
            FORMAT_WITH_GRANT => (true, false),
            FORMAT_WITH_STEP => (false, true),
            _ => return Err(Malformed),
        };
        let tenant = number(&mut reader)?;
        let time_ms = reader.varint()?.cast_signed();
        let origin = Origin {
            actor: reader.text()?.into(),
            purpose: reader.text()?.into(),
            request_id: reader.text()?.into(),
            channel: reader.text()?.into(),
            message_identity: reader.bytes()?.to_vec(),
            archive_digest: reader.bytes()?.to_vec(),
            grant: if has_grant { reader.bytes()?.to_vec() } else { Vec::new() },
        };
        let placeholders = list(&mut reader, |reader| {
            Ok(Placeholder { type_code: number(reader)?, id: reader.id()?, number: reader.varint()? })
        })?;
        let patient_keys =
            list(&mut reader, |reader| Ok(PatientKey { patient: reader.varint()?, key: reader.varint()? }))?;
        let operations = list(&mut reader, |reader| {
            let head = reader.varint()?;
            Ok(Operation {
                type_code: u16::try_from(head >> 1).map_err(|_| Malformed)?,
                deleted: head & 1 == 1,
                id: reader.id()?,
                number: reader.varint()?,
                version: reader.varint()?,
                sealed: reader.bytes()?.to_vec(),
            })
        })?;
        let step = match has_step {
            true => Some(Step {
                parameter: number(&mut reader)?,
                type_code: number(&mut reader)?,
                from: reader.varint()?,
                until: reader.varint()?,
            }),
            false => None,
        };
        if !reader.rest().is_empty() {
            return Err(Malformed);
        }
        Ok(Self { tenant, time_ms, origin, placeholders, patient_keys, operations, step })
    }
}

fn number<T: TryFrom<u64>>(reader: &mut Reader<'_>) -> Result<T, Malformed> {
    T::try_from(reader.varint()?).map_err(|_| Malformed)
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = number::<usize>(reader)?;
    // Each element takes more than one byte, so a damaged count cannot reserve more than the record's own size.
    let mut elements = Vec::with_capacity(count.min(reader.rest().len()));
    for _ in 0..count {
        elements.push(read(reader)?);
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            tenant: 1,
            time_ms: 1_795_362_961_999,
            origin: Origin {
                actor: "User/ada".into(),
                purpose: "TREAT".into(),
                request_id: "r1".into(),
                message_identity: b"a|b".to_vec(),
                archive_digest: vec![1; 32],
                channel: "adt".into(),
                grant: Vec::new(),
            },
            placeholders: vec![Placeholder { type_code: 3, id: "x".into(), number: 9 }],
            patient_keys: vec![PatientKey { patient: 9, key: 4 }],
            operations: vec![
                Operation {
                    type_code: 100,
                    id: "74ab949d-17ac-3309-83a0-13b4405c66aa".into(),
                    number: 1,
                    version: 300,
                    deleted: false,
                    sealed: vec![7; 300],
                },
                Operation {
                    type_code: 1,
                    id: "b".into(),
                    number: 2,
                    version: 2,
                    deleted: true,
                    sealed: vec![],
                },
            ],
            step: None,
        }
    }

    fn stepping() -> Record {
        let step = Step { parameter: 0x8000, type_code: 96, from: 3, until: u64::MAX };
        Record { operations: Vec::new(), step: Some(step), ..record() }
    }

    #[test]
    fn a_record_reads_back() {
        for record in [record(), stepping()] {
            assert_eq!(Record::read(&record.to_vec()), Ok(record));
        }
        let mut granted = record();
        granted.origin.grant = vec![1, 2, 3];
        assert_eq!(Record::read(&granted.to_vec()), Ok(granted));
    }

    #[test]
    fn a_cut_or_lengthened_record_is_refused() {
        let bytes = record().to_vec();
        for end in 0..bytes.len() {
            assert_eq!(Record::read(&bytes[..end]), Err(Malformed), "cut at {end}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(Record::read(&longer), Err(Malformed));
    }

    /// The golden form: a data folder holds it for ever.
    #[test]
    fn the_form_of_a_record_stays() {
        let mut record = record();
        record.operations.truncate(1);
        record.operations[0].sealed = vec![0xAA];
        record.origin.archive_digest = vec![1];
        let hex: String = record.to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "0101cff4e29fa0340855736572\
             2f61646105545245415402723103616474\
             03617c620101010301780901090401c80100\
             74ab949d17ac330983a013b4405c66aa01ac0201aa"
        );
    }
}
