//! `$translate`: what a code becomes in another system (R4 conceptmap-operation-translate.html).

use std::sync::Arc;

use fhir::json::Value;
use fhir::terminology::{
    Coding, ConceptMap, Dependency, Library, Terminology, TerminologyError, TranslationRequest,
};
use repository::{Error, ErrorKind};

use super::parameters::Parameters;
use super::terminology::{Given, Question, inline};
use crate::reply::Refusal;

/// See the module.
pub(super) struct Translate {
    url: Option<String>,
    version: Option<String>,
    map: Option<Value>,
    codings: Vec<Given>,
    source: Option<String>,
    target: Option<String>,
    target_system: Option<String>,
    dependencies: Vec<Dependency>,
    is_reverse: bool,
}

impl Question for Translate {
    const NAME: &'static str = "translate";
    const TYPES: &'static [&'static str] = &["ConceptMap"];
    const ON_INSTANCE: bool = true;

    fn read(_: &str, of_instance: bool, parameters: &mut Parameters) -> Result<Self, Refusal> {
        let url = parameters.text("url")?;
        let map = inline(parameters, "conceptMap", "ConceptMap")?;
        if usize::from(url.is_some()) + usize::from(map.is_some()) + usize::from(of_instance) > 1 {
            return Err(Refusal::invalid("name one map: by `url`, as `conceptMap`, or as `ConceptMap/id`"));
        }
        let dependencies = parameters.parts("dependency")?.into_iter().map(dependency);
        let dependencies: Vec<Vec<Dependency>> = dependencies.collect::<Result<_, _>>()?;
        Ok(Self {
            url,
            map,
            version: parameters.text("conceptMapVersion")?,
            codings: Given::all(parameters, "version")?,
            source: parameters.text("source")?,
            target: parameters.text("target")?,
            target_system: parameters.text("targetsystem")?,
            dependencies: dependencies.into_iter().flatten().collect(),
            is_reverse: parameters.boolean("reverse")?.unwrap_or_default(),
        })
    }

    fn answer(self, library: &dyn Library, resource: Option<Value>) -> repository::Result<Value> {
        let map = match (&self.url, self.map.or(resource)) {
            (None, None) => None,
            (_, Some(value)) => Some(Arc::new(
                ConceptMap::read(&value)
                    .map_err(|error| Error::new(ErrorKind::Unprocessable, error.to_string()))?,
            )),
            (Some(canonical), None) => {
                let (url, own) = canonical
                    .split_once('|')
                    .map_or((canonical.as_str(), None), |(url, version)| (url, Some(version)));
                let found = library.concept_map(url, self.version.as_deref().or(own));
                Some(found.ok_or_else(|| {
                    Error::from(TerminologyError::NotLoaded {
                        kind: "ConceptMap",
                        canonical: canonical.clone(),
                    })
                })?)
            }
        };
        let codings: Vec<Coding<'_>> = self.codings.iter().map(Given::coding).collect();
        let request = TranslationRequest {
            map: map.as_ref(),
            codings: &codings,
            source: self.source.as_deref(),
            target: self.target.as_deref(),
            target_system: self.target_system.as_deref(),
            dependencies: &self.dependencies,
            is_reverse: self.is_reverse,
        };
        Ok(Terminology::new(library).translate(&request)?.to_value())
    }
}

/// A `dependency`: an `element` and the `concept` that it has; each coding of the concept is one way to fulfil it.
fn dependency(mut parts: Parameters) -> Result<Vec<Dependency>, Refusal> {
    let wrong = || {
        Refusal::invalid("a `dependency` has the parts `element` (a uri) and `concept` (a CodeableConcept)")
    };
    let property = parts.text("element")?.ok_or_else(wrong)?;
    let mut found = Vec::new();
    for (kind, value) in parts.values("concept")? {
        if kind != "CodeableConcept" {
            return Err(wrong());
        }
        for coding in value.get("coding").map(Value::elements).unwrap_or_default() {
            let text = |key| coding.get(key).and_then(Value::as_str).map(str::to_owned);
            let value = text("code").ok_or_else(wrong)?;
            found.push(Dependency {
                property: property.clone(),
                system: text("system"),
                value,
                display: None,
            });
        }
    }
    parts.finish()?;
    Ok(found)
}
