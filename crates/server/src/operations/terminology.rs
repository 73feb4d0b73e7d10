//! What the terminology operations share: routes, the way to the library, codings, and versions that a request prefers.
//!
//! Each operation is a [`Question`]: it reads its parameters, then answers from a library. The store decides and audits.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::Value;
use fhir::terminology::{CodeSystem, Coding, ConceptMap, Library, Loaded, ValueSet};
use http::{HeaderMap, Method, StatusCode};

use super::parameters::{self, Parameters};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;

/// One terminology operation: a request, read.
pub(super) trait Question: Sized + Send + 'static {
    /// The name without the `$`.
    const NAME: &'static str;
    /// The types that it is there for.
    const TYPES: &'static [&'static str];
    /// Whether it is there after `Type/id`.
    const ON_INSTANCE: bool;

    /// Reads the parameters; `of_instance` says that the operation was called on a stored resource.
    fn read(resource_type: &str, of_instance: bool, parameters: &mut Parameters) -> Result<Self, Refusal>;

    /// Answers from `library`; `resource` is the stored resource that the operation was called on.
    fn answer(self, library: &dyn Library, resource: Option<Value>) -> repository::Result<Value>;
}

/// The routes of one operation.
pub(super) fn routes<Q: Question>() -> Router<Arc<Edge>> {
    let router =
        Router::new().route(&format!("/fhir/{{type}}/${}", Q::NAME), get(of_type::<Q>).post(of_type::<Q>));
    if !Q::ON_INSTANCE {
        return router;
    }
    router.route(&format!("/fhir/{{type}}/{{id}}/${}", Q::NAME), get(of_instance::<Q>).post(of_instance::<Q>))
}

/// What all forms have in common: a query, and with POST a body.
type Rest = (Method, RawQuery, HeaderMap, Body);

async fn of_type<Q: Question>(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    method: Method,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    answer::<Q>(edge, resource_type, None, (method, query, headers, body)).await
}

async fn of_instance<Q: Question>(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    method: Method,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    answer::<Q>(edge, resource_type, Some(id), (method, query, headers, body)).await
}

async fn answer<Q: Question>(
    edge: Arc<Edge>,
    resource_type: String,
    id: Option<String>,
    (method, RawQuery(query), headers, body): Rest,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    let access = edge.access(&headers)?;
    let Some(known) = Q::TYPES.iter().find(|known| **known == resource_type) else {
        let text = format!("`${}` is there for {} alone", Q::NAME, Q::TYPES.join(" and "));
        return Err(Refusal::new(faults::UNKNOWN_PATH, text));
    };
    let mut parameters = parameters::gathered(&edge, &method, &pairs, &headers, body).await?;
    let question = Q::read(known, id.is_some(), &mut parameters)?;
    parameters.finish()?;
    let body = edge
        .work(move || {
            let work = |library: &dyn Library, resource| question.answer(library, resource);
            Ok(wishes.shape(access.terminology(Q::NAME, known, id.as_deref(), work)?.to_vec()))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

/// A coding that a request holds.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) system: Option<String>,
    version: Option<String>,
    code: String,
    pub(super) display: Option<String>,
}

impl Given {
    /// The coding, to be judged or looked up.
    pub(super) fn coding(&self) -> Coding<'_> {
        Coding {
            system: self.system.as_deref(),
            version: self.version.as_deref(),
            code: &self.code,
            display: self.display.as_deref(),
        }
    }

    fn read(coding: &Value) -> Result<Self, Refusal> {
        let text = |key| coding.get(key).and_then(Value::as_str).map(str::to_owned);
        let code = text("code").ok_or_else(|| Refusal::invalid("a `Coding` needs a `code` here"))?;
        Ok(Self { system: text("system"), version: text("version"), code, display: text("display") })
    }

    /// The coding that the parameter `name` holds.
    pub(super) fn of(parameters: &mut Parameters, name: &str) -> Result<Option<Self>, Refusal> {
        let mut values = parameters.values(name)?;
        if values.len() > 1 {
            return Err(Refusal::invalid(format!("`{name}` is given more than once")));
        }
        match values.pop() {
            None => Ok(None),
            Some((kind, value)) if kind == "Coding" => Self::read(&value).map(Some),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is a `valueCoding`, which needs a body"))),
        }
    }

    /// The codings of a request in one of the three ways of R4: `code` with `system`, `coding`, or `codeableConcept`.
    ///
    /// `version` names the parameter with the version of the system.
    pub(super) fn all(parameters: &mut Parameters, version: &str) -> Result<Vec<Self>, Refusal> {
        let mut ways = Vec::new();
        if let Some(code) = parameters.text("code")? {
            let (system, version) = (parameters.text("system")?, parameters.text(version)?);
            ways.push(vec![Self { system, version, code, display: None }]);
        }
        if let Some(coding) = Self::of(parameters, "coding")? {
            ways.push(vec![coding]);
        }
        for (kind, value) in parameters.values("codeableConcept")? {
            if kind != "CodeableConcept" {
                return Err(Refusal::invalid(
                    "`codeableConcept` is a `valueCodeableConcept`, which needs a body",
                ));
            }
            let codings = value.get("coding").map(Value::elements).unwrap_or_default();
            ways.push(codings.iter().map(Self::read).collect::<Result<_, _>>()?);
        }
        match ways.len() {
            1 => Ok(ways.remove(0)),
            0 => Err(Refusal::invalid("give `code` (with `system`), `coding` or `codeableConcept`")),
            _ => Err(Refusal::invalid("give one of `code`, `coding` and `codeableConcept`, not several")),
        }
    }
}

/// A library as one request wants it: with resources of its own, and with versions that it prefers.
pub(super) struct Narrowed<'l> {
    base: &'l dyn Library,
    own: Loaded,
    versions: &'l Versions,
}

/// `system-version`, `check-system-version`, `force-system-version` (R4 ValueSet/$expand): versions by system.
#[derive(Debug, Default)]
pub(super) struct Versions {
    preferred: HashMap<String, String>,
    forced: HashMap<String, String>,
    checked: HashMap<String, String>,
}

impl Versions {
    /// Reads the three parameters, each `system|version`.
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let mut read = |name: &str| -> Result<HashMap<String, String>, Refusal> {
            let pair = |text: String| match text.split_once('|') {
                Some((system, version)) => Ok((system.to_owned(), version.to_owned())),
                None => Err(Refusal::invalid(format!("`{name}` has the form `system|version`"))),
            };
            parameters.texts(name)?.into_iter().map(pair).collect()
        };
        Ok(Self {
            preferred: read("system-version")?,
            forced: read("force-system-version")?,
            checked: read("check-system-version")?,
        })
    }

    /// The system of those that were read whose version is not the one that the request checks for.
    pub(super) fn violated<'s>(
        &self,
        mut read: impl Iterator<Item = (&'s String, &'s Option<String>)>,
    ) -> Option<&'s str> {
        let wrong = |system: &String, version: &Option<String>| {
            self.checked.get(system).is_some_and(|wanted| version.as_ref() != Some(wanted))
        };
        read.find(|(system, version)| wrong(system, version)).map(|(system, _)| system.as_str())
    }
}

impl<'l> Narrowed<'l> {
    pub(super) fn new(base: &'l dyn Library, versions: &'l Versions) -> Self {
        Self { base, own: Loaded::new(), versions }
    }

    /// Adds a resource of the request.
    pub(super) fn add(&mut self, resource: &Value) -> repository::Result<()> {
        self.own
            .add(resource)
            .map_err(|error| repository::Error::new(repository::ErrorKind::Unprocessable, error.to_string()))
    }
}

impl Library for Narrowed<'_> {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let preferred = || self.versions.preferred.get(url).map(String::as_str);
        let version = self.versions.forced.get(url).map(String::as_str).or(version).or_else(preferred);
        self.own.code_system(url, version).or_else(|| self.base.code_system(url, version))
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.own.value_set(url, version).or_else(|| self.base.value_set(url, version))
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.base.concept_map(url, version)
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        self.base.concept_maps()
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        self.base.supplements(url)
    }
}

/// The resource of the parameter `name`, which must be of type `resource_type`.
pub(super) fn inline(
    parameters: &mut Parameters,
    name: &str,
    resource_type: &str,
) -> Result<Option<Value>, Refusal> {
    let mut resources = parameters.resources(name)?;
    let first = resources.pop();
    match &first {
        _ if !resources.is_empty() => Err(Refusal::invalid(format!("`{name}` is given more than once"))),
        Some(value) if value.resource_type() != Some(resource_type) => {
            Err(Refusal::invalid(format!("`{name}` holds a {resource_type}")))
        }
        _ => Ok(first),
    }
}

/// Refuses what a request needs and lacks.
pub(super) fn needed(what: &str) -> Refusal {
    Refusal::invalid(format!("give {what}"))
}
