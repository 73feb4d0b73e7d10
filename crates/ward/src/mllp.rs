//! A small MLLP client over TLS: sends a message, waits for its acknowledgement.

use std::net::SocketAddr;
use std::sync::Arc;

use formats::hl7v2::mllp::{FrameEvent, FrameReader, frame};
use formats::hl7v2::{ParseOptions, parse};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::failure::{During, Failure, Result};

/// Bytes of an acknowledgement.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A connection to a channel.
pub(crate) struct Mllp {
    stream: TlsStream<TcpStream>,
    frames: FrameReader,
}

/// What an acknowledgement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// MSA-1: `AA`, `AE`, `AR`.
    pub(crate) code: String,
    /// What the ERR segment says to a person.
    pub(crate) text: String,
}

impl Mllp {
    /// Connects to a channel that shows a certificate for its address.
    pub(crate) async fn connect(address: SocketAddr, tls: Arc<rustls::ClientConfig>) -> Result<Self> {
        let stream = TcpStream::connect(address).await.during("the channel could not be reached")?;
        let _ = stream.set_nodelay(true);
        let name = ServerName::from(address.ip());
        let stream = TlsConnector::from(tls)
            .connect(name, stream)
            .await
            .during("the channel's certificate was not accepted")?;
        Ok(Self { stream, frames: FrameReader::new(ANSWER_BYTES_MAX) })
    }

    /// Sends one message and waits for its acknowledgement.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<Answer> {
        self.stream.write_all(&frame(message)).await.during("the message could not be sent")?;
        self.stream.flush().await.during("the message could not be sent")?;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while let Some(event) = self.frames.next_event() {
                if let FrameEvent::Message(answer) = event {
                    return read(&answer);
                }
            }
            let count =
                self.stream.read(&mut buffer).await.during("the acknowledgement could not be read")?;
            if count == 0 {
                return Err(Failure::new("the channel closed the connection without an acknowledgement"));
            }
            self.frames.push(buffer.get(..count).unwrap_or_default());
        }
    }
}

fn read(answer: &[u8]) -> Result<Answer> {
    let parsed =
        parse(answer, &ParseOptions::default()).during("the acknowledgement is no HL7 v2 message")?;
    let text = |path: &str| parsed.message.get(path).map(std::borrow::Cow::into_owned).unwrap_or_default();
    let said = [text("ERR-8"), text("ERR-7"), text("ERR-1.4.2"), text("MSA-3")];
    Ok(Answer {
        code: text("MSA-1"),
        text: said.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
    })
}
