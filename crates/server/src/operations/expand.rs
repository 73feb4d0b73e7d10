//! `$expand` of a ValueSet (R4 valueset-operation-expand.html). Expansions are flat.

use fhir::json::Value;
use fhir::terminology::{ExpansionOptions, Library, Terminology, TerminologyError, ValueSet};
use repository::{Error, ErrorKind};

use super::parameters::Parameters;
use super::terminology::{Narrowed, Question, Versions, inline, needed};
use crate::reply::Refusal;
use crate::time;

/// See the module.
pub(super) struct Expand {
    url: Option<String>,
    version: Option<String>,
    value_set: Option<Value>,
    excluded: Vec<String>,
    versions: Versions,
    options: ExpansionOptions,
}

impl Question for Expand {
    const NAME: &'static str = "expand";
    const TYPES: &'static [&'static str] = &["ValueSet"];
    const ON_INSTANCE: bool = true;

    fn read(_: &str, of_instance: bool, parameters: &mut Parameters) -> Result<Self, Refusal> {
        let url = parameters.text("url")?;
        let value_set = inline(parameters, "valueSet", "ValueSet")?;
        let ways = usize::from(url.is_some()) + usize::from(value_set.is_some()) + usize::from(of_instance);
        if ways != 1 {
            return Err(needed(
                "one value set: by `url`, as `valueSet` in a body, or as `ValueSet/id/$expand`",
            ));
        }
        if parameters.boolean("includeDefinition")? == Some(true) {
            return Err(Refusal::invalid(
                "`includeDefinition=true` is not supported; read the ValueSet for it",
            ));
        }
        // Expansions are flat, and no code here is put together after the fact: both answers are the same.
        parameters.boolean("excludeNested")?;
        parameters.boolean("excludePostCoordinated")?;
        Ok(Self {
            url,
            value_set,
            version: parameters.text("valueSetVersion")?,
            excluded: parameters.texts("exclude-system")?,
            versions: Versions::read(parameters)?,
            options: ExpansionOptions {
                filter: parameters.text("filter")?.filter(|text| !text.trim().is_empty()),
                offset: parameters.count("offset")?.unwrap_or_default(),
                count: parameters.count("count")?,
                active_only: parameters.boolean("activeOnly")?.unwrap_or_default(),
                with_designations: parameters.boolean("includeDesignations")?.unwrap_or_default(),
                display_language: parameters.text("displayLanguage")?,
                exclude_abstract: parameters.boolean("excludeNotForUI")?.unwrap_or_default(),
            },
        })
    }

    fn answer(self, library: &dyn Library, resource: Option<Value>) -> repository::Result<Value> {
        let library = Narrowed::new(library, &self.versions);
        let terminology = Terminology::new(&library);
        let read = |value: &Value| {
            ValueSet::read(value).map_err(|error| Error::new(ErrorKind::Unprocessable, error.to_string()))
        };
        let value_set = match (&self.url, self.value_set.or(resource)) {
            (Some(url), _) => terminology.value_set(url, self.version.as_deref())?,
            (None, Some(value)) => std::sync::Arc::new(read(&value)?),
            (None, None) => return Err(Error::not_found()),
        };
        let named = value_set.without_systems(&self.excluded);
        let expansion = terminology.expand(named.as_ref().unwrap_or(&value_set), &self.options)?;
        if let Some(system) = self.versions.violated(expansion.systems.iter()) {
            let what = format!(
                "`check-system-version` names another version of `{system}` than the one that is loaded"
            );
            return Err(TerminologyError::Invalid { what }.into());
        }
        Ok(expansion.to_value(&value_set, &self.options, &time::instant_now()))
    }
}
