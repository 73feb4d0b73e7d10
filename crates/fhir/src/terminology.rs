//! Terminology: code systems, value sets and concept maps, and the questions that R4 asks of them.
//!
//! The resources are read once into [`CodeSystem`], [`ValueSet`] and [`ConceptMap`]; a [`Library`] finds them by canonical
//! address; [`Terminology`] answers from a library: expand, validate, look up, translate, subsume. [`core()`] is the library of
//! the code sets that R4 itself defines.
//!
//! Every answer distinguishes "no" from "cannot be said": what is not loaded is [`TerminologyError::NotLoaded`], never a
//! silent `false`. Work is bounded by [`Bounds`]; hierarchies with cycles, value sets that include each other and regular
//! expressions that explode are answered or refused in bounded time.
//!
//! Not here: where resources are stored (the repository reads its own library), and formats other than FHIR.
//!
//! Source: FHIR R4 section 4.8 (terminology service), CodeSystem, ValueSet, ConceptMap.

mod code_system;
mod concept_map;
mod core;
mod error;
mod expand;
mod filter;
mod grammar;
mod implicit;
mod library;
mod lookup;
mod member;
mod subsume;
mod texts;
mod translate;
mod validate;
mod value_set;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use code_system::{
    CodeSystem, Concept, Content, Designation, Property, PropertyDefinition, PropertyValue,
};
pub use concept_map::{ConceptMap, Dependency, Equivalence};
pub use core::{core, core_code_systems};
pub use error::{TerminologyError, Unreadable};
pub use expand::{Expansion, ExpansionOptions, Member};
pub use library::{Loaded, compare_versions};
pub use lookup::{Lookup, LookupProperty};
pub use subsume::Subsumption;
pub use translate::{Translation, TranslationMatch, TranslationRequest};
pub use validate::{Against, Coding, Validation};
pub use value_set::ValueSet;

/// Finds terminology resources by canonical address. `None` says that nothing of that address is loaded.
///
/// Without a `version` the newest is meant. An address never carries `|version` or a fragment here: callers split it.
pub trait Library: Send + Sync {
    /// The code system `url`. Supplements are not found here.
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>>;
    /// The value set `url`; also that of "all codes" which a code system names as its `valueSet`.
    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>>;
    /// The concept map `url`.
    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>>;
    /// All concept maps, for translations that name none.
    fn concept_maps(&self) -> Vec<Arc<ConceptMap>>;
    /// The supplements of the code system `url`: more designations and properties for its concepts.
    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        let _ = url;
        Vec::new()
    }
}

/// What one answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Codes in one answer.
    pub codes_max: usize,
    /// Concepts looked at, filters and memberships tried, for one answer.
    pub steps_max: usize,
    /// Value sets that include each other, one within the other.
    pub depth_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { codes_max: 20_000, steps_max: 5_000_000, depth_max: 16 }
    }
}

/// Answers questions from a library.
///
/// ```
/// use fhir::terminology::{Bounds, Terminology, core};
/// let terminology = Terminology { library: core(), bounds: Bounds::default() };
/// let genders = "http://hl7.org/fhir/ValueSet/administrative-gender";
/// assert!(terminology.member_of(genders, None, "female").unwrap());
/// assert!(!terminology.member_of(genders, None, "F").unwrap());
/// assert!(terminology.member_of("http://example.org/unheard-of", None, "x").is_err());
/// ```
#[derive(Clone, Copy)]
pub struct Terminology<'a> {
    /// Where resources are found.
    pub library: &'a dyn Library,
    /// What one answer may cost.
    pub bounds: Bounds,
}

impl<'a> Terminology<'a> {
    /// Answers from `library` under the default bounds.
    #[must_use]
    pub fn new(library: &'a dyn Library) -> Self {
        Self { library, bounds: Bounds::default() }
    }

    /// The code system `url`, with its concepts.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`] if there is none, or only a description without concepts.
    pub(crate) fn system(
        &self,
        url: &str,
        version: Option<&str>,
    ) -> Result<Arc<CodeSystem>, TerminologyError> {
        let (url, version) = split_canonical(url, version);
        match self.library.code_system(url, version) {
            Some(system) if system.content() != Content::NotPresent => Ok(system),
            _ => Err(TerminologyError::not_loaded("CodeSystem", url, version)),
        }
    }

    /// The value set `canonical` (`url` or `url|version`), stored or implicit.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`] if there is none; [`TerminologyError::Unsupported`] for an implicit one of a sort
    /// that is not evaluated.
    pub fn value_set(
        &self,
        canonical: &str,
        version: Option<&str>,
    ) -> Result<Arc<ValueSet>, TerminologyError> {
        let (url, version) = split_canonical(canonical, version);
        if let Some(found) = self.library.value_set(url, version) {
            return Ok(found);
        }
        match implicit::value_set(url)? {
            Some(implied) => Ok(Arc::new(implied)),
            None => Err(TerminologyError::not_loaded("ValueSet", url, version)),
        }
    }
}

/// Takes `|version` off a canonical; an explicit version wins.
pub(crate) fn split_canonical<'c>(
    canonical: &'c str,
    version: Option<&'c str>,
) -> (&'c str, Option<&'c str>) {
    match canonical.split_once('|') {
        Some((url, own)) => (url, version.or((!own.is_empty()).then_some(own))),
        None => (canonical, version),
    }
}
