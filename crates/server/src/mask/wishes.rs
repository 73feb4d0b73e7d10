//! How a caller wants something masked: query parameters, or members of a JSON body.

use fhir::json::{self, Value};
use http::HeaderMap;
use mask::transform::Day;
use mask::{Profile, Style, Subject, Tier, Wishes};
use repository::Access;

use crate::faults;
use crate::reply::Refusal;
use crate::rest::form::Pairs;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) profile: Profile,
    pub(super) tier: Tier,
    pub(super) style: Style,
    /// `Patient/id`.
    pub(super) patient: Option<String>,
}

/// The parameters.
pub(super) const NAMES: [&str; 4] = ["profile", "tier", "style", "patient"];

impl Wanted {
    /// From a query.
    pub(super) fn of_query(pairs: &Pairs) -> Result<Self, Refusal> {
        let mut wanted = Self::default();
        for (name, value) in &pairs.0 {
            if !matches!(name.as_str(), "_format" | "_pretty") {
                wanted.set(name, value)?;
            }
        }
        Ok(wanted)
    }

    /// Takes one wish.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let unknown = |what: &str, names: &[&str]| {
            Refusal::invalid(format!("there is no such {what}; it is one of {}", names.join(", ")))
        };
        match name {
            "profile" => {
                self.profile = Profile::named(value)
                    .ok_or_else(|| unknown("profile", &Profile::ALL.map(Profile::as_str)))?;
            }
            "tier" => {
                self.tier =
                    Tier::named(value).ok_or_else(|| unknown("tier", &Tier::ALL.map(Tier::as_str)))?;
            }
            "style" => {
                self.style =
                    Style::named(value).ok_or_else(|| unknown("style", &Style::ALL.map(Style::as_str)))?;
            }
            "patient" => {
                let id = value.strip_prefix("Patient/").unwrap_or(value);
                if id.is_empty() || id.contains('/') {
                    return Err(Refusal::invalid("`patient` is a reference such as `Patient/123`"));
                }
                self.patient = Some(format!("Patient/{id}"));
            }
            _ => return Err(unknown("parameter", &NAMES)),
        }
        Ok(())
    }

    /// What is known of the patient, read through the caller's own door.
    pub(super) fn known(&self, access: &Access) -> Result<Option<Subject>, Refusal> {
        let Some(patient) = &self.patient else { return Ok(None) };
        let id = patient.strip_prefix("Patient/").unwrap_or(patient);
        let found = access.read("Patient", id)?;
        let limits = json::Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, ..json::Limits::default() };
        let resource: Value = json::parse(&found.body, &limits)
            .map_err(|_| Refusal::new(faults::BROKEN, "an internal error; it has been logged"))?;
        Ok(Some(Subject::from_patient(&resource)))
    }

    /// The wishes that the desk takes.
    pub(crate) fn with<'a>(&'a self, known: Option<&'a Subject>, now_ms: i64) -> Wishes<'a> {
        Wishes {
            profile: self.profile,
            tier: self.tier,
            style: self.style,
            known,
            patient: self.patient.as_deref(),
            today: Day::of_time(now_ms),
        }
    }
}

/// Whether a body's media type is one of these.
pub(crate) fn is_media(headers: &HeaderMap, names: &[&str]) -> bool {
    let given = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    names.iter().any(|name| given.eq_ignore_ascii_case(name))
}
