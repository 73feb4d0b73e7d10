//! What this crate measures. Labels are small closed sets: a configured channel, an outcome.

use std::time::Duration;

use crate::outcome::Outcome;

/// Name, kind, labels and meaning of each.
pub const METRICS: &[[&str; 4]] = &[
    ["ingest_messages_total", "counter", "channel, outcome", "Messages dealt with."],
    ["ingest_bytes_total", "counter", "channel", "Bytes of these messages."],
    ["ingest_message_seconds", "histogram", "channel", "Time from a whole message to its acknowledgement."],
    ["ingest_connections", "gauge", "channel", "Open MLLP connections."],
];

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
