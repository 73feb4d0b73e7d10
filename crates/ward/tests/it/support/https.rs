//! An HTTPS client that trusts the server's authority and looks at every answer twice: an error is an OperationOutcome, and
//! what says that it is FHIR is valid R4.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use fhir::json::Value;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use super::{json, text};

/// The media type of FHIR.
pub(crate) const FHIR: (&str, &str) = ("content-type", "application/fhir+json");

/// One keep-alive connection, made when it is needed; for one thread.
pub(crate) struct Client {
    address: SocketAddr,
    trust: Arc<rustls::ClientConfig>,
    pub(crate) token: Option<String>,
    runtime: Runtime,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, trust: Arc<rustls::ClientConfig>, token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let token = (!token.is_empty()).then(|| token.to_owned());
        Self { address, trust, token, runtime, sender: None }
    }

    /// Sends a request. `None` if the connection broke before the whole answer was there.
    pub(crate) fn attempt(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("host", "ward.example");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let (sender, address, trust) = (&mut self.sender, self.address, Arc::clone(&self.trust));
        let answer = self.runtime.block_on(async {
            // A connection that the server closed after its last answer is made anew.
            let open = match sender.take() {
                Some(mut open) => open.ready().await.is_ok().then_some(open),
                None => None,
            };
            let mut open = match open {
                Some(open) => open,
                None => connect(address, trust).await?,
            };
            let response = open.send_request(request).await.ok()?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            *sender = Some(open);
            Some(Answer { status: parts.status, headers: parts.headers, body })
        })?;
        answer.check(method);
        Some(answer)
    }

    /// Sends a request that must be answered.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.attempt(method, path, headers, body).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, &[], &[])
    }

    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &[FHIR], &body.to_vec())
    }

    #[track_caller]
    pub(crate) fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, &[FHIR], &body.to_vec())
    }

    /// A search by GET that must be answered with 200.
    #[track_caller]
    pub(crate) fn search(&mut self, query: &str) -> Value {
        self.get(&format!("/fhir/{query}")).ok()
    }
}

async fn connect(address: SocketAddr, trust: Arc<rustls::ClientConfig>) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.ok()?;
    let _ = stream.set_nodelay(true);
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(trust).connect(name, stream).await.ok()?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        json(&self.body)
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The version in the entity tag.
    #[track_caller]
    pub(crate) fn version(&self) -> u64 {
        let tag = self.header("etag");
        let version = tag.strip_prefix("W/\"").and_then(|tag| tag.strip_suffix('"'));
        version.and_then(|version| version.parse().ok()).unwrap_or_else(|| panic!("no version in `{tag}`"))
    }

    /// A refusal with this status; gives what its first issue says.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        let outcome = self.json();
        let issue = &outcome.get("issue").and_then(Value::as_array).unwrap()[0];
        assert_eq!(text(issue, "severity"), "error");
        text(issue, "details.text").to_owned()
    }

    /// What holds for every answer.
    #[track_caller]
    fn check(&self, method: &str) {
        let kind = self.header("content-type");
        if !self.header("content-encoding").is_empty() || method == "HEAD" {
            return;
        }
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        if is_error && kind.starts_with("application/fhir+xml") {
            let outcome = fhir::xml::parse(&self.body, &fhir::json::Limits::default()).unwrap();
            assert_eq!(text(&outcome, "resourceType"), "OperationOutcome");
        } else if is_error {
            assert_eq!(kind, "application/fhir+json; charset=utf-8", "{} with {:?}", self.status, self.body);
            assert_eq!(text(&self.json(), "resourceType"), "OperationOutcome");
        }
        if kind.starts_with("application/fhir+json") && !self.body.is_empty() {
            let value = self.json();
            if matches!(text(&value, "resourceType"), "Bundle" | "OperationOutcome" | "CapabilityStatement") {
                let issues = fhir::validate::validate(&value);
                assert!(issues.is_empty(), "{issues:?} in {}", value.to_pretty());
            }
        }
    }
}
