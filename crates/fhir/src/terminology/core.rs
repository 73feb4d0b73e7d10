//! The code sets that R4 itself defines, with the v2 tables and v3 code systems that come with it.
//!
//! The table has one resource a line and is searched by address; a resource is read when it is first asked for.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use super::{CodeSystem, ConceptMap, Library, ValueSet};
use crate::json::{Limits, Value, parse};

/// `KIND  URL  VERSION or -  RESOURCE`, written by `cargo xtask definitions`.
const TABLE: &str = include_str!("../../definitions/terminology.tsv");

static CORE: LazyLock<Core> = LazyLock::new(Core::new);

/// The library of R4's own code sets: code systems, value sets and concept maps of the standard, without definitions in
/// prose, and without the codes of other publishers (LOINC, SNOMED CT, UCUM and the like).
#[must_use]
pub fn core() -> &'static dyn Library {
    &*CORE
}

/// The code systems of R4 whose codes are here: address and version, sorted.
pub fn core_code_systems() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let mut systems: Vec<_> = CORE.code_systems.iter().map(|(url, line)| (*url, line.version)).collect();
    systems.sort_unstable();
    systems.into_iter()
}

struct Core {
    code_systems: HashMap<&'static str, Line<CodeSystem>>,
    value_sets: HashMap<&'static str, Line<ValueSet>>,
    concept_maps: HashMap<&'static str, Line<ConceptMap>>,
}

struct Line<T> {
    version: Option<&'static str>,
    text: &'static str,
    read: OnceLock<Option<Arc<T>>>,
}

impl Core {
    fn new() -> Self {
        let mut core =
            Self { code_systems: HashMap::new(), value_sets: HashMap::new(), concept_maps: HashMap::new() };
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut cells = line.splitn(4, '\t');
            let (Some(kind), Some(url), Some(version), Some(text)) =
                (cells.next(), cells.next(), cells.next(), cells.next())
            else {
                continue;
            };
            let version = (version != "-").then_some(version);
            match kind {
                "CodeSystem" => drop(core.code_systems.insert(url, Line::new(version, text))),
                "ValueSet" => drop(core.value_sets.insert(url, Line::new(version, text))),
                "ConceptMap" => drop(core.concept_maps.insert(url, Line::new(version, text))),
                _ => {}
            }
        }
        core
    }
}

impl<T> Line<T> {
    fn new(version: Option<&'static str>, text: &'static str) -> Self {
        Self { version, text, read: OnceLock::new() }
    }

    fn get(
        &self,
        version: Option<&str>,
        read: impl FnOnce(&Value) -> Result<T, super::Unreadable>,
    ) -> Option<Arc<T>> {
        if version.is_some() && version != self.version {
            return None;
        }
        let parsed = || {
            let value = parse(self.text.as_bytes(), &Limits::default()).ok()?;
            Some(Arc::new(read(&value).ok()?))
        };
        self.read.get_or_init(parsed).clone()
    }
}

impl Library for Core {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.code_systems.get(url)?.get(version, CodeSystem::read)
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.value_sets.get(url)?.get(version, ValueSet::read)
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.concept_maps.get(url)?.get(version, ConceptMap::read)
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        let mut maps: Vec<_> =
            self.concept_maps.values().filter_map(|line| line.get(None, ConceptMap::read)).collect();
        maps.sort_by(|a, b| a.url().cmp(b.url()));
        maps
    }
}

/// Expands every value set: how many there are, how many can be expanded, and how many are refused for another reason than
/// that something is not loaded.
#[cfg(test)]
pub(super) fn tests_expand_all(terminology: &super::Terminology<'_>) -> (usize, usize, usize) {
    let mut expanded = 0;
    let mut refused = 0;
    for line in CORE.code_systems.values() {
        assert!(line.get(None, CodeSystem::read).is_some(), "a line cannot be read");
    }
    for (url, line) in &CORE.value_sets {
        assert!(line.get(None, ValueSet::read).is_some(), "{url} cannot be read");
        match terminology.codes(url) {
            Ok(_) => expanded += 1,
            Err(error) if error.is_open() => {}
            Err(error) => {
                println!("{url}: {error}");
                refused += 1;
            }
        }
    }
    (CORE.value_sets.len(), expanded, refused)
}
