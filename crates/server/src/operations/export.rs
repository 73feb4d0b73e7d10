//! `$export` of the system, of all patients and of a group (Bulk Data Access 2.0). It is always answered later.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, Method, Uri};
use repository::{ExportLevel, ExportOptions};

use super::parameters::{self, Parameters};
use crate::edge::Edge;
use crate::faults;
use crate::jobs;
use crate::reply::Refusal;
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;

/// What `_outputFormat` may say; all mean the same.
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/$export", get(of_system).post(of_system))
        .route("/fhir/{type}/$export", get(of_type).post(of_type))
        .route("/fhir/{type}/{id}/$export", get(of_group).post(of_group))
}

async fn of_system(
    State(edge): State<Arc<Edge>>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    kick_off(edge, ExportLevel::System, &uri, (method, headers, body)).await
}

async fn of_type(
    State(edge): State<Arc<Edge>>,
    Path(resource_type): Path<String>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    if resource_type != "Patient" {
        return Err(elsewhere());
    }
    kick_off(edge, ExportLevel::Patients, &uri, (method, headers, body)).await
}

async fn of_group(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    if resource_type != "Group" {
        return Err(elsewhere());
    }
    kick_off(edge, ExportLevel::Group(id), &uri, (method, headers, body)).await
}

fn elsewhere() -> Refusal {
    let text = "`$export` is there for the system, as `Patient/$export` and as `Group/1/$export`";
    Refusal::new(faults::UNKNOWN_PATH, text)
}

async fn kick_off(
    edge: Arc<Edge>,
    level: ExportLevel,
    uri: &Uri,
    (method, headers, body): (Method, HeaderMap, Body),
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(uri.query().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    let caller = edge.caller(&headers)?;
    let mut parameters = parameters::gathered(&edge, &method, &pairs, &headers, body).await?;
    let options = options(level, &mut parameters)?;
    if !wishes.lenient {
        parameters.finish()?;
    }
    let base = edge.base(&headers);
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let request = format!("{}{path}", base.strip_suffix("/fhir").unwrap_or(&base));
    let shared = Arc::clone(&edge);
    let id =
        edge.work(move || Ok(jobs::room(&shared, &caller)?.export(&caller, &options, &request)?)).await?;
    Ok(jobs::accepted(&base, &id))
}

fn options(level: ExportLevel, parameters: &mut Parameters) -> Result<ExportOptions, Refusal> {
    if let Some(format) = parameters.text("_outputFormat")?
        && !FORMATS.contains(&format.replace(' ', "+").as_str())
    {
        return Err(Refusal::invalid("`_outputFormat`: only `application/fhir+ndjson` is written"));
    }
    for (name, instead) in [
        ("includeAssociatedData", "name the types in `_type` instead"),
        ("organizeOutputBy", "files are by type"),
        ("allowPartialManifests", "the manifest comes when all files are written"),
    ] {
        if parameters.has(name) {
            return Err(Refusal::invalid(format!("`{name}` is not supported: {instead}")));
        }
    }
    let patients = parameters.references("patient")?;
    if !patients.is_empty() && level == ExportLevel::System {
        return Err(Refusal::invalid("`patient` is for `Patient/$export` and `Group/1/$export`"));
    }
    let id = |reference: String| {
        let id = reference.strip_prefix("Patient/").map(str::to_owned);
        id.ok_or_else(|| Refusal::invalid("`patient` is a reference such as `Patient/1`"))
    };
    let element = |text: String| match text.split_once('.') {
        Some((of, element)) => (Some(of.to_owned()), element.to_owned()),
        None => (None, text),
    };
    let mut filters = Vec::new();
    for text in parameters.texts("_typeFilter")? {
        for filter in split_filters(&text) {
            let (of, query) = filter.split_once('?').ok_or_else(|| {
                Refusal::invalid("`_typeFilter`: a filter is a search, such as `Observation?status=final`")
            })?;
            filters.push((of.to_owned(), query.to_owned()));
        }
    }
    Ok(ExportOptions {
        level,
        types: parameters.listed("_type")?,
        since_ms: parameters.span("_since")?.map(|(low, _)| low),
        until_ms: parameters.span("_until")?.map(|(_, high)| high - 1),
        filters,
        elements: parameters.listed("_elements")?.into_iter().map(element).collect(),
        patients: patients.into_iter().map(id).collect::<Result<_, _>>()?,
    })
}

/// Several filters may stand in one parameter with commas between, and values of a filter have commas too: a new filter
/// begins where a type and `?` follow the comma.
fn split_filters(text: &str) -> Vec<&str> {
    let mut filters = Vec::new();
    let mut start = 0;
    for (comma, _) in text.match_indices(',') {
        let rest = text.get(comma + 1..).unwrap_or_default();
        let name = rest.split('?').next().filter(|name| name.len() < rest.len());
        let begins = name.is_some_and(|name| {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        if begins {
            filters.extend(text.get(start..comma));
            start = comma + 1;
        }
    }
    filters.extend(text.get(start..));
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ExportOptions, Refusal> {
        let mut parameters = Parameters::from_query(&Pairs::parse(query).unwrap());
        let options = options(ExportLevel::Patients, &mut parameters)?;
        parameters.finish().map(|()| options)
    }

    #[test]
    fn a_kick_off_is_read_as_the_specification_writes_it() {
        let options = read(
            "_outputFormat=application%2Ffhir%2Bndjson&_since=2026-01-01T00:00:00Z&_type=Patient,Observation\
             &_typeFilter=Observation%3Fcategory%3Da%2Cb%2CObservation%3Fstatus%3Dfinal&_elements=id,Patient.name&patient=Patient/7",
        );
        let options = options.unwrap();
        assert_eq!(options.types, ["Patient", "Observation"]);
        assert_eq!(options.since_ms, Some(1_767_225_600_000));
        let filter = |query: &str| ("Observation".to_owned(), query.to_owned());
        assert_eq!(options.filters, [filter("category=a,b"), filter("status=final")]);
        assert_eq!(
            options.elements,
            [(None, "id".to_owned()), (Some("Patient".to_owned()), "name".to_owned())]
        );
        assert_eq!(options.patients, ["7"]);
        assert_eq!(read("_outputFormat=ndjson").unwrap().level, ExportLevel::Patients);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for query in [
            "_outputFormat=text/csv",
            "includeAssociatedData=LatestProvenanceResources",
            "organizeOutputBy=Patient",
            "_since=yesterday",
            "_typeFilter=status%3Dfinal",
            "colour=red",
            "patient=7",
            "_since=2026&_since=2025",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
