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
    ["jobs_waiting", "gauge", "", "Jobs that nobody works on yet."],
    ["jobs_finished_total", "counter", "kind, outcome", "Jobs that ended, `done` or `failed`."],
    [
        "import_lines_total",
        "counter",
        "outcome",
        "Lines of imports: `created`, `updated`, `unchanged`, `refused`.",
    ],
    ["export_resources_total", "counter", "", "Resources written to files of exports."],
];

/// A step of reindexing was committed.
pub(crate) fn reindexed(resources: usize, retiring: bool) {
    let work = if retiring { "retire" } else { "build" };
    metrics::counter!("index_reindex_resources_total", "work" => work).increment(resources as u64);
}

/// So many jobs wait.
pub(crate) fn jobs(waiting: usize) {
    metrics::gauge!("jobs_waiting").set(waiting as f64);
}

/// A job ended.
pub(crate) fn job_done(kind: &str, well: bool) {
    let outcome = if well { "done" } else { "failed" };
    metrics::counter!("jobs_finished_total", "kind" => kind.to_owned(), "outcome" => outcome).increment(1);
}

/// A batch of an import is done.
pub(crate) fn imported(created: u64, updated: u64, unchanged: u64, refused: u64) {
    for (outcome, lines) in
        [("created", created), ("updated", updated), ("unchanged", unchanged), ("refused", refused)]
    {
        metrics::counter!("import_lines_total", "outcome" => outcome).increment(lines);
    }
}

/// So many resources were written to a file of an export.
pub(crate) fn exported(resources: u64) {
    metrics::counter!("export_resources_total").increment(resources);
}

/// A run of transactions was committed or refused.
pub(crate) fn run(transactions: usize, took: Duration) {
    metrics::counter!("repository_transactions_total").increment(transactions as u64);
    metrics::histogram!("repository_run_duration_seconds").record(took.as_secs_f64());
}
