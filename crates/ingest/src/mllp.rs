//! MLLP listeners: frames off connections, acknowledgements back.
//!
//! Source: HL7 MLLP, Release 1 (minimal lower layer protocol).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use formats::hl7v2::mllp::{FrameEvent, FrameReader, frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::events;
use crate::pipeline::{Channel, Ingest};
use crate::together::Together;

/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long a sender may take to read an acknowledgement.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// How long the end of a connection may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// How long open messages may go on after the stop.
const STOP_MAX: Duration = Duration::from_secs(20);

/// Bytes read from a connection at a time.
const READ_BYTES: usize = 64 * 1024;

/// Listens for `channel` until `stop` turns true; then lets messages at work end.
///
/// `tls` is `None` only for a channel whose configuration says `plaintext = true`; the caller checks that.
pub async fn serve(
    ingest: Arc<Ingest>,
    channel: Arc<Channel>,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    mut stop: watch::Receiver<bool>,
) {
    let together = Together::new(Arc::clone(&ingest), Arc::clone(&channel));
    let slots_max = channel.config.connections_max;
    let slots = Arc::new(Semaphore::new(slots_max));
    let open = Arc::new(AtomicUsize::new(0));
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        let one = Connection {
            ingest: Arc::clone(&ingest),
            together: Arc::clone(&together),
            channel: Arc::clone(&channel),
            stop: stop.clone(),
        };
        let (acceptor, open) = (acceptor.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            let _slot = slot;
            events::connections(&one.channel.config.name, open.fetch_add(1, Ordering::Relaxed) + 1);
            let name = one.channel.config.name.clone();
            match acceptor {
                None => one.run(stream).await,
                Some(acceptor) => match one.shake_hands(&acceptor, stream).await {
                    Some(stream) => one.run(stream).await,
                    None => tracing::debug!(%peer, channel = %name, "a TLS handshake failed"),
                },
            }
            events::connections(&name, open.fetch_sub(1, Ordering::Relaxed) - 1);
        });
    }
    drop(listener);
    // All slots free means all connections have ended.
    let all = u32::try_from(slots_max).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(STOP_MAX, slots.acquire_many(all)).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            tracing::warn!(error = %error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

struct Connection {
    ingest: Arc<Ingest>,
    together: Arc<Together>,
    channel: Arc<Channel>,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn shake_hands(
        &self,
        acceptor: &TlsAcceptor,
        stream: TcpStream,
    ) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
        let mut stop = self.stop.clone();
        tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)) => shaken.ok()?.ok(),
            _ = stop.wait_for(|stopping| *stopping) => None,
        }
    }

    async fn run<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut stream: S) {
        self.talk(&mut stream).await;
        // Without an orderly end the system may throw away the last acknowledgement, on its way to the sender.
        let _ = tokio::time::timeout(GOODBYE_MAX, stream.shutdown()).await;
    }

    /// Reads frames and answers them one after another, as the protocol asks, until the sender hangs up, is silent for too
    /// long, or the server stops.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) {
        let mut frames = FrameReader::new(self.channel.config.message_bytes_max);
        let mut buffer = vec![0; READ_BYTES];
        let idle = Duration::from_secs(self.channel.config.idle_seconds_max);
        loop {
            while let Some(event) = frames.next_event() {
                if !self.answer(event, stream).await {
                    return;
                }
            }
            let read = tokio::select! {
                read = tokio::time::timeout(idle, stream.read(&mut buffer)) => read,
                _ = self.stop.wait_for(|stopping| *stopping) => return,
            };
            match read {
                Ok(Ok(count)) if count > 0 => frames.push(buffer.get(..count).unwrap_or_default()),
                _ => break,
            }
        }
        if let Some(event) = frames.finish() {
            tracing::warn!(channel = %self.channel.config.name, ?event, "a connection ended inside a frame");
        }
    }

    /// Deals with one event of the stream; `false` if the connection is of no more use.
    async fn answer<S: AsyncWrite + Unpin>(&self, event: FrameEvent, stream: &mut S) -> bool {
        let message = match event {
            FrameEvent::Message(message) => message,
            FrameEvent::TooLong { limit_bytes } => {
                tracing::warn!(channel = %self.channel.config.name, limit_bytes, "a frame was too long and was refused");
                return write(stream, &[self.ingest.refuse_frame(&self.channel)]).await;
            }
            other => {
                tracing::warn!(channel = %self.channel.config.name, event = ?other, "bytes outside a frame were dropped");
                return true;
            }
        };
        // A panic stays this connection's: without an acknowledgement the sender sends the message again.
        let Some(received) = self.together.receive(message).await else {
            tracing::error!(channel = %self.channel.config.name, "a message's processing panicked");
            return false;
        };
        write(stream, &received.answers).await
    }
}

/// Sends answers, each in its frame; `false` if the connection is of no more use.
async fn write<S: AsyncWrite + Unpin>(stream: &mut S, answers: &[Vec<u8>]) -> bool {
    let bytes: Vec<u8> = answers.iter().flat_map(|answer| frame(answer)).collect();
    let write = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    matches!(tokio::time::timeout(WRITE_MAX, write).await, Ok(Ok(())))
}
