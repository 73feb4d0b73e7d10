//! History of a resource, of a type, of everything (R4 http.html#history), newest first.
//!
//! Pages go on behind a place in the order of commits, so that new versions neither shift nor repeat entries. The place
//! travels as a sealed token, bound to tenant, caller and target.

use std::collections::BinaryHeap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protect::access::Interaction;
use storage::engine::{Direction, KeyRange, Scan};
use storage::keys::TenantId;
use storage::seal;

use super::{Access, type_code};
use crate::applier::ChangeRow;
use crate::codec::{Malformed, Reader, put_varint};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Reach, Shown};
use crate::layout;
use crate::row::Row;
use crate::types::{
    Effect, HISTORY_COUNT_DEFAULT, HISTORY_COUNT_MAX, HistoryOptions, HistoryPage, HistoryTarget, Written,
};
use crate::view::{View, corrupt, engine};

/// A place in the history: record and operation for types and the system, version for an instance.
type Place = (u64, u32);

impl Access {
    /// A page of a history.
    ///
    /// # Errors
    /// `NotFound` for a resource that never was, `Invalid` for a token of another history, `Denied`.
    pub fn history(&self, target: &HistoryTarget, options: &HistoryOptions) -> Result<HistoryPage> {
        let (interaction, name) = match target {
            HistoryTarget::Instance(name, _) => (Interaction::HistoryInstance, Some(name.as_str())),
            HistoryTarget::Type(name) => (Interaction::HistoryType, Some(name.as_str())),
            HistoryTarget::System => (Interaction::HistorySystem, None),
        };
        self.audited(interaction, name, |shown| {
            let view = self.inner.core.snapshot(self.tenant())?;
            let count = options.count.unwrap_or(HISTORY_COUNT_DEFAULT).clamp(1, HISTORY_COUNT_MAX);
            let label = target_label(target);
            let before = options.cursor.as_deref().map(|token| self.open_token(token, &label)).transpose()?;
            let since_ms = options.since_ms.unwrap_or(i64::MIN);
            let (entries, more, total) = match target {
                HistoryTarget::Instance(name, id) => {
                    self.of_instance(&view, (type_code(name)?, id), before, since_ms, count, shown)?
                }
                HistoryTarget::Type(name) => {
                    let code = type_code(name)?;
                    self.of_types(&view, &[code], before, since_ms, count, shown)?
                }
                HistoryTarget::System => {
                    let codes: Vec<u16> = layout::type_codes().collect();
                    self.of_types(&view, &codes, before, since_ms, count, shown)?
                }
            };
            entries.iter().for_each(|entry: &Written| shown.add(&entry.versioned));
            let next = more.map(|place| self.seal_token(place, &label)).transpose()?;
            Ok(HistoryPage { entries, next, total })
        })
    }

    fn of_instance(
        &self,
        view: &View,
        (code, id): (u16, &str),
        before: Option<Place>,
        since_ms: i64,
        count: usize,
        shown: &Shown,
    ) -> Result<(Vec<Written>, Option<Place>, Option<u64>)> {
        let (number, current) = view.find(code, id)?.ok_or_else(Error::not_found)?;
        let total = current.version;
        // Within a compartment some versions may be left out, and their number is nobody's business.
        let told = (shown.reach == Reach::All).then_some(total);
        let nothing = |entries: &[Written]| entries.is_empty() && shown.reach != Reach::All;
        let mut version = before.map_or(total, |(version, _)| version.saturating_sub(1));
        let mut entries = Vec::new();
        while version > 0 {
            let row = view
                .row_of_version(code, number, version)?
                .ok_or_else(|| corrupt("a version is missing between others"))?;
            if row.time_ms < since_ms {
                break;
            }
            if entries.len() == count {
                return Ok((entries, Some((version + 1, 0)), told));
            }
            if self.admit_past(shown, view, (code, number), &row).is_err() {
                version -= 1;
                continue;
            }
            let created = version == 1 || self.was_deleted(view, code, number, version - 1)?;
            entries.push(entry(view, (code, number), &row, created)?);
            version -= 1;
        }
        if nothing(&entries) {
            return Err(Error::not_found());
        }
        Ok((entries, None, told))
    }

    fn was_deleted(&self, view: &View, code: u16, number: u64, version: u64) -> Result<bool> {
        Ok(view.row_of_version(code, number, version)?.is_some_and(|row| row.deleted))
    }

    fn of_types(
        &self,
        view: &View,
        codes: &[u16],
        before: Option<Place>,
        since_ms: i64,
        count: usize,
        shown: &Shown,
    ) -> Result<(Vec<Written>, Option<Place>, Option<u64>)> {
        let mut merge = Merge::open(view, codes, before)?;
        let mut entries = Vec::new();
        let mut last = None;
        while let Some(change) = merge.next()? {
            if change.row.time_ms < since_ms {
                return Ok((entries, None, None));
            }
            if entries.len() == count {
                return Ok((entries, last, None));
            }
            let at = (change.code, change.row.number);
            let row = view
                .row_of_version(at.0, at.1, change.row.version)?
                .ok_or_else(|| corrupt("a change names a version that is missing"))?;
            last = Some(change.place);
            if self.admit_past(shown, view, at, &row).is_err() {
                continue;
            }
            entries.push(entry(view, at, &row, change.row.effect() == Effect::Created)?);
        }
        Ok((entries, None, None))
    }

    /// A version beyond the caller's reach is not shown; nor are deletions, which no longer say whose they were.
    fn admit_past(&self, shown: &Shown, view: &View, at: (u16, u64), row: &Row) -> Result<()> {
        if shown.reach == Reach::All {
            return Ok(());
        }
        self.admit(&shown.reach, view, at, row)
    }

    fn seal_token(&self, (first, second): Place, label: &[u8]) -> Result<String> {
        let mut plain = Vec::with_capacity(12);
        put_varint(&mut plain, first);
        put_varint(&mut plain, u64::from(second));
        let key = self.inner.core.ring.general_key(TenantId(self.tenant())).map_err(engine)?;
        let actor = self.caller.actor.id.as_bytes();
        let sealed = seal::seal(&key, &[b"history page", actor, label], &plain);
        Ok(URL_SAFE_NO_PAD.encode(sealed.as_bytes()))
    }

    fn open_token(&self, token: &str, label: &[u8]) -> Result<Place> {
        let other = || Error::new(ErrorKind::Invalid, "the page token does not belong to this history");
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| other())?;
        let key = self.inner.core.ring.general_key(TenantId(self.tenant())).map_err(engine)?;
        let actor = self.caller.actor.id.as_bytes();
        let plain = seal::open(&key, &[b"history page", actor, label], &sealed).map_err(|_| other())?;
        let mut reader = Reader::new(&plain);
        let mut read = || Ok((reader.varint()?, u32::try_from(reader.varint()?).map_err(|_| Malformed)?));
        read().map_err(|_: Malformed| other())
    }
}

fn target_label(target: &HistoryTarget) -> Vec<u8> {
    match target {
        HistoryTarget::Instance(name, id) => format!("{name}/{id}").into_bytes(),
        HistoryTarget::Type(name) => name.as_bytes().to_vec(),
        HistoryTarget::System => Vec::new(),
    }
}

fn entry(view: &View, (code, number): (u16, u64), row: &Row, created: bool) -> Result<Written> {
    let versioned = view.versioned(code, number, row)?;
    let effect = match (row.deleted, created) {
        (true, _) => Effect::Deleted,
        (false, true) => Effect::Created,
        (false, false) => Effect::Updated,
    };
    Ok(Written { versioned, effect })
}

/// A change with its place.
struct Change {
    place: Place,
    code: u16,
    row: ChangeRow,
}

/// The changes of several types in one order, newest first.
struct Merge {
    scans: Vec<Scan>,
    heads: BinaryHeap<Head>,
}

/// The next change of one scan; the heap gives the newest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    place: Place,
    scan: usize,
    code: u16,
    value: Vec<u8>,
}

impl Merge {
    fn open(view: &View, codes: &[u16], before: Option<Place>) -> Result<Self> {
        let mut merge = Self { scans: Vec::with_capacity(codes.len()), heads: BinaryHeap::new() };
        for code in codes {
            let prefix = layout::Key::new(view.tenant).u16(*code).into_vec();
            let end = match before {
                Some((seq, operation)) => Some(layout::change_key(view.tenant, *code, seq, operation)),
                None => layout::prefix_end(&prefix),
            };
            let range = KeyRange { start: prefix, end };
            merge.scans.push(view.reader.scan(layout::CHANGE, range, Direction::Reverse));
            merge.advance(merge.scans.len() - 1)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, scan: usize) -> Result<()> {
        let Some(row) = self.scans.get_mut(scan).and_then(Iterator::next) else { return Ok(()) };
        let (key, value) = row.map_err(engine)?;
        let (_, code, seq) = layout::read_change_key(&key).ok_or_else(|| corrupt(Malformed))?;
        let operation = key.last_chunk::<4>().copied().map(u32::from_be_bytes);
        let place = (seq, operation.ok_or_else(|| corrupt(Malformed))?);
        self.heads.push(Head { place, scan, code, value: value.to_vec() });
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Change>> {
        let Some(head) = self.heads.pop() else { return Ok(None) };
        self.advance(head.scan)?;
        let row = ChangeRow::read(&head.value)?;
        Ok(Some(Change { place: head.place, code: head.code, row }))
    }
}
