//! Reading events back, for those who review them.

use std::path::Path;

use storage::disk::Disk;
use storage::keys::{DataKey, KeyRing, TenantId};
use storage::seal;

use super::log::AAD;
use super::rows::{self, Row};
use super::{AuditError, Event, Outcome};
use crate::access::Interaction;

/// Events given at most, unless said otherwise.
const LIMIT: usize = 1000;

/// Which events are wanted. What is `None` does not narrow.
#[derive(Clone, Debug)]
pub struct Filter {
    /// At or after this time.
    pub from_ms: Option<i64>,
    /// Before this time.
    pub to_ms: Option<i64>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// By the actor of this id.
    pub actor: Option<String>,
    /// Of this kind.
    pub interaction: Option<Interaction>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Of this request.
    pub request_id: Option<String>,
    /// In which this resource (type and id) was shown or changed.
    pub resource: Option<(String, String)>,
    /// Rows from this one on.
    pub from_index: u64,
    /// The newest first.
    pub newest_first: bool,
    /// Events at most.
    pub limit: usize,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            from_ms: None,
            to_ms: None,
            tenant: None,
            actor: None,
            interaction: None,
            outcome: None,
            request_id: None,
            resource: None,
            from_index: 0,
            newest_first: false,
            limit: LIMIT,
        }
    }
}

impl Filter {
    /// Whether the filter wants this event.
    pub fn wants(&self, event: &Event) -> bool {
        fn is<T: PartialEq + ?Sized>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        self.from_ms.is_none_or(|from_ms| event.time_ms >= from_ms)
            && self.to_ms.is_none_or(|to_ms| event.time_ms < to_ms)
            && is(self.tenant.as_ref(), &event.tenant)
            && is(self.actor.as_deref(), event.actor.id.as_str())
            && is(self.interaction.as_ref(), &event.interaction)
            && is(self.outcome.as_ref(), &event.outcome)
            && is(self.request_id.as_deref(), event.request_id.as_str())
            && self.resource.as_ref().is_none_or(|(resource_type, id)| {
                event.entities.iter().any(|entity| entity.resource_type == *resource_type && entity.id == *id)
            })
    }
}

/// Reads the events of a folder's audit log that a filter wants, with their row numbers; also while a server writes it.
///
/// # Errors
/// [`AuditError::Damaged`], [`AuditError::Seal`], [`AuditError::Row`], [`AuditError::Io`], [`AuditError::Key`].
pub fn list(
    disk: &dyn Disk,
    dir: &Path,
    ring: &KeyRing,
    filter: &Filter,
) -> Result<Vec<(u64, Event)>, AuditError> {
    list_with(disk, dir, ring.general_key(TenantId::SYSTEM)?.as_ref(), filter)
}

pub(super) fn list_with(
    disk: &dyn Disk,
    dir: &Path,
    key: &DataKey,
    filter: &Filter,
) -> Result<Vec<(u64, Event)>, AuditError> {
    if filter.limit == 0 {
        return Ok(Vec::new());
    }
    let mut segments = rows::segments(disk, dir)?;
    let start = segments.partition_point(|first| *first <= filter.from_index).saturating_sub(1);
    segments.drain(..start);
    if filter.newest_first {
        segments.reverse();
    }
    let newest = if filter.newest_first { segments.first() } else { segments.last() }.copied();
    let mut listed = Vec::new();
    for first in segments {
        let mut found = Vec::new();
        let room = filter.limit - listed.len();
        let end = rows::scan(disk, dir, first, |row| {
            if !row.whole {
                return Ok(false);
            }
            if row.index >= filter.from_index {
                let event = open(key, &row)?;
                if filter.wants(&event) {
                    found.push((row.index, event));
                }
            }
            Ok(filter.newest_first || found.len() < room)
        })?;
        // At the end of the newest segment a row may just be being written.
        if !end.clean && Some(first) != newest && found.len() < room {
            return Err(AuditError::Damaged { index: end.index });
        }
        if filter.newest_first {
            found.reverse();
            found.truncate(room);
        }
        listed.append(&mut found);
        if listed.len() >= filter.limit {
            break;
        }
    }
    Ok(listed)
}

fn open(key: &DataKey, row: &Row<'_>) -> Result<Event, AuditError> {
    let plain = seal::open(key, AAD, row.sealed)?;
    Event::read(&plain).ok_or(AuditError::Row { index: row.index })
}
