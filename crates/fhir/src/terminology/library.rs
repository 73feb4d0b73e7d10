//! A library of resources that are all in memory.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::error::Unreadable;
use super::{CodeSystem, ConceptMap, Library, ValueSet};
use crate::json::Value;

/// Terminology resources in memory, by address and version.
#[derive(Debug, Default)]
pub struct Loaded {
    code_systems: HashMap<String, Vec<Arc<CodeSystem>>>,
    value_sets: HashMap<String, Vec<Arc<ValueSet>>>,
    concept_maps: HashMap<String, Vec<Arc<ConceptMap>>>,
    supplements: HashMap<String, Vec<Arc<CodeSystem>>>,
}

impl Loaded {
    /// An empty library.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `CodeSystem`, `ValueSet` or `ConceptMap`; of resources with the same address and version the last counts.
    ///
    /// # Errors
    /// [`Unreadable`] if it is none of these or nothing can name it.
    pub fn add(&mut self, resource: &Value) -> Result<(), Unreadable> {
        match resource.resource_type() {
            Some("CodeSystem") => self.add_code_system(CodeSystem::read(resource)?),
            Some("ValueSet") => {
                let read = ValueSet::read(resource)?;
                put(&mut self.value_sets, read.url().to_owned(), Arc::new(read), |known| known.version());
            }
            Some("ConceptMap") => {
                let read = ConceptMap::read(resource)?;
                put(&mut self.concept_maps, read.url().to_owned(), Arc::new(read), |known| known.version());
            }
            _ => return Err(Unreadable::WrongType("CodeSystem, ValueSet or ConceptMap")),
        }
        Ok(())
    }

    fn add_code_system(&mut self, system: CodeSystem) {
        let system = Arc::new(system);
        if let Some(base) = system.supplements() {
            self.supplements.entry(base.to_owned()).or_default().push(system);
            return;
        }
        if let Some(all) = ValueSet::of_all(&system)
            && !self.value_sets.contains_key(all.url())
        {
            put(&mut self.value_sets, all.url().to_owned(), Arc::new(all), |known| known.version());
        }
        put(&mut self.code_systems, system.url().to_owned(), system, |known| known.version());
    }
}

impl Library for Loaded {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        pick(self.code_systems.get(url)?, version, |known| known.version())
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        pick(self.value_sets.get(url)?, version, |known| known.version())
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        pick(self.concept_maps.get(url)?, version, |known| known.version())
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        let mut maps: Vec<_> = self.concept_maps.values().filter_map(|all| all.first()).cloned().collect();
        maps.sort_by(|a, b| a.url().cmp(b.url()));
        maps
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        self.supplements.get(url).cloned().unwrap_or_default()
    }
}

/// Puts `one` among those of its address, newest first.
fn put<T>(all: &mut HashMap<String, Vec<Arc<T>>>, url: String, one: Arc<T>, version: fn(&T) -> Option<&str>) {
    let versions = all.entry(url).or_default();
    versions.retain(|known| version(known) != version(&one));
    versions.push(one);
    versions.sort_by(|a, b| compare_versions(version(b).unwrap_or_default(), version(a).unwrap_or_default()));
}

/// The one of `version`, or the newest.
fn pick<T>(newest_first: &[Arc<T>], version: Option<&str>, of: fn(&T) -> Option<&str>) -> Option<Arc<T>> {
    match version {
        None => newest_first.first().cloned(),
        Some(_) => newest_first.iter().find(|known| of(known) == version).cloned(),
    }
}

/// Which of two business versions is the newer: runs of digits compare as numbers, the rest as text, so that `2.10` comes
/// after `2.9` and `2024-01` after `2023-12`. An absent version is the oldest.
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        match (left.is_empty(), right.is_empty()) {
            (true, true) => return a.cmp(b),
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let ((x, rest_x), (y, rest_y)) = (run(left), run(right));
        let digits = x.starts_with(|letter: char| letter.is_ascii_digit())
            && y.starts_with(|letter: char| letter.is_ascii_digit());
        let order = if digits {
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (rest_x, rest_y);
    }
}

/// The first run of digits, or of anything else, and what follows.
fn run(text: &str) -> (&str, &str) {
    let is_digit = text.starts_with(|letter: char| letter.is_ascii_digit());
    text.split_at(text.find(|letter: char| letter.is_ascii_digit() != is_digit).unwrap_or(text.len()))
}
