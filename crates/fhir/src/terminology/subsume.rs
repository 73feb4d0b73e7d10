//! How two codes of one system stand to each other.

use std::sync::Arc;

use super::error::TerminologyError;
use super::member::absent;
use super::{CodeSystem, Terminology};

/// R4 value set concept-subsumption-outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsumption {
    /// The same concept.
    Equivalent,
    /// The first stands above the second.
    Subsumes,
    /// The first stands below the second.
    SubsumedBy,
    /// Neither.
    NotSubsumed,
}

impl Subsumption {
    /// The standard's code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Subsumption::Equivalent => "equivalent",
            Subsumption::Subsumes => "subsumes",
            Subsumption::SubsumedBy => "subsumed-by",
            Subsumption::NotSubsumed => "not-subsumed",
        }
    }
}

impl Terminology<'_> {
    /// How `a` stands to `b`, both codes of `system`.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`], [`TerminologyError::Incomplete`], [`TerminologyError::UnknownCode`].
    pub fn subsumes(
        &self,
        system: &str,
        version: Option<&str>,
        a: &str,
        b: &str,
    ) -> Result<Subsumption, TerminologyError> {
        let system = self.system(system, version)?;
        let (a, b) = (place(&system, a)?, place(&system, b)?);
        Ok(if a == b {
            Subsumption::Equivalent
        } else if system.is_above(a, b) {
            Subsumption::Subsumes
        } else if system.is_above(b, a) {
            Subsumption::SubsumedBy
        } else {
            Subsumption::NotSubsumed
        })
    }

    /// `code` and all codes below it, in the order of the system.
    ///
    /// # Errors
    /// As [`Terminology::subsumes`]; [`TerminologyError::TooCostly`] if they are more than
    /// [`Bounds::codes_max`](super::Bounds::codes_max).
    pub fn below(&self, system: &str, code: &str) -> Result<Vec<String>, TerminologyError> {
        let system = self.system(system, None)?;
        let below = system.below(place(&system, code)?);
        self.codes_at(&system, &below)
    }

    /// `code` and all codes above it, in the order of the system.
    ///
    /// # Errors
    /// As [`Terminology::below`].
    pub fn above(&self, system: &str, code: &str) -> Result<Vec<String>, TerminologyError> {
        let system = self.system(system, None)?;
        let above = system.above(place(&system, code)?);
        self.codes_at(&system, &above)
    }

    fn codes_at(&self, system: &Arc<CodeSystem>, places: &[u32]) -> Result<Vec<String>, TerminologyError> {
        let limit = self.bounds.codes_max;
        if places.len() > limit {
            return Err(TerminologyError::TooCostly { limit, unit: "codes" });
        }
        Ok(places
            .iter()
            .filter_map(|place| system.at(*place))
            .map(|concept| concept.code().to_owned())
            .collect())
    }
}

fn place(system: &CodeSystem, code: &str) -> Result<u32, TerminologyError> {
    match system.concept(code) {
        Some(concept) => Ok(concept.place()),
        None => {
            absent(system)?;
            Err(TerminologyError::UnknownCode { system: system.url().to_owned() })
        }
    }
}
