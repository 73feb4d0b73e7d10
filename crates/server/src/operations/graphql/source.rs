//! Where the resources of a query come from: the caller's own door to the store.

use std::cell::Cell;
use std::sync::Arc;

use fhir::json::{self, Value};
use fhir::search::{Registry, query};
use repository::{Access, SearchMode, Versioned};

use super::Resource;
use crate::reply::Refusal;

/// Reads and searches that one query may do; each is decided and audited.
const CALLS_MAX: usize = 1000;

/// What a search found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) entries: Vec<(Resource, &'static str)>,
    pub(super) total: Option<u64>,
    pub(super) next: Option<String>,
    pub(super) previous: Option<String>,
}

/// What gives resources; errors are for people.
pub(super) trait Source {
    fn read(&self, resource_type: &str, id: &str) -> Result<Resource, String>;
    fn search(&self, resource_type: &str, pairs: &[(String, String)]) -> Result<Found, String>;
    /// Another page, by its token.
    fn page(&self, resource_type: &str, token: &str) -> Result<Found, String>;
}

/// The store, as the caller sees it.
pub(super) struct StoreSource<'a> {
    access: &'a Access,
    registry: Arc<Registry>,
    calls: Cell<usize>,
}

impl<'a> StoreSource<'a> {
    pub(super) fn new(access: &'a Access) -> Result<Self, Refusal> {
        Ok(Self { access, registry: access.registry()?, calls: Cell::new(0) })
    }

    /// The resource that the query is asked of; its errors are those of a read.
    pub(super) fn focus(&self, resource_type: &str, id: &str) -> Result<Resource, Refusal> {
        let found = self.access.read(resource_type, id)?;
        parse(&found).map_err(|_| Refusal::invalid("the resource cannot be read"))
    }

    fn count(&self) -> Result<(), String> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() > CALLS_MAX {
            return Err(format!("the query reads more than {CALLS_MAX} times; ask for fewer references"));
        }
        Ok(())
    }

    fn found(page: repository::SearchPage) -> Result<Found, String> {
        let mut found =
            Found { total: page.total, next: page.next, previous: page.previous, ..Found::default() };
        for entry in &page.entries {
            let mode = match entry.mode {
                SearchMode::Match => "match",
                SearchMode::Include => "include",
            };
            found.entries.push((parse(&entry.versioned)?, mode));
        }
        Ok(found)
    }
}

impl Source for StoreSource<'_> {
    fn read(&self, resource_type: &str, id: &str) -> Result<Resource, String> {
        self.count()?;
        parse(&self.access.read(resource_type, id).map_err(|error| error.to_string())?)
    }

    fn search(&self, resource_type: &str, pairs: &[(String, String)]) -> Result<Found, String> {
        self.count()?;
        if pairs.iter().any(|(name, _)| name.starts_with("_contained")) {
            return Err(
                "`_contained` is not offered here: ask for the container and its `contained`".to_owned()
            );
        }
        let query = query::parse(&self.registry, resource_type, pairs, false, &query::Limits::default())
            .map_err(|issues| issues.into_iter().map(|issue| issue.details).collect::<Vec<_>>().join("; "))?;
        Self::found(self.access.search(&query).map_err(|error| error.to_string())?)
    }

    fn page(&self, resource_type: &str, token: &str) -> Result<Found, String> {
        self.count()?;
        Self::found(self.access.search_page(resource_type, token).map_err(|error| error.to_string())?)
    }
}

fn parse(found: &Versioned) -> Result<Resource, String> {
    let limits = json::Limits { bytes_max: usize::MAX, ..json::Limits::default() };
    json::parse(&found.body, &limits)
        .map(Arc::<Value>::new)
        .map_err(|_| "a resource cannot be read".to_owned())
}
