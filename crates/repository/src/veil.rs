//! The masked view: what a caller sees who may only see masked.
//!
//! Such a caller reads, searches and exports; everything else is refused at the gate. Resources are found as always and masked
//! whole before anything of them is cut out or sent. Their ids are shown as [`id`] says, in references too, and what a request
//! names is led back, so links work. A search may only ask for what the view shows ([`admit`]): else its matches would tell
//! what was masked. Audit events name the resources as they are.
//!
//! How a resource is masked is the business of a [`Veil`], which the program that opens the store brings along. Without one,
//! such callers are refused.

mod admit;
mod id;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::search::query::Query;
use storage::keys::MaskKey;

use crate::body::read_json;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Caller, Shown};
use crate::layout;
use crate::search::{Subset, subset};
use crate::store::Inner;
use crate::types::{SearchEntry, SearchPage, Versioned};
use crate::view::{View, corrupt};

/// What is known of a patient, made ready by a [`Veil`] to be looked for in texts.
pub type VeilSubject = Arc<dyn Any + Send + Sync>;

/// Masks resources for the masked view.
pub trait Veil: Send + Sync {
    /// Whether it masks by a profile of this name.
    fn knows(&self, profile: &str) -> bool;

    /// Whether that profile shows dates as they are. Where it does not, nobody may search by them.
    fn shows_dates(&self, profile: &str) -> bool;

    /// What masks, for the audit log: the profile and the version.
    fn label(&self, profile: &str) -> String;

    /// Makes ready what a Patient resource tells.
    fn subject(&self, patient: &Value) -> VeilSubject;

    /// Masks one resource.
    ///
    /// # Errors
    /// Why it cannot be masked, without any value of it; then nothing of it is shown.
    fn mask(&self, asked: &Veiling<'_>) -> std::result::Result<Veiled, String>;
}

/// One resource to be masked.
pub struct Veiling<'a> {
    /// The profile's name.
    pub profile: &'a str,
    /// The resource, whole.
    pub resource: &'a Value,
    /// The patient that it is about, if that is one: its id, and what [`Veil::subject`] made of it.
    pub patient: Option<(&'a str, &'a VeilSubject)>,
    /// The tenant's key for masking.
    pub key: &'a Arc<MaskKey>,
    /// The id under which a resource of the store is shown, by type and id; `None` if there is no such resource.
    pub shown_id: &'a dyn Fn(&str, &str) -> Option<String>,
    /// The time, milliseconds since 1970 UTC.
    pub now_ms: i64,
}

/// A masked resource.
pub struct Veiled {
    /// The resource as it may be shown.
    pub resource: Value,
    /// What was hidden: names of kinds, and how many of each.
    pub kinds: Vec<(&'static str, u64)>,
}

/// The view of one caller in one request.
pub(crate) struct MaskedView<'v> {
    veil: &'v dyn Veil,
    profile: &'v str,
    view: View,
    key: Arc<MaskKey>,
    now_ms: i64,
    subjects: RefCell<HashMap<CompactString, Option<VeilSubject>>>,
    masked: Cell<u64>,
    hidden: RefCell<BTreeMap<&'static str, u64>>,
}

impl<'v> MaskedView<'v> {
    /// The masked view of a caller; `None` if the caller sees resources as they are.
    ///
    /// # Errors
    /// `Unavailable` if nothing here masks by the caller's profile, or the key cannot be had.
    pub(crate) fn of(inner: &'v Inner, caller: &'v Caller, view: &View) -> Result<Option<Self>> {
        let Some(profile) = caller.masked.as_deref() else { return Ok(None) };
        let veil = inner.veil().filter(|veil| veil.knows(profile)).ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "nothing is here that masks by the profile of this token")
        })?;
        let key = inner.core.ring.mask_key(caller.tenant);
        Ok(Some(Self {
            veil,
            profile,
            view: view.clone(),
            key: key.map_err(|error| Error::internal(ErrorKind::Unavailable, error))?,
            now_ms: inner.clock.now_ms(),
            subjects: RefCell::default(),
            masked: Cell::new(0),
            hidden: RefCell::default(),
        }))
    }

    /// Whether dates are shown as they are.
    pub(crate) fn shows_dates(&self) -> bool {
        self.veil.shows_dates(self.profile)
    }

    /// The id of the resource that is shown under `shown`.
    ///
    /// # Errors
    /// `NotFound` for an id that this view does not show: whether a resource has such an id is not told.
    pub(crate) fn real_id(&self, resource_type: &str, shown: &str) -> Result<CompactString> {
        let code = layout::type_code(resource_type).ok_or_else(Error::not_found)?;
        let (found, number) = id::read(&self.key, shown).ok_or_else(Error::not_found)?;
        if found != code {
            return Err(Error::not_found());
        }
        self.id_of(code, number)?.ok_or_else(Error::not_found)
    }

    /// The id of a resource by its number; `None` if nothing was ever written.
    fn id_of(&self, code: u16, number: u64) -> Result<Option<CompactString>> {
        let Some(row) = self.view.row(code, number)? else { return Ok(None) };
        match self.view.versioned(code, number, &row) {
            Ok(versioned) => Ok(Some(versioned.id)),
            Err(error) if error.kind() == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The id under which a resource is shown.
    pub(crate) fn shown_id(&self, resource_type: &str, id: &str) -> Result<Option<String>> {
        let Some(code) = layout::type_code(resource_type) else { return Ok(None) };
        let number = self.view.number(code, id)?;
        Ok(number.map(|number| id::shown(&self.key, code, number)))
    }

    /// The query that finds what this one asks for, if the view may be asked that.
    ///
    /// # Errors
    /// `Denied` for what would tell something that is masked, `NotFound` for ids that the view does not show.
    pub(crate) fn admit(&self, query: &Query) -> Result<Query> {
        admit::admit(self, query)
    }

    /// A version as this view shows it.
    ///
    /// # Errors
    /// `Internal` if it cannot be masked.
    pub(crate) fn show(&self, version: &Versioned) -> Result<Versioned> {
        let value = self.masked(version)?;
        let mut shown = version.clone();
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
        // Whatever masks: what goes out under another id than that would lead back to nothing, or tell the real one.
        if self.shown_id(&version.resource_type, &version.id)?.as_deref() != Some(id) {
            return Err(Error::internal(
                ErrorKind::Internal,
                "a masked resource has another id than it is to have",
            ));
        }
        shown.id = id.into();
        shown.last_updated_ms = last_updated(&value);
        shown.body = value.to_vec();
        Ok(shown)
    }

    fn masked(&self, version: &Versioned) -> Result<Value> {
        let resource = read_json(&version.body).map_err(corrupt)?;
        let patient = self.patient_of(&resource)?;
        let failed: RefCell<Option<Error>> = RefCell::default();
        let shown_id = |name: &str, id: &str| {
            self.shown_id(name, id).unwrap_or_else(|error| {
                failed.replace(Some(error));
                None
            })
        };
        let asked = Veiling {
            profile: self.profile,
            resource: &resource,
            patient: patient.as_ref().map(|(id, subject)| (id.as_str(), subject)),
            key: &self.key,
            shown_id: &shown_id,
            now_ms: self.now_ms,
        };
        let veiled = self.veil.mask(&asked).map_err(|why| Error::internal(ErrorKind::Internal, why))?;
        if let Some(error) = failed.take() {
            return Err(error);
        }
        self.masked.set(self.masked.get() + 1);
        let mut hidden = self.hidden.borrow_mut();
        for (kind, count) in veiled.kinds {
            *hidden.entry(kind).or_default() += count;
        }
        Ok(veiled.resource)
    }

    /// The one patient that a resource is about, if there is one, and what is known of it.
    fn patient_of(&self, resource: &Value) -> Result<Option<(CompactString, VeilSubject)>> {
        let mut ids = fhir::search::patient_compartment(resource);
        ids.sort();
        ids.dedup();
        let [id] = ids.as_slice() else { return Ok(None) };
        let known = self.subjects.borrow().get(id).cloned();
        let subject = match known {
            Some(known) => known,
            None => {
                let found = self.patient(id)?.map(|patient| self.veil.subject(&patient));
                self.subjects.borrow_mut().insert(id.clone(), found.clone());
                found
            }
        };
        Ok(subject.map(|subject| (id.clone(), subject)))
    }

    fn patient(&self, id: &str) -> Result<Option<Value>> {
        let Some((number, row)) = self.view.find(layout::PATIENT_CODE, id)? else { return Ok(None) };
        match self.view.body(layout::PATIENT_CODE, number, &row) {
            Ok(body) => body.map(|body| body.value().map_err(corrupt)).transpose(),
            Err(error) if error.kind() == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entries of a page as this view shows them, each cut to the part that `query` asks for.
    ///
    /// # Errors
    /// As [`Self::show`].
    pub(crate) fn show_page(&self, page: &mut SearchPage, query: &Query) -> Result<()> {
        let part = Subset::of(query);
        for SearchEntry { versioned, .. } in &mut page.entries {
            *versioned = self.show(versioned)?;
            if let Some(part) = &part {
                versioned.body = subset(read_json(&versioned.body).map_err(corrupt)?, part).to_vec();
            }
        }
        Ok(())
    }

    /// Says in the audit event what was hidden.
    pub(crate) fn note(&self, shown: &mut Shown) {
        shown.note = self.told();
    }

    /// Resources that were masked so far.
    pub(crate) fn count(&self) -> u64 {
        self.masked.get()
    }

    /// What was hidden so far, in words for the audit log: kinds and counts, never a value.
    fn told(&self) -> String {
        let hidden = self.hidden.borrow();
        let kinds: Vec<String> = hidden.iter().map(|(kind, count)| format!("{kind}={count}")).collect();
        let kinds = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" ") };
        format!("masked view of {}: {kinds}; {}", self.count(), self.veil.label(self.profile))
    }
}

/// `meta.lastUpdated` as it is shown; the beginning of 1970 where it is not.
fn last_updated(resource: &Value) -> i64 {
    let text = resource.get("meta").and_then(|meta| meta.get("lastUpdated")?.as_str());
    text.and_then(fhir::search::date::range).map_or(0, |(low, _)| low)
}
