//! One keep-alive HTTP/1.1 connection over TLS, one request at a time, as cheap as it can be made.
//!
//! A general HTTP client would take a good part of the machine that the server is measured on.

use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Failure;
use crate::arguments::Arguments;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// Where and as whom to ask.
#[derive(Clone)]
pub(crate) struct Target {
    authority: String,
    tls: Arc<rustls::ClientConfig>,
    head: String,
}

impl Target {
    /// Reads certificate and token.
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let authority = arguments
            .url
            .trim_end_matches('/')
            .strip_prefix("https://")
            .ok_or("--url begins with https://")?;
        loopback_only(authority)?;
        let tls = server::tls::client_config(&std::fs::read_to_string(&arguments.ca)?)?;
        let token = std::fs::read_to_string(&arguments.token_file)?;
        let head = format!(
            "host: {authority}\r\naccept: application/fhir+json\r\nauthorization: Bearer {}\r\n",
            token.trim()
        );
        Ok(Self { authority: authority.to_owned(), tls, head })
    }

    /// The TLS settings, for other protocols.
    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// The bytes of a GET.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET /fhir/{path} HTTP/1.1\r\n{}\r\n", self.head).into_bytes()
    }

    /// The bytes of a GET that is to be answered later.
    pub(crate) fn get_later(&self, path: &str) -> Vec<u8> {
        format!("GET /fhir/{path} HTTP/1.1\r\n{}prefer: respond-async\r\n\r\n", self.head).into_bytes()
    }

    /// The bytes of a POST of a FHIR resource.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Vec<u8> {
        self.send("POST", path, body)
    }

    /// The bytes of a PUT of a FHIR resource.
    pub(crate) fn put(&self, path: &str, body: &[u8]) -> Vec<u8> {
        self.send("PUT", path, body)
    }

    fn send(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = format!(
            "{method} /fhir{}{path} HTTP/1.1\r\n{}content-type: application/fhir+json\r\ncontent-length: {}\r\n\r\n",
            if path.is_empty() { "" } else { "/" },
            self.head,
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        Ok(Connection {
            stream: tls_connect(&self.authority, self.tls()).await?,
            buffer: Vec::with_capacity(64 << 10),
        })
    }
}

/// Refuses to send traffic anywhere but to this machine.
pub(crate) fn loopback_only(authority: &str) -> Result<(), Failure> {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if host.starts_with("127.") || host == "localhost" || host == "[::1]" {
        return Ok(());
    }
    Err("the load client sends traffic to loopback addresses only".into())
}

/// A TLS connection to `HOST:PORT`.
pub(crate) async fn tls_connect(
    authority: &str,
    tls: Arc<rustls::ClientConfig>,
) -> Result<TlsStream<TcpStream>, Failure> {
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    Ok(TlsConnector::from(tls).connect(name, stream).await?)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
    /// `Content-Location`, where a job's status stands.
    pub(crate) place: Option<String>,
}

/// One connection.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Sends a request and reads its whole answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = std::str::from_utf8(self.buffer.get(..head_end).unwrap_or_default())?;
        let place = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-location").then(|| value.trim().to_owned())
        });
        let head = text.to_ascii_lowercase();
        let status: u16 = head.get(9..12).unwrap_or_default().parse()?;
        let header = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')))
                .map(str::trim)
        };
        let body = if let Some(length) = header("content-length") {
            let length: usize = length.parse()?;
            let end = head_end + length.min(ANSWER_BYTES_MAX);
            self.buffer.reserve(end.saturating_sub(self.buffer.len()));
            while self.buffer.len() < end {
                self.more().await?;
            }
            let body = self.buffer.get(head_end..end).unwrap_or_default().to_vec();
            self.buffer.drain(..end);
            body
        } else if header("transfer-encoding") == Some("chunked") {
            self.buffer.drain(..head_end);
            self.chunks().await?
        } else {
            self.buffer.drain(..head_end);
            Vec::new()
        };
        Ok(Answer { status, body, place })
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break end;
                }
                self.more().await?;
            };
            let line = std::str::from_utf8(self.buffer.get(..line_end).unwrap_or_default())?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
            let end = line_end + 2 + size.min(ANSWER_BYTES_MAX) + 2;
            while self.buffer.len() < end {
                self.more().await?;
            }
            body.extend_from_slice(self.buffer.get(line_end + 2..end - 2).unwrap_or_default());
            self.buffer.drain(..end);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn more(&mut self) -> Result<(), Failure> {
        if self.buffer.len() > ANSWER_BYTES_MAX {
            return Err("an answer is too long".into());
        }
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
