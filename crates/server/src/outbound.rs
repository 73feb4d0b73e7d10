//! The way out: HTTPS requests of Ward's own, to hosts that the configuration lists and to no others.
//!
//! A URL that a client of ours wrote down (the endpoint of a Subscription, the input of an import) must not turn Ward into
//! a proxy to what only Ward can reach. So hosts are allowed by name and port, redirects are not followed, names and
//! passwords in URLs are refused, and everything has a bound. What a listed name resolves to is the administrator's
//! business: endpoints inside the hospital have private addresses.
//!
//! Nothing of a URL but its host stands in an error or a log: paths and queries may say who a patient is.

mod hosts;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

pub use hosts::{Host, Hosts};

/// Idle connections kept for one host.
const IDLE_PER_HOST_MAX: usize = 8;

/// How Ward reaches other machines.
#[derive(Clone, Debug, Default)]
pub struct OutboundOptions {
    /// The only hosts that are reached.
    pub hosts: Vec<Host>,
    /// Certificates, as PEM, of authorities that are trusted beside those of the system.
    pub authorities_pem: Vec<String>,
    /// Whether `http://` to a loopback address is allowed, to a listed host and port. For tests and for a relay on this
    /// machine.
    pub plain_loopback: bool,
    /// Bounds.
    pub limits: OutboundLimits,
}

/// Bounds of a request.
#[derive(Clone, Debug)]
pub struct OutboundLimits {
    /// How long name, connection and TLS may take, in milliseconds.
    pub connect_ms_max: u64,
    /// How long the other side may be silent: until its answer's head, or between two pieces of its body, in milliseconds.
    pub silence_ms_max: u64,
    /// Bytes that are read of an answer to [`Outbound::send`].
    pub answer_bytes_max: usize,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self { connect_ms_max: 10_000, silence_ms_max: 30_000, answer_bytes_max: 64 * 1024 }
    }
}

/// Why a request did not go out or did not come back. Says nothing of the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// Not an absolute URL without user and password.
    #[error("not an absolute URL, or one with a user in it")]
    Url,
    /// Neither `https`, nor `http` to a loopback address where that is allowed.
    #[error("only `https` URLs are reached")]
    Scheme,
    /// The host and port are not in `outbound.hosts`.
    #[error("the host is not listed in `outbound.hosts`")]
    NotListed,
    /// No connection, no TLS that can be trusted, or it broke.
    #[error("the host could not be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The other side was silent for too long.
    #[error("the host did not answer in time")]
    Timeout,
    /// The answer's body broke off.
    #[error("the answer broke off")]
    Broken(#[source] hyper::Error),
    /// The answer is longer than its bound.
    #[error("the answer is over {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: u64,
    },
    /// The answer leads elsewhere, which is not followed.
    #[error("the host answers with a redirect, which is not followed")]
    Redirect,
    /// A certificate of the configuration cannot be read.
    #[error("a certificate in `outbound.authorities` cannot be used")]
    Authority,
    /// TLS cannot be set up.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status; never a redirect.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// A client for listed hosts. Cheap to clone; keeps connections.
#[derive(Clone)]
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    hosts: Arc<Hosts>,
    limits: OutboundLimits,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Sets the client up; no connection is made yet.
    ///
    /// # Errors
    /// [`OutboundError::Authority`], [`OutboundError::Tls`].
    pub fn new(options: OutboundOptions) -> Result<Self, OutboundError> {
        let OutboundOptions { hosts, authorities_pem, plain_loopback, limits } = options;
        let mut roots = rustls::RootCertStore::empty();
        if !hosts.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        for pem in &authorities_pem {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| OutboundError::Authority)?;
                roots.add(certificate).map_err(|_| OutboundError::Authority)?;
            }
            if roots.len() == before {
                return Err(OutboundError::Authority);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(OutboundError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(Duration::from_millis(limits.connect_ms_max)));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = if plain_loopback { connector.https_or_http() } else { connector.https_only() };
        let connector = connector.enable_http1().enable_http2().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(limits.silence_ms_max))
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build(connector);
        Ok(Self { client, hosts: Arc::new(Hosts::new(hosts, plain_loopback)), limits })
    }

    /// Whether a URL may be reached: for refusing it when it is written down rather than when it is needed.
    ///
    /// # Errors
    /// [`OutboundError::Url`], [`OutboundError::Scheme`], [`OutboundError::NotListed`].
    pub fn check(&self, url: &str) -> Result<Uri, OutboundError> {
        self.hosts.check(url)
    }

    /// Sends a request and reads the whole answer, at most `answer_bytes_max` of it. `timeout` bounds it all.
    ///
    /// # Errors
    /// Those of [`Self::check`]; [`OutboundError::Unreachable`], [`OutboundError::Timeout`], [`OutboundError::Broken`],
    /// [`OutboundError::TooLong`], [`OutboundError::Redirect`].
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        let exchange = async {
            let (parts, mut stream) = self.exchange(method, url, headers, body).await?;
            stream.bytes_left = self.limits.answer_bytes_max as u64;
            stream.bytes_max = stream.bytes_left;
            let mut whole = Vec::new();
            while let Some(chunk) = stream.next().await? {
                whole.extend_from_slice(&chunk);
            }
            Ok(Answer { status: parts.status, headers: parts.headers, body: whole.into() })
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(OutboundError::Timeout))
    }

    /// Sends a request whose answer is looked at for its status alone; a little of its body is read, so that the connection
    /// can serve again.
    ///
    /// # Errors
    /// As [`Self::send`], but for [`OutboundError::TooLong`].
    pub async fn tell(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<StatusCode, OutboundError> {
        let exchange = async {
            let (parts, mut stream) = self.exchange(method, url, headers, body).await?;
            stream.bytes_left = self.limits.answer_bytes_max as u64;
            loop {
                match stream.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(OutboundError::TooLong { .. }) => return Ok(parts.status),
                    Err(error) => return Err(error),
                }
            }
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(OutboundError::Timeout))
    }

    /// Begins to read what stands at a URL, piece by piece, at most `bytes_max` of it.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn fetch(
        &self,
        url: &str,
        headers: HeaderMap,
        bytes_max: u64,
    ) -> Result<(StatusCode, Download), OutboundError> {
        let (parts, mut download) = self.exchange(Method::GET, url, headers, Bytes::new()).await?;
        download.bytes_left = bytes_max;
        download.bytes_max = bytes_max;
        Ok((parts.status, download))
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(http::response::Parts, Download), OutboundError> {
        let uri = self.check(url)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let agent = http::HeaderValue::from_static(concat!("Ward/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().entry(header::USER_AGENT).or_insert(agent);
        let silence = Duration::from_millis(self.limits.silence_ms_max);
        let handshake = Duration::from_millis(self.limits.connect_ms_max);
        let response = tokio::time::timeout(handshake + silence, self.client.request(request))
            .await
            .map_err(|_| OutboundError::Timeout)?
            .map_err(OutboundError::Unreachable)?;
        let (parts, body) = response.into_parts();
        if parts.status.is_redirection() {
            return Err(OutboundError::Redirect);
        }
        Ok((parts, Download { body, silence, bytes_left: 0, bytes_max: 0 }))
    }
}

/// A body on its way in.
#[derive(Debug)]
pub struct Download {
    body: Incoming,
    silence: Duration,
    bytes_left: u64,
    bytes_max: u64,
}

impl Download {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`OutboundError::Timeout`], [`OutboundError::Broken`], [`OutboundError::TooLong`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, OutboundError> {
        loop {
            let frame = tokio::time::timeout(self.silence, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| OutboundError::Timeout)? else { return Ok(None) };
            let Ok(data) = frame.map_err(OutboundError::Broken)?.into_data() else { continue };
            let left = self.bytes_left.checked_sub(data.len() as u64);
            self.bytes_left = left.ok_or(OutboundError::TooLong { bytes_max: self.bytes_max })?;
            return Ok(Some(data));
        }
    }
}

#[cfg(test)]
mod tests;
