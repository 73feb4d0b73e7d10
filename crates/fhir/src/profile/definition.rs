//! A StructureDefinition as the validator reads it.
//!
//! Source: FHIR R4 StructureDefinition and ElementDefinition.

use std::sync::Arc;

use crate::json::{Object, Value};
use crate::path::Expression;

/// Elements of one definition.
const ELEMENTS_MAX: usize = 20_000;

/// A profile or the definition of an extension.
#[derive(Debug, Clone)]
pub struct StructureDefinition {
    pub(super) url: String,
    pub(super) version: Option<String>,
    pub(super) type_name: String,
    pub(super) base: Option<String>,
    /// Whether the elements are the whole definition; otherwise they are what it adds to its base.
    pub(super) is_snapshot: bool,
    pub(super) is_modifier: bool,
    pub(super) contexts: Vec<ExtensionContext>,
    pub(super) elements: Vec<ElementRule>,
}

/// Where an extension may stand.
#[derive(Debug, Clone)]
pub(super) struct ExtensionContext {
    pub(super) kind: String,
    pub(super) expression: String,
}

/// What one ElementDefinition says.
#[derive(Debug, Clone)]
pub(super) struct ElementRule {
    /// The way from the type to the element, the type left out.
    pub(super) segments: Vec<Segment>,
    pub(super) says: Says,
}

/// One step of an element's id: `category:VSCat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) slice: Option<String>,
}

/// The constraints themselves. What is not said is inherited.
#[derive(Debug, Clone, Default)]
pub(super) struct Says {
    pub(super) min: Option<usize>,
    /// `Some(None)` is `*`.
    pub(super) max: Option<Option<usize>>,
    pub(super) types: Option<Vec<TypeRule>>,
    pub(super) fixed: Option<Value>,
    pub(super) pattern: Option<Value>,
    pub(super) min_value: Option<Value>,
    pub(super) max_value: Option<Value>,
    pub(super) max_length: Option<usize>,
    pub(super) binding: Option<Binding>,
    pub(super) slicing: Option<Slicing>,
    pub(super) constraints: Vec<Arc<Constraint>>,
}

/// A type that is allowed, with the profiles that it or what it refers to must be of.
#[derive(Debug, Clone)]
pub(super) struct TypeRule {
    pub(super) code: String,
    pub(super) profiles: Vec<String>,
    pub(super) targets: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) strength: Strength,
    pub(super) value_set: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    Required,
    Extensible,
    Preferred,
}

#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) key: String,
    pub(super) is_error: bool,
    /// `None` if the text is no FHIRPath, which is said when it should be evaluated.
    pub(super) expression: Option<Expression>,
    pub(super) rule: String,
}

#[derive(Debug, Clone)]
pub(super) struct Slicing {
    pub(super) discriminators: Vec<Arc<Discriminator>>,
    pub(super) rules: SlicingRules,
    pub(super) is_ordered: bool,
}

#[derive(Debug)]
pub(super) struct Discriminator {
    pub(super) kind: DiscriminatorKind,
    pub(super) path: String,
    pub(super) expression: Option<Expression>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscriminatorKind {
    Value,
    Exists,
    Type,
    Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlicingRules {
    Open,
    OpenAtEnd,
    Closed,
}

impl StructureDefinition {
    /// Reads a `StructureDefinition` resource. Its snapshot is taken where there is one, else its differential.
    ///
    /// # Errors
    /// A sentence, if it is no such resource, has no `url` or `type`, or has more elements than can be honest.
    pub fn read(resource: &Value) -> Result<Self, String> {
        let text = |key: &str| resource.get(key).and_then(Value::as_str).map(str::to_owned);
        if resource.resource_type() != Some("StructureDefinition") {
            return Err("it is no StructureDefinition".to_owned());
        }
        let (Some(url), Some(type_name)) = (text("url"), text("type")) else {
            return Err("a StructureDefinition needs `url` and `type`".to_owned());
        };
        let elements_of = |member: &str| {
            resource.get(member).and_then(|part| part.get("element")).and_then(Value::as_array)
        };
        let snapshot = elements_of("snapshot").filter(|elements| !elements.is_empty());
        let elements = snapshot.or_else(|| elements_of("differential")).unwrap_or_default();
        if elements.len() > ELEMENTS_MAX {
            return Err(format!("it has more than {ELEMENTS_MAX} elements"));
        }
        let contexts = resource.get("context").map_or(&[][..], Value::elements).iter();
        let root_is_modifier =
            elements.first().and_then(|root| root.get("isModifier")).and_then(Value::as_bool);
        Ok(Self {
            url,
            version: text("version"),
            type_name,
            base: text("baseDefinition"),
            is_snapshot: snapshot.is_some(),
            is_modifier: root_is_modifier == Some(true),
            contexts: contexts
                .filter_map(|context| {
                    Some(ExtensionContext {
                        kind: context.get("type")?.as_str()?.to_owned(),
                        expression: context.get("expression")?.as_str()?.to_owned(),
                    })
                })
                .collect(),
            elements: elements_with_segments(elements),
        })
    }

    /// Its canonical address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its version, where it has one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// About how much memory it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        const ELEMENT_BYTES: usize = 2048;
        self.elements.len().saturating_mul(ELEMENT_BYTES).saturating_add(ELEMENT_BYTES)
    }

    /// The type that it constrains.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }
}

fn elements_with_segments(elements: &[Value]) -> Vec<ElementRule> {
    // Slices that are open: an element below belongs to the slice named last, unless its id says which.
    let mut open: Vec<(String, String)> = Vec::new();
    let mut rules = Vec::new();
    for element in elements.iter().filter_map(Value::as_object) {
        let text = |key: &str| element.get(key).and_then(Value::as_str);
        let Some(path) = text("path") else { continue };
        open.retain(|(parent, _)| {
            path.strip_prefix(parent.as_str()).is_some_and(|rest| rest.starts_with('.'))
        });
        if let Some(slice) = text("sliceName") {
            open.push((path.to_owned(), slice.to_owned()));
        }
        let segments = match text("id").filter(|id| fits(id, path)) {
            Some(id) => id.split('.').skip(1).map(segment).collect(),
            None => by_path(path, &open),
        };
        rules.push(ElementRule { segments, says: says(element) });
    }
    rules
}

/// Whether an id says the same path.
fn fits(id: &str, path: &str) -> bool {
    let plain = |part: &str| part.split(':').next().unwrap_or_default().to_owned();
    id.split('.').map(plain).eq(path.split('.').map(str::to_owned))
}

fn segment(text: &str) -> Segment {
    let (name, slice) = text.split_once(':').map_or((text, None), |(name, slice)| (name, Some(slice)));
    Segment { name: name.trim_end_matches("[x]").to_owned(), slice: slice.map(str::to_owned) }
}

fn by_path(path: &str, open: &[(String, String)]) -> Vec<Segment> {
    let mut so_far = String::new();
    let mut segments = Vec::new();
    for name in path.split('.') {
        if !so_far.is_empty() {
            so_far.push('.');
        }
        so_far.push_str(name);
        let slice = open.iter().find(|(parent, _)| *parent == so_far).map(|(_, slice)| slice.clone());
        segments.push(Segment { name: name.trim_end_matches("[x]").to_owned(), slice });
    }
    segments.remove(0);
    segments
}

fn says(element: &Object) -> Says {
    let number = |key: &str| element.get(key).and_then(Value::as_i64).and_then(|n| usize::try_from(n).ok());
    let typed = |prefix: &str| {
        let mut members = element.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
        let found = members.find(|(rest, _)| rest.starts_with(|first: char| first.is_ascii_uppercase()));
        found.map(|(_, value)| value.clone())
    };
    let max = match element.get("max").and_then(Value::as_str) {
        Some("*") => Some(None),
        Some(max) => max.parse().ok().map(Some),
        None => None,
    };
    Says {
        min: number("min"),
        max,
        types: element.get("type").map(|types| types.elements().iter().filter_map(type_rule).collect()),
        fixed: typed("fixed"),
        pattern: typed("pattern"),
        min_value: typed("minValue"),
        max_value: typed("maxValue"),
        max_length: number("maxLength"),
        binding: element.get("binding").and_then(binding),
        slicing: element.get("slicing").map(slicing),
        constraints: element
            .get("constraint")
            .map_or(&[][..], Value::elements)
            .iter()
            .filter_map(constraint)
            .map(Arc::new)
            .collect(),
    }
}

fn type_rule(value: &Value) -> Option<TypeRule> {
    let urls = |key: &str| {
        let urls = value.get(key).map_or(&[][..], Value::elements).iter();
        urls.filter_map(|url| url.as_str().map(str::to_owned)).collect()
    };
    let code = value.get("code")?.as_str()?.to_owned();
    Some(TypeRule { code, profiles: urls("profile"), targets: urls("targetProfile") })
}

fn binding(value: &Value) -> Option<Binding> {
    let strength = match value.get("strength")?.as_str()? {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        _ => return None,
    };
    Some(Binding { strength, value_set: value.get("valueSet")?.as_str()?.to_owned() })
}

fn constraint(value: &Value) -> Option<Constraint> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    // A constraint of the standard was checked with the standard's own, which know how `as()` is meant there.
    let source = text("source");
    let is_standard = super::standard::has_invariant(text("key"))
        && (source.is_empty() || super::standard::core_type(source).is_some());
    if text("expression").is_empty() || is_standard {
        return None;
    }
    Some(Constraint {
        key: text("key").to_owned(),
        is_error: text("severity") != "warning",
        expression: Expression::parse(text("expression")).ok(),
        rule: text("human").to_owned(),
    })
}

fn slicing(value: &Value) -> Slicing {
    let discriminator = |value: &Value| {
        let path = value.get("path")?.as_str()?.to_owned();
        let kind = match value.get("type")?.as_str()? {
            "value" | "pattern" => DiscriminatorKind::Value,
            "exists" => DiscriminatorKind::Exists,
            "type" => DiscriminatorKind::Type,
            "profile" => DiscriminatorKind::Profile,
            _ => return None,
        };
        Some(Arc::new(Discriminator { kind, expression: Expression::parse(&path).ok(), path }))
    };
    let discriminators = value.get("discriminator").map_or(&[][..], Value::elements).iter();
    Slicing {
        discriminators: discriminators.filter_map(discriminator).collect(),
        rules: match value.get("rules").and_then(Value::as_str) {
            Some("closed") => SlicingRules::Closed,
            Some("openAtEnd") => SlicingRules::OpenAtEnd,
            _ => SlicingRules::Open,
        },
        is_ordered: value.get("ordered").and_then(Value::as_bool) == Some(true),
    }
}
