//! `$subsumes`: how two codes of a system stand to each other (R4 codesystem-operation-subsumes.html).

use fhir::json::Value;
use fhir::json_object;
use fhir::terminology::{Library, Terminology};
use repository::{Error, ErrorKind};

use super::parameters::Parameters;
use super::terminology::{Given, Question, needed};
use crate::reply::Refusal;

/// See the module.
pub(super) struct Subsumes {
    system: Option<String>,
    version: Option<String>,
    a: String,
    b: String,
}

impl Question for Subsumes {
    const NAME: &'static str = "subsumes";
    const TYPES: &'static [&'static str] = &["CodeSystem"];
    const ON_INSTANCE: bool = true;

    fn read(_: &str, of_instance: bool, parameters: &mut Parameters) -> Result<Self, Refusal> {
        let mut system = parameters.text("system")?;
        let version = parameters.text("version")?;
        let mut code = |name: &str, coding: &str| -> Result<String, Refusal> {
            match (parameters.text(name)?, Given::of(parameters, coding)?) {
                (Some(code), None) => Ok(code),
                (None, Some(given)) => {
                    let own = given.coding();
                    if system.is_some() && own.system.is_some() && system.as_deref() != own.system {
                        return Err(Refusal::invalid("both codes have to be of one system"));
                    }
                    system = system.take().or_else(|| given.system.clone());
                    Ok(own.code.to_owned())
                }
                _ => Err(needed("`codeA` and `codeB`, or `codingA` and `codingB`")),
            }
        };
        let (a, b) = (code("codeA", "codingA")?, code("codeB", "codingB")?);
        if system.is_none() && !of_instance {
            return Err(needed("the `system` of the codes"));
        }
        Ok(Self { system, version, a, b })
    }

    fn answer(self, library: &dyn Library, resource: Option<Value>) -> repository::Result<Value> {
        let own = |key| resource.as_ref().and_then(|value| value.get(key)).and_then(Value::as_str);
        let (system, version) = match own("url") {
            Some(url) if self.system.as_deref().is_some_and(|system| system != url) => {
                return Err(Error::new(ErrorKind::Invalid, "the codes are of another system than this one"));
            }
            Some(url) => (url, own("version")),
            None => (self.system.as_deref().unwrap_or_default(), self.version.as_deref()),
        };
        let outcome = Terminology::new(library).subsumes(system, version, &self.a, &self.b)?;
        let outcome = json_object! { "name": "outcome", "valueCode": outcome.as_str() };
        Ok(json_object! { "resourceType": "Parameters", "parameter": vec![outcome] })
    }
}
