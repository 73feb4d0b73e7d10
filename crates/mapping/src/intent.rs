//! What a message wants a resource to look like, and the rules for joining that with what is already there.

use std::fmt;

use compact_str::CompactString;
use fhir::json::Value;

/// One resource that a message speaks of.
///
/// `resource` is a whole, valid R4 resource with its deterministic `id`: what to store if nothing is there yet. The
/// other fields say how to join it with an existing version; [`crate::resolve`] does so.
#[derive(Clone)]
pub struct Intent {
    /// The resource with `resourceType` and `id`, without `meta.versionId` and `meta.lastUpdated`.
    pub resource: Value,
    /// How it meets an existing version.
    pub mode: Mode,
    /// When the sender recorded this state. An older state never overwrites a newer one.
    pub source_time: Option<SourceTime>,
    /// Elements that the message deletes (`""` in HL7 v2): a name, `outer.inner`, `deceased[x]`, the URL of an extension, or
    /// `participant=ATND` for the entries of a role.
    pub clears: Vec<&'static str>,
    /// Elements of `resource` that are a guess for a first version, and never replace what is there.
    pub defaults: Vec<&'static str>,
    /// List entries of the existing version that stay although the list is replaced.
    pub retains: Vec<Retain>,
    /// `Patient/id` of patients that this one is no longer linked with.
    pub unlinks: Vec<CompactString>,
}

impl Intent {
    /// An intent that only has its resource.
    pub(crate) fn new(resource: Value, mode: Mode, source_time: Option<SourceTime>) -> Self {
        let (clears, defaults, retains, unlinks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { resource, mode, source_time, clears, defaults, retains, unlinks }
    }

    /// The resource type and the id, e.g. `("Patient", "…")`.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        let text = |name: &str| self.resource.get(name).and_then(Value::as_str).unwrap_or_default();
        (text("resourceType"), text("id"))
    }
}

/// Shows the type and the mode only: the rest is about a patient.
impl fmt::Debug for Intent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Intent({}, {:?})", self.key().0, self.mode)
    }
}

/// How an intent meets an existing version of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The sender's present view: what it holds replaces, what it lacks stays, what it clears goes. Refused when older
    /// than the stored state.
    Snapshot,
    /// As [`Mode::Snapshot`], for an event that takes back an earlier one: list entries of the state taken back are
    /// removed rather than kept as history.
    Undo,
    /// A result, told whole: what it lacks no longer holds, unless it only says that the result is an error.
    Replace,
    /// Mentioned in passing (a doctor, a ward, the patient of a lab result): fills what is missing, replaces nothing.
    Mention,
    /// One side of a merge: brings links and identifiers, whatever else happened since.
    Link,
}

/// The time at which a sender recorded a state.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceTime {
    /// FHIR dateTime as it goes into the `lastSourceSync` extension; a bare date if no offset is known.
    pub text: CompactString,
    /// The first UTC millisecond that `text` covers.
    pub low_ms: i64,
    /// The first UTC millisecond after what `text` covers.
    pub high_ms: i64,
}

/// Says nothing of the time: when somebody was treated is about a patient.
impl fmt::Debug for SourceTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SourceTime(..)")
    }
}

/// Existing list entries that stay when a message replaces only the rest of the list: a message with an empty PID-13 and
/// a valued PID-14 replaces the work numbers and must leave the home numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retain {
    /// The list element, e.g. `telecom`.
    pub element: &'static str,
    /// The member of an entry that decides, e.g. `use`.
    pub member: &'static str,
    /// The entry stays if the member is this (`work`), or, with `except`, if it is anything else or absent.
    pub value: &'static str,
    /// Turns the comparison around.
    pub except: bool,
}
