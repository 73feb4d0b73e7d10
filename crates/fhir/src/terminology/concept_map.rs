//! A concept map, laid out for look-ups both ways.

use std::collections::HashMap;

use super::code_system::items;
use super::error::Unreadable;
use super::split_canonical;
use crate::json::Value;

/// A concept map: codes of some systems and what they become in others.
#[derive(Debug)]
pub struct ConceptMap {
    url: String,
    version: Option<String>,
    source: Option<String>,
    target: Option<String>,
    pub(super) groups: Vec<Group>,
}

/// The mappings from one system to another.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    pub(super) target_version: Option<String>,
    pub(super) mappings: Vec<Mapping>,
    by_source: HashMap<String, Vec<u32>>,
    by_target: HashMap<String, Vec<u32>>,
    /// Source codes that stand in the group, mapped or not.
    pub(super) unmapped: Option<Unmapped>,
}

/// One arrow from a code to a code, or to nothing.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) source: String,
    pub(super) source_display: Option<String>,
    pub(super) target: Option<String>,
    pub(super) display: Option<String>,
    pub(super) equivalence: Equivalence,
    pub(super) depends_on: Vec<Dependency>,
    pub(super) product: Vec<Dependency>,
}

/// Something beside the code that a mapping needs (`dependsOn`) or gives (`product`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The element or property that it is about.
    pub property: String,
    /// The code system of the value, if it has one.
    pub system: Option<String>,
    /// The value.
    pub value: String,
    /// Its display.
    pub display: Option<String>,
}

/// What happens to a code that a group does not map. R4 ConceptMap.group.unmapped.
#[derive(Debug)]
pub(super) enum Unmapped {
    /// It stays as it is.
    Provided,
    /// It becomes this code.
    Fixed { code: String, display: Option<String> },
    /// Another map is asked.
    Other { map: String },
}

macro_rules! equivalences {
    ($($(#[$doc:meta])+ $name:ident = $code:literal / $reverse:ident,)+) => {
        /// How a target stands to its source: the value set concept-map-equivalence of R4.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Equivalence { $($(#[$doc])+ $name,)+ }

        impl Equivalence {
            /// The standard's code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Equivalence::$name => $code,)+ }
            }

            /// The equivalence with the standard's code `code`.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Equivalence::$name),)+ _ => None }
            }

            /// How the source stands to the target.
            #[must_use]
            pub fn reversed(self) -> Self {
                match self { $(Equivalence::$name => Equivalence::$reverse,)+ }
            }
        }
    };
}

equivalences! {
    /// Related in an unknown way.
    RelatedTo = "relatedto" / RelatedTo,
    /// The same meaning.
    Equivalent = "equivalent" / Equivalent,
    /// The same meaning and the same definition.
    Equal = "equal" / Equal,
    /// The target is wider.
    Wider = "wider" / Narrower,
    /// The target subsumes the source.
    Subsumes = "subsumes" / Specializes,
    /// The target is narrower.
    Narrower = "narrower" / Wider,
    /// The target specialises the source.
    Specializes = "specializes" / Subsumes,
    /// The meanings overlap.
    Inexact = "inexact" / Inexact,
    /// There is no target.
    Unmatched = "unmatched" / Unmatched,
    /// It is known that the two differ.
    Disjoint = "disjoint" / Disjoint,
}

impl Equivalence {
    /// Whether the target can stand for the source at all.
    #[must_use]
    pub fn is_match(self) -> bool {
        !matches!(self, Equivalence::Unmatched | Equivalence::Disjoint)
    }
}

impl ConceptMap {
    /// Reads a `ConceptMap` resource. One without `url` gets an empty one: it may be given inside a request.
    ///
    /// # Errors
    /// [`Unreadable::WrongType`] if it is no `ConceptMap`.
    pub fn read(resource: &Value) -> Result<Self, Unreadable> {
        if resource.resource_type() != Some("ConceptMap") {
            return Err(Unreadable::WrongType("ConceptMap"));
        }
        let text = |key| resource.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            url: text("url").unwrap_or_default(),
            version: text("version"),
            source: text("sourceCanonical").or(text("sourceUri")),
            target: text("targetCanonical").or(text("targetUri")),
            groups: items(resource, "group").iter().map(Group::read).collect(),
        })
    }

    /// The canonical address; empty if the resource has none.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The value set that it maps from, with its version if the map says one.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The value set that it maps to, with its version if the map says one.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let mappings: usize = self.groups.iter().map(|group| group.mappings.len()).sum();
        size_of::<Self>() + mappings * (size_of::<Mapping>() + 256)
    }
}

impl Group {
    fn read(group: &Value) -> Self {
        let canonical = |key, version: Option<&str>| {
            let given = group.get(key).and_then(Value::as_str)?;
            let (url, version) = split_canonical(given, version);
            Some((url.to_owned(), version.map(str::to_owned)))
        };
        let target = canonical("target", group.get("targetVersion").and_then(Value::as_str));
        let mut made = Self {
            source: canonical("source", None).map(|(url, _)| url),
            target_version: target.as_ref().and_then(|(_, version)| version.clone()),
            target: target.map(|(url, _)| url),
            mappings: Vec::new(),
            by_source: HashMap::new(),
            by_target: HashMap::new(),
            unmapped: group.get("unmapped").and_then(unmapped),
        };
        for element in items(group, "element") {
            made.element(element);
        }
        for (place, mapping) in (0..).zip(&made.mappings) {
            made.by_source.entry(mapping.source.clone()).or_default().push(place);
            if let Some(target) = &mapping.target {
                made.by_target.entry(target.clone()).or_default().push(place);
            }
        }
        made
    }

    fn element(&mut self, element: &Value) {
        let Some(source) = element.get("code").and_then(Value::as_str) else { return };
        let text = |value: &Value, key| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let plain = |equivalence| Mapping {
            source: source.to_owned(),
            source_display: text(element, "display"),
            target: None,
            display: None,
            equivalence,
            depends_on: Vec::new(),
            product: Vec::new(),
        };
        let targets = items(element, "target");
        if targets.is_empty() {
            self.mappings.push(plain(Equivalence::Unmatched));
        }
        for target in targets {
            let code = target.get("equivalence").and_then(Value::as_str).unwrap_or_default();
            self.mappings.push(Mapping {
                target: text(target, "code"),
                display: text(target, "display"),
                depends_on: dependencies(target, "dependsOn"),
                product: dependencies(target, "product"),
                ..plain(Equivalence::from_code(code).unwrap_or(Equivalence::RelatedTo))
            });
        }
    }

    /// The mappings from `code`.
    pub(super) fn of_source(&self, code: &str) -> impl Iterator<Item = &Mapping> {
        self.by_source.get(code).into_iter().flatten().filter_map(|place| self.mappings.get(*place as usize))
    }

    /// The mappings to `code`.
    pub(super) fn of_target(&self, code: &str) -> impl Iterator<Item = &Mapping> {
        self.by_target.get(code).into_iter().flatten().filter_map(|place| self.mappings.get(*place as usize))
    }
}

fn dependencies(target: &Value, key: &str) -> Vec<Dependency> {
    let text = |value: &Value, key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let read = |value: &Value| {
        Some(Dependency {
            property: text(value, "property")?,
            system: text(value, "system"),
            value: text(value, "value")?,
            display: text(value, "display"),
        })
    };
    items(target, key).iter().filter_map(read).collect()
}

fn unmapped(unmapped: &Value) -> Option<Unmapped> {
    let text = |key| unmapped.get(key).and_then(Value::as_str).map(str::to_owned);
    match unmapped.get("mode")?.as_str()? {
        "provided" => Some(Unmapped::Provided),
        "fixed" => Some(Unmapped::Fixed { code: text("code")?, display: text("display") }),
        "other-map" => Some(Unmapped::Other { map: text("url")? }),
        _ => None,
    }
}
