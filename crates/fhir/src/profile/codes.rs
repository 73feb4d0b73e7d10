//! Terminology as expressions and bindings ask for it.

use crate::path::Codes;
use crate::terminology::{Subsumption, Terminology};

impl Codes for Terminology<'_> {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        Terminology::member_of(self, value_set, system, code).ok()
    }

    fn subsumes(&self, system: &str, general: &str, special: &str) -> Option<bool> {
        let found = Terminology::subsumes(self, system, None, general, special).ok()?;
        Some(matches!(found, Subsumption::Equivalent | Subsumption::Subsumes))
    }
}
