//! Reading the entries of a bundle: method, URL, preconditions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;
use fhir::json::{self, Object, Value};
use protect::access::Interaction;

use super::{BUNDLE_ENTRIES_MAX, entry_issue};
use crate::error::{Error, ErrorKind, Result};
use crate::layout;

/// The HTTP verb of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What the entry's URL names, after the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `Type`.
    Type,
    /// `Type/id`.
    Id(CompactString),
    /// `Type/id/_history/version`.
    Version(CompactString, u64),
    /// `Type?parameters`.
    Query(String),
}

/// One entry, read.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) index: usize,
    pub(super) method: Method,
    pub(super) resource_type: CompactString,
    pub(super) target: Target,
    pub(super) full_url: Option<CompactString>,
    pub(super) resource: Option<Value>,
    pub(super) if_match: Option<u64>,
    pub(super) if_none_match: Option<u64>,
    pub(super) if_none_exist: Option<String>,
}

impl Step {
    /// The interaction that the entry asks for.
    pub(super) fn interaction(&self) -> Interaction {
        match (self.method, &self.target) {
            (Method::Get, Target::Id(_)) => Interaction::Read,
            (Method::Get, Target::Version(..)) => Interaction::Vread,
            (Method::Get, _) => Interaction::SearchType,
            (Method::Post, _) => Interaction::Create,
            (Method::Put, _) => Interaction::Update,
            (Method::Patch, _) => Interaction::Patch,
            (Method::Delete, _) => Interaction::Delete,
        }
    }
}

/// Reads all entries of a bundle of this type; the first that cannot be read refuses it.
pub(super) fn read(bundle: Value, kind: &str) -> Result<Vec<Step>> {
    read_each(bundle, kind)?.into_iter().collect()
}

/// Reads all entries of a bundle of this type, each for itself.
pub(super) fn read_each(bundle: Value, kind: &str) -> Result<Vec<Result<Step>>> {
    let Value::Object(mut bundle) = bundle else {
        return Err(Error::new(ErrorKind::Invalid, "a bundle is expected here"));
    };
    let is = |key: &str, value: &str| bundle.get(key).and_then(Value::as_str) == Some(value);
    if !is("resourceType", "Bundle") || !is("type", kind) {
        return Err(Error::new(ErrorKind::Invalid, format!("a Bundle of type {kind} is expected here")));
    }
    let entries = match bundle.remove("entry") {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(Error::new(ErrorKind::Invalid, "Bundle.entry is an array")),
    };
    if entries.len() > BUNDLE_ENTRIES_MAX {
        return Err(Error::new(
            ErrorKind::TooCostly,
            format!("a bundle may have at most {BUNDLE_ENTRIES_MAX} entries"),
        ));
    }
    Ok(entries.into_iter().enumerate().map(|(index, entry)| step(index, entry)).collect())
}

fn step(index: usize, entry: Value) -> Result<Step> {
    let bad = |details: &str| entry_issue(index, details);
    let Value::Object(mut entry) = entry else { return Err(bad("an entry is an object")) };
    let request = match entry.remove("request") {
        Some(Value::Object(request)) => request,
        _ => return Err(bad("an entry needs a request")),
    };
    let text = |key: &str| request.get(key).and_then(Value::as_str);
    let method = match text("method") {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("PATCH") => Method::Patch,
        Some("DELETE") => Method::Delete,
        _ => return Err(bad("request.method is GET, POST, PUT, PATCH or DELETE")),
    };
    let url = text("url").ok_or_else(|| bad("an entry needs request.url"))?;
    let (resource_type, target) =
        read_url(url).ok_or_else(|| bad("request.url names no resource type of R4, or is not understood"))?;
    let fits = match target {
        Target::Type => matches!(method, Method::Post | Method::Get),
        Target::Id(_) | Target::Query(_) => method != Method::Post,
        Target::Version(..) => method == Method::Get,
    };
    if !fits {
        return Err(bad("request.url does not fit request.method"));
    }
    let resource = entry.remove("resource");
    if resource.is_none() && matches!(method, Method::Post | Method::Put | Method::Patch) {
        return Err(bad("the entry needs a resource"));
    }
    Ok(Step {
        index,
        method,
        target,
        full_url: entry.get("fullUrl").and_then(Value::as_str).map(CompactString::from),
        resource,
        if_match: etag(&request, "ifMatch")
            .map_err(|()| bad("request.ifMatch is an entity tag such as W/\"3\""))?,
        if_none_match: etag(&request, "ifNoneMatch").unwrap_or_default(),
        if_none_exist: text("ifNoneExist").map(|query| query.trim_start_matches('?').to_owned()),
        resource_type,
    })
}

/// `Type`, `Type/id`, `Type/id/_history/v`, `Type?query`, with or without a slash before.
fn read_url(url: &str) -> Option<(CompactString, Target)> {
    let url = url.strip_prefix('/').unwrap_or(url);
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let mut parts = path.trim_end_matches('/').split('/');
    let resource_type = parts.next()?;
    layout::type_code(resource_type)?;
    let target = match (parts.next(), parts.next(), parts.next(), query) {
        (None, None, None, None) => Target::Type,
        (None, None, None, Some(query)) => Target::Query(query.to_owned()),
        // Parameters of a read (`_format` and the like) change nothing here.
        (Some(id), None, None, _) => Target::Id(id.into()),
        (Some(id), Some("_history"), Some(version), _) => Target::Version(id.into(), version.parse().ok()?),
        _ => return None,
    };
    parts.next().is_none().then(|| (resource_type.into(), target))
}

/// A weak or strong entity tag; `Ok(None)` if there is none.
fn etag(request: &Object, key: &str) -> Result<Option<u64>, ()> {
    let Some(text) = request.get(key).and_then(Value::as_str) else { return Ok(None) };
    let text = text.strip_prefix("W/").unwrap_or(text);
    text.trim_matches('"').parse().map(Some).map_err(|_| ())
}

/// The patch that an entry carries: a FHIRPath Patch is itself a resource, a JSON Patch travels in a Binary (R4
/// http.html#patch).
pub(super) fn patch(resource: Value) -> Result<Value> {
    if resource.resource_type() == Some("Parameters") {
        return Ok(resource);
    }
    let bad = |details: &str| Error::new(ErrorKind::Invalid, details);
    let kind = resource.get("contentType").and_then(Value::as_str).unwrap_or_default();
    if resource.resource_type() != Some("Binary") || !kind.starts_with("application/json-patch+json") {
        return Err(bad(
            "a patch in a bundle is a Parameters resource (FHIRPath Patch) or a Binary of type application/json-patch+json",
        ));
    }
    let data = resource.get("data").and_then(Value::as_str).unwrap_or_default();
    let bytes = STANDARD.decode(data).map_err(|_| bad("the Binary's data is not base64"))?;
    json::parse(&bytes, &json::Limits::default()).map_err(|_| bad("the patch is not JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Option<(&str, Target)>) {
        let expected = expected.map(|(name, target)| (CompactString::from(name), target));
        assert_eq!(read_url(url), expected, "{url}");
    }

    #[test]
    fn urls_of_entries_are_read() {
        check("Patient", Some(("Patient", Target::Type)));
        check("/Patient/1", Some(("Patient", Target::Id("1".into()))));
        check("Patient/1/_history/3", Some(("Patient", Target::Version("1".into(), 3))));
        check("Patient?a=b|c", Some(("Patient", Target::Query("a=b|c".into()))));
        for url in ["", "patient", "Patients/1", "Patient/1/_history", "Patient/1/x/2", "http://x/Patient/1"]
        {
            check(url, None);
        }
    }
}
