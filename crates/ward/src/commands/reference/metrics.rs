//! `metrics.md`: what `/metrics` shows.

/// The metrics of every crate.
const ALL: &[&[[&str; 4]]] = &[server::METRICS, ingest::METRICS, repository::METRICS, protect::METRICS];

/// The page.
pub(super) fn page() -> String {
    let mut out = super::title(
        "Metrics",
        "`GET /metrics` shows these in Prometheus' text format, to callers with a token. Labels are small closed sets: \
         a method, a matched route, a channel of the configuration, an outcome. A histogram is shown as a summary with \
         quantiles.",
    );
    out.push('\n');
    let rows: Vec<Vec<String>> = ALL
        .iter()
        .flat_map(|metrics| metrics.iter())
        .map(|[name, kind, labels, meaning]| {
            vec![format!("`{name}`"), (*kind).to_owned(), (*labels).to_owned(), (*meaning).to_owned()]
        })
        .collect();
    out.push_str(&super::table(&["name", "kind", "labels", "meaning"], &rows));
    out
}

#[cfg(test)]
mod tests {
    use super::ALL;

    const SOURCES: &[&str] = &[
        include_str!("../../../../server/src/events.rs"),
        include_str!("../../../../ingest/src/events.rs"),
        include_str!("../../../../repository/src/events.rs"),
        include_str!("../../../../protect/src/events.rs"),
    ];

    #[test]
    fn every_metric_is_documented_with_its_kind_and_nothing_else_is() {
        for (metrics, source) in ALL.iter().zip(SOURCES) {
            let mut used: Vec<(&str, &str)> = Vec::new();
            for kind in ["counter", "gauge", "histogram"] {
                let call = format!("metrics::{kind}!(");
                let places = source.split(call.as_str()).skip(1);
                used.extend(places.filter_map(|after| Some((after.split('"').nth(1)?, kind))));
            }
            let mut documented: Vec<(&str, &str)> =
                metrics.iter().map(|[name, kind, ..]| (*name, *kind)).collect();
            used.sort_unstable();
            documented.sort_unstable();
            assert_eq!(used, documented);
        }
    }
}
