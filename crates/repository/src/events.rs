//! What this crate measures.

use std::time::Duration;

/// Name, kind, labels and meaning of each.
pub const METRICS: &[[&str; 4]] = &[
    ["repository_transactions_total", "counter", "", "Transactions that went through the committer."],
    [
        "index_reindex_resources_total",
        "counter",
        "work",
        "Resources whose rows of a search parameter were made (build) or taken away (retire) in the background.",
    ],
    [
        "repository_run_duration_seconds",
        "histogram",
        "",
        "Time of one run: checks, one append with its fsync, the index.",
    ],
];

/// A step of reindexing was committed.
pub(crate) fn reindexed(resources: usize, retiring: bool) {
    let work = if retiring { "retire" } else { "build" };
    metrics::counter!("index_reindex_resources_total", "work" => work).increment(resources as u64);
}

/// A run of transactions was committed or refused.
pub(crate) fn run(transactions: usize, took: Duration) {
    metrics::counter!("repository_transactions_total").increment(transactions as u64);
    metrics::histogram!("repository_run_duration_seconds").record(took.as_secs_f64());
}
