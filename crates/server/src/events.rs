//! What this crate measures. Labels are small closed sets: a method, a matched route, a status.

use std::time::Duration;

use http::{Method, StatusCode};

/// Name, kind, labels and meaning of each.
pub const METRICS: &[[&str; 4]] = &[
    ["http_requests_total", "counter", "method, route, status", "Requests answered."],
    ["http_request_seconds", "histogram", "method, route", "Time from a request's head to its answer's."],
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
