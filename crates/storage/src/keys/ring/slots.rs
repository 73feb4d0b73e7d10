//! A tenant's file of data keys: slots of 64 bytes; a key's position is its slot.
//!
//! ```text
//! slot 0     "WARDDATA" 8 | version 4 | tenant 4 | epoch 4 | zeros 44
//! others     kind 1 | zeros 3 | nonce 12 | wrapped key 32 | tag 16
//! kind       0x01 a key · 0x02 void (never a key) · 0xDD destroyed, all other bytes zero
//! ```
//!
//! A slot lies within one disk sector, so overwriting one cannot harm its neighbours.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::table::{self, WRAPPED_BYTES};
use crate::clock::Random;
use crate::disk::{Disk, File, OpenMode};
use crate::keys::crypto::{Gcm, Secret};
use crate::keys::{KeyError, KeyId, TenantId};

pub(super) const SLOT_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"WARDDATA";
const VERSION: u32 = 1;
const KEY: u8 = 0x01;
const VOID: u8 = 0x02;
const SHREDDED: u8 = 0xDD;
/// Slots read at once while all are looked at.
const RUN_SLOTS: u64 = 1024;

pub(super) type Slot = [u8; SLOT_BYTES];

/// What stands in a slot.
pub(super) enum Content {
    Key(Secret),
    Void,
    Shredded,
    Damaged,
}

pub(super) fn name(tenant: TenantId, epoch: u32) -> String {
    format!("data-{}-{epoch}", tenant.0)
}

pub(super) fn is_slots_file(name: &str) -> bool {
    name.starts_with("data-")
}

fn header(tenant: TenantId, epoch: u32) -> Slot {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&tenant.0.to_be_bytes());
    bytes.extend_from_slice(&epoch.to_be_bytes());
    pad(&bytes)
}

fn pad(bytes: &[u8]) -> Slot {
    let mut slot = [0; SLOT_BYTES];
    for (to, from) in slot.iter_mut().zip(bytes) {
        *to = *from;
    }
    slot
}

pub(super) fn void() -> Slot {
    pad(&[VOID])
}

pub(super) fn shredded() -> Slot {
    pad(&[SHREDDED])
}

/// Makes an empty file, synced; its name is durable once the caller has synced the folder. Replaces a leftover.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    tenant: TenantId,
    epoch: u32,
) -> Result<Box<dyn File>, KeyError> {
    let file = disk.open(&dir.join(name(tenant, epoch)), OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    file.write_at(0, &header(tenant, epoch))?;
    file.sync()?;
    Ok(file)
}

/// How the slots of one file are read and written.
#[derive(Clone)]
pub(super) struct Slots {
    pub(super) file: Arc<dyn File>,
    pub(super) tenant: TenantId,
    pub(super) epoch: u32,
    pub(super) wrap: Arc<Gcm>,
}

impl Slots {
    pub(super) fn new(file: Box<dyn File>, tenant: TenantId, epoch: u32, tenant_key: &Secret) -> Self {
        let wrap = Arc::new(Gcm::new(&tenant_key.derive(&[b"wrap data keys"])));
        Self { file: Arc::from(file), tenant, epoch, wrap }
    }

    /// Looks at the header, cuts what a crash left at the end, and gives the count of slots, slot 0 included.
    ///
    /// Only slots *at the end* that hold nothing sensible are cut: those were never synced, so nothing names them. One in
    /// the middle is damage, or the trace of a crash among keys that were not synced either; it stays, and says so when
    /// it is asked for.
    pub(super) fn recover(&self) -> Result<u64, KeyError> {
        let mut first = [0; SLOT_BYTES];
        let read = self.file.read_exact_at(0, &mut first);
        if read.is_err() || first != header(self.tenant, self.epoch) {
            return Err(self.damaged());
        }
        let len = self.file.len()?;
        let mut slots = len / SLOT_BYTES as u64;
        while slots > 1 {
            let slot = self.read(slots - 1)?;
            if !matches!(self.content(slots - 1, &slot), Content::Damaged) {
                break;
            }
            slots -= 1;
        }
        if slots * SLOT_BYTES as u64 != len {
            self.file.set_len(slots * SLOT_BYTES as u64)?;
            self.file.sync()?;
        }
        Ok(slots)
    }

    pub(super) fn read(&self, position: u64) -> io::Result<Slot> {
        let mut slot = [0; SLOT_BYTES];
        self.file.read_exact_at(position * SLOT_BYTES as u64, &mut slot)?;
        Ok(slot)
    }

    pub(super) fn write(&self, position: u64, slots: &[u8]) -> io::Result<()> {
        self.file.write_at(position * SLOT_BYTES as u64, slots)
    }

    pub(super) fn content(&self, position: u64, slot: &Slot) -> Content {
        match slot {
            [KEY, 0, 0, 0, wrapped @ ..] => {
                let wrapped: &[u8; WRAPPED_BYTES] = wrapped;
                match table::unwrap(&self.wrap, &self.place(position), wrapped) {
                    Some(secret) => Content::Key(secret),
                    None => Content::Damaged,
                }
            }
            // A destroyed slot whose zeros did not all reach the disk is destroyed nevertheless.
            [SHREDDED, ..] => Content::Shredded,
            slot if *slot == void() => Content::Void,
            _ => Content::Damaged,
        }
    }

    pub(super) fn fill(&self, position: u64, secret: &Secret, random: &dyn Random) -> Slot {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(&[KEY, 0, 0, 0]);
        table::wrap(&self.wrap, &self.place(position), secret, random, &mut bytes);
        pad(&bytes)
    }

    /// Copies all slots to another file, keys wrapped anew.
    pub(super) fn rewrap_to(&self, other: &Self, slots: u64, random: &dyn Random) -> Result<(), KeyError> {
        let mut position = 1;
        while position < slots {
            let run = RUN_SLOTS.min(slots - position);
            let mut out = Vec::with_capacity(run as usize * SLOT_BYTES);
            for at in position..position + run {
                let slot = self.read(at)?;
                match self.content(at, &slot) {
                    Content::Key(secret) => out.extend_from_slice(&other.fill(at, &secret, random)),
                    Content::Shredded => out.extend_from_slice(&shredded()),
                    Content::Void | Content::Damaged => out.extend_from_slice(&slot),
                }
            }
            other.write(position, &out)?;
            position += run;
        }
        Ok(other.file.sync()?)
    }

    pub(super) fn damaged(&self) -> KeyError {
        KeyError::Damaged { file: name(self.tenant, self.epoch) }
    }

    fn place(&self, position: u64) -> [u8; 12] {
        let mut place = [0; 12];
        let id = KeyId::at(self.tenant, position).0.to_be_bytes();
        for (to, from) in place.iter_mut().zip(id.into_iter().chain(self.epoch.to_be_bytes())) {
            *to = from;
        }
        place
    }
}
