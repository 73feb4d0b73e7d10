//! All intents of a message as one transaction bundle: what `ward convert` prints.

use compact_str::format_compact;
use fhir::json::Value;

use crate::json::Build;
use crate::{Mapped, Resolution, resolve};

/// A transaction Bundle with one `PUT Type/id` per intent, as if nothing were stored yet. The same message gives the same
/// bytes.
#[must_use]
pub fn bundle(mapped: &Mapped) -> Value {
    let entries: Vec<Value> = mapped
        .intents
        .iter()
        .filter_map(|intent| {
            let Resolution::Put(resource) = resolve(None, intent) else { return None };
            let (resource_type, id) = intent.key();
            let url = format_compact!("{resource_type}/{id}");
            let request = Build::new().with("method", "PUT").with("url", url).done();
            Some(Build::new().with("resource", resource).with("request", request).done())
        })
        .collect();
    Build::new().with("resourceType", "Bundle").with("type", "transaction").list("entry", entries).done()
}
