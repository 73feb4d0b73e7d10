//! `$status` of Subscriptions (Backport guide 1.1, backport-subscription-status), and what the operations on Subscriptions share.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::Value;
use fhir::search::query::{self, Limits};
use http::{HeaderMap, Method, StatusCode};
use repository::{Access, Definition, ErrorKind, PayloadContent, SubscriptionState};

use super::parameters::{self, Parameters};
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::rest::negotiate::Wishes;
use crate::rest::page::Writer;
use crate::subscriptions::{Kind, Notice};

/// Subscriptions in one answer.
const SUBSCRIPTIONS_MAX: u32 = 1000;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/Subscription/$status", get(of_type).post(of_type))
        .route("/fhir/Subscription/{id}/$status", get(of_one).post(of_one))
}

async fn of_type(
    State(edge): State<Arc<Edge>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Asked::read(&edge, &method, query, headers, body).await?;
    answer(edge, None, asked).await
}

async fn of_one(
    State(edge): State<Arc<Edge>>,
    Path(id): Path<String>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Asked::read(&edge, &method, query, headers, body).await?;
    answer(edge, Some(id), asked).await
}

/// A request for an operation.
pub(super) struct Asked {
    pub(super) parameters: Parameters,
    pub(super) wishes: Wishes,
    pub(super) headers: HeaderMap,
}

impl Asked {
    pub(super) async fn read(
        edge: &Edge,
        method: &Method,
        query: Option<String>,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Self, Refusal> {
        let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
        let wishes = Wishes::read(&headers, &pairs)?;
        let parameters = parameters::gathered(edge, method, &pairs, &headers, body).await?;
        Ok(Self { parameters, wishes, headers })
    }
}

/// A Subscription as somebody who asks about it may know it.
pub(super) struct Known {
    pub(super) definition: Definition,
    /// How far it is; `None` before it began.
    pub(super) state: Option<SubscriptionState>,
    error: Option<String>,
}

impl Known {
    /// Looks a Subscription up. Who may not read and search what it tells of does not learn how much there was.
    ///
    /// # Errors
    /// Those of a read; 403.
    pub(super) fn read(edge: &Edge, access: &Access, id: &str) -> Result<Self, Refusal> {
        let body = access.read("Subscription", id)?.body;
        Self::of(edge, access, &edge.parse(&body)?)
    }

    fn of(edge: &Edge, access: &Access, resource: &Value) -> Result<Self, Refusal> {
        let definition = Definition::read(&access.registry()?, resource)
            .map_err(|issues| Refusal::with_issues(StatusCode::UNPROCESSABLE_ENTITY, issues))?;
        let state = match access.subscription_plan(&definition) {
            Ok(_) => edge.subscriptions().store().subscription_state(&definition.id)?,
            // Its topic is gone: there is nothing more to know.
            Err(error) if error.kind() == ErrorKind::Unprocessable => None,
            Err(error) => return Err(error.into()),
        };
        let error = resource.get("error").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { definition, state, error })
    }

    /// What is said of it.
    pub(super) fn notice<'a>(
        &'a self,
        base: &'a str,
        kind: Kind,
        content: PayloadContent,
        uuid: &'a str,
    ) -> Notice<'a> {
        Notice {
            base,
            id: &self.definition.id,
            kind,
            status: self.definition.status.code(),
            topic: self.definition.topic(),
            content,
            events: self.state.as_ref().map_or(0, |state| state.events),
            error: self.error.as_deref(),
            uuid,
        }
    }
}

/// The Subscriptions that the caller may see and know about.
fn all(edge: &Edge, access: &Access) -> Result<Vec<Known>, Refusal> {
    let count = ("_count".to_owned(), SUBSCRIPTIONS_MAX.to_string());
    let registry = access.registry()?;
    let query = query::parse(&registry, "Subscription", &[count], false, &Limits::default())
        .map_err(|issues| Refusal::with_issues(StatusCode::BAD_REQUEST, issues))?;
    let mut known = Vec::new();
    for entry in access.search(&query)?.entries {
        // What cannot be served, or what the caller may not know about, is passed over.
        known.extend(Known::of(edge, access, &edge.parse(&entry.versioned.body)?));
    }
    Ok(known)
}

async fn answer(edge: Arc<Edge>, id: Option<String>, asked: Asked) -> Result<Response, Refusal> {
    let Asked { mut parameters, wishes, headers } = asked;
    let access = edge.access(&headers)?;
    // At an instance the guide has both ignored.
    let (ids, statuses) = (parameters.listed("id")?, parameters.listed("status")?);
    parameters.finish()?;
    let base = edge.base(&headers);
    let shared = Arc::clone(&edge);
    let body = edge
        .work(move || {
            let known = match (&id, ids.as_slice()) {
                (Some(id), _) => vec![Known::read(&shared, &access, id)?],
                (None, []) => all(&shared, &access)?,
                (None, ids) => {
                    ids.iter().map(|id| Known::read(&shared, &access, id)).collect::<Result<_, _>>()?
                }
            };
            let wanted = |known: &&Known| {
                id.is_some()
                    || statuses.is_empty()
                    || statuses.iter().any(|code| code == known.definition.status.code())
            };
            let mut out = Writer::new("searchset", 4096);
            for known in known.iter().filter(wanted) {
                let status = known.notice(&base, Kind::QueryStatus, PayloadContent::IdOnly, "").status(&[]);
                let url = format!("{base}/Subscription/{}/$status", known.definition.id);
                out.entry(Some(&url), Some(&status.to_vec()), ",\"search\":{\"mode\":\"match\"}");
            }
            Ok(wishes.shape(out.finish()))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}
