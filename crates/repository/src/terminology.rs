//! The terminology of a tenant: its stored CodeSystem, ValueSet and ConceptMap resources, and the code sets of R4 beneath.
//! The profiles of a tenant, its stored StructureDefinitions, are kept in the same way.
//!
//! A catalogue says which addresses and versions there are and is brought up to date when it is asked for: the changes of
//! the four types since the last time are read, nothing else. Resources are read for evaluation when an answer needs them,
//! and kept within [`LOADED_BYTES_MAX`]. One [`Library`] sees one state of the catalogue.
//!
//! A stored resource goes before one of R4 with the same address; of several versions the newest counts where none is named.

mod cache;
mod catalogue;

use std::sync::Arc;

use fhir::outcome::{Issue, IssueType};
use fhir::profile::{Profiles, StructureDefinition};
use fhir::terminology::{CodeSystem, ConceptMap, Library, TerminologyError, ValueSet, core as standard};
use parking_lot::Mutex;

pub use cache::LOADED_BYTES_MAX;
pub(crate) use cache::Loaded;
pub(crate) use catalogue::Catalogues;

use crate::codec::Malformed;
use crate::core::Core;
use crate::error::{Error, ErrorKind, Result};
use crate::view::corrupt;
use cache::One;
use catalogue::{Catalogue, Entry, Kind};

/// What a store keeps of its tenants' terminology.
#[derive(Default)]
pub(crate) struct Terminologies {
    catalogues: Mutex<Catalogues>,
    loaded: Loaded,
}

/// One tenant's terminology at one time.
struct TenantLibrary {
    core: Arc<Core>,
    tenant: u32,
    catalogue: Arc<Catalogue>,
}

impl Core {
    /// The terminology of a tenant, with every commit up to now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown tenant, [`ErrorKind::Unavailable`] if the index cannot be read.
    pub(crate) fn terminology(self: &Arc<Self>, tenant: u32) -> Result<Arc<dyn Library>> {
        Ok(Arc::new(self.tenant_library(tenant)?))
    }

    /// The profiles and definitions of extensions of a tenant, with every commit up to now.
    ///
    /// # Errors
    /// As [`Self::terminology`].
    pub(crate) fn profiles(self: &Arc<Self>, tenant: u32) -> Result<Arc<dyn Profiles>> {
        Ok(Arc::new(self.tenant_library(tenant)?))
    }

    fn tenant_library(self: &Arc<Self>, tenant: u32) -> Result<TenantLibrary> {
        let view = self.view(tenant)?;
        let catalogue = self.terminologies.catalogues.lock().newest(&view)?;
        Ok(TenantLibrary { core: Arc::clone(self), tenant, catalogue })
    }
}

impl TenantLibrary {
    /// What `entry` stands for; `None` and a line in the log if it cannot be read.
    fn load(&self, entry: &Entry) -> Option<One> {
        let place = (self.tenant, entry.kind.type_code(), entry.number, entry.row_version);
        self.core.terminologies.loaded.get(place, || {
            let read = self.read(entry);
            if let Err(error) = &read {
                let internal = error.internal_text();
                tracing::error!(kind = ?error.kind(), internal, "a terminology resource cannot be read");
            }
            read.ok()
        })
    }

    fn read(&self, entry: &Entry) -> Result<One> {
        let view = self.core.view(self.tenant)?;
        let code = entry.kind.type_code();
        let row = view.row_of_version(code, entry.number, entry.row_version)?.ok_or_else(Error::not_found)?;
        let body = view.body(code, entry.number, &row)?.ok_or_else(Error::not_found)?;
        let value = body.value().map_err(corrupt)?;
        Ok(match entry.kind {
            Kind::CodeSystem => One::CodeSystem(Arc::new(CodeSystem::read(&value).map_err(corrupt)?)),
            Kind::ValueSet => One::ValueSet(Arc::new(ValueSet::read(&value).map_err(corrupt)?)),
            Kind::ConceptMap => One::ConceptMap(Arc::new(ConceptMap::read(&value).map_err(corrupt)?)),
            Kind::StructureDefinition => {
                let read = StructureDefinition::read(&value);
                One::StructureDefinition(Arc::new(read.map_err(|_| corrupt(Malformed))?))
            }
        })
    }

    fn stored_code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        match self.load(self.catalogue.find(Kind::CodeSystem, url, version)?)? {
            One::CodeSystem(system) => Some(system),
            _ => None,
        }
    }
}

impl Profiles for TenantLibrary {
    fn structure(&self, canonical: &str) -> Option<Arc<StructureDefinition>> {
        let (url, version) =
            canonical.split_once('|').map_or((canonical, None), |(url, version)| (url, Some(version)));
        match self.load(self.catalogue.find(Kind::StructureDefinition, url, version)?)? {
            One::StructureDefinition(found) => Some(found),
            _ => None,
        }
    }
}

impl Library for TenantLibrary {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.stored_code_system(url, version).or_else(|| standard().code_system(url, version))
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        if let Some(entry) = self.catalogue.find(Kind::ValueSet, url, version) {
            return match self.load(entry)? {
                One::ValueSet(set) => Some(set),
                _ => None,
            };
        }
        if let Some(entry) = self.catalogue.of_all(url)
            && let Some(One::CodeSystem(system)) = self.load(entry)
            && version.is_none_or(|version| system.version() == Some(version))
        {
            return ValueSet::of_all(&system).map(Arc::new);
        }
        standard().value_set(url, version)
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        let stored = self.catalogue.find(Kind::ConceptMap, url, version).and_then(|entry| self.load(entry));
        match stored {
            Some(One::ConceptMap(map)) => Some(map),
            _ => standard().concept_map(url, version),
        }
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        let urls = self.catalogue.urls(Kind::ConceptMap);
        let mut maps: Vec<_> = urls.iter().filter_map(|url| self.concept_map(url, None)).collect();
        let others = standard().concept_maps();
        maps.extend(others.into_iter().filter(|map| !urls.contains(&map.url())));
        maps
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        let entries = self.catalogue.supplements(url);
        entries
            .filter_map(|entry| if let One::CodeSystem(one) = self.load(entry)? { Some(one) } else { None })
            .collect()
    }
}

impl From<TerminologyError> for Error {
    fn from(error: TerminologyError) -> Self {
        let load = "load it with `ward package add`, or PUT it";
        let (kind, code, hint) = match &error {
            TerminologyError::NotLoaded { .. } => (ErrorKind::NotFound, IssueType::NotFound, load),
            TerminologyError::Incomplete { .. } => {
                (ErrorKind::NotFound, IssueType::NotFound, "load the whole code system")
            }
            TerminologyError::UnknownCode { .. } => {
                (ErrorKind::NotFound, IssueType::CodeInvalid, "look for it with `$expand?filter=`")
            }
            TerminologyError::Ambiguous { .. } => {
                (ErrorKind::Invalid, IssueType::MultipleMatches, "name its `system`")
            }
            TerminologyError::TooCostly { .. } => (
                ErrorKind::TooCostly,
                IssueType::TooCostly,
                "ask for pages with `count` and `offset`, or narrow it with `filter`",
            ),
            TerminologyError::Endless { .. } => {
                (ErrorKind::TooCostly, IssueType::TooCostly, "validate single codes with `$validate-code`")
            }
            TerminologyError::Circular { .. } => {
                (ErrorKind::Unprocessable, IssueType::Processing, "mend the definitions")
            }
            TerminologyError::Unsupported { .. } => (
                ErrorKind::Unprocessable,
                IssueType::NotSupported,
                "store an expansion in the value set instead",
            ),
            _ => (ErrorKind::Unprocessable, IssueType::Invalid, "mend the definition or the request"),
        };
        Self::with_issues(kind, vec![Issue::error(code, format!("{error}; {hint}"))])
    }
}
