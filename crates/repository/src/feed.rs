//! The feed of changes: what was committed, in the order of the log, from a place on.
//!
//! It is read from the `change` rows of the index, which a commit writes together with everything else and a rebuild makes
//! anew from the log; so a reader that remembers its [`Place`] misses nothing and sees nothing twice, whatever happened in
//! between. Nothing waits in memory for a slow reader. It says which versions there are and nothing of what is in them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use storage::engine::{Direction, KeyRange, Scan};
use storage::keys::TenantId;
use tokio::sync::watch;

use crate::applier::ChangeRow;
use crate::codec::Malformed;
use crate::error::Result;
use crate::layout;
use crate::store::Store;
use crate::types::Effect;
use crate::view::{View, corrupt, engine};

/// Changes that one call gives at most.
pub const FEED_CHANGES_MAX: usize = 10_000;

/// A place in the order of commits: a record of the log, and an operation within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The record's number.
    pub seq: u64,
    /// The operation, counted from 0.
    pub operation: u32,
}

impl Place {
    /// The first operation of a record.
    pub fn of(seq: u64) -> Self {
        Self { seq, operation: 0 }
    }

    /// The place behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        match self.operation.checked_add(1) {
            Some(operation) => Self { seq: self.seq, operation },
            None => Self::of(self.seq.saturating_add(1)),
        }
    }
}

/// A version that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where in the order of commits.
    pub place: Place,
    /// The code of its type, as in [`layout::type_name`].
    pub type_code: u16,
    /// The resource's number: unique in its tenant, and of no meaning outside the store.
    pub number: u64,
    /// The version.
    pub version: u64,
    /// Its time, milliseconds since 1970 UTC.
    pub time_ms: i64,
    /// [`Effect::Created`], `Updated` or `Deleted`.
    pub effect: Effect,
}

/// A stretch of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The versions, in the order of commits.
    pub changes: Vec<Committed>,
    /// Where the next stretch begins.
    pub next: Place,
    /// Whether the feed ended here, at the newest commit.
    pub at_end: bool,
}

impl Store {
    /// The committed versions of some types (`None` for all), from a place on, at most `limit` (which is cut to
    /// [`FEED_CHANGES_MAX`]).
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` from the index; `NotFound` for an unknown tenant.
    pub fn changes(
        &self,
        tenant: TenantId,
        types: Option<&[u16]>,
        from: Place,
        limit: usize,
    ) -> Result<Changes> {
        // The position first: every record before it is in the snapshot.
        let end = self.position();
        let view = self.inner().core.snapshot(tenant.0)?;
        changes(&view, types, from, end, limit)
    }

    /// Whether types may have changed at or behind a place: a few loads, for who is woken by every commit.
    pub fn may_have_changed(&self, types: &[u16], from: Place) -> bool {
        types.iter().any(|code| self.inner().newest_change(*code) >= from.seq)
    }

    /// The number of the next record, which changes with every commit: what a reader of [`Self::changes`] waits for.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner().commits()
    }
}

/// The changes from a place up to, but not including, record `end`.
pub(crate) fn changes(
    view: &View,
    types: Option<&[u16]>,
    from: Place,
    end: u64,
    limit: usize,
) -> Result<Changes> {
    let limit = limit.clamp(1, FEED_CHANGES_MAX);
    if from.seq >= end {
        return Ok(Changes { changes: Vec::new(), next: from, at_end: true });
    }
    let mut merge = match types {
        Some(types) => Merge::open(view, types.iter().copied(), from)?,
        None => Merge::open(view, layout::type_codes(), from)?,
    };
    let mut changes: Vec<Committed> = Vec::new();
    while let Some(change) = merge.next()? {
        if change.place.seq >= end {
            break;
        }
        if changes.len() == limit {
            return Ok(Changes { changes, next: change.place, at_end: false });
        }
        changes.push(change);
    }
    Ok(Changes { changes, next: Place::of(end), at_end: true })
}

/// The changes of several types in one order, oldest first.
struct Merge {
    scans: Vec<Scan>,
    heads: BinaryHeap<Reverse<Head>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    place: Place,
    scan: usize,
    code: u16,
    value: Vec<u8>,
}

impl Merge {
    fn open(view: &View, codes: impl Iterator<Item = u16>, from: Place) -> Result<Self> {
        let mut merge = Self { scans: Vec::new(), heads: BinaryHeap::new() };
        for code in codes {
            let start = layout::change_key(view.tenant, code, from.seq, from.operation);
            let end = layout::prefix_end(layout::Key::new(view.tenant).u16(code).as_slice());
            let range = KeyRange { start, end };
            merge.scans.push(view.reader.scan(layout::CHANGE, range, Direction::Forward));
            merge.advance(merge.scans.len() - 1)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, scan: usize) -> Result<()> {
        let Some(row) = self.scans.get_mut(scan).and_then(Iterator::next) else { return Ok(()) };
        let (key, value) = row.map_err(engine)?;
        let (_, code, seq) = layout::read_change_key(&key).ok_or_else(|| corrupt(Malformed))?;
        let operation = key.last_chunk::<4>().copied().map(u32::from_be_bytes);
        let place = Place { seq, operation: operation.ok_or_else(|| corrupt(Malformed))? };
        self.heads.push(Reverse(Head { place, scan, code, value: value.to_vec() }));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Committed>> {
        let Some(Reverse(head)) = self.heads.pop() else { return Ok(None) };
        self.advance(head.scan)?;
        let row = ChangeRow::read(&head.value)?;
        Ok(Some(Committed {
            place: head.place,
            type_code: head.code,
            number: row.number,
            version: row.version,
            time_ms: row.time_ms,
            effect: row.effect(),
        }))
    }
}
