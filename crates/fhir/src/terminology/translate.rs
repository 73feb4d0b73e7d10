//! What a code becomes in another code system.

use std::collections::HashSet;
use std::sync::Arc;

use super::concept_map::{ConceptMap, Dependency, Equivalence, Group, Mapping, Unmapped};
use super::error::TerminologyError;
use super::{Coding, Terminology, split_canonical};
use crate::json::{Object, Value};
use crate::json_object;

/// What is to be translated. R4 ConceptMap/$translate.
#[derive(Clone, Default)]
pub struct TranslationRequest<'r> {
    /// The map to use; without it, all that are loaded and fit.
    pub map: Option<&'r Arc<ConceptMap>>,
    /// The codings: what is found for any of them is told.
    pub codings: &'r [Coding<'r>],
    /// The value set that the codes come from, to choose maps.
    pub source: Option<&'r str>,
    /// The value set that the result shall belong to.
    pub target: Option<&'r str>,
    /// The system that the result shall be of.
    pub target_system: Option<&'r str>,
    /// What is known beside the code, for mappings that depend on it: each is a property and a value.
    pub dependencies: &'r [Dependency],
    /// Look for what maps to the codings instead.
    pub is_reverse: bool,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translation {
    /// Whether there is a match that can stand for the code.
    pub result: bool,
    /// Why not.
    pub message: Option<String>,
    /// What was found, unmatched ones included.
    pub matches: Vec<TranslationMatch>,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationMatch {
    /// How it stands to the code.
    pub equivalence: Equivalence,
    /// Its system.
    pub system: Option<String>,
    /// The version of the system.
    pub version: Option<String>,
    /// The code, if there is one.
    pub code: Option<String>,
    /// Its display.
    pub display: Option<String>,
    /// What else comes of it.
    pub products: Vec<Dependency>,
    /// The map that says so.
    pub map: String,
}

impl Terminology<'_> {
    /// Translates. A mapping that depends on something counts only if the request says that it holds.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`] if a map hands the code on to one that is not here, or if none was named and none
    /// fits. Maps that hand a code on in a circle are asked once each.
    pub fn translate(&self, request: &TranslationRequest<'_>) -> Result<Translation, TerminologyError> {
        let maps = match request.map {
            Some(map) => vec![Arc::clone(map)],
            None => self.fitting(request)?,
        };
        let mut matches: Vec<TranslationMatch> = Vec::new();
        for coding in request.codings {
            for map in &maps {
                for found in self.by_map(map, coding, request, &mut HashSet::new())? {
                    if !matches.contains(&found) && self.is_wanted(&found, map, request) {
                        matches.push(found);
                    }
                }
            }
        }
        let result = matches.iter().any(|found| found.equivalence.is_match() && found.code.is_some());
        let message = (!result).then(|| match matches.is_empty() {
            true => "the map has nothing for the code".to_owned(),
            false => "the map says that there is no match for the code".to_owned(),
        });
        Ok(Translation { result, message, matches })
    }

    /// The maps that a request without a map's address can mean.
    fn fitting(&self, request: &TranslationRequest<'_>) -> Result<Vec<Arc<ConceptMap>>, TerminologyError> {
        let same = |own: Option<&str>, wanted: Option<&str>| match wanted {
            None => true,
            Some(wanted) => {
                own.is_some_and(|own| split_canonical(own, None).0 == split_canonical(wanted, None).0)
            }
        };
        let mut maps = self.library.concept_maps();
        maps.retain(|map| {
            let (source, target) =
                if request.is_reverse { (map.target(), map.source()) } else { (map.source(), map.target()) };
            let systems = map.groups.iter().any(|group| {
                let (from, to) = if request.is_reverse {
                    (&group.target, &group.source)
                } else {
                    (&group.source, &group.target)
                };
                let from_fits = |coding: &Coding<'_>| {
                    from.is_none() || coding.system.is_none() || from.as_deref() == coding.system
                };
                request.codings.iter().any(from_fits)
                    && request.target_system.is_none_or(|wanted| to.as_deref() == Some(wanted))
            });
            systems && same(source, request.source) && same(target, request.target)
        });
        if maps.is_empty() {
            return Err(TerminologyError::not_loaded("ConceptMap", "for these systems or value sets", None));
        }
        Ok(maps)
    }

    fn is_wanted(
        &self,
        found: &TranslationMatch,
        map: &ConceptMap,
        request: &TranslationRequest<'_>,
    ) -> bool {
        if request.target_system.is_some_and(|wanted| found.system.as_deref() != Some(wanted)) {
            return false;
        }
        let Some(target) = request.target else { return true };
        let own = if request.is_reverse { map.source() } else { map.target() };
        if own.is_some_and(|own| split_canonical(own, None).0 == split_canonical(target, None).0) {
            return true;
        }
        // Another target than the map's: the result counts unless it is known not to belong to it.
        match (&found.system, &found.code) {
            (system, Some(code)) => self.member_of(target, system.as_deref(), code) != Ok(false),
            _ => true,
        }
    }

    fn by_map(
        &self,
        map: &Arc<ConceptMap>,
        coding: &Coding<'_>,
        request: &TranslationRequest<'_>,
        asked: &mut HashSet<String>,
    ) -> Result<Vec<TranslationMatch>, TerminologyError> {
        if !asked.insert(map.url().to_owned()) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for group in &map.groups {
            let own = if request.is_reverse { &group.target } else { &group.source };
            if let (Some(own), Some(wanted)) = (own, coding.system)
                && own != wanted
            {
                continue;
            }
            if request.is_reverse {
                found.extend(group.of_target(coding.code).map(|mapping| reversed(map, group, mapping)));
                continue;
            }
            let before = found.len();
            let is_known = group.of_source(coding.code).next().is_some();
            let mappings =
                group.of_source(coding.code).filter(|mapping| holds(mapping, request.dependencies));
            found.extend(mappings.map(|mapping| forward(map, group, mapping)));
            if !is_known && found.len() == before {
                found.extend(self.unmapped(map, group, coding, request, asked)?);
            }
        }
        Ok(found)
    }

    fn unmapped(
        &self,
        map: &Arc<ConceptMap>,
        group: &Group,
        coding: &Coding<'_>,
        request: &TranslationRequest<'_>,
        asked: &mut HashSet<String>,
    ) -> Result<Vec<TranslationMatch>, TerminologyError> {
        let plain = |equivalence, code: &str, display: Option<&str>| TranslationMatch {
            equivalence,
            system: group.target.clone(),
            version: group.target_version.clone(),
            code: Some(code.to_owned()),
            display: display.map(str::to_owned),
            products: Vec::new(),
            map: map.url().to_owned(),
        };
        Ok(match &group.unmapped {
            None => Vec::new(),
            Some(Unmapped::Provided) => vec![plain(Equivalence::Equal, coding.code, coding.display)],
            Some(Unmapped::Fixed { code, display }) => {
                vec![plain(Equivalence::Inexact, code, display.as_deref())]
            }
            Some(Unmapped::Other { map }) => {
                let (url, version) = split_canonical(map, None);
                let other = self.library.concept_map(url, version);
                let other = other.ok_or_else(|| TerminologyError::not_loaded("ConceptMap", url, version))?;
                self.by_map(&other, coding, request, asked)?
            }
        })
    }
}

/// Whether what the mapping depends on is said to hold.
fn holds(mapping: &Mapping, given: &[Dependency]) -> bool {
    mapping.depends_on.iter().all(|needed| {
        given.iter().any(|given| {
            given.property == needed.property
                && given.value == needed.value
                && (needed.system.is_none() || given.system.is_none() || given.system == needed.system)
        })
    })
}

fn forward(map: &ConceptMap, group: &Group, mapping: &Mapping) -> TranslationMatch {
    TranslationMatch {
        equivalence: mapping.equivalence,
        system: group.target.clone(),
        version: group.target_version.clone(),
        code: mapping.target.clone(),
        display: mapping.display.clone(),
        products: mapping.product.clone(),
        map: map.url().to_owned(),
    }
}

fn reversed(map: &ConceptMap, group: &Group, mapping: &Mapping) -> TranslationMatch {
    TranslationMatch {
        equivalence: mapping.equivalence.reversed(),
        system: group.source.clone(),
        version: None,
        code: Some(mapping.source.clone()),
        display: mapping.source_display.clone(),
        products: Vec::new(),
        map: map.url().to_owned(),
    }
}

impl Translation {
    /// The answer as a `Parameters` resource.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut parameters = vec![json_object! { "name": "result", "valueBoolean": self.result }];
        if let Some(message) = &self.message {
            parameters.push(json_object! { "name": "message", "valueString": message.as_str() });
        }
        parameters.extend(self.matches.iter().map(TranslationMatch::to_value));
        json_object! { "resourceType": "Parameters", "parameter": parameters }
    }
}

impl TranslationMatch {
    fn to_value(&self) -> Value {
        let mut parts = vec![json_object! { "name": "equivalence", "valueCode": self.equivalence.as_str() }];
        if let Some(code) = &self.code {
            let coding =
                coding(self.system.as_deref(), self.version.as_deref(), code, self.display.as_deref());
            parts.push(json_object! { "name": "concept", "valueCoding": coding });
        }
        for product in &self.products {
            let concept = coding(product.system.as_deref(), None, &product.value, product.display.as_deref());
            let inner = vec![
                json_object! { "name": "element", "valueUri": product.property.as_str() },
                json_object! { "name": "concept", "valueCoding": concept },
            ];
            parts.push(json_object! { "name": "product", "part": inner });
        }
        if !self.map.is_empty() {
            parts.push(json_object! { "name": "source", "valueUri": self.map.as_str() });
        }
        json_object! { "name": "match", "part": parts }
    }
}

fn coding(system: Option<&str>, version: Option<&str>, code: &str, display: Option<&str>) -> Value {
    let mut coding = Object::new();
    let members = [("system", system), ("version", version), ("code", Some(code)), ("display", display)];
    for (key, value) in members {
        if let Some(value) = value {
            coding.insert(key, value);
        }
    }
    Value::Object(coding)
}
