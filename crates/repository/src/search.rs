//! Search: the index of terms, and the answers that it gives.
//!
//! - Writing: [`Terms::prepare`] reads and hashes the terms of a resource (anywhere, in parallel); [`Postings`] turns them
//!   into rows of the applier's batch; [`Dictionaries`] keep the texts.
//! - Reading: a [`Search`] looks at one snapshot for one caller. It compiles a query to clauses (`compile`), lets one of them
//!   drive and asks the others about each candidate (`plan`), orders (`sort`), follows includes (`include`), and makes page
//!   tokens (`page`). What a caller may see is part of the plan: see [`Bounds`].
//!
//! Not for: reading requests (`fhir::search::query`), bodies (`Access` reads those of the page only), HTTP links.
//!
//! Everything is bounded by [`SearchLimits`]; a query that needs more is refused as too costly.

pub(crate) mod across;
pub(crate) mod along;
pub(crate) mod blocks;
pub(crate) mod clause;
pub(crate) mod codes;
pub(crate) mod compile;
pub(crate) mod composite;
pub(crate) mod contained;
pub(crate) mod dictionary;
pub(crate) mod explain;
pub(crate) mod header;
pub(crate) mod include;
pub(crate) mod labels;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod postings;
pub(crate) mod range;
pub(crate) mod run;
pub(crate) mod sort;
pub(crate) mod spans;
pub(crate) mod special;
pub(crate) mod stream;
pub(crate) mod subset;
pub(crate) mod terms;
#[cfg(test)]
mod tests;
pub(crate) mod walk;
pub(crate) mod words;

use std::cell::Cell;
use std::sync::{Arc, LazyLock};

use fhir::search::Registry;
use fhir::terminology::Library;
use storage::engine::{Bytes, Direction, EngineError, KeyRange, Reader};

pub(crate) use clause::Probe;
pub(crate) use codes::Codes;
pub(crate) use dictionary::{Dictionaries, RowSealer};
pub(crate) use page::{Beginnings, Pairs, Tokens};
pub(crate) use postings::{Indexed, Postings, TermChange};
pub(crate) use run::{Found, Matches};
pub(crate) use subset::{Subset, subset};
pub(crate) use terms::Terms;

use crate::layout;

/// Why a search, or the writing of index rows, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SearchError {
    /// The query is over a limit of [`SearchLimits`].
    #[error("the search is too costly: {what}; {hint}")]
    TooCostly {
        /// Which limit.
        what: &'static str,
        /// What the caller can do.
        hint: &'static str,
    },
    /// The query asks for what this index cannot answer.
    #[error("{what} is not supported")]
    Unsupported {
        /// What was asked for; names of parameters, never values.
        what: String,
    },
    /// A value set or a hierarchy of codes that the query names cannot be used.
    #[error(
        "{what}; load it first (`ward package add`, or a write of the resource), or name the codes themselves"
    )]
    Terminology {
        /// Why; no codes.
        what: String,
    },
    /// The page token was altered, or belongs to another type, caller or tenant.
    #[error("the page token was altered or is of another caller or search; start again from the first page")]
    PageToken,
    /// The engine failed.
    #[error("the index could not be read")]
    Engine(#[from] EngineError),
    /// A key is not to be had, or the commit path failed in a callback.
    #[error("a step of the store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stored bytes are not what Ward wrote.
    #[error("the index is damaged; rebuild it from the log")]
    Corrupt,
}

/// The bounds of one search.
#[derive(Clone, Debug)]
pub(crate) struct SearchLimits {
    /// Page size when the request names none.
    pub(crate) count_default: u32,
    /// Greatest page size.
    pub(crate) count_max: u32,
    /// Work that may be done, in rows of a scan (about half a microsecond each; other reads count as several).
    pub(crate) steps_max: u64,
    /// Resource numbers that may be held for one clause.
    pub(crate) candidates_max: usize,
    /// Dictionary texts that one value may stand for.
    pub(crate) texts_max: usize,
    /// Resources that includes may add to one page.
    pub(crate) included_max: usize,
    /// How often `:iterate` follows what was included.
    pub(crate) iterations_max: u32,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self {
            count_default: 10,
            count_max: 1000,
            steps_max: 4_000_000,
            candidates_max: 500_000,
            texts_max: 100_000,
            included_max: 1000,
            iterations_max: 8,
        }
    }
}

/// What a caller may find: AND-ed into every part of a plan, chains and includes too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    /// The rule of types that `types` does not name.
    pub(crate) otherwise: Rule,
    /// Rules of single types, by type code.
    pub(crate) types: std::collections::BTreeMap<u16, Rule>,
}

/// What a caller may find of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rule {
    /// All of it.
    #[default]
    Everything,
    /// None of it.
    Nothing,
    /// What lies in the compartment of one of these patients (resource numbers).
    Patients(Vec<u64>),
}

impl Bounds {
    /// No bounds: for callers who may read all of a tenant.
    pub(crate) fn everything() -> Self {
        Self::default()
    }

    /// Whether nothing is beyond them.
    pub(crate) fn is_everything(&self) -> bool {
        self.otherwise == Rule::Everything && self.types.values().all(|rule| *rule == Rule::Everything)
    }

    pub(crate) fn rule(&self, type_code: u16) -> &Rule {
        self.types.get(&type_code).unwrap_or(&self.otherwise)
    }
}

/// Gives the number of a resource by type code and id, `None` if the id was never used.
pub(crate) type Ids<'a> = &'a dyn Fn(u16, &str) -> Result<Option<u64>, SearchError>;

/// Gives the content of a resource by type code and number, `None` if there is none (any more).
pub(crate) type Bodies<'a> = &'a dyn Fn(u16, u64) -> Result<Option<fhir::json::Value>, SearchError>;

/// Gives the code systems and value sets that are loaded.
pub(crate) type Libraries<'a> = &'a dyn Fn() -> Result<Arc<dyn Library>, SearchError>;

/// One look at a tenant's index for one caller: made for a request, used for it alone.
pub(crate) struct Search<'a> {
    /// One state of the index.
    pub(crate) reader: &'a dyn Reader,
    /// The engine itself, from which dictionaries are read when first needed.
    pub(crate) newest: &'a dyn Reader,
    /// The tenant.
    pub(crate) tenant: u32,
    /// The search parameters of the tenant, as this state of the index has them.
    pub(crate) registry: &'a Registry,
    /// The tenant's codes.
    pub(crate) codes: &'a Codes,
    /// The store's dictionaries.
    pub(crate) dictionaries: &'a Arc<Dictionaries>,
    /// The ids of the tenant.
    pub(crate) ids: Ids<'a>,
    /// The contents of the tenant's resources.
    pub(crate) bodies: Bodies<'a>,
    /// The code systems and value sets that are loaded.
    pub(crate) terminology: Libraries<'a>,
    /// What the caller may find.
    pub(crate) bounds: &'a Bounds,
    /// The bounds of the work.
    pub(crate) limits: &'a SearchLimits,
    /// The present, for the `ap` prefix.
    pub(crate) now_ms: i64,
    /// The base URL of this server (without a slash at the end), so that absolute references to it are read as local.
    pub(crate) base: Option<&'a str>,
    /// Work done so far, as `steps_max` counts it; begins at zero.
    pub(crate) steps: Cell<u64>,
}

impl std::fmt::Debug for Search<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Search(tenant {}, {} steps)", self.tenant, self.steps.get())
    }
}

impl Search<'_> {
    /// Counts work done, and refuses to go on beyond the limit.
    pub(crate) fn spend(&self, steps: u64) -> Result<(), SearchError> {
        let spent = self.steps.get().saturating_add(steps);
        self.steps.set(spent);
        if spent > self.limits.steps_max {
            return Err(SearchError::TooCostly {
                what: "it would read too many index rows",
                hint: "add a criterion that few resources meet, such as a patient or a narrower date",
            });
        }
        Ok(())
    }

    /// The beginning of the keys of one parameter's postings.
    pub(crate) fn posting_prefix(&self, type_code: u16, parameter: u16, term: &[&[u8]]) -> Vec<u8> {
        let key = layout::Key::new(self.tenant).u16(type_code).u16(parameter);
        term.iter().fold(key, |key, part| key.bytes(part)).into_vec()
    }

    /// How many resources of a type there are.
    pub(crate) fn members(&self, type_code: u16) -> Result<u64, SearchError> {
        count(self.reader, self.tenant, type_code)
    }
}

/// How many resources of a type a tenant has.
///
/// # Errors
/// From the engine.
pub(crate) fn count(reader: &dyn Reader, tenant: u32, type_code: u16) -> Result<u64, SearchError> {
    let value = reader.get(layout::STATS, &layout::stats_key(tenant, type_code, 0))?;
    match value {
        None => Ok(0),
        Some(value) => (*value).try_into().map(u64::from_be_bytes).map_err(|_| SearchError::Corrupt),
    }
}

/// The id of `_lastUpdated`, which the store itself adds: bodies are kept without it.
pub(crate) fn last_updated() -> u16 {
    static ID: LazyLock<u16> = LazyLock::new(|| {
        Registry::base().parameter("Patient", "_lastUpdated").map_or(u16::MAX, |found| found.id)
    });
    *ID
}

/// The pairs whose keys begin with `prefix`.
pub(crate) fn scan_prefix(
    reader: &dyn Reader,
    space: storage::engine::Space,
    prefix: &[u8],
) -> impl Iterator<Item = Result<(Bytes, Bytes), EngineError>> {
    reader.scan(space, KeyRange::prefix(prefix), Direction::Forward)
}
