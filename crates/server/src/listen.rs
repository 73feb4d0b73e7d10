//! Takes TLS connections and serves HTTP on them until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncBufReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bounds of a listener.
#[derive(Clone, Debug)]
pub struct ListenLimits {
    /// Connections open at a time; more wait in the system's backlog.
    pub connections_max: usize,
    /// How long a TLS handshake may take, in milliseconds.
    pub handshake_ms_max: u64,
    /// How long the head of a request may take to arrive, in milliseconds.
    pub head_ms_max: u64,
    /// How long open requests may go on after the stop, in milliseconds.
    pub stop_ms_max: u64,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self { connections_max: 4096, handshake_ms_max: 10_000, head_ms_max: 30_000, stop_ms_max: 20_000 }
    }
}

/// Serves `router` on `listener` over TLS until `stop` turns true, then lets open requests end.
///
/// Each accepted connection is a task of its own; its panic or error ends that connection alone.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    limits: ListenLimits,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            _ = stopped(&mut stop) => break,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped(&mut stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                // Out of file descriptors, most often: wait for connections to end instead of spinning.
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let watcher = graceful.watcher();
        let (acceptor, router, limits) = (acceptor.clone(), router.clone(), limits.clone());
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let _slot = slot;
            let handshake = tokio::select! {
                stream = handshake(stream, peer, acceptor, &limits) => stream,
                // Nothing has been asked yet: the stop does not wait for it.
                () = stopped(&mut stop) => None,
            };
            if let Some(stream) = handshake {
                connection(stream, peer, router, &limits, watcher).await;
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(Duration::from_millis(limits.stop_ms_max)) => {
            tracing::warn!("open requests were cut at the end of the stop's time");
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

async fn handshake(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    limits: &ListenLimits,
) -> Option<TlsStream<TcpStream>> {
    // Answers are written whole; waiting to fill a packet only adds latency.
    let _ = stream.set_nodelay(true);
    let handshake =
        tokio::time::timeout(Duration::from_millis(limits.handshake_ms_max), acceptor.accept(stream));
    let Ok(Ok(mut stream)) = handshake.await else {
        tracing::debug!(%peer, "a TLS handshake failed");
        return None;
    };
    // Until the first byte no timer of HTTP runs: a silent connection would hold its slot for ever.
    let first = tokio::time::timeout(Duration::from_millis(limits.head_ms_max), stream.fill_buf());
    match first.await.map(|read| read.map(<[u8]>::is_empty)) {
        Ok(Ok(false)) => Some(stream),
        _ => None,
    }
}

async fn connection(
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    router: Router,
    limits: &ListenLimits,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_ms_max))
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_millis(limits.head_ms_max))
        .keep_alive_timeout(Duration::from_millis(limits.handshake_ms_max))
        .max_concurrent_streams(256)
        .max_header_list_size(64 * 1024);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, error = %error, "a connection ended with an error");
    }
}
