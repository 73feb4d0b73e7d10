//! Messages that were received and kept, but not committed, each with its reason.
//!
//! The messages themselves are in the archive. What is kept here is an append-only, sealed list of "put aside" and "came
//! through after all", on the same kind of log as the store's own; the list in memory is derived from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use storage::keys::{KeyRing, TenantId};
use storage::log::{Log, LogError, ReadLimit, Seq};
use storage::seal;

/// Messages that may be in quarantine at a time; over it, channels refuse messages they cannot commit.
pub(crate) const QUARANTINED_MAX: usize = 1_000_000;

const AAD: &[u8] = b"ward quarantine";

/// Why a message was not committed: a closed set, for metrics and scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// The bytes are no message of a known format.
    Unreadable,
    /// The message is readable, but of a kind that is not mapped yet.
    Unsupported,
    /// Something is missing without which nothing sensible can be stored.
    Incomplete,
    /// A resource breaks the rules of its type.
    Invalid,
    /// A reference or a condition of a bundle finds nothing, or too much.
    Unresolved,
    /// A named limit is exceeded.
    TooLarge,
    /// The channel's actor may not do this.
    Denied,
}

impl Cause {
    /// The word used in metrics, tables and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Unsupported => "unsupported",
            Self::Incomplete => "incomplete",
            Self::Invalid => "invalid",
            Self::Unresolved => "unresolved",
            Self::TooLarge => "too-large",
            Self::Denied => "denied",
        }
    }
}

/// A reason for a person: places and codes, never values of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which kind of reason.
    pub cause: Cause,
    /// What is wrong, where, and what to do.
    pub text: String,
}

/// One message in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The name of the message in the archive, in hexadecimal.
    pub message: String,
    /// The channel that it came by.
    pub channel: String,
    /// Why it is here.
    pub reason: Reason,
    /// When it was put here, milliseconds since 1970 UTC.
    pub since_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Line {
    Add(Quarantined),
    Remove { message: String, channel: String },
}

/// Why the quarantine could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// The log below refused.
    #[error("the list of quarantined messages could not be written or read")]
    Log(#[from] LogError),
    /// A line does not open or is of no known shape.
    #[error("line {line} of the list of quarantined messages does not open")]
    Damaged {
        /// Its number.
        line: u64,
    },
    /// The tenant's key is not to be had.
    #[error("the key of the list of quarantined messages is not to be had")]
    Key(#[from] storage::keys::KeyError),
    /// The bound on messages in quarantine is reached.
    #[error("there are {QUARANTINED_MAX} messages in quarantine: look at them before more can be kept")]
    Full,
}

/// The list of messages in quarantine.
pub struct Quarantine {
    log: Box<dyn Log>,
    ring: Arc<KeyRing>,
    tenant: TenantId,
    entries: Mutex<BTreeMap<(String, String), Quarantined>>,
}

impl Quarantine {
    /// Reads the list from its log.
    ///
    /// # Errors
    /// [`QuarantineError`] if a line does not open.
    pub fn open(log: Box<dyn Log>, ring: Arc<KeyRing>, tenant: TenantId) -> Result<Self, QuarantineError> {
        let mut entries = BTreeMap::new();
        let mut from = Seq::FIRST;
        loop {
            let records = log.read(from, ReadLimit::default())?;
            let Some((last, _)) = records.last() else { break };
            from = last.next();
            for (seq, sealed) in &records {
                match unseal(&ring, tenant, *seq, sealed.as_bytes())? {
                    Line::Add(entry) => entries.insert((entry.channel.clone(), entry.message.clone()), entry),
                    Line::Remove { message, channel } => entries.remove(&(channel, message)),
                };
            }
        }
        Ok(Self { log, ring, tenant, entries: Mutex::new(entries) })
    }

    /// Puts a message aside; durable on return. One that is there for the same reason already stays as it is.
    ///
    /// # Errors
    /// [`QuarantineError`]; the message is then not in quarantine.
    pub fn add(&self, entry: Quarantined) -> Result<(), QuarantineError> {
        let mut entries = self.entries.lock();
        let key = (entry.channel.clone(), entry.message.clone());
        if entries.get(&key).is_some_and(|known| known.reason == entry.reason) {
            return Ok(());
        }
        if entries.len() >= QUARANTINED_MAX {
            return Err(QuarantineError::Full);
        }
        self.append(&Line::Add(entry.clone()))?;
        entries.insert(key, entry);
        Ok(())
    }

    /// Takes a message out after it was committed. Not being there is no error.
    ///
    /// # Errors
    /// [`QuarantineError`] if the list could not be written.
    pub fn remove(&self, channel: &str, message: &str) -> Result<(), QuarantineError> {
        let mut entries = self.entries.lock();
        let key = (channel.to_owned(), message.to_owned());
        if entries.contains_key(&key) {
            self.append(&Line::Remove { message: message.to_owned(), channel: channel.to_owned() })?;
            entries.remove(&key);
        }
        Ok(())
    }

    /// The messages in quarantine, of one channel or of all, oldest first.
    #[must_use]
    pub fn list(&self, channel: Option<&str>) -> Vec<Quarantined> {
        let entries = self.entries.lock();
        let wanted = entries.values().filter(|entry| channel.is_none_or(|name| entry.channel == name));
        let mut list: Vec<Quarantined> = wanted.cloned().collect();
        list.sort_by(|one, other| (one.since_ms, &one.message).cmp(&(other.since_ms, &other.message)));
        list
    }

    fn append(&self, line: &Line) -> Result<(), QuarantineError> {
        let key = self.ring.general_key(self.tenant)?;
        let seq = self.log.next();
        // A `Line` is a plain tree of texts and numbers; writing it cannot fail.
        let plain = serde_json::to_vec(line).unwrap_or_default();
        let sealed = seal::seal(&key, &[AAD, &seq.0.to_be_bytes()], &plain);
        self.log.append(seq, &[sealed])?;
        Ok(())
    }
}

fn unseal(ring: &KeyRing, tenant: TenantId, seq: Seq, sealed: &[u8]) -> Result<Line, QuarantineError> {
    let damaged = || QuarantineError::Damaged { line: seq.0 };
    let key = ring.general_key(tenant)?;
    let plain = seal::open(&key, &[AAD, &seq.0.to_be_bytes()], sealed).map_err(|_| damaged())?;
    serde_json::from_slice(&plain).map_err(|_| damaged())
}
