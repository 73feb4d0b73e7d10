//! The values that cross the door: versions of resources, pages, changes. Nothing here reads or writes.

use compact_str::CompactString;
use fhir::{json::Value, outcome::Issue};

/// One version of one resource, as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Resource type.
    pub resource_type: CompactString,
    /// Logical id.
    pub id: CompactString,
    /// `meta.versionId`: 1, 2, 3… for each resource.
    pub version: u64,
    /// `meta.lastUpdated`, milliseconds since 1970 UTC.
    pub last_updated_ms: i64,
    /// The JSON to send, `meta.versionId` and `meta.lastUpdated` included; empty for a deletion.
    pub body: Vec<u8>,
    /// This version is a deletion.
    pub deleted: bool,
}

impl Versioned {
    /// The weak entity tag of this version (`W/"3"`), R4 http.html#versions.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// `Type/id`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }

    /// `Type/id/_history/version`, the value of `Location` after a write.
    pub fn location(&self) -> String {
        format!("{}/{}/_history/{}", self.resource_type, self.id, self.version)
    }

    /// `meta.lastUpdated` as a FHIR instant.
    pub fn last_updated(&self) -> String {
        crate::body::instant(self.last_updated_ms)
    }
}

/// The body is patient data and stays out of `Debug`.
impl std::fmt::Debug for Versioned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Versioned")
            .field("resource_type", &self.resource_type)
            .field("version", &self.version)
            .field("body_bytes", &self.body.len())
            .field("deleted", &self.deleted)
            .finish_non_exhaustive()
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A first version, or the first after a deletion (201).
    Created,
    /// A new version of something that was there (200).
    Updated,
    /// The content was the stored content: no new version (200).
    Unchanged,
    /// A conditional create found the resource already there and wrote nothing (200).
    Existing,
    /// The resource is deleted now (204).
    Deleted,
    /// There was nothing to delete (204; deleting is idempotent).
    AlreadyDeleted,
}

/// A write's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version that stands now. For [`Effect::AlreadyDeleted`] of something never seen, version 0.
    pub versioned: Versioned,
    /// What happened.
    pub effect: Effect,
}

impl Written {
    /// A resource came into being (status 201 rather than 200).
    pub fn created(&self) -> bool {
        self.effect == Effect::Created
    }
}

/// The answer of a conditional read (R4 http.html#cread).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The current version.
    Found(Versioned),
    /// Nothing newer than what the caller holds (304).
    NotModified {
        /// The version the caller holds already.
        version: u64,
        /// Its time.
        last_updated_ms: i64,
    },
}

/// The facts of `If-None-Match` and `If-Modified-Since`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What the caller holds, where it says so.
    pub if_none_match: Option<Held>,
    /// The caller holds what stood at this time (HTTP dates have whole seconds), milliseconds since 1970 UTC.
    pub if_modified_since_ms: Option<i64>,
}

/// The versions that a caller holds already (RFC 9110, 13.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// `*`: any that there is.
    Any,
    /// One of these.
    Versions(Vec<u64>),
}

impl Held {
    /// Whether `version` is among them.
    #[must_use]
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// What a history is asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryTarget {
    /// One resource.
    Instance(CompactString, CompactString),
    /// All resources of a type.
    Type(CompactString),
    /// Everything.
    System,
}

/// `_count`, `_since` and the page token of a history request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Versions a page; the default is [`HISTORY_COUNT_DEFAULT`], the most [`HISTORY_COUNT_MAX`].
    pub count: Option<usize>,
    /// Only versions made at or after this time, milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
    /// Token of the `next` link of the page before.
    pub cursor: Option<String>,
}

/// Versions on a history page when `_count` does not say.
pub const HISTORY_COUNT_DEFAULT: usize = 50;
/// The most versions on a history page.
pub const HISTORY_COUNT_MAX: usize = 500;

/// A page of a history, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// The versions, each with what the write did ([`Effect::Created`], `Updated`, `Deleted`).
    pub entries: Vec<Written>,
    /// Token for the next page, if there is one.
    pub next: Option<String>,
    /// Number of all versions; known for an instance only.
    pub total: Option<u64>,
}

/// Why an entry stands in a search page (R4 `Bundle.entry.search.mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchMode {
    /// It matches.
    Match,
    /// An `_include` or `_revinclude` asked for it.
    Include,
}

/// One entry of a search page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchEntry {
    /// The current version; with `_summary` or `_elements` its body is cut down accordingly.
    pub versioned: Versioned,
    /// Where the body is that of a resource contained in this version: its id there, empty if it has none.
    pub contained: Option<CompactString>,
    /// Why it is here.
    pub mode: SearchMode,
}

/// A page of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchPage {
    /// Matches in order, then included resources.
    pub entries: Vec<SearchEntry>,
    /// Number of all matches, when asked for or known.
    pub total: Option<u64>,
    /// Whether that number was counted; otherwise it is an estimate.
    pub total_is_exact: bool,
    /// Sealed token for the next page, for [`Access::search_page`](crate::Access::search_page).
    pub next: Option<String>,
    /// The token of the page before; `None` on the first page, and when it lies too far back to be remembered.
    pub previous: Option<String>,
    /// What was ignored (lenient handling), as issues for an `outcome` entry.
    pub issues: Vec<Issue>,
    /// The plan, when `__explain=true` asked for it.
    pub explain: Option<Value>,
}

/// What must be true of a resource for an ingested change to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    Any,
    /// It does not exist now (never did, or is deleted).
    Absent,
    /// This is its current version.
    Version(u64),
}

/// One change of an atomic set.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Put this resource (`resourceType` and `id` stand in it).
    Put {
        /// The resource.
        value: Value,
        /// What must be true of it now.
        expected: Expected,
    },
    /// Delete this resource.
    Delete {
        /// Resource type.
        resource_type: CompactString,
        /// Logical id.
        id: CompactString,
        /// What must be true of it now.
        expected: Expected,
    },
}

/// Where an applied set came from; it stands in the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Identity of the message (for HL7 v2: channel, sending application and facility, control id…), any bytes. A set
    /// with an identity that was committed before is not applied again.
    pub message_identity: Vec<u8>,
    /// Digest of the archived raw message.
    pub archive_digest: Vec<u8>,
    /// The channel's name.
    pub channel: CompactString,
}

/// The answer to [`crate::Access::apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Committed now; what happened to each change, in order.
    Committed(Vec<Written>),
    /// Every change was what is stored already. The message identity is remembered; no new version was made.
    Unchanged(Vec<Written>),
    /// A message of this identity was committed before.
    Seen(Seen),
}

/// A message that was committed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Sequence number of the record in the log.
    pub seq: u64,
    /// Time of the commit, milliseconds since 1970 UTC.
    pub time_ms: i64,
}
