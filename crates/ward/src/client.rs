//! A small HTTPS client for talking to our own server: one keep-alive connection, our own authority trusted and no other.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::failure::{During, Failure, Result};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A connection to a server.
pub(crate) struct Client {
    authority: String,
    tls: Arc<rustls::ClientConfig>,
    token: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client for the server at `url` (`https://HOST:PORT`) that shows `token`.
    pub(crate) fn new(url: &str, tls: Arc<rustls::ClientConfig>, token: &str) -> Result<Self> {
        let authority = url.trim().trim_end_matches('/').strip_prefix("https://");
        let authority =
            authority.ok_or_else(|| Failure::usage(format!("`{url}` does not begin with `https://`")))?;
        Ok(Self { authority: authority.to_owned(), tls, token: token.to_owned(), sender: None })
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).during("the request could not be made")?;
        let sender = self.connected().await?;
        let response = sender.send_request(request).await.during("the server did not answer")?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Failure::new(format!("the answer could not be read: {error}")))?;
        Ok((parts.status, body.to_bytes()))
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream =
                TcpStream::connect(&self.authority).await.during("the server could not be reached")?;
            let _ = stream.set_nodelay(true);
            let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .during("the server's name is no name")?;
            let stream = TlsConnector::from(Arc::clone(&self.tls))
                .connect(name, stream)
                .await
                .during("the server's certificate was not accepted")?;
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .during("the connection could not be set up")?;
            // Ends with the connection; errors come back through the sender.
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let sender = self.sender.as_mut().ok_or_else(|| Failure::new("no connection"))?;
        sender.ready().await.during("the server closed the connection")?;
        Ok(sender)
    }
}
