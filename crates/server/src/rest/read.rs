//! `read` and `vread` (R4 3.1.0.2, 3.1.0.3).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use repository::{Conditions, Held, Read};

use super::binary;
use super::form::Pairs;
use super::negotiate::Wishes;
use crate::edge::Edge;
use crate::reply::{self, Refusal};
use crate::time;

/// The current version. `If-None-Match` and `If-Modified-Since` turn an unchanged one into 304.
///
/// Runs on the request's own task: a read takes microseconds, less than handing it to another thread.
pub(crate) async fn read(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let native = binary::is_native(&resource_type, &headers, &pairs);
    let wishes = if native { Wishes::default() } else { Wishes::read(&headers, &pairs)? };
    let access = edge.access(&headers)?;
    match access.read_if(&resource_type, &id, conditions(&headers))? {
        Read::Found(versioned) if native => binary::answer(&edge, versioned),
        Read::Found(mut versioned) => {
            versioned.body = wishes.shape(versioned.body);
            Ok(reply::version(StatusCode::OK, versioned))
        }
        Read::NotModified { version, last_updated_ms } => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            reply::set(&mut response, header::ETAG, &format!("W/\"{version}\""));
            reply::set(&mut response, header::LAST_MODIFIED, &time::http_date(last_updated_ms));
            Ok(response)
        }
    }
}

/// One version.
pub(crate) async fn vread(
    State(edge): State<Arc<Edge>>,
    Path((resource_type, id, version)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let native = binary::is_native(&resource_type, &headers, &pairs);
    let wishes = if native { Wishes::default() } else { Wishes::read(&headers, &pairs)? };
    let access = edge.access(&headers)?;
    // A version id that is no number of ours names nothing, which is 404 and not a malformed request.
    let version = version.parse::<u64>().unwrap_or(0);
    let mut versioned = access.vread(&resource_type, &id, version)?;
    if native {
        return binary::answer(&edge, versioned);
    }
    versioned.body = wishes.shape(versioned.body);
    Ok(reply::version(StatusCode::OK, versioned))
}

fn conditions(headers: &HeaderMap) -> Conditions {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    Conditions {
        if_none_match: text(header::IF_NONE_MATCH).map(held),
        if_modified_since_ms: text(header::IF_MODIFIED_SINCE).and_then(time::parse_http_date),
    }
}

/// The versions in `If-None-Match`: `*`, or entity tags with commas between them. Tags that are not ours match nothing.
fn held(tags: &str) -> Held {
    if tags.trim() == "*" {
        return Held::Any;
    }
    Held::Versions(tags.split(',').filter_map(etag_version).collect())
}

/// The version in an entity tag: `W/"3"`, also `"3"` and, as some clients write it, `3`.
pub(crate) fn etag_version(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    // `parse` would take a sign as well.
    bare.bytes().all(|byte| byte.is_ascii_digit()).then(|| bare.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_names_a_version() {
        assert_eq!(etag_version("W/\"3\""), Some(3));
        assert_eq!(etag_version("\"12\""), Some(12));
        for other in ["W/\"abc\"", "", "\"\"", "\"1", "W/\"+1\"", "\"99999999999999999999\""] {
            assert_eq!(etag_version(other), None, "{other}");
        }
    }

    #[test]
    fn several_tags_or_any_may_be_held() {
        assert_eq!(held(" * "), Held::Any);
        assert_eq!(held("\"5\", W/\"1\",\"x\""), Held::Versions(vec![5, 1]));
        assert_eq!(held("\"x\""), Held::Versions(Vec::new()), "a tag of another server is no wish to ignore");
    }
}
