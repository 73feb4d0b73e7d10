//! `$export`: the resources that a caller may see, as files of lines (Bulk Data Access 2.0).
//!
//! An export shows the store as it stood after one record of the log, its *cut*. Of a resource that changed since, the
//! version that stood at the cut is written, so that nothing is missing and nothing is newer than the export's time.
//! It goes type by type, in the order of numbers; each finished file is a checkpoint, from which it goes on after a crash.
//! (A resource that changes between its being written and a crash may then be written once more.)
//!
//! The rights are those of the caller at the beginning: a type that may not be searched is left out, or refused if it was
//! named. What lies outside a patient's compartment is not in a patient's or a group's export.

mod drive;
mod run;
mod spec;

pub(crate) use drive::{Standing, Whose};

use fhir::definitions::compartment_parameters;
use fhir::json::Value;
use protect::access::Interaction;

use crate::error::{Error, ErrorKind, Result};
use crate::finding;
use crate::gate::Caller;
use crate::jobs::{Jobs, Runner, Stop, Ticket};
use crate::layout;
use crate::replay::read_position;
use crate::store::Inner;
use crate::veil::MaskedView;
use crate::view::{View, engine};

use spec::Spec;

/// Bytes of an export's file, before any compression, after which the next is begun.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Patients that a group or a `patient` parameter may name.
pub const EXPORT_PATIENTS_MAX: usize = 1_000_000;
/// `_typeFilter`s of one export.
const FILTERS_MAX: usize = 64;

/// Whose data is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExportLevel {
    /// Everybody's, and what is nobody's.
    #[default]
    System,
    /// All patients'.
    Patients,
    /// The patients' of this Group.
    Group(String),
}

/// What a `$export` request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Whose data.
    pub level: ExportLevel,
    /// Only these types (`_type`); empty for all that the caller may see.
    pub types: Vec<String>,
    /// Only what was changed or deleted at or after this time, milliseconds since 1970 UTC (`_since`).
    pub since_ms: Option<i64>,
    /// Only what was changed at or before this time (`_until`).
    pub until_ms: Option<i64>,
    /// Searches, by type: of a type with some, only what one of them finds (`_typeFilter`).
    pub filters: Vec<(String, String)>,
    /// Elements to send, each for a type or for all (`_elements`).
    pub elements: Vec<(Option<String>, String)>,
    /// Only these patients, by id (`patient`); empty for all.
    pub patients: Vec<String>,
}

impl Jobs {
    /// Begins an export, and gives the id of its job.
    ///
    /// # Errors
    /// `Denied` for a type that the caller may not search, or if there is none that he may; `Invalid` for unknown types and
    /// filters that cannot be run; `NotFound` for a Group or a patient that is not there; as [`Jobs::begin`].
    pub fn export(&self, caller: &Caller, options: &ExportOptions, request: &str) -> Result<String> {
        let inner = self.inner();
        self.begin(caller, "export", request, || {
            let view = inner.core.snapshot(caller.tenant.0)?;
            Ok(plan(&view, caller, options, inner)?.to_json())
        })
    }
}

/// Decides what an export will hold, as of now.
fn plan(view: &View, caller: &Caller, options: &ExportOptions, inner: &Inner) -> Result<Spec> {
    let mut codes = Vec::new();
    for name in &options.types {
        let unknown = || {
            let shown: String = name.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
            Error::new(ErrorKind::Invalid, format!("`_type`: `{shown}` is no resource type of FHIR R4"))
        };
        let code = layout::type_code(name).ok_or_else(unknown)?;
        caller.decide(Interaction::SearchType, Some(name))?;
        if options.level != ExportLevel::System && !of_patients(name) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("`_type`: {name} is not in the patient compartment; `$export` of the system has it"),
            ));
        }
        codes.push(code);
    }
    if options.types.is_empty() {
        codes = layout::type_codes()
            .filter(|code| {
                let name = layout::type_name(*code).unwrap_or_default();
                (options.level == ExportLevel::System || of_patients(name))
                    && caller.decide(Interaction::SearchType, Some(name)).is_ok()
            })
            .collect();
    }
    if codes.is_empty() {
        return Err(Error::new(ErrorKind::Denied, "no scope grants a search on any type that is exported"));
    }
    codes.sort_unstable();
    codes.dedup();
    check_filters(view, options)?;
    let options = &led_back(view, caller, options, inner)?;
    let position = read_position(view.reader.as_ref())?;
    // With no record at all there is no time yet but the clock's.
    let time_ms = if position.time_ms > 0 { position.time_ms } else { inner.clock.now_ms() };
    let spec = Spec { options: options.clone(), types: codes, cut: position.next.0, time_ms };
    drive::patients(view, caller, &spec)?;
    Ok(spec)
}

/// The options with the ids of the store, where the caller names those of the masked view.
///
/// # Errors
/// `Denied` for what the view may not be asked: among it times of changes, where it does not show dates.
fn led_back(view: &View, caller: &Caller, options: &ExportOptions, inner: &Inner) -> Result<ExportOptions> {
    let mut options = options.clone();
    let Some(masked) = MaskedView::of(inner, caller, view)? else { return Ok(options) };
    if (options.since_ms.is_some() || options.until_ms.is_some()) && !masked.shows_dates() {
        let text =
            "`_since` and `_until` are not for this masked view, which does not tell when something changed";
        return Err(Error::new(ErrorKind::Denied, text));
    }
    for (name, query) in &options.filters {
        masked.admit(&finding::parse(view, name, query)?)?;
    }
    if let ExportLevel::Group(id) = &mut options.level {
        *id = masked.real_id("Group", id)?.into_string();
    }
    for id in &mut options.patients {
        *id = masked.real_id("Patient", id)?.into_string();
    }
    Ok(options)
}

fn of_patients(name: &str) -> bool {
    name == "Patient" || !compartment_parameters("Patient", name).is_empty()
}

fn check_filters(view: &View, options: &ExportOptions) -> Result<()> {
    if options.filters.len() > FILTERS_MAX {
        return Err(Error::new(ErrorKind::TooCostly, format!("at most {FILTERS_MAX} filters are taken")));
    }
    for (name, query) in &options.filters {
        if layout::type_code(name).is_none() {
            return Err(Error::new(ErrorKind::Invalid, "`_typeFilter`: a filter is `Type?parameters`"));
        }
        if !options.types.is_empty() && !options.types.contains(name) {
            let text = format!("`_typeFilter`: {name} is not among the types of `_type`");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let parsed = finding::parse(view, name, query)?;
        let other = !parsed.includes.is_empty() || !parsed.revincludes.is_empty() || !parsed.sort.is_empty();
        if parsed.criteria.is_empty() || other || parsed.count.is_some() || parsed.summary.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "`_typeFilter`: a filter holds search criteria alone, neither `_include`, `_sort`, `_count` nor `_summary`",
            ));
        }
    }
    Ok(())
}

/// Does exports.
pub(crate) struct Exporter;

impl Runner for Exporter {
    fn run(&self, ticket: &Ticket<'_>) -> Result<(), Stop> {
        let spec = Spec::read(&ticket.spec()).ok_or_else(|| engine("an export's job does not read"))?;
        let result = fhir::json_object! { "transactionTime": crate::body::instant(spec.time_ms) };
        ticket.set_result(Value::clone(&result));
        run::run(ticket, &spec)
    }
}
