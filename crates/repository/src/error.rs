//! How a call of the store fails: what the caller should do, what the client may read, and what only our logs may say.

use fhir::outcome::{Issue, IssueType, Outcome};

/// What a caller should do about an error. `server` maps kinds to HTTP status in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is malformed (400).
    Invalid,
    /// The caller may not do this, and may know that (403).
    Denied,
    /// There is no such thing, or the caller may not know of it (404).
    NotFound,
    /// The resource was deleted (410).
    Gone,
    /// Another writer was first: read again and retry (409).
    Conflict,
    /// `If-Match` or another precondition does not hold (412).
    PreconditionFailed,
    /// A conditional step found several resources (412).
    MultipleMatches,
    /// The resource breaks the rules of its type (422).
    Unprocessable,
    /// A named limit is exceeded (413, or 403 with code `too-costly`).
    TooCostly,
    /// The caller has too much under way already (429).
    Throttled,
    /// The store takes no writes, or is too busy now (503).
    Unavailable,
    /// Stored data does not check: restore it (500).
    Corrupt,
    /// A defect of ours (500).
    Internal,
}

impl ErrorKind {
    /// All of them, for the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Invalid,
        Self::Denied,
        Self::NotFound,
        Self::Gone,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::MultipleMatches,
        Self::Unprocessable,
        Self::TooCostly,
        Self::Throttled,
        Self::Unavailable,
        Self::Corrupt,
        Self::Internal,
    ];

    /// What happened and what the caller should do, for the documentation.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Invalid => "The request is malformed: correct it.",
            Self::Denied => "The token's scopes do not allow it: ask for a token that does.",
            Self::NotFound => "There is no such thing, or the caller may not know of it.",
            Self::Gone => "The resource was deleted; its history can still be read.",
            Self::Conflict => "Another writer was first, or others refer to it: read again and retry.",
            Self::PreconditionFailed => "`If-Match` or another condition does not hold: read again.",
            Self::MultipleMatches => {
                "The criteria of a conditional step meet several resources: narrow them."
            }
            Self::Unprocessable => "The resource breaks a rule of its type: each issue names its place.",
            Self::TooCostly => "A named limit is exceeded: ask for less at a time.",
            Self::Throttled => "The caller has too much under way already: finish or remove some of it.",
            Self::Unavailable => "The store takes no writes, or is too busy: try again later.",
            Self::Corrupt => "Stored data does not check: `ward index verify`, then restore.",
            Self::Internal => "A defect of Ward: report it with what the log says.",
        }
    }

    /// The type of the `OperationOutcome` issue for this kind.
    pub fn issue_type(self) -> IssueType {
        match self {
            Self::Invalid => IssueType::Invalid,
            Self::Denied => IssueType::Forbidden,
            Self::NotFound => IssueType::NotFound,
            Self::Gone => IssueType::Deleted,
            Self::Conflict | Self::PreconditionFailed => IssueType::Conflict,
            Self::MultipleMatches => IssueType::MultipleMatches,
            Self::Unprocessable => IssueType::Processing,
            Self::TooCostly => IssueType::TooCostly,
            Self::Throttled => IssueType::Throttled,
            Self::Unavailable => IssueType::Transient,
            Self::Corrupt | Self::Internal => IssueType::Exception,
        }
    }
}

/// A refusal or failure.
///
/// `Display` is the public text (no values of patient data, no internals); `internal` is for logs and is never sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", public_text(.kind, .issues))]
pub struct Error {
    kind: ErrorKind,
    issues: Vec<Issue>,
    internal: Option<String>,
    signal: Option<Signal>,
}

/// What the committer tells the code that prepared a transaction; callers outside see the kind only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Something that the preparation relied on has changed: prepare again.
    Stale,
    /// The message was committed before.
    Seen,
}

fn public_text(kind: &ErrorKind, issues: &[Issue]) -> String {
    issues.first().map_or_else(|| kind.issue_type().as_str().to_owned(), |issue| issue.details.clone())
}

impl Error {
    /// An error of `kind` whose public text is `details`.
    pub fn new(kind: ErrorKind, details: impl Into<String>) -> Self {
        Self { kind, issues: vec![Issue::error(kind.issue_type(), details)], internal: None, signal: None }
    }

    /// An error that carries the issues a check found.
    pub fn with_issues(kind: ErrorKind, issues: Vec<Issue>) -> Self {
        Self { kind, issues, internal: None, signal: None }
    }

    /// A failure of ours or of the machine: `internal` goes to the log, the client learns only the kind.
    pub fn internal(kind: ErrorKind, internal: impl std::fmt::Display) -> Self {
        let text = match kind {
            ErrorKind::Throttled => "there is too much under way already",
            ErrorKind::Unavailable => "the store cannot do this now; try again later",
            ErrorKind::Corrupt => "stored data does not check; an administrator has to look at the store",
            _ => "an internal error; it has been logged",
        };
        let mut error = Self::new(kind, text);
        error.internal = Some(internal.to_string());
        error
    }

    /// There is no such resource, or the caller may not know of it.
    pub fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, "no such resource")
    }

    pub(crate) fn signalling(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    /// Says which entry of a bundle it is about.
    #[must_use]
    pub(crate) fn within(mut self, entry: usize) -> Self {
        let entry = format!("Bundle.entry[{entry}]");
        for issue in &mut self.issues {
            if issue.expression.is_empty() {
                issue.expression.push(entry.clone());
            }
            for place in issue.expression.iter_mut().filter(|place| !place.starts_with("Bundle.entry")) {
                // `Patient.name[0]` becomes `Bundle.entry[3].resource.name[0]`.
                *place = match place.split_once('.') {
                    Some((_, rest)) => format!("{entry}.resource.{rest}"),
                    None => format!("{entry}.resource"),
                };
            }
        }
        self
    }

    pub(crate) fn signal(&self) -> Option<Signal> {
        self.signal
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The issues, at least one.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// The `OperationOutcome` to send.
    pub fn outcome(&self) -> Outcome {
        Outcome { issues: self.issues.clone() }
    }

    /// What the log should say beyond the public text.
    pub fn internal_text(&self) -> Option<&str> {
        self.internal.as_deref()
    }
}

/// Result of a call of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;
