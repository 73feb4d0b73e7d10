//! Events of other processes: commands that run while a server has the audit log open.
//!
//! `spool/TIME-RANDOM` holds one sealed event. The server takes them in each second, syncs, and removes the files. A crash
//! between the sync and the removal makes an event appear twice; none is lost.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::clock::Clock;
use storage::disk::{self, Disk};
use storage::keys::{DataKey, KeyRing, TenantId};
use storage::seal;

use super::log::AuditLog;
use super::{AuditError, AuditOptions, Event};

const AAD: &[&[u8]] = &[b"audit spool"];
const EVENT_BYTES_MAX: u64 = 1024 * 1024;
/// Events taken in at once.
const EVENTS_MAX: usize = 1000;

fn folder(dir: &Path) -> PathBuf {
    dir.join("spool")
}

/// Records one event of a command, durable on return: in the log itself, or, while a server has it open, beside it for the
/// server to take in.
///
/// # Errors
/// Those of [`AuditLog::open`] and [`AuditLog::record`]. What the command was to do must then not be done.
pub fn record_once(
    disk: Arc<dyn Disk>,
    dir: &Path,
    ring: &KeyRing,
    clock: Arc<dyn Clock>,
    event: &Event,
) -> Result<(), AuditError> {
    let options = AuditOptions { background: false, ..AuditOptions::default() };
    match AuditLog::open(Arc::clone(&disk), dir, ring, clock, options) {
        Err(AuditError::Locked) => put(disk.as_ref(), dir, ring, event),
        Err(other) => Err(other),
        Ok(log) => log.record(event).and_then(|_| log.settle()),
    }
}

fn put(disk: &dyn Disk, dir: &Path, ring: &KeyRing, event: &Event) -> Result<(), AuditError> {
    let mut plain = Vec::new();
    event.write(&mut plain);
    let key = ring.general_key(TenantId::SYSTEM)?;
    let sealed = seal::seal(&key, AAD, &plain);
    if sealed.len() as u64 > EVENT_BYTES_MAX {
        return Err(AuditError::TooLong { bytes: sealed.len() });
    }
    let mut drawn = [0; 8];
    ring.random().fill(&mut drawn);
    let name = format!("{:016x}-{}", event.time_ms, hex::encode(drawn));
    disk.create_dir_all(&folder(dir))?;
    Ok(disk::write_durably(disk, &folder(dir).join(name), sealed.as_bytes())?)
}

/// The events that wait, oldest first, and the files they stand in. A file that does not open is left, and said.
pub(super) fn waiting(
    disk: &dyn Disk,
    dir: &Path,
    key: &DataKey,
) -> Result<Vec<(PathBuf, Event)>, AuditError> {
    let entries = match disk.list(&folder(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut events = Vec::new();
    for entry in entries.into_iter().filter(|entry| !entry.name.ends_with(".tmp")).take(EVENTS_MAX) {
        let path = folder(dir).join(&entry.name);
        let sealed = disk::read(disk, &path, EVENT_BYTES_MAX)?;
        match seal::open(key, AAD, &sealed).ok().as_deref().and_then(Event::read) {
            Some(event) => events.push((path, event)),
            None => tracing::error!("an event in the spool of the audit log does not open"),
        }
    }
    Ok(events)
}

/// Removes files whose events are in the log.
pub(super) fn remove(disk: &dyn Disk, dir: &Path, taken: &[(PathBuf, Event)]) -> Result<(), AuditError> {
    for (path, _) in taken {
        disk.remove(path)?;
    }
    Ok(disk.sync_dir(&folder(dir))?)
}
