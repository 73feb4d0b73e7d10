//! What is known about a sender beforehand: the configuration that a mapping needs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

/// A digest of 32 bytes (SHA-256, or a keyed hash); must always give the same bytes for the same input.
pub type Digest = Arc<dyn Fn(&[u8]) -> [u8; 32] + Send + Sync>;

/// One configured source of messages. Made once per channel and used for all its messages.
#[derive(Clone)]
pub struct Source {
    /// The channel's name, used where a message does not name its sender.
    pub channel: String,
    /// Goes into every resource id, so that two tenants never share one.
    pub namespace: String,
    /// The zone of times that name no offset, where MSH-7 names none either.
    pub zone: Option<Zone>,
    /// URI for an assigning authority's namespace (`HOSP` → `urn:oid:…`), by the exact text of the first part of an HD.
    pub assigning_authorities: BTreeMap<String, String>,
    /// URI for a coding system's short name as the sender writes it, beyond the well-known ones.
    pub code_systems: BTreeMap<String, String>,
    /// UCUM code for a unit as the sender writes it, beyond the well-known ones.
    pub units: BTreeMap<String, String>,
    /// Makes resource ids from identifiers.
    pub digest: Digest,
}

impl Source {
    /// A source with no configuration but a name and a digest.
    #[must_use]
    pub fn new(channel: impl Into<String>, namespace: impl Into<String>, digest: Digest) -> Self {
        Self {
            channel: channel.into(),
            namespace: namespace.into(),
            zone: None,
            assigning_authorities: BTreeMap::new(),
            code_systems: BTreeMap::new(),
            units: BTreeMap::new(),
            digest,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Source").field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// A time zone of the IANA data base.
#[derive(Clone, Debug)]
pub struct Zone(pub(crate) TimeZone);

/// A name that is in no version of the IANA time zone data base known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no IANA time zone; write it like `Europe/Berlin`")]
pub struct ZoneError {
    /// The name as configured.
    pub name: String,
}

impl Zone {
    /// Looks up a zone by its IANA name, e.g. `Europe/Berlin`.
    ///
    /// # Errors
    /// [`ZoneError`] if there is no such zone.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        TimeZone::get(name).map(Self).map_err(|_| ZoneError { name: name.to_owned() })
    }
}
