//! Sending: several senders at once, each patient's deliveries in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use indicatif::ProgressBar;
use testkit::{Delivery, Feed, Payload};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::failure::{Failure, Result};
use crate::mllp::Mllp;

/// Senders at work at a time.
const SENDERS: u64 = 8;

/// How to reach the server.
#[derive(Clone)]
pub(crate) struct Ways {
    /// The ADT channel.
    pub(crate) adt: Option<SocketAddr>,
    /// The laboratory's channel.
    pub(crate) lab: Option<SocketAddr>,
    /// HTTPS.
    pub(crate) url: String,
    /// Trusts the server's authority.
    pub(crate) trust: Arc<rustls::ClientConfig>,
    /// For HTTPS.
    pub(crate) token: String,
}

/// What was sent and what came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Messages by feed and answer: `adt AA`, `fhir 200`.
    pub(crate) answers: BTreeMap<(&'static str, String), u64>,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Sends everything.
pub(crate) async fn send(deliveries: Vec<Delivery>, ways: &Ways, bar: &ProgressBar) -> Result<Sent> {
    let started = Instant::now();
    let mut lanes: Vec<Vec<Delivery>> = (0..SENDERS).map(|_| Vec::new()).collect();
    for delivery in deliveries {
        if let Some(lane) =
            usize::try_from(delivery.patient % SENDERS).ok().and_then(|lane| lanes.get_mut(lane))
        {
            lane.push(delivery);
        }
    }
    let mut tasks = JoinSet::new();
    for lane in lanes.into_iter().filter(|lane| !lane.is_empty()) {
        tasks.spawn(send_lane(lane, ways.clone(), bar.clone()));
    }
    let mut sent = Sent::default();
    while let Some(lane) = tasks.join_next().await {
        let answers = lane.map_err(|_| Failure::new("a sender of the demo broke"))??;
        for (key, count) in answers {
            *sent.answers.entry(key).or_default() += count;
        }
    }
    sent.took = started.elapsed();
    Ok(sent)
}

async fn send_lane(
    lane: Vec<Delivery>,
    ways: Ways,
    bar: ProgressBar,
) -> Result<BTreeMap<(&'static str, String), u64>> {
    let mut answers = BTreeMap::new();
    let (mut adt, mut lab) = (Line::new(ways.adt), Line::new(ways.lab));
    let mut client = Client::new(&ways.url, Arc::clone(&ways.trust), &ways.token)?;
    for delivery in lane {
        let answer = match (&delivery.payload, delivery.feed) {
            (Payload::Hl7v2(message), Feed::Lab) => lab.send(message, &ways).await?,
            (Payload::Hl7v2(message), _) => adt.send(message, &ways).await?,
            (Payload::FhirBundle(bundle), _) => {
                let kind = [("content-type", "application/fhir+json")];
                client.call(Method::POST, "/fhir", &kind, bundle.clone()).await?.0.as_str().to_owned()
            }
        };
        *answers.entry((delivery.feed.as_str(), answer)).or_default() += 1;
        bar.inc(1);
    }
    Ok(answers)
}

/// One connection to a channel, made when it is first needed.
struct Line {
    address: Option<SocketAddr>,
    open: Option<Mllp>,
}

impl Line {
    fn new(address: Option<SocketAddr>) -> Self {
        Self { address, open: None }
    }

    async fn send(&mut self, message: &[u8], ways: &Ways) -> Result<String> {
        if self.open.is_none() {
            let address = self.address.ok_or_else(|| Failure::new("the demo's channel does not listen"))?;
            self.open = Some(Mllp::connect(address, Arc::clone(&ways.trust)).await?);
        }
        let open = self.open.as_mut().ok_or_else(|| Failure::new("no connection"))?;
        Ok(open.send(message).await?.code)
    }
}
