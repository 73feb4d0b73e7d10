//! Profiles, tags and security labels put on and taken off a resource (R4 resource-operations.html#meta-add).

use fhir::json::{Object, Value};
use protect::access::Interaction;

use super::Access;
use crate::error::{Error, Result};
use crate::types::Written;

/// The members of `meta` that a caller may change.
const LABELS: &[&str] = &["profile", "security", "tag"];

impl Access {
    /// Adds the profiles, security labels and tags of `meta` to the current version; what is there already stays as it is.
    ///
    /// # Errors
    /// As [`Self::patch`].
    pub fn meta_add(&self, resource_type: &str, id: &str, meta: &Value) -> Result<Written> {
        self.relabel("meta-add", resource_type, id, |own, label| {
            let given = meta.get(label).map(Value::elements).unwrap_or_default();
            for one in given {
                if !own.iter().any(|known| same(known, one)) {
                    own.push(one.clone());
                }
            }
        })
    }

    /// Takes the profiles, security labels and tags of `meta` off the current version; labels are the same if system and code
    /// are.
    ///
    /// # Errors
    /// As [`Self::patch`].
    pub fn meta_delete(&self, resource_type: &str, id: &str, meta: &Value) -> Result<Written> {
        self.relabel("meta-delete", resource_type, id, |own, label| {
            let given = meta.get(label).map(Value::elements).unwrap_or_default();
            own.retain(|known| !given.iter().any(|one| same(known, one)));
        })
    }

    fn relabel(
        &self,
        name: &'static str,
        resource_type: &str,
        id: &str,
        change: impl Fn(&mut Vec<Value>, &str),
    ) -> Result<Written> {
        self.operation(Interaction::Patch, name, resource_type, |shown| {
            self.do_change(resource_type, id, None, shown, |mut resource| {
                let Some(object) = resource.as_object_mut() else { return Err(Error::not_found()) };
                let mut meta = match object.remove("meta") {
                    Some(Value::Object(meta)) => meta,
                    _ => Object::new(),
                };
                for label in LABELS {
                    let mut own = match meta.remove(label) {
                        Some(Value::Array(own)) => own,
                        _ => Vec::new(),
                    };
                    change(&mut own, label);
                    if !own.is_empty() {
                        meta.insert(*label, own);
                    }
                }
                if !meta.is_empty() {
                    object.insert("meta", Value::Object(meta));
                }
                Ok(resource)
            })
        })
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(_), Value::Object(_)) => {
            ["system", "code"].iter().all(|member| left.get(member) == right.get(member))
        }
        _ => left == right,
    }
}
