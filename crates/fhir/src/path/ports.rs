//! What an evaluation may ask of the world outside the resource.

use std::cell::OnceCell;
use std::sync::Arc;

use compact_str::CompactString;

use super::item::Node;
use crate::json::Value;

/// How many resources one [`Resolver`] fetches; references beyond are known by their type alone.
const RESOLVED_MAX: usize = 64;

/// Finds the resource that a reference names.
pub trait Resolve {
    /// The resource, or `None` where it cannot be had (unknown, elsewhere, not for this caller).
    fn resolve(&self, reference: &str) -> Option<Arc<Value>>;
}

/// Answers about codes. Every method gives `None` when the answer is not known here (the value set or system is not loaded).
pub trait Codes {
    /// Whether `code` (of `system`, where one is said) is in the value set.
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool>;
    /// Whether `general` is `special` or one of its ancestors in `system`.
    fn subsumes(&self, system: &str, general: &str, special: &str) -> Option<bool>;
}

/// Answers whether something is as a profile asks.
pub trait Conforms {
    /// `None` when the profile is not known.
    fn conforms(&self, node: Node<'_>, profile: &str) -> Option<bool>;
}

/// Keeps what a [`Resolve`] found for as long as the items of an evaluation borrow from it, so that nothing is copied and
/// nothing is fetched twice.
pub struct Resolver<'r> {
    source: &'r dyn Resolve,
    found: Vec<OnceCell<Fetched>>,
}

struct Fetched {
    reference: CompactString,
    resource: Option<Arc<Value>>,
}

impl<'r> Resolver<'r> {
    /// A resolver that has fetched nothing yet.
    #[must_use]
    pub fn new(source: &'r dyn Resolve) -> Self {
        Self { source, found: (0..RESOLVED_MAX).map(|_| OnceCell::new()).collect() }
    }

    pub(super) fn resolve(&self, reference: &str) -> Option<&Value> {
        for place in &self.found {
            let fetched = place.get_or_init(|| Fetched {
                reference: reference.into(),
                resource: self.source.resolve(reference),
            });
            if fetched.reference == reference {
                return fetched.resource.as_deref();
            }
        }
        None
    }
}
