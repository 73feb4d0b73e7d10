//! Erasure: all of a patient's record is deleted, and the key that sealed it is destroyed.
//!
//! A deletion alone keeps the old versions. Destroying the key makes them, and every copy of them in the log, in backups and
//! on other nodes, bytes that nobody can open. What stays: that resources were there, when and by whom they were
//! changed, and this erasure itself. What it does not reach: the archive of raw messages, and texts of the search
//! dictionaries until the index is built anew, which are sealed under the tenant's general key.
//!
//! Source: R5 Patient-purge, which R4 does not have; 45 CFR 164.310(d)(2)(i).

use std::collections::BTreeMap;

use protect::access::Interaction;
use storage::engine::{Direction, KeyRange};
use storage::keys::{KeyError, KeyId};
use storage::seal;

use super::Access;
use super::write::Sketch;
use crate::codec::Reader;
use crate::error::{Error, ErrorKind, Result, Signal};
use crate::gate::{Reach, Shown};
use crate::layout;
use crate::prepare::{Content, Draft};
use crate::view::{View, corrupt, engine};

/// Deletions in one transaction.
const DELETIONS_MAX: usize = 500;
/// Deletions that the audit event lists; the log has all of them.
const LISTED_MAX: u64 = 10_000;
/// How often is looked for what others write meanwhile.
const ROUNDS_MAX: usize = 10_000;

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The key that was destroyed, as it stands in the key folder; `None` if nothing was ever sealed for the patient.
    pub key: Option<u64>,
    /// Resources that were deleted, by type.
    pub deleted: BTreeMap<&'static str, u64>,
    /// Resources that name the patient beside another one, to whose record they belong: they stay.
    pub kept: BTreeMap<&'static str, u64>,
    /// Whether the patient's last version was then tried and could not be opened.
    pub verified: bool,
    /// How far the log is: the deletions stand before this record.
    pub position: u64,
    /// When, milliseconds since 1970 UTC.
    pub time_ms: i64,
}

/// What is found in a patient's compartment.
struct Compartment {
    own: Vec<(u16, u64)>,
    kept: BTreeMap<&'static str, u64>,
}

impl Access {
    /// Erases a patient: deletes what belongs to their record and destroys its key. Doing it again is no error, and finishes
    /// what a crash interrupted.
    ///
    /// # Errors
    /// `NotFound` for a patient that never was; `Denied` without the right to delete every type; `Conflict` if others do
    /// not stop writing into the record; `Unavailable`.
    pub fn erase(&self, patient: &str) -> Result<Erased> {
        self.audited(Interaction::Delete, None, |shown| {
            shown.operation = "purge";
            if shown.reach != Reach::All {
                return Err(Error::new(
                    ErrorKind::Denied,
                    "erasing a patient needs the right to delete every type",
                ));
            }
            let view = self.view()?;
            let (number, _) = view.find(layout::PATIENT_CODE, patient)?.ok_or_else(Error::not_found)?;
            let key = patient_key(&view, number)?;
            let mut erased = Erased {
                key,
                deleted: BTreeMap::new(),
                kept: BTreeMap::new(),
                verified: false,
                position: 0,
                time_ms: 0,
            };
            self.empty(number, key, &mut erased, shown)?;
            if let Some(key) = key {
                self.inner.core.ring.shred(KeyId(key)).map_err(engine)?;
                let ring = &self.inner.core.ring;
                let is_gone = matches!(ring.data_key(KeyId(key)), Err(KeyError::KeyShredded(_)));
                erased.verified = is_gone && self.is_sealed_for_good(number)?;
            }
            erased.position = self.inner.position();
            erased.time_ms = self.inner.clock.now_ms();
            Ok(erased)
        })
    }

    /// Deletes until nothing is left that the key sealed.
    fn empty(&self, patient: u64, key: Option<u64>, erased: &mut Erased, shown: &mut Shown) -> Result<()> {
        let mut listed = 0;
        for _ in 0..ROUNDS_MAX {
            let position = self.inner.position();
            let view = self.view()?;
            let found = self.compartment(&view, patient, key)?;
            erased.kept = found.kept;
            if found.own.is_empty() {
                return Ok(());
            }
            let mut drafts = Vec::with_capacity(found.own.len());
            for (code, number) in &found.own {
                let Some(row) = view.row(*code, *number)?.filter(|row| !row.deleted) else { continue };
                let id = view.versioned(*code, *number, &row)?.id;
                drafts.push(Draft::new(&view, *code, &id, Content::Delete)?);
            }
            let sketches: Vec<(u16, Sketch)> =
                drafts.iter().map(|draft| (draft.type_code, Sketch::of(draft))).collect();
            let done = match self.submit(view, position, drafts, Vec::new(), self.origin()) {
                Err(error) if error.signal() == Some(Signal::Stale) => continue,
                done => done?,
            };
            for ((code, sketch), done) in sketches.into_iter().zip(done) {
                *erased.deleted.entry(layout::type_name(code).unwrap_or_default()).or_default() += 1;
                listed += 1;
                if listed <= LISTED_MAX {
                    shown.wrote(&sketch.written(done)?);
                }
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "others keep writing into this record: stop its feeds and try again",
        ))
    }

    /// What stands in the patient's compartment now: a part of what its key sealed, and what another key sealed.
    fn compartment(&self, view: &View, patient: u64, key: Option<u64>) -> Result<Compartment> {
        let mut found = Compartment { own: Vec::new(), kept: BTreeMap::new() };
        for code in layout::type_codes() {
            let prefix = layout::Key::new(view.tenant).u64(patient).u16(code).u16(layout::MEMBERSHIP);
            let rows = view.reader.scan(
                layout::COMPARTMENT,
                KeyRange::prefix(prefix.as_slice()),
                Direction::Forward,
            );
            for row in rows {
                let (place, _) = row.map_err(engine)?;
                let number = place.last_chunk::<8>().copied().map(u64::from_be_bytes);
                let number = number.ok_or_else(|| corrupt("a compartment row is too short"))?;
                let Some(row) = view.row(code, number)?.filter(|row| !row.deleted) else { continue };
                if key == Some(seal::key_id(&row.sealed).map_err(engine)?.0) {
                    found.own.push((code, number));
                } else {
                    *found.kept.entry(layout::type_name(code).unwrap_or_default()).or_default() += 1;
                }
                if found.own.len() == DELETIONS_MAX {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Whether the patient's newest version cannot be opened.
    fn is_sealed_for_good(&self, number: u64) -> Result<bool> {
        let view = self.view()?;
        let Some(row) = view.row(layout::PATIENT_CODE, number)? else { return Ok(true) };
        match view.versioned(layout::PATIENT_CODE, number, &row) {
            Err(error) => Ok(error.kind() == ErrorKind::Gone),
            Ok(_) => Ok(false),
        }
    }
}

fn patient_key(view: &View, patient: u64) -> Result<Option<u64>> {
    let row = layout::patient_key_key(view.tenant, patient);
    let value = view.reader.get(layout::PATIENT_KEY, &row).map_err(engine)?;
    value.map(|value| Reader::new(&value).varint().map_err(corrupt)).transpose()
}
