//! A value set as its resource defines it: what to include, what to exclude, or a list of codes that someone made of it.

use std::sync::Arc;

use super::code_system::items;
use super::error::Unreadable;
use super::filter::Filter;
use super::{CodeSystem, split_canonical};
use crate::json::{Object, Value};
use crate::json_object;

/// A value set, read for evaluation.
#[derive(Debug)]
pub struct ValueSet {
    url: String,
    version: Option<String>,
    /// The resource without definition, expansion and narrative: what an expansion repeats.
    header: Object,
    pub(super) includes: Vec<Include>,
    pub(super) excludes: Vec<Include>,
    /// `compose.inactive`: whether codes out of use belong to it; not saying so includes them.
    pub(super) takes_inactive: bool,
    has_compose: bool,
    /// The codes of the resource's own expansion, if that is whole.
    pub(super) listed: Option<Vec<Listed>>,
    contained: Vec<(String, Arc<ValueSet>)>,
}

/// One `include` or `exclude`.
#[derive(Debug, Clone, Default)]
pub(super) struct Include {
    /// Whether any code of the system counts, known or not.
    pub(super) is_whole: bool,
    pub(super) system: Option<String>,
    pub(super) version: Option<String>,
    pub(super) concepts: Option<Vec<Listed>>,
    pub(super) filters: Vec<Filter>,
    pub(super) value_sets: Vec<String>,
}

/// A code that a value set lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) system: String,
    pub(super) version: Option<String>,
    pub(super) code: String,
    pub(super) display: Option<String>,
    pub(super) designations: Vec<Value>,
    pub(super) is_abstract: bool,
    pub(super) is_inactive: bool,
}

impl ValueSet {
    /// Reads a `ValueSet` resource. One without `url` gets an empty one: it may be given inside a request.
    ///
    /// Filters that are not understood are kept and refused when they are evaluated, so that the rest of the value set can
    /// be used.
    ///
    /// # Errors
    /// [`Unreadable::WrongType`] if it is no `ValueSet`.
    pub fn read(resource: &Value) -> Result<Self, Unreadable> {
        if resource.resource_type() != Some("ValueSet") {
            return Err(Unreadable::WrongType("ValueSet"));
        }
        let text = |key| resource.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let compose = resource.get("compose");
        let parts = |key| {
            compose
                .map_or(&[][..], |compose| items(compose, key))
                .iter()
                .map(Include::read)
                .collect::<Vec<_>>()
        };
        let mut header = resource.as_object().cloned().unwrap_or_default();
        header.retain(|key, _| !matches!(key, "compose" | "expansion" | "text" | "contained"));
        Ok(Self {
            url: text("url").unwrap_or_default().to_owned(),
            version: text("version").map(str::to_owned),
            header,
            includes: parts("include"),
            excludes: parts("exclude"),
            takes_inactive: compose
                .and_then(|compose| compose.get("inactive"))
                .and_then(Value::as_bool)
                .unwrap_or(true),
            has_compose: compose.is_some(),
            listed: resource.get("expansion").and_then(listed),
            contained: contained(resource),
        })
    }

    /// The value set of all codes of `system`, under the address that the system names.
    #[must_use]
    pub fn of_all(system: &CodeSystem) -> Option<Self> {
        let url = system.value_set()?;
        let mut made =
            Self::implied(url, Include { system: Some(system.url().to_owned()), ..Include::default() });
        if let Some(title) = system.title() {
            made.header.insert("title", title);
        }
        made.version = system.version().map(str::to_owned);
        if let Some(version) = &made.version {
            made.header.insert("version", version.as_str());
        }
        Some(made)
    }

    /// A value set that an address alone defines.
    pub(super) fn implied(url: &str, include: Include) -> Self {
        let header = json_object! { "resourceType": "ValueSet", "url": url, "status": "active" };
        Self {
            url: url.to_owned(),
            version: None,
            header: header.as_object().cloned().unwrap_or_default(),
            includes: vec![include],
            excludes: Vec::new(),
            takes_inactive: true,
            has_compose: true,
            listed: None,
            contained: Vec::new(),
        }
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

    /// The resource without its definition: address, names, status.
    #[must_use]
    pub fn header(&self) -> &Object {
        &self.header
    }

    /// Whether it says what belongs to it, by a definition or a whole list.
    #[must_use]
    pub fn is_defined(&self) -> bool {
        self.has_compose || self.listed.is_some()
    }

    /// Whether it has a definition, not only a list.
    pub(super) fn has_compose(&self) -> bool {
        self.has_compose
    }

    /// The systems that its definition names, each once; those of value sets that it includes are not told.
    pub fn systems(&self) -> impl Iterator<Item = &str> {
        let mut systems: Vec<&str> = self.includes.iter().filter_map(|part| part.system.as_deref()).collect();
        systems.sort_unstable();
        systems.dedup();
        systems.into_iter()
    }

    /// The value set without the codes of `excluded` systems (`url` or `url|version`); `None` if that changes nothing.
    #[must_use]
    pub fn without_systems(&self, excluded: &[String]) -> Option<Self> {
        if excluded.is_empty() {
            return None;
        }
        let out = |system: &str| excluded.iter().any(|one| split_canonical(one, None).0 == system);
        let mut excludes = self.excludes.clone();
        excludes.extend(excluded.iter().map(|system| Include {
            system: Some(split_canonical(system, None).0.to_owned()),
            is_whole: true,
            ..Include::default()
        }));
        let mut includes = self.includes.clone();
        includes.retain(|part| !part.system.as_deref().is_some_and(out));
        let listed = self.listed.clone().map(|mut listed| {
            listed.retain(|code| !out(&code.system));
            listed
        });
        Some(Self {
            url: self.url.clone(),
            version: self.version.clone(),
            header: self.header.clone(),
            includes,
            excludes,
            takes_inactive: self.takes_inactive,
            has_compose: self.has_compose,
            listed,
            contained: self.contained.clone(),
        })
    }

    /// The value set `#id` that the resource contains.
    pub(super) fn contained(&self, reference: &str) -> Option<Arc<ValueSet>> {
        let id = reference.strip_prefix('#')?;
        self.contained.iter().find(|(own, _)| own == id).map(|(_, found)| Arc::clone(found))
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let parts = self.includes.iter().chain(&self.excludes);
        let codes: usize = parts.filter_map(|part| part.concepts.as_ref()).map(Vec::len).sum::<usize>()
            + self.listed.as_ref().map_or(0, Vec::len);
        size_of::<Self>() + 1024 + codes * (size_of::<Listed>() + 64)
    }
}

/// Contained value sets by id. Containment is one level deep in FHIR.
fn contained(resource: &Value) -> Vec<(String, Arc<ValueSet>)> {
    let found = items(resource, "contained").iter().filter(|inner| inner.get("contained").is_none());
    found
        .filter_map(|inner| {
            let id = inner.get("id").and_then(Value::as_str)?.to_owned();
            Some((id, Arc::new(ValueSet::read(inner).ok()?)))
        })
        .collect()
}

impl Include {
    fn read(part: &Value) -> Self {
        let text = |key| part.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (system, version) = match text("system") {
            Some(system) => {
                let (system, version) = split_canonical(system, text("version"));
                (Some(system.to_owned()), version.map(str::to_owned))
            }
            None => (None, None),
        };
        let named = system.clone().unwrap_or_default();
        let concept = |concept: &Value| {
            Some(Listed {
                system: named.clone(),
                version: version.clone(),
                code: concept.get("code")?.as_str()?.to_owned(),
                display: concept.get("display").and_then(Value::as_str).map(str::to_owned),
                designations: items(concept, "designation").to_vec(),
                is_abstract: false,
                is_inactive: false,
            })
        };
        let concepts = part.get("concept").and_then(Value::as_array);
        Self {
            concepts: concepts.map(|concepts| concepts.iter().filter_map(concept).collect()),
            filters: items(part, "filter").iter().map(Filter::read).collect(),
            is_whole: false,
            value_sets: items(part, "valueSet").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            system,
            version,
        }
    }
}

/// The codes of an expansion, unless it is a page or a selection of the whole.
fn listed(expansion: &Value) -> Option<Vec<Listed>> {
    const SELECTING: [&str; 6] = ["filter", "offset", "count", "activeOnly", "limitedExpansion", "date"];
    let parameters = items(expansion, "parameter");
    let selects = parameters.iter().any(|parameter| {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let is_off = parameter.get("valueBoolean").and_then(Value::as_bool) == Some(false)
            || parameter.get("valueInteger").and_then(Value::as_i64) == Some(0) && name == "offset";
        SELECTING.contains(&name) && !is_off
    });
    let mut codes = Vec::new();
    flatten(items(expansion, "contains"), &mut codes);
    let total = expansion.get("total").and_then(Value::as_i64).and_then(|total| usize::try_from(total).ok());
    (!selects && total.is_none_or(|total| total <= codes.len())).then_some(codes)
}

/// Nested entries one after the other. As deep as the JSON reader allows.
fn flatten(contains: &[Value], codes: &mut Vec<Listed>) {
    for entry in contains {
        let text = |key| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let truth = |key| entry.get(key).and_then(Value::as_bool).unwrap_or(false);
        if let (Some(system), Some(code)) = (text("system"), text("code")) {
            codes.push(Listed {
                system,
                version: text("version"),
                code,
                display: text("display"),
                designations: items(entry, "designation").to_vec(),
                is_abstract: truth("abstract"),
                is_inactive: truth("inactive"),
            });
        }
        flatten(items(entry, "contains"), codes);
    }
}
