//! What this crate measures. Labels are small closed sets: a method, a matched route, a status.

use std::time::Duration;

use http::{Method, StatusCode};

/// Name, kind, labels and meaning of each.
pub const METRICS: &[[&str; 4]] = &[
    ["http_requests_total", "counter", "method, route, status", "Requests answered."],
    ["http_request_seconds", "histogram", "method, route", "Time from a request's head to its answer's."],
    ["subscriptions_served", "gauge", "", "Subscriptions that have a task."],
    [
        "subscriptions_notifications_total",
        "counter",
        "channel, kind, outcome",
        "Tries to tell a subscriber: `sent` or `failed`.",
    ],
    ["subscriptions_notification_seconds", "histogram", "channel", "Time of one try."],
];

/// One request was answered.
pub(crate) fn request(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let route = route.to_owned();
    metrics::counter!("http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!("http_request_seconds", "method" => method, "route" => route)
        .record(took.as_secs_f64());
}

/// One try to tell a subscriber ended.
pub(crate) fn notification(channel: &'static str, kind: &'static str, sent: bool, took: Duration) {
    let outcome = if sent { "sent" } else { "failed" };
    metrics::counter!("subscriptions_notifications_total", "channel" => channel, "kind" => kind, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("subscriptions_notification_seconds", "channel" => channel)
        .record(took.as_secs_f64());
}

/// So many subscriptions have a task.
pub(crate) fn subscriptions(count: usize) {
    metrics::gauge!("subscriptions_served").set(count as f64);
}
