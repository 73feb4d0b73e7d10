//! `$validate`: a resource against R4, the tenant's profiles and the tenant's terminology.

use std::cell::RefCell;
use std::sync::Arc;

use fhir::json::Value;
use fhir::outcome::{Issue, IssueType, Severity};
use fhir::path::Resolve;
use fhir::profile::{NoProfiles, Profiles, Validator, World};
use fhir::terminology::{Terminology, core};
use protect::access::Interaction;

use super::{Access, type_code};
use crate::body;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Reach, Shown};
use crate::view::corrupt;

/// What a resource is checked for (R4 value set resource-validation-mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValidationMode {
    /// As it is.
    #[default]
    General,
    /// Whether it could be created.
    Create,
    /// Whether it could be the next version of what is stored.
    Update,
    /// Whether what is stored could be deleted.
    Delete,
    /// Whether what is stored is as a profile asks.
    Profile,
}

/// One validation that is asked for.
#[derive(Debug)]
pub struct Validation<'v> {
    /// The type that it is asked of.
    pub resource_type: &'v str,
    /// The stored resource that it is asked of.
    pub id: Option<&'v str>,
    /// The resource to check; without it the stored one.
    pub resource: Option<Value>,
    /// What for.
    pub mode: ValidationMode,
    /// Canonical addresses of profiles, besides those that the resource claims.
    pub profiles: &'v [String],
}

impl Access {
    /// Checks a resource and says what there is to say about it; nothing is written. What is wrong with the resource is no
    /// error of the call.
    ///
    /// A caller who is bound to one patient's compartment, in which no profiles lie, has those of R4 alone. References are
    /// followed only to what the caller may read.
    ///
    /// # Errors
    /// `Denied` as a read of the type; `NotFound` and `Gone` for the stored resource; `Invalid` if neither a resource nor an
    /// id is given; `Unavailable`.
    pub fn validate(&self, asked: Validation<'_>) -> Result<Vec<Issue>> {
        type_code(asked.resource_type)?;
        self.operation(Interaction::Operation, "validate", asked.resource_type, |shown| {
            let stored = match asked.id {
                Some(id) => {
                    let found = self.current(&shown.reach, asked.resource_type, id)?;
                    shown.add(&found);
                    Some(body::read_json(&found.body).map_err(corrupt)?)
                }
                None => None,
            };
            match asked.mode {
                ValidationMode::Delete => self.deletable(&asked, stored.is_some()),
                ValidationMode::Profile if asked.profiles.is_empty() => {
                    Err(bad("mode `profile` needs the parameter `profile`"))
                }
                mode => {
                    let before = if mode == ValidationMode::Profile { None } else { asked.resource };
                    let given = before.is_some();
                    let value =
                        before.or(stored).ok_or_else(|| bad("send a resource, or name one by its id"))?;
                    let mut issues = self.judge(&value, asked.profiles, shown)?;
                    issues.extend(mismatch(&value, asked.resource_type, asked.id.filter(|_| given), mode));
                    Ok(issues)
                }
            }
        })
    }

    fn deletable(&self, asked: &Validation<'_>, is_stored: bool) -> Result<Vec<Issue>> {
        if !is_stored {
            return Err(bad("mode `delete` is asked of a stored resource: `Type/id/$validate`"));
        }
        let may = self.caller.decide(Interaction::Delete, Some(asked.resource_type)).is_ok();
        Ok(if may {
            Vec::new()
        } else {
            vec![Issue::error(
                IssueType::Forbidden,
                "the resource is there, but this token may not delete it",
            )]
        })
    }

    fn judge(&self, value: &Value, profiles: &[String], shown: &mut Shown) -> Result<Vec<Issue>> {
        let is_free = matches!(shown.reach, Reach::All);
        let library = if is_free { Some(self.library()?) } else { None };
        let stored = if is_free { Some(self.inner.core.profiles(self.tenant())?) } else { None };
        let codes = Terminology::new(library.as_deref().unwrap_or_else(|| core()));
        let reading = Reading { access: self, shown: RefCell::new(shown) };
        let none = NoProfiles;
        let validator = Validator::new(World {
            profiles: stored.as_deref().map_or(&none as &dyn Profiles, |stored| stored),
            codes: Some(&codes),
            resources: Some(&reading),
            now: Some((self.inner.clock.now_ms(), 0)),
        });
        let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
        Ok(validator.validate(value, &profiles))
    }
}

/// What the place of the call says against the resource.
fn mismatch(value: &Value, resource_type: &str, id: Option<&str>, mode: ValidationMode) -> Vec<Issue> {
    let mut issues = Vec::new();
    if value.resource_type() != Some(resource_type) {
        let details = format!("a resource of type {resource_type} is expected here");
        issues.push(Issue::error(IssueType::Invalid, details).at(resource_type));
    }
    let own = value.get("id").and_then(Value::as_str);
    if mode == ValidationMode::Update && (own.is_none() || id.is_some_and(|id| own != Some(id))) {
        let details = "an update needs the `id` of the resource that it is for";
        issues.push(Issue::error(IssueType::Value, details).at(format!("{resource_type}.id")));
    }
    if mode == ValidationMode::Create && own.is_some() {
        let details = "a create gives an id of its own; this one would be ignored";
        let issue = Issue::new(Severity::Information, IssueType::Informational, details);
        issues.push(issue.at(format!("{resource_type}.id")));
    }
    issues
}

fn bad(details: &str) -> Error {
    Error::new(ErrorKind::Invalid, details)
}

/// Reads what references lead to, as far as the caller may; each is in the audit event.
struct Reading<'r, 's> {
    access: &'r Access,
    shown: RefCell<&'s mut Shown>,
}

impl Resolve for Reading<'_, '_> {
    fn resolve(&self, reference: &str) -> Option<Arc<Value>> {
        let mut parts = reference.split('/');
        let (resource_type, id) = (parts.next()?, parts.next()?);
        if parts.next().is_some() || !fhir::definitions::is_resource(resource_type) {
            return None;
        }
        let reach = self.access.caller.decide(Interaction::Read, Some(resource_type)).ok()?;
        let found = self.access.current(&reach, resource_type, id).ok()?;
        self.shown.borrow_mut().add(&found);
        body::read_json(&found.body).ok().map(Arc::new)
    }
}
