//! One MLLP connection over TLS: a message out, its acknowledgement in.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::Failure;
use crate::http::{loopback_only, tls_connect};

/// Bytes of an acknowledgement.
const ACK_BYTES_MAX: usize = 64 << 10;

/// One connection.
pub(crate) struct Channel {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Channel {
    /// Connects to `HOST:PORT`.
    pub(crate) async fn connect(authority: &str, tls: Arc<rustls::ClientConfig>) -> Result<Self, Failure> {
        loopback_only(authority)?;
        Ok(Self { stream: tls_connect(authority, tls).await?, buffer: Vec::new() })
    }

    /// Sends a message; gives its acknowledgement without the frame.
    pub(crate) async fn call(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut frame = Vec::with_capacity(message.len() + 3);
        frame.push(0x0B);
        frame.extend_from_slice(message);
        frame.extend_from_slice(&[0x1C, 0x0D]);
        self.stream.write_all(&frame).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        while !self.buffer.ends_with(&[0x1C, 0x0D]) {
            if self.buffer.len() > ACK_BYTES_MAX {
                return Err("an acknowledgement is too long".into());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the channel closed the connection".into());
            }
        }
        let end = self.buffer.len() - 2;
        Ok(self.buffer.get(1..end).unwrap_or_default().to_vec())
    }
}

/// Whether `ack` accepts `message`: AA or CA, with the message's own control id. The error says what it is instead.
pub(crate) fn accepted(message: &[u8], ack: &[u8]) -> Result<(), String> {
    let asked = field(message, b"MSH", 9);
    let (code, about) = (field(ack, b"MSA", 1), field(ack, b"MSA", 2));
    if about != asked {
        return Err("an acknowledgement names another control id".to_owned());
    }
    if matches!(code.as_str(), "AA" | "CA") {
        return Ok(());
    }
    let error = segment(ack, b"ERR").unwrap_or_default();
    Err(format!("{}: acknowledged {code}: {}", field(message, b"MSH", 8), String::from_utf8_lossy(error)))
}

fn segment<'a>(message: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    message.split(|byte| *byte == b'\r').find(|segment| segment.starts_with(name))
}

/// A field by its place in the text; MSH-10 stands at 9, as MSH-1 is the separator itself.
fn field(message: &[u8], name: &[u8], place: usize) -> String {
    let segment = segment(message, name).unwrap_or_default();
    let field = segment.split(|byte| *byte == b'|').nth(place).unwrap_or_default();
    String::from_utf8_lossy(field).into_owned()
}
