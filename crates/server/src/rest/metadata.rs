//! `capabilities`: what this server does, told from the registries that do it (R4 3.1.0.10).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use fhir::definitions;
use fhir::json::{Value, array, object};
use fhir::search::query::{CONTAINED, CONTAINED_TYPE, SPECIAL};
use fhir::search::{Kind, Registry};
use http::{HeaderMap, StatusCode};

use super::form::Pairs;
use super::negotiate::Wishes;
use super::terminology;
use super::write::PATCH;
use crate::edge::Edge;
use crate::operations::{OPERATIONS, Operation, socket_url};
use crate::reply::{self, Refusal};

/// What can be done with a resource of any type. The routes beside this file answer these.
const INTERACTIONS: &[&str] = &[
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

/// Subscriptions by topic, as R4 has them.
const SUBSCRIPTION_PROFILE: &str =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription";

/// The day on which the interactions of this version were settled.
const DATE: &str = "2026-11-22";

/// `GET metadata`; needs no token, and tells nothing about the data.
pub(crate) async fn metadata(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wishes = Wishes::read(&headers, &pairs)?;
    let base = edge.base(&headers);
    let body = match pairs.last("mode") {
        None | Some("full" | "normative") => written(&base),
        Some("terminology") => terminology::statement(&base, DATE).to_vec(),
        Some(_) => return Err(Refusal::invalid("`mode` is `full`, `normative` or `terminology`")),
    };
    Ok(reply::json(StatusCode::OK, wishes.shape(body)))
}

/// The statement as it is sent. It is long and the same for everybody, so the last one is kept; it depends on the base alone.
fn written(base: &str) -> Vec<u8> {
    static LAST: LazyLock<ArcSwapOption<(String, Vec<u8>)>> = LazyLock::new(ArcSwapOption::empty);
    if let Some(last) = LAST.load().as_ref().filter(|last| last.0 == base) {
        return last.1.clone();
    }
    let body = statement(base).to_vec();
    LAST.store(Some(Arc::new((base.to_owned(), body.clone()))));
    body
}

/// The `CapabilityStatement` for a server at `base`.
pub(crate) fn statement(base: &str) -> Value {
    let resources: Vec<Value> = definitions::resource_types()
        .map(|one| one.name)
        .filter(|name| !matches!(*name, "Parameters"))
        .map(resource)
        .collect();
    let codes = |codes: &[&str]| array(codes.iter().map(|code| object([("code", Value::from(*code))])));
    let socket = object([
        ("url", Value::from("http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket")),
        ("valueUri", Value::from(socket_url(base).as_str())),
    ]);
    let mut rest = vec![
        ("extension", Value::from(vec![socket])),
        ("mode", Value::from("server")),
        (
            "security",
            object([
                ("cors", Value::from(false)),
                (
                    "description",
                    Value::from("Bearer tokens with SMART scopes, made with `ward token create`."),
                ),
            ]),
        ),
        ("resource", Value::from(resources)),
        ("interaction", codes(&["transaction", "batch", "history-system", "search-system"])),
        ("searchParam", array([control("_contained", CONTAINED), control("_containedType", CONTAINED_TYPE)])),
    ];
    rest.extend(operations(OPERATIONS.iter().filter(|operation| operation.system)));
    object([
        ("resourceType", Value::from("CapabilityStatement")),
        ("url", Value::from(format!("{base}/metadata").as_str())),
        ("version", Value::from(env!("CARGO_PKG_VERSION"))),
        ("name", Value::from("Ward")),
        ("status", Value::from("active")),
        ("experimental", Value::from(false)),
        ("date", Value::from(DATE)),
        ("kind", Value::from("instance")),
        (
            "software",
            object([("name", Value::from("Ward")), ("version", Value::from(env!("CARGO_PKG_VERSION")))]),
        ),
        (
            "implementation",
            object([("description", Value::from("Ward FHIR server")), ("url", Value::from(base))]),
        ),
        ("fhirVersion", Value::from("4.0.1")),
        ("format", array(["json", "application/fhir+json", "xml", "application/fhir+xml"])),
        ("patchFormat", array(PATCH.iter().copied().chain(["application/fhir+xml"]))),
        ("rest", Value::from(vec![object(rest)])),
    ])
}

/// A parameter of searches of any type that is no criterion, with the values that it takes.
fn control(name: &str, values: &[&str]) -> Value {
    object([
        ("name", Value::from(name)),
        ("type", Value::from("token")),
        ("documentation", Value::from(values.join(" | "))),
    ])
}

/// The member that lists operations; none if there are none (an empty array is not valid FHIR).
fn operations<'a>(list: impl Iterator<Item = &'a Operation>) -> Option<(&'static str, Value)> {
    let one = |operation: &Operation| {
        object([("name", Value::from(operation.name)), ("definition", Value::from(operation.definition))])
    };
    let list: Vec<Value> = list.map(one).collect();
    (!list.is_empty()).then(|| ("operation", Value::from(list)))
}

/// What may refer to each type, as `_revinclude` takes it. References that may be of any type are named at none: they would
/// stand at all.
static REVERSE: LazyLock<HashMap<&'static str, Vec<String>>> = LazyLock::new(|| {
    let mut reverse: HashMap<&'static str, Vec<String>> = HashMap::new();
    for source in definitions::resource_types() {
        for parameter in Registry::base().parameters(source.name) {
            for target in &parameter.targets {
                reverse.entry(target).or_default().push(format!("{}:{}", source.name, parameter.code));
            }
        }
    }
    reverse
});

fn resource(name: &'static str) -> Value {
    let parameters = Registry::base().parameters(name);
    let references = || parameters.iter().filter(|parameter| parameter.kind == Kind::Reference);
    let mut members = vec![
        ("type", Value::from(name)),
        ("profile", Value::from(format!("http://hl7.org/fhir/StructureDefinition/{name}").as_str())),
    ];
    if name == "Subscription" {
        members.push(("supportedProfile", array([SUBSCRIPTION_PROFILE])));
    }
    members.extend([
        ("interaction", array(INTERACTIONS.iter().map(|code| object([("code", Value::from(*code))])))),
        ("versioning", Value::from("versioned-update")),
        ("readHistory", Value::from(true)),
        ("updateCreate", Value::from(true)),
        ("conditionalCreate", Value::from(true)),
        ("conditionalRead", Value::from("full-support")),
        ("conditionalUpdate", Value::from(true)),
        ("conditionalDelete", Value::from("single")),
    ]);
    let includes: Vec<Value> =
        references().map(|parameter| Value::from(format!("{name}:{}", parameter.code).as_str())).collect();
    if !includes.is_empty() {
        members.push(("searchInclude", Value::from(includes)));
    }
    let reverse: Vec<Value> =
        REVERSE.get(name).into_iter().flatten().map(|one| Value::from(one.as_str())).collect();
    if !reverse.is_empty() {
        members.push(("searchRevInclude", Value::from(reverse)));
    }
    let offered: Vec<Value> = parameters
        .iter()
        .filter(|parameter| parameter.is_offered())
        .map(|parameter| (parameter.code.as_str(), parameter.kind))
        .chain(SPECIAL.iter().copied())
        .map(|(code, kind)| object([("name", Value::from(code)), ("type", Value::from(kind.code()))]))
        .collect();
    members.push(("searchParam", Value::from(offered)));
    let own =
        |operation: &&Operation| operation.types.contains(&name) || operation.types.contains(&"Resource");
    members.extend(operations(OPERATIONS.iter().filter(own)));
    object(members)
}

#[cfg(test)]
mod tests {
    use fhir::search::query::{Limits, parse};

    use super::*;

    /// A value for each part of a composite.
    fn composite(resource_type: &str, code: &str) -> String {
        let parameters = Registry::base().parameters(resource_type);
        let found = parameters.iter().find(|parameter| parameter.code == code).unwrap();
        let parts = found.components.iter().map(|part| match part.kind {
            Kind::Number | Kind::Quantity => "5",
            Kind::Date => "2020-01-31",
            Kind::Uri => "urn:oid:1.2.3",
            Kind::Reference => "http://h.example/1",
            _ => "a",
        });
        parts.collect::<Vec<_>>().join("$")
    }

    #[test]
    fn the_statement_is_valid_and_claims_no_search_that_is_refused() {
        let statement = statement("https://h/fhir");
        assert_eq!(fhir::validate::validate(&statement), []);
        let rest = statement.get("rest").and_then(|rest| rest.at(0)).unwrap();
        let resources = rest.get("resource").map(Value::elements).unwrap();
        assert!(resources.len() > 140);
        for resource in resources {
            let text =
                |value: &Value, member: &str| value.get(member).and_then(Value::as_str).unwrap().to_owned();
            let name = text(resource, "type");
            let includes = resource.get("searchInclude").map(Value::elements).unwrap_or_default().iter();
            let reverse = resource.get("searchRevInclude").map(Value::elements).unwrap_or_default();
            let reverse = reverse.iter().step_by(7);
            let reverse =
                reverse.filter_map(|include| Some(("_revinclude".to_owned(), include.as_str()?.to_owned())));
            let mut pairs: Vec<(String, String)> = includes
                .filter_map(|include| Some(("_include".to_owned(), include.as_str()?.to_owned())))
                .chain(reverse)
                .collect();
            for parameter in resource.get("searchParam").map(Value::elements).unwrap_or_default() {
                let sample = match text(parameter, "type").as_str() {
                    "number" | "quantity" => "5",
                    "date" => "2020-01-31",
                    "uri" => "urn:oid:1.2.3",
                    "reference" => "http://h.example/1",
                    "string" | "token" => "a",
                    "special" if text(parameter, "name") == "near" => "47|8|5|km",
                    "special" => "_id eq a",
                    "composite" => &composite(&name, &text(parameter, "name")),
                    other => panic!("{name}: a parameter of kind {other} is refused"),
                };
                pairs.push((text(parameter, "name"), sample.to_owned()));
            }
            for pair in pairs {
                let read =
                    parse(Registry::base(), &name, std::slice::from_ref(&pair), false, &Limits::default());
                assert!(read.is_ok(), "{name}?{}={}: {read:?}", pair.0, pair.1);
            }
        }
    }
}
