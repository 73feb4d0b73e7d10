//! Subscriptions served: who is told of what, by a request to their endpoint or over a connection that they opened.
//!
//! Every Subscription that is asked for has one task (`worker`). It reads the feed of changes from where it was, numbers
//! the events, keeps that on the shelf, and only then tells of them, one notification after the other. So notifications of a
//! subscription are in order, none is lost by a crash, and some may come twice. Nothing waits in memory: a slow endpoint
//! leaves its task behind in the feed and holds up no other. `manager` starts and ends the tasks as Subscriptions change.
//!
//! A task asks the store as the writer of the Subscription, with the rights of the token that was shown then; when that
//! token ends, so does the subscription.
//!
//! Source: HL7 Subscriptions R5 Backport 1.1 on FHIR R4; R4 subscription.html. `docs/guides/subscriptions.md` is for users.

mod bundle;
mod channel;
mod manager;
mod sockets;
mod worker;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use protect::access::{Actor, Purpose, Scopes};
use protect::token::{TokenId, TokenStore};
use repository::{Access, Caller, Error, Store, TenantId};
use tokio::sync::{Semaphore, watch};

pub(crate) use bundle::{Kind, Notice};
pub use manager::serve;
pub(crate) use sockets::{Sockets, connect};

use crate::outbound::Outbound;

/// Tasks that may ask the store at a time.
const BUSY_MAX: usize = 8;

/// How often something is tried, how many there may be.
#[derive(Clone, Debug)]
pub struct SubscriptionLimits {
    /// Subscriptions that are served at a time; others go to `error`.
    pub count_max: usize,
    /// Tries of one notification, after which the subscription goes to `error`.
    pub tries_max: u32,
    /// The pause after the first failed try, in milliseconds; it doubles with each one.
    pub pause_ms: u64,
    /// The longest pause, in milliseconds.
    pub pause_ms_max: u64,
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        Self { count_max: 1000, tries_max: 30, pause_ms: 1000, pause_ms_max: 300_000 }
    }
}

impl SubscriptionLimits {
    /// The pause after a number of failed tries: doubling, cut, and by chance up to a half shorter, so that those that
    /// failed together do not come back together.
    fn pause(&self, tries: u32, chance: u32) -> Duration {
        let doubled =
            self.pause_ms.saturating_mul(1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX));
        let full = doubled.min(self.pause_ms_max);
        let less = (full / 2).saturating_mul(u64::from(chance)) / u64::from(u32::MAX);
        Duration::from_millis(full.saturating_sub(less))
    }
}

/// What all subscriptions of a server share.
pub(crate) struct Subscriptions {
    store: Store,
    tokens: Arc<TokenStore>,
    outbound: Outbound,
    limits: SubscriptionLimits,
    sockets: Sockets,
    base: OnceLock<String>,
    busy: Semaphore,
    stopping: watch::Sender<bool>,
}

impl Subscriptions {
    pub(crate) fn new(
        store: Store,
        tokens: Arc<TokenStore>,
        outbound: Outbound,
        limits: SubscriptionLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            tokens,
            outbound,
            limits,
            sockets: Sockets::default(),
            base: OnceLock::new(),
            busy: Semaphore::new(BUSY_MAX),
            stopping: watch::Sender::new(false),
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// The base URL in notifications, without a slash at its end.
    fn base(&self) -> &str {
        self.base.get().map_or("", String::as_str)
    }

    /// Whether the token that a Subscription was written with is still good. What was written without one (it came in a
    /// message, or by a command) has nobody who could end it, and is not served.
    fn stands(&self, owner: &Caller) -> bool {
        owner.token.as_deref().and_then(TokenId::parse).is_some_and(|token| self.tokens.stands(token))
    }

    /// The door of Ward's own, for the status of Subscriptions.
    fn own_access(&self) -> Access {
        self.store.access(Caller {
            actor: Actor::system("subscriptions"),
            purpose: Purpose::Operations,
            home: TenantId::DEFAULT,
            tenant: TenantId::DEFAULT,
            scopes: Scopes::parse("system/Subscription.cruds").unwrap_or_default(),
            launch_patient: None,
            masked: None,
            token: None,
            request_id: String::new(),
            source: "subscription".to_owned(),
        })
    }

    /// Runs work of the store on a thread that may block, a few at a time. It is always waited for to its end: what it writes
    /// must not come behind what a later task writes.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let broken = || Error::internal(repository::ErrorKind::Internal, "work for a subscription panicked");
        let _slot = self.busy.acquire().await.map_err(|_| broken())?;
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(broken()))
    }
}

/// Waits for a stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|stopping| *stopping).await;
}

/// A name for something new.
pub(crate) fn uuid(store: &Store) -> String {
    let mut bytes: [u8; 16] = store.draw();
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_vary_by_half_at_most() {
        let limits =
            SubscriptionLimits { pause_ms: 100, pause_ms_max: 1000, ..SubscriptionLimits::default() };
        let millis = |tries, chance| limits.pause(tries, chance).as_millis();
        assert_eq!(
            [1, 2, 3, 4, 5, 64, 200].map(|tries| millis(tries, 0)),
            [100, 200, 400, 800, 1000, 1000, 1000]
        );
        assert_eq!(millis(3, u32::MAX), 200);
    }
}
