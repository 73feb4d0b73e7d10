//! Telling of what is new: counts by severity and kind, no names of files and no ids. Where they are, `GET /scan/findings` tells
//! those who may know.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use mask::scan::{Finding, Severity};
use mask::transform::kind_name;
use protect::access::Interaction;
use repository::{Result, Store};
use tokio::runtime::Handle;

use super::kept::{self, Pending, Run};
use super::{ScanSpec, Shared};
use crate::time;

/// Alerts of one scan that wait; older ones give way.
const WAITING_MAX: usize = 16;
/// Tries of one alert, about half an hour in all.
const TRIES_MAX: u32 = 12;
const PAUSE_MS: i64 = 1000;
const PAUSE_MS_MAX: i64 = 300_000;
/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is new in a run and bad enough.
pub(super) struct News {
    pub(super) count: u64,
    pub(super) worst: Severity,
    by_severity: BTreeMap<Severity, u64>,
    by_kind: BTreeMap<&'static str, u64>,
}

/// Compares a run with the one before: a finding is new if its place is, a kind of it, or its severity.
///
/// # Errors
/// `Corrupt` or `Unavailable` if the shelf does not read.
pub(super) fn news(store: &Store, spec: &ScanSpec, before: Option<&Run>, run: &Run) -> Result<Option<News>> {
    let Some(alert) = &spec.alert else { return Ok(None) };
    let mut known = HashSet::new();
    for stretch in before.into_iter().flat_map(|before| kept::findings(store, &spec.name, before)) {
        for finding in stretch?.iter().filter_map(Finding::from_json) {
            known.extend(marks(&finding));
        }
    }
    let mut news =
        News { count: 0, worst: alert.severity, by_severity: BTreeMap::new(), by_kind: BTreeMap::new() };
    for stretch in kept::findings(store, &spec.name, run) {
        for finding in stretch?.iter().filter_map(Finding::from_json) {
            if finding.severity < alert.severity || marks(&finding).all(|mark| known.contains(&mark)) {
                continue;
            }
            news.count += 1;
            news.worst = news.worst.max(finding.severity);
            *news.by_severity.entry(finding.severity).or_default() += 1;
            for (kind, of_kind) in &finding.kinds {
                *news.by_kind.entry(kind_name(*kind)).or_default() += of_kind.count as u64;
            }
        }
    }
    Ok((news.count > 0).then_some(news))
}

/// A hash for each kind of a finding. Both runs are hashed in one process, so it need not stay the same.
fn marks(finding: &Finding) -> impl Iterator<Item = u64> {
    finding.kinds.keys().map(|kind| {
        let mut hasher = DefaultHasher::new();
        (&finding.key, finding.severity.as_str(), kind_name(*kind)).hash(&mut hasher);
        hasher.finish()
    })
}

impl News {
    /// For the audit log.
    pub(super) fn words(&self) -> String {
        let severities =
            self.by_severity.iter().rev().map(|(severity, count)| format!("{}={count}", severity.as_str()));
        let kinds = self.by_kind.iter().map(|(kind, count)| format!("{kind}={count}"));
        let parts: Vec<String> = severities.chain(kinds).collect();
        format!("{} new findings; {}", self.count, parts.join(" "))
    }

    /// What is sent.
    pub(super) fn pending(&self, spec: &ScanSpec, now_ms: i64) -> Pending {
        let severities: BTreeMap<&str, u64> =
            self.by_severity.iter().map(|(severity, count)| (severity.as_str(), *count)).collect();
        let body = serde_json::json!({
            "scan": spec.name,
            "time": time::instant(now_ms),
            "severity": self.worst.as_str(),
            "newFindings": self.count,
            "bySeverity": severities,
            "byType": self.by_kind,
            "see": format!("/scan/findings?scan={}", spec.name),
        });
        Pending { body: body.to_string(), tries: 0, next_ms: now_ms }
    }
}

/// Puts an alert behind those that wait.
pub(super) fn queue(waiting: &mut Vec<Pending>, pending: Option<Pending>) {
    waiting.extend(pending);
    let over = waiting.len().saturating_sub(WAITING_MAX);
    waiting.drain(..over);
}

/// Tries the alerts whose time has come, the oldest of each scan.
pub(super) fn deliver(shared: &Shared, runtime: &Handle) {
    let now_ms = shared.parts.store.now_ms();
    for (at, spec) in shared.specs.iter().enumerate() {
        let pending = shared.states.lock().get(at).and_then(|state| state.kept.alerts.first().cloned());
        let Some(pending) = pending.filter(|pending| pending.next_ms <= now_ms) else { continue };
        let url = spec.alert.as_ref().and_then(|alert| alert.url.as_ref());
        let arrived = url.is_some_and(|url| runtime.block_on(send(shared, url, &pending.body)));
        // The configuration may have lost the URL since.
        let gives_up = !arrived && (url.is_none() || pending.tries + 1 >= TRIES_MAX);
        if gives_up {
            tracing::error!(scan = spec.name, tries = pending.tries, "an alert could not be delivered");
        }
        // Without an event it is not done, and is tried again.
        let is_done = (arrived || gives_up) && {
            let words = if arrived { "delivered" } else { "given up" };
            let access = shared.parts.store.access(spec.caller());
            access.deed(Interaction::Scan, "alert", || Ok(((), words.to_owned()))).is_ok()
        };
        let kept = shared.keep(at, |kept| {
            if is_done {
                kept.alerts.remove(0);
            } else if let Some(first) = kept.alerts.first_mut() {
                first.tries += 1;
                let pause = PAUSE_MS.saturating_mul(1 << first.tries.min(20)).min(PAUSE_MS_MAX);
                first.next_ms = now_ms.saturating_add(pause);
            }
        });
        if kept.is_err() {
            tracing::error!(scan = spec.name, "it could not be written down that an alert was tried");
        }
    }
}

async fn send(shared: &Shared, url: &str, body: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Bytes::from(body.to_owned());
    match shared.parts.outbound.tell(Method::POST, url, headers, body, TIMEOUT).await {
        Ok(status) if status.is_success() => true,
        Ok(status) => {
            tracing::warn!(status = status.as_u16(), "an alert was refused; it is tried again");
            false
        }
        Err(error) => {
            tracing::warn!(error = %error, "an alert did not arrive; it is tried again");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use mask::Kind;
    use mask::scan::{Found, OfKind};

    use super::*;

    fn finding(key: &str, kinds: &[(Kind, usize)]) -> Finding {
        let kinds = kinds.iter().map(|(kind, count)| (*kind, OfKind { count: *count, places: Vec::new() }));
        Finding::of(key, 1, Found { kinds: kinds.collect() }).unwrap()
    }

    #[test]
    fn more_of_the_same_is_not_new_but_another_kind_or_severity_is() {
        let known: HashSet<u64> = marks(&finding("a", &[(Kind::Name, 1)])).collect();
        let is_new = |finding: &Finding| !marks(finding).all(|mark| known.contains(&mark));
        assert!(!is_new(&finding("a", &[(Kind::Name, 7)])));
        assert!(is_new(&finding("a", &[(Kind::Name, 100)])), "so many are a list of people");
        assert!(is_new(&finding("a", &[(Kind::Name, 1), (Kind::Phone, 1)])));
        assert!(is_new(&finding("b", &[(Kind::Name, 1)])));
    }

    #[test]
    fn old_alerts_give_way() {
        let pending = |tries| Pending { body: String::new(), tries, next_ms: 0 };
        let mut waiting: Vec<Pending> = (0..16).map(pending).collect();
        queue(&mut waiting, Some(pending(99)));
        assert_eq!((waiting.len(), waiting[0].tries, waiting[15].tries), (16, 1, 99));
    }
}
