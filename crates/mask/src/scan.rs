//! Looking for leaks: what of files, records and resources tells who somebody is, where it should not.
//!
//! A [`Looker`] looks at one thing and gives what it [`Found`], or why it did not look. Findings name kinds, counts and places,
//! never a value; their JSON has the shape of Macie's sensitive data findings. [`Rules`] say what is looked for beside the
//! engine's own, and what is known to be none. Not here: where bytes come from (files, the store, the archive), when it is
//! looked, who is told.

mod finding;
mod look;
mod pattern;
mod record;
mod rules;

pub use finding::{Finding, Found, OfKind, PLACES_MAX, Place, Severity, Skipped, report};
pub use look::{Looker, Outcome};
pub use pattern::{Selection, fits};
pub use record::is_about_somebody;
pub use rules::{Rules, RulesError};
