//! Profiles that are all in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Profiles, StructureDefinition};
use crate::json::Value;
use crate::terminology::compare_versions;

/// Profiles and definitions of extensions in memory, by address and version.
#[derive(Debug, Default)]
pub struct Loaded(HashMap<String, Vec<Arc<StructureDefinition>>>);

impl Loaded {
    /// Adds a `StructureDefinition`; of those with the same address and version the last counts.
    ///
    /// # Errors
    /// A sentence, if it is no such resource or nothing can name it.
    pub fn add(&mut self, resource: &Value) -> Result<(), String> {
        let read = StructureDefinition::read(resource)?;
        let versions = self.0.entry(read.url().to_owned()).or_default();
        versions.retain(|known| known.version() != read.version());
        versions.push(Arc::new(read));
        // The newest first.
        let version = |one: &StructureDefinition| one.version().unwrap_or_default().to_owned();
        versions.sort_by(|a, b| compare_versions(&version(b), &version(a)));
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Profiles for Loaded {
    fn structure(&self, canonical: &str) -> Option<Arc<StructureDefinition>> {
        let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, v)| (url, Some(v)));
        let versions = self.0.get(url)?;
        versions.iter().find(|one| version.is_none() || one.version() == version).cloned()
    }
}
