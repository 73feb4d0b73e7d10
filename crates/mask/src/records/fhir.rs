//! FHIR R4 resources and bundles, by rules.
//!
//! Rules are those of the Microsoft anonymiser (`fhirPathRules`): a path and a method; the first rule that reaches an element
//! decides, and a rule reaches everything below what its path selects, up to other resources. Ours are the methods `inspect` and
//! `surrogate`, and the scope `patient` for shifting dates. What no rule reaches is *inspected*: strings, narratives and
//! attachments are searched, dates shifted, ages top-coded, codes and numbers kept. Members that R4 does not know are left out.
//!
//! The result is R4 in its structure if the input was: what is required and went has a data-absent-reason `masked`.

mod absent;
mod config;
mod mark;
mod method;
mod people;
mod primitive;
mod rebuild;
mod reference;
mod selector;

use fhir::definitions::resource_named;
use fhir::json::Value;

use super::inspect::{Inspector, Scope, Tools};
use crate::transform::Tally;

pub use config::{Config, ConfigError, Parameters, ShiftScope};

/// Deeper resources are refused; JSON that was read with the usual limits is never deeper.
const DEPTH_MAX: usize = 100;

/// The rules for a data set without the identifiers of 45 CFR 164.514(b)(2).
const SAFE_HARBOR: &str = include_str!("fhir/safe_harbor.json");

/// The rules for a limited data set, 45 CFR 164.514(e).
const LIMITED_DATASET: &str = include_str!("fhir/limited_dataset.json");

/// Masks FHIR by one set of rules. Made once, used from many threads.
#[derive(Debug)]
pub struct FhirMasker {
    config: Config,
}

/// A masked resource.
#[derive(Clone, Debug)]
pub struct MaskedResource {
    /// The resource as it may be shown.
    pub resource: Value,
    /// What was done.
    pub tally: Tally,
}

/// Why a resource could not be masked. It holds nothing of the resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FhirMaskError {
    /// It is no resource of R4.
    #[error("not a FHIR R4 resource")]
    NotAResource,
    /// It is nested too deep.
    #[error("the resource is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// A rule's expression failed on it.
    #[error("rule {rule} (counted from 1) failed: {reason}")]
    Rule {
        /// Its number in the configuration, from 1.
        rule: usize,
        /// Why, without any value.
        reason: String,
    },
}

impl FhirMasker {
    /// A masker by these rules.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Rules of our own for Safe Harbor: names, contacts, addresses below the state and free identifiers go, ids become
    /// pseudonyms, dates are shifted, ages over 89 and ZIP codes made coarser, all text is inspected.
    ///
    /// # Errors
    /// Never: the rules are part of the program, and a test reads them.
    pub fn safe_harbor() -> Result<Self, ConfigError> {
        Ok(Self::new(Config::parse(SAFE_HARBOR.as_bytes())?))
    }

    /// Rules of our own for a limited data set: as [`FhirMasker::safe_harbor`], but dates, cities, states and ZIP codes stay.
    ///
    /// # Errors
    /// Never: the rules are part of the program, and a test reads them.
    pub fn limited_dataset() -> Result<Self, ConfigError> {
        Ok(Self::new(Config::parse(LIMITED_DATASET.as_bytes())?))
    }

    /// Masks a resource, a bundle with everything in it.
    ///
    /// One that these keys and rules masked before comes back as it is.
    ///
    /// # Errors
    /// [`FhirMaskError`]; with `processingErrors: skip` in the rules, a failing expression gives an empty resource instead.
    pub fn mask(
        &self,
        resource: &Value,
        tools: Tools<'_>,
        scope: &Scope<'_>,
    ) -> Result<MaskedResource, FhirMaskError> {
        let ty = resource.resource_type().and_then(resource_named).ok_or(FhirMaskError::NotAResource)?;
        if mark::is_sealed(resource, tools.keys, &self.config.fingerprint) {
            return Ok(MaskedResource { resource: resource.clone(), tally: Tally::default() });
        }
        if depth(resource, 0) > DEPTH_MAX {
            return Err(FhirMaskError::TooDeep);
        }
        let people = people::People::of(resource, self.config.hashes_ids);
        let result = self.config.matches(resource).and_then(|matches| {
            let shift = scope.shift(tools.keys, "");
            let inspector = Inspector::new(tools, people.near.clone(), shift);
            rebuild::Rebuild::new(&self.config, &matches, &people, scope, inspector).run(resource, ty)
        });
        match result {
            Err(FhirMaskError::Rule { .. }) if self.config.skips_errors => Ok(mark::empty(ty.name)),
            other => other,
        }
    }
}

fn depth(value: &Value, above: usize) -> usize {
    if above > DEPTH_MAX {
        return above;
    }
    let below = |values: &mut dyn Iterator<Item = &Value>| {
        values.map(|value| depth(value, above + 1)).max().unwrap_or(above)
    };
    match value {
        Value::Array(elements) => below(&mut elements.iter()),
        Value::Object(object) => below(&mut object.iter().map(|(_, value)| value)),
        _ => above,
    }
}
