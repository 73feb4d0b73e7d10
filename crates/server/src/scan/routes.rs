//! `/scan`: how scans stand, what they found, beginning and ending one. For those who may do everything; each call leaves an
//! audit event.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mask::scan::Severity;
use protect::access::Interaction;
use repository::{Error, ErrorKind};
use serde_json::{Value, json};

use super::kept::{self, Kept};
use super::{Scans, Shared};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;
use crate::time;

/// Findings of one answer, without and with a wish.
const COUNT_DEFAULT: usize = 1000;
const COUNT_MAX: usize = 10_000;

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/scan", get(stand))
        .route("/scan/findings", get(findings))
        .route("/scan/{name}/start", post(start))
        .route("/scan/{name}/stop", post(stop))
}

async fn stand(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let shared = shared(&edge)?;
    let body = edge
        .work(move || {
            Ok(access.deed(Interaction::Scan, "stand", || {
                let scans = told(&shared, None);
                Ok((json!({ "scans": scans }), String::new()))
            })?)
        })
        .await?;
    Ok(answer(StatusCode::OK, &body))
}

async fn findings(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let wanted = Wanted::read(&Pairs::parse(query.as_deref().unwrap_or_default())?)?;
    let shared = shared(&edge)?;
    let body = edge
        .work(move || {
            Ok(access.deed(Interaction::Scan, "findings", || {
                if wanted.scan.as_ref().is_some_and(|name| at(&shared, name).is_none()) {
                    return Err(unknown());
                }
                let page = page(&shared, &wanted)?;
                let count = page.get("findings").and_then(Value::as_array).map_or(0, Vec::len);
                Ok((page, format!("{count} shown")))
            })?)
        })
        .await?;
    Ok(answer(StatusCode::OK, &body))
}

async fn start(
    State(edge): State<Arc<Edge>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    order(edge, name, headers, "start", |state| {
        (state.wanted, state.retry_ms) = (true, None);
    })
    .await
}

async fn stop(
    State(edge): State<Arc<Edge>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    order(edge, name, headers, "stop", |state| {
        state.wanted = false;
        state.halted = state.kept.run.is_some();
    })
    .await
}

async fn order(
    edge: Arc<Edge>,
    name: String,
    headers: HeaderMap,
    what: &'static str,
    change: fn(&mut super::State),
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let shared = shared(&edge)?;
    let body = edge
        .work(move || {
            Ok(access.deed(Interaction::Scan, what, || {
                let at = at(&shared, &name).ok_or_else(unknown)?;
                if let Some(state) = shared.states.lock().get_mut(at) {
                    change(state);
                }
                shared.wake.notify_all();
                let mut scans = told(&shared, Some(&name));
                Ok((scans.pop().unwrap_or_default(), name.clone()))
            })?)
        })
        .await?;
    Ok(answer(StatusCode::ACCEPTED, &body))
}

fn shared(edge: &Edge) -> Result<Arc<Shared>, Refusal> {
    let scans: Option<&Scans> = edge.scans();
    scans
        .map(|scans| Arc::clone(&scans.shared))
        .ok_or_else(|| Refusal::new(faults::UNKNOWN_PATH, "this server makes no scans"))
}

fn at(shared: &Shared, name: &str) -> Option<usize> {
    shared.specs.iter().position(|spec| spec.name == name)
}

fn unknown() -> Error {
    Error::new(ErrorKind::NotFound, "the configuration has no such scan")
}

/// What of the findings is asked for.
struct Wanted {
    scan: Option<String>,
    severity: Severity,
    count: usize,
    /// So many were shown before.
    after: usize,
}

impl Wanted {
    fn read(pairs: &Pairs) -> Result<Self, Refusal> {
        let mut wanted = Self { scan: None, severity: Severity::Low, count: COUNT_DEFAULT, after: 0 };
        for (name, value) in &pairs.0 {
            let number =
                || value.parse::<usize>().map_err(|_| Refusal::invalid(format!("`{name}` is a number")));
            match name.as_str() {
                "scan" => wanted.scan = Some(value.clone()),
                "severity" => {
                    wanted.severity = Severity::named(value)
                        .ok_or_else(|| Refusal::invalid("`severity` is one of low, medium, high"))?;
                }
                "count" => wanted.count = number()?.clamp(1, COUNT_MAX),
                "nextToken" => wanted.after = number()?,
                "_format" | "_pretty" => {}
                _ => {
                    let text = "there is no such parameter; it is one of scan, severity, count, nextToken";
                    return Err(Refusal::invalid(text));
                }
            }
        }
        Ok(wanted)
    }
}

/// A page of findings in the shape of `ward scan --format json`, with how the scans stand beside them.
fn page(shared: &Shared, wanted: &Wanted) -> Result<Value, Error> {
    let (mut found, mut passed, mut more) = (Vec::new(), 0, false);
    let (mut looked, mut skipped) = (0, Vec::new());
    for (spec, kept) in stands(shared, wanted.scan.as_deref()) {
        let Some(run) = kept.shown() else { continue };
        looked += run.looked;
        skipped.extend(run.skipped.iter().map(|(key, reason)| json!({ "key": key, "reason": reason })));
        if more {
            continue;
        }
        for stretch in kept::findings(&shared.parts.store, &spec, run) {
            let fits = |finding: &Value| {
                let severity = finding.pointer("/severity/description").and_then(Value::as_str);
                severity.and_then(Severity::named).is_some_and(|severity| severity >= wanted.severity)
            };
            for finding in stretch?.into_iter().filter(fits) {
                passed += 1;
                if passed <= wanted.after {
                    continue;
                }
                more = found.len() >= wanted.count;
                if more {
                    break;
                }
                found.push(finding);
            }
            if more {
                break;
            }
        }
    }
    let next = more.then(|| (wanted.after + found.len()).to_string());
    let scans = told(shared, wanted.scan.as_deref());
    let mut page = json!({ "findings": found, "filesScanned": looked, "skipped": skipped, "scans": scans });
    if let (Some(members), Some(next)) = (page.as_object_mut(), next) {
        members.insert("nextToken".to_owned(), next.into());
    }
    Ok(page)
}

/// Name and state of the scans, or of one.
fn stands(shared: &Shared, only: Option<&str>) -> Vec<(String, Kept)> {
    let states = shared.states.lock();
    let all = shared.specs.iter().zip(states.iter());
    all.filter(|(spec, _)| only.is_none_or(|only| only == spec.name))
        .map(|(spec, state)| (spec.name.clone(), state.kept.clone()))
        .collect()
}

fn told(shared: &Shared, only: Option<&str>) -> Vec<Value> {
    let one = |(name, kept): (String, Kept)| {
        let run = |run: &kept::Run, finished: Option<i64>| {
            json!({
                "started": time::instant(run.started_ms),
                "finished": finished.map(time::instant),
                "looked": run.looked,
                "skipped": run.skipped_count,
                "findings": run.findings,
                "findingsLeftOut": run.left_out,
            })
        };
        json!({
            "name": name,
            "state": if kept.run.is_some() { "running" } else { "waiting" },
            "running": kept.run.as_ref().map(|at_work| run(at_work, None)),
            "last": kept.last.as_ref().map(|(last, finished)| run(last, Some(*finished))),
            "alertsWaiting": kept.alerts.len(),
        })
    };
    stands(shared, only).into_iter().map(one).collect()
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = reply::json(status, body.to_string().into_bytes());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
