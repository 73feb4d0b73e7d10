//! The WebSocket channel: connections of clients, and which subscriptions they are bound to.
//!
//! A client gets a ticket by `$get-ws-binding-token`, opens the socket, and sends `bind-with-token TICKET`. From then on the
//! notifications of the ticket's subscriptions go over that socket: a handshake first, then what has happened since it was
//! last told. The newest binding of a subscription is the one that counts. Opening a socket needs no login, since browsers
//! cannot show one; so a socket that is not bound soon is closed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use repository::Store;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{Subscriptions, stopped};
use crate::faults;
use crate::reply::Refusal;

/// Sockets open at a time.
const SOCKETS_MAX: usize = 1024;
/// Tickets that are good at a time.
const TICKETS_MAX: usize = 10_000;
/// How long a ticket is good, in milliseconds.
pub(crate) const TICKET_MS: i64 = 10 * 60 * 1000;
/// Subscriptions that one socket serves.
const BINDINGS_MAX: usize = 100;
/// How long a socket may be open without a binding.
const UNBOUND_MAX: Duration = Duration::from_secs(30);
/// How often a socket is pinged; one that is silent for two rounds is closed.
const PING_EACH: Duration = Duration::from_secs(30);
/// How long a message may take to be written.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// Bytes of a message from a client.
const MESSAGE_BYTES_MAX: usize = 4096;
/// What a client sends to bind.
const BIND: &str = "bind-with-token";

/// All sockets and tickets of a server.
pub(crate) struct Sockets {
    bound: Mutex<HashMap<String, Bound>>,
    tickets: Mutex<HashMap<String, Ticket>>,
    /// Counts bindings; who waits for one looks at it.
    bindings: watch::Sender<u64>,
    numbers: AtomicU64,
    room: Arc<Semaphore>,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            bound: Mutex::default(),
            tickets: Mutex::default(),
            bindings: watch::Sender::new(0),
            numbers: AtomicU64::new(1),
            room: Arc::new(Semaphore::new(SOCKETS_MAX)),
        }
    }
}

#[derive(Clone)]
struct Bound {
    number: u64,
    sender: mpsc::Sender<Outgoing>,
}

struct Outgoing {
    text: String,
    written: oneshot::Sender<()>,
}

struct Ticket {
    ids: Vec<String>,
    expires_ms: i64,
}

impl Sockets {
    /// A new ticket for subscriptions; the caller has seen that they are its bearer's.
    ///
    /// # Errors
    /// 503 while too many are good.
    pub(crate) fn ticket(&self, store: &Store, ids: Vec<String>) -> Result<(String, i64), Refusal> {
        let now_ms = store.now_ms();
        let mut tickets = self.tickets.lock();
        tickets.retain(|_, ticket| ticket.expires_ms > now_ms);
        if tickets.len() >= TICKETS_MAX || ids.len() > BINDINGS_MAX {
            return Err(Refusal::new(faults::BUSY, "too many binding tokens are good at a time; come again"));
        }
        let name = URL_SAFE_NO_PAD.encode(store.draw::<32>());
        let expires_ms = now_ms + TICKET_MS;
        tickets.insert(name.clone(), Ticket { ids, expires_ms });
        Ok((name, expires_ms))
    }

    /// The number of the binding of a subscription; `None` if nobody is bound.
    pub(super) fn binding(&self, id: &str) -> Option<u64> {
        self.bound.lock().get(id).filter(|bound| !bound.sender.is_closed()).map(|bound| bound.number)
    }

    /// Tells of every new binding.
    pub(super) fn bindings(&self) -> watch::Receiver<u64> {
        self.bindings.subscribe()
    }

    /// Sends to who is bound; `Some` once it was written to the socket.
    pub(super) async fn send(&self, id: &str, text: String) -> Option<()> {
        let bound = self.bound.lock().get(id).cloned()?;
        let (written, done) = oneshot::channel();
        let sent = async {
            bound.sender.send(Outgoing { text, written }).await.ok()?;
            done.await.ok()
        };
        timeout(WRITE_MAX, sent).await.ok().flatten()
    }

    /// Ends the binding of a subscription that is served no more.
    pub(super) fn end(&self, id: &str) {
        self.bound.lock().remove(id);
    }

    /// Waits until all sockets are closed, for a while.
    pub(super) async fn drained(&self) {
        let all = u32::try_from(SOCKETS_MAX).unwrap_or(u32::MAX);
        let _ = timeout(Duration::from_secs(5), self.room.acquire_many(all)).await;
    }

    fn bind(&self, now_ms: i64, ticket: &str, sender: &mpsc::Sender<Outgoing>) -> Option<Vec<(String, u64)>> {
        let ids = {
            let tickets = self.tickets.lock();
            tickets.get(ticket).filter(|ticket| ticket.expires_ms > now_ms)?.ids.clone()
        };
        let mut made = Vec::with_capacity(ids.len());
        let mut bound = self.bound.lock();
        for id in ids {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            bound.insert(id.clone(), Bound { number, sender: sender.clone() });
            made.push((id, number));
        }
        drop(bound);
        self.bindings.send_modify(|count| *count += 1);
        Some(made)
    }

    /// Ends a binding over which nothing can be sent any more.
    pub(super) fn unbind_one(&self, id: &str, number: u64) {
        self.unbind(&[(id.to_owned(), number)]);
    }

    fn unbind(&self, made: &[(String, u64)]) {
        let mut bound = self.bound.lock();
        for (id, number) in made {
            if bound.get(id).is_some_and(|bound| bound.number == *number) {
                bound.remove(id);
            }
        }
    }
}

/// Answers the request that opens a socket.
///
/// # Errors
/// 503 while too many are open, or the server stops.
pub(crate) fn connect(hub: &Arc<Subscriptions>, upgrade: WebSocketUpgrade) -> Result<Response, Refusal> {
    let busy = || Refusal::new(faults::BUSY, "too many sockets are open; come again");
    if *hub.stopping.borrow() {
        return Err(busy());
    }
    let slot = Arc::clone(&hub.sockets.room).try_acquire_owned().map_err(|_| busy())?;
    let hub = Arc::clone(hub);
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _slot = slot;
        Connection::new(hub, socket).run().await;
    }))
}

struct Connection {
    hub: Arc<Subscriptions>,
    socket: WebSocket,
    sender: mpsc::Sender<Outgoing>,
    outgoing: mpsc::Receiver<Outgoing>,
    made: Vec<(String, u64)>,
}

/// Why a connection ends.
enum End {
    /// The other side is gone.
    Gone,
    /// It is told this.
    Close(u16, &'static str),
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hub.sockets.unbind(&self.made);
    }
}

impl Connection {
    fn new(hub: Arc<Subscriptions>, socket: WebSocket) -> Self {
        let (sender, outgoing) = mpsc::channel(1);
        Self { hub, socket, sender, outgoing, made: Vec::new() }
    }

    async fn run(mut self) {
        if let End::Close(code, reason) = self.talk().await {
            let frame = CloseFrame { code, reason: reason.into() };
            let _ = timeout(WRITE_MAX, self.socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn talk(&mut self) -> End {
        let mut stopping = self.hub.stopping.subscribe();
        let opened = Instant::now();
        let mut heard = Instant::now();
        let mut ticks = interval(PING_EACH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => return End::Close(close_code::AWAY, "the server stops"),
                Some(Outgoing { text, written }) = self.outgoing.recv() => {
                    if self.write(Message::text(text)).await.is_none() {
                        return End::Gone;
                    }
                    let _ = written.send(());
                }
                message = self.socket.recv() => {
                    heard = Instant::now();
                    if let Err(end) = self.hear(message).await {
                        return end;
                    }
                }
                _ = ticks.tick() => {
                    let unbound = self.made.is_empty() && opened.elapsed() > UNBOUND_MAX;
                    if unbound {
                        return End::Close(close_code::POLICY, "nothing was bound");
                    }
                    if heard.elapsed() > PING_EACH * 2 || self.write(Message::Ping(bytes::Bytes::new())).await.is_none() {
                        return End::Gone;
                    }
                }
            }
        }
    }

    async fn write(&mut self, message: Message) -> Option<()> {
        timeout(WRITE_MAX, self.socket.send(message)).await.ok()?.ok()
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => {
                return Err(End::Close(close_code::UNSUPPORTED, "only text is understood"));
            }
            _ => return Err(End::Gone),
        };
        let ticket = text.trim().strip_prefix(BIND).map(|rest| rest.trim_start_matches(':').trim());
        let made =
            ticket.and_then(|ticket| self.hub.sockets.bind(self.hub.store.now_ms(), ticket, &self.sender));
        match made {
            Some(made) if self.made.len() + made.len() <= BINDINGS_MAX => {
                self.made.extend(made);
                Ok(())
            }
            Some(made) => {
                self.made.extend(made);
                Err(End::Close(close_code::POLICY, "too many subscriptions for one socket"))
            }
            None => {
                Err(End::Close(close_code::POLICY, "expected `bind-with-token` and a token that is good"))
            }
        }
    }
}
