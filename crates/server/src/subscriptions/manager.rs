//! Which Subscriptions are served: follows their changes, starts a task for each that is asked for, ends it when it is not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use repository::{Error, Place, Subscribed, SubscriptionStatus, TenantId};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::worker::Task;
use super::{Subscriptions, stopped};
use crate::edge::Edge;
use crate::events;

/// Changes of Subscriptions that are looked at in one go.
const CHANGES_MAX: usize = 1000;
/// How long is waited after the store could not be read.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// Serves the Subscriptions of a server until `stop` turns true. `url` is how others reach it, such as
/// `https://ward.example.org`: it stands in notifications.
pub async fn serve(edge: Arc<Edge>, url: String, mut stop: watch::Receiver<bool>) {
    let hub = Arc::clone(edge.subscriptions());
    drop(edge);
    let _ = hub.base.set(format!("{}/fhir", url.trim_end_matches('/')));
    let mut manager = Manager { hub: Arc::clone(&hub), running: HashMap::new(), code: Vec::new() };
    manager.follow(&mut stop).await;
    // Sockets first: a task that writes to one then goes on to its own stop.
    hub.stopping.send_replace(true);
    manager.end_all().await;
    hub.sockets.drained().await;
}

struct Manager {
    hub: Arc<Subscriptions>,
    running: HashMap<u64, Running>,
    /// The code of the type Subscription, once one was seen.
    code: Vec<u16>,
}

struct Running {
    known: Arc<Mutex<u64>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Manager {
    async fn follow(&mut self, stop: &mut watch::Receiver<bool>) {
        let mut commits = self.hub.store.commits();
        self.code = repository::layout::type_code("Subscription").into_iter().collect();
        // Before the list is read: what changes meanwhile is looked at again.
        let mut place = Place::of(self.hub.store.position());
        while let Err(error) = self.begin().await {
            tracing::error!(kind = ?error.kind(), internal = error.internal_text(), "subscriptions could not be read");
            tokio::select! {
                () = tokio::time::sleep(TROUBLE_PAUSE) => {}
                () = stopped(stop) => return,
            }
        }
        loop {
            commits.mark_unchanged();
            match self.changes(place).await {
                Ok(next) => place = next,
                Err(error) => {
                    tracing::error!(kind = ?error.kind(), internal = error.internal_text(), "subscriptions could not be read");
                    tokio::time::sleep(TROUBLE_PAUSE).await;
                }
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return },
                () = stopped(stop) => return,
            }
        }
    }

    /// Starts what is asked for; forgets what is no more.
    async fn begin(&mut self) -> Result<(), Error> {
        let store = self.hub.store.clone();
        let (all, mut states) = self
            .hub
            .work(move || Ok((store.subscriptions(TenantId::DEFAULT)?, store.subscription_states()?)))
            .await?;
        states.retain(|id| all.iter().all(|one| one.id != id.as_str()));
        for id in states {
            self.forget(id).await?;
        }
        for subscribed in all {
            self.take(subscribed).await?;
        }
        Ok(())
    }

    async fn changes(&mut self, mut place: Place) -> Result<Place, Error> {
        while self.hub.store.may_have_changed(&self.code, place) {
            let (store, code) = (self.hub.store.clone(), self.code.clone());
            let stretch = move || store.changes(TenantId::DEFAULT, Some(&code), place, CHANGES_MAX);
            let stretch = self.hub.work(stretch).await?;
            for change in &stretch.changes {
                let (store, number) = (self.hub.store.clone(), change.number);
                let found = self.hub.work(move || store.subscription(TenantId::DEFAULT, number)).await?;
                if let Some(subscribed) = found {
                    self.take(subscribed).await?;
                }
            }
            place = stretch.next;
            if stretch.at_end {
                break;
            }
        }
        Ok(place)
    }

    /// Brings the task of a Subscription in line with how it stands now.
    async fn take(&mut self, subscribed: Subscribed) -> Result<(), Error> {
        let number = subscribed.number;
        let status =
            subscribed.definition.as_ref().and_then(|read| read.as_ref().ok()).map(|read| read.status);
        if let Some(running) = self.running.get(&number)
            && status.is_some_and(is_wanted)
        {
            // A task that writes the status holds this: afterwards it knows the version that it wrote.
            if *running.known.lock().await == subscribed.version && !running.task.is_finished() {
                return Ok(());
            }
        }
        self.end(number).await;
        let id = subscribed.id.to_string();
        let (definition, owner) = match (subscribed.definition, subscribed.owner) {
            (None, _) => return self.forget(id).await,
            (Some(Ok(definition)), Some(owner)) => (definition, owner),
            (Some(Err(issues)), _) => {
                let text = issues.first().map_or_else(String::new, |issue| issue.details.clone());
                return self.refuse(id, subscribed.version, text).await;
            }
            (Some(Ok(definition)), None) if is_wanted(definition.status) => {
                let text = "who wrote it is not known: write it again";
                return self.refuse(id, subscribed.version, text.to_owned()).await;
            }
            (Some(Ok(_)), None) => return Ok(()),
        };
        match definition.status {
            SubscriptionStatus::Off => return self.forget(id).await,
            SubscriptionStatus::Error => return Ok(()),
            SubscriptionStatus::Requested | SubscriptionStatus::Active => {}
        }
        if self.running.len() >= self.hub.limits.count_max {
            let text = "as many subscriptions as the server has room for are served already";
            return self.refuse(id, subscribed.version, text.to_owned()).await;
        }
        let known = Arc::new(Mutex::new(subscribed.version));
        let (stop, stopping) = watch::channel(false);
        let task = Task {
            hub: Arc::clone(&self.hub),
            definition,
            owner,
            seq: subscribed.seq,
            known: Arc::clone(&known),
            stop: stopping,
            requests: 0,
        };
        self.running.insert(number, Running { known, stop, task: tokio::spawn(task.run()) });
        events::subscriptions(self.running.len());
        Ok(())
    }

    async fn end(&mut self, number: u64) {
        if let Some(running) = self.running.remove(&number) {
            running.end().await;
            events::subscriptions(self.running.len());
        }
    }

    async fn end_all(&mut self) {
        for running in self.running.values() {
            running.stop.send_replace(true);
        }
        for (_, running) in self.running.drain() {
            running.end().await;
        }
    }

    async fn forget(&self, id: String) -> Result<(), Error> {
        let store = self.hub.store.clone();
        self.hub.work(move || store.forget_subscription_state(&id)).await
    }

    async fn refuse(&self, id: String, version: u64, text: String) -> Result<(), Error> {
        let access = self.hub.own_access();
        let status = SubscriptionStatus::Error;
        let set = move || access.set_subscription_status(&id, version, status, Some(&text)).map(drop);
        match self.hub.work(set).await {
            // It changed again, or is in a shape that cannot be written: its next change is looked at.
            Err(error) if error.kind() == repository::ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }
}

fn is_wanted(status: SubscriptionStatus) -> bool {
    matches!(status, SubscriptionStatus::Requested | SubscriptionStatus::Active)
}

impl Running {
    async fn end(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            tracing::error!("a subscription's task ended by a panic");
        }
    }
}
