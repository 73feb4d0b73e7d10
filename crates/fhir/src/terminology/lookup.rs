//! Everything a code system says about one code.

use super::error::TerminologyError;
use super::member::absent;
use super::{CodeSystem, Concept, PropertyValue, Terminology};
use crate::json::{Object, Value};
use crate::json_object;

/// What is known of a code. R4 CodeSystem/$lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The name of the code system.
    pub name: String,
    /// The version of the code system.
    pub version: Option<String>,
    /// The display.
    pub display: Option<String>,
    /// `designation` parts: `language`, `use`, `value`.
    pub designations: Vec<Value>,
    /// The properties that were asked for, or all.
    pub properties: Vec<LookupProperty>,
}

/// A property of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupProperty {
    /// Its name.
    pub name: String,
    /// What it means in words, or the display of the concept it names.
    pub description: Option<String>,
    /// The name of the FHIR value element (`valueCode`) and the value.
    pub value: (&'static str, Value),
}

impl Terminology<'_> {
    /// Looks `code` up in the code system `system`. `wanted` names properties as R4 does (`display`, `designation`,
    /// `lang.de`, `parent`, `child` and the system's own); none of them means all.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`], [`TerminologyError::Incomplete`]; [`TerminologyError::UnknownCode`] if a complete
    /// system does not have the code.
    pub fn lookup(
        &self,
        system: &str,
        version: Option<&str>,
        code: &str,
        wanted: &[String],
        display_language: Option<&str>,
    ) -> Result<Lookup, TerminologyError> {
        let system = self.system(system, version)?;
        let Some(concept) = system.concept(code) else {
            absent(&system)?;
            return Err(TerminologyError::UnknownCode { system: system.url().to_owned() });
        };
        let wants =
            |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name || wanted == "*");
        let supplements = self.library.supplements(system.url());
        let more: Vec<_> = supplements
            .iter()
            .filter_map(|supplement| Some((supplement.as_ref(), supplement.concept(concept.code())?)))
            .collect();
        let mut designations = Vec::new();
        let mut properties = standard_properties(concept, &wants);
        for (owner, concept) in std::iter::once((&*system, concept)).chain(more.iter().copied()) {
            let chosen = concept.designations().filter(|designation| {
                let language = designation.language.unwrap_or_default();
                wants("designation")
                    || wanted.iter().any(|wanted| wanted.strip_prefix("lang.") == Some(language))
            });
            designations.extend(chosen.map(|designation| designation.to_value()));
            properties.extend(own_properties(owner, concept, &wants));
        }
        let in_language = display_language.and_then(|language| {
            let all = std::iter::once(concept).chain(more.iter().map(|(_, concept)| *concept));
            all.filter_map(|own| own.display_in(language).filter(|text| Some(*text) != own.display())).next()
        });
        Ok(Lookup {
            name: system.title().unwrap_or(system.url()).to_owned(),
            version: system.version().map(str::to_owned),
            display: in_language.or(concept.display()).map(str::to_owned),
            designations,
            properties,
        })
    }
}

/// What the resource says outside of `property`: definition, place in the hierarchy, state.
fn standard_properties(concept: Concept<'_>, wants: &impl Fn(&str) -> bool) -> Vec<LookupProperty> {
    let mut properties = Vec::new();
    if let Some(definition) = concept.definition().filter(|_| wants("definition")) {
        properties.push(LookupProperty {
            name: "definition".to_owned(),
            description: None,
            value: ("valueString", definition.into()),
        });
    }
    if wants("inactive") {
        let value = ("valueBoolean", concept.is_inactive().into());
        properties.push(LookupProperty { name: "inactive".to_owned(), description: None, value });
    }
    let relation = |name: &str, other: Concept<'_>| LookupProperty {
        name: name.to_owned(),
        description: other.display().map(str::to_owned),
        value: ("valueCode", other.code().into()),
    };
    if wants("parent") {
        properties.extend(concept.parents().map(|parent| relation("parent", parent)));
    }
    if wants("child") {
        properties.extend(concept.children().map(|child| relation("child", child)));
    }
    properties
}

/// The system's own properties, but those that the hierarchy has told already.
fn own_properties<'a>(
    owner: &'a CodeSystem,
    concept: Concept<'a>,
    wants: &'a impl Fn(&str) -> bool,
) -> impl Iterator<Item = LookupProperty> + 'a {
    let told = |name: &str| matches!(name, "parent" | "child" | "inactive");
    concept.properties().filter(move |property| wants(property.name) && !told(property.name)).map(
        |property| {
            let definitions = owner.property_definitions().iter();
            let description = definitions
                .filter(|definition| definition.code == property.name)
                .find_map(|definition| definition.description.clone());
            LookupProperty { name: property.name.to_owned(), description, value: property.value.to_value() }
        },
    )
}

impl PropertyValue<'_> {
    /// The value as FHIR writes it: the name of the element and its content.
    #[must_use]
    pub fn to_value(&self) -> (&'static str, Value) {
        let number = |text: &str| match crate::json::Number::from_literal(text) {
            Some(number) => Value::Number(number),
            None => text.into(),
        };
        match *self {
            PropertyValue::Code(text) => ("valueCode", text.into()),
            PropertyValue::String(text) => ("valueString", text.into()),
            PropertyValue::DateTime(text) => ("valueDateTime", text.into()),
            PropertyValue::Boolean(truth) => ("valueBoolean", truth.into()),
            PropertyValue::Integer(text) => ("valueInteger", number(text)),
            PropertyValue::Decimal(text) => ("valueDecimal", number(text)),
            PropertyValue::Coding { system, code, display } => {
                let mut coding = Object::new();
                if !system.is_empty() {
                    coding.insert("system", system);
                }
                coding.insert("code", code);
                if let Some(display) = display {
                    coding.insert("display", display);
                }
                ("valueCoding", Value::Object(coding))
            }
        }
    }
}

impl Lookup {
    /// The answer as a `Parameters` resource.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut parameters = vec![json_object! { "name": "name", "valueString": self.name.as_str() }];
        if let Some(version) = &self.version {
            parameters.push(json_object! { "name": "version", "valueString": version.as_str() });
        }
        // R4 wants a display; a concept without one is displayed by nothing better than an empty place.
        if let Some(display) = &self.display {
            parameters.push(json_object! { "name": "display", "valueString": display.as_str() });
        }
        for designation in &self.designations {
            let mut parts = Vec::new();
            for (name, key) in [("language", "valueCode"), ("use", "valueCoding"), ("value", "valueString")] {
                if let Some(value) = designation.get(name) {
                    let mut part = Object::new();
                    part.insert("name", name);
                    part.insert(key, value.clone());
                    parts.push(Value::Object(part));
                }
            }
            parameters.push(json_object! { "name": "designation", "part": parts });
        }
        for property in &self.properties {
            let mut value = Object::new();
            value.insert("name", "value");
            value.insert(property.value.0, property.value.1.clone());
            let mut parts = vec![
                json_object! { "name": "code", "valueCode": property.name.as_str() },
                Value::Object(value),
            ];
            if let Some(description) = &property.description {
                parts.push(json_object! { "name": "description", "valueString": description.as_str() });
            }
            parameters.push(json_object! { "name": "property", "part": parts });
        }
        json_object! { "resourceType": "Parameters", "parameter": parameters }
    }
}
