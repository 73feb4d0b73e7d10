//! What every request shares, and what is found out about each before a handler runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::json::{self, Value};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use ingest::objects::Objects;
use metrics_exporter_prometheus::PrometheusHandle;
use protect::access::Purpose;
use protect::token::TokenStore;
use repository::{Access, Caller, Importer, Jobs, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::faults;
use crate::jobs::Deferred;
use crate::limits::RequestLimits;
use crate::mask::DeskVeil;
use crate::operations::import::Outside;
use crate::outbound::Outbound;
use crate::reply::Refusal;
use crate::scan::Scans;
use crate::subscriptions::{SubscriptionLimits, Subscriptions};

/// The parts that handlers use. One for the life of a server.
pub struct Edge {
    store: Store,
    tokens: Arc<TokenStore>,
    ingest: Option<Arc<ingest::Ingest>>,
    metrics: Option<PrometheusHandle>,
    outbound: Outbound,
    subscriptions: Arc<Subscriptions>,
    limits: RequestLimits,
    public_url: Option<String>,
    jobs: Option<Jobs>,
    desk: Arc<mask::Desk>,
    objects: Option<Arc<Objects>>,
    scans: Option<Scans>,
    /// Who stands behind the words that jobs show instead of a token.
    stand_ins: Mutex<HashMap<String, Caller>>,
    busy: Arc<Semaphore>,
    /// One permit a byte of the bodies in memory.
    room: Arc<Semaphore>,
    ready: AtomicBool,
    requests: AtomicU64,
    started: u64,
}

/// What a server is put together from.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The tokens that callers show.
    pub tokens: Arc<TokenStore>,
    /// The channels, for messages that come by HTTPS.
    pub ingest: Option<Arc<ingest::Ingest>>,
    /// What `/metrics` shows; without it the path does not exist.
    pub metrics: Option<PrometheusHandle>,
    /// The way to other hosts.
    pub outbound: Outbound,
    /// The jobs; without them nothing is answered later.
    pub jobs: Option<Jobs>,
    /// What masks texts, records and images.
    pub desk: Arc<mask::Desk>,
    /// The objects of the archive; without them their paths do not exist.
    pub objects: Option<Arc<Objects>>,
    /// What looks for leaks by itself.
    pub scans: Option<Scans>,
    /// Bounds of subscriptions.
    pub subscriptions: SubscriptionLimits,
    /// Bounds of requests.
    pub limits: RequestLimits,
    /// The base of links in answers, such as `https://ward.example.org`; taken from the request's host without it.
    pub public_url: Option<String>,
}

impl Edge {
    /// Puts a server together. It answers `/readyz` with 503 until [`Edge::set_ready`].
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let subscriptions = Subscriptions::new(
            parts.store.clone(),
            Arc::clone(&parts.tokens),
            parts.outbound.clone(),
            parts.subscriptions,
        );
        parts.store.veil_with(Arc::new(DeskVeil(Arc::clone(&parts.desk))));
        Arc::new(Self {
            subscriptions,
            room: Arc::new(Semaphore::new(parts.limits.bodies_bytes_max.min(Semaphore::MAX_PERMITS))),
            busy: Arc::new(Semaphore::new(parts.limits.busy_max)),
            store: parts.store,
            tokens: parts.tokens,
            ingest: parts.ingest,
            metrics: parts.metrics,
            outbound: parts.outbound,
            jobs: parts.jobs,
            desk: parts.desk,
            objects: parts.objects,
            scans: parts.scans,
            stand_ins: Mutex::default(),
            limits: parts.limits,
            public_url: parts.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            ready: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            started,
        })
    }

    /// Says whether `/readyz` answers 200.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn metrics(&self) -> Option<String> {
        self.metrics.as_ref().map(PrometheusHandle::render)
    }

    pub(crate) fn ingest(&self) -> Option<Arc<ingest::Ingest>> {
        self.ingest.clone()
    }

    /// The way to other hosts, for what Ward does by itself.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    pub(crate) fn subscriptions(&self) -> &Arc<Subscriptions> {
        &self.subscriptions
    }

    pub(crate) fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    /// Finds out who asks.
    ///
    /// # Errors
    /// 401 without a token that stands.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = shown
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, secret)| secret.trim())
            .ok_or_else(|| Refusal::login("show a token: `Authorization: Bearer …`"))?;
        if let Some(caller) = self.behind(secret) {
            return Ok(caller);
        }
        let grant = self
            .tokens
            .verify(secret)
            .map_err(|_| Refusal::login("this token is unknown, expired or revoked"))?;
        Ok(Caller {
            actor: grant.spec.actor,
            purpose: purpose(headers)?.unwrap_or(grant.spec.purpose),
            home: grant.spec.tenant,
            tenant: grant.spec.tenant,
            launch_patient: None,
            masked: grant.spec.masked,
            token: Some(grant.token.to_string()),
            source: "https".to_owned(),
            scopes: grant.spec.scopes,
            request_id: self.request_id(headers),
        })
    }

    pub(crate) fn desk(&self) -> &mask::Desk {
        &self.desk
    }

    /// The objects of the archive.
    ///
    /// # Errors
    /// 404 on a server without.
    pub(crate) fn objects(&self) -> Result<Arc<Objects>, Refusal> {
        let objects = self.objects.clone();
        objects.ok_or_else(|| Refusal::new(faults::UNKNOWN_PATH, "this server shows no archive"))
    }

    pub(crate) fn scans(&self) -> Option<&Scans> {
        self.scans.as_ref()
    }

    pub(crate) fn jobs(&self) -> Option<&Jobs> {
        self.jobs.as_ref()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.store.now_ms()
    }

    /// Begins to work on jobs; to be called within the runtime that they use.
    ///
    /// # Errors
    /// `Unavailable` if threads cannot be had.
    pub fn start_jobs(self: &Arc<Self>) -> repository::Result<()> {
        let Some(jobs) = &self.jobs else { return Ok(()) };
        let routes = crate::router::router(Arc::clone(self));
        let deferred = Deferred::new(self, routes, tokio::runtime::Handle::current());
        jobs.serve(Deferred::KIND, Arc::new(deferred));
        let outside = Outside::new(self.outbound.clone(), tokio::runtime::Handle::current());
        jobs.serve("import", Arc::new(Importer::new(Arc::new(outside))));
        jobs.start()
    }

    /// Begins to look for leaks; to be called within the runtime that alerts are sent from.
    ///
    /// # Errors
    /// `Unavailable` if a thread cannot be had.
    pub fn start_scans(&self) -> repository::Result<()> {
        match &self.scans {
            Some(scans) => scans.start(tokio::runtime::Handle::current()),
            None => Ok(()),
        }
    }

    /// Stops looking for leaks; scans go on at the next start. Blocks until the one at work has come to a halt.
    pub fn stop_scans(&self) {
        if let Some(scans) = &self.scans {
            scans.close();
        }
    }

    /// Stops working on jobs; they go on at the next start. Blocks until those at work have come to a halt.
    pub fn stop_jobs(&self) {
        if let Some(jobs) = &self.jobs {
            jobs.close();
        }
    }

    /// Words by which a job is known as its caller, for as long as they live. They are drawn anew for each and are never
    /// written down or sent.
    pub(crate) fn stand_in(self: &Arc<Self>, caller: Caller) -> StandIn {
        let secret = format!("{STAND_IN}{}", URL_SAFE_NO_PAD.encode(self.store.draw_secret()));
        if let Ok(mut stand_ins) = self.stand_ins.lock() {
            stand_ins.insert(secret.clone(), caller);
        }
        StandIn { edge: Arc::clone(self), secret }
    }

    fn behind(&self, secret: &str) -> Option<Caller> {
        if !secret.starts_with(STAND_IN) {
            return None;
        }
        self.stand_ins.lock().ok()?.get(secret).cloned()
    }

    /// Opens the door for the caller of these headers.
    pub(crate) fn access(&self, headers: &HeaderMap) -> Result<Access, Refusal> {
        Ok(self.store.access(self.caller(headers)?))
    }

    /// The client's `X-Request-Id` if it is a plain short word, else one of ours.
    fn request_id(&self, headers: &HeaderMap) -> String {
        let plain = |text: &&str| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match headers.get("x-request-id").and_then(|value| value.to_str().ok()).filter(plain) {
            Some(text) => text.to_owned(),
            None => format!("{:x}-{:x}", self.started, self.requests.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// The base URL of links in answers, without a slash at its end.
    pub(crate) fn base(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return format!("{url}/fhir");
        }
        // A host that is not a plain name would let a caller write into links of our answers.
        let plain = |host: &&str| {
            host.len() <= 255
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte))
        };
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).filter(plain);
        format!("https://{}/fhir", host.unwrap_or("localhost"))
    }

    /// Reads a body whole, within its bounds.
    ///
    /// # Errors
    /// 413 for one that is too long, 408 for one that does not come in time, 503 while others fill the room for bodies.
    pub(crate) async fn body(&self, body: Body) -> Result<Whole, Refusal> {
        let whole = tokio::time::timeout(Duration::from_millis(self.limits.body_ms_max), self.gather(body));
        whole.await.unwrap_or_else(|_| {
            Err(Refusal::new(
                faults::BODY_SLOW,
                format!("the body did not arrive within {} ms", self.limits.body_ms_max),
            ))
        })
    }

    async fn gather(&self, body: Body) -> Result<Whole, Refusal> {
        let mut body = Limited::new(body, self.limits.body_bytes_max);
        let (mut bytes, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unread(error.as_ref()))?;
            let Ok(data) = frame.into_data() else { continue };
            let wanted = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let more = Arc::clone(&self.room)
                .try_acquire_many_owned(wanted)
                .map_err(|_| Refusal::new(faults::BUSY, "too many large bodies are at work; come again"))?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Whole { bytes, _room: room })
    }

    fn unread(&self, error: &(dyn std::error::Error + 'static)) -> Refusal {
        if error.is::<http_body_util::LengthLimitError>() {
            let text = format!("the body is over {} bytes", self.limits.body_bytes_max);
            return Refusal::new(faults::BODY_LONG, text);
        }
        Refusal::invalid("the body ended early or its content coding is broken")
    }

    /// The bounds of a body's content.
    pub(crate) fn json_limits(&self) -> json::Limits {
        json::Limits {
            bytes_max: self.limits.body_bytes_max,
            depth_max: self.limits.depth_max,
            nodes_max: self.limits.nodes_max,
        }
    }

    /// Parses a body as JSON, within its bounds; the error says line and column.
    pub(crate) fn parse(&self, bytes: &[u8]) -> Result<Value, Refusal> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Refusal::new(faults::EMPTY, "the body is empty; send a resource as JSON"));
        }
        json::parse(bytes, &self.json_limits())
            .map_err(|error| Refusal::new(faults::NOT_JSON, format!("the body is not JSON: {error}")))
    }

    /// Runs work of the store on a thread that may block, within the bound of busy requests.
    ///
    /// # Errors
    /// 503 when too many are busy; 500 when the work panicked (that panic stays this request's).
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Ok(_slot) = Arc::clone(&self.busy).try_acquire_owned() else {
            return Err(Refusal::new(faults::BUSY, "too many requests are at work; come again"));
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(_) => {
                tracing::error!("a request panicked");
                Err(Refusal::new(faults::BROKEN, "an internal error; it has been logged"))
            }
        }
    }
}

/// What the words of jobs begin with; no token does.
const STAND_IN: &str = "job:";

/// Words instead of a token; see [`Edge::stand_in`].
pub(crate) struct StandIn {
    edge: Arc<Edge>,
    secret: String,
}

impl StandIn {
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Ok(mut stand_ins) = self.edge.stand_ins.lock() {
            stand_ins.remove(&self.secret);
        }
    }
}

/// A body that was read whole. While it lives, its bytes count as taken.
pub(crate) struct Whole {
    bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl std::ops::Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The purpose of use that a request names: a code of HL7 v3 PurposeOfUse in `X-Purpose-Of-Use`.
fn purpose(headers: &HeaderMap) -> Result<Option<Purpose>, Refusal> {
    let Some(value) = headers.get("x-purpose-of-use") else { return Ok(None) };
    Purpose::from_code(value.to_str().unwrap_or_default()).map(Some).ok_or_else(|| {
        Refusal::invalid("`X-Purpose-Of-Use` is not a code of HL7 v3 PurposeOfUse, such as TREAT or HOPERAT")
    })
}
