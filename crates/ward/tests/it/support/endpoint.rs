//! An HTTPS server that a subscription tells: it keeps what it is told, and refuses when it is told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use fhir::json::Value;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use server::tls;
use tokio::net::TcpListener;

use super::{at, json, text};

/// One request that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The type of a notification, such as `handshake`.
    pub(crate) fn kind(&self) -> String {
        parameter(&self.status(), "type").map(|one| text(one, "valueCode").to_owned()).unwrap_or_default()
    }

    /// The `Parameters` that a notification begins with.
    pub(crate) fn status(&self) -> Value {
        at(&self.bundle(), "entry.0.resource").cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn bundle(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { json(&self.body) }
    }

    /// Number and focus of each event.
    pub(crate) fn events(&self) -> Vec<(u64, String)> {
        events(&self.status())
    }
}

/// A parameter by its name.
pub(crate) fn parameter<'a>(parameters: &'a Value, name: &str) -> Option<&'a Value> {
    parameters.get("parameter").map(Value::elements)?.iter().find(|one| text(one, "name") == name)
}

/// Number and focus of each event of a status.
pub(crate) fn events(status: &Value) -> Vec<(u64, String)> {
    let all = status.get("parameter").map(Value::elements).unwrap_or_default().iter();
    all.filter(|one| text(one, "name") == "notification-event")
        .map(|event| {
            let part = |name: &str| {
                let parts = event.get("part").map(Value::elements).unwrap_or_default();
                parts.iter().find(|part| text(part, "name") == name)
            };
            let number = part("event-number").map(|part| text(part, "valueString").parse().unwrap()).unwrap();
            let focus = part("focus").map(|part| text(part, "valueReference.reference").to_owned());
            (number, focus.unwrap_or_default())
        })
        .collect()
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    /// So many requests are refused from now on.
    refuse: AtomicU32,
    refused: AtomicU32,
}

/// See the module.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// The authority that vouches for it, as PEM.
    pub(crate) authority: String,
    state: Arc<State>,
}

impl Endpoint {
    pub(crate) fn start() -> Self {
        let authority = tls::new_authority("endpoint", SystemTime::now()).unwrap();
        let pair = tls::issue(&authority, &["127.0.0.1".to_owned()], SystemTime::now()).unwrap();
        let config = tls::server_config(tls::Certificates::new(&pair).unwrap(), &["http/1.1"]).unwrap();
        let state = Arc::new(State::default());
        let (tell, told) = std::sync::mpsc::channel();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let service = service_fn(|request| take(Arc::clone(&shared), request));
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            });
        });
        Self { address: told.recv().unwrap(), authority: authority.certificate_pem, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/hook", self.address)
    }

    /// What it was told so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Refuses the next requests with 503.
    pub(crate) fn refuse(&self, count: u32) {
        self.state.refuse.store(count, Ordering::SeqCst);
    }

    pub(crate) fn refused(&self) -> u32 {
        self.state.refused.load(Ordering::SeqCst)
    }
}

async fn take(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(Empty::new());
    let Ok(body) = body.collect().await else { return Ok(response) };
    let less = |left: u32| left.checked_sub(1);
    if state.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
        state.refused.fetch_add(1, Ordering::SeqCst);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(response);
    }
    state.received.lock().unwrap().push(Received {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: body.to_bytes().to_vec(),
    });
    Ok(response)
}
