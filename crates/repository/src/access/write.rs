//! Create, update, delete, patch, and their conditional forms (R4 http.html#create and following).

use compact_str::CompactString;
use fhir::json::Value;
use protect::access::Interaction;

use super::{Access, check_id, gone, type_code};
use crate::body::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::finding;
use crate::gate::{Reach, Shown};
use crate::layout;
use crate::prepare::{Content, Done, Draft, Guard};
use crate::record::Origin;
use crate::types::{Effect, Expected, Versioned, Written};
use crate::view::{View, corrupt};

impl Access {
    /// Creates a resource under a new id; with `if_none_exist` (search parameters) only if nothing matches them.
    ///
    /// An `id` in the resource is ignored, as the standard says.
    ///
    /// # Errors
    /// `Invalid`, `Unprocessable`, `MultipleMatches`, `Denied`, `Unavailable`.
    pub fn create(&self, resource_type: &str, value: Value, if_none_exist: Option<&str>) -> Result<Written> {
        self.audited(Interaction::Create, Some(resource_type), |shown| {
            self.do_create(resource_type, value, if_none_exist, shown)
        })
    }

    pub(super) fn do_create(
        &self,
        resource_type: &str,
        value: Value,
        if_none_exist: Option<&str>,
        shown: &mut Shown,
    ) -> Result<Written> {
        let code = type_code(resource_type)?;
        self.check(resource_type, &value)?;
        self.retrying(|| {
            self.carry_out_one(self.plan_create(code, &value, if_none_exist, &shown.reach)?, shown)
        })
    }

    pub(super) fn plan_create(
        &self,
        code: u16,
        value: &Value,
        if_none_exist: Option<&str>,
        reach: &Reach,
    ) -> Result<Planned> {
        let position = self.inner.position();
        let view = self.view()?;
        let mut guards = Vec::new();
        if let Some(query) = if_none_exist {
            if let Some(found) = self.resolve_one(&view, code, query)? {
                self.admit_number(reach, &view, (code, found))?;
                let versioned = self.by_number(&view, code, found)?;
                return Ok(Planned::Nothing(Written { versioned, effect: Effect::Existing }));
            }
            guards.push(Guard { type_code: code, query: query.to_owned(), found: None });
        }
        let id = self.new_id();
        let content = self.content(&view, code, &id, value.clone())?;
        let draft = Draft::fresh(&view, code, &id, content);
        Planned::write(reach, view, position, draft, guards)
    }

    /// Puts a resource under an id, which may be new (R4 http.html#upsert). Content equal to what is stored makes no version.
    ///
    /// # Errors
    /// `Invalid`, `Unprocessable`, `PreconditionFailed` when `if_match` is not the current version, `Denied`, `Unavailable`.
    pub fn update(
        &self,
        resource_type: &str,
        id: &str,
        value: Value,
        if_match: Option<u64>,
    ) -> Result<Written> {
        self.audited(Interaction::Update, Some(resource_type), |shown| {
            let planned = self.plan_update(resource_type, id, value, if_match, &shown.reach)?;
            self.carry_out_one(planned, shown)
        })
    }

    pub(super) fn plan_update(
        &self,
        resource_type: &str,
        id: &str,
        value: Value,
        if_match: Option<u64>,
        reach: &Reach,
    ) -> Result<Planned> {
        let code = type_code(resource_type)?;
        check_id(id)?;
        check_same_id(&value, id)?;
        self.check(resource_type, &value)?;
        let position = self.inner.position();
        let view = self.view()?;
        let content = self.content(&view, code, id, value)?;
        let draft = Draft::new(&view, code, id, content)?
            .expecting(expected(if_match), ErrorKind::PreconditionFailed);
        Planned::write(reach, view, position, draft, Vec::new())
    }

    /// Updates what the search parameters find, or creates (R4 http.html#cond-update).
    ///
    /// # Errors
    /// As [`Self::update`]; `MultipleMatches`; `Invalid` if the resource's id is not that of the match.
    pub fn conditional_update(
        &self,
        resource_type: &str,
        query: &str,
        value: Value,
        if_match: Option<u64>,
    ) -> Result<Written> {
        self.audited(Interaction::Update, Some(resource_type), |shown| {
            self.do_conditional_update(resource_type, query, value, if_match, shown)
        })
    }

    pub(super) fn do_conditional_update(
        &self,
        resource_type: &str,
        query: &str,
        value: Value,
        if_match: Option<u64>,
        shown: &mut Shown,
    ) -> Result<Written> {
        let code = type_code(resource_type)?;
        self.check(resource_type, &value)?;
        self.retrying(|| {
            let planned = self.plan_conditional_update(code, query, &value, if_match, &shown.reach)?;
            self.carry_out_one(planned, shown)
        })
    }

    pub(super) fn plan_conditional_update(
        &self,
        code: u16,
        query: &str,
        value: &Value,
        if_match: Option<u64>,
        reach: &Reach,
    ) -> Result<Planned> {
        let position = self.inner.position();
        let view = self.view()?;
        let found = self.resolve_one(&view, code, query)?;
        let given = value.get("id").and_then(Value::as_str);
        let guards = vec![Guard { type_code: code, query: query.to_owned(), found }];
        let draft = match (found, given) {
            (Some(number), given) => {
                let id = self.by_number(&view, code, number)?.id;
                if given.is_some_and(|given| given != id) {
                    return Err(Error::new(
                        ErrorKind::Invalid,
                        "the resource's id is not that of the one the search parameters find",
                    ));
                }
                Draft::new(&view, code, &id, self.content(&view, code, &id, value.clone())?)?
            }
            (None, Some(given)) => {
                check_id(given)?;
                let content = self.content(&view, code, given, value.clone())?;
                Draft::new(&view, code, given, content)?
            }
            (None, None) => {
                let id = self.new_id();
                Draft::fresh(&view, code, &id, self.content(&view, code, &id, value.clone())?)
            }
        };
        let draft = draft.expecting(expected(if_match), ErrorKind::PreconditionFailed);
        Planned::write(reach, view, position, draft, guards)
    }

    /// Deletes a resource. Deleting what is not there succeeds (R4 http.html#delete).
    ///
    /// # Errors
    /// `PreconditionFailed`, `Denied`, `Unavailable`.
    pub fn delete(&self, resource_type: &str, id: &str, if_match: Option<u64>) -> Result<Written> {
        self.audited(Interaction::Delete, Some(resource_type), |shown| {
            let planned = self.plan_delete(resource_type, id, if_match, &shown.reach)?;
            self.carry_out_one(planned, shown)
        })
    }

    pub(super) fn plan_delete(
        &self,
        resource_type: &str,
        id: &str,
        if_match: Option<u64>,
        reach: &Reach,
    ) -> Result<Planned> {
        let code = type_code(resource_type)?;
        let position = self.inner.position();
        let view = self.view()?;
        let draft = Draft::new(&view, code, id, Content::Delete)?
            .expecting(expected(if_match), ErrorKind::PreconditionFailed);
        Planned::write(reach, view, position, draft, Vec::new())
    }

    /// Deletes the one resource that the search parameters find; none is fine.
    ///
    /// # Errors
    /// `MultipleMatches`, `Denied`, `Unavailable`.
    pub fn conditional_delete(&self, resource_type: &str, query: &str) -> Result<Written> {
        self.audited(Interaction::Delete, Some(resource_type), |shown| {
            self.do_conditional_delete(resource_type, query, shown)
        })
    }

    pub(super) fn do_conditional_delete(
        &self,
        resource_type: &str,
        query: &str,
        shown: &mut Shown,
    ) -> Result<Written> {
        let code = type_code(resource_type)?;
        self.retrying(|| self.carry_out_one(self.plan_conditional_delete(code, query, &shown.reach)?, shown))
    }

    pub(super) fn plan_conditional_delete(&self, code: u16, query: &str, reach: &Reach) -> Result<Planned> {
        let position = self.inner.position();
        let view = self.view()?;
        let Some(number) = self.resolve_one(&view, code, query)? else {
            let nothing = Versioned {
                resource_type: layout::type_name(code).unwrap_or_default().into(),
                id: CompactString::default(),
                version: 0,
                last_updated_ms: 0,
                body: Vec::new(),
                deleted: true,
            };
            return Ok(Planned::Nothing(Written { versioned: nothing, effect: Effect::AlreadyDeleted }));
        };
        let id = self.by_number(&view, code, number)?.id;
        let guards = vec![Guard { type_code: code, query: query.to_owned(), found: Some(number) }];
        let draft = Draft::new(&view, code, &id, Content::Delete)?;
        Planned::write(reach, view, position, draft, guards)
    }

    /// Applies a JSON Patch (RFC 6902) or a FHIRPath Patch (a `Parameters` resource) to the current version.
    ///
    /// # Errors
    /// `NotFound`, `Gone`, `Unprocessable` if the patch does not apply or leaves an invalid resource,
    /// `PreconditionFailed`, `Denied`, `Unavailable`.
    pub fn patch(
        &self,
        resource_type: &str,
        id: &str,
        patch: &Value,
        if_match: Option<u64>,
    ) -> Result<Written> {
        self.audited(Interaction::Patch, Some(resource_type), |shown| {
            self.do_patch(resource_type, id, patch, if_match, shown)
        })
    }

    pub(super) fn do_patch(
        &self,
        resource_type: &str,
        id: &str,
        patch: &Value,
        if_match: Option<u64>,
        shown: &mut Shown,
    ) -> Result<Written> {
        let code = type_code(resource_type)?;
        self.retrying(|| {
            let planned = self.plan_patch(code, id, patch, if_match, &shown.reach)?;
            self.carry_out_one(planned, shown)
        })
    }

    /// Makes a new version out of the current one; if another writer is faster, out of his.
    pub(super) fn do_change(
        &self,
        resource_type: &str,
        id: &str,
        if_match: Option<u64>,
        shown: &mut Shown,
        change: impl Fn(Value) -> Result<Value>,
    ) -> Result<Written> {
        let code = type_code(resource_type)?;
        self.retrying(|| {
            let planned = self.plan_change(code, id, &change, if_match, Vec::new(), &shown.reach)?;
            self.carry_out_one(planned, shown)
        })
    }

    /// Applies a patch to the one resource that the search parameters find.
    ///
    /// # Errors
    /// As [`Self::patch`]; `MultipleMatches`.
    pub fn conditional_patch(
        &self,
        resource_type: &str,
        query: &str,
        patch: &Value,
        if_match: Option<u64>,
    ) -> Result<Written> {
        self.audited(Interaction::Patch, Some(resource_type), |shown| {
            self.do_conditional_patch(resource_type, query, patch, if_match, shown)
        })
    }

    pub(super) fn do_conditional_patch(
        &self,
        resource_type: &str,
        query: &str,
        patch: &Value,
        if_match: Option<u64>,
        shown: &mut Shown,
    ) -> Result<Written> {
        let code = type_code(resource_type)?;
        self.retrying(|| {
            let planned = self.plan_conditional_patch(code, query, patch, if_match, &shown.reach)?;
            self.carry_out_one(planned, shown)
        })
    }

    pub(super) fn plan_patch(
        &self,
        code: u16,
        id: &str,
        patch: &Value,
        if_match: Option<u64>,
        reach: &Reach,
    ) -> Result<Planned> {
        self.plan_change(code, id, &|before| patched(before, patch), if_match, Vec::new(), reach)
    }

    pub(super) fn plan_conditional_patch(
        &self,
        code: u16,
        query: &str,
        patch: &Value,
        if_match: Option<u64>,
        reach: &Reach,
    ) -> Result<Planned> {
        let view = self.view()?;
        let number = self.resolve_one(&view, code, query)?.ok_or_else(Error::not_found)?;
        let id = self.by_number(&view, code, number)?.id;
        let guards = vec![Guard { type_code: code, query: query.to_owned(), found: Some(number) }];
        self.plan_change(code, &id, &|before| patched(before, patch), if_match, guards, reach)
    }

    fn plan_change(
        &self,
        code: u16,
        id: &str,
        change: &dyn Fn(Value) -> Result<Value>,
        if_match: Option<u64>,
        guards: Vec<Guard>,
        reach: &Reach,
    ) -> Result<Planned> {
        let position = self.inner.position();
        let view = self.view()?;
        let draft = self.changed(&view, code, id, change, if_match)?;
        Planned::write(reach, view, position, draft, guards)
    }

    /// The draft of a patched resource; if the resource changes before the commit the patch is applied anew.
    pub(super) fn patched(
        &self,
        view: &View,
        code: u16,
        id: &str,
        patch: &Value,
        if_match: Option<u64>,
    ) -> Result<Draft> {
        self.changed(view, code, id, &|before| patched(before, patch), if_match)
    }

    fn changed(
        &self,
        view: &View,
        code: u16,
        id: &str,
        change: &dyn Fn(Value) -> Result<Value>,
        if_match: Option<u64>,
    ) -> Result<Draft> {
        let (number, row) = view.find(code, id)?.ok_or_else(Error::not_found)?;
        if row.deleted {
            return Err(gone());
        }
        if if_match.is_some_and(|version| version != row.version) {
            return Err(Error::new(
                ErrorKind::PreconditionFailed,
                "the resource does not have the expected version: read it again",
            ));
        }
        let before = view.body(code, number, &row)?.ok_or_else(gone)?.value().map_err(corrupt)?;
        let after = change(before)?;
        check_same_id(&after, id)?;
        self.check(layout::type_name(code).unwrap_or_default(), &after)?;
        let content = self.content(view, code, id, after)?;
        Ok(Draft::new(view, code, id, content)?.based_on(row.version))
    }

    /// Commits one operation, if there is one, and says what became of it.
    pub(super) fn carry_out_one(&self, planned: Planned, shown: &mut Shown) -> Result<Written> {
        let written = match planned {
            Planned::Nothing(written) => written,
            Planned::Write(write) => self.commit_one(*write, self.origin())?,
        };
        shown.wrote(&written);
        Ok(written)
    }

    fn commit_one(&self, write: Write, origin: Origin) -> Result<Written> {
        let Write { view, position, draft, guards, sketch } = write;
        sketch.of_one(&self.submit(view, position, vec![draft], guards, origin)?)
    }

    /// Commits one operation with an origin that may say more than the caller.
    pub(super) fn submit_as(
        &self,
        view: View,
        position: u64,
        draft: Draft,
        guards: Vec<Guard>,
        origin: Origin,
        shown: &mut Shown,
    ) -> Result<Written> {
        let written = match Planned::write(&shown.reach, view, position, draft, guards)? {
            Planned::Nothing(written) => written,
            Planned::Write(write) => self.commit_one(*write, origin)?,
        };
        shown.wrote(&written);
        Ok(written)
    }

    /// The one resource that search parameters find. The parameters come as in a URL, without `?`.
    pub(super) fn resolve_one(&self, view: &View, code: u16, query: &str) -> Result<Option<u64>> {
        let name = layout::type_name(code).unwrap_or_default();
        let found = finding::resolve(view, name, query)?;
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(Error::new(
                ErrorKind::MultipleMatches,
                "the search parameters find more than one resource",
            )),
        }
    }

    /// Refuses a resource beyond the caller's reach.
    pub(super) fn admit_number(&self, reach: &Reach, view: &View, at: (u16, u64)) -> Result<()> {
        let row = view.row(at.0, at.1)?.ok_or_else(Error::not_found)?;
        self.admit(reach, view, at, &row)
    }

    pub(super) fn by_number(&self, view: &View, code: u16, number: u64) -> Result<Versioned> {
        let row = view.row(code, number)?.ok_or_else(Error::not_found)?;
        view.versioned(code, number, &row)
    }
}

/// A resource after a patch.
fn patched(before: Value, patch: &Value) -> Result<Value> {
    fhir::patch::apply(before, patch)
        .map_err(|issue| Error::with_issues(ErrorKind::Unprocessable, vec![issue]))
}

/// A write, worked out.
pub(super) enum Planned {
    /// Nothing is to be written: this is the answer.
    Nothing(Written),
    /// One operation, ready for the committer.
    Write(Box<Write>),
}

/// One operation with what it relies on, and what is needed to answer after it.
pub(super) struct Write {
    pub(super) view: View,
    pub(super) position: u64,
    pub(super) draft: Draft,
    pub(super) guards: Vec<Guard>,
    pub(super) sketch: Sketch,
}

impl Planned {
    fn write(reach: &Reach, view: View, position: u64, draft: Draft, guards: Vec<Guard>) -> Result<Self> {
        admit_draft(reach, &draft)?;
        let sketch = Sketch::of(&draft);
        Ok(Self::Write(Box::new(Write { view, position, draft, guards, sketch })))
    }
}

/// What is needed of a draft to answer after the committer took it.
pub(super) struct Sketch {
    code: u16,
    id: CompactString,
    body: Option<Body>,
}

impl Sketch {
    pub(super) fn of(draft: &Draft) -> Self {
        let body = match &draft.content {
            Content::Put(prepared) => Some(prepared.body.clone()),
            Content::Delete => None,
        };
        Self { code: draft.type_code, id: draft.id.clone(), body }
    }

    /// The same without a body, for answers that show none.
    pub(super) fn without_body(draft: &Draft) -> Self {
        Self { code: draft.type_code, id: draft.id.clone(), body: None }
    }

    /// The answer to a transaction of this one operation.
    pub(super) fn of_one(self, done: &[Done]) -> Result<Written> {
        let done = done
            .first()
            .copied()
            .ok_or_else(|| Error::internal(ErrorKind::Internal, "the committer answered for no operation"))?;
        self.written(done)
    }

    pub(super) fn written(self, done: Done) -> Result<Written> {
        let body = match &self.body {
            Some(body) => body.spliced(done.version, done.time_ms).map_err(corrupt)?,
            None => Vec::new(),
        };
        let deleted = matches!(done.effect, Effect::Deleted | Effect::AlreadyDeleted);
        let versioned = Versioned {
            resource_type: layout::type_name(self.code).unwrap_or_default().into(),
            id: self.id,
            version: done.version,
            last_updated_ms: done.time_ms,
            body,
            deleted,
        };
        Ok(Written { versioned, effect: done.effect })
    }
}

/// Refuses to write what stands beyond the caller's reach, or would lie beyond it.
pub(super) fn admit_draft(reach: &Reach, draft: &Draft) -> Result<()> {
    match reach {
        Reach::All => Ok(()),
        Reach::Patient(patient) if draft.lies_within(patient) => Ok(()),
        Reach::Patient(_) => Err(Error::not_found()),
    }
}

pub(super) fn expected(if_match: Option<u64>) -> Expected {
    if_match.map_or(Expected::Any, Expected::Version)
}

/// An update's resource must bear the id of its URL (R4 http.html#update).
pub(super) fn check_same_id(value: &Value, id: &str) -> Result<()> {
    match value.get("id").and_then(Value::as_str) {
        Some(given) if given == id => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Invalid, "the resource's id is not the one in the URL")),
        None => Err(Error::new(ErrorKind::Invalid, "the resource needs an id: the one in the URL")),
    }
}
