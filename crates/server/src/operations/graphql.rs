//! `$graphql`: picking elements out of resources (R4 graphql.html).
//!
//! At the base a query begins with `Patient(id: …)`, `PatientList(…)` and `PatientConnection(…)`; at one resource with its
//! elements. References are followed by `resource`, backwards by a list with `_reference`. Every resource comes through
//! the caller's own access: what a read refuses is an error of its field. Mutations are not offered.

mod arguments;
mod run;
mod source;

use std::sync::Arc;

use async_graphql_parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql_value::{ConstValue, Variables};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::Value;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use self::run::Run;
use self::source::StoreSource;
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;

/// Length of a query.
const QUERY_BYTES_MAX: usize = 64 * 1024;
/// Brackets within each other in a query.
const DEPTH_MAX: usize = 32;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/$graphql", get(system_by_url).post(system_by_body))
        .route("/fhir/{type}/{id}/$graphql", get(instance_by_url).post(instance_by_body))
}

async fn system_by_url(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::from_query(&Pairs::parse(query.as_deref().unwrap_or_default())?)?;
    answer(edge, None, asked, headers).await
}

async fn instance_by_url(
    State(edge): State<Arc<Edge>>,
    Path(focus): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked::from_query(&Pairs::parse(query.as_deref().unwrap_or_default())?)?;
    answer(edge, Some(focus), asked, headers).await
}

async fn system_by_body(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Asked::from_body(&edge, &headers, body).await?;
    answer(edge, None, asked, headers).await
}

async fn instance_by_body(
    State(edge): State<Arc<Edge>>,
    Path(focus): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Asked::from_body(&edge, &headers, body).await?;
    answer(edge, Some(focus), asked, headers).await
}

async fn answer(
    edge: Arc<Edge>,
    focus: Option<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let body = edge
        .work(move || {
            let document = asked.parse()?;
            let operation = asked.operation(&document)?;
            let source = StoreSource::new(&access)?;
            let focus = match &focus {
                Some((resource_type, id)) => Some(source.focus(resource_type, id)?),
                None => None,
            };
            let run = Run::new(&source, &document.fragments, asked.variables(operation)?);
            Ok(run.answer(&operation.selection_set.node, focus.as_ref()).to_vec())
        })
        .await?;
    let mut response = reply::json(StatusCode::OK, body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A request: the document, which of its operations, and values for its variables.
#[derive(Debug, Default)]
struct Asked {
    query: String,
    operation: Option<String>,
    variables: Variables,
}

impl Asked {
    fn from_query(pairs: &Pairs) -> Result<Self, Refusal> {
        let query = pairs.last("query").ok_or_else(missing)?.to_owned();
        let variables = match pairs.last("variables") {
            Some(text) => Variables::from_json(serde_json::from_str(text).map_err(|_| wrong_variables())?),
            None => Variables::default(),
        };
        Ok(Self { query, operation: pairs.last("operationName").map(str::to_owned), variables })
    }

    async fn from_body(edge: &Edge, headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        let kind =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        edge.caller(headers)?;
        let bytes = edge.body(body).await?;
        if kind.split(';').next().unwrap_or_default().trim() == "application/graphql" {
            let query =
                String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::invalid("the query is not UTF-8"))?;
            return Ok(Self { query, ..Self::default() });
        }
        let body: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Refusal::invalid(format!("the body is not JSON at line {line}, column {column}"))
        })?;
        let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Ok(Self {
            query: text("query").ok_or_else(missing)?,
            operation: text("operationName"),
            variables: Variables::from_json(body.get("variables").cloned().unwrap_or_default()),
        })
    }

    fn parse(&self) -> Result<ExecutableDocument, Refusal> {
        if self.query.len() > QUERY_BYTES_MAX {
            return Err(Refusal::invalid(format!("the query is over {QUERY_BYTES_MAX} bytes")));
        }
        // The parser recurses on brackets before it looks at any bound of its own.
        if depth(&self.query) > DEPTH_MAX {
            return Err(Refusal::invalid(format!("the query is nested deeper than {DEPTH_MAX} brackets")));
        }
        async_graphql_parser::parse_query(&self.query).map_err(|error| {
            let place = error.positions().next();
            let place =
                place.map(|at| format!(" at line {}, column {}", at.line, at.column)).unwrap_or_default();
            Refusal::invalid(format!("the query is not GraphQL{place}"))
        })
    }

    fn operation<'d>(&self, document: &'d ExecutableDocument) -> Result<&'d OperationDefinition, Refusal> {
        let found = match (&document.operations, &self.operation) {
            (DocumentOperations::Single(one), _) => Some(one),
            (DocumentOperations::Multiple(all), Some(name)) => all.get(name.as_str()),
            (DocumentOperations::Multiple(_), None) => None,
        };
        let found = found.ok_or_else(|| {
            Refusal::invalid("several operations stand in the query: name one of them as `operationName`")
        })?;
        if found.node.ty == OperationType::Query {
            return Ok(&found.node);
        }
        Err(Refusal::invalid("queries alone are answered; write with the RESTful interactions"))
    }

    /// The values of the operation's variables: as given, else their default.
    fn variables(&self, operation: &OperationDefinition) -> Result<Vec<(String, ConstValue)>, Refusal> {
        let mut values = Vec::new();
        for definition in &operation.variable_definitions {
            let name = definition.node.name.node.as_str();
            let given = self.variables.get(name).or_else(|| definition.node.default_value());
            let Some(value) = given else {
                return Err(Refusal::invalid("a variable that must not be null has no value"));
            };
            values.push((name.to_owned(), value.clone()));
        }
        Ok(values)
    }
}

fn missing() -> Refusal {
    Refusal::invalid("the parameter `query` is needed: a GraphQL query")
}

fn wrong_variables() -> Refusal {
    Refusal::invalid("`variables` is not a JSON object")
}

/// The greatest number of brackets within each other, outside strings and comments.
fn depth(query: &str) -> usize {
    let (mut depth, mut greatest, mut rest) = (0_usize, 0, query);
    while let Some(at) = rest.find(['{', '[', '(', '}', ']', ')', '"', '#']) {
        let (open, after) = rest.split_at(at + 1);
        rest = after;
        match open.as_bytes().last() {
            Some(b'{' | b'[' | b'(') => {
                depth += 1;
                greatest = greatest.max(depth);
            }
            Some(b'"') => rest = behind_string(rest),
            Some(b'#') => rest = rest.find('\n').map_or("", |end| rest.get(end..).unwrap_or_default()),
            _ => depth = depth.saturating_sub(1),
        }
    }
    greatest
}

/// What follows a string whose first quote was passed.
fn behind_string(text: &str) -> &str {
    if let Some(block) = text.strip_prefix("\"\"") {
        return block.split_once("\"\"\"").map_or("", |(_, rest)| rest);
    }
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// A resource as a field may hold it.
type Resource = Arc<Value>;

#[cfg(test)]
mod tests;
