//! What this crate measures. Labels are small closed sets: a configured channel, an outcome.

use std::time::Duration;

use crate::outcome::Outcome;

/// One message was dealt with.
pub(crate) fn received(channel: &str, outcome: &Outcome, bytes: usize, took: Duration) {
    let channel = channel.to_owned();
    metrics::counter!("ingest_messages_total", "channel" => channel.clone(), "outcome" => outcome.word())
        .increment(1);
    metrics::counter!("ingest_bytes_total", "channel" => channel.clone()).increment(bytes as u64);
    metrics::histogram!("ingest_message_seconds", "channel" => channel).record(took.as_secs_f64());
}

/// A connection was opened or closed.
pub(crate) fn connections(channel: &str, open: usize) {
    metrics::gauge!("ingest_connections", "channel" => channel.to_owned()).set(open as f64);
}
