//! `OperationOutcome`: what went wrong, where, and how bad it is.
//!
//! The texts name places and rules, never values: an outcome may be logged, and a value may be about a patient.
//!
//! Source: FHIR R4 OperationOutcome, value sets issue-severity and issue-type.

use crate::json::{Object, Value, array};
use crate::json_object;

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Said for information only.
    Information,
    /// Worth attention; the action went on.
    Warning,
    /// The action failed or would.
    Error,
    /// The action could not even be judged.
    Fatal,
}

impl Severity {
    /// The standard's code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }
}

macro_rules! issue_types {
    ($($(#[$doc:meta])+ $name:ident = $code:literal,)+) => {
        /// What sort of issue it is: the value set issue-type of R4.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum IssueType { $($(#[$doc])+ $name,)+ }

        impl IssueType {
            /// The standard's code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(IssueType::$name => $code,)+ }
            }

            /// All of them.
            pub const ALL: &'static [IssueType] = &[$(IssueType::$name,)+];
        }
    };
}

issue_types! {
    /// Content that breaks the specification.
    Invalid = "invalid",
    /// A structural issue: unknown element, wrong JSON type, too many.
    Structure = "structure",
    /// A required element is missing.
    Required = "required",
    /// An element's value is malformed.
    Value = "value",
    /// A rule of the standard does not hold.
    Invariant = "invariant",
    /// A security issue.
    Security = "security",
    /// The caller must log in.
    Login = "login",
    /// The caller is not known.
    Unknown = "unknown",
    /// The session or token has expired.
    Expired = "expired",
    /// The caller may not do this.
    Forbidden = "forbidden",
    /// Something was left out for a reason of privacy.
    Suppressed = "suppressed",
    /// The action could not be carried out.
    Processing = "processing",
    /// The server does not do this.
    NotSupported = "not-supported",
    /// It exists already.
    Duplicate = "duplicate",
    /// More than one matched where one was meant.
    MultipleMatches = "multiple-matches",
    /// It does not exist.
    NotFound = "not-found",
    /// It has been deleted.
    Deleted = "deleted",
    /// Longer or larger than a limit.
    TooLong = "too-long",
    /// A code or system is unknown or not allowed here.
    CodeInvalid = "code-invalid",
    /// An extension is not acceptable.
    Extension = "extension",
    /// It would take too much work.
    TooCostly = "too-costly",
    /// A rule of this server forbids it.
    BusinessRule = "business-rule",
    /// It conflicts with a change by another.
    Conflict = "conflict",
    /// It may work later.
    Transient = "transient",
    /// A lock could not be had.
    LockError = "lock-error",
    /// The store cannot take it.
    NoStore = "no-store",
    /// An unexpected failure inside.
    Exception = "exception",
    /// It took too long.
    Timeout = "timeout",
    /// Some of the answer is missing.
    Incomplete = "incomplete",
    /// Too many requests.
    Throttled = "throttled",
    /// Nothing is wrong.
    Informational = "informational",
}

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// What sort of issue it is.
    pub code: IssueType,
    /// A sentence for people, without values from the input.
    pub details: String,
    /// Where: simple FHIRPath such as `Patient.name[0].given[1]`.
    pub expression: Vec<String>,
    /// More for whoever looks for the cause, such as a line and column.
    pub diagnostics: Option<String>,
}

impl Issue {
    /// An issue of severity error, without a place.
    pub fn error(code: IssueType, details: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, details)
    }

    /// An issue without a place.
    pub fn new(severity: Severity, code: IssueType, details: impl Into<String>) -> Self {
        Self { severity, code, details: details.into(), expression: Vec::new(), diagnostics: None }
    }

    /// Adds the place `expression`.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression.push(expression.into());
        self
    }

    /// Sets the diagnostics.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: impl Into<String>) -> Self {
        self.diagnostics = Some(diagnostics.into());
        self
    }

    fn to_json(&self) -> Value {
        let mut issue = Object::new();
        issue.insert("severity", self.severity.as_str());
        issue.insert("code", self.code.as_str());
        if !self.details.is_empty() {
            issue.insert("details", json_object! { "text": self.details.as_str() });
        }
        if let Some(diagnostics) = &self.diagnostics {
            issue.insert("diagnostics", diagnostics.as_str());
        }
        if !self.expression.is_empty() {
            issue.insert("expression", array(self.expression.iter().map(String::as_str)));
        }
        Value::Object(issue)
    }
}

impl From<crate::json::JsonError> for Issue {
    fn from(error: crate::json::JsonError) -> Self {
        let place = format!("line {}, column {}", error.line, error.column);
        Issue::error(IssueType::Structure, error.kind.to_string()).with_diagnostics(place)
    }
}

/// What an operation has to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The issues, in the order found.
    pub issues: Vec<Issue>,
}

impl Outcome {
    /// An outcome of one error.
    pub fn error(code: IssueType, details: impl Into<String>) -> Self {
        Issue::error(code, details).into()
    }

    /// An outcome that says that all is well.
    pub fn success(details: impl Into<String>) -> Self {
        Issue::new(Severity::Information, IssueType::Informational, details).into()
    }

    /// Whether any issue is an error or fatal.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.issues.iter().any(|issue| issue.severity >= Severity::Error)
    }

    /// The resource. Without issues it says that there are none, since `issue` must not be empty.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let issues = match self.issues.as_slice() {
            [] => vec![Issue::new(Severity::Information, IssueType::Informational, "no issues").to_json()],
            issues => issues.iter().map(Issue::to_json).collect(),
        };
        json_object! { "resourceType": "OperationOutcome", "issue": issues }
    }
}

impl From<Issue> for Outcome {
    fn from(issue: Issue) -> Self {
        Self { issues: vec![issue] }
    }
}

impl From<Vec<Issue>> for Outcome {
    fn from(issues: Vec<Issue>) -> Self {
        Self { issues }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::element_at;
    use crate::validate::validate;

    #[test]
    fn every_outcome_is_a_valid_resource() {
        let codes = element_at("OperationOutcome.issue.code").unwrap().binding().unwrap();
        assert_eq!(codes.systems().map(|(_, codes)| codes.len()).sum::<usize>(), IssueType::ALL.len());
        for &code in IssueType::ALL {
            let outcome =
                Outcome::from(Issue::error(code, "text").at("Patient.name[0]").with_diagnostics("line 1"));
            assert_eq!(validate(&outcome.to_json()), []);
        }
        assert_eq!(validate(&Outcome::default().to_json()), []);
        assert_eq!(validate(&Outcome::success("saved").to_json()), []);
    }

    #[test]
    fn the_json_names_severity_code_text_and_place() {
        let outcome = Outcome::from(Issue::error(IssueType::Required, "is missing").at("Observation.status"));
        assert!(outcome.is_error() && !Outcome::success("x").is_error());
        assert_eq!(
            outcome.to_json().to_string(),
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required","details":{"text":"is missing"},"expression":["Observation.status"]}]}"#
        );
    }
}
