//! `/openapi.json`: the whole HTTP interface as an OpenAPI 3.0.3 document, told from the tables that the code works by.
//!
//! Bodies are described as far as JSON Schema goes without repeating FHIR: a resource is an object with a `resourceType`.
//! What a resource may hold is told by the profiles that the capability statement names.

mod paths;

use std::sync::LazyLock;

use axum::response::Response;
use fhir::definitions;
use fhir::json::{Value, array, object};
use fhir::search::query::{CONTAINED, CONTAINED_TYPE};
use http::{HeaderValue, StatusCode, header};

use self::paths::{Body, PATHS, Path, Verb};
use crate::operations::{OPERATIONS, Operation};
use crate::reply;

/// `GET /openapi.json`; needs no token, and tells nothing about the data.
pub(crate) async fn openapi() -> Response {
    static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| document().to_vec());
    let mut response = reply::json(StatusCode::OK, DOCUMENT.clone());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn document() -> Value {
    let mut paths: Vec<(String, Value)> = Vec::new();
    for path in PATHS {
        paths.push((path.path.to_owned(), item(path)));
    }
    for operation in OPERATIONS {
        for path in places(operation) {
            let verbs = if operation.affects_state { &[paths::CALL][..] } else { &[paths::ASK, paths::CALL] };
            match paths.iter_mut().find(|(known, _)| *known == path) {
                // Two definitions may share a path, such as `validate-code` of two types.
                Some(_) => {}
                None => {
                    let value = verbs.iter().map(|verb| (verb.verb, described(verb, &path, operation.name)));
                    paths.push((path.clone(), object(value)));
                }
            }
        }
    }
    object([
        ("openapi", Value::from("3.0.3")),
        (
            "info",
            object([
                ("title", Value::from("Ward")),
                ("version", Value::from(env!("CARGO_PKG_VERSION"))),
                ("description", Value::from("FHIR R4 and what lies around it. `/fhir/metadata` says more.")),
                ("license", object([("name", Value::from("Apache-2.0"))])),
            ]),
        ),
        ("security", array([object([("token", array(Vec::<Value>::new()))])])),
        ("paths", Value::Object(paths.into_iter().collect())),
        ("components", components()),
    ])
}

/// The paths of an operation.
fn places(operation: &Operation) -> Vec<String> {
    let name = operation.name;
    let mut places = Vec::new();
    if operation.system {
        places.push(format!("/fhir/${name}"));
    }
    for resource_type in operation.types {
        let of = if *resource_type == "Resource" { "{type}" } else { resource_type };
        if operation.type_level {
            places.push(format!("/fhir/{of}/${name}"));
        }
        if operation.instance {
            places.push(format!("/fhir/{of}/{{id}}/${name}"));
        }
    }
    places
}

fn item(path: &Path) -> Value {
    object(path.verbs.iter().map(|verb| (verb.verb, described(verb, path.path, ""))))
}

/// One method of a path; `operation` is the name of the FHIR operation, if it is one.
fn described(verb: &Verb, path: &str, operation: &str) -> Value {
    let mut members = Vec::new();
    let summary =
        if operation.is_empty() { verb.summary.to_owned() } else { format!("{} ${operation}", verb.summary) };
    members.push(("summary", Value::from(summary)));
    let mut parameters: Vec<Value> = ["type", "id", "version", "name", "file", "of", "bucket", "key"]
        .into_iter()
        .filter(|name| path.contains(&format!("{{{name}}}")))
        .map(|name| object([("$ref", Value::from(format!("#/components/parameters/{name}")))]))
        .collect();
    parameters.extend(verb.query.iter().map(|name| query(name)));
    if !parameters.is_empty() {
        members.push(("parameters", Value::from(parameters)));
    }
    if let Some(content) = content(verb.body) {
        members.push((
            "requestBody",
            object([("required", Value::from(verb.body != Body::Optional)), ("content", content)]),
        ));
    }
    members.push(("responses", responses(verb)));
    let is_open = matches!(path, "/healthz" | "/readyz" | "/metrics" | "/openapi.json");
    if is_open || path == "/fhir/metadata" {
        members.push(("security", array(Vec::<Value>::new())));
    }
    object(members)
}

fn query(name: &str) -> Value {
    let schema = match name {
        "_count" => object([
            ("type", Value::from("integer")),
            ("minimum", Value::from(0)),
            ("maximum", Value::from(1000)),
        ]),
        "_summary" => object([
            ("type", Value::from("string")),
            ("enum", array(["true", "false", "text", "data", "count"])),
        ]),
        "_contained" => object([("type", Value::from("string")), ("enum", array(CONTAINED.iter().copied()))]),
        "_containedType" => {
            object([("type", Value::from("string")), ("enum", array(CONTAINED_TYPE.iter().copied()))])
        }
        "_since" => object([("type", Value::from("string")), ("format", Value::from("date-time"))]),
        "_format" => object([("type", Value::from("string")), ("enum", array(["json", "xml"]))]),
        _ => object([("type", Value::from("string"))]),
    };
    object([("name", Value::from(name)), ("in", Value::from("query")), ("schema", schema)])
}

fn content(body: Body) -> Option<Value> {
    let reference = |name: &str| object([("$ref", Value::from(format!("#/components/schemas/{name}")))]);
    let of = |media: &[&str], schema: Value| {
        object(media.iter().map(|media| (*media, object([("schema", schema.clone())]))))
    };
    Some(match body {
        Body::None => return None,
        Body::Resource => of(&["application/fhir+json", "application/fhir+xml"], reference("Resource")),
        Body::Bundle => of(&["application/fhir+json", "application/fhir+xml"], reference("Bundle")),
        Body::Optional => of(&["application/fhir+json", "application/fhir+xml"], reference("Parameters")),
        Body::Patch => object([
            ("application/json-patch+json", object([("schema", reference("JsonPatch"))])),
            ("application/fhir+json", object([("schema", reference("Parameters"))])),
        ]),
        Body::Form => of(&["application/x-www-form-urlencoded"], object([("type", Value::from("object"))])),
        Body::Note => object([
            ("application/json", object([("schema", reference("Note"))])),
            ("text/plain", object([("schema", object([("type", Value::from("string"))]))])),
        ]),
        Body::Comprehend => of(&["application/json", "application/x-amz-json-1.1"], reference("DetectPHI")),
        Body::Named => of(
            &["application/json"],
            texts_of(&["text", "s3Bucket", "s3Key", "destinationBucket", "destinationKey"], &[]),
        ),
        Body::Values => of(&["application/json"], object([("type", Value::from("object"))])),
        Body::Object => of(&["application/octet-stream"], binary()),
        Body::Picture => of(&["image/png", "image/jpeg", "image/tiff"], binary()),
        Body::Document => of(&["application/xml", "text/xml"], object([("type", Value::from("string"))])),
        Body::Table => of(&["text/csv"], object([("type", Value::from("string"))])),
        Body::Pdf => of(&["application/pdf"], binary()),
        Body::Dicom => of(&["application/dicom"], binary()),
        Body::Message => of(&["application/octet-stream"], binary()),
    })
}

fn responses(verb: &Verb) -> Value {
    let described = |text: &str, media: &[&str]| {
        let schema = object([("schema", object([("type", Value::from("object"))]))]);
        let plain = object([("schema", object([("type", Value::from("string"))]))]);
        let content = object(
            media
                .iter()
                .map(|media| (*media, if media.contains("json") { schema.clone() } else { plain.clone() })),
        );
        let mut members = vec![("description", Value::from(text))];
        if !media.is_empty() {
            members.push(("content", content));
        }
        object(members)
    };
    let mut list: Vec<(String, Value)> = Vec::new();
    for status in verb.done {
        let media = if matches!(status, 204 | 304 | 101) { &[][..] } else { verb.media };
        list.push((status.to_string(), described("done", media)));
    }
    let refused = ["application/fhir+json", "application/fhir+xml"];
    list.push((
        "4XX".to_owned(),
        described("refused: an OperationOutcome says why and what to do", &refused),
    ));
    list.push(("503".to_owned(), described("busy or not ready: come again after `Retry-After`", &refused)));
    object(list)
}

fn components() -> Value {
    let path = |name: &str, schema: Value| {
        object([
            ("name", Value::from(name)),
            ("in", Value::from("path")),
            ("required", Value::from(true)),
            ("schema", schema),
        ])
    };
    let text = |pattern: &str| object([("type", Value::from("string")), ("pattern", Value::from(pattern))]);
    let types = array(definitions::resource_types().map(|ty| ty.name).filter(|name| *name != "Parameters"));
    let of_type = object([("type", Value::from("string")), ("enum", types)]);
    let parameters = [
        ("type", path("type", of_type.clone())),
        ("of", path("of", of_type)),
        ("id", path("id", text("^[A-Za-z0-9.-]{1,64}$"))),
        ("version", path("version", object([("type", Value::from("integer")), ("minimum", Value::from(1))]))),
        ("name", path("name", text("^[A-Za-z0-9_-]{1,64}$"))),
        ("of", path("of", text("^([A-Z][A-Za-z]{1,63}|[*])$"))),
        ("bucket", path("bucket", text("^(raw|masked)$"))),
        ("key", path("key", text("^.{1,256}$"))),
        ("file", path("file", text("^[A-Za-z0-9.-]{1,64}$"))),
    ];
    let typed = |name: &str| {
        let kind = object([("type", Value::from("string")), ("enum", array([name]))]);
        resource(kind)
    };
    let any = resource(object([("type", Value::from("string"))]));
    let step = object([
        ("type", Value::from("object")),
        ("required", array(["op", "path"])),
        (
            "properties",
            object([
                (
                    "op",
                    object([
                        ("type", Value::from("string")),
                        ("enum", array(["add", "remove", "replace", "move", "copy", "test"])),
                    ]),
                ),
                ("path", object([("type", Value::from("string"))])),
            ]),
        ),
    ]);
    let patch = object([("type", Value::from("array")), ("items", step)]);
    let schemas = [
        ("Resource", any),
        ("Bundle", typed("Bundle")),
        ("Parameters", typed("Parameters")),
        ("JsonPatch", patch),
        ("Note", texts("text", &["text", "profile", "tier", "style", "patient"])),
        ("DetectPHI", texts("Text", &["Text"])),
    ];
    let bearer = object([("type", Value::from("http")), ("scheme", Value::from("bearer"))]);
    object([
        ("parameters", object(parameters)),
        ("schemas", object(schemas)),
        ("securitySchemes", object([("token", bearer)])),
    ])
}

fn binary() -> Value {
    object([("type", Value::from("string")), ("format", Value::from("binary"))])
}

/// An object of texts, one of them needed.
fn texts(needed: &str, names: &[&str]) -> Value {
    texts_of(names, &[needed])
}

fn texts_of(names: &[&str], needed: &[&str]) -> Value {
    let properties = names.iter().map(|name| (*name, object([("type", Value::from("string"))])));
    object([
        ("type", Value::from("object")),
        ("required", array(needed.iter().copied())),
        ("properties", object(properties)),
    ])
}

fn resource(kind: Value) -> Value {
    object([
        ("type", Value::from("object")),
        ("required", array(["resourceType"])),
        ("properties", object([("resourceType", kind)])),
    ])
}

#[cfg(test)]
mod tests;
