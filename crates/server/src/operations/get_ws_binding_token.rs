//! `$get-ws-binding-token` of Subscriptions, and the socket that such a token is for (Backport guide 1.1,
//! backport-subscription-get-ws-binding-token).
//!
//! What goes over the socket is what the writer of the Subscription may see, so only the writer gets a token: the same actor
//! with the same rights.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use fhir::json::{Value, object};
use http::{HeaderMap, Method, StatusCode};
use repository::{Caller, Channel};

use super::status::{Asked, Known};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::subscriptions;
use crate::time;

/// Where sockets are opened, after the base.
pub(crate) const SOCKET_PATH: &str = "$subscription-ws";

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/fhir/Subscription/$get-ws-binding-token", get(of_type).post(of_type))
        .route("/fhir/Subscription/{id}/$get-ws-binding-token", get(of_one).post(of_one))
        .route("/fhir/$subscription-ws", get(socket))
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

async fn answer(edge: Arc<Edge>, id: Option<String>, asked: Asked) -> Result<Response, Refusal> {
    let Asked { mut parameters, wishes, headers } = asked;
    let caller = edge.caller(&headers)?;
    let access = edge.access(&headers)?;
    let listed = parameters.listed("id")?;
    parameters.finish()?;
    let ids = id.map_or(listed, |id| vec![id]);
    if ids.is_empty() {
        return Err(Refusal::invalid("name at least one Subscription, by `id`"));
    }
    let base = edge.base(&headers);
    let shared = Arc::clone(&edge);
    let body = edge
        .work(move || {
            let hub = shared.subscriptions();
            for id in &ids {
                let known = Known::read(&shared, &access, id)?;
                if known.definition.channel != Channel::WebSocket {
                    return Err(Refusal::new(
                        faults::NO_SOCKET,
                        "the Subscription's channel is no `websocket`",
                    ));
                }
                let subscribed = hub.store().subscription_named(caller.tenant, id)?;
                if !subscribed.and_then(|one| one.owner).is_some_and(|owner| is_same(&owner, &caller)) {
                    return Err(Refusal::new(
                        faults::NOT_OWN,
                        "only who wrote a Subscription can listen to it, with the rights it was written with",
                    ));
                }
            }
            let (token, expires_ms) = hub.sockets().ticket(hub.store(), ids.clone())?;
            let parameter = |name: &str, kind: &str, value: &str| {
                object([("name", Value::from(name)), (kind, value.into())])
            };
            let mut all = vec![
                parameter("token", "valueString", &token),
                parameter("expiration", "valueDateTime", &time::instant(expires_ms)),
            ];
            all.extend(ids.iter().map(|id| parameter("subscription", "valueString", id)));
            all.push(parameter("websocket-url", "valueUrl", &socket_url(&base)));
            let body = object([("resourceType", Value::from("Parameters")), ("parameter", all.into())]);
            Ok(wishes.shape(body.to_vec()))
        })
        .await?;
    Ok(reply::json(StatusCode::OK, body))
}

/// The URL at which sockets are opened.
pub(crate) fn socket_url(base: &str) -> String {
    format!("wss://{}/{SOCKET_PATH}", base.strip_prefix("https://").unwrap_or(base))
}

/// Whether somebody is who wrote a Subscription, with the same rights.
fn is_same(owner: &Caller, caller: &Caller) -> bool {
    owner.actor == caller.actor
        && owner.home == caller.home
        && owner.scopes == caller.scopes
        && owner.launch_patient == caller.launch_patient
}

/// `GET $subscription-ws`: opens a socket. What is said over it is in `subscriptions::sockets`.
async fn socket(
    State(edge): State<Arc<Edge>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| {
        Refusal::invalid("this path takes WebSocket connections (RFC 6455) over HTTP/1.1, and nothing else")
    })?;
    subscriptions::connect(edge.subscriptions(), upgrade)
}
