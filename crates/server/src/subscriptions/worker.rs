//! The task of one Subscription: reads the feed, numbers events, keeps them, tells of them, tries again.

use std::sync::Arc;
use std::time::Duration;

use repository::{
    Access, Caller, Channel, Definition, EVENTS_KEPT_MAX, Error, ErrorKind, PayloadContent, Place, Plan,
    SubscriptionEvent, SubscriptionState, SubscriptionStatus, TenantId, Told,
};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::channel::Failure;
use super::{Kind, Notice, Subscriptions, stopped, uuid};
use crate::events;

/// Changes that are looked at in one go.
const CHANGES_MAX: usize = 1000;
/// Changes that may be looked at again after a restart when none of them was an event.
const LOOKED_UNKEPT_MAX: u64 = 20_000;
/// Bytes of resources in one notification.
const NOTIFICATION_BYTES_MAX: usize = 8 << 20;
/// Tries of the handshake.
const HANDSHAKE_TRIES_MAX: u32 = 3;
/// How long after being woken it looks, so that a burst of commits is looked at once.
const LOOK_AFTER: Duration = Duration::from_millis(10);
/// How often it is looked whether the writer's token and the subscription's time still last.
const STAND_EACH: Duration = Duration::from_secs(5);

/// What a task is given.
pub(super) struct Task {
    pub(super) hub: Arc<Subscriptions>,
    pub(super) definition: Definition,
    pub(super) owner: Caller,
    /// The record that wrote the Subscription: what comes after it is told.
    pub(super) seq: u64,
    /// The version of the Subscription that is known here; held while it is written.
    pub(super) known: Arc<Mutex<u64>>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) requests: u64,
}

/// Why a task ends, or begins anew.
enum End {
    /// It was told to.
    Stopped,
    /// The store could not do something now.
    Trouble(Error),
    /// The Subscription gets this status.
    Status(SubscriptionStatus, String),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Denied | ErrorKind::Unprocessable | ErrorKind::TooCostly | ErrorKind::Invalid => {
                Self::Status(SubscriptionStatus::Error, error.to_string())
            }
            // Its new version has a task of its own.
            ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::Gone => Self::Stopped,
            _ => Self::Trouble(error),
        }
    }
}

/// What a subscription waits for when there is nothing to tell.
enum Wake {
    Look,
    Heartbeat,
}

/// A subscription that is set up.
struct Service {
    plan: Plan,
    state: SubscriptionState,
    /// Changes looked at since the state was kept; `None` if it holds more than what is kept.
    looked: Option<u64>,
    /// The binding that got its handshake.
    greeted: Option<u64>,
    last_sent: Instant,
}

impl Task {
    /// Serves until the end.
    pub(super) async fn run(mut self) {
        let mut troubles = 0;
        loop {
            let end = match self.serve().await {
                Ok(never) => match never {},
                Err(end) => end,
            };
            let ended = match end {
                End::Stopped => Ok(()),
                End::Trouble(error) => Err(error),
                End::Status(status, text) => {
                    tracing::info!(status = status.code(), "a subscription is served no more");
                    self.set_status(status, Some(text)).await.map(drop)
                }
            };
            match ended {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::Conflict => break,
                Err(error) => {
                    troubles += 1;
                    tracing::warn!(kind = ?error.kind(), internal = error.internal_text(), "a subscription waits for the store");
                    if self.pause(troubles).await.is_err() {
                        break;
                    }
                }
            }
        }
        self.hub.sockets.end(&self.definition.id);
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        self.stands()?;
        if let Channel::RestHook { endpoint, .. } = &self.definition.channel {
            let listed = self.hub.outbound.check(endpoint);
            listed
                .map_err(|error| End::Status(SubscriptionStatus::Error, format!("the endpoint: {error}")))?;
        }
        let mut service = self.set_up().await?;
        loop {
            self.stands()?;
            let heard = self.is_heard(&mut service).await?;
            let waiting = service.state.waiting(self.count_max());
            if heard && !waiting.is_empty() {
                service.state.told = self.deliver(&service, &waiting).await?;
                service.looked = None;
                service.last_sent = Instant::now();
                continue;
            }
            // What waits for a socket is numbered, so that it can be asked for; but never more than is kept.
            let room = service.state.events - service.state.told < (EVENTS_KEPT_MAX / 2) as u64;
            if room {
                let found = self.find(&service).await?;
                if !found.events.is_empty() {
                    service.state.found(&found.events, found.next);
                    // Numbered first, then told: what is told again after a crash bears the same number.
                    self.keep(&mut service).await?;
                    continue;
                }
                let passed = found.next.seq.saturating_sub(service.state.place.seq);
                service.state.place = found.next;
                service.looked = service.looked.map(|looked| looked + passed);
                if service.looked.is_none_or(|looked| looked > LOOKED_UNKEPT_MAX) {
                    self.keep(&mut service).await?;
                }
                if !found.at_end {
                    continue;
                }
            }
            match self.idle(&service, heard, room).await? {
                Wake::Look => {}
                Wake::Heartbeat => {
                    self.announce(Kind::Heartbeat, &service.state, self.hub.limits.tries_max).await?;
                    service.last_sent = Instant::now();
                }
            }
        }
    }

    /// Finds the topic, greets the endpoint, and says that the Subscription is active.
    async fn set_up(&mut self) -> Result<Service, End> {
        let (access, definition) = (self.access(), self.definition.clone());
        let plan = self.hub.work(move || access.subscription_plan(&definition)).await?;
        let (store, id, begin) =
            (self.hub.store.clone(), self.definition.id.clone(), Place::of(self.seq + 1));
        // Where it begins is kept before anything else happens: setting the status is a later record.
        let state = move || match store.subscription_state(&id)? {
            Some(state) => Ok(state),
            None => {
                let state = SubscriptionState::begin(begin);
                store.keep_subscription_state(&id, &state)?;
                Ok(state)
            }
        };
        let state = self.hub.work(state).await?;
        let is_new = *self.known.lock().await != state.version;
        let mut service = Service { plan, state, looked: Some(0), greeted: None, last_sent: Instant::now() };
        if is_new {
            if self.definition.bundles && matches!(self.definition.channel, Channel::RestHook { .. }) {
                self.announce(Kind::Handshake, &service.state, HANDSHAKE_TRIES_MAX).await?;
            }
            service.state.version = self.set_status(SubscriptionStatus::Active, None).await?;
            self.keep(&mut service).await?;
        }
        self.definition.status = SubscriptionStatus::Active;
        Ok(service)
    }

    /// Whether somebody can be told: an endpoint always, a socket while one is bound, which gets its handshake first.
    async fn is_heard(&mut self, service: &mut Service) -> Result<bool, End> {
        if matches!(self.definition.channel, Channel::RestHook { .. }) {
            return Ok(true);
        }
        let Some(number) = self.hub.sockets.binding(&self.definition.id) else { return Ok(false) };
        if service.greeted == Some(number) {
            return Ok(true);
        }
        let body = self.notice(Kind::Handshake, &service.state, &[]);
        if self.send(Kind::Handshake, self.hub.send_bundle(&self.definition, body)).await?.is_err() {
            self.hub.sockets.unbind_one(&self.definition.id, number);
            return Ok(false);
        }
        service.greeted = Some(number);
        service.last_sent = Instant::now();
        Ok(true)
    }

    async fn find(&mut self, service: &Service) -> Result<repository::SubscriptionEvents, End> {
        let (access, plan, from, count) =
            (self.access(), service.plan.clone(), service.state.place, self.count_max());
        Ok(self.hub.work(move || access.subscription_events(&plan, from, CHANGES_MAX, count)).await?)
    }

    async fn keep(&mut self, service: &mut Service) -> Result<(), End> {
        let (store, id, state) = (self.hub.store.clone(), self.definition.id.clone(), service.state.clone());
        self.hub.work(move || store.keep_subscription_state(&id, &state)).await?;
        service.looked = Some(0);
        Ok(())
    }

    /// Tells of events until it worked; gives the number of the last one that was told.
    async fn deliver(&mut self, service: &Service, waiting: &[(u64, SubscriptionEvent)]) -> Result<u64, End> {
        let mut tries = 0;
        loop {
            self.stands()?;
            let content = self.definition.content.unwrap_or(PayloadContent::Empty);
            let (access, events) = (self.access(), waiting.to_vec());
            let told =
                self.hub.work(move || access.notification(&events, content, NOTIFICATION_BYTES_MAX)).await?;
            let Some(last) = told.last().map(|told| told.number) else { return Ok(service.state.told) };
            let sent = if self.definition.bundles {
                let body = self.notice(Kind::Event, &service.state, &told);
                self.send(Kind::Event, self.hub.send_bundle(&self.definition, body)).await?
            } else {
                // R4's own notifications have one resource each: see `count_max`.
                match told.first() {
                    Some(one) => self.send(Kind::Event, self.hub.send_plain(&self.definition, one)).await?,
                    None => Ok(()),
                }
            };
            match sent {
                Ok(()) => return Ok(last),
                // The next round waits for a binding.
                Err(Failure::Unbound) => return Ok(service.state.told),
                Err(failure) => {
                    tries += 1;
                    self.again(tries, self.hub.limits.tries_max, &failure).await?;
                }
            }
        }
    }

    /// Sends a notification without events until it worked.
    async fn announce(&mut self, kind: Kind, state: &SubscriptionState, tries_max: u32) -> Result<(), End> {
        if !self.definition.bundles {
            return Ok(());
        }
        let mut tries = 0;
        loop {
            self.stands()?;
            let body = self.notice(kind, state, &[]);
            match self.send(kind, self.hub.send_bundle(&self.definition, body)).await? {
                Ok(()) | Err(Failure::Unbound) => return Ok(()),
                Err(failure) => {
                    tries += 1;
                    self.again(tries, tries_max, &failure).await?;
                }
            }
        }
    }

    /// One try, counted and timed; the stop cuts it short.
    async fn send(
        &self,
        kind: Kind,
        sending: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Result<(), Failure>, End> {
        let (started, mut stop) = (Instant::now(), self.stop.clone());
        let sent = tokio::select! {
            sent = sending => sent,
            () = stopped(&mut stop) => return Err(End::Stopped),
        };
        let channel = match self.definition.channel {
            Channel::RestHook { .. } => "rest-hook",
            Channel::WebSocket => "websocket",
        };
        events::notification(channel, kind.code(), sent.is_ok(), started.elapsed());
        Ok(sent)
    }

    /// Pauses after a failed try, or gives up.
    async fn again(&mut self, tries: u32, tries_max: u32, failure: &Failure) -> Result<(), End> {
        tracing::debug!(tries, error = %failure, "a notification failed");
        if tries >= tries_max {
            let text = format!("{failure}; given up after {tries} tries");
            return Err(End::Status(SubscriptionStatus::Error, text));
        }
        self.pause(tries).await
    }

    async fn pause(&mut self, tries: u32) -> Result<(), End> {
        let chance = u32::from_be_bytes(self.hub.store.draw());
        tokio::select! {
            () = sleep(self.hub.limits.pause(tries, chance)) => Ok(()),
            () = stopped(&mut self.stop) => Err(End::Stopped),
        }
    }

    /// Waits until there may be something to do: `heard` says whether somebody can be told, `room` whether more events can
    /// be numbered.
    async fn idle(&mut self, service: &Service, heard: bool, room: bool) -> Result<Wake, End> {
        let mut commits = self.hub.store.commits();
        let mut bindings = self.hub.sockets.bindings();
        let is_socket = matches!(self.definition.channel, Channel::WebSocket);
        if is_socket && self.hub.sockets.binding(&self.definition.id).is_some() != heard {
            return Ok(Wake::Look);
        }
        let far = Instant::now() + Duration::from_secs(24 * 3600);
        let period = self.definition.heartbeat_seconds.filter(|_| heard).map(Duration::from_secs);
        let heartbeat = period.map_or(far, |period| service.last_sent + period);
        loop {
            commits.mark_unchanged();
            if room && self.hub.store.may_have_changed(service.plan.types(), service.state.place) {
                return Ok(Wake::Look);
            }
            tokio::select! {
                changed = commits.changed() => {
                    if changed.is_err() {
                        return Err(End::Stopped);
                    }
                    sleep(LOOK_AFTER).await;
                }
                () = sleep_until(heartbeat) => return Ok(Wake::Heartbeat),
                _ = bindings.changed(), if is_socket => return Ok(Wake::Look),
                () = sleep(STAND_EACH) => {
                    self.stands()?;
                    if is_socket {
                        return Ok(Wake::Look);
                    }
                }
                () = stopped(&mut self.stop) => return Err(End::Stopped),
            }
        }
    }

    /// Whether it may go on: it was not stopped, its time is not over, its writer's token is good.
    fn stands(&self) -> Result<(), End> {
        if *self.stop.borrow() {
            return Err(End::Stopped);
        }
        if self.definition.end_ms.is_some_and(|end_ms| end_ms <= self.hub.store.now_ms()) {
            return Err(End::Status(SubscriptionStatus::Off, "its time is over".to_owned()));
        }
        if !self.hub.stands(&self.owner) {
            let text = "the token that it was written with has expired, was revoked or is not known; write it again with another";
            return Err(End::Status(SubscriptionStatus::Off, text.to_owned()));
        }
        Ok(())
    }

    /// Writes the status; gives the version of the Subscription that has it.
    async fn set_status(&self, status: SubscriptionStatus, error: Option<String>) -> Result<u64, Error> {
        let mut known = self.known.lock().await;
        let (access, id, version) = (self.hub.own_access(), self.definition.id.clone(), *known);
        let written = self
            .hub
            .work(move || access.set_subscription_status(&id, version, status, error.as_deref()))
            .await?;
        *known = written.versioned.version;
        Ok(*known)
    }

    fn notice(&self, kind: Kind, state: &SubscriptionState, told: &[Told]) -> Vec<u8> {
        let status = self.definition.status.code();
        let notice = Notice {
            base: self.hub.base(),
            id: &self.definition.id,
            kind,
            status,
            topic: self.definition.topic(),
            content: self.definition.content.unwrap_or(PayloadContent::Empty),
            events: told.last().map_or(state.told, |told| told.number),
            error: None,
            uuid: &uuid(&self.hub.store),
        };
        notice.bundle(told, self.hub.store.now_ms())
    }

    /// The writer's door.
    fn access(&mut self) -> Access {
        self.requests += 1;
        let mut caller = self.owner.clone();
        caller.tenant = TenantId::DEFAULT;
        caller.request_id = format!("s{:x}", self.requests);
        self.hub.store.access(caller)
    }

    fn count_max(&self) -> usize {
        if self.definition.bundles { self.definition.count_max } else { 1 }
    }
}
