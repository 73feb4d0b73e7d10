//! The metrics of this crate, in one place.

use std::time::Duration;

/// Name, kind, labels and meaning of each.
pub const METRICS: &[[&str; 4]] = &[
    ["audit_rows_total", "counter", "", "Audit rows that are on disk for good."],
    ["audit_sync_seconds", "histogram", "", "Time of one fsync of audit rows."],
    [
        "audit_sync_failures_total",
        "counter",
        "",
        "Failed fsyncs of audit rows; after one nothing is recorded.",
    ],
    ["token_refusals_total", "counter", "reason", "Tokens that were refused."],
];

/// Rows that were synced.
pub(crate) fn audit_rows_synced(rows: u64) {
    metrics::counter!("audit_rows_total").increment(rows);
}

/// One fsync of rows.
pub(crate) fn audit_synced(took: Duration) {
    metrics::histogram!("audit_sync_seconds").record(took.as_secs_f64());
}

/// A sync that failed, after which nothing is recorded.
pub(crate) fn audit_sync_failed() {
    metrics::counter!("audit_sync_failures_total").increment(1);
}

/// A token that was refused; `reason` is one of a small set of words.
pub(crate) fn token_refused(reason: &'static str) {
    metrics::counter!("token_refusals_total", "reason" => reason).increment(1);
}
