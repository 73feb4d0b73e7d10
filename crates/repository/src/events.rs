//! What this crate measures.

use std::time::Duration;

/// Name, kind, labels and meaning of each.
pub const METRICS: &[[&str; 4]] = &[
    ["repository_transactions_total", "counter", "", "Transactions that went through the committer."],
    [
        "repository_run_duration_seconds",
        "histogram",
        "",
        "Time of one run: checks, one append with its fsync, the index.",
    ],
];

/// A run of transactions was committed or refused.
pub(crate) fn run(transactions: usize, took: Duration) {
    metrics::counter!("repository_transactions_total").increment(transactions as u64);
    metrics::histogram!("repository_run_duration_seconds").record(took.as_secs_f64());
}
