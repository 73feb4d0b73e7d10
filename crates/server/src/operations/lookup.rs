//! `$lookup` of a code (R4 codesystem-operation-lookup.html).

use fhir::json::Value;
use fhir::terminology::{Library, Terminology};
use repository::{Error, ErrorKind};

use super::parameters::Parameters;
use super::terminology::{Given, Question, needed};
use crate::reply::Refusal;

/// See the module.
pub(super) struct Lookup {
    coding: Given,
    properties: Vec<String>,
    display_language: Option<String>,
}

impl Question for Lookup {
    const NAME: &'static str = "lookup";
    const TYPES: &'static [&'static str] = &["CodeSystem"];
    const ON_INSTANCE: bool = false;

    fn read(_: &str, _: bool, parameters: &mut Parameters) -> Result<Self, Refusal> {
        let coding = Given::all(parameters, "version")?.into_iter().next();
        let coding = coding.filter(|coding| coding.system.is_some());
        Ok(Self {
            coding: coding.ok_or_else(|| needed("`code` with `system`, or a `coding` with both"))?,
            properties: parameters.listed("property")?,
            display_language: parameters.text("displayLanguage")?,
        })
    }

    fn answer(self, library: &dyn Library, _: Option<Value>) -> repository::Result<Value> {
        let coding = self.coding.coding();
        let system = coding.system.ok_or_else(|| Error::new(ErrorKind::Invalid, "give a `system`"))?;
        let language = self.display_language.as_deref();
        let found = Terminology::new(library).lookup(
            system,
            coding.version,
            coding.code,
            &self.properties,
            language,
        )?;
        Ok(found.to_value())
    }
}
